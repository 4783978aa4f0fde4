"""`manage.py second_factor on|off|show NAME`: a code beside the password, for whoever wants one.

`on` prints an address for an authenticator app and eight recovery codes, once; from the next login on a code
is asked for. `off` takes both away, for someone who lost the app. Exit 1: no such user.
"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django_otp import devices_for_user
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from trading import bootstrap
from trading.services import journal

ACTOR = "command"
RECOVERY_CODES = 8


class Command(BaseCommand):
    """Set up or take away a second factor."""

    help = "Sets up a second factor for a user, or takes it away."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the acts."""
        parser.add_argument("act", choices=("on", "off", "show"), help="What to do")
        parser.add_argument("name", help="The user's name")

    def handle(self, **options: Any) -> None:
        """Do it and say what holds."""
        user = get_user_model()._default_manager.filter(username=options["name"]).first()
        if user is None:
            raise CommandError(f"name: there is no user {options['name']!r}")
        if options["act"] == "show":
            self.stdout.write(f"{user}: {'on' if any(devices_for_user(user)) else 'off'}")
            return
        with transaction.atomic():
            for kind in (TOTPDevice, StaticDevice):
                kind.objects.filter(user=user).delete()
            lines = self._set_up(user) if options["act"] == "on" else [f"{user}: off"]
            journal.write(
                f"user.second_factor_{options['act']}",
                str(user),
                actor=ACTOR,
                now=bootstrap.utc_now(),
            )
        self.stdout.write("\n".join(lines))

    def _set_up(self, user: Any) -> list[str]:
        app = TOTPDevice.objects.create(user=user, name="app")
        recovery = StaticDevice.objects.create(user=user, name="recovery")
        codes = [f"r{StaticToken.random_token()}" for _ in range(RECOVERY_CODES)]
        StaticToken.objects.bulk_create(StaticToken(device=recovery, token=code) for code in codes)
        return [
            f"Give this address to your authenticator app, as text or as a QR code: {app.config_url}",
            f"Recovery codes, each for one login; keep them apart: {' '.join(codes)}",
            "This is shown once. The code is asked for from the next login on.",
        ]

"""The login: name and password, and a code from whoever has set up a second factor.

The only place where sessions of people begin; `manage.py second_factor` sets the second factor up.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from django_otp import devices_for_user, verify_token
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.forms import AuthenticationForm

NEEDED = "Type the code that your app shows now, or one of your recovery codes."
WRONG = "This code is wrong, was used before, or comes too soon after a wrong one. Wait for the next."


class LoginForm(AuthenticationForm):  # type: ignore[misc]  # comes without types
    """Asks for the code only those who have a second factor."""

    code = forms.CharField(
        label="Code",
        required=False,
        max_length=32,
        help_text="Only if you have set up a second factor.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code"}),
    )

    def __init__(self, request: HttpRequest | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.fields["code"].widget.attrs["class"] = self.fields["username"].widget.attrs["class"]

    def clean(self) -> dict[str, Any]:
        """Refuse whoever has a second factor and does not show it."""
        cleaned: dict[str, Any] = super().clean()
        user = self.get_user()
        if user is not None:
            _check_code(user, str(cleaned.get("code", "")).replace(" ", ""))
        return cleaned


def _check_code(user: AbstractBaseUser, code: str) -> None:
    devices = list(devices_for_user(user))
    if not devices:
        return
    if not code:
        raise forms.ValidationError(NEEDED, code="code_needed")
    # An app's code is of digits alone, a recovery code is not: each kind counts its own wrong tries.
    chosen = [device for device in devices if isinstance(device, TOTPDevice) == code.isdigit()]
    if not any(verify_token(user, device.persistent_id, code) for device in chosen):
        raise forms.ValidationError(WRONG, code="code_wrong")

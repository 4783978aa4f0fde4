"""What a start prepares before the roles run: schema, static files, the operator.

`manage.py up` runs it in a child of its own, so that the supervisor keeps no database connection. Everything
may be repeated; the operator is made the first time only.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import OperationalError

OPERATOR = "operator"


def prepare(say: Callable[[str], None]) -> int:
    """Bring database and files up to date; give an exit status."""
    try:
        call_command("migrate", interactive=False, verbosity=0)
    except OperationalError as error:
        say(f"DATABASE_URL: the database cannot be used: {str(error).splitlines()[0]}")
        return 1
    call_command("collectstatic", interactive=False, verbosity=0)
    password = create_operator()
    if password is not None:
        say(f"operator: {OPERATOR}   password (shown this once): {password}")
    return 0


def create_operator() -> str | None:
    """Create the operator where nobody may enter the admin yet; give the password made for it, else None."""
    users = get_user_model()._default_manager
    if users.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(12)
    users.create_superuser(username=OPERATOR, password=password)
    return password

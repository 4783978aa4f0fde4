"""The two roles that an installation comes with, as groups: who looks, and who acts.

Called by migrations. Whoever is in neither group sees nothing; an administrator (superuser) may do all. A
model that is added later gets its view permission by a migration that calls `grant` again.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.management import create_permissions
from django.db import DEFAULT_DB_ALIAS

APPS = ("trading", "monitoring", "intelligence", "django_celery_beat")
VIEWER = "viewer"
OPERATOR = "operator"
# The least that every page which tells of money asks for.
LOOK = "trading.view_trade"
ACTS = (
    "trading.operate_worker",
    "trading.add_worker",
    "trading.change_worker",
    "trading.delete_worker",
    "trading.add_blacklistentry",
    "trading.change_blacklistentry",
    "trading.add_accountlimit",
    "trading.change_accountlimit",
    "trading.change_rolloutstage",
    "trading.override_rollout",
    "trading.roll_back",
    "monitoring.acknowledge_alert",
    "intelligence.add_run",
)


def grant(apps: Any, *, alias: str = DEFAULT_DB_ALIAS) -> None:
    """Make both groups in a database and give each what its role includes; what was added by hand stays."""
    for config in apps.get_app_configs():
        if config.label in APPS:
            # Permissions are otherwise made after the last migration, and a new database would grant none.
            module = getattr(config, "models_module", None)
            config.models_module = module or True
            create_permissions(config, apps=apps, using=alias, verbosity=0)
            config.models_module = module
    groups = apps.get_model("auth", "Group").objects.using(alias)
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    views = permissions.filter(content_type__app_label__in=APPS, codename__startswith="view_")
    viewer, _ = groups.get_or_create(name=VIEWER)
    viewer.permissions.add(*views)
    operator, _ = groups.get_or_create(name=OPERATOR)
    operator.permissions.add(*views)
    for label, _, codename in (name.partition(".") for name in ACTS):
        # What a later migration brings is not there yet; that one grants again.
        found = permissions.filter(content_type__app_label=label, codename=codename)
        operator.permissions.add(*found)

"""The groups may look at runs, and operators order them."""

from typing import Any

from django.db import migrations

from monitoring import roles


def grant(apps: Any, schema_editor: Any) -> None:
    roles.grant(apps, alias=schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0003_roles_again"),
        ("intelligence", "0002_runs"),
    ]

    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]

"""The groups may look at what was added since."""

from typing import Any

from django.db import migrations

from monitoring import roles


def grant(apps: Any, schema_editor: Any) -> None:
    roles.grant(apps, alias=schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0002_roles"),
        ("intelligence", "0001_learning"),
        ("trading", "0007_slice_figures"),
    ]

    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]

"""The groups viewer and operator."""

from typing import Any

from django.db import migrations

from monitoring import roles


def grant(apps: Any, schema_editor: Any) -> None:
    roles.grant(apps, alias=schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0001_watch"),
        ("trading", "0006_rollout_lacks"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]

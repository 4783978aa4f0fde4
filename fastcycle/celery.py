"""The Celery application. Its settings, queues and schedule stand in `fastcycle.settings`, prefix CELERY_.

Commands and `celery -A fastcycle` find it as the current application. It must never import a task: tasks are
found in the installed applications when a worker starts.
"""

from __future__ import annotations

from celery import Celery

app = Celery("fastcycle")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

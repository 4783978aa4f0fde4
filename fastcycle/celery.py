"""The Celery application. Its settings, queues and schedule stand in `fastcycle.settings`, prefix CELERY_.

Commands and `celery -A fastcycle` find it as the current application. It must never import a task: tasks are
found in the installed applications when a worker starts.
"""

from __future__ import annotations

import os

from celery import Celery

# Before the application is made: Celery looks once, and only then cares for Django's connections and tasks.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fastcycle.settings")

# It would run Django's checks in each worker, forget what they say, and load every admin page on the way.
os.environ.setdefault("CELERY_SKIP_CHECKS", "yes")

app = Celery("fastcycle")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

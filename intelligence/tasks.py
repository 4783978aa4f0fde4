"""Celery shells of learning: each runs its command in a process of its own, whose memory goes with it.

The worker that runs a task loads none of the analysis libraries.
"""

from __future__ import annotations

import logging
import subprocess
import sys

from celery import shared_task
from django.conf import settings

from intelligence.models import Tuning, TuningMode
from intelligence.standing import list_newest

log = logging.getLogger(__name__)

LIMIT_S = 3_600


@shared_task(name="intelligence.tune")
def tune() -> None:
    """Review the workers that may be tuned, if there are any."""
    if Tuning.objects.exclude(mode=TuningMode.OFF).exists():
        _run("tune")


@shared_task(name="intelligence.screen")
def screen() -> None:
    """Bar symbols that lose beyond bad luck, and markets that are not normal."""
    _run("screen")


@shared_task(name="intelligence.fill_run")
def fill_run(*, run_id: int) -> None:
    """Play the back-test that a run orders."""
    _run("fill_run", str(run_id))


@shared_task(name="intelligence.watch_models")
def watch_models() -> None:
    """Look whether models still see what they learned from, if there are any."""
    if list_newest():
        _run("watch_models", answers=(0, 1))  # 1: one has drifted, which is an alert and no failure


def _run(command: str, argument: str = "--json", *, answers: tuple[int, ...] = (0,)) -> None:
    """Run a command of ours; what it says on standard error is in its own log."""
    program = [sys.executable, str(settings.BASE_DIR / "manage.py"), command, argument]
    done = subprocess.run(  # noqa: S603 -- our own command
        program, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    if done.returncode not in answers:
        log.error("learning.failed", extra={"command": command, "error": done.stderr[-500:]})
        return
    log.info("learning.done", extra={"command": command, "answer": done.stdout[-2_000:]})

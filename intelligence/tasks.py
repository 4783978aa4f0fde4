"""Celery shells of learning. What needs the analysis libraries runs its command in a process of its own.

The memory of that process goes with it, and it computes where processors are idle; the worker that runs a
task loads none of them.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import asdict

from celery import shared_task
from django.conf import settings

from intelligence import blacklisting
from intelligence.models import Tuning, TuningMode
from intelligence.standing import list_newest
from trading import history
from trading.domain.missed import RENEWED_AFTER
from trading.selectors.instruments import list_bars_to_measure

log = logging.getLogger(__name__)

LIMIT_S = 3_600


@shared_task(name="intelligence.tune")
def tune() -> None:
    """Review the workers that may be tuned, if there are any."""
    if Tuning.objects.exclude(mode=TuningMode.OFF).exists():
        _run("tune")


@shared_task(name="intelligence.screen")
def screen() -> None:
    """Bar symbols that lose beyond bad luck, and markets that are not normal.

    What bars kept from being made is measured by back-tests: where that is due, the command does both.
    """
    now = history.now()
    if list_bars_to_measure(now=now, older_than=RENEWED_AFTER):
        _run("screen")
    else:
        found = blacklisting.screen(blacklisting.read_markets(now=now), now=now)
        log.info("learning.done", extra={"command": "screen", "answer": [asdict(each) for each in found]})


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
    program = [sys.executable, str(settings.BASE_DIR / "manage.py"), "in_background", command, argument]
    done = subprocess.run(  # noqa: S603 -- our own command
        program, capture_output=True, text=True, timeout=LIMIT_S, check=False, start_new_session=True
    )
    if done.returncode not in answers:
        log.error("learning.failed", extra={"command": command, "error": done.stderr[-500:]})
        return
    log.info("learning.done", extra={"command": command, "answer": done.stdout[-2_000:]})

"""Runs a function in a forked child of this warm process: its answer, its error, or its death.

A child starts without connections of its own; what the parent had open stays the parent's.
"""

from __future__ import annotations

import os
import signal
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from django.db import connections

from bench.still_venue import FORK

LIMIT_S = 60.0


class ChildFailed(Exception):
    """A child ended with an error, or not in time; the text is its traceback."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended: killed by itself, or with an answer."""

    was_killed: bool
    answer: Any = None


class Child:
    """One running child."""

    def __init__(self, act: Callable[..., Any], *args: Any, said: Path, **kwargs: Any) -> None:
        connections.close_all()  # a forked SQLite connection loses its parent's locks
        self._ours, theirs = FORK.Pipe(duplex=False)
        self._process = FORK.Process(
            target=_run, args=(partial(act, *args, **kwargs), theirs, said), daemon=True
        )
        with warnings.catch_warnings():
            # Python 3.12 warns of forks beside threads; the child touches nothing that a thread may hold.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process.pid is not None
        return self._process.pid

    def kill(self) -> None:
        """End it now."""
        self._process.kill()
        self._process.join()
        self._ours.close()

    def end(self, *, limit_s: float = LIMIT_S) -> Ended:
        """Wait for its end.

        Raises:
            ChildFailed: It raised, or it still runs after the limit.
        """
        try:
            if not self._ours.poll(limit_s):
                raise ChildFailed(f"still running after {limit_s:g} s")
            try:
                is_fine, answer = self._ours.recv()
            except EOFError:
                self._process.join()
                if self._process.exitcode == -signal.SIGKILL:
                    return Ended(was_killed=True)
                raise ChildFailed(f"ended with status {self._process.exitcode}") from None
            if not is_fine:
                raise ChildFailed(answer)
            return Ended(was_killed=False, answer=answer)
        finally:
            self.kill()


def run(act: Callable[..., Any], *args: Any, said: Path, **kwargs: Any) -> Ended:
    """Run a function in a child and wait for its end. What it says on standard error goes to `said`.

    Raises:
        ChildFailed: It raised, or it took too long.
    """
    return Child(act, *args, said=said, **kwargs).end()


def _run(act: Callable[[], Any], answer_to: Connection, said: Path) -> None:
    with said.open("ab") as log:
        os.dup2(log.fileno(), 2)
    try:
        answer_to.send((True, act()))
    except Exception:  # noqa: BLE001 -- rim of the process: the parent is told
        answer_to.send((False, traceback.format_exc()))
    finally:
        connections.close_all()

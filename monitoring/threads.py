"""A part of the watch that works on a thread of its own, woken when there is something to do."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod


class OwnThread(ABC):
    """Runs `_run` until it is told to stop; `_run` waits for `_wake` and ends when `_is_over`.

    Stopping waits `stop_limit_s` for what is under way.
    """

    stop_limit_s = 1.0

    def __init__(self, name: str) -> None:
        self._wake = threading.Event()
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Work from a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End after what is under way."""
        self._is_over = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(self.stop_limit_s)

    @abstractmethod
    def _run(self) -> None:
        """Work until it is over."""

"""The guard: a small process that outlives the supervisor by a moment, to end what it left behind.

The supervisor tells it over a pipe which children live. When the pipe ends and some still do, the supervisor
was killed: the guard kills them, programs that are not ours included. It works on every system; on Linux the
kernel has usually done it already.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable

from trading.management.supervisor.children import fork_child

SHELL = "/bin/sh"
# A shell holds 0.3 MB where a fork of the supervisor would hold 8. It reads +pid and -pid to the pipe's end.
SCRIPT = """
trap '' TERM INT HUP
living=' '
while read -r line; do
    pid=${line#?}
    case "$line" in
    +*) living="$living$pid " ;;
    -*) case "$living" in *" $pid "*) living="${living%% $pid *} ${living#* $pid }" ;; esac ;;
    esac
done
[ "$living" = "${living#* [0-9]}" ] || kill -9 $living
"""


class Guard:
    """The supervisor's end of the pipe.

    The guard keeps the descriptor `keep` open: the lock of the home folder, until it has cleaned up.
    """

    def __init__(self, *, keep: int) -> None:
        self.pid = 0
        self._keep = keep
        self._write_end = -1

    def start(self, living: Iterable[int]) -> None:
        """Fork the guard and tell it who lives already."""
        self.close()
        read_end, self._write_end = os.pipe()
        self.pid = fork_child(
            lambda: _watch(read_end, keep=self._keep),
            name="guard",
            close=[self._write_end],
            dies_with_parent=False,
        )
        os.close(read_end)
        for pid in living:
            self.add(pid)

    def add(self, pid: int) -> None:
        """Tell that a child lives."""
        self._tell(f"+{pid}\n")

    def remove(self, pid: int) -> None:
        """Tell that a child has ended, before its number can be given to a stranger."""
        self._tell(f"-{pid}\n")

    def close(self) -> None:
        """End the pipe, and with it the guard."""
        if self._write_end >= 0:
            os.close(self._write_end)
            self._write_end = -1

    @property
    def descriptors(self) -> list[int]:
        """What a child must close: the pipe ends only when nobody else holds it."""
        return [self._write_end] if self._write_end >= 0 else []

    def _tell(self, line: str) -> None:
        try:
            os.write(self._write_end, line.encode())
        except BrokenPipeError:
            return  # the guard itself was killed; the supervisor starts another and tells it everything


def _watch(read_end: int, *, keep: int) -> int:
    os.dup2(read_end, 0)
    os.set_inheritable(keep, True)
    os.execv(SHELL, [SHELL, "-c", SCRIPT, "fast-cycle: guard"])  # noqa: S606 -- a fixed text, no input in it


def kill_if_alive(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended by itself."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return

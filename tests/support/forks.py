"""What a forked child says, for what must not happen in the process of the tests."""

from __future__ import annotations

import os
from collections.abc import Callable

from trading.management.supervisor.children import fork_child


def told_by_child(act: Callable[[], str]) -> str:
    """Run `act` in a fork and give its answer; a child that fails fails the test."""
    reader, writer = os.pipe()

    def tell() -> int:
        os.write(writer, act().encode())
        return 0

    pid = fork_child(tell, name="child", close=[reader])
    os.close(writer)
    with os.fdopen(reader) as told:
        words = told.read()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return words

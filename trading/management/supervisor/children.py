"""Forking: one child with a clean slate, tied to the life of its parent.

The supervisor and the guard call it. A child inherits code and settings (shared memory), and nothing else: no
signal handlers, no terminal group, no descriptors of the supervisor.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from setproctitle import setproctitle

PR_SET_PDEATHSIG = 1  # linux/prctl.h
CRASHED = 70  # the exit status that sysexits.h gives to an internal error
HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

log = logging.getLogger(__name__)


def fork_child(
    task: Callable[[], int], *, name: str, close: Iterable[int], dies_with_parent: bool = True
) -> int:
    """Run `task` in a child and give its pid; the child leaves with the task's status.

    Signals are held back until the child has dropped the parent's handlers, so that none is lost or served
    by the wrong process. `close` names the descriptors that the child must not keep.
    """
    parent_pid = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    held = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        return pid
    status = CRASHED
    try:
        _become_child(name, close=close, parent_pid=parent_pid if dies_with_parent else None)
        status = task()
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        log.exception("process.crashed", extra={"role": name})
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # The parent's exit handlers and buffers are not this process's to run.
        os._exit(status)


def _become_child(name: str, *, close: Iterable[int], parent_pid: int | None) -> None:
    signal.set_wakeup_fd(-1)
    for number in HANDLED:
        signal.signal(number, signal.SIG_DFL)
    os.setsid()  # Ctrl-C reaches the supervisor alone, which then stops the others in order
    for descriptor in close:
        os.close(descriptor)
    if parent_pid is not None:
        die_with_parent(parent_pid)
    setproctitle(f"fast-cycle: {name}")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)


def die_with_parent(parent_pid: int) -> None:
    """Have the system kill this process when its parent ends; also through a later exec. Linux only.

    Elsewhere the guard alone does it, see `guard`.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # the parent ended before the request was made
        os.kill(os.getpid(), signal.SIGKILL)


def become_program(command: list[str], *, folder: Path, log_file: Path, drop: Iterable[str]) -> int:
    """Replace this child by another program that writes to `log_file`.

    `drop` are beginnings of variable names that it must not see.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(tuple(drop))}
    descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.chdir(folder)
    os.execve(command[0], command, environment)  # noqa: S606 -- no shell is the point

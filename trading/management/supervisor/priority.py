"""How a process lets others go first where processors are short.

Linux only, but for the niceness. The supervisor's roles call it, and `in_background`. What a process starts
inherits all of it.
"""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import struct
import sys
import time
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")
AUTOGROUP_TRIES, AUTOGROUP_WAIT_S = 5, 0.1
# linux/sched/types.h, first version: size, policy, flags, nice, priority, runtime, deadline, period
SCHED_ATTR = struct.Struct("=IIQiIQQQ")
SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}  # asm/unistd.h; Python has no call for it
LONG_SLICE_S = 0.1  # the longest that the system grants

LAST = 19  # the most that a process can give way

log = logging.getLogger(__name__)


def go_last() -> None:
    """Let everybody go first; for hours of computing beside a trader."""
    give_way(LAST)
    work_when_idle()


def give_way(niceness: int) -> None:
    """Let others go first.

    Linux shares processors out by session first (sched(7), autogroup): for a process that leads a session,
    its niceness would count for nothing without the second step. A session of somebody else's, say that of
    the shell in which an operator typed, is left as it is.
    """
    os.nice(niceness)
    if not niceness or os.getsid(0) != os.getpid() or not AUTOGROUP.exists():
        return
    for _ in range(AUTOGROUP_TRIES):
        try:
            AUTOGROUP.write_text(str(niceness))
        except BlockingIOError:  # it hears one such wish in 100 ms, from all but root
            time.sleep(AUTOGROUP_WAIT_S)
        except OSError as error:  # a container may not let us; trading works without
            log.info("process.niceness_ignored", extra={"error": str(error)})
            return
        else:
            return


def work_when_idle() -> None:
    """Leave a processor to whoever wakes.

    A niceness decides over shares. Two more things hold up an order: until its slice of some milliseconds is
    over, even the last in order keeps its processor (so we ask for long ones, which all others may interrupt;
    since Linux 6.12, older systems change nothing), and who wakes is not sent to a processor that is taken
    (one with nothing but idle work counts as free).
    """
    number = SCHED_SETATTR.get(platform.machine())
    if number is None or not sys.platform.startswith("linux"):
        return
    niceness, slice_ns = os.getpriority(os.PRIO_PROCESS, 0), int(LONG_SLICE_S * 1e9)
    wish = SCHED_ATTR.pack(SCHED_ATTR.size, os.SCHED_OTHER, 0, niceness, 0, slice_ns, 0, 0)
    if ctypes.CDLL(None, use_errno=True).syscall(number, 0, ctypes.create_string_buffer(wish), 0):
        # a container may not let us; trading works without
        log.info("process.slice_ignored", extra={"error": os.strerror(ctypes.get_errno())})
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))

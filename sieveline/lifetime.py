"""Processes that end with the one that started them, however it ends."""

import ctypes
import signal
from contextlib import suppress

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Asks the kernel (Linux) to kill this process when its parent dies, however the parent dies.

    The kernel counts the end of the thread that started this process as the parent's end.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

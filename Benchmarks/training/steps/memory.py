# SPDX-License-Identifier: Apache-2.0
"""The peak of this process's resident memory."""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")


def reset_peak() -> None:
    """Has Linux count the peak from now on, so that a compiler that ran in this process is not counted."""
    with contextlib.suppress(OSError):
        CLEAR.write_text("5")


def peak_bytes() -> int:
    """The peak since the last reset, or since the process began where there is none."""
    if STATUS.exists():
        return high_water_mark(STATUS.read_text())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def high_water_mark(status: str) -> int:
    """Bytes of the line `VmHWM:  1234 kB`."""
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise ValueError("no VmHWM in the process's status")

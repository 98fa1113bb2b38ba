# SPDX-License-Identifier: Apache-2.0
"""A worker's side of any conversation: requests are lines of JSON, and so are answers; and how it times runs."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any


MINIMUM_RUNS = 3


def measure(run: Callable[[], object], seconds: float) -> list[float]:
    """Milliseconds of each run, after a warm-up of at least one run and a fifth of the time."""
    warm = time.perf_counter() + seconds / 5
    run()
    while time.perf_counter() < warm:
        run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < MINIMUM_RUNS or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    return times


def converse(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answers requests until standard input ends; an error is the answer to its request."""
    _die_with_parent()
    # Libraries print to standard output as they like; the conversation keeps its own copy of it.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Exception as error:  # reported as this side's line of the table
            traceback.print_exc()
            text = str(error).strip().splitlines() or [""]
            reply = {"error": f"{type(error).__name__}: {text[0]}"}
        out.write(json.dumps(reply) + "\n")


def _die_with_parent() -> None:
    """Has Linux kill this process when its parent ends: stopped, it would not see its input end."""
    parent_death_signal = 1
    with contextlib.suppress(AttributeError, OSError):  # no such call elsewhere
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)

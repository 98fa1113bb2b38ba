# SPDX-License-Identifier: Apache-2.0
"""PyTorch's side of the conversation: JSON lines in on standard input, JSON lines out.

`{"do": "open", "network", "planes", "mode", "batch", "threads", "layer_alone"}` makes a session; `check` with
a `file` compares with a saved step; `run` with `seconds` times steps; `epoch` with a `folder` times a pass
over Fashion-MNIST. An answer with the key `error` says what went wrong.
"""

from __future__ import annotations

import os

os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # no pool of compiler processes beside the timing

import contextlib
import ctypes
import gc
import json
import signal
import statistics
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import torch

from comparison.networks import NETWORKS
from steps.memory import peak_bytes, reset_peak
from steps.modes import MODES
from steps.workers import fashion
from steps.workers.agreement import compare
from steps.workers.session import LayerSession, Session

MINIMUM_RUNS = 3


class Service:
    """Holds the session between requests."""

    def __init__(self) -> None:
        self._session: Session | LayerSession | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """What a request asks for."""
        if request["do"] == "open":
            return self._open(request)
        if self._session is None:
            raise RuntimeError("nothing is open")
        if request["do"] == "run":
            return self._run(self._session, request["seconds"])
        if isinstance(self._session, LayerSession):
            raise RuntimeError("a layer alone can only be timed")
        if request["do"] == "check":
            return compare(self._session, Path(request["file"]))
        return self._epoch(self._session, Path(request["folder"]), request["held_out"])

    def _open(self, request: dict[str, Any]) -> dict[str, Any]:
        torch.set_num_threads(request["threads"])
        network, mode = NETWORKS[request["network"]], MODES[request["mode"]]
        started = time.perf_counter()
        if request["layer_alone"]:
            self._session = LayerSession(network.convolutions[0], mode, request["batch"])
        else:
            self._session = Session(network, request["planes"], mode, request["batch"])
        self._session.run()
        return {
            "details": self._session.details,
            "versions": {"torch": torch.__version__},
            "seconds": time.perf_counter() - started,
            "peak_bytes": peak_bytes(),
        }

    def _run(self, session: Session | LayerSession, seconds: float) -> dict[str, Any]:
        """Milliseconds of a step, median after a warm-up; peak memory of this process in that time."""
        gc.collect()
        reset_peak()
        warm = time.perf_counter() + seconds / 5
        session.run()
        while time.perf_counter() < warm:
            session.run()
        times: list[float] = []
        end = time.perf_counter() + seconds
        while len(times) < MINIMUM_RUNS or time.perf_counter() < end:
            start = time.perf_counter()
            session.run()
            times.append((time.perf_counter() - start) * 1e3)
        return {"milliseconds": statistics.median(times), "runs": len(times), "peak_bytes": peak_bytes()}

    def _epoch(self, session: Session, folder: Path, held_out: int) -> dict[str, Any]:
        """Seconds of one pass in a random order, all images in memory as tensors before the clock starts."""
        training, _ = fashion.load(folder, held_out)
        batch = len(session.labels)
        started = time.perf_counter()
        order = torch.randperm(len(training.labels))
        steps = len(order) // batch
        for chosen in order[: steps * batch].view(steps, batch):
            session.step(training.images[chosen], training.labels[chosen])
        return {"seconds": time.perf_counter() - started, "images": steps * batch}


def serve() -> None:
    """Answers requests until standard input ends."""
    _die_with_parent()
    # Libraries print to standard output as they like; the conversation keeps its own copy of it.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    service = Service()
    for line in sys.stdin:
        try:
            answer = service.answer(json.loads(line))
        except Exception as error:  # reported as this mode's line of the table
            traceback.print_exc()
            text = str(error).strip().splitlines() or [""]
            answer = {"error": f"{type(error).__name__}: {text[0]}"}
        out.write(json.dumps(answer) + "\n")


def _die_with_parent() -> None:
    """Has Linux kill this process when its parent ends: stopped, it would not see its input end."""
    parent_death_signal = 1
    with contextlib.suppress(AttributeError, OSError):  # no such call elsewhere
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)


if __name__ == "__main__":
    torch.set_num_interop_threads(1)
    serve()

# SPDX-License-Identifier: Apache-2.0
"""PyTorch's side of the conversation: JSON lines in on standard input, JSON lines out.

`{"do": "open", "network", "planes", "mode", "batch", "threads", "layer_alone"}` makes a session; `check` with
a `file` compares with a saved step; `run` with `seconds` times steps; `epoch` with a `folder` times a pass
over Fashion-MNIST and its evaluation. An answer with the key `error` says what went wrong.
"""

from __future__ import annotations

import os

os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # no pool of compiler processes beside the timing

import gc
import statistics
import time
from pathlib import Path
from typing import Any

import torch

from comparison.networks import NETWORKS
from comparison.workers.conversation import converse, measure
from steps.memory import peak_bytes, reset_peak
from steps.modes import MODES
from steps.workers import fashion
from steps.workers.agreement import compare
from steps.workers.session import EVALUATED, LayerSession, Session


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
        times = measure(session.run, seconds)
        return {"milliseconds": statistics.median(times), "runs": len(times), "peak_bytes": peak_bytes()}

    def _epoch(self, session: Session, folder: Path, held_out: int) -> dict[str, Any]:
        """Seconds of one pass in a random order, and of evaluating the test images and as many as are held out.

        All images are in memory as tensors, and what evaluates is compiled, before the clock starts.
        """
        training, test = fashion.load(folder, held_out)
        session.top1(test.images[:EVALUATED], test.labels[:EVALUATED])
        batch = len(session.labels)
        started = time.perf_counter()
        order = torch.randperm(len(training.labels))
        steps = len(order) // batch
        for chosen in order[: steps * batch].view(steps, batch):
            session.step(training.images[chosen], training.labels[chosen])
        session.top1(test.images, test.labels)
        session.top1(training.images[:held_out], training.labels[:held_out])
        return {"seconds": time.perf_counter() - started, "images": steps * batch}


if __name__ == "__main__":
    torch.set_num_interop_threads(1)
    converse(Service().answer)

# SPDX-License-Identifier: Apache-2.0
"""Larq Compute Engine: variants `default`, its interpreter as it comes, and `fastest`, with the best kernels.

The interpreter's switches are for other machines; on x86 its indirect kernels are several times as fast as
the default.
"""

from __future__ import annotations

import functools
import itertools
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from larq_compute_engine.mlir.python import tflite_schema
from larq_compute_engine.tflite.python.interpreter import Interpreter

from comparison.workers.protocol import Request, Session, batch_of, fastest, serve


def converted(request: Request) -> bytes:
    """The converted network, made the first time, in a process of its own as that takes a lot of memory."""
    path = Path(request.file(f"-larq-{request.batch}.tflite"))
    if not path.exists():
        command = [sys.executable, "-m", "comparison.workers.larq_convert"]
        subprocess.run(
            [*command, request.network.name, str(request.batch), str(path)], check=True, stdout=sys.stderr
        )
    return path.read_bytes()


def operators(flatbuffer: bytes) -> list[str]:
    """Names of the custom operators in the order of execution; built-in ones are empty."""
    model = tflite_schema.Model.GetRootAs(flatbuffer, 0)
    graph = model.Subgraphs(0)
    codes = [model.OperatorCodes(graph.Operators(i).OpcodeIndex()) for i in range(graph.OperatorsLength())]
    return [(code.CustomCode() or b"").decode() for code in codes]


class LarqSession:
    """An interpreter for a fixed batch."""

    def __init__(self, flatbuffer: bytes, request: Request, indirect: bool, xnnpack: bool) -> None:
        self._interpreter = Interpreter(
            flatbuffer, num_threads=request.threads, use_indirect_bgemm=indirect, use_xnnpack=xnnpack
        ).interpreter
        chosen = [name for name, on in (("indirect BGEMM", indirect), ("XNNPACK", xnnpack)) if on]
        self.details = " + ".join(chosen) or "its interpreter's defaults"
        self._input: list[np.ndarray] = []
        self._output: list[np.ndarray] = []

    def load(self, images: np.ndarray) -> None:
        self._input = [np.ascontiguousarray(images, dtype=np.float32)]

    def run(self) -> None:
        self._output = self._interpreter.predict(self._input)

    def logits(self) -> np.ndarray:
        return self._output[0]


def open_session(request: Request) -> Session:
    """Checks that every layer but the first became a binary convolution, then picks the variant's kernels."""
    flatbuffer = converted(request)
    binary = operators(flatbuffer).count("LceBconv2d")
    expected = len(request.network.convolutions) - 1
    if binary < expected:
        raise RuntimeError(f"the converter made {binary} binary convolutions of {expected} binary layers")
    plain = LarqSession(flatbuffer, request, indirect=False, xnnpack=False)
    if request.variant == "default":
        return plain
    images = batch_of(request.images(), request.batch)
    candidates = [
        functools.partial(LarqSession, flatbuffer, request, indirect, xnnpack)
        for indirect, xnnpack in itertools.product((False, True), repeat=2)
    ]
    chosen = fastest(candidates, images)
    for session in (chosen, plain):
        session.load(images)
        session.run()
    difference = float(np.abs(chosen.logits() - plain.logits()).max())
    if difference > 1e-3 * float(np.abs(plain.logits()).max()):
        raise RuntimeError(
            f"{chosen.details}: logits differ by {difference:g} from those of the default kernels"
        )
    return chosen


if __name__ == "__main__":
    names = ("larq", "larq-compute-engine", "tensorflow-cpu")
    serve(open_session, {name: metadata.version(name) for name in names})

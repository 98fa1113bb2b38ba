# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime: variants `fp32` and `int8`."""

from __future__ import annotations

import numpy as np
import onnxruntime

from comparison.workers.protocol import Request, Session, batch_of, fastest, serve


class OnnxRuntimeSession:
    """A session on the CPU with input and output bound once, so that no copies are timed."""

    def __init__(self, request: Request, suffix: str, details: str = "") -> None:
        self.details = details
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = request.threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.add_free_dimension_override_by_name("batch", request.batch)
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(request.file(suffix)), options, providers=["CPUExecutionProvider"]
        )
        network = request.network
        self._input = np.zeros((request.batch, network.channels, network.size, network.size), np.float32)
        self._output = np.zeros((request.batch, network.classes), np.float32)
        self._binding = self._session.io_binding()
        # OrtValues from numpy arrays share their memory on the CPU.
        self._values = [onnxruntime.OrtValue.ortvalue_from_numpy(x) for x in (self._input, self._output)]
        self._binding.bind_ortvalue_input(self._session.get_inputs()[0].name, self._values[0])
        self._binding.bind_ortvalue_output(self._session.get_outputs()[0].name, self._values[1])

    def load(self, images: np.ndarray) -> None:
        self._values[0].update_inplace(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))

    def run(self) -> None:
        self._session.run_with_iobinding(self._binding)

    def logits(self) -> np.ndarray:
        return self._values[1].numpy()


def open_session(request: Request) -> Session:
    """Signed or unsigned activations: whichever is faster here."""
    if request.variant == "fp32":
        return OnnxRuntimeSession(request, ".onnx")
    candidates = [
        lambda: OnnxRuntimeSession(request, "-u8s8.onnx", "U8S8"),
        lambda: OnnxRuntimeSession(request, "-s8s8.onnx", "S8S8"),
    ]
    return fastest(candidates, batch_of(request.images(), request.batch))


if __name__ == "__main__":
    serve(open_session, {"onnxruntime": onnxruntime.__version__})

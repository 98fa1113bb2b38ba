# SPDX-License-Identifier: Apache-2.0
"""OpenVINO: variants `default` (the precision that it picks for the machine) and `int8`."""

from __future__ import annotations

import numpy as np
import openvino
from openvino import properties
from openvino.properties import hint

from comparison.workers.protocol import Request, Session, batch_of, fastest, serve


class OpenVinoSession:
    """A compiled model with one stream and its own input and output memory."""

    def __init__(self, request: Request, suffix: str, details: str = "") -> None:
        core = openvino.Core()
        network = request.network
        model = core.read_model(str(request.file(suffix)))
        model.reshape([request.batch, network.channels, network.size, network.size])
        compiled = core.compile_model(
            model,
            "CPU",
            {
                hint.performance_mode(): hint.PerformanceMode.LATENCY,
                properties.inference_num_threads(): request.threads,
                properties.num_streams(): 1,
            },
        )
        precision = compiled.get_property(hint.inference_precision()).get_type_name()
        convolutions = [
            op.get_rt_info()["runtimePrecision"].astype(str)
            for op in compiled.get_runtime_model().get_ordered_ops()
            if op.get_rt_info()["layerType"].astype(str) in ("Convolution", "FullyConnected", "MatMul")
        ]
        integer = sum(precision in ("u8", "i8") for precision in convolutions)
        if details:
            details = f"{details}, {integer} of {len(convolutions)} layers in int8"
        self.details = details or precision
        if suffix != ".onnx" and not integer:
            raise RuntimeError("no layer runs in int8")
        self._request = compiled.create_infer_request()

    def load(self, images: np.ndarray) -> None:
        array = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
        self._request.set_input_tensor(openvino.Tensor(array, shared_memory=False))

    def run(self) -> None:
        self._request.infer()

    def logits(self) -> np.ndarray:
        return self._request.get_output_tensor().data


def open_session(request: Request) -> Session:
    """Signed or unsigned activations: whichever is faster here."""
    if request.variant == "default":
        return OpenVinoSession(request, ".onnx")
    candidates = [
        lambda: OpenVinoSession(request, "-u8s8.onnx", "U8S8"),
        lambda: OpenVinoSession(request, "-s8s8.onnx", "S8S8"),
    ]
    return fastest(candidates, batch_of(request.images(), request.batch))


if __name__ == "__main__":
    serve(open_session, {"openvino": openvino.__version__})

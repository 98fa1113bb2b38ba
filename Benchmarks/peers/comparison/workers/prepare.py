# SPDX-License-Identifier: Apache-2.0
"""Writes what the peers read: weights, images, logits, and ONNX models: `python -m … FOLDER NETWORK…`.

Weights are random (He's deviation) with small biases: what is left of convolution, BatchNorm and ReLU after
the folding that every deployment does. All engines in float get the same ones.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from comparison.networks import Kind, Network, network_named

CALIBRATION_IMAGES = 16
IMAGES = 16
CHECKED_IMAGES = 2
OPSET = 17


def random_weights(network: Network) -> dict[str, np.ndarray]:
    """Weights [out, in / groups, kernel, kernel] and biases [out] of every layer."""
    random = np.random.default_rng(1)
    weights: dict[str, np.ndarray] = {}
    for layer in network.convolutions:
        shape = (layer.output[1], layer.input[1] // layer.groups, layer.kernel, layer.kernel)
        deviation = np.sqrt(2 / layer.fan_in)
        weights[f"{layer.name}.weight"] = (random.standard_normal(shape, np.float32) * deviation).astype(
            np.float32
        )
        weights[f"{layer.name}.bias"] = random.uniform(-0.1, 0.1, layer.output[1]).astype(np.float32)
    return weights


def random_images(network: Network, count: int, seed: int) -> np.ndarray:
    """Images of large random patches with some noise [count, size, size, channels]; deviation about 1.

    Plain noise would give nearly the same logits for every image, as pools average it away.
    """
    random = np.random.default_rng(seed)
    cells = 7
    shape = (count, cells, cells, network.channels)
    patches = random.standard_normal(shape, np.float32)
    repeat = -(-network.size // cells)
    images = patches.repeat(repeat, axis=1).repeat(repeat, axis=2)[:, : network.size, : network.size]
    noise = random.standard_normal(images.shape, np.float32) * np.float32(0.2)
    return np.ascontiguousarray(images + noise)


def onnx_model(network: Network, weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    """The network with a free batch size."""
    nodes: list[onnx.NodeProto] = []
    last = network.convolutions[-1]
    x = "images"

    def add(operator: str, name: str, inputs: list[str], **attributes: object) -> str:
        nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    for layer in network.layers:
        window = {"kernel_shape": [layer.kernel] * 2, "strides": [layer.stride] * 2}
        parameters = [f"{layer.name}.weight", f"{layer.name}.bias"]
        if layer.kind == Kind.MAX_POOL:
            x = add("MaxPool", layer.name, [x], ceil_mode=1, **window)
        elif layer.kind == Kind.AVERAGE_POOL:
            x = add("GlobalAveragePool", layer.name, [x])
        elif layer.kind == Kind.DENSE:
            if layer.input[0] > 1:
                x = add("Flatten", f"{layer.name}_flat", [x])
            weights[parameters[0]] = weights[parameters[0]].reshape(layer.output[1], -1)
            x = add("Gemm", layer.name, [x, *parameters], transB=1)
        else:
            pads = [layer.padding] * 4
            x = add("Conv", layer.name, [x, *parameters], pads=pads, group=layer.groups, **window)
        if layer.has_weights and layer is not last:
            x = add("Relu", f"{layer.name}_relu", [x])
    if network.layers[-1].kind == Kind.AVERAGE_POOL:
        x = add("Flatten", "logits", [x])

    size = network.size
    graph = helper.make_graph(
        nodes,
        network.name,
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", network.channels, size, size])],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, ["batch", network.classes])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    # IR 8 goes with opset 17, and every runtime of the last years reads both.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def reference_logits(network: Network, weights: dict[str, np.ndarray], images: np.ndarray) -> np.ndarray:
    """Logits [count, classes] from the definition of each layer, in double precision: no engine's own."""
    x = images.transpose(0, 3, 1, 2).astype(np.float64)
    last = network.convolutions[-1]
    for layer in network.layers:
        start, end = layer.padding, layer.padding + layer.end_padding
        if layer.kind == Kind.AVERAGE_POOL:
            x = x.mean(axis=(2, 3), keepdims=True)
            continue
        filler = -np.inf if layer.kind == Kind.MAX_POOL else 0.0
        if layer.has_weights:
            end = layer.padding
        x = np.pad(x, ((0, 0), (0, 0), (start, end), (start, end)), constant_values=filler)
        windows = np.lib.stride_tricks.sliding_window_view(x, (layer.kernel, layer.kernel), (2, 3))
        windows = windows[:, :, :: layer.stride, :: layer.stride]
        if layer.kind == Kind.MAX_POOL:
            x = windows.max(axis=(4, 5))
            continue
        filters = np.split(weights[f"{layer.name}.weight"].astype(np.float64), layer.groups)
        groups = np.split(windows, layer.groups, axis=1)
        parts = [np.tensordot(a, b, ((1, 4, 5), (1, 2, 3))) for a, b in zip(groups, filters)]
        x = (np.concatenate(parts, axis=3) + weights[f"{layer.name}.bias"]).transpose(0, 3, 1, 2)
        if layer is not last:
            x = np.maximum(x, 0)
    return x.reshape(len(images), network.classes)


class Calibration(CalibrationDataReader):
    """Random images, one at a time."""

    def __init__(self, images: np.ndarray) -> None:
        self._images: Iterator[np.ndarray] = iter(images.transpose(0, 3, 1, 2))

    def get_next(self) -> dict[str, np.ndarray] | None:
        image = next(self._images, None)
        return None if image is None else {"images": np.ascontiguousarray(image[np.newaxis])}


def prepare(network: Network, folder: Path) -> None:
    """Writes a network's files; the images last, as their presence says that all is there."""
    stem = str(folder / network.name)
    weights = random_weights(network)
    np.savez(f"{stem}-weights.npz", **weights)
    onnx.save(onnx_model(network, dict(weights)), f"{stem}.onnx")
    calibration = random_images(network, CALIBRATION_IMAGES, seed=2)
    for name, activations in (("u8s8", QuantType.QUInt8), ("s8s8", QuantType.QInt8)):
        quantize_static(
            f"{stem}.onnx",
            f"{stem}-{name}.onnx",
            Calibration(calibration),
            quant_format=QuantFormat.QDQ,
            activation_type=activations,
            weight_type=QuantType.QInt8,
            per_channel=True,
        )
    images = random_images(network, IMAGES, seed=3)
    logits = reference_logits(network, weights, images[:CHECKED_IMAGES])
    Path(f"{stem}-logits.json").write_text(json.dumps(logits.tolist()))
    np.save(f"{stem}-images.npy", images)


def main() -> None:
    logging.getLogger().setLevel(
        logging.ERROR
    )  # quantisation advises a preprocessing that has nothing to do here
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:]:
        prepare(network_named(name), folder)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""PyTorch: variants `fp32` and `bf16`, eager, and both with `-compiled`; channels last, inference mode."""

from __future__ import annotations

import os

os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # no pool of compiler processes beside the timing

import numpy as np
import torch
from torch import nn

from comparison.networks import Kind, Layer, Network
from comparison.workers.protocol import Request, Session, serve


def module(layer: Layer, weight: np.ndarray, bias: np.ndarray) -> nn.Module:
    """A convolution or dense layer with the given weights."""
    if layer.kind == Kind.DENSE:
        made: nn.Module = nn.Linear(layer.fan_in, layer.output[1])
        weight = weight.reshape(layer.output[1], -1)
    else:
        made = nn.Conv2d(
            layer.input[1], layer.output[1], layer.kernel, layer.stride, layer.padding, groups=layer.groups
        )
    with torch.no_grad():
        made.weight.copy_(torch.from_numpy(weight))
        made.bias.copy_(torch.from_numpy(bias))
    return made


def build(network: Network, weights: dict[str, np.ndarray]) -> nn.Sequential:
    """The network, BatchNorm folded into convolutions."""
    modules: list[nn.Module] = []
    last = network.convolutions[-1]
    for layer in network.layers:
        if layer.kind == Kind.MAX_POOL:
            modules.append(nn.MaxPool2d(layer.kernel, layer.stride, ceil_mode=True))
        elif layer.kind == Kind.AVERAGE_POOL:
            modules.append(nn.AdaptiveAvgPool2d(1))
        else:
            if layer.kind == Kind.DENSE and layer.input[0] > 1:
                modules.append(nn.Flatten())
            modules.append(module(layer, weights[f"{layer.name}.weight"], weights[f"{layer.name}.bias"]))
            if layer is not last:
                modules.append(nn.ReLU())
    if network.layers[-1].kind == Kind.AVERAGE_POOL:
        modules.append(nn.Flatten())
    return nn.Sequential(*modules)


class PyTorchSession:
    """A model in inference mode."""

    def __init__(self, request: Request) -> None:
        torch.set_num_threads(request.threads)
        precision, _, compiled = request.variant.partition("-")
        self._type = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
        with np.load(request.file("-weights.npz")) as weights:
            model = build(request.network, dict(weights))
        model = model.to(self._type, memory_format=torch.channels_last).eval().requires_grad_(False)
        self.details = ""
        if compiled:
            # Freezing takes the weights as constants and packs them ahead: what one would do to deploy a
            # model.
            torch._inductor.config.freezing = True
            torch._dynamo.reset()
            model = torch.compile(model, dynamic=False)
            self.details = "torch.compile, frozen weights"
        self._model = model
        self._input = torch.empty(0)
        self._output = torch.empty(0)

    def load(self, images: np.ndarray) -> None:
        tensor = torch.from_numpy(images).permute(0, 3, 1, 2).to(self._type)
        self._input = tensor.contiguous(memory_format=torch.channels_last)

    def run(self) -> None:
        with torch.inference_mode():
            self._output = self._model(self._input)

    def logits(self) -> np.ndarray:
        return self._output.float().numpy()


def open_session(request: Request) -> Session:
    return PyTorchSession(request)


if __name__ == "__main__":
    torch.set_num_interop_threads(1)
    serve(open_session, {"torch": torch.__version__})

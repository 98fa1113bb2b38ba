# SPDX-License-Identifier: Apache-2.0
"""Signet's blocks in PyTorch, from the same formulas; parameters have the names that a checkpoint gives them.

Every straight-through gradient is in the detach form: `torch.compile` silently drops that of the
autograd-function form. Signs and betas are worked out without a graph: nothing of them is kept for backward.
"""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from comparison.networks import Kind, Layer, Network

EPSILON = 1e-5
MOMENTUM = 0.1
INITIAL_SLOPE = 0.25


def signs(x: Tensor) -> Tensor:
    """+1 where x >= 0, so at 0 and -0 too, else -1: in the fastest form with and without the compiler."""
    if torch.compiler.is_compiling():
        return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)
    return torch.ge(x, 0, out=torch.empty_like(x)).mul_(2).sub_(1)


def straight_through(value: Tensor, x: Tensor) -> Tensor:
    """`value` forward, exactly, as x - x is 0; backward the gradient of x."""
    return value + (x - x.detach())


def glorot(layer: Layer) -> Tensor:
    """Weights [out, in / groups, kernel, kernel], uniform in +-sqrt(6 / (fan in + fan out))."""
    fan_out = layer.kernel**2 * layer.output[1] // layer.groups
    bound = math.sqrt(6 / (layer.fan_in + fan_out))
    shape = (layer.output[1], layer.input[1] // layer.groups, layer.kernel, layer.kernel)
    return torch.empty(shape).uniform_(-bound, bound)


class Norm(nn.Module):
    """BatchNorm. Its running variance is PyTorch's, unbiased: Signet's times n / (n - 1), n the N H W."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_variance", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        mean, variance = self.running_mean, self.running_variance
        return F.batch_norm(x, mean, variance, self.scale, self.shift, self.training, MOMENTUM, EPSILON)


class Binarizer(nn.Module):
    """M residual planes `sum of beta_m H_m`; for M = 1 the sign alone.

    beta_m is the batch's mean of |residual|, rounded to an integer n_m times 2^-e, where n_1 is 128 to 256
    and the others are at most 256; for evaluation the running mean of the measured ones is rounded.

    `given` takes the place of the result, to compare gradients at the same signs: an input that is a rounding
    error away from 0 flips one, and what follows from that grows from layer to layer.
    """

    given: Tensor | None = None

    def __init__(self, planes: int) -> None:
        super().__init__()
        self.planes = planes
        if planes > 1:
            self.register_buffer("running_betas", torch.zeros(planes))

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            if self.given is not None:
                value = self.given.to(x.dtype)
            else:
                value = signs(x) if self.planes == 1 else self._planes(x)
        return straight_through(value, x.clamp(-1, 1))

    def _planes(self, x: Tensor) -> Tensor:
        value, residual = torch.zeros((), dtype=x.dtype), x
        measured: list[Tensor] = []
        unit = torch.ones(())
        for plane in range(self.planes):
            beta = residual.abs().mean(dtype=torch.float32) if self.training else self.running_betas[plane]
            if plane == 0:
                # beta = m 2^k with m in [1/2, 1): n = beta / unit is in [128, 256].
                unit = torch.ldexp(unit, torch.frexp(beta)[1] - 8)
            rounded = (torch.floor(beta / unit + 0.5).clamp(1, 256) * unit).to(x.dtype)
            part = signs(residual) * rounded
            value = value + part
            if plane + 1 < self.planes:
                residual = residual - part
            measured.append(beta)
        if self.training:
            batch = torch.stack(measured)
            followed = torch.lerp(self.running_betas, batch, MOMENTUM)
            self.running_betas.copy_(torch.where(self.running_betas > 0, followed, batch))
        return value


class BinaryConvolution(nn.Module):
    """BatchNorm, binarized activations, convolution with sign(W). Zero padding of +-1 contributes 0."""

    def __init__(self, layer: Layer, planes: int) -> None:
        super().__init__()
        self.norm = Norm(layer.input[1])
        self.binarizer = Binarizer(planes)
        self.weight = nn.Parameter(glorot(layer))
        self._geometry = (layer.stride, layer.padding, 1, layer.groups)

    def forward(self, x: Tensor) -> Tensor:
        x = self.binarizer(self.norm(x))
        with torch.no_grad():
            binary = signs(self.weight)
        # |W| <= 1 is kept by the clip after each update: the window of the gradient is always open.
        return F.conv2d(x, straight_through(binary, self.weight), None, *self._geometry)


class Convolution(nn.Module):
    """A convolution with real weights and a bias."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.weight = nn.Parameter(glorot(layer))
        self.bias = nn.Parameter(torch.zeros(layer.output[1]))
        self._geometry = (layer.stride, layer.padding, 1, layer.groups)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, *self._geometry)


class PReLU(nn.Module):
    """One slope a channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.full((channels,), INITIAL_SLOPE))

    def forward(self, x: Tensor) -> Tensor:
        return F.prelu(x, self.slope.to(x.dtype))


class AveragePool(nn.Module):
    """The mean over all pixels, in float32: [N, C]."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3), dtype=torch.float32)


class Scale(nn.Module):
    """One learned factor, 1 / fan-in of the last layer at first."""

    def __init__(self, fan_in: int) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.full((1,), 1 / fan_in))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


def build(network: Network, planes: int) -> nn.Sequential:
    """The network by the method `tang` with this many planes; 0 makes the full-precision network."""
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    first, last = network.convolutions[0], network.convolutions[-1]
    for layer in network.layers:
        if layer.kind == Kind.MAX_POOL:
            modules[layer.name] = nn.MaxPool2d(layer.kernel, layer.stride, ceil_mode=True)
            continue
        if layer.kind == Kind.AVERAGE_POOL:
            modules[layer.name] = AveragePool()
            continue
        if layer is first or planes == 0:
            if layer is not first:
                modules[f"{layer.name}_norm"] = Norm(layer.input[1])
            modules[layer.name] = Convolution(layer)
        else:
            modules[layer.name] = BinaryConvolution(layer, planes)
        if layer is not last:
            modules[f"{layer.name}_prelu"] = PReLU(layer.output[1])
    if planes:
        modules["scale"] = Scale(last.fan_in)
    return nn.Sequential(modules).to(memory_format=torch.channels_last)


def binarizers(model: nn.Sequential) -> dict[str, Binarizer]:
    """The binarizers by the names of their layers."""
    return {
        name: module.binarizer
        for name, module in model.named_children()
        if isinstance(module, BinaryConvolution)
    }


def latent_weights(model: nn.Sequential) -> list[nn.Parameter]:
    """The weights whose signs are used: regularised, and clipped after each update."""
    return [module.weight for module in model if isinstance(module, BinaryConvolution)]

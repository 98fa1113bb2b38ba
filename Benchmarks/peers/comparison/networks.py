# SPDX-License-Identifier: Apache-2.0
"""The one table of layers from which every peer's network is made.

It repeats Signet's built-in networks; `signet.check_network` compares it with what `signet inspect` reports,
layer by layer, so that it cannot drift. Convolutions round their output size down, pools round up.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a layer does."""

    CONVOLUTION = "convolution"
    DENSE = "dense"
    MAX_POOL = "max_pool"
    AVERAGE_POOL = "average_pool"


@dataclass(frozen=True)
class Layer:
    """A layer with its shapes; heights and widths are equal throughout.

    A dense layer is a convolution whose window is the whole input. `end_padding` is what a max-pool that
    rounds up reads past the bottom and right edges.
    """

    kind: Kind
    name: str
    input: tuple[int, int]
    """Size and channels of the input."""
    output: tuple[int, int]
    """Size and channels of the output."""
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1

    @property
    def has_weights(self) -> bool:
        return self.kind in (Kind.CONVOLUTION, Kind.DENSE)

    @property
    def fan_in(self) -> int:
        """Weights behind one output value."""
        return self.kernel * self.kernel * self.input[1] // self.groups

    @property
    def weights(self) -> int:
        return self.fan_in * self.output[1] if self.has_weights else 0

    @property
    def macs(self) -> int:
        """Multiply-adds for one image, padding counted as if it were multiplied."""
        return self.weights * self.output[0] ** 2

    @property
    def end_padding(self) -> int:
        return max(0, (self.output[0] - 1) * self.stride + self.kernel - self.input[0] - 2 * self.padding)


@dataclass(frozen=True)
class Network:
    """A network with fixed input and classes."""

    name: str
    size: int
    channels: int
    classes: int
    layers: tuple[Layer, ...]

    @property
    def convolutions(self) -> list[Layer]:
        """The layers with weights, in order."""
        return [layer for layer in self.layers if layer.has_weights]

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)


class _Builder:
    """Lays layers one after another and works out their shapes."""

    def __init__(self, name: str, size: int, channels: int) -> None:
        self._name = name
        self._input = (size, channels)
        self._shape = (size, channels)
        self._layers: list[Layer] = []

    def convolution(
        self, name: str, filters: int, kernel: int, stride: int = 1, padding: int = 0, groups: int = 1
    ) -> _Builder:
        size = (self._shape[0] + 2 * padding - kernel) // stride + 1
        return self._add(Kind.CONVOLUTION, name, (size, filters), kernel, stride, padding, groups)

    def dense(self, name: str, filters: int) -> _Builder:
        return self._add(Kind.DENSE, name, (1, filters), self._shape[0])

    def max_pool(self, kernel: int, stride: int) -> _Builder:
        size = -((kernel - self._shape[0]) // stride) + 1
        return self._add(
            Kind.MAX_POOL, f"max_pool{len(self._layers) + 1}", (size, self._shape[1]), kernel, stride
        )

    def average_pool(self) -> _Builder:
        name = f"average_pool{len(self._layers) + 1}"
        return self._add(Kind.AVERAGE_POOL, name, (1, self._shape[1]), self._shape[0])

    def build(self) -> Network:
        return Network(self._name, *self._input, self._shape[1], tuple(self._layers))

    def _add(
        self,
        kind: Kind,
        name: str,
        output: tuple[int, int],
        kernel: int,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
    ) -> _Builder:
        self._layers.append(Layer(kind, name, self._shape, output, kernel, stride, padding, groups))
        self._shape = output
        return self


def _nin() -> Network:
    return (
        _Builder("nin", 224, 3)
        .convolution("conv1", 96, 11, stride=4)
        .convolution("cccp1", 96, 1)
        .convolution("cccp2", 96, 1)
        .max_pool(3, 2)
        .convolution("conv2", 256, 5, padding=2)
        .convolution("cccp3", 256, 1)
        .convolution("cccp4", 256, 1)
        .max_pool(3, 2)
        .convolution("conv3", 384, 3, padding=1)
        .convolution("cccp5", 384, 1)
        .convolution("cccp6", 384, 1)
        .max_pool(3, 2)
        .convolution("conv4", 1024, 3, padding=1)
        .convolution("cccp7", 1024, 1)
        .convolution("cccp8", 1000, 1)
        .average_pool()
        .build()
    )


def _alexnet() -> Network:
    return (
        _Builder("alexnet", 224, 3)
        .convolution("conv1", 96, 11, stride=4, padding=2)
        .max_pool(3, 2)
        .convolution("conv2", 256, 5, padding=2, groups=2)
        .max_pool(3, 2)
        .convolution("conv3", 384, 3, padding=1)
        .convolution("conv4", 384, 3, padding=1, groups=2)
        .convolution("conv5", 256, 3, padding=1, groups=2)
        .max_pool(3, 2)
        .dense("fc6", 4096)
        .dense("fc7", 4096)
        .dense("fc8", 1000)
        .build()
    )


def _nin_small() -> Network:
    return (
        _Builder("nin-small", 28, 1)
        .convolution("conv1", 32, 5, stride=2, padding=2)
        .convolution("conv2", 64, 3, padding=1)
        .max_pool(3, 2)
        .convolution("conv3", 128, 3, padding=1)
        .convolution("cccp3", 128, 1)
        .max_pool(3, 2)
        .convolution("conv4", 96, 3, padding=1)
        .convolution("cccp4", 10, 1)
        .average_pool()
        .build()
    )


def _nothing() -> Network:
    return _Builder("nothing", 1, 1).convolution("conv1", 2, 1).average_pool().build()


NOTHING = _nothing()
"""Two multiply-adds: what a call of a peer costs apart from the network."""

NETWORKS: dict[str, Network] = {network.name: network for network in (_nin(), _alexnet(), _nin_small())}


def network_named(name: str) -> Network:
    """A network of the comparison, or the one that computes nothing."""
    return NOTHING if name == NOTHING.name else NETWORKS[name]

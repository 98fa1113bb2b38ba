# SPDX-License-Identifier: Apache-2.0
"""What is compared: networks, planes and batches, and who takes part in each."""

from __future__ import annotations

from dataclasses import dataclass

from comparison.networks import NETWORKS, Network
from steps.modes import MODES, PRECISIONS

FULL_PRECISION_MODES = ("fp32", "fp32-compiled")


@dataclass(frozen=True)
class Configuration:
    """A network by a method, and how much of it is run."""

    name: str
    """What `--configurations` calls it."""
    network: Network
    planes: int
    """M; 0 for the method `full-precision`."""
    batch: int
    threads: int = 2
    layer_alone: bool = False
    """The first convolution's forward and backward instead of the whole step."""

    @property
    def method(self) -> str:
        return "tang" if self.planes else "full-precision"

    @property
    def modes(self) -> tuple[str, ...]:
        """PyTorch's modes; where both sides compute with floats, those of the same precision."""
        return tuple(MODES) if self.is_binary_step or self.layer_alone else FULL_PRECISION_MODES

    @property
    def precisions(self) -> tuple[str, ...]:
        if self.is_binary_step:
            return PRECISIONS
        # A real layer's operands are never in 8 bits; a whole network of them is compared in fp32.
        return PRECISIONS[:2] if self.layer_alone else PRECISIONS[:1]

    @property
    def is_binary_step(self) -> bool:
        return self.planes > 0 and not self.layer_alone

    @property
    def is_checked(self) -> bool:
        """A layer alone has no loss to compare; the whole step has it in it."""
        return not self.layer_alone

    @property
    def has_epoch(self) -> bool:
        """Whether it is what Fashion-MNIST is trained with."""
        return self.is_binary_step and self.network.name == "nin-small"

    def __str__(self) -> str:
        what = f"{self.network.name}, full precision"
        if self.planes:
            what = f"{self.network.name}, M = {self.planes}"
        if self.layer_alone:
            what = f"{self.network.name}, {self.network.convolutions[0].name} alone"
        return f"{what}, batch {self.batch}, {'1 thread' if self.threads == 1 else f'{self.threads} threads'}"


def configurations(threads: int) -> dict[str, Configuration]:
    """All of them by name."""
    nin, small = NETWORKS["nin"], NETWORKS["nin-small"]
    made = (
        Configuration("nin-m1", nin, 1, 32, threads),
        Configuration("nin-m2", nin, 2, 32, threads),
        Configuration("nin-small-m1", small, 1, 64, threads),
        Configuration("nin-small-m2", small, 2, 64, threads),
        Configuration("nin-full", nin, 0, 32, threads),
        Configuration("nin-small-full", small, 0, 64, threads),
        Configuration("nin-conv1", nin, 1, 32, threads, layer_alone=True),
    )
    return {configuration.name: configuration for configuration in made}

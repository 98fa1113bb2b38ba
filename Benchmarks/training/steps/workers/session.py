# SPDX-License-Identifier: Apache-2.0
"""A whole training step in one of PyTorch's modes: forward, loss, backward, Adam, clip."""

from __future__ import annotations

import time

import torch
import torch.nn.functional as F
from torch import Tensor

from comparison.networks import Layer, Network
from steps.modes import LAMBDA, Mode
from steps.workers.network import Convolution, build, latent_weights

LEARNING_RATE = 1e-4
CLIP = 1.0
EVALUATED = 500
"""Images at a time."""
OPTIMIZERS: dict[str, dict[str, bool]] = {"fused": {"fused": True}, "foreach": {"foreach": True}}


class Session:
    """A network with its optimizer and a batch that is in place; random images until others are given."""

    def __init__(
        self, network: Network, planes: int, mode: Mode, batch: int, seed: int = 1, optimizer: str = ""
    ) -> None:
        """Unless one is named, the fastest of `OPTIMIZERS` is found by trials, which change parameters."""
        torch.manual_seed(seed)
        self.model = build(network, planes)
        self.latent = latent_weights(self.model)
        self.lambda_ = LAMBDA if planes else 0.0
        self._mode = mode
        shape = (batch, network.channels, network.size, network.size)
        self.images = torch.randn(shape).contiguous(memory_format=torch.channels_last)
        self.labels = torch.randint(network.classes, (batch,))
        self._losses = (
            torch.compile(self._evaluate, dynamic=False, fullgraph=True) if mode.compiled else self._evaluate
        )
        self._forward = torch.compile(self.model, dynamic=False) if mode.compiled else self.model
        name = optimizer or self._fastest_optimizer()
        self.optimizer = self._optimizer(name)
        self.details = f"{name} Adam"

    def _evaluate(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Cross-entropy plus lambda * sum(1 - W^2) over the latent weights; the former alone; logits."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self._mode.bf16):
            logits = self.model(images)
        entropy = F.cross_entropy(logits, labels)
        total = entropy
        for weight in self.latent:
            total = total + self.lambda_ * (weight.numel() - weight.square().sum())
        return total, entropy.detach(), logits.detach()

    def backward(self, images: Tensor, labels: Tensor) -> tuple[float, Tensor]:
        """Fills in all gradients; returns cross-entropy and logits."""
        self.model.zero_grad(set_to_none=True)
        total, entropy, logits = self._losses(images, labels)
        total.backward()
        return entropy.item(), logits

    def step(self, images: Tensor, labels: Tensor) -> float:
        """One update; returns the cross-entropy before it."""
        entropy, _ = self.backward(images, labels)
        self.optimizer.step()
        with torch.no_grad():
            for weight in self.latent:
                weight.clamp_(-CLIP, CLIP)
        return entropy

    def top1(self, images: Tensor, labels: Tensor, precise: bool = False) -> float:
        """The share of images whose label has the largest logit, with running statistics.

        In the mode's precision, or in float32 if `precise`.
        """
        self.model.eval()
        correct = 0
        bf16 = self._mode.bf16 and not precise
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            for some, own in zip(images.split(EVALUATED), labels.split(EVALUATED), strict=True):
                correct += (self._forward(some).argmax(1) == own).sum().item()
        self.model.train()
        return correct / len(labels)

    def run(self) -> None:
        """What is timed."""
        self.step(self.images, self.labels)

    def _optimizer(self, name: str) -> torch.optim.Adam:
        return torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE, **OPTIMIZERS[name])

    def _fastest_optimizer(self) -> str:
        """Which of PyTorch's implementations has the shortest update; three trials each, in turns."""
        self.backward(self.images, self.labels)
        candidates = {name: self._optimizer(name) for name in OPTIMIZERS}
        best = dict.fromkeys(candidates, float("inf"))
        for optimizer in candidates.values():
            optimizer.step()  # makes its state
        for _ in range(3):
            for name, optimizer in candidates.items():
                start = time.perf_counter()
                optimizer.step()
                best[name] = min(best[name], time.perf_counter() - start)
        return min(best, key=lambda name: best[name])


class LayerSession:
    """The first convolution alone: forward, and backward to weights and bias for a gradient that is given."""

    def __init__(self, layer: Layer, mode: Mode, batch: int) -> None:
        torch.manual_seed(1)
        self._mode = mode
        self.details = f"{layer.name} alone"
        self.model = Convolution(layer).to(memory_format=torch.channels_last)
        self._forward = torch.compile(self.model, dynamic=False) if mode.compiled else self.model
        shape = (batch, layer.input[1], layer.input[0], layer.input[0])
        self._images = torch.randn(shape).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=mode.bf16):
            self._gradient = torch.randn_like(self.model(self._images))

    def run(self) -> None:
        """What is timed."""
        self.model.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self._mode.bf16):
            output = self._forward(self._images)
        output.backward(self._gradient)

# SPDX-License-Identifier: Apache-2.0
"""The engines that are compared: one row each in the result."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Agreement(Enum):
    """How closely an engine's logits must follow those of the reference with the same weights."""

    FLOAT = "float32"
    """Largest difference at most 1e-3 of the largest logit: other orders of summation."""
    ROUNDED = "bf16"
    """Cosine at least 0.99: 8 bits of mantissa through up to 12 layers."""
    QUANTISED = "int8"
    """Cosine at least 0.9: far from chance (0), with room for what random calibration images suit badly."""
    NONE = "none"
    """Not the same weights: a network of its own, as a binary one is."""


@dataclass(frozen=True)
class Engine:
    """A peer's engine in one of its variants; a worker process runs it."""

    label: str
    environment: str
    """The virtual environment, named as its requirements file."""
    module: str
    variant: str
    agreement: Agreement


@dataclass(frozen=True)
class OwnEngine:
    """Signet with the options of one of its rows."""

    label: str
    binarizations: int
    first_layer: str


PEERS: tuple[Engine, ...] = (
    Engine("ONNX Runtime fp32", "onnxruntime", "onnx_runtime", "fp32", Agreement.FLOAT),
    Engine("ONNX Runtime int8", "onnxruntime", "onnx_runtime", "int8", Agreement.QUANTISED),
    Engine("OpenVINO default", "openvino", "open_vino", "default", Agreement.ROUNDED),
    Engine("OpenVINO int8", "openvino", "open_vino", "int8", Agreement.QUANTISED),
    Engine("PyTorch fp32", "pytorch", "pytorch", "fp32", Agreement.FLOAT),
    Engine("PyTorch fp32 compiled", "pytorch", "pytorch", "fp32-compiled", Agreement.FLOAT),
    Engine("PyTorch bf16", "pytorch", "pytorch", "bf16", Agreement.ROUNDED),
    Engine("PyTorch bf16 compiled", "pytorch", "pytorch", "bf16-compiled", Agreement.ROUNDED),
    Engine("Larq Compute Engine", "larq", "larq_engine", "default", Agreement.NONE),
    Engine("Larq Compute Engine (fastest kernels)", "larq", "larq_engine", "fastest", Agreement.NONE),
)

OWN: tuple[OwnEngine, ...] = (
    OwnEngine("Signet M = 1", 1, "float32"),
    OwnEngine("Signet M = 1 (int8 first layer)", 1, "int8"),
    OwnEngine("Signet M = 2", 2, "float32"),
    OwnEngine("Signet M = 2 (int8 first layer)", 2, "int8"),
)

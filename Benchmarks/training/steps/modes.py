# SPDX-License-Identifier: Apache-2.0
"""Who takes part: PyTorch in its modes, and Signet in its precisions."""

from __future__ import annotations

from dataclasses import dataclass

LAMBDA = 5e-7
"""Of the bipolar regulariser, in every step of both sides."""


@dataclass(frozen=True)
class Mode:
    """A way to run the step in PyTorch."""

    name: str
    bf16: bool
    """Autocast to bfloat16; parameters and optimizer stay in float32."""
    compiled: bool

    @property
    def label(self) -> str:
        return f"PyTorch {self.name.replace('-', ' ')}"

    @property
    def precision(self) -> str:
        return "bf16" if self.bf16 else "fp32"


MODES: dict[str, Mode] = {
    mode.name: mode
    for mode in (
        Mode("fp32", bf16=False, compiled=False),
        Mode("fp32-compiled", bf16=False, compiled=True),
        Mode("bf16", bf16=True, compiled=False),
        Mode("bf16-compiled", bf16=True, compiled=True),
    )
}

PRECISIONS: tuple[str, ...] = ("fp32", "bf16", "int8")
"""Of `signet benchmark --training --precision`."""

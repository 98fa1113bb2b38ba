# SPDX-License-Identifier: Apache-2.0
"""Did both sides make the same step? What the figures of `workers.agreement` must show, in plain Python."""

from __future__ import annotations

import math
from typing import Any

EXACT = (0.9999, 0.9999)
PEER_COSINE = {"fp32": EXACT, "bf16": (0.97, 0.93)}
"""Least cosine, at the same signs, of the gradients of weights, and of those of all other parameters.

fp32 differs by the order of summation alone. PyTorch's bf16 rounds activations too, to 8 bits: equal values
in a pool's window then send the gradient to another pixel, and what is near 1 is masked otherwise.
"""
OWN_COSINE = {"fp32": EXACT, "bf16": (0.998, 0.99), "int8": (0.99, 0.98)}
"""The same for Signet, which rounds gradients, and the first layer's operands: PReLU has another slope where its result
was near 0, which shows in that layer's bias, a sum of what nearly cancels.

In a pair, what the two lack of 1 adds up: it is half the square of each one's error.
"""
LOSS_TOLERANCE = 0.01
NORM_RATIO = 1.25
"""Of the gradients of weights, with signs left free: cosines would show the flips, not the gradients."""
FLIPS = 1e-3
"""Share of signs at the first binary layer that differ from PyTorch's fp32. Later ones follow from them."""


def least_cosines(mode: str, own: str) -> tuple[float, float]:
    """What a mode's precision and one of ours allow together."""
    (a, b), (c, d) = PEER_COSINE[mode], OWN_COSINE[own]
    return a + c - 1, b + d - 1


def problems(result: dict[str, Any], mode: str, own: str) -> list[str]:
    """Everything that is wrong with a comparison; empty if both sides made the same step."""
    found = []
    loss, expected = result["loss"], result["expected_loss"]
    if not (math.isfinite(loss) and math.isfinite(expected)):
        found.append(f"losses {loss} and {expected} are not finite")
    elif abs(loss - expected) > LOSS_TOLERANCE * abs(expected):
        found.append(f"loss {loss:.5f}, Signet's {expected:.5f}")
    for name, share in list(result["flips"].items())[:1]:
        if share > FLIPS:
            found.append(f"{share:.1%} of the signs of {name} differ")
    for kind in ("free", "aligned"):
        for gradient in result[kind]["gradients"]:
            found += _dead(gradient, kind)
    if found:
        return found
    for gradient in result["free"]["gradients"]:
        ratio = gradient["norm"] / gradient["expected_norm"]
        if is_weight(gradient) and not 1 / NORM_RATIO <= ratio <= NORM_RATIO:
            found.append(f"gradient of {gradient['name']} is {ratio:.2f} times as long as Signet's")
    of_weights, of_others = least_cosines(mode, own)
    for gradient in result["aligned"]["gradients"]:
        least = of_weights if is_weight(gradient) else of_others
        if not gradient["cosine"] >= least:
            found.append(f"gradient of {gradient['name']}: cosine {gradient['cosine']:.4f}, {least} wanted")
    return found


def _dead(gradient: dict[str, Any], kind: str) -> list[str]:
    """A side without a gradient has not trained, whatever its time."""
    name = gradient["name"]
    words = {0: "all zero", -1: "not finite"}
    sides = (("PyTorch's", gradient["norm"]), ("Signet's", gradient["expected_norm"]))
    return [f"{side} gradient of {name} is {words[norm]} ({kind})" for side, norm in sides if norm in words]


def is_weight(gradient: dict[str, Any]) -> bool:
    """Whether it is of the weights of a convolution."""
    return str(gradient["name"]).endswith(".weight")


def summary(result: dict[str, Any]) -> dict[str, float]:
    """The worst figures of a comparison."""
    aligned = result["aligned"]["gradients"]
    weights = [gradient for gradient in aligned if is_weight(gradient)]
    return {
        "loss_difference": abs(result["loss"] - result["expected_loss"]),
        "first_flips": next(iter(result["flips"].values()), 0.0),
        "greatest_flips": max(result["flips"].values(), default=0.0),
        "logits_error": result["aligned"]["logits"]["error"],
        "least_weight_cosine": min(gradient["cosine"] for gradient in weights),
        "greatest_weight_error": max(gradient["error"] for gradient in weights),
        "least_cosine": min(gradient["cosine"] for gradient in aligned),
    }

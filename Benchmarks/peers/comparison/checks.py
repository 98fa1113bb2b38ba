# SPDX-License-Identifier: Apache-2.0
"""Did an engine really run the network? What its logits must show, in plain Python."""

from __future__ import annotations

import math

from comparison.engines import Agreement
from comparison.environments import Unavailable
from comparison.networks import Network

Logits = list[list[float]]

FLOAT_TOLERANCE = 1e-3
LEAST_COSINE = {Agreement.ROUNDED: 0.99, Agreement.QUANTISED: 0.9}


def check_alone(logits: Logits, network: Network) -> None:
    """Two finite rows of one logit a class, not constant, and not the same for two different images."""
    if len(logits) != 2 or any(len(row) != network.classes for row in logits):
        shape = [len(row) for row in logits]
        raise Unavailable(f"check failed: rows of {shape} logits instead of two of {network.classes}")
    if not all(math.isfinite(value) for row in logits for value in row):
        raise Unavailable("check failed: a logit is not finite")
    if any(max(row) - min(row) <= 1e-6 * max(map(abs, row)) for row in logits):
        raise Unavailable("check failed: all classes have the same logit")
    if _largest_difference(logits[0], logits[1]) <= 1e-6 * max(map(abs, logits[0])):
        raise Unavailable("check failed: two different images have the same logits")


def check_agreement(logits: Logits, reference: Logits, agreement: Agreement) -> None:
    """Compares with the reference's logits for the same weights and images.

    Cosines are of logits less their mean, as a common offset would make any two rows look alike.
    """
    if [len(row) for row in logits] != [len(row) for row in reference]:
        raise Unavailable("check failed: the reference has other shapes")
    for row, expected in zip(logits, reference):
        if agreement == Agreement.FLOAT:
            difference = _largest_difference(row, expected) / max(map(abs, expected))
            if difference > FLOAT_TOLERANCE:
                raise Unavailable(f"check failed: {difference:.1e} from float32, {FLOAT_TOLERANCE:g} allowed")
        elif agreement in LEAST_COSINE:
            least = LEAST_COSINE[agreement]
            cosine = centred_cosine(row, expected)
            if not cosine >= least:
                raise Unavailable(
                    f"check failed: cosine {cosine:.3f} with float32, at least {least:g} wanted"
                )


def centred_cosine(a: list[float], b: list[float]) -> float:
    """Cosine of two rows less their means (Pearson's correlation); 0 if one is constant."""
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    a, b = [value - mean_a for value in a], [value - mean_b for value in b]
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b))
    return sum(x * y for x, y in zip(a, b)) / lengths if lengths else 0.0


def _largest_difference(a: list[float], b: list[float]) -> float:
    return max(abs(x - y) for x, y in zip(a, b))

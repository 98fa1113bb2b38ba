# SPDX-License-Identifier: Apache-2.0
"""One step that Signet has saved, made again here: how far logits, loss and gradients are from each other.

Twice: free, in the graph that is timed; and aligned, with the binarized activations of the saved step in
place of this side's. That shows the gradients without the flips of signs whose inputs are close to 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from steps.workers.archive import ArchiveError, read
from steps.workers.network import binarizers
from steps.workers.session import Session

BINARIZED = "binarized."


def compare(session: Session, path: Path) -> dict[str, Any]:
    """Loads the file's parameters and batch, and compares; the session keeps both.

    The file holds `input`, `labels`, `logits`, `parameter.NAME` and `gradient.NAME` of every parameter, the
    latter of the cross-entropy alone, and `binarized.LAYER`, the binarized input of every binary layer.
    """
    tensors, metadata = read(path)
    values = {name: _tensor(array) for name, array in tensors.items()}
    given = {name.removeprefix(BINARIZED): values.pop(name) for name in tensors if name.startswith(BINARIZED)}
    _load(session, values, path)
    own = _binarized(session)
    if given.keys() != own.keys():
        raise ArchiveError(f"{path}: binarized inputs of {sorted(given)}, here there are {sorted(own)}")
    flips = {}
    for name, values_here in own.items():
        signs = _as(given[name], values_here, path, name) >= 0
        flips[name] = (signs != (values_here >= 0)).double().mean().item()
    logits, loss, free = _gradients(session, values)
    for name, binarizer in binarizers(session.model).items():
        binarizer.given = given[name].contiguous(memory_format=torch.channels_last)
    try:
        aligned_logits, _, aligned = _gradients(session, values)
    finally:
        for binarizer in binarizers(session.model).values():
            binarizer.given = None
    return {
        "loss": loss,
        "expected_loss": float(metadata["loss"]),
        "free": {"logits": logits, "gradients": free},
        "aligned": {"logits": aligned_logits, "gradients": aligned},
        "flips": flips,
    }


def difference(own: Tensor, expected: Tensor) -> dict[str, float]:
    """Norms of both, norm of the difference over the expected one's, and the cosine; in double precision.

    A norm of 0, or of values that are not finite (written as -1), gives a cosine of 0 and an error of 1.
    """
    own, expected = own.detach().double().flatten(), expected.double().flatten()
    norm, expected_norm = own.norm().item(), expected.norm().item()
    usable = 0 < norm < float("inf") and 0 < expected_norm < float("inf")
    return {
        "norm": norm if np.isfinite(norm) else -1.0,
        "expected_norm": expected_norm if np.isfinite(expected_norm) else -1.0,
        "error": (own - expected).norm().item() / expected_norm if usable else 1.0,
        "cosine": (own @ expected).item() / (norm * expected_norm) if usable else 0.0,
    }


def _load(session: Session, values: dict[str, Tensor], path: Path) -> None:
    """Puts the file's parameters and batch in place, after checking that every tensor is there."""
    parameters = dict(session.model.named_parameters())
    wanted = {"input", "labels", "logits"}
    wanted |= {f"{kind}.{name}" for name in parameters for kind in ("parameter", "gradient")}
    if wanted != values.keys():
        different = ", ".join(sorted(wanted ^ values.keys()))
        raise ArchiveError(f"{path}: names that only one side has: {different}")
    with torch.no_grad():
        session.images.copy_(_as(values["input"], session.images, path, "input"))
        session.labels.copy_(_as(values["labels"], session.labels, path, "labels"))
        for name, parameter in parameters.items():
            parameter.copy_(_as(values[f"parameter.{name}"], parameter, path, name))


def _binarized(session: Session) -> dict[str, Tensor]:
    """The binarized activations of a forward pass in float32, without the compiler."""
    results: dict[str, Tensor] = {}
    hooks = [
        binarizer.register_forward_hook(lambda _, __, output, name=name: results.update({name: output}))
        for name, binarizer in binarizers(session.model).items()
    ]
    with torch.no_grad():
        session.model(session.images)
    for hook in hooks:
        hook.remove()
    return results


def _gradients(
    session: Session, values: dict[str, Tensor]
) -> tuple[dict[str, float], float, list[dict[str, Any]]]:
    """Differences of the logits, the loss, and differences of each gradient, less the regulariser's share."""
    loss, logits = session.backward(session.images, session.labels)
    gradients = []
    for name, parameter in session.model.named_parameters():
        own = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        if any(parameter is weight for weight in session.latent):
            own = own + 2 * session.lambda_ * parameter.detach()
        gradients.append({"name": name, **difference(own, values[f"gradient.{name}"])})
    return difference(logits, values["logits"].reshape(logits.shape)), loss, gradients


def _tensor(array: np.ndarray) -> Tensor:
    """A copy with the channels second, as PyTorch counts: NHWC and [out, kh, kw, in] are the file's."""
    tensor = torch.from_numpy(array.copy())
    return tensor.permute(0, 3, 1, 2) if tensor.dim() == 4 else tensor


def _as(value: Tensor, place: Tensor, path: Path, name: str) -> Tensor:
    if value.shape != place.shape:
        raise ArchiveError(f"{path}: {name} is {list(value.shape)}, here it is {list(place.shape)}")
    return value

# SPDX-License-Identifier: Apache-2.0
"""The recipe of `signet train` in PyTorch: `python -m … '{"folder": …}'` trains, and prints one JSON line.

Adam from zero moments, the rate half a cosine over all steps, the bipolar regulariser, latent weights clipped
after each update, whole batches in a new order each epoch, running statistics for evaluation. Weights are
drawn from the same distribution as Signet's, by PyTorch's generator.
"""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import torch

from comparison.networks import NETWORKS
from steps.modes import MODES
from steps.workers import fashion
from steps.workers.session import Session


def train(options: dict[str, Any]) -> dict[str, Any]:
    """Top-1 of the test images after the last epoch."""
    torch.set_num_threads(options["threads"])
    training, test = fashion.load(Path(options["folder"]), options["held_out"])
    session = Session(
        NETWORKS["nin-small"],
        options["planes"],
        MODES[options["mode"]],
        options["batch"],
        seed=options["seed"],
        optimizer="fused",
    )
    order = torch.Generator().manual_seed(options["seed"])
    steps = len(training.labels) // options["batch"]
    started, done, loss = time.perf_counter(), 0, 0.0
    for epoch in range(options["epochs"]):
        loss = 0.0
        shuffled = torch.randperm(len(training.labels), generator=order)
        for chosen in shuffled[: steps * options["batch"]].view(steps, options["batch"]):
            for group in session.optimizer.param_groups:
                group["lr"] = rate(options["rate"], done, steps * options["epochs"])
            loss += session.step(training.images[chosen], training.labels[chosen]) / steps
            done += 1
        print(f"epoch {epoch + 1}: loss {loss:.4f}", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - started
    found = session.top1(test.images, test.labels, precise=True)
    return {"top1": found, "loss": loss, "steps": done, "seconds": seconds}


def rate(initial: float, step: int, total: int) -> float:
    """Half a cosine from the initial rate to 0."""
    return initial * 0.5 * (1 + math.cos(math.pi * step / total))


if __name__ == "__main__":
    print(json.dumps(train(json.loads(sys.argv[1]))))

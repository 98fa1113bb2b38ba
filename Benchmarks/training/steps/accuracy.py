# SPDX-License-Identifier: Apache-2.0
"""The command line of `accuracy`: trains nin-small in each precision and in PyTorch, and compares top-1."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from comparison.environments import Unavailable, install, root
from comparison.machine import usable_cores
from comparison.options import names, number, numbers
from comparison.signet import build
from steps.command import ENVIRONMENT
from steps.modes import MODES, PRECISIONS
from steps.signet import command_json, data_folder, data_options, train_options
from steps.worker_process import environment

REFERENCE = "pytorch"
BATCH, RATE, PLANES = 64, 3e-3, 2
HELD_OUT = 5000
"""Training images that nobody learns from, as in the demo."""
ALLOWED = 0.3
"""Points that a mean may be below the one that it is compared with."""

DESCRIPTION = """\
Top-1 of nin-small on Fashion-MNIST's 10,000 test images, trained with the demo's recipe (M = 2, Adam, cosine
from 3e-3, batch 64, bipolar regulariser, 5,000 images held out) by Signet in each precision, and by PyTorch; a run
for each seed.
Prints every run's command and result, mean and deviation of each, and the differences of the means; ends
with 1 if a mean is more than 0.3 points below fp32's or PyTorch's.
"""

EPILOG = """\
A run that is finished is not made again; one of Signet that was stopped goes on from its last epoch.
SIGNET_PEERS_ENV and SIGNET_DATA_ROOT are as for Benchmarks/training/run.
"""

Scores = dict[str, list[float]]


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="Benchmarks/training/accuracy",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = (*PRECISIONS, REFERENCE)
    made.add_argument("--kinds", type=names(kinds), default=list(kinds), help=f"of {','.join(kinds)}; all")
    made.add_argument("--seeds", type=numbers, default=[1, 2, 3], help="1,2,3 if not given")
    made.add_argument("--epochs", type=number, default=18, help="18 if not given, the demo's")
    made.add_argument("--mode", choices=list(MODES), default="fp32", help="PyTorch's; fp32 if not given")
    made.add_argument("--threads", type=number, default=usable_cores(), help="all cores if not given")
    made.add_argument("--signet", type=Path, metavar="PATH", help="the command; built if not given")
    made.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        default=Path("runs/training-accuracy"),
        help="where runs are kept; runs/training-accuracy if not given",
    )
    return made


def main() -> int:
    options = parser().parse_args()
    scores: Scores = {}
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        wants_own = any(kind != REFERENCE for kind in options.kinds)
        signet = (options.signet or build()).resolve() if wants_own else Path()
        python = install(ENVIRONMENT, root()) if REFERENCE in options.kinds else Path()
        for seed in options.seeds:
            for kind in options.kinds:
                if kind == REFERENCE:
                    score = _reference(python, options, seed)
                else:
                    score = _own(signet, options, kind, seed)
                scores.setdefault(kind, []).append(score)
                print(f"{kind:8} seed {seed}  top-1 {score:.2%}", flush=True)
    except (Unavailable, OSError) as error:
        print(f"accuracy: {error}", file=sys.stderr)
        return 1
    for line in summary(scores):
        print(line)
    return 1 if any(points < -ALLOWED for points in differences(scores).values()) else 0


def summary(scores: Scores) -> list[str]:
    """Mean ± standard deviation of each kind in %; differences from fp32 and from PyTorch in points."""
    lines = []
    for kind, values in scores.items():
        spread = f" ± {100 * statistics.stdev(values):.3f}" if len(values) > 1 else ""
        lines.append(f"{kind:8} mean of {len(values)}: {100 * statistics.mean(values):.3f}{spread} %")
    for (kind, base), points in differences(scores).items():
        verdict = "" if points >= -ALLOWED else f", more than {ALLOWED} below"
        lines.append(f"{kind} against {base}: {points:+.3f} points{verdict}")
    return lines


def differences(scores: Scores) -> dict[tuple[str, str], float]:
    """Of each precision's mean from fp32's and from PyTorch's, in points."""
    return {
        (kind, base): 100 * (statistics.mean(scores[kind]) - statistics.mean(scores[base]))
        for base in (PRECISIONS[0], REFERENCE)
        for kind in PRECISIONS
        if base in scores and kind in scores and kind != base
    }


def _own(signet: Path, options: argparse.Namespace, precision: str, seed: int) -> float:
    """Trains unless that is done, and has the packed engine evaluate the model."""
    run = options.output / f"{precision}-{seed}-{options.epochs}-{HELD_OUT}"
    data = data_options(os.environ.get("SIGNET_DATA_ROOT"))
    threads = ["--threads", str(options.threads)]
    if (run / "checkpoint.safetensors").exists():
        arguments = ["train", "--resume", *data[2:], *threads, "--output", str(run)]
    else:
        arguments = ["train", *data, *train_options(PLANES, options.epochs), "--batch-size", str(BATCH)]
        arguments += ["--validation", str(HELD_OUT), "--precision", precision, "--seed", str(seed), *threads, "--output", str(run)]
    _say([str(signet), *arguments])
    command_json(signet, arguments, seconds=24 * 3600)
    return fraction(command_json(signet, ["evaluate", str(run / "model.signet"), *data]))


def _reference(python: Path, options: argparse.Namespace, seed: int) -> float:
    """Trains in PyTorch unless the result is there."""
    request = {"planes": PLANES, "batch": BATCH, "rate": RATE, "epochs": options.epochs, "seed": seed}
    request |= {"held_out": HELD_OUT}
    request |= {"mode": options.mode, "threads": options.threads}
    request["folder"] = str(data_folder(os.environ.get("SIGNET_DATA_ROOT")))
    file = options.output / f"{REFERENCE}-{options.mode}-{seed}-{options.epochs}-{HELD_OUT}.json"
    if not file.exists():
        command = [str(python), "-m", "steps.workers.reference", json.dumps(request)]
        _say(command)
        result = subprocess.run(command, stdout=subprocess.PIPE, env=environment(), check=False, text=True)
        if result.returncode:
            raise Unavailable(f"PyTorch's run ended with exit code {result.returncode}; see above")
        partial = file.with_suffix(".part")
        partial.write_text(result.stdout.strip().splitlines()[-1] + "\n")
        partial.replace(file)
    return fraction(json.loads(file.read_text()))


def fraction(report: dict[str, Any]) -> float:
    """The report's top-1. Throws `Unavailable`."""
    value = report.get("top1")
    if not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise Unavailable(f"top1 is {value}, not a fraction")
    return float(value)


def _say(command: list[str]) -> None:
    print(shlex.join(command), file=sys.stderr, flush=True)

# SPDX-License-Identifier: Apache-2.0
"""Signet's own side: runs `signet benchmark --training` and `signet train`, a process each time."""

from __future__ import annotations

import json
import math
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from comparison.environments import Unavailable
from steps.configurations import Configuration

FEWEST_RUNS, MOST_RUNS = 3, 100_000
ANSWER_SECONDS = 1200


@dataclass(frozen=True)
class Turn:
    """What a turn gave: milliseconds of a batch, and the most memory that its process had, 0 if not known."""

    milliseconds: float
    peak_bytes: int


class OwnRunner:
    """Times whole steps in one precision, or one layer's share of them."""

    def __init__(self, signet: Path, configuration: Configuration, precision: str) -> None:
        self._signet = signet
        self._configuration = configuration
        self._precision = precision
        self._step: float | None = None
        """Milliseconds of a batch, as the last process found; what a turn's runs are counted by."""
        self.isa = ""
        self.layers: list[dict[str, Any]] = []
        """Of the last run, times of one image."""

    def save_step(self, file: Path) -> None:
        """Writes what the other side compares with. Throws `Unavailable`."""
        self._run(FEWEST_RUNS, "--save-step", str(file))

    def run(self, seconds: float) -> Turn:
        """The median over runs that take about this long, in the first turn too. Throws `Unavailable`."""
        if self._step is None:
            self._run(FEWEST_RUNS)
        report = self._run(self._runs(seconds))
        peak = report.get("peak_resident_bytes")
        if not _is_positive(peak):
            raise Unavailable(f"signet took {peak} bytes")
        if self._configuration.layer_alone:
            # The memory is that of the whole step.
            name = self._configuration.network.convolutions[0].name
            return Turn(layer_milliseconds(report, name) * self._configuration.batch, 0)
        self.layers = report["layers"]
        return Turn(report["milliseconds_per_image"] * self._configuration.batch, int(peak))

    def _runs(self, seconds: float) -> int:
        """As many as take about this long; the steps between, whose parts are timed, don't count."""
        wanted = math.ceil(seconds * 1e3 / self._step) if self._step else FEWEST_RUNS
        return min(MOST_RUNS, max(FEWEST_RUNS, wanted))

    def _run(self, runs: int, *more: str) -> dict[str, Any]:
        configuration = self._configuration
        arguments = ["benchmark", "--training", "--network", configuration.network.name]
        arguments += ["--method", configuration.method, "--precision", self._precision]
        if configuration.planes:
            arguments += ["--binarizations", str(configuration.planes)]
        arguments += ["--threads", str(configuration.threads), "--batch", str(configuration.batch)]
        arguments += ["--classes", str(configuration.network.classes), "--runs", str(runs)]
        report = command_json(self._signet, [*arguments, *more])
        wanted = {
            "network": configuration.network.name,
            "method": configuration.method,
            "binarizations": configuration.planes,
            "precision": self._precision,
            "threads": configuration.threads,
            "batch": configuration.batch,
        }
        different = {name: report.get(name) for name, value in wanted.items() if report.get(name) != value}
        if different or not isinstance(report.get("layers"), list):
            raise Unavailable(f"signet benchmark --training ran something else: {different or 'no layers'}")
        self.isa = str(report.get("gradient_kernels", report.get("isa", "")))
        milliseconds = report.get("milliseconds_per_image")
        if not _is_positive(milliseconds):
            raise Unavailable(f"signet took {milliseconds} milliseconds an image")
        self._step = milliseconds * configuration.batch
        return report


def layer_milliseconds(report: dict[str, Any], name: str) -> float:
    """Forward and backward of a layer, for one image. Throws `Unavailable`."""
    for layer in report["layers"]:
        times = [layer.get(f"{part}_milliseconds") for part in ("forward", "backward")]
        if layer.get("name") == name and all(map(_is_positive, times)):
            return float(sum(times))
    raise Unavailable(f"signet benchmark --training has no times of layer {name}")


def train_options(planes: int, epochs: int) -> list[str]:
    """The demo's recipe."""
    options = ["--network", "nin-small", "--method", "tang", "--binarizations", str(planes)]
    return [*options, "--schedule", "cosine", "--learning-rate", "3e-3", "--epochs", str(epochs)]


def data_options(root: str | None) -> list[str]:
    """Where Fashion-MNIST is: `SIGNET_DATA_ROOT`, or where Debian puts it."""
    return ["--data", "fashion-mnist", *(["--data-root", root] if root else [])]


def data_folder(root: str | None) -> Path:
    """The folder of the IDX files, as `signet` finds it."""
    for folder in [Path(root) / "fashion-mnist", Path(root)] if root else []:
        if folder.is_dir() and any(folder.glob("train-images-idx3-ubyte*")):
            return folder
    return Path("/usr/share/datasets/fashion-mnist")


def epoch_seconds(signet: Path, configuration: Configuration, precision: str, held_out: int) -> float:
    """Wall time of `signet train --epochs 1`, files and evaluation included. Throws `Unavailable`."""
    with tempfile.TemporaryDirectory() as folder:
        report = command_json(
            signet,
            [
                "train",
                *data_options(os.environ.get("SIGNET_DATA_ROOT")),
                *train_options(configuration.planes, 1),
                *("--precision", precision),
                *("--batch-size", str(configuration.batch)),
                *("--validation", str(held_out)),
                *("--threads", str(configuration.threads)),
                *("--output", str(Path(folder) / "run")),
            ],
        )
    seconds = report.get("seconds")
    if not _is_positive(seconds):
        raise Unavailable(f"signet train took {seconds} seconds")
    return float(seconds)


def command_json(signet: Path, arguments: list[str], seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
    """Runs a command of Signet with `--json`, and reads the object on its last line. Throws `Unavailable`."""
    try:
        result = subprocess.run(
            [str(signet), *arguments, "--json"], capture_output=True, text=True, check=False, timeout=seconds
        )
    except OSError as error:
        raise Unavailable(f"{signet}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"signet {arguments[0]}: no answer within {seconds:.0f} s") from error
    if result.returncode:
        lines = result.stderr.strip().splitlines() or [f"exit code {result.returncode}"]
        raise Unavailable(f"signet {arguments[0]}: {lines[0].removeprefix('Error: ')}")
    try:
        report: dict[str, Any] = json.loads(result.stdout.strip().splitlines()[-1])
    except (IndexError, json.JSONDecodeError) as error:
        raise Unavailable(f"signet {arguments[0]} --json did not end with a JSON object") from error
    return report


def _is_positive(value: Any) -> TypeGuard[float]:
    return (
        isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value > 0
    )

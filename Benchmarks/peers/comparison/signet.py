# SPDX-License-Identifier: Apache-2.0
"""Signet's own side: builds it, compares its networks with our table, and runs `signet benchmark`."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path
from typing import Any

from comparison.engines import OwnEngine
from comparison.environments import Unavailable
from comparison.networks import Layer, Network

REPOSITORY = Path(__file__).resolve().parents[3]
FEWEST_RUNS, MOST_RUNS = 5, 100_000
BENCHMARK_SECONDS = 300


class Mismatch(Exception):
    """The table of layers is not Signet's."""


def build() -> Path:
    """Builds the command in release, and returns its path."""
    command = ["swift", "build", "-c", "release", "--product", "signet"]
    try:
        subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
        where = subprocess.run(
            [*command, "--show-bin-path"], cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True
        )
    except OSError as error:
        raise Unavailable(
            f"swift: {error.strerror}; install a Swift toolchain, or give --signet PATH"
        ) from error
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"`{' '.join(command)}` failed; see above, or give --signet PATH") from error
    return Path(where.stdout.strip()) / "signet"


def check_network(signet: Path, network: Network) -> None:
    """Compares every layer's name, output shape, weights and multiply-adds with `signet inspect`."""
    report = _json(signet, ["inspect", "--network", network.name, "--method", "tang"])
    theirs = [
        (row["name"], row["output"], row["weights"], _macs(row))
        for row in report["layers"]
        if row["weights"] or row["kind"] in ("max_pool", "average_pool")
    ]
    ours = [_row(layer) for layer in network.layers]
    for mine, their in zip(ours, theirs):
        if mine != their:
            raise Mismatch(
                f"{network.name}: the table has {mine}, signet inspect {their}; change networks.py"
            )
    if len(ours) != len(theirs):
        raise Mismatch(f"{network.name}: the table has {len(ours)} layers, signet inspect {len(theirs)}")


def _macs(row: dict[str, Any]) -> int:
    """Multiply-adds of a layer in a report, of whatever type."""
    return sum(int(value) for name, value in row.items() if name.endswith("_macs"))


def _row(layer: Layer) -> tuple[str, list[int], int, int]:
    return (layer.name, [layer.output[0], *layer.output], layer.weights, layer.macs)


class OwnRunner:
    """Runs `signet benchmark` for one row of the table, a process each time."""

    def __init__(self, signet: Path, engine: OwnEngine, network: Network, threads: int, batch: int) -> None:
        self._signet = signet
        self._network = network
        self._batch = batch
        self._arguments = [
            "benchmark",
            *("--network", network.name),
            *("--method", "tang"),
            *("--binarizations", str(engine.binarizations)),
            *("--first-layer", engine.first_layer),
            *("--threads", str(threads)),
            *("--batch", str(batch)),
        ]
        self._threads = threads
        self._planes = engine.binarizations
        self._runs = FEWEST_RUNS
        self._last = 1.0

    def open(self) -> str:
        """A short run, whose report must be of what was asked for; returns the ISA. Throws `Unavailable`."""
        report = self._run()
        try:
            ran = (report["network"], report["threads"], report["batch"])
            macs = sum(map(_macs, report["layers"]))
            isa = str(report["isa"])
        except (KeyError, TypeError) as error:
            raise Unavailable(f"signet benchmark --json: {error} is not there, or of another type") from error
        if ran != (self._network.name, self._threads, self._batch):
            raise Unavailable(f"signet ran {ran[0]}, {ran[1]} threads, batch {ran[2]}")
        # Of one image, whatever the batch; every plane of a binary layer's input is multiplied, and counted.
        first = self._network.convolutions[0].macs
        expected = first + self._planes * (self._network.macs - first)
        if macs != expected:
            raise Unavailable(f"check failed: signet ran {macs} multiply-adds an image, {expected} expected")
        _check_logits(report, self._network)
        self._milliseconds(report)
        return isa

    def run(self, seconds: float) -> float:
        """Median milliseconds of a batch, over runs that take about this long. Throws `Unavailable`."""
        self._runs = min(MOST_RUNS, max(FEWEST_RUNS, math.ceil(seconds * 1e3 / self._last)))
        return self._milliseconds(self._run())

    def _milliseconds(self, report: dict[str, Any]) -> float:
        """Milliseconds of a batch, kept for the choice of the next number of runs."""
        milliseconds = report.get("milliseconds_per_image")
        if not _is_finite(milliseconds) or milliseconds <= 0:
            raise Unavailable(f"signet took {milliseconds} milliseconds an image")
        self._last = max(1e-3, milliseconds * self._batch)
        return self._last

    def _run(self) -> dict[str, Any]:
        return _json(self._signet, [*self._arguments, "--runs", str(self._runs)])


def _check_logits(report: dict[str, Any], network: Network) -> None:
    """One finite logit a class, not all equal, and others for another input: what the peers must show too."""
    count, least, greatest = (report.get(name) for name in ("logits", "least_logit", "greatest_logit"))
    if count != network.classes:
        raise Unavailable(f"check failed: signet gave {count} logits, {network.classes} expected")
    if not (_is_finite(least) and _is_finite(greatest)):
        raise Unavailable(f"check failed: signet's logits are from {least} to {greatest}, not finite")
    if not least < greatest:
        raise Unavailable("check failed: all of signet's logits are equal")
    if report.get("logits_depend_on_the_input") is not True:
        raise Unavailable("check failed: signet's logits do not depend on the input")


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def version(signet: Path, built: bool) -> str:
    """The version that the command prints, and the commit that it was built from if it was built here."""
    printed = subprocess.run(
        [str(signet), "--version"], stdout=subprocess.PIPE, text=True, check=False
    ).stdout.strip()
    if not built:
        return printed
    git = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty"]
    try:
        commit = subprocess.run(
            git, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False
        )
        return f"{printed} {commit.stdout.strip()}".strip()
    except OSError:
        return printed


def _json(signet: Path, arguments: list[str]) -> dict[str, Any]:
    """Runs a command of Signet with `--json`, and reads the object on its last line."""
    command = [str(signet), *arguments, "--json"]
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=BENCHMARK_SECONDS
        )
    except OSError as error:
        raise Unavailable(f"{signet}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"signet {arguments[0]}: no answer within {BENCHMARK_SECONDS} s") from error
    if result.returncode:
        first = (result.stderr.strip().splitlines() or [f"exit code {result.returncode}"])[0]
        raise Unavailable(f"signet {arguments[0]}: {first.removeprefix('Error: ')}")
    lines = result.stdout.strip().splitlines()
    try:
        report: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, json.JSONDecodeError) as error:
        raise Unavailable(f"signet {arguments[0]} --json did not end with a JSON object") from error
    return report

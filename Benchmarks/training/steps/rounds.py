# SPDX-License-Identifier: Apache-2.0
"""One configuration: starts every side, compares their steps, and times them in turns."""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from comparison.environments import Unavailable
from steps import checks, signet
from steps.configurations import Configuration
from steps.modes import MODES, Mode
from steps.signet import OwnRunner, Turn
from steps.worker_process import Process

HELD_OUT = 5_000
EPOCH_ROUNDS = 3
"""Of Fashion-MNIST's 60,000 training images, as `signet train --validation 5000` does."""


@dataclass
class Row:
    """One side in a configuration; `problem` says why there is no time."""

    label: str
    name: str
    """Of the mode, or of our precision."""
    is_own: bool
    details: str = ""
    milliseconds: list[float] = field(default_factory=list)
    """Milliseconds per image, the median of each round."""
    peak_bytes: int = 0
    """The most resident memory of the process while it was timed."""
    checks: dict[str, dict[str, float]] = field(default_factory=dict)
    """Worst figures of the comparison with each of our precisions."""
    layers: list[dict[str, Any]] = field(default_factory=list)
    epochs: list[float] = field(default_factory=list)
    """Seconds of an epoch, of each round of them."""
    problem: str = ""

    @property
    def median(self) -> float | None:
        return statistics.median(self.milliseconds) if self.milliseconds and not self.problem else None

    @property
    def epoch_seconds(self) -> float | None:
        return statistics.median(self.epochs) if self.epochs else None


Results = list[tuple[Configuration, list[Row]]]


class Runner(Protocol):
    """Something that times steps for about so many seconds."""

    def run(self, seconds: float) -> Turn: ...


class PeerRunner:
    """A process that runs one of PyTorch's modes."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def run(self, seconds: float) -> Turn:
        answer = self._process.time(seconds)
        return Turn(answer["milliseconds"], answer["peak_bytes"])


class Field:
    """Who takes part."""

    def __init__(
        self,
        command: Path | None,
        python: Path | str,
        logs: Path,
        modes: list[str],
        precisions: list[str],
        epochs: bool = True,
    ) -> None:
        """No command leaves Signet out; a string in place of the Python says why there is none."""
        self._epochs = epochs
        self._command, self._python, self._logs = command, python, logs
        self._modes, self._precisions = modes, precisions
        self._processes: dict[str, Process] = {}
        self.versions: dict[str, str] = {}

    def compare(self, configuration: Configuration, rows: list[Row], rounds: int, seconds: float) -> None:
        """Checks, then times every side in each round, in an order that starts one further each time.

        Fills `rows`. Each side has a process of its own, so that its memory is that of this step alone.
        """
        runners: list[tuple[Row, Runner]] = []
        try:
            with tempfile.TemporaryDirectory() as folder:
                own, files = self._own(configuration, Path(folder), rows)
                runners += own
                for name in filter(self._modes.__contains__, configuration.modes):
                    row = Row(MODES[name].label, name, is_own=False)
                    rows.append(row)
                    with _problems_of(row):
                        runners.append((row, self._peer(configuration, MODES[name], files, row)))
            for turn in range(rounds):
                _progress(f"  round {turn + 1} of {rounds}")
                start = turn % max(1, len(runners))
                for row, runner in runners[start:] + runners[:start]:
                    if row.problem:
                        continue
                    with _problems_of(row):
                        result = runner.run(seconds)
                        row.milliseconds.append(result.milliseconds / configuration.batch)
                        row.peak_bytes = max(row.peak_bytes, result.peak_bytes)
            for row, runner in runners:
                if isinstance(runner, OwnRunner):
                    row.layers = runner.layers
            if self._epochs and configuration.has_epoch:
                for turn in range(min(rounds, EPOCH_ROUNDS)):
                    _progress(f"  epoch {turn + 1} of {min(rounds, EPOCH_ROUNDS)}")
                    self._time_epochs(configuration, rows)
        finally:
            self.close()

    def close(self) -> None:
        """Ends all processes."""
        for process in self._processes.values():
            process.close()
        self._processes.clear()

    def _own(
        self, configuration: Configuration, folder: Path, rows: list[Row]
    ) -> tuple[list[tuple[Row, Runner]], dict[str, Path]]:
        """Our runners, and the step that each precision made."""
        runners: list[tuple[Row, Runner]] = []
        files: dict[str, Path] = {}
        if self._command is None:
            return runners, files
        for precision in filter(self._precisions.__contains__, configuration.precisions):
            row = Row(f"Signet {precision}", precision, is_own=True)
            rows.append(row)
            with _problems_of(row):
                runner = OwnRunner(self._command, configuration, precision)
                if configuration.is_checked:
                    runner.save_step(folder / f"{precision}.safetensors")
                    files[precision] = folder / f"{precision}.safetensors"
                runners.append((row, runner))
                row.details = runner.isa
                _progress(f"  {row.label}: ready")
        return runners, files

    def _peer(self, configuration: Configuration, mode: Mode, files: dict[str, Path], row: Row) -> Runner:
        """A process that has the network ready, after its step was compared with each of ours."""
        if isinstance(self._python, str):
            raise Unavailable(self._python)
        process = Process(mode, configuration, self._python, self._logs)
        self._processes[mode.name] = process
        answer = process.begin()
        row.details = answer["details"]
        self.versions.update(answer["versions"])
        _progress(f"  {row.label}: ready after {answer['seconds']:.1f} s")
        found = []
        for precision, file in files.items():
            result = process.check(file)
            row.checks[precision] = checks.summary(result)
            wrong = checks.problems(result, mode.precision, precision)
            found += [f"against {precision}: {text}" for text in wrong]
        for text in found:
            _progress(f"  {row.label}: CHECK FAILED {text}")
        if found:
            more = f", and {len(found) - 1} more" if len(found) > 1 else ""
            raise Unavailable(f"check failed {found[0]}{more}")
        return PeerRunner(process)

    def _time_epochs(self, configuration: Configuration, rows: list[Row]) -> None:
        """A pass over Fashion-MNIST in the fastest of PyTorch's modes, and in each of our precisions, in turn."""
        root = os.environ.get("SIGNET_DATA_ROOT")
        fastest = best_peer(rows)
        if fastest:
            try:
                answer = self._processes[fastest.name].epoch(signet.data_folder(root), HELD_OUT)
                fastest.epochs.append(answer["seconds"])
            except Unavailable as error:
                _progress(f"  {fastest.label}: no epoch: {error}")
        for row in rows:
            if row.is_own and row.median and self._command:
                try:
                    row.epochs.append(signet.epoch_seconds(self._command, configuration, row.name, HELD_OUT))
                except Unavailable as error:
                    _progress(f"  {row.label}: no epoch: {error}")


def best_peer(rows: list[Row]) -> Row | None:
    """The fastest of PyTorch's modes."""
    return min(_timed_peers(rows), key=lambda row: row.median or 0.0, default=None)


def leanest_peer(rows: list[Row]) -> Row | None:
    """The mode that needs the least memory."""
    return min(_timed_peers(rows), key=lambda row: row.peak_bytes, default=None)


def _timed_peers(rows: list[Row]) -> list[Row]:
    return [row for row in rows if not row.is_own and row.median and row.peak_bytes]


@contextlib.contextmanager
def _problems_of(row: Row) -> Iterator[None]:
    """Whatever goes wrong with a side is its row's problem, and stops no other."""
    try:
        yield
    except Exception as error:
        row.problem = str(error) if isinstance(error, Unavailable) else f"{type(error).__name__}: {error}"
        _progress(f"  {row.label}: {row.problem}")


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

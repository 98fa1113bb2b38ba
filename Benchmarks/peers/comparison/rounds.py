# SPDX-License-Identifier: Apache-2.0
"""One configuration (network, threads, batch): opens every engine, checks it, and times them in turns."""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from comparison.checks import Logits, check_agreement, check_alone
from comparison.engines import Agreement, Engine, OwnEngine
from comparison.environments import Unavailable
from comparison.networks import NOTHING, Network
from comparison.signet import OwnRunner
from comparison.worker_process import Worker


@dataclass(frozen=True)
class Configuration:
    """What is run."""

    network: Network
    threads: int
    batch: int

    def __str__(self) -> str:
        return f"{self.network.name}, threads {self.threads}, batch {self.batch}"


@dataclass
class Row:
    """An engine's result in a configuration; `problem` says why there is no time."""

    label: str
    is_own: bool
    details: str = ""
    milliseconds: list[float] = field(default_factory=list)
    """Milliseconds per image, the median of each round."""
    problem: str = ""

    @property
    def median(self) -> float | None:
        return statistics.median(self.milliseconds) if self.milliseconds and not self.problem else None


Results = list[tuple[Configuration, list[Row]]]


class Runner(Protocol):
    """Something that times a batch for about so many seconds, and returns the median in milliseconds."""

    def run(self, seconds: float) -> float: ...


class Field:
    """All engines of a run: workers live from their first configuration to the end."""

    def __init__(
        self,
        peers: list[Engine],
        own: list[OwnEngine],
        pythons: dict[str, Path | str],
        signet: Path,
        models: Path | str,
        logs: Path,
    ) -> None:
        """A string in place of an environment's Python, or of the models' folder, says why there is none."""
        self._peers, self._own = peers, own
        self._pythons, self._signet = pythons, signet
        self._models, self._logs = models, logs
        self._workers: dict[str, Worker] = {}
        self.versions: dict[str, str] = {}

    def compare(self, configuration: Configuration, rows: list[Row], rounds: int, seconds: float) -> None:
        """Times every engine in each round, in an order that starts one further each time; fills `rows`.

        Slow changes of the machine so meet all engines alike, and none always follows the same neighbour.
        Whatever goes wrong with an engine is its row's problem, and stops no other.
        """
        runners: list[tuple[Row, Runner]] = []
        for engine in [*self._peers, *self._own]:
            row = Row(engine.label, is_own=isinstance(engine, OwnEngine))
            rows.append(row)
            started = time.monotonic()
            try:
                runners.append((row, self._checked(engine, configuration, row)))
                _progress(f"  {row.label}: ready after {time.monotonic() - started:.1f} s")
            except Exception as error:
                _failed(row, error)
        for turn in range(rounds):
            _progress(f"  round {turn + 1} of {rounds}")
            start = turn % max(1, len(runners))
            for row, timed in runners[start:] + runners[:start]:
                if row.problem:
                    continue
                try:
                    row.milliseconds.append(timed.run(seconds) / configuration.batch)
                except Exception as error:
                    _failed(row, error)

    def _checked(self, engine: Engine | OwnEngine, configuration: Configuration, row: Row) -> Runner:
        """The engine, ready to run the network, after its checks."""
        network = configuration.network
        if isinstance(engine, OwnEngine):
            own = OwnRunner(self._signet, engine, network, configuration.threads, configuration.batch)
            row.details = own.open()
            return own
        worker = self._worker(engine)
        logits = self._open(worker, configuration, row)
        check_alone(logits, network)
        if engine.agreement != Agreement.NONE:
            check_agreement(logits, self._reference(network), engine.agreement)
        return worker

    def call_overheads(self, seconds: float) -> dict[str, float]:
        """Milliseconds of a call of each peer that computes next to nothing: what its interface costs."""
        overheads: dict[str, float] = {}
        for engine in self._peers:
            try:
                worker = self._worker(engine)
                self._open(worker, Configuration(NOTHING, 1, 1), Row(engine.label, is_own=False))
                overheads[engine.label] = worker.run(seconds)
            except Exception as error:
                _progress(f"  {engine.label}: {error}")
        return overheads

    def close(self) -> None:
        """Ends all workers."""
        for worker in self._workers.values():
            worker.close()

    def _worker(self, engine: Engine) -> Worker:
        python = self._pythons[engine.environment]
        if isinstance(python, str):
            raise Unavailable(python)
        worker = self._workers.get(engine.label)
        if worker is None or not worker.is_running:
            # One that ended in a former configuration is started again, and adds to its log.
            worker = Worker(engine, python, self._logs, log_mode="a" if worker else "w")
            self._workers[engine.label] = worker
        return worker

    def _reference(self, network: Network) -> Logits:
        """Logits of the first two images, as the preparation worked them out."""
        if isinstance(self._models, str):
            raise Unavailable(self._models)
        logits: Logits = json.loads((self._models / f"{network.name}-logits.json").read_text())
        return logits

    def _open(self, worker: Worker, configuration: Configuration, row: Row) -> Logits:
        if isinstance(self._models, str):
            raise Unavailable(self._models)
        network, threads, batch = configuration.network.name, configuration.threads, configuration.batch
        answer = worker.open(network, threads, batch, self._models)
        row.details = answer["details"]
        self.versions.update(answer["versions"])
        logits: Logits = answer["logits"]
        return logits


def _failed(row: Row, error: Exception) -> None:
    row.problem = str(error) if isinstance(error, Unavailable) else f"{type(error).__name__}: {error}"
    _progress(f"  {row.label}: {row.problem}")


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

# SPDX-License-Identifier: Apache-2.0
"""A worker's side of the conversation: JSON lines in on standard input, JSON lines out.

`{"do": "open", "network", "variant", "threads", "batch", "models"}` opens a network and answers with the
logits of the first two images; `{"do": "run", "seconds"}` times it. An answer with the key `error` says what
went wrong.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from comparison.networks import Network, network_named
from comparison.workers.conversation import converse, measure

CHECKED_IMAGES = 2


@dataclass(frozen=True)
class Request:
    """What to open."""

    network: Network
    variant: str
    threads: int
    batch: int
    models: Path

    def file(self, suffix: str) -> Path:
        """A file that the preparation made for the network."""
        return self.models / f"{self.network.name}{suffix}"

    def images(self) -> np.ndarray:
        """The check's images [16, height, width, channels], float32."""
        return np.load(self.file("-images.npy"))


class Session(Protocol):
    """A network that is ready to run at a fixed batch."""

    details: str
    """What was chosen within the variant: kernels, precision; empty if nothing was."""

    def load(self, images: np.ndarray) -> None:
        """Puts a batch [batch, height, width, channels] where `run` reads it."""
        ...

    def run(self) -> None:
        """One inference of the batch, with its result in memory: what is timed."""
        ...

    def logits(self) -> np.ndarray:
        """The result of the last run."""
        ...


def fastest(candidates: Sequence[Callable[[], Session]], images: np.ndarray) -> Session:
    """The candidate with the shortest run, so that a peer is not measured at a setting that does not suit it.

    Three alternating trials each; a candidate that cannot be opened is passed over unless all of them fail.
    """
    sessions: list[Session] = []
    failures: list[Exception] = []
    for candidate in candidates:
        try:
            session = candidate()
            session.load(images)
            session.run()
            sessions.append(session)
        except Exception as error:  # whatever a peer's library raises
            failures.append(error)
    if not sessions:
        raise failures[0]
    best = [float("inf")] * len(sessions)
    for _ in range(3):
        for index, session in enumerate(sessions):
            best[index] = min(best[index], *measure(session.run, 0.1))
    return sessions[best.index(min(best))]


def batch_of(images: np.ndarray, batch: int) -> np.ndarray:
    """The first images, repeated where the batch is larger."""
    return np.ascontiguousarray(np.resize(images, (batch, *images.shape[1:])))


def first_logits(session: Session, images: np.ndarray, batch: int) -> np.ndarray:
    """Logits of the first two images, in one run if the batch holds both, else in a run each."""
    if batch >= CHECKED_IMAGES:
        session.load(batch_of(images, batch))
        session.run()
        return np.array(session.logits(), dtype=np.float32)[:CHECKED_IMAGES]
    rows = []
    for image in images[:CHECKED_IMAGES]:
        session.load(image[np.newaxis])
        session.run()
        rows.append(np.array(session.logits(), dtype=np.float32)[0])
    session.load(images[:1])
    return np.stack(rows)


def serve(open_session: Callable[[Request], Session], versions: dict[str, str]) -> None:
    """Answers requests until standard input ends."""
    converse(_Service(open_session, versions).answer)


class _Service:
    """Holds the session between requests."""

    def __init__(self, open_session: Callable[[Request], Session], versions: dict[str, str]) -> None:
        self._open_session, self._versions = open_session, versions
        self._session: Session | None = None

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """What a request asks for."""
        if message["do"] != "open":
            if self._session is None:
                raise RuntimeError("nothing is open")
            times = measure(self._session.run, message["seconds"])
            return {"milliseconds": statistics.median(times), "runs": len(times)}
        self._session = None  # frees the former one before the next is made
        request = Request(
            network_named(message["network"]),
            message["variant"],
            message["threads"],
            message["batch"],
            Path(message["models"]),
        )
        session = self._open_session(request)
        logits = first_logits(session, request.images(), request.batch)
        self._session = session
        return {"details": session.details, "versions": self._versions, "logits": logits.tolist()}

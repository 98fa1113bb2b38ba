# SPDX-License-Identifier: Apache-2.0
"""Our side of a worker: starts it, talks to it, and keeps it stopped between its turns."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from comparison.engines import Engine
from comparison.environments import Unavailable, child_environment

OPEN_SECONDS = 1200.0
RUN_SECONDS = 300.0


class Worker:
    """A persistent process that runs one engine, so that imports are paid once.

    Between turns the process is stopped with SIGSTOP: thread pools of these libraries spin while they wait
    for work and would take cores from the engine whose turn it is. To turn their spinning off would be
    unfair, as it is part of how fast they are.
    """

    def __init__(self, engine: Engine, python: Path, folder: Path, log_mode: str = "w") -> None:
        self.engine = engine
        self.log = folder / f"worker-{engine.module}-{engine.variant}.log"
        self._buffer = b""
        with self.log.open(log_mode) as log:
            self._process = subprocess.Popen(
                [str(python), "-m", f"comparison.workers.{engine.module}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=child_environment(),
                start_new_session=True,  # Ctrl-C is for this process, which then ends the workers
            )

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def open(self, network: str, threads: int, batch: int, models: Path) -> dict[str, Any]:
        """Opens a network; the answer holds details, versions and logits. Throws `Unavailable`."""
        request = {"do": "open", "network": network, "variant": self.engine.variant}
        return self._ask({**request, "threads": threads, "batch": batch, "models": str(models)}, OPEN_SECONDS)

    def run(self, seconds: float) -> float:
        """Median milliseconds of a batch over runs that take about this long. Throws `Unavailable`."""
        return float(self._ask({"do": "run", "seconds": seconds}, RUN_SECONDS)["milliseconds"])

    def close(self) -> None:
        """Ends the process."""
        if self._process.poll() is None:
            self._process.kill()  # reaches a stopped process too
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def _ask(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        if self._process.poll() is not None:
            raise Unavailable(self._ending())
        os.kill(self._process.pid, signal.SIGCONT)
        try:
            if self._process.stdin is None:
                raise Unavailable("the worker has no input")
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._line(seconds))
        except BrokenPipeError as error:
            raise Unavailable(self._ending()) from error
        finally:
            self._pause()
        if "error" in answer:
            raise Unavailable(answer["error"])
        return answer

    def _line(self, seconds: float) -> bytes:
        """The next line of the worker's answer."""
        if self._process.stdout is None:
            raise Unavailable("the worker has no output")
        descriptor = self._process.stdout.fileno()
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    self.close()
                    raise Unavailable(f"no answer within {seconds:.0f} s")
                data = os.read(descriptor, 1 << 16)
                if not data:
                    raise Unavailable(self._ending())
                self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line

    def _pause(self) -> None:
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGSTOP)

    def _ending(self) -> str:
        """Why the process is gone: its signal, or the last line that it wrote."""
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return "the worker closed its output"
        if code < 0:
            return f"the worker ended with {signal.Signals(-code).name}, see {self.log}"
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip() if lines else f"the worker ended with code {code}"

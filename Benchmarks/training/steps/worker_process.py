# SPDX-License-Identifier: Apache-2.0
"""Our side of a process that runs one of PyTorch's modes; stopped between its turns as the peers are."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from comparison.environments import child_environment
from comparison.worker_process import OPEN_SECONDS, RUN_SECONDS, Worker
from steps.configurations import Configuration
from steps.modes import Mode

TRAINING = Path(__file__).resolve().parents[1]


def environment() -> dict[str, str]:
    """Environment of a process that runs a module of this package."""
    made = child_environment()
    return {**made, "PYTHONPATH": f"{TRAINING}{os.pathsep}{made['PYTHONPATH']}"}


class Process(Worker):
    """A worker whose steps are timed. All calls throw `Unavailable`."""

    def __init__(self, mode: Mode, configuration: Configuration, python: Path, folder: Path) -> None:
        self.log = folder / f"training-{configuration.name}-{mode.name}.log"
        self._mode, self._configuration = mode, configuration
        self._buffer = b""
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [str(python), "-m", "steps.workers.serve"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment(),
                start_new_session=True,  # Ctrl-C is for this process, which then ends the workers
            )

    def begin(self) -> dict[str, Any]:
        """Makes the network; a compiled one may take minutes."""
        configuration = self._configuration
        request = {"do": "open", "network": configuration.network.name, "planes": configuration.planes}
        request |= {"mode": self._mode.name, "batch": configuration.batch, "threads": configuration.threads}
        return self._ask({**request, "layer_alone": configuration.layer_alone}, OPEN_SECONDS)

    def check(self, file: Path) -> dict[str, Any]:
        """Differences from a step that Signet has saved."""
        return self._ask({"do": "check", "file": str(file)}, OPEN_SECONDS)

    def time(self, seconds: float) -> dict[str, Any]:
        """Median milliseconds of a step and peak memory, over steps that take about this long."""
        return self._ask({"do": "run", "seconds": seconds}, RUN_SECONDS)

    def epoch(self, folder: Path, held_out: int) -> dict[str, Any]:
        """Seconds of a pass over Fashion-MNIST."""
        return self._ask({"do": "epoch", "folder": str(folder), "held_out": held_out}, OPEN_SECONDS)

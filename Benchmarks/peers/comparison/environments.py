# SPDX-License-Identifier: Apache-2.0
"""Virtual environments outside the source tree: one for each peer, so that one that fails stops no other."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parent
REQUIREMENTS = SOURCES.parent / "requirements"
PREPARED_WITH = "onnxruntime"


class Unavailable(Exception):
    """A peer cannot be had on this machine; the message says why."""


def root() -> Path:
    """Where environments, models and logs are kept: `SIGNET_PEERS_ENV`, or the user's cache."""
    chosen = os.environ.get("SIGNET_PEERS_ENV")
    return Path(chosen).expanduser().resolve() if chosen else Path.home() / ".cache" / "signet" / "peers"


def python_for(environment: str) -> str:
    """The Python of a new environment: `SIGNET_PEERS_PYTHON_LARQ` and so on, or the one that runs this."""
    return os.environ.get(f"SIGNET_PEERS_PYTHON_{environment.upper()}", sys.executable)


def install(environment: str, folder: Path) -> Path:
    """Makes an environment with the pinned packages unless it is there; returns its Python.

    - Throws: `Unavailable` with pip's last error line.
    """
    requirements = REQUIREMENTS / f"{environment}.txt"
    home = folder / environment
    python = home / "bin" / "python"
    stamp = home / "installed.txt"
    wanted = f"{python_for(environment)}\n{requirements.read_text()}"
    if stamp.exists() and stamp.read_text() == wanted and python.exists():
        return python
    print(f"installing {environment} into {home}", file=sys.stderr, flush=True)
    if home.exists():
        shutil.rmtree(home)
    _command([python_for(environment), "-m", "venv", str(home)], folder, environment)
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    _command([*pip, "--requirement", str(requirements)], folder, environment)
    stamp.write_text(wanted)
    return python


def prepare_models(networks: list[str], folder: Path) -> Path:
    """Makes weights, images and ONNX models unless they are there; returns their folder.

    The folder's name is a digest of what makes them, so that a change of either makes new ones.
    """
    python = install(PREPARED_WITH, folder)
    digest = hashlib.sha256()
    makers = [
        SOURCES / "networks.py",
        SOURCES / "workers" / "prepare.py",
        SOURCES / "workers" / "larq_convert.py",
    ]
    for path in [*makers, REQUIREMENTS / f"{PREPARED_WITH}.txt", REQUIREMENTS / "larq.txt"]:
        digest.update(path.read_bytes())
    models = folder / "models" / digest.hexdigest()[:12]
    missing = [name for name in networks if not (models / f"{name}-images.npy").exists()]
    if missing:
        print(f"preparing {', '.join(missing)}", file=sys.stderr, flush=True)
        module = [str(python), "-m", "comparison.workers.prepare"]
        _command([*module, str(models), *missing], folder, "prepare")
    return models


def child_environment() -> dict[str, str]:
    """Environment of a process that runs a module of this package."""
    return {**os.environ, "PYTHONPATH": str(SOURCES.parent), "PYTHONDONTWRITEBYTECODE": "1"}


def _command(command: list[str], folder: Path, name: str) -> None:
    """Runs a command with its output in a log file, which holds the last one of that name."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{name}.log"
    with log.open("w") as file:
        try:
            result = subprocess.run(command, stdout=file, stderr=file, env=child_environment(), check=False)
        except OSError as error:
            raise Unavailable(f"{command[0]}: {error.strerror}") from error
    if result.returncode:
        raise Unavailable(f"{last_line(log)} (all of it in {log})")


def last_line(log: Path) -> str:
    """The last error line of a log, or its last line."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["no message"])[-1]

# SPDX-License-Identifier: Apache-2.0
"""The command line: reads options, sets everything up, runs, writes."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from comparison import machine, report, signet
from comparison.engines import OWN, PEERS
from comparison.environments import Unavailable, install, prepare_models, root
from comparison.networks import NETWORKS, NOTHING
from comparison.options import (
    add_outputs,
    names,
    number,
    numbers,
    refusal,
    seconds,
    warn_if_busy,
    write,
)
from comparison.rounds import Configuration, Field, Results, Row

PEER_NAMES = tuple(dict.fromkeys(engine.environment for engine in PEERS))


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="Benchmarks/peers/run",
        description="Compares Signet's engine with ONNX Runtime, OpenVINO, PyTorch and Larq Compute Engine.",
    )
    made.add_argument("--networks", type=names(NETWORKS), help=f"of {','.join(NETWORKS)}; all if not given")
    made.add_argument("--peers", type=names(PEER_NAMES), help=f"of {','.join(PEER_NAMES)}; all if not given")
    made.add_argument("--threads", type=numbers, help="1,2 if not given")
    made.add_argument("--batches", type=numbers, help="images in a run; 1,16 if not given")
    made.add_argument("--rounds", type=number, help="rounds in which each engine has a turn; 7 if not given")
    made.add_argument("--seconds", type=seconds, help="length of a turn, less its warm-up; 0.7 if not given")
    made.add_argument(
        "--quick", action="store_true", help="nin-small, 1 thread, batch 1, 1 round of 0.05 s: a trial"
    )
    add_outputs(made)
    return made


def main() -> int:
    options = parser().parse_args()
    quick = options.quick
    networks = options.networks or (["nin-small"] if quick else list(NETWORKS))
    threads = options.threads or ([1] if quick else [1, 2])
    batches = options.batches or ([1] if quick else [1, 16])
    settings: dict[str, Any] = {
        "rounds": options.rounds or (1 if quick else 7),
        "seconds": options.seconds or (0.05 if quick else 0.7),
        "quick": quick,
    }
    # Before anything is built or installed, whose load is not that of the measurement.
    about: dict[str, Any] = {**machine.describe(), "load_at_start": round(machine.load(), 2)}
    status = refusal(options, max(threads), machine.usable_cores())
    if status:
        return status
    try:
        command = (options.signet or signet.build()).resolve()
        for name in networks:
            signet.check_network(command, NETWORKS[name])
    except (Unavailable, signet.Mismatch) as error:
        print(f"run: {error}", file=sys.stderr)
        return 1

    field = _field(command, options.peers or list(PEER_NAMES), networks)
    if not quick:
        warn_if_busy(float(about["load_at_start"]))
    results: Results = []
    configurations = [
        Configuration(NETWORKS[name], count, batch)
        for name in networks
        for count in threads
        for batch in batches
    ]
    started = time.monotonic()
    stopped = False
    overheads: dict[str, float] = {}
    try:
        if not quick:
            print("calls that compute nothing", file=sys.stderr, flush=True)
            overheads = field.call_overheads(settings["seconds"])
        for position, configuration in enumerate(configurations, 1):
            print(f"{position} of {len(configurations)}: {configuration}", file=sys.stderr, flush=True)
            rows: list[Row] = []
            results.append((configuration, rows))
            field.compare(configuration, rows, settings["rounds"], settings["seconds"])
    except KeyboardInterrupt:
        stopped = True
        print("\nstopped; what was measured so far follows", file=sys.stderr)
    finally:
        field.close()
    settings["call_milliseconds"] = overheads
    versions = {"signet": signet.version(command, built=not options.signet), **field.versions}
    settings["minutes"] = round((time.monotonic() - started) / 60, 1)
    text = report.markdown(results, about, versions, settings)
    if not write(options, text, report.as_json(results, about, versions, settings)):
        return 1
    return 130 if stopped else exit_code(results)


def exit_code(results: Results) -> int:
    """0 if every one of our own rows has its figure; a peer may fail, its line of the table says why."""
    own = [row for _, rows in results for row in rows if row.is_own]
    failed = [row for row in own if row.median is None]
    if failed:
        print(f"run: {len(failed)} of {len(own)} rows of Signet failed; see the table", file=sys.stderr)
    return 0 if own and not failed else 1


def _field(command: Path, peers: list[str], networks: list[str]) -> Field:
    """Installs the peers and makes their models; whoever fails takes part with the reason."""
    folder = root()
    pythons: dict[str, Path | str] = {}
    for name in peers:
        try:
            pythons[name] = install(name, folder)
        except Unavailable as error:
            pythons[name] = f"not installed: {error}"
    models: Path | str
    try:
        models = prepare_models([NOTHING.name, *networks], folder)
    except Unavailable as error:
        models = f"no models: {error}"
    engines = [engine for engine in PEERS if engine.environment in peers]
    return Field(engines, list(OWN), pythons, command, models, folder)

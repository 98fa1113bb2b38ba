# SPDX-License-Identifier: Apache-2.0
"""The command line of `run`: reads options, sets everything up, runs, writes."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path
from typing import Any

from comparison import machine
from comparison.environments import Unavailable, install, root
from comparison.options import (
    add_outputs,
    names,
    number,
    refusal,
    seconds,
    warn_if_busy,
    write,
)
from comparison.signet import Mismatch, build, check_network, version
from steps import report
from steps.configurations import configurations
from steps.modes import MODES, PRECISIONS
from steps.rounds import Field, Results, Row

ENVIRONMENT = "pytorch"
"""That of the peers: torch and numpy are all that this needs."""

DESCRIPTION = """\
Compares whole training steps (forward, cross-entropy and bipolar regulariser, backward, Adam, clip) of
`signet benchmark --training` with PyTorch's: eager and compiled, fp32 and bf16 (autocast), channels last, the
same blocks, in turns on this machine. Prints ms per image, peak resident memory, and ratios.

Before anything is timed, each of PyTorch's modes makes the step that Signet has made in each precision, from
the same parameters and images: the loss, and every parameter's gradient at the same signs, must agree, and no
gradient may be zero or not finite (torch.compile drops those of a straight-through estimator in the
autograd-function form). A failed check is a line of the table and exit status 1.
"""

EPILOG = """\
SIGNET_PEERS_ENV names the folder of PyTorch's virtual environment, shared with Benchmarks/peers/run
(~/.cache/signet/peers); it is made in the first run. Compiled modes need a C++ compiler. SIGNET_DATA_ROOT is
where fashion-mnist is, if not where Debian puts it. A full run takes about an hour on two cores, much of it
PyTorch's compiler; leave the machine alone while it runs.
"""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="Benchmarks/training/run",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = list(configurations(2))
    made.add_argument("--configurations", type=names(known), help=f"of {','.join(known)}; all if not given")
    made.add_argument("--modes", type=names(MODES), help=f"PyTorch's, of {','.join(MODES)}; all if not given")
    made.add_argument(
        "--precisions",
        type=names((*PRECISIONS, "none")),
        help=f"Signet's, of {','.join(PRECISIONS)}; all if not given; none for PyTorch alone, unchecked",
    )
    made.add_argument("--threads", type=number, default=2, help="2 if not given")
    made.add_argument("--rounds", type=number, help="rounds in which each side has a turn; 5 if not given")
    made.add_argument("--seconds", type=seconds, help="length of a turn, less its warm-up; 6 if not given")
    made.add_argument(
        "--quick", action="store_true", help="nin-small-m1, 1 round of 0.2 s, no epochs: a trial"
    )
    add_outputs(made)
    return made


def main() -> int:
    options = parser().parse_args()
    quick = options.quick
    known = configurations(options.threads)
    chosen = [known[name] for name in options.configurations or (["nin-small-m1"] if quick else known)]
    precisions = [name for name in options.precisions or PRECISIONS if name != "none"]
    settings: dict[str, Any] = {
        "command": shlex.join(["Benchmarks/training/run", *sys.argv[1:]]),
        "rounds": options.rounds or (1 if quick else 5),
        "seconds": options.seconds or (0.2 if quick else 6.0),
    }
    about: dict[str, Any] = {**machine.describe(), "load_at_start": round(machine.load(), 2)}
    status = refusal(options, options.threads, machine.usable_cores())
    if status:
        return status
    command: Path | None = None
    try:
        if precisions:
            command = (options.signet or build()).resolve()
            for configuration in chosen:
                check_network(command, configuration.network)
    except (Unavailable, Mismatch) as error:
        print(f"run: {error}", file=sys.stderr)
        return 1
    folder = root()
    python: Path | str
    try:
        python = install(ENVIRONMENT, folder)
    except Unavailable as error:
        python = f"not installed: {error}"
    if not quick:
        warn_if_busy(about["load_at_start"])

    field = Field(command, python, folder, options.modes or list(MODES), precisions, not quick)
    results: Results = []
    started = time.monotonic()
    stopped = False
    try:
        for position, configuration in enumerate(chosen, 1):
            print(f"{position} of {len(chosen)}: {configuration}", file=sys.stderr, flush=True)
            rows: list[Row] = []
            results.append((configuration, rows))
            field.compare(configuration, rows, settings["rounds"], settings["seconds"])
    except KeyboardInterrupt:
        stopped = True
        print("\nstopped; what was measured so far follows", file=sys.stderr)
    settings["minutes"] = round((time.monotonic() - started) / 60, 1)
    versions = dict(field.versions)
    if command:
        versions = {"signet": version(command, built=not options.signet), **versions}
    text = report.markdown(results, about, versions, settings)
    if not write(options, text, report.as_json(results, about, versions, settings)):
        return 1
    return 130 if stopped else exit_code(results)


def exit_code(results: Results) -> int:
    """0 if every side has its figure and passed its checks: the ratios rest on PyTorch's, too."""
    rows = [row for _, rows in results for row in rows]
    failed = [row for row in rows if row.median is None]
    if failed:
        print(f"run: {len(failed)} of {len(rows)} sides failed; see the tables", file=sys.stderr)
    return 0 if rows and not failed else 1

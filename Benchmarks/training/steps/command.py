# SPDX-License-Identifier: Apache-2.0
"""The command line of `run`: reads options, sets everything up, runs, writes."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from comparison import machine
from comparison.environments import Unavailable, install, root
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
    made.add_argument("--seconds", type=positive, help="length of a turn, less its warm-up; 6 if not given")
    made.add_argument(
        "--quick", action="store_true", help="nin-small-m1, 1 round of 0.2 s, no epochs: a trial"
    )
    made.add_argument(
        "--signet", type=Path, metavar="PATH", help="the command to measure; built if not given"
    )
    made.add_argument(
        "--output", type=Path, metavar="FILE", help="Markdown file; standard output if not given"
    )
    made.add_argument("--json", type=Path, metavar="FILE", help="JSON file with every round's figure")
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
    if options.threads > machine.usable_cores():
        print(f"run: --threads {options.threads}: this machine has {about['cores']} cores", file=sys.stderr)
        return 64
    for path in filter(None, (options.output, options.json)):
        if not os.access(path.parent, os.W_OK) or path.is_dir():
            print(f"run: {path}: cannot be written", file=sys.stderr)
            return 73
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
    if about["load_at_start"] > 0.5 and not quick:
        print(f"the machine was busy (load {about['load_at_start']}): figures may be noisy", file=sys.stderr)

    field = Field(command, python, folder, options.modes or list(MODES), precisions, not quick)
    results: Results = []
    started = time.monotonic()
    stopped = False
    try:
        for number_, configuration in enumerate(chosen, 1):
            print(f"{number_} of {len(chosen)}: {configuration}", file=sys.stderr, flush=True)
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
    if not _write(results, about, versions, settings, options):
        return 1
    return 130 if stopped else exit_code(results)


def exit_code(results: Results) -> int:
    """0 if every side has its figure and passed its checks: the ratios rest on PyTorch's, too."""
    rows = [row for _, rows in results for row in rows]
    failed = [row for row in rows if row.median is None]
    if failed:
        print(f"run: {len(failed)} of {len(rows)} sides failed; see the tables", file=sys.stderr)
    return 0 if rows and not failed else 1


def _write(
    results: Results,
    about: dict[str, Any],
    versions: dict[str, str],
    settings: dict[str, Any],
    options: argparse.Namespace,
) -> bool:
    """Writes what was asked for; false, with a message, if that fails."""
    text = report.markdown(results, about, versions, settings)
    try:
        if options.json:
            content = report.as_json(results, about, versions, settings)
            options.json.write_text(json.dumps(content, indent=1) + "\n")
        if options.output:
            options.output.write_text(text)
        else:
            print(text, end="")
    except OSError as error:
        print(f"run: {error.filename}: {error.strerror}", file=sys.stderr)
        return False
    return True


def names(known: Collection[str]) -> Callable[[str], list[str]]:
    """A parser of names with commas between them."""

    def parse(text: str) -> list[str]:
        found = text.split(",")
        for name in found:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name}: not one of {', '.join(known)}")
        return list(dict.fromkeys(found))

    return parse


def number(text: str) -> int:
    """A count."""
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"{text}: give a number from 1 to 1024")
    return int(text)


def positive(text: str) -> float:
    """Seconds."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value <= 60:
        raise argparse.ArgumentTypeError(f"{text}: give seconds, more than 0 and at most 60")
    return value

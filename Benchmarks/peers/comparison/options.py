# SPDX-License-Identifier: Apache-2.0
"""What the comparisons' command lines share: kinds of values, where results go, and writing them there."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """Adds --signet, --output and --json."""
    parser.add_argument(
        "--signet", type=Path, metavar="PATH", help="the command to measure; built if not given"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="Markdown file; standard output if not given"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="JSON file with every round's figure")


def refusal(options: argparse.Namespace, threads: int, cores: int) -> int:
    """Says what makes a run useless before it has begun, and returns the exit status; 0 if nothing does."""
    if threads > cores:
        print(f"run: --threads {threads}: this machine has {cores} cores", file=sys.stderr)
        return 64
    for path in filter(None, (options.output, options.json)):
        if not os.access(path.parent, os.W_OK) or path.is_dir():
            print(f"run: {path}: cannot be written", file=sys.stderr)
            return 73
    return 0


def warn_if_busy(load: float) -> None:
    """A busy machine makes noisy figures."""
    if load > 0.5:
        print(f"the machine was busy (load {load}): figures may be noisy", file=sys.stderr)


def write(options: argparse.Namespace, text: str, content: dict[str, Any]) -> bool:
    """Writes the result where it was asked for; false, with a message, if that fails."""
    try:
        if options.json:
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


def numbers(text: str) -> list[int]:
    """Counts with commas between them."""
    return list(dict.fromkeys(number(part) for part in text.split(",")))


def seconds(text: str) -> float:
    """Seconds, more than 0 and at most 60."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value <= 60:
        raise argparse.ArgumentTypeError(f"{text}: give seconds, more than 0 and at most 60")
    return value

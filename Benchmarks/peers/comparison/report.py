# SPDX-License-Identifier: Apache-2.0
"""The result as Markdown and as JSON."""

from __future__ import annotations

from typing import Any

from comparison.rounds import Configuration, Results, Row


def markdown(
    results: Results, machine: dict[str, Any], versions: dict[str, str], settings: dict[str, Any]
) -> str:
    """A table for each configuration, under what it was measured with."""
    lines = [
        "# Signet and its peers",
        "",
        f"{machine['date']} · {machine['cpu']} ({machine['features']}), {machine['cores']} cores, "
        f"{machine['kernel']}, load at the start {machine['load_at_start']}",
        "",
        " · ".join(f"{name} {version}" for name, version in versions.items()),
        "",
        f"Median over {settings['rounds']} interleaved rounds of the median of {settings['seconds']:g} s "
        "of runs. The last columns say how many times as fast as the row's engine Signet is.",
    ]
    if settings["call_milliseconds"]:
        calls = ", ".join(f"{label} {time:.4f}" for label, time in settings["call_milliseconds"].items())
        lines += ["", f"Milliseconds of a peer's call that computes nothing, part of its figures: {calls}."]
    for configuration, rows in results:
        lines += ["", *_table(configuration, rows)]
    return "\n".join(lines) + "\n"


def _table(configuration: Configuration, rows: list[Row]) -> list[str]:
    network = configuration.network
    own = [row for row in rows if row.is_own]
    threads = "1 thread" if configuration.threads == 1 else f"{configuration.threads} threads"
    headings = ["engine", "ms per image", "lowest…highest round", *(row.label for row in own), "details"]
    lines = [
        f"## {network.name}, {threads}, batch {configuration.batch}",
        "",
        f"{network.size}×{network.size}×{network.channels}, {network.macs / 1e6:.1f} M multiply-adds",
        "",
        _line(headings),
        _line(["---", "---:", "---:", *("---:" for _ in own), "---"]),
    ]
    for row in rows:
        if row.median is None:
            lines.append(_line([row.label, "—", "", *("" for _ in own), row.problem.replace("|", "\\|")]))
            continue
        spread = f"{min(row.milliseconds):.3f}…{max(row.milliseconds):.3f}"
        ratios = [_ratio(row, other) for other in own]
        lines.append(_line([row.label, f"{row.median:.3f}", spread, *ratios, row.details]))
    return lines


def _ratio(row: Row, own: Row) -> str:
    if row is own or row.median is None or own.median is None:
        return ""
    return f"{row.median / own.median:.2f}×"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def as_json(
    results: Results, machine: dict[str, Any], versions: dict[str, str], settings: dict[str, Any]
) -> dict[str, Any]:
    """The same with every round's figure."""
    return {
        "machine": machine,
        "versions": versions,
        "settings": settings,
        "results": [
            {
                "network": configuration.network.name,
                "threads": configuration.threads,
                "batch": configuration.batch,
                "macs": configuration.network.macs,
                "engines": [_row(row, rows) for row in rows],
            }
            for configuration, rows in results
        ],
    }


def _row(row: Row, rows: list[Row]) -> dict[str, Any]:
    result: dict[str, Any] = {"engine": row.label, "milliseconds_per_image": row.median}
    if row.problem:
        return {**result, "problem": row.problem}
    own = {other.label: other.median for other in rows if other.is_own and other.median}
    ratios = {label: row.median / time for label, time in own.items() if row.median}
    return {**result, "details": row.details, "rounds": row.milliseconds, "times_slower_than": ratios}

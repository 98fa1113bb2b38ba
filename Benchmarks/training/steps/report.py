# SPDX-License-Identifier: Apache-2.0
"""The result as Markdown and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from steps.configurations import Configuration
from steps.rounds import HELD_OUT, Results, Row, best_peer, leanest_peer

COMPILED = "fp32-compiled"


def markdown(
    results: Results, machine: dict[str, Any], versions: dict[str, str], settings: dict[str, Any]
) -> str:
    """Tables for each configuration, under what it was measured with."""
    lines = [
        "# Training steps of Signet and of PyTorch",
        "",
        f"{machine['date']} · {machine['cpu']} ({machine['features']}), {machine['cores']} cores, "
        f"{machine['kernel']}, load at the start {machine['load_at_start']}",
        "",
        " · ".join(f"{name} {version}" for name, version in versions.items()),
        "",
        f"`{settings['command']}`: median over {settings['rounds']} interleaved rounds of the median of "
        f"{settings['seconds']:g} s of whole steps (forward, loss, backward, Adam, clip). Memory is the peak "
        "of the resident memory of each process: PyTorch's while steps ran, Signet's from its start.",
    ]
    failed = [row for _, rows in results for row in rows if row.problem.startswith("check failed")]
    if failed:
        lines += ["", f"**{len(failed)} checks failed: ratios beside them do not count.**"]
    for configuration, rows in results:
        lines += ["", f"## {configuration}", "", *_times(rows), *_ratios(configuration, rows)]
        lines += [*_epochs(configuration, rows), *_checks(rows), *_layers(rows)]
    return "\n".join(lines) + "\n"


def ratios(rows: list[Row]) -> dict[str, dict[str, float]]:
    """How many times as fast, and as small, each of our precisions is."""
    best, leanest = best_peer(rows), leanest_peer(rows)
    compiled = next((row for row in rows if row.name == COMPILED and row.median), None)
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        if not (row.is_own and row.median):
            continue
        found[row.name] = {}
        if best and best.median:
            found[row.name]["faster_than_best"] = best.median / row.median
        if compiled and compiled.median:
            found[row.name]["faster_than_fp32_compiled"] = compiled.median / row.median
        if leanest and row.peak_bytes:
            found[row.name]["smaller_than_leanest"] = leanest.peak_bytes / row.peak_bytes
        if best and best.epoch_seconds and row.epoch_seconds:
            found[row.name]["epoch_faster_than_best"] = best.epoch_seconds / row.epoch_seconds
    return found


def _times(rows: list[Row]) -> list[str]:
    lines = _head(["", "ms per image", "lowest…highest round", "peak MiB", "details"], "-rrr-")
    for row in rows:
        if row.median is None:
            lines.append(_line([row.label, "—", "", "", row.problem.replace("|", "\\|")]))
            continue
        spread = f"{min(row.milliseconds):.3f}…{max(row.milliseconds):.3f}"
        memory = f"{row.peak_bytes / 2**20:.0f}" if row.peak_bytes else ""
        lines.append(_line([row.label, f"{row.median:.3f}", spread, memory, row.details]))
    return lines


def _ratios(configuration: Configuration, rows: list[Row]) -> list[str]:
    found, best, leanest = ratios(rows), best_peer(rows), leanest_peer(rows)
    if not found or not best or not leanest:
        return []
    headings = ["", f"against the fastest ({best.label})", "against PyTorch fp32 compiled"]
    keys = ["faster_than_best", "faster_than_fp32_compiled"]
    if not configuration.layer_alone:
        headings.append(f"memory, against the leanest ({leanest.label})")
        keys.append("smaller_than_leanest")
    lines = ["", *_head(headings, "-" + "r" * len(keys))]
    for name, values in found.items():
        cells = [f"{values[key]:.2f}×" if key in values else "" for key in keys]
        lines.append(_line([f"Signet {name}", *cells]))
    return lines


def _epochs(configuration: Configuration, rows: list[Row]) -> list[str]:
    timed = [row for row in rows if row.epoch_seconds]
    if not timed:
        return []
    images = (60_000 - HELD_OUT) // configuration.batch * configuration.batch
    lines = [
        "",
        f"An epoch of Fashion-MNIST, {images:,} images, and an evaluation of {HELD_OUT:,} and 10,000; median, and "
        f"the rounds. "
        "PyTorch has them in memory as tensors before the clock starts; Signet's seconds are the wall time of "
        "`signet train --epochs 1 --validation 5000`, with its files.",
    ]
    lines += ["", *_head(["", "seconds", "rounds", "ms per image × images"], "-rrr")]
    for row in timed:
        product = f"{row.median * images / 1e3:.1f}" if row.median else ""
        each = ", ".join(f"{seconds:.1f}" for seconds in row.epochs)
        lines.append(_line([row.label, f"{row.epoch_seconds:.1f}", each, product]))
    return lines


def _checks(rows: list[Row]) -> list[str]:
    checked = [(row, precision, worst) for row in rows for precision, worst in row.checks.items()]
    if not checked:
        return []
    lines = [
        "",
        "The same step on both sides: its loss with signs left free, and the share of signs that differ "
        "from PyTorch's fp32; one flip near 0 changes every later layer. Then, with the signs that Signet "
        "saved, the relative error of the logits, and the least cosine and greatest relative error of gradients.",
    ]
    headings = ["the same step", "loss differs by", "signs that differ: first layer, most", "logits, error"]
    headings += ["weights, least cosine", "greatest error", "all gradients, least cosine"]
    lines += ["", *_head(headings, "-rrrrrr")]
    for row, precision, worst in checked:
        cells = [f"{worst['loss_difference']:.1e}"]
        cells.append(f"{worst['first_flips']:.1e}, {worst['greatest_flips']:.1e}")
        cells += [f"{worst['logits_error']:.1e}", f"{worst['least_weight_cosine']:.5f}"]
        cells += [f"{worst['greatest_weight_error']:.1e}", f"{worst['least_cosine']:.5f}"]
        lines.append(_line([f"{row.label}, Signet {precision}", *cells]))
    return lines


def _layers(rows: list[Row]) -> list[str]:
    """The share of the peak that each product of the layers reaches: the forward one, of its own peak, first."""
    own = [row for row in rows if row.is_own and row.median and row.layers]
    if not own:
        return []
    lines = ["", *_head(["layer", "K", *(f"{row.name} forward; dW; dX" for row in own)], "-r" + "r" * len(own))]
    for index, layer in enumerate(own[0].layers):
        cells = [_shares(row.layers[index]) if index < len(row.layers) else "" for row in own]
        if any(cells):
            lines.append(_line([str(layer.get("name")), str(layer.get("depth", "")), *cells]))
    return lines if len(lines) > 3 else []


def _shares(layer: dict[str, Any]) -> str:
    products = ("forward", "weight_gradient", "input_gradient")
    shares = [layer.get(f"{product}_share_of_peak") for product in products]
    return "; ".join(f"{share:.0%}" if share else "—" for share in shares) if any(shares) else ""


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
                "configuration": configuration.name,
                "network": configuration.network.name,
                "method": configuration.method,
                "binarizations": configuration.planes,
                "batch": configuration.batch,
                "threads": configuration.threads,
                "layer_alone": configuration.layer_alone,
                "ratios": ratios(rows),
                "sides": [{**asdict(row), "milliseconds_per_image": row.median} for row in rows],
            }
            for configuration, rows in results
        ],
    }


def _head(cells: list[str], alignment: str) -> list[str]:
    return [_line(cells), _line(["---:" if side == "r" else "---" for side in alignment])]


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"

# SPDX-License-Identifier: Apache-2.0
"""Programs that answer as `signet` and a worker do, and a comparison in which both sides agree."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

LAYERS = [
    {"name": "conv1", "depth": 25, "forward_milliseconds": 0.01, "backward_milliseconds": 0.02},
    {
        "name": "conv2",
        "depth": 288,
        "forward_share_of_peak": 0.91,
        "weight_gradient_share_of_peak": 0.76,
        "input_gradient_share_of_peak": 0.5,
    },
]
REPORT: dict[str, Any] = {
    "isa": "avx512",
    "milliseconds_per_image": 0.25,
    "peak_resident_bytes": 50 * 2**20,
    "layers": LAYERS,
}


def comparison(**changes: Any) -> dict[str, Any]:
    """What a worker answers to `check`; changes are of the gradient of conv2's weights."""
    gradient = {"norm": 2.0, "expected_norm": 2.0, "error": 1e-6, "cosine": 1.0}
    gradients = [
        {"name": "conv2.weight", **gradient, **changes},
        {"name": "conv2_prelu.slope", **gradient, "cosine": 0.99999},
    ]
    part = {"logits": gradient, "gradients": gradients}
    return {
        "loss": 2.3,
        "expected_loss": 2.3,
        "free": part,
        "aligned": part,
        "flips": {"conv2": 1e-6, "conv3": 0.2},
    }


def program(path: Path, source: str) -> Path:
    """An executable Python program."""
    path.write_text(f"#!{sys.executable}\n{textwrap.dedent(source)}")
    path.chmod(0o755)
    return path


def signet(folder: Path, failing: str = "", **changes: Any) -> Path:
    """A `signet` that reports the above with changes: None takes a key away. One precision can fail."""
    report = {key: value for key, value in {**REPORT, **changes}.items() if value is not None}
    return program(
        folder / "signet",
        f"""
        import json, pathlib, sys
        options = dict(zip(sys.argv, sys.argv[1:]))
        with open({str(folder / "runs-asked")!r}, "a") as asked:
            print(options["--runs"], file=asked)
        if options["--precision"] == "{failing}":
            sys.exit("Error: no memory")
        if "--save-step" in options:
            pathlib.Path(options["--save-step"]).write_text(options["--precision"])
        report = {{
            "network": options["--network"], "method": options["--method"],
            "binarizations": int(options.get("--binarizations", 0)), "precision": options["--precision"],
            "threads": int(options["--threads"]), "batch": int(options["--batch"]),
        }}
        print("text before it")
        print(json.dumps({{**report, **json.loads({json.dumps(report)!r})}}))
        """,
    )


def worker(folder: Path, wrong_mode: str = "", dead_precision: str = "") -> Path:
    """A Python whose worker ends in one mode, and has a zero gradient beside one precision."""
    return program(
        folder / "python",
        f"""
        import json, pathlib, sys
        for line in sys.stdin:
            request = json.loads(line)
            if request.get("mode") == "{wrong_mode}":
                sys.exit("no compiler")
            answer = {{"details": "stub", "versions": {{"torch": "0"}}, "seconds": 0.1}}
            if request["do"] == "run":
                answer = {{"milliseconds": 64.0, "runs": 3, "peak_bytes": 200 * 2**20}}
            if request["do"] == "check":
                answer = json.loads({json.dumps(json.dumps(comparison()))})
                if pathlib.Path(request["file"]).read_text() == "{dead_precision}":
                    answer = json.loads({json.dumps(json.dumps(comparison(norm=0.0, cosine=0.0)))})
            print(json.dumps(answer), flush=True)
        """,
    )

# SPDX-License-Identifier: Apache-2.0
"""Programs that answer as `signet benchmark --json` and a peer's worker do."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

# What `signet benchmark --network nin-small --binarizations 2 --first-layer int8` reports, at any batch.
REPORT: dict[str, Any] = {
    "network": "nin-small",
    "isa": "avx512",
    "layers": [
        {"name": "conv1", "binary_macs": 0, "byte_macs": 156800, "float_macs": 0},
        {"name": "conv2", "binary_macs": 7225344, "byte_macs": 0, "float_macs": 0},
        {"name": "max_pool3", "binary_macs": 0, "byte_macs": 0, "float_macs": 0},
        {"name": "conv3", "binary_macs": 7225344, "byte_macs": 0, "float_macs": 0},
        {"name": "cccp3", "binary_macs": 1605632, "byte_macs": 0, "float_macs": 0},
        {"name": "conv4", "binary_macs": 1990656, "byte_macs": 0, "float_macs": 0},
        {"name": "cccp4", "binary_macs": 17280, "byte_macs": 0, "float_macs": 0},
    ],
    "milliseconds_per_image": 0.05,
    "logits": 10,
    "least_logit": -0.09143519,
    "greatest_logit": 0.12731482,
    "logits_depend_on_the_input": True,
}

LOGITS = [[float((7 * i) % 10) for i in range(10)], [float((3 * i) % 10) for i in range(10)]]


def program(path: Path, source: str) -> Path:
    """An executable Python program."""
    path.write_text(f"#!{sys.executable}\n{textwrap.dedent(source)}")
    path.chmod(0o755)
    return path


def signet(folder: Path, failing_batch: int = 0, **changes: Any) -> Path:
    """A `signet` that reports the above with changes: None takes a key away. A batch can be made to fail."""
    report = {key: value for key, value in {**REPORT, **changes}.items() if value is not None}
    return program(
        folder / "signet",
        f"""
        import json, sys
        report = json.loads({json.dumps(report)!r})
        option = lambda name: int(sys.argv[sys.argv.index(name) + 1])
        if option("--batch") == {failing_batch}:
            sys.exit("Error: no memory")
        report["threads"], report["batch"] = option("--threads"), option("--batch")
        print("text before it")
        print(json.dumps(report))
        """,
    )


def worker(folder: Path, dying_batch: int) -> Path:
    """A Python whose worker ends when it is to open the given batch."""
    return program(
        folder / "python",
        f"""
        import json, sys
        for line in sys.stdin:
            request = json.loads(line)
            if request.get("batch") == {dying_batch}:
                sys.exit("out of memory")
            answer = {{"milliseconds": 2.0}}
            if request["do"] == "open":
                answer = {{"details": "stub", "versions": {{}}, "logits": {LOGITS!r}}}
            print(json.dumps(answer), flush=True)
        """,
    )

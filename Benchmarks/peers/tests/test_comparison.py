# SPDX-License-Identifier: Apache-2.0
"""Oracles: what `signet` itself prints (stubs.REPORT), cosines worked out by hand, Python's own compiler."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

from comparison import report
from comparison.checks import centred_cosine, check_agreement, check_alone
from comparison.command import exit_code
from comparison.engines import Agreement, Engine, OwnEngine
from comparison.environments import Unavailable
from comparison.networks import NETWORKS
from comparison.rounds import Configuration, Field, Row
from comparison.signet import OwnRunner
from tests import stubs

PEERS = Path(__file__).resolve().parents[1]
SMALL = NETWORKS["nin-small"]
OWN = OwnEngine("own", 2, "int8")


class WithFolder(unittest.TestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)


class Modules(unittest.TestCase):
    def test_all_modules_compile(self) -> None:
        paths = [PEERS / "run", *sorted(PEERS.rglob("*.py"))]
        self.assertGreater(len(paths), 15)
        for path in paths:
            with self.subTest(path=path):
                compile(path.read_text(), str(path), "exec")

    def test_help_and_wrong_options(self) -> None:
        for arguments, code in ((["--help"], 0), (["--networks", "vgg"], 2), (["--rounds", "0"], 2)):
            with self.subTest(arguments=arguments):
                command = [sys.executable, PEERS / "run", *arguments]
                result = subprocess.run(command, capture_output=True, check=False)
                self.assertEqual(result.returncode, code, result.stderr)


class Checks(unittest.TestCase):
    def test_check_alone(self) -> None:
        good = stubs.LOGITS
        check_alone(good, SMALL)
        for logits, message in (
            (good[:1], "rows of"),
            ([good[0], good[1][:9]], "rows of"),
            ([good[0], [float("nan"), *good[1][1:]]], "not finite"),
            ([good[0], [3.0] * 10], "all classes"),
            ([good[0], good[0]], "two different images"),
        ):
            with self.subTest(message=message), self.assertRaisesRegex(Unavailable, message):
                check_alone(logits, SMALL)

    def test_check_agreement(self) -> None:
        reference = [[0.0, 1.0, 0.0, 1.0]]
        near, far = [[0.0005, 1.0, 0.0, 1.0]], [[0.002, 1.0, 0.0, 1.0]]
        check_agreement(near, reference, Agreement.FLOAT)
        with self.assertRaisesRegex(Unavailable, "from float32"):
            check_agreement(far, reference, Agreement.FLOAT)
        # Less the means: (-1, 1, -1, 1) / 2 and (-2, 1, 0, 1) / 2, whose cosine is 4 / (2 * sqrt 6) = 0.816.
        turned = [[5.0, 6.5, 6.0, 6.5]]
        self.assertAlmostEqual(centred_cosine(turned[0], reference[0]), 0.8165, places=4)
        for agreement in (Agreement.ROUNDED, Agreement.QUANTISED):
            check_agreement([[9.0, 19.0, 9.0, 19.0]], reference, agreement)
            with self.assertRaisesRegex(Unavailable, "cosine 0.816"):
                check_agreement(turned, reference, agreement)
        check_agreement(far, reference, Agreement.NONE)
        with self.assertRaisesRegex(Unavailable, "other shapes"):
            check_agreement([[1.0, 2.0]], reference, Agreement.QUANTISED)


class OwnRows(WithFolder):
    def open(self, batch: int, **changes: Any) -> str:
        return OwnRunner(stubs.signet(self.folder, **changes), OWN, SMALL, 1, batch).open()

    def test_any_batch_has_the_multiply_adds_of_one_image(self) -> None:
        for batch in (1, 16):
            self.assertEqual(self.open(batch), "avx512")
            with self.assertRaisesRegex(Unavailable, "multiply-adds"):
                self.open(batch, layers=stubs.REPORT["layers"] * batch + stubs.REPORT["layers"][:1])

    def test_time_is_of_the_batch(self) -> None:
        runner = OwnRunner(stubs.signet(self.folder), OWN, SMALL, 1, 16)
        self.assertAlmostEqual(runner.run(0.01), 16 * 0.05)

    def test_what_must_not_pass(self) -> None:
        for changes, message in (
            ({"network": "nin"}, "signet ran nin"),
            ({"isa": None}, "isa"),
            ({"layers": 3}, "type"),
            ({"logits": 9}, "9 logits"),
            ({"logits": None}, "None logits"),
            ({"least_logit": float("nan")}, "not finite"),
            ({"greatest_logit": "inf"}, "not finite"),
            ({"greatest_logit": stubs.REPORT["least_logit"]}, "equal"),
            ({"logits_depend_on_the_input": False}, "depend"),
            ({"logits_depend_on_the_input": None}, "depend"),
            ({"milliseconds_per_image": 0}, "milliseconds"),
            ({"failing_batch": 16}, "no memory"),
        ):
            with self.subTest(changes=changes), self.assertRaisesRegex(Unavailable, message):
                self.open(16, **changes)


class Rounds(WithFolder):
    def compare(self, field: Field, batch: int) -> list[Row]:
        rows: list[Row] = []
        with contextlib.redirect_stderr(io.StringIO()):
            field.compare(Configuration(SMALL, 1, batch), rows, rounds=3, seconds=0.01)
        return rows

    def test_a_failure_stops_neither_other_engines_nor_other_configurations(self) -> None:
        (self.folder / "nin-small-logits.json").write_text(json.dumps(stubs.LOGITS))
        peers = [
            Engine("dies at 16", "a", "none", "", Agreement.FLOAT),
            Engine("is not there", "b", "none", "", Agreement.FLOAT),
            Engine("cannot start", "c", "none", "", Agreement.FLOAT),
        ]
        pythons: dict[str, Path | str] = {
            "a": stubs.worker(self.folder, dying_batch=16),
            "b": "not installed",
            "c": self.folder / "nothing",
        }
        command = stubs.signet(self.folder, failing_batch=16)
        field = Field(peers, [OWN], pythons, command, self.folder, self.folder)
        self.addCleanup(field.close)
        for batch, problem in ((16, True), (1, False), (16, True), (2, False)):
            with self.subTest(batch=batch):
                dying, absent, broken, own = self.compare(field, batch)
                self.assertEqual("out of memory" in dying.problem, problem, dying.problem)
                self.assertEqual(absent.problem, "not installed")
                self.assertIn("FileNotFoundError", broken.problem)
                self.assertEqual("no memory" in own.problem, problem, own.problem)
                if not problem:
                    self.assertEqual(dying.milliseconds, [2.0 / batch] * 3)
                    self.assertEqual(own.milliseconds, [0.05] * 3)

    def test_every_peer_is_compared_with_the_reference(self) -> None:
        other = [row[::-1] for row in stubs.LOGITS]
        (self.folder / "nin-small-logits.json").write_text(json.dumps(other))
        python = stubs.worker(self.folder, dying_batch=0)
        peer = Engine("int8", "a", "none", "", Agreement.QUANTISED)
        field = Field([peer], [], {"a": python}, python, self.folder, self.folder)
        self.addCleanup(field.close)
        self.assertIn("cosine", self.compare(field, 1)[0].problem)

    def test_exit_code_and_report(self) -> None:
        good, bad = Row("own", True, milliseconds=[1.0]), Row("own", True, problem="a | b")
        peer = Row("peer", False, problem="not installed")
        configuration = Configuration(SMALL, 2, 16)
        with contextlib.redirect_stderr(io.StringIO()):
            for rows, code in (([good, peer], 0), ([good, bad], 1), ([peer], 1)):
                self.assertEqual(exit_code([(configuration, rows)]), code)
        about = {"date": "", "cpu": "", "features": "", "cores": 2, "kernel": "", "load_at_start": 0.25}
        settings = {"rounds": 3, "seconds": 0.7, "call_milliseconds": {}}
        text = report.markdown([(configuration, [good, bad, peer])], about, {}, settings)
        for part in ("load at the start 0.25", "2 threads, batch 16", "| own | 1.000 |", "a \\| b"):
            self.assertIn(part, text)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Oracles: the table of layers, ratios and deviations worked out by hand, Python's own compiler."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

from comparison.environments import Unavailable
from steps import accuracy, checks, report, signet
from steps.command import exit_code
from steps.configurations import configurations
from steps.memory import high_water_mark, peak_bytes
from steps.modes import MODES, PRECISIONS
from steps.rounds import Field, Row, best_peer, leanest_peer
from tests import stubs

TRAINING = Path(__file__).resolve().parents[1]
KNOWN = configurations(2)


class WithFolder(unittest.TestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)


class Modules(unittest.TestCase):
    def test_all_modules_compile(self) -> None:
        paths = [TRAINING / "run", TRAINING / "accuracy", *sorted(TRAINING.rglob("*.py"))]
        self.assertGreater(len(paths), 18)
        for path in paths:
            with self.subTest(path=path):
                compile(path.read_text(), str(path), "exec")

    def test_help_and_wrong_options(self) -> None:
        for command, code in (
            (["run", "--help"], 0),
            (["run", "--configurations", "vgg"], 2),
            (["run", "--rounds", "0"], 2),
            (["run", "--seconds", "nan"], 2),
            (["accuracy", "--help"], 0),
            (["accuracy", "--kinds", "fp16"], 2),
            (["accuracy", "--seeds", "1,x"], 2),
        ):
            with self.subTest(command=command):
                program = [sys.executable, "-B", str(TRAINING / command[0]), *command[1:]]
                result = subprocess.run(program, capture_output=True, check=False)
                self.assertEqual(result.returncode, code, result.stderr)


class Checks(unittest.TestCase):
    def problems(self, mode: str, own: str, **changes: Any) -> str:
        return "; ".join(checks.problems(stubs.comparison(**changes), mode, own))

    def test_the_same_step_passes_in_every_pair(self) -> None:
        for mode in MODES.values():
            for own in PRECISIONS:
                self.assertEqual(self.problems(mode.precision, own), "")

    def test_dead_gradients_are_named(self) -> None:
        self.assertIn(
            "PyTorch's gradient of conv2.weight is all zero", self.problems("bf16", "int8", norm=0.0)
        )
        self.assertIn("Signet's gradient of conv2.weight", self.problems("bf16", "int8", expected_norm=0.0))
        self.assertIn("not finite", self.problems("bf16", "int8", norm=-1.0))

    def test_the_coarser_side_sets_the_tolerance(self) -> None:
        for mode, own, least in (("fp32", "fp32", 0.9998), ("fp32", "int8", 0.9899), ("bf16", "int8", 0.96)):
            self.assertAlmostEqual(checks.least_cosines(mode, own)[0], least)
        for mode, own, cosine in (("fp32", "fp32", 0.9997), ("fp32", "int8", 0.985), ("bf16", "fp32", 0.96)):
            self.assertIn("cosine", self.problems(mode, own, cosine=cosine))
        self.assertEqual(self.problems("fp32", "int8", cosine=0.9998), "")
        self.assertIn("cosine nan", self.problems("fp32", "fp32", cosine=float("nan")))

    def test_loss_length_and_first_signs(self) -> None:
        self.assertIn("1.50 times as long", self.problems("bf16", "bf16", norm=3.0))
        for change, message in (
            ({"loss": 2.4}, "loss 2.40000, Signet's 2.30000"),
            ({"loss": float("nan")}, "not finite"),
            ({"flips": {"conv2": 0.01}}, "1.0% of the signs of conv2"),
        ):
            found = checks.problems({**stubs.comparison(), **change}, "fp32", "fp32")
            self.assertIn(message, "; ".join(found))

    def test_summary_is_of_the_worst(self) -> None:
        worst = checks.summary(stubs.comparison(cosine=0.5, error=0.25))
        self.assertEqual((worst["least_weight_cosine"], worst["greatest_weight_error"]), (0.5, 0.25))
        self.assertEqual((worst["least_cosine"], worst["first_flips"]), (0.5, 1e-6))
        self.assertEqual(worst["greatest_flips"], 0.2)


class OwnRows(WithFolder):
    def runner(self, name: str = "nin-small-m2", own: str = "bf16", **changes: Any) -> signet.OwnRunner:
        return signet.OwnRunner(stubs.signet(self.folder, **changes), KNOWN[name], own)

    def test_time_is_of_the_batch(self) -> None:
        turn = self.runner().run(0.01)
        self.assertEqual((turn.milliseconds, turn.peak_bytes), (64 * 0.25, 50 * 2**20))
        self.assertEqual(self.runner("nin-full").run(0.01).milliseconds, 32 * 0.25)

    def test_every_turn_lasts_as_asked(self) -> None:
        """A batch takes 16 ms: 10 s are 625 runs, whether a step was saved before or not."""
        alone, checked = self.runner(), self.runner()
        checked.save_step(self.folder / "step")
        asked = self.folder / "runs-asked"
        asked.unlink()
        for runner in (alone, checked):
            runner.run(10)
            runner.run(0.16)
        self.assertEqual(asked.read_text().split(), ["3", "625", "10", "625", "10"])

    def test_a_layer_alone_is_forward_and_backward(self) -> None:
        turn = self.runner("nin-conv1", "fp32").run(0.01)
        self.assertAlmostEqual(turn.milliseconds, 32 * 0.03)
        self.assertEqual(turn.peak_bytes, 0)
        with self.assertRaisesRegex(Unavailable, "no times of layer conv1"):
            self.runner("nin-conv1", "fp32", layers=stubs.LAYERS[1:]).run(0.01)

    def test_what_must_not_pass(self) -> None:
        for changes, message in (
            ({"network": "nin"}, "something else"),
            ({"precision": "fp32"}, "something else"),
            ({"binarizations": 1}, "something else"),
            ({"layers": 3}, "no layers"),
            ({"milliseconds_per_image": 0}, "milliseconds"),
            ({"milliseconds_per_image": None}, "milliseconds"),
            ({"peak_resident_bytes": float("nan")}, "bytes"),
            ({"failing": "bf16"}, "no memory"),
        ):
            with self.subTest(changes=changes), self.assertRaisesRegex(Unavailable, message):
                self.runner(**changes).run(0.01)

    def test_data_is_found_where_signet_finds_it(self) -> None:
        self.assertEqual(signet.data_folder(None), Path("/usr/share/datasets/fashion-mnist"))
        inner = self.folder / "fashion-mnist"
        inner.mkdir()
        (self.folder / "train-images-idx3-ubyte").touch()
        self.assertEqual(signet.data_folder(str(self.folder)), self.folder)
        (inner / "train-images-idx3-ubyte.gz").touch()
        self.assertEqual(signet.data_folder(str(self.folder)), inner)


class Rounds(WithFolder):
    def compare(self, name: str, command: Path | None, python: Path | str) -> dict[str, Row]:
        rows: list[Row] = []
        field = Field(command, python, self.folder, list(MODES), list(PRECISIONS), epochs=False)
        with contextlib.redirect_stderr(io.StringIO()):
            field.compare(KNOWN[name], rows, rounds=2, seconds=0.01)
        return {row.label: row for row in rows}

    def test_a_failure_stops_no_other_side(self) -> None:
        command = stubs.signet(self.folder, failing="int8")
        python = stubs.worker(self.folder, wrong_mode="bf16-compiled", dead_precision="bf16")
        rows = self.compare("nin-small-m1", command, python)
        self.assertEqual(len(rows), 7)
        self.assertIn("no memory", rows["Signet int8"].problem)
        self.assertIn("no compiler", rows["PyTorch bf16 compiled"].problem)
        self.assertIn("check failed against bf16: PyTorch's", rows["PyTorch fp32"].problem)
        self.assertEqual(rows["Signet bf16"].milliseconds, [0.25, 0.25])

    def test_every_pair_is_checked_and_every_side_timed(self) -> None:
        rows = self.compare("nin-small-m1", stubs.signet(self.folder), stubs.worker(self.folder))
        for row in rows.values():
            self.assertEqual(row.milliseconds, [0.25, 0.25] if row.is_own else [1.0, 1.0], row.problem)
            self.assertEqual(list(row.checks), [] if row.is_own else list(PRECISIONS))

    def test_a_layer_alone_has_nothing_to_check(self) -> None:
        rows = self.compare("nin-conv1", stubs.signet(self.folder), stubs.worker(self.folder))
        own = ["Signet fp32", "Signet bf16"]
        self.assertEqual(list(rows), own + [mode.label for mode in MODES.values()])
        self.assertEqual([row.problem + str(row.checks) for row in rows.values()], ["{}"] * 6)

    def test_pytorch_alone_and_no_pytorch(self) -> None:
        alone = self.compare("nin-small-m1", None, stubs.worker(self.folder))
        self.assertEqual(list(alone), [mode.label for mode in MODES.values()])
        absent = self.compare("nin-full", stubs.signet(self.folder), "not installed")
        self.assertEqual(absent["PyTorch fp32"].problem, "not installed")
        self.assertEqual(absent["Signet fp32"].problem, "")


class Reports(unittest.TestCase):
    def rows(self) -> list[Row]:
        """Medians 2, 8, 4 and 3 ms."""
        mebi = 2**20
        own = Row("Signet int8", "int8", True, milliseconds=[1.0, 2.0, 5.0], peak_bytes=50 * mebi)
        own.epochs, own.layers = [9.0, 10.0, 20.0], stubs.LAYERS
        compiled = Row(
            "PyTorch fp32 compiled", "fp32-compiled", False, milliseconds=[8.0], peak_bytes=100 * mebi
        )
        bf16 = Row(
            "PyTorch bf16", "bf16", False, milliseconds=[4.0], peak_bytes=200 * mebi, epochs=[30.0]
        )
        bf16.checks = {"int8": checks.summary(stubs.comparison())}
        broken = Row("PyTorch fp32", "fp32", False, milliseconds=[1.0], problem="check failed | why")
        return [own, compiled, bf16, broken]

    def test_ratios(self) -> None:
        rows = self.rows()
        self.assertEqual((best_peer(rows), leanest_peer(rows)), (rows[2], rows[1]))
        self.assertEqual(
            report.ratios(rows)["int8"],
            {
                "faster_than_best": 2.0,
                "faster_than_fp32_compiled": 4.0,
                "smaller_than_leanest": 2.0,
                "epoch_faster_than_best": 3.0,
            },
        )
        self.assertEqual(report.ratios(rows[:1]), {"int8": {}})

    def test_tables_and_exit_code(self) -> None:
        about = {"date": "", "cpu": "", "features": "", "cores": 2, "kernel": "", "load_at_start": 0.25}
        settings = {"command": "run --rounds 3", "rounds": 3, "seconds": 6.0}
        results = [(KNOWN["nin-small-m1"], self.rows())]
        text = report.markdown(results, about, {"torch": "2"}, settings)
        for part in (
            "## nin-small, M = 1, batch 64, 2 threads",
            "**1 checks failed",
            "| Signet int8 | 2.000 | 1.000…5.000 | 50 |",
            "check failed \\| why",
            "| Signet int8 | 2.00× | 4.00× | 2.00× |",
            "| Signet int8 | 10.0 | 9.0, 10.0, 20.0 | 110.0 |",
            "| conv2 | 288 | 91%; 76%; 50% |",
        ):
            self.assertIn(part, text)
        written = json.loads(json.dumps(report.as_json(results, about, {}, settings)))
        self.assertEqual(written["results"][0]["sides"][0]["milliseconds_per_image"], 2.0)
        with contextlib.redirect_stderr(io.StringIO()):
            self.assertEqual(exit_code(results), 1)
            self.assertEqual(exit_code([(KNOWN["nin-m1"], self.rows()[:3])]), 0)
            self.assertEqual(exit_code([]), 1)

    def test_peak_memory(self) -> None:
        self.assertEqual(high_water_mark("Name:\tpython\nVmHWM:\t   1234 kB\nVmRSS: 1 kB\n"), 1234 * 1024)
        with self.assertRaises(ValueError):
            high_water_mark("VmRSS: 1 kB")
        before = peak_bytes()
        held = bytearray(os.urandom(1 << 20)) * 64
        self.assertGreater(peak_bytes(), before + len(held) // 2)


class Accuracy(WithFolder):
    def test_means_deviations_and_differences(self) -> None:
        # Deviation of 0.90 and 0.91 is sqrt(2 · 0.005²) = 0.00707.
        scores = {"fp32": [0.90, 0.91], "int8": [0.906, 0.899], "pytorch": [0.90]}
        lines = accuracy.summary(scores)
        self.assertEqual(lines[0], "fp32     mean of 2: 90.500 ± 0.707 %")
        self.assertEqual(lines[2], "pytorch  mean of 1: 90.000 %")
        self.assertEqual(lines[3], "int8 against fp32: -0.250 points")
        self.assertEqual(lines[4], "fp32 against pytorch: +0.500 points")
        worse = accuracy.summary({"fp32": [0.905], "bf16": [0.901]})
        self.assertEqual(worse[-1], "bf16 against fp32: -0.400 points, more than 0.3 below")

    def test_runs_are_kept(self) -> None:
        log = self.folder / "log"
        command = stubs.program(
            self.folder / "signet",
            f"""
            import json, pathlib, sys
            with open({str(log)!r}, "a") as file:
                file.write(" ".join(sys.argv[1:]) + chr(10))
            if sys.argv[1] == "train":
                run = pathlib.Path(sys.argv[sys.argv.index("--output") + 1])
                run.mkdir(exist_ok=True)
                (run / "checkpoint.safetensors").touch()
            print(json.dumps({{"top1": 0.9, "seconds": 1.0}}))
            """,
        )
        arguments = ["accuracy", "--signet", str(command), "--kinds", "int8", "--seeds", "7", "--output"]
        with mock.patch.object(sys, "argv", [*arguments, str(self.folder / "runs")]):
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                self.assertEqual([accuracy.main(), accuracy.main()], [0, 0])
        first, _, second, _ = log.read_text().splitlines()
        self.assertIn("--precision int8 --seed 7", first)
        self.assertIn("train --resume", second)
        self.assertNotIn("--precision", second)

    def test_a_fraction_is_wanted(self) -> None:
        self.assertEqual(accuracy.fraction({"top1": 0.5}), 0.5)
        for value in (None, 90.5, float("nan"), "0.9"):
            with self.subTest(value=value), self.assertRaises(Unavailable):
                accuracy.fraction({"top1": value})


if __name__ == "__main__":
    unittest.main()

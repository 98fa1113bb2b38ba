# SPDX-License-Identifier: Apache-2.0
"""Tests of the comparison's own Python, standard library alone: `python3 -m unittest` in Benchmarks/training."""

import steps  # noqa: F401: it finds the package `comparison`, which the tests import too

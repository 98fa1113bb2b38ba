# SPDX-License-Identifier: Apache-2.0
"""Tests of this folder's Python, standard library alone: `python3 -m unittest` in Benchmarks/training."""

import steps as steps  # finds the package `comparison`, which the tests import too

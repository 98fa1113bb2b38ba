# SPDX-License-Identifier: Apache-2.0
"""Compares whole training steps with PyTorch's: same blocks, same batch, same machine, one run.

What both comparisons need (the table of layers, the machine, virtual environments, the conversation with a
worker) is the package `comparison` in ../peers.
"""

import sys
from pathlib import Path

PEERS = Path(__file__).resolve().parents[2] / "peers"
if str(PEERS) not in sys.path:
    sys.path.append(str(PEERS))

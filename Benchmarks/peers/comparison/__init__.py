# SPDX-License-Identifier: Apache-2.0
"""Compares Signet's engine with its peers: same networks, same machine, one run."""

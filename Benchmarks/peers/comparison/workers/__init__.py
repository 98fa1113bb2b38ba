# SPDX-License-Identifier: Apache-2.0
"""What runs inside the peers' virtual environments, one process for each engine."""

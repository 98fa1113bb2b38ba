# SPDX-License-Identifier: Apache-2.0
"""What the run was made on."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path


def describe() -> dict[str, str | int]:
    """CPU model, its instruction sets that matter here, cores, kernel and date."""
    cpu = _cpuinfo()
    flags = set(cpu.get("flags", cpu.get("Features", "")).split())
    wanted = (
        "avx2",
        "avx512f",
        "avx512_vpopcntdq",
        "avx512_vnni",
        "avx512_bf16",
        "amx_int8",
        "asimd",
        "asimddp",
    )
    return {
        "cpu": cpu.get("model name") or platform.processor() or platform.machine(),
        "features": " ".join(name for name in wanted if name in flags),
        "cores": usable_cores(),
        "kernel": f"{platform.system()} {platform.release()}",
        "date": datetime.date.today().isoformat(),
    }


def usable_cores() -> int:
    """Cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def load() -> float:
    """The load average of the last minute."""
    return os.getloadavg()[0]


def _cpuinfo() -> dict[str, str]:
    """The first processor of /proc/cpuinfo, empty elsewhere."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    pairs = [line.split(":", 1) for line in path.read_text().split("\n\n")[0].splitlines() if ":" in line]
    return {name.strip(): value.strip() for name, value in pairs}

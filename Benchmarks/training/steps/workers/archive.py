# SPDX-License-Identifier: Apache-2.0
"""Reads a safetensors file: 8 bytes of header length, the header as JSON, the tensors' bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

TYPES = {"F32": np.dtype("<f4"), "I32": np.dtype("<i4"), "I64": np.dtype("<i8")}


class ArchiveError(Exception):
    """The file is not what it should be; the message says what, and where."""


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors by name, and the metadata."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise ArchiveError(f"{path}: {len(data)} bytes are too few for a header of {length}")
    try:
        header = json.loads(data[8 : 8 + length])
        metadata = header.pop("__metadata__", {})
        tensors = {name: _tensor(data, 8 + length, entry) for name, entry in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArchiveError(f"{path}: the header is wrong: {type(error).__name__}: {error}") from error
    return tensors, metadata


def _tensor(data: bytes, start: int, entry: dict[str, Any]) -> np.ndarray:
    first, end = entry["data_offsets"]
    if not 0 <= first <= end <= len(data) - start:
        raise ValueError(f"bytes {first} to {end} are outside the file")
    values = np.frombuffer(data[start + first : start + end], TYPES[entry["dtype"]])
    return values.reshape(entry["shape"])

# SPDX-License-Identifier: Apache-2.0
"""Fashion-MNIST as tensors: IDX files, gzipped or not, normalised as Signet does."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Part:
    """Images [N, 1, 28, 28] and labels [N]."""

    images: Tensor
    labels: Tensor


def load(folder: Path, held_out: int = 0) -> tuple[Part, Part]:
    """The training part less its last images, and the test part, by mean and deviation of the former."""
    pixels, labels = _read(folder, "train")
    count = len(pixels) - held_out
    pixels, labels = pixels[:count], labels[:count]
    scaled = pixels.astype(np.float64) / 255
    mean, deviation = scaled.mean(), scaled.std()
    return _part(pixels, labels, mean, deviation), _part(*_read(folder, "t10k"), mean, deviation)


def _part(pixels: np.ndarray, labels: np.ndarray, mean: float, deviation: float) -> Part:
    table = ((np.arange(256) / 255 - mean) / deviation).astype(np.float32)
    return Part(torch.from_numpy(table[pixels][:, np.newaxis]), torch.from_numpy(labels.astype(np.int64)))


def _read(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    images = read_idx(_found(folder, f"{part}-images-idx3-ubyte"))
    labels = read_idx(_found(folder, f"{part}-labels-idx1-ubyte"))
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise ValueError(f"{folder}: {part} has images {images.shape} and labels {labels.shape}")
    return images, labels


def _found(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.exists():
            return path
    raise FileNotFoundError(f"{folder}: neither {name} nor {name}.gz is there")


def read_idx(path: Path) -> np.ndarray:
    """An array of bytes: two zeros, 8 for bytes, the number of dimensions, each of them, the values."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if len(data) < 4 or data[:3] != b"\0\0\x08":
        raise ValueError(f"{path}: not an IDX file of bytes")
    start = 4 + 4 * data[3]
    shape = np.frombuffer(data[4:start], ">u4").astype(int) if len(data) >= start else np.zeros(0, int)
    if len(shape) != data[3] or len(data) - start != np.prod(shape):
        raise ValueError(f"{path}: {len(data)} bytes for the shape {tuple(shape)}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)

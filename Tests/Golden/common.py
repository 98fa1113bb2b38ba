# SPDX-License-Identifier: Apache-2.0
"""What the fixture scripts share: layers from their formulas, one Adam step, and the file's layout.

Everything is computed in float64 and stored as float32. Inputs and parameters are rounded to float32 before
use, so that a reader starts from exactly the numbers that the script started from.
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

EPSILON = 1e-5  # of BatchNorm
MOMENTUM = 0.1  # running <- (1 - MOMENTUM) * running + MOMENTUM * batch
ADAM = dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8)


def exact(values):
    """A float64 tensor whose values float32 holds exactly."""
    return torch.from_numpy(np.asarray(values, dtype=np.float32).astype(np.float64))


def batch_norm(x, scale, shift, running_mean, running_variance):
    """Train-mode BatchNorm of an NCHW tensor; returns output, running mean after, running variance after.

    The biased variance (divided by N*H*W) normalises AND feeds the running variance: Signet's choice.
    torch.nn.BatchNorm2d feeds the unbiased one to the running variance.
    """
    mean = x.mean(dim=(0, 2, 3))
    variance = x.var(dim=(0, 2, 3), unbiased=False)
    column = lambda v: v[None, :, None, None]
    y = column(scale) * (x - column(mean)) / torch.sqrt(column(variance) + EPSILON) + column(shift)
    follow = lambda running, batch: (1 - MOMENTUM) * running + MOMENTUM * batch.detach()
    return y, follow(running_mean, mean), follow(running_variance, variance)


def adam_step(parameters, clipped=()):
    """One step of torch.optim.Adam from zero moments, then the clip of the named parameters to [-1, 1].

    Returns the tensors `after.NAME`, `after.adam.first_moment.NAME`, `after.adam.second_moment.NAME`.
    """
    optimizer = torch.optim.Adam(parameters.values(), **ADAM)
    optimizer.step()
    tensors = {}
    with torch.no_grad():
        for name, parameter in parameters.items():
            if name in clipped:
                parameter.clamp_(-1, 1)
            tensors[f"after.{name}"] = parameter.clone()
            tensors[f"after.adam.first_moment.{name}"] = optimizer.state[parameter]["exp_avg"]
            tensors[f"after.adam.second_moment.{name}"] = optimizer.state[parameter]["exp_avg_sq"]
    return tensors


def write(file_name, tensors, description):
    """Writes F32 tensors (integers keep their type).

    4-D tensors go from NCHW to NHWC and from OIHW to OHWI; a scalar gets the shape [1].
    """
    stored = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach()
        if tensor.dim() == 4:
            tensor = tensor.permute(0, 2, 3, 1)
        array = tensor.numpy()
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        stored[name] = np.ascontiguousarray(np.atleast_1d(array))
    path = Path(__file__).with_name(file_name)
    # One metadata key, so that the bytes do not depend on the order of a hash map.
    save_file(stored, path, metadata={"description": json.dumps(description, sort_keys=True)})
    print(f"{path.name}: {len(stored)} tensors, {path.stat().st_size} bytes")

# SPDX-License-Identifier: Apache-2.0
"""One whole training step of a full-precision block, with groups, a stride, padding and a bias.

BatchNorm -> conv 5x5, stride 2, padding 2, 2 groups (4 -> 6), bias -> ReLU -> global average -> softmax
cross-entropy (batch mean); one Adam step, nothing clipped. The input is 8 x 7: along the width the windows
use the padding up, along the height the last row of padding is never read.
"""

import numpy as np
import torch
import torch.nn.functional as F

from common import ADAM, EPSILON, MOMENTUM, adam_step, batch_norm, exact, write

N, H, W, C = 3, 8, 7, 4
FILTERS, KERNEL, STRIDE, PADDING, GROUPS = 6, 5, 2, 2, 2


def start(seed):
    """Input, labels, parameters and running statistics before the step."""
    random = np.random.Generator(np.random.PCG64(seed))
    uniform = lambda low, high, *shape: exact(random.uniform(low, high, shape))
    x = exact(uniform(-2, 2, N, C, H, W) + uniform(-1, 1, 1, C, 1, 1))
    labels = torch.from_numpy(random.integers(0, FILTERS, N))
    parameters = {
        "bn1.scale": uniform(0.6, 1.4, C), "bn1.shift": uniform(-0.3, 0.3, C),
        "conv1.weight": uniform(-0.5, 0.5, FILTERS, C // GROUPS, KERNEL, KERNEL),
        "conv1.bias": uniform(-0.5, 0.5, FILTERS),
    }
    running = {"bn1.running_mean": uniform(-1, 1, C), "bn1.running_variance": uniform(0.5, 2, C)}
    return x, labels, parameters, running


def forward(x, labels, p, running):
    """Every layer's output in order, the loss and the running statistics after."""
    a, after = {}, {}
    a["bn1"], after["bn1.running_mean"], after["bn1.running_variance"] = batch_norm(
        x, p["bn1.scale"], p["bn1.shift"], running["bn1.running_mean"], running["bn1.running_variance"])
    a["conv1"] = F.conv2d(
        a["bn1"], p["conv1.weight"], p["conv1.bias"], stride=STRIDE, padding=PADDING, groups=GROUPS)
    a["relu1"] = F.relu(a["conv1"])
    a["logits"] = a["relu1"].mean(dim=(2, 3))
    return a, F.cross_entropy(a["logits"], labels), after


def step(seed):
    """The fixture's tensors, and the least distance of a ReLU's input and of a gradient from 0."""
    x, labels, parameters, running = start(seed)
    tensors = {"input": x.clone(), "labels": labels}
    tensors |= {f"before.{name}": value.clone() for name, value in (parameters | running).items()}
    for tensor in (x, *parameters.values()):
        tensor.requires_grad_()
    a, loss, after = forward(x, labels, parameters, running)
    layers = torch.autograd.grad(loss, list(a.values()), retain_graph=True)
    loss.backward()
    gradients = {name: parameter.grad.clone() for name, parameter in parameters.items()}
    distances = (a["conv1"].abs().min().item(), min(g.abs().min().item() for g in gradients.values()))
    tensors |= {f"activation.{name}": value for name, value in a.items()}
    tensors["loss.cross_entropy"] = loss
    tensors |= {f"gradient.activation.{name}": value for name, value in zip(a, layers)}
    tensors |= {f"gradient.{name}": value for name, value in gradients.items()}
    tensors["gradient.input"] = x.grad
    tensors |= adam_step(parameters)
    tensors |= {f"after.{name}": value for name, value in after.items()}
    return tensors, distances


if __name__ == "__main__":
    far = lambda distances: distances[0] > 1e-3 and distances[1] > 1e-5
    seed = next(seed for seed in range(10000) if far(step(seed)[1]))
    tensors, (relu, gradient) = step(seed)
    print(f"seed {seed}; relu1 {relu:.2g} > 0.001, gradient {gradient:.2g} > 1e-05")
    write("float_block.safetensors", tensors, {
        "seed": seed, "stride": STRIDE, "padding": PADDING, "groups": GROUPS,
        "epsilon": EPSILON, "momentum": MOMENTUM, **ADAM})

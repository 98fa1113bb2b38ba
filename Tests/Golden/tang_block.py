# SPDX-License-Identifier: Apache-2.0
"""One whole training step of the paper's block, for M = 1 and M = 2 binarizations of the activations.

BatchNorm -> binarize (M) -> binary conv 3x3 pad 1 (5 -> 7) -> PReLU -> max-pool 2x2/2, rounded up -> BatchNorm
-> binarize (M) -> binary conv 1x1 (7 -> 3) -> global average -> scale layer -> softmax cross-entropy (batch mean),
plus lambda * sum(1 - W^2) over the latent weights of both convolutions; one Adam step; clip of the latent weights.

A sign has a jump, so a fixture is only useful away from it: `margins` rejects a seed whose step comes near one.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

from common import ADAM, EPSILON, MOMENTUM, adam_step, batch_norm, exact, write

N, H, W, C = 4, 6, 5, 5
FILTERS, CLASSES = 7, 3
LAMBDA = 5e-3
LATENT = ("conv1.weight", "conv2.weight")
SLOPES = (0.25, 0.1, -0.37, 0.5, 0.05, 0.8, 0.2)


def sign(x):
    """+1 where x >= 0, which holds for 0 and -0; else -1."""
    return torch.where(x >= 0, 1.0, -1.0)


def straight_through(value, x):
    """`value` forward; the derivative of clip(x, -1, 1) backward, which is 1 where |x| <= 1, edges included.

    clip(x) minus itself is exactly 0, so `value` stays exact: the accumulators keep their exact ties.
    """
    clipped = torch.clamp(x, -1, 1)
    return value.detach() + (clipped - clipped.detach())


def binarize(x, count):
    """M residual binarizations. Returns x^, the batch's betas, their 8-bit integers n and the exponent e.

    M = 1: x^ = sign(x), no beta. M = 2: x^ = b1 H1 + b2 H2 with H1 = sign(x), H2 = sign(x - b1 H1) and
    b_m = n_m 2^-e, where e = 7 - floor(log2 beta_1), n_m = max(1, round(beta_m 2^e)), halves away from zero.
    Sums of b_m * (+-1) are then exact in float32, in any order.
    """
    if count == 1:
        return straight_through(sign(x), x), None, None, None
    residual, value = x.detach(), torch.zeros_like(x)
    betas, levels, exponent = [], [], None
    for _ in range(count):
        beta = residual.abs().mean().item()  # over the whole tensor of this batch
        if exponent is None:
            exponent = 7 - math.floor(math.log2(beta))
        level = max(1, math.floor(beta * 2.0**exponent + 0.5))
        plane = level * 2.0**-exponent * sign(residual)
        value, residual = value + plane, residual - plane
        betas.append(beta)
        levels.append(level)
    return straight_through(value, x), betas, levels, exponent


def start(seed):
    """Input, labels, parameters and running statistics before the step."""
    random = np.random.Generator(np.random.PCG64(seed))
    uniform = lambda low, high, *shape: exact(random.uniform(low, high, shape))
    x = uniform(-2, 2, N, C, H, W) + uniform(-1, 1, 1, C, 1, 1)
    labels = torch.from_numpy(random.integers(0, CLASSES, N))
    parameters = {
        "bn1.scale": uniform(0.6, 1.4, C), "bn1.shift": uniform(-0.3, 0.3, C),
        "conv1.weight": uniform(-1, 1, FILTERS, C, 3, 3), "prelu1.slope": exact(SLOPES),
        "bn2.scale": uniform(0.6, 1.4, FILTERS), "bn2.shift": uniform(-0.3, 0.3, FILTERS),
        "conv2.weight": uniform(-1, 1, CLASSES, FILTERS, 1, 1), "scale.factor": exact(1 / FILTERS),
    }
    parameters["bn1.scale"][1] *= -1  # a negative gamma flips the comparison of a deployed threshold
    parameters["bn2.scale"][4] *= -1
    # Latent weights at the ends of their range, at both zeros, and so near to 0 that one step flips some.
    parameters["conv1.weight"].view(-1)[::21] = exact(
        [1, -1, 0.9996, -0.9996, 0.0, -0.0, 4e-4, -4e-4, 6e-4, -6e-4, 1, -1, 0.9996, -0.9996, 5e-4])
    running = {}
    for layer, channels in (("bn1", C), ("bn2", FILTERS)):
        running[f"{layer}.running_mean"] = uniform(-1, 1, channels)
        running[f"{layer}.running_variance"] = uniform(0.5, 2, channels)
    running["binarize1.running_beta"] = exact([0.75, 0.5])
    running["binarize2.running_beta"] = exact([0.875, 0.375])
    return exact(x), labels, parameters, running


def forward(x, labels, p, running, count):
    """Every layer's output in order, losses, betas and the running values after."""
    a, losses, betas, after = {}, {}, {}, {}

    def normalise_and_binarize(index, x):
        bn, name = f"bn{index}", f"binarize{index}"
        a[bn], after[f"{bn}.running_mean"], after[f"{bn}.running_variance"] = batch_norm(
            x, p[f"{bn}.scale"], p[f"{bn}.shift"], running[f"{bn}.running_mean"], running[f"{bn}.running_variance"])
        a[name], batch, levels, exponent = binarize(a[bn], count)
        if count > 1:
            betas[f"{name}.batch"] = torch.tensor(batch)
            betas[f"{name}.quantized"] = torch.tensor(levels) * 2.0**-exponent
            betas[f"{name}.levels"] = torch.tensor(levels, dtype=torch.int32)
            betas[f"{name}.exponent"] = torch.tensor(exponent, dtype=torch.int32)
            key = f"{name}.running_beta"  # follows the betas before they are quantised
            after[key] = (1 - MOMENTUM) * running[key] + MOMENTUM * torch.tensor(batch)

    binary = lambda weight: straight_through(sign(weight), weight)
    normalise_and_binarize(1, x)
    a["conv1"] = F.conv2d(a["binarize1"], binary(p["conv1.weight"]), padding=1)
    a["prelu1"] = torch.where(a["conv1"] > 0, a["conv1"], p["prelu1.slope"][None, :, None, None] * a["conv1"])
    a["pool1"] = F.max_pool2d(a["prelu1"], 2, 2, ceil_mode=True)
    normalise_and_binarize(2, a["pool1"])
    a["conv2"] = F.conv2d(a["binarize2"], binary(p["conv2.weight"]))
    a["average"] = a["conv2"].mean(dim=(2, 3))
    a["logits"] = p["scale.factor"] * a["average"]
    losses["cross_entropy"] = F.cross_entropy(a["logits"], labels)
    losses["regularizer"] = LAMBDA * sum((1 - p[name] ** 2).sum() for name in LATENT)
    losses["total"] = losses["cross_entropy"] + losses["regularizer"]
    return a, losses, betas, after


def margins(a, betas, gradients):
    """What must stay away from a jump: name -> (distance, least distance accepted)."""
    result = {}
    for layer in ("1", "2"):
        x = a["bn" + layer].detach()
        edges = [0.0, 1.0]  # the sign, the mask of the straight-through gradient
        if betas:
            batch, quantized = betas[f"binarize{layer}.batch"], betas[f"binarize{layer}.quantized"]
            exponent = betas[f"binarize{layer}.exponent"].item()
            edges.append(quantized[0].item())  # the second sign
            scaled = batch * 2.0**exponent
            result["rounding" + layer] = ((scaled - scaled.floor() - 0.5).abs().min().item(), 1e-2)
            octave = math.log2(batch[0].item())
            result["octave" + layer] = (abs(octave - round(octave)), 1e-2)
        result["bn" + layer] = (min((x.abs() - edge).abs().min().item() for edge in edges), 1e-3)
    # Pool: the largest is either the same accumulator (an exact tie, the first one wins) or clearly larger.
    padded = F.pad(a["prelu1"].detach(), (0, W % 2, 0, H % 2), value=-math.inf)
    windows = padded.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)
    gaps = windows.amax(4, keepdim=True) - windows
    result["pool1"] = (gaps[gaps > 0].min().item(), 1e-4)
    # Adam's first step is lr * g / (|g| + 1e-8): the sign of a gradient must not hang on rounding.
    result["gradient"] = (min(g.abs().min().item() for g in gradients.values()), 1e-5)
    return result


def step(seed, count):
    """The fixture's tensors, and whether every margin holds."""
    x, labels, parameters, running = start(seed)
    tensors = {"input": x.clone(), "labels": labels}
    tensors |= {f"before.{name}": value.clone() for name, value in (parameters | running).items()
                if count > 1 or "beta" not in name}
    for tensor in (x, *parameters.values()):
        tensor.requires_grad_()
    a, losses, betas, after = forward(x, labels, parameters, running, count)
    names, leaves = list(parameters), list(parameters.values())
    data = dict(zip(names, torch.autograd.grad(losses["cross_entropy"], leaves, retain_graph=True)))
    layers = torch.autograd.grad(losses["total"], list(a.values()), retain_graph=True)
    losses["total"].backward()
    gradients = {name: parameter.grad for name, parameter in parameters.items()}
    distances = margins(a, betas, gradients)
    tensors |= {f"activation.{name}": value for name, value in a.items()}
    tensors |= {f"beta.{name}": value for name, value in betas.items()}
    tensors |= {f"loss.{name}": value for name, value in losses.items()}
    tensors |= {f"gradient.activation.{name}": value for name, value in zip(a, layers)}
    tensors |= {f"gradient.{name}": value.clone() for name, value in gradients.items()}
    tensors |= {f"gradient.cross_entropy.{name}": data[name] for name in LATENT}  # without the regulariser
    tensors["gradient.input"] = x.grad
    tensors |= adam_step(parameters, clipped=LATENT)
    tensors |= {f"after.{name}": value for name, value in after.items()}
    for name in LATENT:
        flips = sign(tensors[f"before.{name}"]) != sign(tensors[f"after.{name}"])
        tensors[f"sign_changes.{name}"] = flips.sum().to(torch.int32)
    return tensors, distances, all(distance > least for distance, least in distances.values())


if __name__ == "__main__":
    for count in (1, 2):
        seed = next(seed for seed in range(10000) if step(seed, count)[2])
        tensors, distances, _ = step(seed, count)
        print(f"M = {count}: seed {seed};", ", ".join(f"{k} {v:.2g} > {l:g}" for k, (v, l) in distances.items()))
        write(f"tang_block_m{count}.safetensors", tensors, {
            "binarizations": count, "seed": seed, "lambda": LAMBDA, "epsilon": EPSILON, "momentum": MOMENTUM, **ADAM})

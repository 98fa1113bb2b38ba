# SPDX-License-Identifier: Apache-2.0
"""One training step of a small network by each of the baseline methods, from their formulas, with autograd.

    conv a (3x3, real) -> block b (3x3, padding 1) -> max-pool 2x2/2, rounded up -> last layer c (1x1) -> average

What a block is made of is the method's own; see the table METHODS and README.md. Names are those of Signet's layers and
parameters. As in tang_block.py, a seed is taken at which no value is near a jump.
"""

import numpy as np
import torch
import torch.nn.functional as F

from common import ADAM, EPSILON, MOMENTUM, adam_step, batch_norm, exact, write

N, H, W, C = 4, 6, 5, 3
FIRST, FILTERS, CLASSES = 6, 7, 3

# weights: sign, filter (sign with a magnitude a filter), layer (sign with one magnitude); inputs: real, sign, or bits.
METHODS = {
    "binaryconnect": dict(weights="sign", inputs="real", first="relu", last="binary", clip=True),
    "bnn": dict(weights="sign", inputs="sign", first=None, last="binary", clip=True),
    "bwn": dict(weights="filter", inputs="real", first="relu", last="full", clip=True),
    "xnor": dict(weights="filter", inputs="sign", first="relu", last="full", clip=True),
    "dorefa_k1": dict(weights="layer", inputs=1, first=None, last="full", clip=False),
    "dorefa_k2": dict(weights="layer", inputs=2, first=None, last="full", clip=False),
    "dorefa_k3": dict(weights="layer", inputs=3, first=None, last="full", clip=False),
}
NORM_FIRST = {"xnor"}


def sign(x):
    return torch.where(x >= 0, 1.0, -1.0)


class FilterWeights(torch.autograd.Function):
    """XNOR-Net's weights with the gradient of its section 3.1: dW = g (1/n + alpha 1[|W| <= 1])."""

    @staticmethod
    def forward(context, weight):
        alpha = weight.abs().mean(dim=(1, 2, 3), keepdim=True)
        context.save_for_backward(weight, alpha)
        return alpha * sign(weight)

    @staticmethod
    def backward(context, gradient):
        weight, alpha = context.saved_tensors
        inside = (weight.abs() <= 1).to(weight.dtype)
        return gradient * (1 / weight[0].numel() + alpha * inside)


class PlainWeights(torch.autograd.Function):
    """sign(W), or sign(W) E|W| of the layer; straight-through wherever W is."""

    @staticmethod
    def forward(context, weight, scaled):
        return sign(weight) * (weight.abs().mean() if scaled else 1.0)

    @staticmethod
    def backward(context, gradient):
        return gradient, None


def binary_weights(weight, kind):
    return FilterWeights.apply(weight) if kind == "filter" else PlainWeights.apply(weight, kind == "layer")


def convolve(x, weight, method, padding=0):
    """A convolution with binary weights; of quantised inputs its sums are exact multiples, with their exact ties."""
    y = F.conv2d(x, binary_weights(weight, method["weights"]), padding=padding)
    if method["inputs"] == "real":
        return y
    steps = 1 if method["inputs"] == "sign" else 2 ** method["inputs"] - 1
    count = F.conv2d(torch.round(x.detach() * steps), sign(weight.detach()), padding=padding)
    alpha = dict(sign=torch.tensor(1.0), layer=weight.abs().mean(),
                 filter=weight.abs().mean(dim=(1, 2, 3))[None, :, None, None])[method["weights"]].detach()
    return count * (alpha / steps) + (y - y.detach())


class Quantize(torch.autograd.Function):
    """sign(z) with the gradient of hard tanh, or k bits in [0, 1] with that of clip(z, 0, 1)."""

    @staticmethod
    def forward(context, z, inputs):
        context.save_for_backward(z)
        context.inputs = inputs
        if inputs == "sign":
            return sign(z)
        steps = 2**inputs - 1
        return torch.round(steps * z.clamp(0, 1)) / steps

    @staticmethod
    def backward(context, gradient):
        (z,) = context.saved_tensors
        inside = z.abs() <= 1 if context.inputs == "sign" else (z >= 0) & (z <= 1)
        return gradient * inside, None


def start(seed, name):
    """Input, labels, parameters and running statistics before the step."""
    method = METHODS[name]
    random = np.random.Generator(np.random.PCG64(seed))
    uniform = lambda low, high, *shape: exact(random.uniform(low, high, shape))
    x = exact(uniform(-2, 2, N, C, H, W) + uniform(-1, 1, 1, C, 1, 1))
    labels = torch.from_numpy(random.integers(0, CLASSES, N))
    limit = 1.0 if method["clip"] else 1.5
    p = {"a.weight": uniform(-0.5, 0.5, FIRST, C, 3, 3), "a.bias": uniform(-0.3, 0.3, FIRST)}
    # The binarization's own BatchNorm belongs to the layer; before real inputs it is a layer of its own.
    binary_b = method["inputs"] != "real"
    binary_c = binary_b and method["last"] == "binary"
    shift = (-0.3, 0.3) if not isinstance(method["inputs"], int) else (0.2, 0.8)
    norm = {"b": "b.norm" if binary_b else "b_norm", "c": "c.norm" if binary_c else "c_norm"}
    running = {}
    for layer, channels in (("b", FIRST), ("c", FILTERS)):
        p[f"{norm[layer]}.scale"] = uniform(0.4, 1.2, channels)
        p[f"{norm[layer]}.shift"] = uniform(*(shift if layer == "b" else (-0.3, 0.3)), channels)
        p[f"{norm[layer]}.scale"][channels - 2] *= -1
        running[f"{norm[layer]}.running_mean"] = uniform(-1, 1, channels)
        running[f"{norm[layer]}.running_variance"] = uniform(0.5, 2, channels)
    p["b.weight"] = uniform(-limit, limit, FILTERS, FIRST, 3, 3)
    p["b.weight"].view(-1)[::29] = exact([1, -1, 0.0, -0.0, 0.9996, -0.9996, 4e-4, -4e-4, 6e-4, -6e-4, 0.25, -0.25, 1, -1])
    p["c.weight"] = uniform(-1, 1, CLASSES, FILTERS, 1, 1)
    if method["last"] == "full":
        p["c.bias"] = uniform(-0.3, 0.3, CLASSES)
    elif name not in NORM_FIRST:
        p["c_output_norm.scale"], p["c_output_norm.shift"] = uniform(0.4, 1.2, CLASSES), uniform(-0.3, 0.3, CLASSES)
        running["c_output_norm.running_mean"] = uniform(-1, 1, CLASSES)
        running["c_output_norm.running_variance"] = uniform(0.5, 2, CLASSES)
    return x, labels, p, running, norm


def forward(x, labels, p, running, norm, name):
    """Outputs of the layers, the loss, running values after, and distances from jumps."""
    method, a, after, margins = METHODS[name], {}, {}, {}

    def normalise(key, x):
        y, mean, variance = batch_norm(
            x, p[f"{key}.scale"], p[f"{key}.shift"], running[f"{key}.running_mean"], running[f"{key}.running_variance"])
        after[f"{key}.running_mean"], after[f"{key}.running_variance"] = mean, variance
        return y

    def quantize(layer, z):
        inputs, values = method["inputs"], z.detach()
        if inputs == "sign":
            jumps = [-1.0, 0.0, 1.0]
        else:
            steps = 2**inputs - 1
            jumps = [0.0, 1.0] + [(j + 0.5) / steps for j in range(steps)]
        margins[f"z {layer}"] = (min((values - jump).abs().min().item() for jump in jumps), 5e-4)
        a[f"binarized.{layer}"] = Quantize.apply(z, inputs)
        return a[f"binarized.{layer}"]

    def relu(key, x):
        values = x.detach().abs()
        if key != "b_relu" or name not in NORM_FIRST:  # exact zeros of accumulators are no danger
            margins[f"relu {key}"] = (values.min().item(), 5e-4)
        a[key] = torch.where(x > 0, x, 0 * x)
        return a[key]

    norm_first = name in NORM_FIRST
    x = a["a"] = F.conv2d(x, p["a.weight"], p["a.bias"])
    if norm_first:
        x = relu("a_relu", x)
    z = normalise(norm["b"], x)
    if method["inputs"] == "real":
        a["b_norm"] = z
        x = relu("b_relu", z)
    else:
        x = quantize("b", z)
    x = a["b"] = convolve(x, p["b.weight"], method, padding=1)
    if norm_first:
        x = relu("b_relu", x)
    windows = F.unfold(F.pad(x.detach(), (0, 1, 0, 1), value=-1e9), 2, stride=2).view(N, x.shape[1], 4, -1)
    gaps = windows.max(dim=2, keepdim=True).values - windows
    margins["pool"] = (gaps[gaps > 1e-9].min().item(), 1e-4)
    x = a["max_pool3"] = F.max_pool2d(x, 2, 2, ceil_mode=True)
    z = normalise(norm["c"], x)
    if method["last"] == "binary" and method["inputs"] != "real":
        x = quantize("c", z)
    else:
        a["c_norm"] = z
        x = z if norm_first else relu("c_relu", z)
    if method["last"] == "binary":
        x = a["c"] = convolve(x, p["c.weight"], method)
    else:
        x = a["c"] = F.conv2d(x, p["c.weight"], p["c.bias"])
    x = a["average_pool5"] = x.mean(dim=(2, 3), keepdim=True)
    if method["last"] == "binary":
        x = a["c_output_norm"] = normalise("c_output_norm", x)
    logits = x.flatten(1)
    return a, logits, F.cross_entropy(logits, labels), after, margins


def step(seed, name):
    x, labels, p, running, norm = start(seed, name)
    tensors = {"input": x.clone(), "labels": labels}
    tensors |= {f"before.{key}": value.clone() for key, value in (p | running).items()}
    for tensor in (x, *p.values()):
        tensor.requires_grad_()
    a, logits, loss, after, margins = forward(x, labels, p, running, norm, name)
    loss.backward()
    for key, value in p.items():
        # A bias before BatchNorm has no gradient but rounding errors, which Adam would blow up.
        if key == "a.bias" and name not in NORM_FIRST:
            continue
        margins[f"gradient {key}"] = (value.grad.abs()[value.grad != 0].min().item(), 1e-6)
    tensors |= {f"activation.{key}": value for key, value in a.items()}
    tensors |= {"activation.logits": logits, "loss": loss, "gradient.input": x.grad}
    tensors |= {f"gradient.{key}": value.grad.clone() for key, value in p.items()}
    latent = ["b.weight"] + (["c.weight"] if METHODS[name]["last"] == "binary" else [])
    tensors |= adam_step(p, clipped=latent if METHODS[name]["clip"] else ())
    tensors |= {f"after.{key}": value for key, value in after.items()}
    return tensors, margins


if __name__ == "__main__":
    for name in METHODS:
        fits = lambda seed: all(distance > least for distance, least in step(seed, name)[1].values())
        seed = next(seed for seed in range(20000) if fits(seed))
        tensors, margins = step(seed, name)
        print(f"{name}: seed {seed};", ", ".join(f"{k} {v:.2g} > {l:g}" for k, (v, l) in margins.items()))
        write(f"network_{name}.safetensors", tensors,
              {"method": name, "seed": seed, "epsilon": EPSILON, "momentum": MOMENTUM, **ADAM})

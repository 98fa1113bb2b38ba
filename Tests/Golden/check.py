# SPDX-License-Identifier: Apache-2.0
"""Checks the fixtures without PyTorch: every stored number from explicit formulas, then finite differences.

Reads only the files. The forward and backward passes are written out by hand in NHWC with plain loops over the
kernel's taps, so a wrong formula, layout or mask in the scripts that wrote the files would show here. The finite
differences go through the surrogate loss, in which each sign is its stored value plus the change of
clip(x, -1, 1), and the branches of PReLU, ReLU and max-pool are held; its derivative is what backward computes.
"""

import json
from pathlib import Path

import numpy as np
from safetensors import safe_open

sign = lambda x: np.where(x >= 0, 1.0, -1.0)
clip = lambda x: np.clip(x, -1, 1)


class Block:
    """Forward, backward and update of a fixture's network, from its `before.` tensors in float64."""

    def __init__(self, path):
        with safe_open(path, framework="numpy") as file:
            self.stored = {name: file.get_tensor(name) for name in file.keys()}
            self.settings = json.loads(file.metadata()["description"])
        self.t = {k: v.astype(np.float64) if v.dtype == np.float32 else v for k, v in self.stored.items()}
        self.count = self.settings.get("binarizations", 0)
        self.result, self.grad, self.held = {}, {}, {}

    def hold(self, name, value):
        """The value at the first call; later calls (the surrogate's) get that same one."""
        return self.held.setdefault(name, value)

    def straight_through(self, name, value, x):
        return self.hold(name, value) + (clip(x) - self.hold(name + ".clip", clip(x)))

    def batch_norm(self, name, x, p):
        mean, variance = x.mean((0, 1, 2)), ((x - x.mean((0, 1, 2))) ** 2).mean((0, 1, 2))
        self.result[f"after.{name}.running_mean"] = 0.9 * self.t[f"before.{name}.running_mean"] + 0.1 * mean
        self.result[f"after.{name}.running_variance"] = (
            0.9 * self.t[f"before.{name}.running_variance"] + 0.1 * variance)
        deviation = np.sqrt(variance + 1e-5)
        normal = (x - mean) / deviation

        def backward(dy):
            self.grad[name + ".scale"], self.grad[name + ".shift"] = (dy * normal).sum((0, 1, 2)), dy.sum((0, 1, 2))
            centred = dy - dy.mean((0, 1, 2)) - normal * (dy * normal).mean((0, 1, 2))
            return p[name + ".scale"] / deviation * centred

        return normal * p[name + ".scale"] + p[name + ".shift"], backward

    def binarize(self, name, x):
        beta, value = [1.0], sign(x)
        if self.count == 2:
            first = np.abs(x).mean()
            e = 7 - int(np.floor(np.log2(first)))
            n1 = np.floor(first * 2.0**e + 0.5)
            second = np.abs(x - n1 * 2.0**-e * sign(x)).mean()
            n2 = max(1.0, np.floor(second * 2.0**e + 0.5))
            beta = np.array([n1, n2]) * 2.0**-e
            value = beta[0] * sign(x) + beta[1] * sign(x - beta[0] * sign(x))
            self.result |= {f"beta.{name}.batch": np.array([first, second]), f"beta.{name}.quantized": beta,
                            f"beta.{name}.levels": np.array([n1, n2]), f"beta.{name}.exponent": np.array(e)}
            self.result[f"after.{name}.running_beta"] = (
                0.9 * self.t[f"before.{name}.running_beta"] + 0.1 * np.array([first, second]))
        return self.straight_through(name, value, x), lambda dy: dy * (np.abs(x) <= 1)

    def convolution(self, name, x, weight, bias=0.0, stride=1, padding=0, groups=1):
        out, kh, kw, each = weight.shape
        padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
        height, width = (padded.shape[1] - kh) // stride + 1, (padded.shape[2] - kw) // stride + 1
        taps = [(i, j, np.s_[:, i:i + stride * height:stride, j:j + stride * width:stride]) for i in range(kh)
                for j in range(kw)]
        parts = [(np.s_[g * out // groups:(g + 1) * out // groups], np.s_[g * each:(g + 1) * each])
                 for g in range(groups)]
        y = np.zeros((x.shape[0], height, width, out)) + bias
        for i, j, window in taps:
            for filters, channels in parts:
                y[..., filters] += padded[window][..., channels] @ weight[filters, i, j].T

        def backward(dy):
            dw, dx = np.zeros_like(weight), np.zeros_like(padded)
            for i, j, window in taps:
                for filters, channels in parts:
                    dw[filters, i, j] = np.einsum("nhwo,nhwc->oc", dy[..., filters], padded[window][..., channels])
                    dx[window][..., channels] += dy[..., filters] @ weight[filters, i, j]
            self.grad[name + ".weight"], self.grad[name + ".bias"] = dw, dy.sum((0, 1, 2))
            return dx[:, padding:padding + x.shape[1], padding:padding + x.shape[2]]

        return y, backward

    def rectify(self, name, x, slope):
        positive = self.hold(name, x > 0)  # at 0: the slope's side

        def backward(dy):
            self.grad[name + ".slope"] = np.where(positive, 0, dy * x).sum((0, 1, 2))
            return np.where(positive, dy, slope * dy)

        return np.where(positive, x, slope * x), backward

    def pool(self, name, x):
        n, h, w, c = x.shape
        pad = np.pad(x, ((0, 0), (0, h % 2), (0, w % 2), (0, 0)), constant_values=-np.inf)
        windows = np.stack([pad[:, i::2, j::2] for i in (0, 1) for j in (0, 1)])  # row-major
        first = self.hold(name, windows.argmax(0))[None]  # a tie goes to the first

        def backward(dy):
            dx = np.zeros_like(pad)
            for k in range(4):
                dx[:, k // 2::2, k % 2::2] = np.where(first[0] == k, dy, 0)
            return dx[:, :h, :w]

        return np.take_along_axis(windows, first, 0)[0], backward

    def loss(self, x, p):
        """Total loss; fills `result` with activations and losses, and keeps the backward functions."""
        chain, self.masks = [], {}

        def run(name, output, label=None):
            y, backward = output
            chain.append((label or name, backward))
            self.result["activation." + (label or name)] = y
            return y

        if self.count:
            for index in (1, 2):
                x = run(f"bn{index}", self.batch_norm(f"bn{index}", x, p))
                x = run(f"binarize{index}", self.binarize(f"binarize{index}", x))
                name = f"conv{index}.weight"
                weight = self.straight_through(name, sign(p[name]), p[name])
                x = run(f"conv{index}", self.convolution(f"conv{index}", x, weight, padding=2 - index))
                if index == 1:
                    x = run("prelu1", self.rectify("prelu1", x, p["prelu1.slope"]))
                    x = run("pool1", self.pool("pool1", x))
        else:
            x = run("bn1", self.batch_norm("bn1", x, p))
            x = run("conv1", self.convolution("conv1", x, p["conv1.weight"], p["conv1.bias"], 2, 2, 2))
            x = run("relu1", self.rectify("relu1", x, 0.0))
        area, shape, factor = x.shape[1] * x.shape[2], x.shape, p.get("scale.factor", 1.0)
        average = run("average", (x.mean((1, 2)), lambda dy: np.broadcast_to(dy[:, None, None] / area, shape)))

        def scale(dy):
            self.grad["scale.factor"] = (dy * average).sum()
            return factor * dy

        logits = run("logits", (factor * average, scale))
        labels = self.t["labels"]
        exponential = np.exp(logits - logits.max(1, keepdims=True))
        probability = exponential / exponential.sum(1, keepdims=True)
        rows = np.arange(len(labels))
        cross_entropy = -np.log(probability[rows, labels]).mean()
        regularizer = self.settings.get("lambda", 0) * sum(
            (1 - v**2).sum() for k, v in p.items() if k.endswith("weight"))
        self.result |= {"loss.cross_entropy": cross_entropy, "loss.regularizer": regularizer,
                        "loss.total": cross_entropy + regularizer}
        self.start = probability / len(labels)
        self.start[rows, labels] -= 1 / len(labels)
        self.chain = chain
        return cross_entropy + regularizer

    def step(self, x, p):
        """One step: fills `result` with everything that the file stores."""
        self.loss(x, p)
        dy = self.start
        for name, backward in reversed(self.chain):
            self.result["gradient.activation." + name] = dy
            dy = backward(dy)
        self.result["gradient.input"] = dy
        for name, value in p.items():
            gradient = self.grad[name]
            if self.count and name.endswith("weight"):
                self.result["gradient.cross_entropy." + name] = gradient
                gradient = gradient - 2 * self.settings["lambda"] * value
            first, second = 0.1 * gradient, 0.001 * gradient**2
            after = value - 1e-3 * (first / 0.1) / (np.sqrt(second / 0.001) + 1e-8)
            if self.count and name.endswith("weight"):
                after = clip(after)
                self.result["sign_changes." + name] = (sign(after) != sign(value)).sum()
            self.result |= {"gradient." + name: gradient, "after." + name: after,
                            "after.adam.first_moment." + name: first, "after.adam.second_moment." + name: second}


def check(path):
    block = Block(path)
    t = block.t
    p = {k[7:]: v for k, v in t.items() if k.startswith("before.") and "running" not in k}
    block.step(t["input"], p)
    outputs = [k for k in t if k not in ("input", "labels") and not k.startswith("before.")]
    worst = max((np.abs(block.result[k] - t[k]) / (1e-3 + np.abs(t[k]))).max() for k in outputs)
    shapes = [k for k in outputs if np.atleast_1d(block.result[k]).shape != t[k].shape]
    assert not shapes and worst < 1e-5, (path, shapes, worst)
    for name, value in {"input": t["input"], **p}.items():
        numeric = np.zeros(value.shape)
        for index in np.ndindex(value.shape):
            ends = []
            for h in (1e-5, -1e-5):
                moved = value.copy()
                moved[index] += h
                ends.append(block.loss(moved, p) if name == "input" else block.loss(t["input"], p | {name: moved}))
            numeric[index] = (ends[0] - ends[1]) / 2e-5
        # At W = +-1 exactly, the clip bends between the two ends of the difference.
        skip = np.abs(value) >= 1 if block.count and name.endswith("weight") else np.zeros(value.shape, bool)
        error = np.abs(numeric - t["gradient." + name])[~skip].max()
        assert error < 1e-6, (path, name, error)
    print(f"{path.name}: {len(outputs)} tensors agree, {worst:.1e} at worst; finite differences agree")


for path in sorted(Path(__file__).parent.glob("*_block*.safetensors")):
    check(path)

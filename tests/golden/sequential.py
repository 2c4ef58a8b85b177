"""Prints `sequential.json`: plain chains in PyTorch 2.15 and zennit 0.5.1, in double precision.

    python3 sequential.py > sequential.json

Two chains of the shapes of the thesis on concepts (five convolutions, three dense layers) and of AudioNet (six convolutions
over samples, three dense layers), with few channels. Weights and inputs are those of `Numbers` in `tests/support/golden.rs`.
Of the large input's values every 31st is kept, of the gradients of weights every fifth.
"""

import json

import numpy as np
import torch
import zennit.composites as Z
import zennit.rules as R
from torch import nn

torch.set_default_dtype(torch.float64)


class Numbers:
    def __init__(self, seed):
        self.s = seed

    def draw(self, *shape):
        out = np.empty(int(np.prod(shape)))
        for i in range(out.size):
            self.s = (self.s * 1664525 + 1013904223) % 2**32
            out[i] = self.s / 2**31 - 1
        return out.reshape(shape)


def f32(a):
    return torch.tensor(np.asarray(a).astype(np.float32).astype(np.float64))


def r(t, step=1):
    return [float(f"{v:.7g}") for v in t.detach().numpy().ravel()[::step]]


def chain(n, convs, dense, classes, line, pixels):
    """Modules by PyTorch's names; weights drawn layer by layer, weight before bias."""
    net, c_in = nn.Sequential(), 1
    for i, c_out in enumerate(convs, 1):
        conv = nn.Conv1d(c_in, c_out, 3, padding=1) if line else nn.Conv2d(c_in, c_out, 3, padding=1)
        conv.weight.data = f32(n.draw(*conv.weight.shape) * np.sqrt(6 / conv.weight[0].numel()))
        conv.bias.data = f32(n.draw(c_out) * 0.2)
        net.add_module(f"conv{i}", conv)
        net.add_module(f"relu{i}", nn.ReLU())
        net.add_module(f"pool{i}", nn.MaxPool1d(2) if line else nn.MaxPool2d(2))
        c_in = c_out
    net.add_module("flatten", nn.Flatten())
    c_in *= pixels
    for i, c_out in enumerate([*dense, classes], 1):
        fc = nn.Linear(c_in, c_out)
        fc.weight.data = f32(n.draw(c_out, c_in) * np.sqrt(6 / c_in))
        fc.bias.data = f32(n.draw(c_out) * 0.2)
        net.add_module(f"fc{i}", fc)
        if i <= len(dense):
            net.add_module(f"relu-fc{i}", nn.ReLU())
        c_in = c_out
    return net


def lrp(net, x, label, composite):
    x = x.clone().requires_grad_()
    with composite.context(net) as m:
        out = m(x)
        return torch.autograd.grad(out, x, torch.eye(out.shape[1])[[label]] * out.detach())[0]


def named(convs, first, rest):
    """Table 4.3 and its like: a rule for each convolution, epsilon 1e-7 for dense layers."""
    rules = [(["conv1"], first)] + [([f"conv{i}"], rest(i - 1, convs)) for i in range(2, convs + 1)]
    rules.append(([f"fc{i}" for i in range(1, 4)], R.Epsilon(1e-7)))
    return Z.NameMapComposite(rules)


def thesis_gamma(i, convs):
    depth = i / (convs - 1)
    return R.Gamma(0.4 if depth <= 0.5 else 0.2 if depth <= 0.75 else 0.1, 1e-7)


def uniform(rule):
    return Z.LayerMapComposite(Z.layer_map_base() + [((nn.Conv1d, nn.Conv2d, nn.Linear), rule)])


def presets(convs, box):
    out = {
        "epsilon": uniform(R.Epsilon(1e-6)),
        "epsilon-plus": Z.EpsilonPlus(),
        "epsilon-plus-flat": Z.EpsilonPlusFlat(),
        "epsilon-alpha2-beta1": Z.EpsilonAlpha2Beta1(),
        "thesis": named(convs, R.WSquare(), thesis_gamma),
        "thesis-toy": named(convs, R.Flat(), lambda i, n: R.Gamma(0.8, 1e-7)),
    }
    if box:
        out["epsilon-gamma-box"] = Z.EpsilonGammaBox(-1.1, 1.3)
    return out


def case(seed, frames, mels, convs, dense, classes, label, line, step):
    n = Numbers(seed)
    pixels = frames * mels // 2 ** len(convs) if line else (frames >> len(convs)) * (mels >> len(convs))
    net = chain(n, convs, dense, classes, line, pixels)
    raw = f32(n.draw(2, frames * mels))
    if line:
        scale = torch.tensor(np.percentile(np.abs(raw.numpy()), 95, axis=1, keepdims=True) + 0.001)
        x = (raw / scale).reshape(2, 1, -1)
    else:
        scale, x = torch.ones(2, 1), raw.reshape(2, 1, frames, mels)
    first = x[:1]
    leaf = first.clone().requires_grad_()
    grad = torch.autograd.grad(net(leaf)[0, label], leaf)[0].reshape(1, -1) / scale[:1]
    # Training: soft targets, mean over the batch.
    targets = f32(np.abs(n.draw(2, classes)))
    loss = -(targets * torch.log_softmax(net(x), 1)).sum(1).mean()
    loss.backward()
    return {
        "seed": seed, "frames": frames, "mels": mels, "convs": convs, "dense": dense, "classes": classes, "label": label,
        "line": line, "step": step, "logits": r(net(x)), "gradient": r(grad, step), "loss": float(loss.detach()),
        "lrp": {name: r(lrp(net, first, label, c), step) for name, c in presets(len(convs), not line).items()},
        "grads": {name: r(p.grad, 5) for name, p in net.named_parameters()},
    }


print(json.dumps([
    case(60, 66, 64, [3, 3, 4, 4, 4], [5, 6], 3, 1, False, 31),
    case(61, 8, 17, [4, 3, 5, 5, 5, 5], [7, 6], 4, 2, True, 1),
], separators=(",", ":")))

"""Prints `sequential.json`: plain chains in PyTorch 2.15 and zennit 0.5.1, in double precision.

    python3 sequential.py > sequential.json

Chains of the shapes of the thesis on concepts (five convolutions, three dense layers), of AudioNet (six convolutions over
samples, three dense layers) and of AlexNet (strides, and poolings that overlap), with few channels. Weights and inputs are those of `Numbers` in `tests/support/golden.rs`.
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


def conv(channels, kernel, **stride):
    return {"kind": "conv", "channels": channels, "kernel": kernel, **stride}


def pool(size, **stride):
    return {"kind": "max-pool", "size": size, **stride}


def chain(n, layers, x, classes, line):
    """Modules by PyTorch's names; weights drawn layer by layer, weight before bias."""
    net, n_convs, n_dense = nn.Sequential(), 0, 0
    side = lambda pair: pair[1] if line else pair

    def weighed(name, module, relu):
        module.weight.data = f32(n.draw(*module.weight.shape) * np.sqrt(6 / module.weight[0].numel()))
        module.bias.data = f32(n.draw(*module.bias.shape) * 0.2)
        net.add_module(name, module)
        if relu:
            net.add_module(f"relu-{name}", nn.ReLU())

    for i, layer in enumerate([*layers, {"kind": "dense", "units": classes}]):
        c_in = net(x).shape[1]
        if layer["kind"] == "conv":
            n_convs += 1
            kernel, stride = layer["kernel"], layer.get("stride", [1, 1])
            padding = [0, 0] if "stride" in layer else [k // 2 for k in kernel]
            make = nn.Conv1d if line else nn.Conv2d
            weighed(f"conv{n_convs}", make(c_in, layer["channels"], side(kernel), side(stride), side(padding)), True)
        elif layer["kind"] == "max-pool":
            size = layer["size"]
            make = nn.MaxPool1d if line else nn.MaxPool2d
            net.add_module(f"pool{len(net)}", make(side(size), side(layer.get("stride", size))))
        elif layer["kind"] == "dense":
            n_dense += 1
            if n_dense == 1:
                net.add_module("flatten", nn.Flatten())
            weighed(f"fc{n_dense}", nn.Linear(net(x).shape[1], layer["units"]), i < len(layers))
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


def case(seed, frames, mels, layers, classes, label, step):
    n = Numbers(seed)
    line = layers[0]["kind"] == "waveform"
    shape = (1, frames * mels) if line else (1, frames, mels)
    net = chain(n, layers[1:] if line else layers, torch.zeros(1, *shape), classes, line)
    convs = sum(layer["kind"] == "conv" for layer in layers)
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
        "seed": seed, "frames": frames, "mels": mels, "layers": layers, "classes": classes, "label": label,
        "step": step, "logits": r(net(x)), "gradient": r(grad, step), "loss": float(loss.detach()),
        "lrp": {name: r(lrp(net, first, label, c), step) for name, c in presets(convs, not line).items()},
        "grads": {name: r(p.grad, 5) for name, p in net.named_parameters()},
    }


def dense(*units):
    return [{"kind": "dense", "units": n} for n in units]


CONCEPTS = [layer for c in [3, 3, 4, 4, 4] for layer in (conv(c, [3, 3]), pool([2, 2]))] + dense(5, 6)
AUDIONET = [{"kind": "waveform", "percentile": 95.0, "floor": 0.001}]
AUDIONET += [layer for c in [4, 3, 5, 5, 5, 5] for layer in (conv(c, [1, 3]), pool([1, 2]))] + dense(7, 6)
ALEXNET = [conv(4, [5, 5], stride=[2, 2]), pool([3, 3], stride=[2, 2]), conv(5, [5, 5]), pool([3, 3], stride=[2, 2])]
ALEXNET += [conv(3, [3, 3]), *dense(7, 6)]

print(json.dumps([
    case(60, 66, 64, CONCEPTS, 3, 1, 31),
    case(61, 8, 17, AUDIONET, 4, 2, 1),
    case(62, 31, 27, ALEXNET, 3, 0, 7),
], separators=(",", ":")))

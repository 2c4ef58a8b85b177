"""Makes causal.json: a small causal MobileNet with random weights in PyTorch, and its logits. torch 2.15."""

import json

import torch
import torch.nn.functional as F

torch.manual_seed(11)
MELS, CLASSES, STEM, JOINED, EMBEDDING = 9, 3, 8, 16, 10
# out, expanded, kernel (time, frequency), stride, dilation
BLOCKS = [(8, 8, (3, 3), (1, 1), 1), (12, 24, (3, 3), (2, 2), 1), (12, 20, (5, 3), (1, 1), 1)]
TIME_BLOCKS = [(16, 24, (3, 1), (1, 1), 2)]
arrays = {}


def norm(name, x):
    n = x.shape[1]
    w, b, m = torch.rand(n) + 0.5, torch.rand(n) - 0.5, torch.rand(n) - 0.5
    v = torch.rand(n) + 0.5
    for what, a in (("weight", w), ("bias", b), ("running_mean", m), ("running_var", v)):
        arrays[f"{name}.norm.{what}"] = a
    return F.batch_norm(x, m, v, w, b, training=False, eps=1e-3)


def conv(name, x, out, kernel, stride=(1, 1), dilation=1, groups=1, relu=True, full_width=False):
    w = torch.randn(out, x.shape[1] // groups, *kernel) * (2.0 / (x.shape[1] // groups * kernel[0] * kernel[1])) ** 0.5
    arrays[f"{name}.weight"] = w
    # Time: all zeros before the first frame. Frequency: as many on both sides, so that every stride-th band stays.
    top = (kernel[0] - 1) * dilation + 1 - stride[0]
    side = 0 if full_width else kernel[1] // 2
    x = F.pad(x, (side, side, top, 0))
    y = norm(name, F.conv2d(x, w, stride=stride, dilation=(dilation, 1), groups=groups))
    return F.relu(y) if relu else y


def block(name, x, out, expanded, kernel, stride, dilation):
    y = x
    if expanded != x.shape[1]:
        y = conv(f"{name}.expand", y, expanded, (1, 1))
    y = conv(f"{name}.depthwise", y, expanded, kernel, stride, dilation, groups=expanded)
    y = conv(f"{name}.project", y, out, (1, 1), relu=False)
    return x + y if stride == (1, 1) and out == x.shape[1] else y


LOOKAHEAD = 1
columns = (torch.rand(24, MELS) * 2 - 1).requires_grad_()
x = conv("stem", columns[None, None], STEM, (3, 3), (2, 2))
for i, b in enumerate(BLOCKS):
    x = block(f"blocks.{i}", x, *b)
x = conv("join", x, JOINED, (1, x.shape[3]), full_width=True)
for i, b in enumerate(TIME_BLOCKS):
    x = block(f"time_blocks.{i}", x, *b)
x = conv("embed", x, EMBEDDING, (1, 1))[0, :, :, 0].T
arrays["label.weight"], arrays["label.bias"] = torch.randn(CLASSES, EMBEDDING) * 0.3, torch.randn(CLASSES) * 0.3
logits = x @ arrays["label.weight"].T + arrays["label.bias"]
p = logits[LOOKAHEAD:].sigmoid()
pooled = torch.logit((p * p).sum(0) / p.sum(0))
(gradient,) = torch.autograd.grad(pooled[1], columns)

flat = lambda t: [float(f"{v:.7g}") for v in t.flatten().tolist()]
golden = {
    "arrays": {k: {"shape": list(v.shape), "values": flat(v)} for k, v in arrays.items()},
    "columns": flat(columns),
    "logits": flat(logits),
    "pooled": flat(pooled),
    "gradient of class 1": flat(gradient),
}
json.dump(golden, open("causal.json", "w"), separators=(",", ":"))

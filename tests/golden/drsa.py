"""Makes drsa.json: DRSA's objective with its gradient, symmetric orthogonalisation, PRCA, and two-step attribution.

torch 2.x and zennit 0.5.1, in double precision; the network and its numbers are those of support/golden.rs.
"""

import json

import numpy as np
import torch
import zennit.composites as Z
import zennit.rules as R
from torch import nn
from zennit.canonizers import SequentialMergeBatchNorm
from zennit.layer import Sum

torch.set_default_dtype(torch.float64)
rng = np.random.default_rng(5)


def r(t):
    return [float(f"{v:.12g}") for v in np.asarray(t.detach() if hasattr(t, "detach") else t).ravel()]


def orthogonal(d):
    q, upper = np.linalg.qr(rng.standard_normal((d, d)))
    return q * np.sign(np.diag(upper))


# Vectors, J and dJ/dU.
N, D, K = 30, 12, 3
a = np.maximum(rng.standard_normal((N, D)), 0)
c = np.where(a == 0, 0, rng.standard_normal((N, D)) + 0.4 * a)
norm = lambda v: v / D**0.25 / np.sqrt((v**2).mean())


def objective(u, a, c):
    relevance = ((a @ u).reshape(-1, K, D // K) * (c @ u).reshape(-1, K, D // K)).sum(2).relu()
    return (relevance**2).mean(0).sqrt().sqrt().mean() ** 2


u = orthogonal(D)
at, ct, ut = torch.tensor(norm(a)), torch.tensor(norm(c)), torch.tensor(u, requires_grad=True)
value = objective(ut, at, ct)
(gradient,) = torch.autograd.grad(value, ut)
dsa = objective(ut, at, at)
(dsa_gradient,) = torch.autograd.grad(dsa, ut)

# V (VᵀV)^-½ by eigenvalues.
v = u + gradient.numpy()
values, vectors = np.linalg.eigh(v.T @ v)
nearest = v @ vectors @ np.diag(values**-0.5) @ vectors.T

# PRCA.
eigenvalues, eigenvectors = np.linalg.eigh((norm(a).T @ norm(c) + norm(c).T @ norm(a)) / N)
order = np.argsort(-eigenvalues)
eigenvectors = eigenvectors[:, order]
largest = np.abs(eigenvectors).argmax(0)
eigenvectors = eigenvectors * np.sign(eigenvectors[largest, np.arange(D)])


class Numbers:
    def __init__(self, seed):
        self.s = seed

    def draw(self, *shape):
        out = np.empty(int(np.prod(shape)))
        for i in range(out.size):
            self.s = (self.s * 1664525 + 1013904223) % 2**32
            out[i] = self.s / 2**31 - 1
        return out.reshape(shape)


f32 = lambda x: torch.tensor(x.astype(np.float32).astype(np.float64))
SEED, FRAMES, MELS, WIDTHS, POOLS, CLASSES, LABEL, CONCEPTS = 40, 12, 10, [3, 4, 5], [2, 1], 4, 3, 2


class Keep(torch.autograd.Function):
    """Passes all forward and one concept's share back."""

    @staticmethod
    def forward(ctx, x, mask):
        ctx.save_for_backward(mask)
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.saved_tensors[0], None


class Concept(nn.Module):
    def __init__(self):
        super().__init__()
        self.mask = torch.ones(1, WIDTHS[1], 1, 1)

    def forward(self, x):
        return Keep.apply(x, self.mask)


class Net(nn.Module):
    def __init__(self, directions):
        super().__init__()
        n, c_in = Numbers(SEED), 1
        for block, c_out in enumerate(WIDTHS):
            for i in range(2 if block + 1 < len(WIDTHS) else 1):
                conv, bn = nn.Conv2d(c_in, c_out, 3, padding=1), nn.BatchNorm2d(c_out)
                conv.weight.data = f32(n.draw(c_out, c_in, 3, 3) * np.sqrt(6 / (9 * c_in)))
                conv.bias.data = f32(n.draw(c_out) * 0.5)
                bn.weight.data, bn.bias.data = f32(n.draw(c_out) + 0.4), f32(n.draw(c_out) * 0.5 + 0.2)
                bn.running_mean, bn.running_var = f32(n.draw(c_out) * 0.5), f32(n.draw(c_out) * 0.9 + 1)
                self.add_module(f"layer{3 * block + i + 1}", nn.Sequential(conv, bn, nn.ReLU()))
                c_in = c_out
            if block == 1:
                # The virtual layers behind the second block: h = Uᵀa, one concept, a' = U h.
                self.into, self.concept, self.back = (
                    nn.Conv2d(c_in, c_in, 1, bias=False),
                    Concept(),
                    nn.Conv2d(c_in, c_in, 1, bias=False),
                )
                # What is not active is exactly 0 again, and no context.
                self.silent = nn.Threshold(1e-12, 0.0)
                self.into.weight.data = torch.tensor(directions.T.copy())[:, :, None, None]
                self.back.weight.data = torch.tensor(directions.copy())[:, :, None, None]
            if block + 1 < len(WIDTHS):
                self.add_module(f"layer{3 * block + 3}", nn.MaxPool2d((POOLS[block], 2)))
        self.freq, self.mean, self.max = nn.AdaptiveAvgPool2d((None, 1)), nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(1)
        self.sum, self.fc = Sum(), nn.Linear(c_in, CLASSES)
        self.fc.weight.data, self.fc.bias.data = f32(n.draw(CLASSES, c_in)), f32(n.draw(CLASSES))
        self.numbers = n

    def forward(self, x):
        for name, layer in self.named_children():
            if name == "freq":
                break
            x = layer(x)
        x = self.freq(x)
        return self.fc(self.sum(torch.stack([self.mean(x), self.max(x)], -1)).flatten(1))


directions = orthogonal(WIDTHS[1])
net = Net(directions).eval()
x = f32(net.numbers.draw(1, 1, FRAMES, MELS))


def heatmap(concept):
    size = WIDTHS[1] // CONCEPTS
    net.concept.mask = torch.ones(1, WIDTHS[1], 1, 1)
    if concept is not None:
        net.concept.mask = torch.zeros(1, WIDTHS[1], 1, 1)
        net.concept.mask[:, concept * size : (concept + 1) * size] = 1
    rules = [
        (["layer1.0"], R.WSquare()),
        (["layer2.0", "layer4.0"], R.Gamma(0.4, 1e-7)),
        (["layer5.0"], R.Gamma(0.2, 1e-7)),
        (["layer7.0"], R.Gamma(0.1, 1e-7)),
        (["fc"], R.Epsilon(1e-7)),
        # As good as 0: the shares of a channel must not depend on how active it is.
        (["into", "back"], R.Epsilon(1e-12)),
        (["freq", "mean", "sum"], R.Norm()),
    ]
    composite = Z.NameMapComposite(rules, canonizers=[SequentialMergeBatchNorm()])
    given = x.clone().requires_grad_()
    with composite.context(net) as m:
        out = m(given)
        return torch.autograd.grad(out, given, torch.eye(CLASSES)[[LABEL]] * out.detach())[0]


case = dict(
    n=N, d=D, concepts=K, a=r(a), c=r(c), normalised_a=r(norm(a)), normalised_c=r(norm(c)), u=r(u),
    value=float(value.detach()), gradient=r(gradient), dsa=float(dsa.detach()), dsa_gradient=r(dsa_gradient),
    nearest=r(nearest), eigenvalues=r(eigenvalues[order]), eigenvectors=r(eigenvectors),
    two_step=dict(seed=SEED, frames=FRAMES, mels=MELS, label=LABEL, concepts=CONCEPTS, u=r(directions),
        standard=r(heatmap(None)), parts=[r(heatmap(k)) for k in range(CONCEPTS)]),
)
print(json.dumps(case, separators=(",", ":")))

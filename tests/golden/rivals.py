"""Makes rivals.json: the networks and losses of FLINT, VIBI and APNet and the bottleneck of IBA on small cases, with gradients by
central differences in double precision.

NumPy alone. The numbers are those of support/golden.rs, in the order in which the test draws them.
"""

import json

import numpy as np


class Numbers:
    def __init__(self, seed):
        self.s = seed

    def draw(self, shape, scale=1.0, offset=0.0):
        out = np.empty(int(np.prod(shape)))
        for i in range(out.size):
            self.s = (self.s * 1664525 + 1013904223) % 2**32
            out[i] = self.s / 2**31 - 1
        return (out * scale + offset).astype(np.float32).astype(np.float64).reshape(shape)


def r(a):
    return [float(f"{v:.8g}") for v in np.asarray(a).ravel()]


def weights(n, layers):
    """As the test makes them: weights of size √(3 / fan-in) around 0.05, biases around 0.1."""
    p = {}
    for name, shape in layers:
        p[f"{name}.weight"] = n.draw(shape, np.sqrt(3 / np.prod(shape[1:])), 0.05)
        p[f"{name}.bias"] = n.draw((shape[0],), 0.3, 0.1)
    return p


def conv(x, p, name):
    """3×3 with padding, x [batch, time, freq, channels], kernels [out, in, time, freq]."""
    w, (b, t, f, _) = p[f"{name}.weight"], x.shape
    x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = sum(x[:, i : i + t, j : j + f] @ w[:, :, i, j].T for i in range(3) for j in range(3))
    return y + p[f"{name}.bias"]


def dense(x, p, name):
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


relu = lambda x: np.maximum(x, 0)
sigmoid = lambda x: 1 / (1 + np.exp(-x))


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def fidelity(logits, decided):
    """Cross-entropy of sigmoids, summed over classes, mean over the batch."""
    t = sigmoid(decided)
    return (np.log1p(np.exp(-np.abs(logits))) + relu(logits) - logits * t).sum(1).mean()


def gradients(loss, p, eps=1e-6):
    grads = {}
    for name, a in p.items():
        g = np.empty(a.size)
        for i in range(a.size):
            at = a.ravel()[i]
            a.ravel()[i] = at + eps
            above = loss()
            a.ravel()[i] = at - eps
            g[i] = (above - loss()) / (2 * eps)
            a.ravel()[i] = at
        grads[name] = r(g)
    return grads


def repeat(x, rows, columns):
    return x.repeat(rows, 1).repeat(columns, 2)


def flint():
    n = Numbers(41)
    p = weights(n, [("early", (3, 2)), ("middle", (3, 3)), ("late", (3, 2)), ("joined", (3, 3, 3, 3)),
                    ("attribute", (4, 3, 3, 3)), ("decoder", (4, 4, 3, 3)), ("decision", (3, 4))])
    # [batch, time, freq, channels]: 2, 4 and 4 frames of 8, and 4, 2 and 1 of 9 bands.
    early, middle, late = (relu(n.draw((2, t, f, c))) for t, f, c in [(4, 4, 2), (2, 2, 3), (2, 1, 2)])
    x, decided = n.draw((2, 8, 9)), n.draw((2, 3), 3)

    def run():
        joined = dense(early, p, "early") + repeat(dense(middle, p, "middle"), 2, 2) + repeat(dense(late, p, "late"), 2, 4)
        maps = relu(conv(relu(conv(relu(joined), p, "joined")), p, "attribute"))
        phi = maps.reshape(2, -1, 4).max(1)
        cells = conv(maps, p, "decoder").reshape(2, 4, 4, 2, 2).transpose(0, 1, 3, 2, 4).reshape(2, 8, 8)
        rebuilt = np.concatenate([cells, cells[..., -1:]], 2)
        entropy = lambda v: -(v / (v.sum(1, keepdims=True) + 1e-7) * np.log(v / (v.sum(1, keepdims=True) + 1e-7) + 1e-7)).sum(1)
        logits = dense(phi, p, "decision")
        parts = dict(fidelity=fidelity(logits, decided), reconstruction=((rebuilt - x) ** 2).mean(),
                     diversity=entropy(phi).mean() - entropy(phi.mean(0, keepdims=True)).mean(), sparsity=phi.mean())
        total = 1.5 * parts["fidelity"] + 5 * parts["reconstruction"] + 0.7 * parts["diversity"] + 0.3 * parts["sparsity"]
        return total, parts, maps, phi, logits, rebuilt

    total, parts, maps, phi, logits, rebuilt = run()
    return dict(total=total, **parts, maps=r(maps), attributes=r(phi), logits=r(logits), rebuilt=r(rebuilt),
                grads=gradients(lambda: run()[0], p))


def vibi():
    n, c = Numbers(42), 2
    layers = [("explainer.conv1", (c, 1, 3, 3)), ("explainer.conv2", (2 * c, c, 3, 3)), ("explainer.conv3", (2 * c, 2 * c, 3, 3)),
              ("explainer.conv4", (2 * c, 2 * c, 3, 3)), ("explainer.choice", (1, 2 * c)),
              ("approximator.conv1", (c, 1, 3, 3)), ("approximator.conv2", (2 * c, c, 3, 3)),
              ("approximator.conv3", (4 * c, 2 * c, 3, 3)), ("approximator.conv4", (4 * c, 4 * c, 3, 3)),
              ("approximator.answer", (3, 4 * c))]
    p = weights(n, layers)
    x, decided = n.draw((2, 40, 9)), n.draw((2, 3), 3)
    # Three of six chunks of 16 frames and 8 bands; 40 frames and 9 bands fill 48 and 16.
    noise, silence, tau, beta, k = n.draw((2, 3, 6), 1.5, 0.3), -1.25, 0.7, 0.05, 3

    def pooled(x, name):
        x = np.pad(x, ((0, 0), (0, 8), (0, 7)), constant_values=silence).reshape(2, 12, 4, 8, 2).mean((2, 4))[..., None]
        pool = lambda y: y.reshape(2, y.shape[1] // 2, 2, y.shape[2] // 2, 2, -1).max((2, 4))
        x = pool(relu(conv(x, p, f"{name}.conv1")))
        x = pool(relu(conv(x, p, f"{name}.conv2")))
        return relu(conv(x, p, f"{name}.conv3"))

    def approximate(kept):
        spread = kept.reshape(2, 3, 2).repeat(16, 1).repeat(8, 2)[:, :40, :9]
        y = relu(conv(pooled((x - silence) * spread + silence, "approximator"), p, "approximator.conv4")).reshape(2, 6, -1)
        return dense(y.mean(1) + y.max(1), p, "approximator.answer")

    def run():
        choice = dense(relu(conv(pooled(x, "explainer"), p, "explainer.conv4")), p, "explainer.choice").reshape(2, 6)
        kept = softmax((choice[:, None] + noise) / tau, 2).max(1)
        answer = approximate(kept)
        q = softmax(choice, 1)
        divergence = ((q * np.log(q)).sum(1) + np.log(6)).mean()
        fid = fidelity(answer, decided)
        return fid + beta * k * divergence, fid, divergence, choice, kept, answer

    total, fid, divergence, choice, kept, answer = run()
    likeliest = np.zeros((2, 6))
    for row, order in zip(likeliest, np.argsort(-choice, 1, kind="stable")):
        row[order[:k]] = 1
    return dict(total=total, fidelity=fid, divergence=divergence, choice=r(choice), kept=r(kept), answer=r(answer),
                likeliest=r(likeliest), decided=r(approximate(likeliest)), grads=gradients(lambda: run()[0], p))


def apnet():
    n, c, steps, bands, m = Numbers(44), 2, 2, 2, 5
    p = weights(n, [("encoder.conv1", (c, 1, 3, 3)), ("encoder.conv2", (c, c, 3, 3)), ("encoder.conv3", (c, c, 3, 3)),
                    ("decoder.conv1", (c, c, 3, 3)), ("decoder.conv2", (c, c, 3, 3)), ("decoder.conv3", (1, c, 3, 3))])
    p["prototypes.weight"] = n.draw((m, c, steps, bands), np.sqrt(3 / (c * steps * bands)), 0.05)
    p["similarity.weight"] = n.draw((m, bands), np.sqrt(3 / bands), 0.05)
    p |= weights(n, [("decision", (3, m))])
    # 22 frames of 9 bands fill six steps; the ninth band is a repeated one on the way back.
    x, silence = n.draw((2, 22, 9)), -1.25
    targets = np.array([[1, 0, 0], [0, 1, 1]])
    leaky = lambda y: np.maximum(y, 0.01 * y)
    layer = lambda x, name: leaky(conv(x, p, name))
    pool = lambda y: y[:, :, : y.shape[2] // 2 * 2].reshape(2, y.shape[1] // 2, 2, y.shape[2] // 2, 2, -1).max((2, 4))

    def up(y, width):
        y = repeat(y, 2, 2)
        return np.concatenate([y, y[:, :, -1:]], 2)[:, :, :width]

    def run():
        padded = np.pad(x, ((0, 0), (0, 2), (0, 0)), constant_values=silence)[..., None]
        z = layer(pool(layer(pool(layer(padded, "encoder.conv1")), "encoder.conv2")), "encoder.conv3")
        rebuilt = conv(up(layer(up(layer(z, "decoder.conv1"), 4), "decoder.conv2"), 9), p, "decoder.conv3")[:, :, :, 0]
        kernels = p["prototypes.weight"].transpose(0, 2, 3, 1)
        # [batch, places, prototypes, bands]
        d = np.stack([((z[:, t : t + steps, None] - kernels.transpose(1, 0, 2, 3)[None]) ** 2).mean((1, 4))
                      for t in range(z.shape[1] - steps + 1)], 1)
        similar = np.exp(-d)
        s = (similar * p["similarity.weight"]).sum(3)
        logits = dense(s.max(1), p, "decision")
        labels = (np.log1p(np.exp(-np.abs(logits))) + relu(logits) - logits * targets).sum(1).mean()
        nearest = d.mean(3).min(1)
        parts = dict(labels=labels, prototypes=nearest.min(1).mean() + nearest.min(0).mean(),
                     reconstruction=((rebuilt[:, :22] - x) ** 2).mean())
        return 1.5 * labels + 0.7 * parts["prototypes"] + 2 * parts["reconstruction"], parts, z, s, d.mean(3), logits, rebuilt

    total, parts, z, s, d, logits, rebuilt = run()
    return dict(total=total, **parts, map=r(z), similarities=r(s), distances=r(d), logits=r(logits), rebuilt=r(rebuilt),
                grads=gradients(lambda: run()[0], p))


def iba():
    n, size = Numbers(43), (5, 4, 2)
    values, mean, deviation = n.draw(size, 2), n.draw(size[1:], 0.5), np.abs(n.draw(size[1:], 0.8)) + 0.3
    alpha, noise, w, beta = n.draw(size, 3, 1), n.draw((2, *size), 1.5), n.draw(size), 7.0
    kernel = np.exp(-0.5 * np.arange(-2, 3) ** 2)
    kernel /= kernel.sum()

    def blur(x, axis):
        widths = [(2, 2) if a == axis else (0, 0) for a in range(x.ndim)]
        padded = np.pad(x, widths, mode="reflect")
        return sum(k * np.take(padded, range(i, i + x.shape[axis]), axis) for i, k in enumerate(kernel))

    def run():
        lam = blur(blur(sigmoid(alpha), 1), 0)
        rel = (values - mean) / deviation
        info = 0.5 * ((lam * rel) ** 2 + (1 - lam) ** 2 - 1) - np.log(1 - lam)
        mixed = lam * values + (1 - lam) * (mean + deviation * noise)
        # A loss that stands for the network above: Σ w sin z.
        loss = (w * np.sin(mixed)).sum((1, 2, 3)).mean() + beta * info.mean()
        return loss, lam, info, mixed

    loss, lam, info, mixed = run()
    return dict(loss=loss, passing=r(lam), information=r(info), mixed=r(mixed[1]), bits=r(info.sum(2) / np.log(2)),
                gradient=gradients(lambda: run()[0], {"alpha": alpha})["alpha"])


print(json.dumps(dict(flint=flint(), vibi=vibi(), apnet=apnet(), iba=iba()), separators=(",", ":")))

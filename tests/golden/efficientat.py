"""What PyTorch (2.15, in double precision) makes of a small EfficientAT mn network whose weights a formula gives:
`python efficientat.py > efficientat.json`. The front end is written out, as torchaudio's get_mel_banks computes it."""
import json, math
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F

TABLE = [(3,16,16,0,0,1),(3,64,24,0,0,2),(3,72,24,0,0,1),(5,72,40,1,0,2),(5,120,40,1,0,1),(5,120,40,1,0,1),(3,240,80,0,1,2),
         (3,200,80,0,1,1),(3,184,80,0,1,1),(3,184,80,0,1,1),(3,480,112,1,1,1),(3,672,112,1,1,1),(5,672,160,1,1,2),
         (5,960,160,1,1,1),(5,960,160,1,1,1)]

def to8(v):
    n = max(8, int(v + 4) // 8 * 8)
    return n + 8 if n < 0.9 * v else n

def conv(i, o, k=1, s=1, g=1, act=None):
    layers = [nn.Conv2d(i, o, k, s, (k - 1) // 2, groups=g, bias=False), nn.BatchNorm2d(o, eps=1e-3)]
    return nn.Sequential(*layers, *([act()] if act else []))

class Dense(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.fc1 = nn.Linear(c, to8(c // 4)); self.fc2 = nn.Linear(to8(c // 4), c)
    def forward(self, x):
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(x.mean((2, 3))))))[:, :, None, None]

class Gate(nn.Module):
    def __init__(self, c):
        super().__init__(); self.conc_se_layers = nn.ModuleList([Dense(c)])
    def forward(self, x): return self.conc_se_layers[0](x)

class Block(nn.Module):
    def __init__(self, k, i, e, o, se, hs, s):
        super().__init__()
        act = nn.Hardswish if hs else nn.ReLU
        layers = [conv(i, e, act=act)] if e != i else []
        layers.append(conv(e, e, k, s, e, act))
        if se: layers.append(Gate(e))
        layers.append(conv(e, o))
        self.block = nn.Sequential(*layers); self.res = s == 1 and i == o
    def forward(self, x): return x + self.block(x) if self.res else self.block(x)

class Net(nn.Module):
    def __init__(self, width, hidden, classes):
        super().__init__()
        c = to8(16 * width); layers = [conv(1, c, 3, 2, act=nn.Hardswish)]
        for k, e, o, se, hs, s in TABLE:
            layers.append(Block(k, c, to8(e * width), to8(o * width), se, hs, s)); c = to8(o * width)
        layers.append(conv(c, 6 * c, act=nn.Hardswish))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Identity(), nn.Identity(), nn.Linear(6 * c, hidden), nn.Hardswish(), nn.Identity(), nn.Linear(hidden, classes))
    def forward(self, x):
        e = self.features(x).mean((2, 3)); return self.classifier(e), e

class Numbers:
    """The numbers of `Numbers` in tests/support/golden.rs."""
    def __init__(self, seed): self.s = seed
    def draw(self, count, scale=1.0, offset=0.0):
        out = np.empty(count)
        for i in range(count):
            self.s = (self.s * 1664525 + 1013904223) % 2**32
            out[i] = self.s / 2**31 - 1
        return (out * scale + offset).astype(np.float32).astype(np.float64)

def fill(net):
    """Draws the arrays in the order of their names."""
    numbers, sd = Numbers(1), net.state_dict()
    for name in sorted(n for n in sd if "num_batches" not in n):
        t = sd[name]
        if name.endswith("running_var"): scale, offset = 0.5, 1.0
        elif t.dim() == 1: scale, offset = 0.25, 1.0 if name.endswith(".1.weight") else 0.0
        else: scale, offset = math.sqrt(5.0 / (t.numel() // t.shape[0])), 0.0
        sd[name] = torch.from_numpy(numbers.draw(t.numel(), scale, offset)).reshape(t.shape)
    net.load_state_dict(sd)

def front_end(x):
    y = x[1:] - 0.97 * x[:-1]
    spec = torch.stft(y, 1024, 320, 800, torch.hann_window(800, periodic=False), center=True, pad_mode="reflect", return_complex=True)
    power = spec.real ** 2 + spec.imag ** 2
    mel = lambda f: 1127.0 * np.log(1 + f / 700.0)
    low, high = mel(0.0), mel(15000.0)
    step = (high - low) / 129
    at = mel(np.arange(512) * 32000 / 1024)[None]
    left = low + step * np.arange(128)[:, None]
    bank = np.maximum(0, np.minimum((at - left) / step, (left + 2 * step - at) / step))
    bank = torch.from_numpy(np.pad(bank, ((0, 0), (0, 1))).astype(np.float32).astype(np.float64))
    return (torch.log(bank @ power + 1e-5) + 4.5) / 5

def waveform(n):
    """Sines and noise, of 16 bits."""
    t = np.arange(n) / 32000.0
    x = 0.3 * np.sin(2 * np.pi * 440 * t) + 0.2 * np.sin(2 * np.pi * (1200 + 900 * t) * t) + Numbers(2).draw(n, 0.05)
    return torch.from_numpy(np.floor(x * 32768 + 0.5) / 32768)

torch.set_default_dtype(torch.float64)
net = Net(0.1, 128, 11).eval(); fill(net)
columns = front_end(waveform(16000))
x = columns[None, None].clone().requires_grad_()
logits, embedding = net(x)
k = int(logits.argmax())
(gradient,) = torch.autograd.grad(logits[0, k], x)
gradient, f = gradient[0, 0].T.numpy(), columns.T.numpy()
r = lambda a: [float(f"{v:.7g}") for v in np.asarray(a).ravel()]
frames = [0, 1, len(f) // 2, len(f) - 1]
shapes = {name: list(t.shape) for name, t in net.state_dict().items() if "num_batches" not in name}
print(json.dumps({"shapes": shapes, "n_frames": len(f), "frames": frames, "columns": [r(f[i]) for i in frames], "column_means": r(f.mean(1)),
    "logits": r(logits.detach()), "embedding": r(embedding.detach()), "class": k, "gradient": [r(gradient[i]) for i in frames],
    "gradient_sums": r(gradient.sum(1))}, separators=(",", ":")))

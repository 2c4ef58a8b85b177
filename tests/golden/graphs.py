"""Writes the graphs in `graphs/` and prints `graphs.json`: small networks of PyTorch, exported, with the scores that PyTorch
gives.

    python3 graphs.py > graphs.json

`wave.onnx` hears a waveform of any length at 16 kHz and says every 0.1 s how loud it is around 500, 1500 and 4000 Hz (filters by a formula):
an output that nobody asked for, and scores `[frames, 3]` after a sigmoid. `spectrum.onnx` hears a spectrogram
`[1, 1, frames, 16]` and gives four logits. `patches.onnx` is made as YAMNet is: any number of samples, a spectrogram of its own, and
of each patch an embedding and five scores. Random weights and inputs are those of `Numbers` in `tests/support/golden.rs`.
"""

import json
import os
import sys

import numpy as np
import torch
from torch import nn

RATE = 16_000
TONES_HZ = [500.0, 1500.0, 4000.0]
TAPS = 160
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "graphs")


class Numbers:
    def __init__(self, seed):
        self.s = seed

    def draw(self, *shape):
        out = np.empty(int(np.prod(shape)))
        for i in range(out.size):
            self.s = (self.s * 1664525 + 1013904223) % 2**32
            out[i] = self.s / 2**31 - 1
        return torch.tensor(out.reshape(shape).astype(np.float32))


class Wave(nn.Module):
    """Two filters a tone, a quarter of a turn apart; their power in tenths of a second."""

    def __init__(self):
        super().__init__()
        t = torch.arange(TAPS) / RATE
        window = 2 * torch.hann_window(TAPS) / TAPS
        turn = [2 * np.pi * hz * t for hz in TONES_HZ]
        rows = [f(x) * window for x in turn for f in (torch.sin, torch.cos)]
        self.filters = nn.Conv1d(1, 6, TAPS, stride=16, bias=False)
        self.filters.weight = nn.Parameter(torch.stack(rows)[:, None, :])
        self.pairs = nn.Conv1d(6, 3, 1, bias=False)
        self.pairs.weight = nn.Parameter(torch.eye(3).repeat_interleave(2, dim=1)[:, :, None])
        self.tenths = nn.AvgPool1d(100, 100)

    def forward(self, samples):
        power = self.pairs(self.filters(samples[:, None, :]) ** 2)
        power = self.tenths(power)[0].transpose(0, 1)
        # A sine of amplitude 0.2 gives 0.01: the middle.
        return power, torch.sigmoid(2 * torch.log(power / 0.01 + 1e-6))


class Patches(nn.Module):
    """As YAMNet is made: a spectrogram of its own (STFT in the graph), patches of 96 frames every 48, and scores, embedding and
    spectrogram as outputs."""

    def __init__(self):
        super().__init__()
        self.register_buffer("window", torch.hann_window(400))
        self.register_buffer("bands", Numbers(4).draw(257, 16) ** 2 / 257)
        self.patches = nn.Conv2d(1, 8, (96, 16), stride=(48, 1))
        self.last = nn.Linear(8, 5)

    def forward(self, samples):
        x = torch.stft(samples[None, :], 512, 160, 400, self.window, center=False, return_complex=False)
        magnitude = torch.sqrt((x**2).sum(-1) + 1e-12)[0].transpose(0, 1)
        log_mel = torch.log(magnitude @ self.bands + 0.001)
        embedding = torch.relu(self.patches(log_mel[None, None]))[0, :, :, 0].transpose(0, 1)
        return embedding, torch.sigmoid(self.last(embedding)), log_mel


class Spectrum(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 8, 3, padding=1)
        self.last = nn.Linear(8, 4)

    def forward(self, x):
        x = torch.relu(self.first(x))
        x = nn.functional.max_pool2d(x, 2)
        x = torch.relu(self.second(x))
        return self.last(x.mean(dim=(2, 3)))


def export(net, x, name, outputs, open_axis):
    torch.onnx.export(
        net,
        (x,),
        os.path.join(HERE, name),
        input_names=["x"],
        output_names=outputs,
        dynamic_axes={"x": {open_axis: "length"}, **({name: {0: "n"} for name in outputs} if len(outputs) > 1 else {})},
        opset_version=17,
        dynamo=False,
    )


def main():
    os.makedirs(HERE, exist_ok=True)
    wave, spectrum, patches = Wave().eval(), Spectrum().eval(), Patches().eval()
    numbers = Numbers(1)
    with torch.no_grad():
        for parameter in spectrum.parameters():
            parameter.copy_(numbers.draw(*parameter.shape))
        for parameter in patches.parameters():
            parameter.copy_(0.1 * numbers.draw(*parameter.shape))
        t = np.arange(RATE) / RATE
        tones = 0.1 * np.sin(2 * np.pi * 500 * t) + 0.07 * t * np.sin(2 * np.pi * 1500 * t)
        noise = 0.05 * Numbers(2).draw(1, RATE) + torch.tensor(tones.astype(np.float32))
        noise_alone = 0.1 * Numbers(5).draw(24_000)
        image = Numbers(3).draw(1, 1, 25, 16)
        out = {
            "torch": torch.__version__,
            "wave": wave(noise)[1].tolist(),
            "spectrum": spectrum(image)[0].tolist(),
            "patches": patches(noise_alone)[1].tolist(),
        }
        export(wave, noise, "wave.onnx", ["power", "scores"], 1)
        export(spectrum, image, "spectrum.onnx", ["scores"], 2)
        export(patches, noise_alone, "patches.onnx", ["embedding", "scores", "log_mel"], 0)
    json.dump(out, sys.stdout)
    print()


if __name__ == "__main__":
    main()

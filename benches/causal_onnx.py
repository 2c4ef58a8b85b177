"""Times a causal package in ONNX Runtime on one core, to put beside `RAYON_NUM_THREADS=1 cargo bench --bench model causal`.

    python benches/causal_onnx.py models/everyday

Builds the network of the package's manifest in PyTorch from its weights, exports it to ONNX, compares both outputs, and
times five seconds at once, and one stride of 16 frames with as much past as the kernels reach (ONNX has no state here, so
the stride is computed from a window that holds it). Needs torch, onnx, onnxruntime, numpy and safetensors.
"""

import statistics
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from safetensors.torch import load_file


class Causal(torch.nn.Module):
    def __init__(self, folder):
        super().__init__()
        manifest = tomllib.loads((folder / "model.toml").read_text())
        self.shape = manifest["classifier"]["causal"]
        arrays = load_file(folder / manifest["classifier"]["weights"])
        self.arrays = {name: arrays[name] for name in arrays}
        self.n_mels = manifest["front_end"]["n_mels"]

    def conv(self, name, x, kernel, stride=(1, 1), dilation=1, groups=1, relu=True, join=False):
        a = self.arrays
        scale = a[f"{name}.norm.weight"] / torch.sqrt(a[f"{name}.norm.running_var"] + 1e-3)
        weight = a[f"{name}.weight"] * scale[:, None, None, None]
        bias = a[f"{name}.norm.bias"] - a[f"{name}.norm.running_mean"] * scale
        top = (kernel[0] - 1) * dilation + 1 - stride[0]
        side = 0 if join else kernel[1] // 2
        y = F.conv2d(F.pad(x, (side, side, top, 0)), weight, bias, stride, (0, 0), (dilation, 1), groups)
        return F.relu(y) if relu else y

    def block(self, name, x, b):
        stride, dilation, y = b.get("stride", [1, 1]), b.get("dilation", 1), x
        if b["expanded"] != x.shape[1]:
            y = self.conv(f"{name}.expand", y, (1, 1))
        y = self.conv(f"{name}.depthwise", y, b["kernel"], stride, dilation, groups=b["expanded"])
        y = self.conv(f"{name}.project", y, (1, 1), relu=False)
        return x + y if stride == [1, 1] and b["out"] == x.shape[1] else y

    def forward(self, columns):
        x = self.conv("stem", columns[:, None], (3, 3), (2, 2))
        for i, b in enumerate(self.shape["blocks"]):
            x = self.block(f"blocks.{i}", x, b)
        x = self.conv("join", x, (1, x.shape[3]), join=True)
        for i, b in enumerate(self.shape["time_blocks"]):
            x = self.block(f"time_blocks.{i}", x, b)
        x = self.conv("embed", x, (1, 1))[:, :, :, 0].transpose(1, 2)
        return x @ self.arrays["label.weight"].T + self.arrays["label.bias"]


def past(shape):
    """Input frames that an output reaches back, in whole output frames."""
    frames, step = 1, 2
    for b in shape["blocks"] + shape["time_blocks"]:
        frames += (b["kernel"][0] - 1) * b.get("dilation", 1) * step
        step *= b.get("stride", [1, 1])[0]
    return -(-frames // step) * step


def median_ms(session, x):
    times = []
    for _ in range(200):
        began = time.perf_counter()
        session.run(None, {"columns": x})
        times.append(1e3 * (time.perf_counter() - began))
    return statistics.median(times)


def main():
    folder = Path(sys.argv[1])
    net = Causal(folder).eval()
    for name, frames in (("5 s at once", 312), (f"a stride with {past(net.shape)} frames of past", 16 + past(net.shape))):
        x = torch.rand(1, frames, net.n_mels) * 2 - 1
        file = "causal.onnx"
        torch.onnx.export(net, (x,), file, input_names=["columns"], output_names=["logits"], dynamo=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        with torch.no_grad():
            want = net(x).numpy()
        error = np.abs(session.run(None, {"columns": x.numpy()})[0] - want).max()
        print(f"{name}: {median_ms(session, x.numpy()):.3f} ms in ONNX Runtime {onnxruntime.__version__}, one thread; "
              f"largest difference from PyTorch {error:.1e}")
        Path(file).unlink()


main()

//! The networks of the golden tests: PyTorch's numbers and ours come from the same weights and inputs, which nobody has
//! to store because a formula gives them.
//!
//! Each golden file was printed by the Python of the test that reads it, behind these lines (PyTorch 2.15, in double
//! precision):
//!
//! ```python
//! import json
//! import numpy as np, torch
//! from torch import nn
//! torch.set_default_dtype(torch.float64)
//!
//! class Numbers:
//!     """The numbers of `Numbers` below."""
//!     def __init__(self, seed): self.s = seed
//!     def draw(self, *shape):
//!         out = np.empty(int(np.prod(shape)))
//!         for i in range(out.size):
//!             self.s = (self.s * 1664525 + 1013904223) % 2**32
//!             out[i] = self.s / 2**31 - 1
//!         return out.reshape(shape)
//!
//! f32 = lambda a: torch.tensor(a.astype(np.float32).astype(np.float64))
//! r = lambda t: [float(f"{v:.8g}") for v in t.detach().numpy().ravel()]
//!
//! class Net(nn.Module):
//!     def __init__(self, seed, n_mels, input_pool, widths, time_pools, n_classes, bias):
//!         super().__init__()
//!         n, c_in, self.input_pool, self.pools = Numbers(seed), 1, input_pool, {}
//!         for block, c_out in enumerate(widths):
//!             for i in range(2 if block + 1 < len(widths) else 1):
//!                 conv, norm = nn.Conv2d(c_in, c_out, 3, padding=1, bias=bias), nn.BatchNorm2d(c_out)
//!                 conv.weight.data = f32(n.draw(c_out, c_in, 3, 3) * np.sqrt(6 / (9 * c_in)))
//!                 if bias: conv.bias.data = f32(n.draw(c_out) * 0.5)
//!                 norm.weight.data, norm.bias.data = f32(n.draw(c_out) + 0.4), f32(n.draw(c_out) * 0.5 + 0.2)
//!                 norm.running_mean, norm.running_var = f32(n.draw(c_out) * 0.5), f32(n.draw(c_out) * 0.9 + 1)
//!                 self.add_module(f"layer{3 * block + i + 1}", nn.Sequential(conv, norm, nn.ReLU()))
//!                 c_in = c_out
//!             if block + 1 < len(widths): self.add_module(f"layer{3 * block + 3}", nn.MaxPool2d((time_pools[block], 2)))
//!         self.fc = nn.Linear(c_in, n_classes)
//!         self.fc.weight.data, self.fc.bias.data = f32(n.draw(n_classes, c_in)), f32(n.draw(n_classes))
//!         self.numbers = n
//!     def forward(self, x, mask=1):  # x: [batch, frames, mels]
//!         x = nn.functional.avg_pool2d(x.unsqueeze(1), (self.input_pool, 1))
//!         taps = []
//!         for name, layer in self.named_children():
//!             if isinstance(layer, nn.MaxPool2d): taps.append(x)
//!             if name != "fc": x = layer(x)
//!         self.taps = [t.permute(0, 2, 3, 1) for t in (*taps, x)[-3:]]
//!         x = x.mean(3)
//!         return self.fc((x.mean(2) + x.amax(2)) * mask)
//! ```

use earwitness::model::tensors::Arrays;
use earwitness::model::vgg::VggConfig;
use serde_json::Value;

/// The numbers of `Numbers` above: −1…1, and exactly the same.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = (self.0 * 1_664_525 + 1_013_904_223) % (1 << 32);
        self.0 as f64 / f64::from(1_u32 << 31) - 1.0
    }

    /// `f32(n.draw(count) * scale + offset)`.
    pub(crate) fn draw(&mut self, count: usize, scale: f64, offset: f64) -> Vec<f32> {
        (0..count).map(|_| (self.next() * scale + offset) as f32).collect()
    }

    /// `f32(f(n.draw(count)))`.
    pub(crate) fn map(&mut self, count: usize, f: impl Fn(f64) -> f64) -> Vec<f32> {
        (0..count).map(|_| f(self.next()) as f32).collect()
    }
}

/// The weights of `Net` above, and the numbers that follow them.
pub(crate) fn net(seed: u64, config: &VggConfig, bias: bool) -> (Arrays, Numbers) {
    let mut n = Numbers(seed);
    let mut arrays = Arrays::default();
    let mut c_in = 1;
    for (block, &c_out) in config.widths.iter().enumerate() {
        for i in 0..if block + 1 < config.widths.len() { 2 } else { 1 } {
            let name = format!("layer{}", 3 * block + i + 1);
            let scale = (6.0 / (9 * c_in) as f64).sqrt();
            arrays.insert(format!("{name}.0.weight"), [c_out, c_in, 3, 3], n.draw(c_out * c_in * 9, scale, 0.0));
            if bias {
                arrays.insert(format!("{name}.0.bias"), [c_out], n.draw(c_out, 0.5, 0.0));
            }
            for (what, scale, offset) in
                [("weight", 1.0, 0.4), ("bias", 0.5, 0.2), ("running_mean", 0.5, 0.0), ("running_var", 0.9, 1.0)]
            {
                arrays.insert(format!("{name}.1.{what}"), [c_out], n.draw(c_out, scale, offset));
            }
            c_in = c_out;
        }
    }
    let k = config.n_classes;
    arrays.insert("fc.weight", [k, c_in], n.draw(k * c_in, 1.0, 0.0));
    arrays.insert("fc.bias", [k], n.draw(k, 1.0, 0.0));
    (arrays, n)
}

/// A golden case's list of numbers.
pub(crate) fn floats(v: &Value) -> Vec<f64> {
    v.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// A golden case's list of counts.
pub(crate) fn counts(v: &Value) -> Vec<usize> {
    v.as_array().unwrap().iter().map(count).collect()
}

/// A golden case's count.
pub(crate) fn count(v: &Value) -> usize {
    usize::try_from(v.as_u64().unwrap()).unwrap()
}

/// Asserts that no number is further from the wanted one than `tolerance` times the largest wanted one.
#[track_caller]
pub(crate) fn assert_close(what: &str, got: &[f32], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}: numbers");
    let largest = want.iter().fold(0.0_f64, |m, w| m.max(w.abs()));
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        let off = (f64::from(*g) - w).abs();
        assert!(off <= tolerance * largest, "{what}[{i}]: {g} is not {w} (largest {largest})");
    }
}

//! Ψ and Θ against PyTorch's numbers: what they say, the losses of Eq. 4, and every gradient. The Python is the authors'
//! network in its own orientation (channels, freq, time), with a sigmoid gate and a bias on the last layer.
//!
//! `golden/l2i.json` was printed by the lines in `support/golden.rs` up to `class Net`, then:
//!
//! ```python
//! F, relu = nn.functional, torch.relu
//! up = lambda x, t: F.interpolate(x, size=(x.shape[2], t), mode="bilinear", align_corners=True)
//! def l2i(p, taps, T, pooling):  # taps: [batch, channels, freq, time], earliest first
//!     early, mid, late = taps
//!     t5, t = late.shape[3] * (mid.shape[3] // late.shape[3]), 0
//!     t = t5 * (early.shape[3] // mid.shape[3])
//!     conv = lambda x, n, **k: relu(F.conv2d(x, p[n + ".weight"], p[n + ".bias"], **k))
//!     mid = F.avg_pool2d(conv(up(mid[..., :t5], t), "conv1", padding=1), (mid.shape[2] // late.shape[2], 1))
//!     late = up(conv(up(late, t5), "conv7", padding=1), t)
//!     early = conv(early[..., :t], "conv8", stride=(early.shape[2] // late.shape[2], 1))
//!     x = conv(up(torch.cat([mid, late, early], 1), 2 * t), "conv2", padding=1)
//!     x = up(conv(up(x, 4 * t), "conv6"), T).flatten(2)
//!     for n in ("conv4", "conv5"): x = relu(F.conv1d(x, p[n + ".weight"], p[n + ".bias"], padding=2))
//!     h = x.transpose(1, 2)
//!     dense = lambda x, n: F.linear(x, p[n + ".weight"], p[n + ".bias"])
//!     if pooling == "max": z, a = h.amax(1), None
//!     else:
//!         a = dense(torch.tanh(dense(h, "attention_V.0")) * torch.sigmoid(dense(h, "attention_U.0")), "attention_weights").softmax(1)
//!         z, a = (h * a).sum(1), a[..., 0]
//!     return h, a, z, dense(z, "fc1")
//! cases = []
//! for pooling, taps, T in [("attention", [(4, 8, 4), (5, 4, 2), (6, 2, 2)], 64), ("max", [(3, 9, 9), (4, 4, 4), (6, 2, 2)], 70)]:
//!     n, P, K, L, C = Numbers(len(cases) + 31), 6, 5, 4, 3
//!     c, f = [t[0] for t in taps], [t[1] for t in taps]
//!     shapes = {"conv1": (P, c[1], 3, 3), "conv7": (P // 2, c[2], 3, 3), "conv8": (P // 2, c[0], f[0] // f[2], 1), "conv2": (P, 2 * P, 3, 3),
//!               "conv6": (P, P, f[2], 1), "conv4": (K, P, 5), "conv5": (K, K, 5)}
//!     if pooling == "attention": shapes |= {"attention_V.0": (L, K), "attention_U.0": (L, K), "attention_weights": (1, L)}
//!     shapes["fc1"] = (C, K)
//!     p = {}
//!     for name, s in shapes.items():
//!         p[name + ".weight"] = f32(n.draw(*s) * np.sqrt(3 / np.prod(s[1:])) + 0.05).requires_grad_()
//!         p[name + ".bias"] = f32(n.draw(s[0]) * 0.3 + 0.1).requires_grad_()
//!     maps = [f32(np.maximum(n.draw(2, t, fr, ch), 0)).permute(0, 3, 2, 1) for ch, fr, t in taps]
//!     decision, X, W = f32(n.draw(2, C) * 3), f32(np.maximum(n.draw(2, T, 7), 0)), f32(np.maximum(n.draw(7, K), 0))
//!     h, a, z, logits = l2i(p, maps, T, pooling)
//!     mse = ((h @ W.T - X) ** 2).mean()
//!     fid = F.binary_cross_entropy_with_logits(logits, decision.sigmoid(), reduction="none").sum(1).mean()
//!     loss = 5 * mse + 2 * fid + 0.4 * h.mean()
//!     loss.backward()
//!     cases.append(dict(pooling=pooling, taps=taps, n_frames=T, h=r(h[1]), attention=[] if a is None else r(a[1]), pooled=r(z), logits=r(logits),
//!         mse=mse.item(), fid=fid.item(), loss=loss.item(), grads={k: r(v.grad) for k, v in p.items()}))
//! print(json.dumps(cases, separators=(",", ":")))
//! ```

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use crate::support::golden::{Numbers, assert_close, count, counts, floats};
use candle_core::{Device, Tensor, Var};
use earwitness::dsp::{
    Compression, FrontEndParams, MelNorm, MelParams, MelScale, SpectrumPower, StftParams, WindowKind,
};
use earwitness::model::device::ComputeDevice;
use earwitness::model::l2i::{L2iConfig, L2iForward, L2iNet};
use earwitness::model::manifest::{Activation, Pooling};
use earwitness::train::augment::AugmentParams;
use earwitness::train::l2i::{L2iTraining, losses};
use earwitness::units::SampleRate;
use serde_json::Value;

const TOLERANCE: f64 = 1e-5;

struct Case {
    config: L2iConfig,
    vars: Vec<(&'static str, Var)>,
    taps: Vec<Tensor>,
    decision: Tensor,
    log_magnitude: Tensor,
    w_t: Tensor,
    want: Value,
}

impl Case {
    fn load(seed: u64, want: Value) -> Self {
        let taps: Vec<Vec<usize>> = want["taps"].as_array().unwrap().iter().map(counts).collect();
        let of = |i: usize| [taps[0][i], taps[1][i], taps[2][i]];
        let attention = want["pooling"] == "attention";
        let config = L2iConfig {
            n_components: 5,
            psi_channels: 6,
            theta_hidden: 4,
            pooling: if attention { Pooling::Attention } else { Pooling::Max },
            n_classes: 3,
            n_frames: count(&want["n_frames"]),
            tap_channels: of(0),
            tap_bands: of(1),
            tap_frames: of(2),
        };
        let mut n = Numbers(seed);
        let mut vars = Vec::new();
        for (name, shape) in config.arrays() {
            let len: usize = shape.iter().product();
            let values = if shape.len() > 1 {
                n.draw(len, (3.0 / (len / shape[0]) as f64).sqrt(), 0.05)
            } else {
                n.draw(len, 0.3, 0.1)
            };
            vars.push((name, Var::from_vec(values, shape, &Device::Cpu).unwrap()));
        }
        let tensor = |values: Vec<f32>, shape: &[usize]| Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
        let mut positive = |shape: &[usize]| tensor(n.map(shape.iter().product(), |v| v.max(0.0)), shape);
        let taps = taps.iter().map(|t| positive(&[2, t[2], t[1], t[0]])).collect();
        let decision = tensor(n.draw(6, 3.0, 0.0), &[2, 3]);
        let mut positive = |shape: &[usize]| tensor(n.map(shape.iter().product(), |v| v.max(0.0)), shape);
        let log_magnitude = positive(&[2, config.n_frames, 7]);
        let w_t = positive(&[7, 5]).t().unwrap().contiguous().unwrap();
        Self { config, vars, taps, decision, log_magnitude, w_t, want }
    }

    fn forward(&self) -> L2iForward {
        self.forward_on(&ComputeDevice::cpu())
    }

    fn forward_on(&self, device: &ComputeDevice) -> L2iForward {
        let tensors: HashMap<_, _> = self.vars.iter().map(|(n, v)| (*n, v.as_tensor().clone())).collect();
        let net = L2iNet::from_tensors_on(&self.config, &tensors, device).unwrap();
        net.forward(&self.taps, None).unwrap()
    }
}

fn cases() -> Vec<Case> {
    let cases: Value = serde_json::from_str(include_str!("../golden/l2i.json")).unwrap();
    let cases = cases.as_array().unwrap().clone();
    assert_eq!(cases.len(), 2);
    (31..).zip(cases).map(|(seed, want)| Case::load(seed, want)).collect()
}

fn values(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn activations_attention_and_decision_equal_pytorch() {
    for device in [ComputeDevice::cpu(), ComputeDevice::plain_cpu()] {
        for case in cases() {
            let got = case.forward_on(&device);
            let second = |t: &Tensor| values(&t.narrow(0, 1, 1).unwrap());
            assert_close("H", &second(&got.activations), &floats(&case.want["h"]), TOLERANCE);
            assert_close("z", &values(&got.pooled.pooled), &floats(&case.want["pooled"]), TOLERANCE);
            assert_close("logits", &values(&got.logits), &floats(&case.want["logits"]), TOLERANCE);
            let attention = got.pooled.attention.map_or(Vec::new(), |a| second(&a));
            assert_close("attention", &attention, &floats(&case.want["attention"]), TOLERANCE);
        }
    }
}

#[test]
fn losses_and_every_gradient_equal_pytorch() {
    for case in cases() {
        let how = training(&case.config);
        let parts = losses(&how, &case.forward(), &case.decision, &case.w_t, &case.log_magnitude).unwrap();
        for (name, got) in [("loss", &parts.total), ("mse", &parts.reconstruction), ("fid", &parts.fidelity)] {
            assert_close(name, &[got.to_scalar().unwrap()], &[case.want[name].as_f64().unwrap()], TOLERANCE);
        }
        let grads = parts.total.backward().unwrap();
        for (name, var) in &case.vars {
            let want = floats(&case.want["grads"][*name]);
            let got = values(grads.get(var).unwrap());
            // A softmax does not change with a constant added: its bias has no gradient but rounding.
            if *name == "attention_weights.bias" {
                assert!(got.iter().all(|g| g.abs() < 1e-6), "{got:?}");
            } else {
                assert_close(name, &got, &want, 2e-5);
            }
        }
    }
}

fn training(config: &L2iConfig) -> L2iTraining {
    let stft = StftParams { n_fft: 16, hop: 8, win_length: 16, window: WindowKind::Hann, centred: true };
    L2iTraining {
        net: config.clone(),
        front_end: FrontEndParams {
            sample_rate: SampleRate::new(8000).unwrap(),
            stft,
            mel: MelParams { n_mels: 4, scale: MelScale::Htk, norm: MelNorm::None, f_min_hz: 0.0, f_max_hz: 4000.0 },
            pre_emphasis: 0.0,
            power: SpectrumPower::Power,
            compression: Compression::Log1p,
        },
        activation: Activation::Sigmoid,
        epochs: 1,
        batch: 1,
        learning_rate: 1e-3,
        reconstruction: 5.0,
        fidelity: 2.0,
        sparsity: 0.4,
        dropout: 0.0,
        pooled_dropout: 0.0,
        theta_decay: 0.0,
        augment: AugmentParams::default(),
        seed: 0,
    }
}

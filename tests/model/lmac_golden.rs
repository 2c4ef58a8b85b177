//! The decoder of L-MAC and its objective against PyTorch's numbers: the mask, the loss, and the gradient of every array,
//! which goes through the front end and the whole frozen classifier.
//!
//! `golden/lmac.json` was printed by the lines in `support/golden.rs`, then:
//!
//! ```python
//! F = nn.functional
//!
//! def front_end(n_mels, power, compress):  # 8 kHz, 256 points; HTK triangles of height 1
//!     hz, mel = lambda m: 700 * (10 ** (m / 2595) - 1), lambda f: 2595 * np.log10(1 + f / 700)
//!     c, bins = hz(np.linspace(0, mel(4000), n_mels + 2)), np.arange(129) * 8000 / 256
//!     bank = np.stack([np.maximum(0, np.minimum((bins - c[m]) / (c[m + 1] - c[m]), (c[m + 2] - bins) / (c[m + 2] - c[m + 1]))) for m in range(n_mels)])
//!     spread = np.stack([np.interp(bins, c[1:-1], row) for row in np.eye(n_mels)])
//!     return f32(spread), lambda log: compress((torch.expm1(log) ** power) @ f32(bank).T)
//!
//! class Decoder:
//!     def __init__(self, n, widths, cell, steps, channels, n_classes):
//!         self.p, c, last = {}, channels, channels
//!         def add(name, *shape): self.p[name] = f32(n.draw(*shape) * (np.sqrt(3 / np.prod(shape[1:])) if name.endswith(".weight") else 0.4)).requires_grad_()
//!         def layer(name, *shape): add(name + ".weight", *shape); add(name + ".bias", shape[0])
//!         for name, width in zip(["late", "middle", "early"], widths[::-1]): layer(name + ".tap", c, width); layer(name, c, c, 3, 3)
//!         for level, c_out in steps: layer(f"up{level}", c_out, last, 3, 3); last = c_out
//!         layer("detail", last, last + cell[0] * cell[1], 3, 3); layer("mask", cell[0] * cell[1], last, 3, 3)
//!         if n_classes:
//!             add("late.evidence.weight", c, widths[-1]); add("late.class.evidence", n_classes, widths[-1])
//!             for name in ["late", "middle", "early"]: add(name + ".class.scale", n_classes, c); add(name + ".class.shift", n_classes, c)
//!         self.cell, self.steps = cell, steps
//!     def conv(self, x, name): return F.conv2d(x, self.p[name + ".weight"], self.p[name + ".bias"], padding=1)
//!     def __call__(self, taps, x, classes, pools):
//!         def up(y, level):
//!             y = y.repeat_interleave(pools[level], 2).repeat_interleave(2, 3)
//!             return F.pad(y, (0, x.shape[2] // 2 ** level - y.shape[3], 0, 0), mode="replicate")
//!         y, first = 0, len(pools) - 2
//!         for i, name in enumerate(["late", "middle", "early"]):
//!             y = (taps[2 - i] @ self.p[name + ".tap.weight"].T + self.p[name + ".tap.bias"]).permute(0, 3, 1, 2) + y
//!             if i == 0 and "late.class.evidence" in self.p:
//!                 y = y + ((taps[2] * self.p["late.class.evidence"][classes][:, None, None, :]) @ self.p["late.evidence.weight"].T).permute(0, 3, 1, 2)
//!             if name + ".class.scale" in self.p:
//!                 y = y * (1 + self.p[name + ".class.scale"][classes])[:, :, None, None] + self.p[name + ".class.shift"][classes][:, :, None, None]
//!             y = self.conv(y.relu(), name).relu()
//!             if i < 2: y = up(y, first + 1 - i)
//!         for level, _ in self.steps: y = self.conv(up(y, level), f"up{level}").relu()
//!         (h, w), (b, t, m) = self.cell, x.shape
//!         cells = x[:, :, :m // w * w].reshape(b, t // h, h, m // w, w).permute(0, 2, 4, 1, 3).reshape(b, h * w, t // h, m // w)
//!         y = self.conv(self.conv(torch.cat([y, cells], 1), "detail").relu(), "mask")
//!         y = y.reshape(b, h, w, t // h, m // w).permute(0, 3, 1, 4, 2).reshape(b, t, m // w * w)
//!         y = F.pad(y, (0, m % w), mode="replicate").sigmoid()
//!         for axis, width in [(1, h), (2, w)]:  # triangles, as wide as a cell to both sides
//!             a = torch.relu(width - (torch.arange(y.shape[axis])[:, None] - torch.arange(y.shape[axis])).abs().double())
//!             y = ((a / a.sum(1, keepdim=True)) @ y.transpose(1, axis)).transpose(1, axis)
//!         return y
//!
//! cases = []
//! for mels, input_pool, widths, pools, frames, cell, steps, conditioned, softmax in [
//!         (37, 2, [2, 3, 4, 5, 6], [2, 1, 2, 2], 32, (4, 2), [(1, 6)], True, False), (16, 1, [3, 4, 5], [2, 2], 12, (1, 1), [], False, True)]:
//!     net = Net(len(cases) + 61, mels, input_pool, widths, pools, 3, False).eval()
//!     n, classes = net.numbers, torch.tensor([1, 0, 2])
//!     decoder = Decoder(n, widths[-3:], cell, steps, 6, 3 if conditioned else 0)
//!     log, clean = f32(abs(n.draw(3, frames, 129)) * 2), f32(abs(n.draw(3, frames, 129)) * 2)
//!     if softmax: spread, hear = front_end(mels, 1, torch.log1p)
//!     else: spread, hear = front_end(mels, 2, lambda x: torch.log10(x.clamp_min(1e-5)) * 0.4 + 0.8)
//!     features = hear(log); net(features)
//!     bands = decoder([t.detach() for t in net.taps], features, classes, pools)
//!     mask = bands @ spread
//!     zi, zo = net(hear(mask * log)), net(hear((1 - mask) * log))
//!     present = f32(np.array([1.0, 0, 1]))
//!     if softmax:
//!         inside, p = F.cross_entropy(zi, classes, reduction="none"), zo.softmax(1).gather(1, classes[:, None])[:, 0]
//!     else:
//!         inside, p = F.binary_cross_entropy_with_logits(zi, F.one_hot(classes, 3).double(), reduction="none").sum(1), zo.sigmoid().gather(1, classes[:, None])[:, 0]
//!     kept = mask * log
//!     cosine = F.cosine_similarity(kept.flatten(1), clean.flatten(1))
//!     guided = (cosine >= 0.74).double() * present if softmax else torch.zeros(3)
//!     loud = (clean >= 0.35 * clean.amax((1, 2), keepdim=True)).double()
//!     r = lambda t: [float(f"{v:.6g}") for v in t.detach().numpy().ravel()]
//!     bce = F.binary_cross_entropy(mask, loud, reduction="none").mean((1, 2))
//!     loss = (4 * inside * present - 0.5 * torch.log(1 - p) + (1 - guided) * 0.7 * mask.mean((1, 2)) + guided * 2 * bce).mean()
//!     loss.backward()
//!     cases.append(dict(mels=mels, input_pool=input_pool, widths=widths, pools=pools, frames=frames, softmax=softmax, conditioned=conditioned,
//!         mask=r(bands), loss=loss.item(), guided=guided.mean().item(), cosine=r(cosine), grads={k: r(v.grad) for k, v in decoder.p.items()}))
//! print(json.dumps(cases, separators=(",", ":")))
//! ```

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use crate::support::golden::{Numbers, assert_close, count, counts, floats, net};
use candle_core::{DType, Device, Tensor, Var};
use earwitness::dsp::{
    Compression, FrontEndParams, MelNorm, MelParams, MelScale, SpectrumPower, StftParams, WindowKind,
};
use earwitness::model::lmac::{LmacConfig, LmacNet};
use earwitness::model::manifest::Activation;
use earwitness::model::tap_shapes::TapShapes;
use earwitness::model::vgg::{Vgg, VggConfig};
use earwitness::train::augment::AugmentParams;
use earwitness::train::lmac::{Asked, Heard, LmacTraining, Losses, MaskedFrontEnd, Objective, Part, losses};
use earwitness::units::SampleRate;
use serde_json::Value;

const BATCH: usize = 3;
const N_BINS: usize = 129;

/// The second segment is asked for a class that is not there; else it would be guided, too.
const ASKED: [Asked; BATCH] =
    [Asked { class: 1, present: true }, Asked { class: 0, present: false }, Asked { class: 2, present: true }];

/// A golden case, and what it was computed from.
struct Case {
    how: LmacTraining,
    classifier: Vgg,
    front_end: MaskedFrontEnd,
    params: Vec<(String, Var)>,
    log_magnitude: Tensor,
    clean: Tensor,
    want: Value,
}

impl Case {
    fn load(seed: u64, want: Value) -> Self {
        let softmax = want["softmax"].as_bool().unwrap();
        let vgg = VggConfig {
            n_mels: count(&want["mels"]),
            input_pool: count(&want["input_pool"]),
            widths: counts(&want["widths"]),
            time_pools: counts(&want["pools"]),
            n_classes: 3,
        };
        let (arrays, mut n) = net(seed, &vgg, false);
        let classifier = Vgg::load(&vgg, &arrays).unwrap();
        let (power, compression) = if softmax {
            (SpectrumPower::Magnitude, Compression::Log1p)
        } else {
            (SpectrumPower::Power, Compression::Log10 { floor: 1e-5, scale: 0.4, offset: 0.8 })
        };
        let front_end = FrontEndParams {
            sample_rate: SampleRate::new(8000).unwrap(),
            stft: StftParams { n_fft: 256, hop: 100, win_length: 256, window: WindowKind::Hann, centred: true },
            mel: MelParams {
                n_mels: vgg.n_mels,
                scale: MelScale::Htk,
                norm: MelNorm::None,
                f_min_hz: 0.0,
                f_max_hz: 4000.0,
            },
            pre_emphasis: 0.0,
            power,
            compression,
        };
        let frames = count(&want["frames"]);
        let how = LmacTraining {
            net: LmacConfig {
                net: TapShapes::vgg(&vgg).unwrap(),
                channels: 6,
                conditioned: want["conditioned"].as_bool().unwrap(),
            },
            front_end,
            activation: if softmax { Activation::Softmax } else { Activation::Sigmoid },
            objective: Objective::Mask,
            clip_frames: frames,
            window_frames: frames,
            window_share: 0.0,
            epochs: 1,
            batch: BATCH,
            learning_rate: 1e-3,
            weight_decay: 0.0,
            inside: 4.0,
            outside: 0.5,
            sparsity: 0.7,
            guide: if softmax { 2.0 } else { 0.0 },
            crosscor_threshold: 0.74,
            bin_threshold: 0.35,
            absent: 0.0,
            augment: AugmentParams::none(),
            seed: 1,
        };
        let params = how.net.arrays().into_iter().map(|(name, shape)| (name.clone(), array(&mut n, &name, &shape)));
        let params = params.collect();
        let spectrogram = |n: &mut Numbers| {
            let values = n.map(BATCH * frames * N_BINS, |v| v.abs() * 2.0);
            Tensor::from_vec(values, (BATCH, frames, N_BINS), &Device::Cpu).unwrap()
        };
        let (log_magnitude, clean) = (spectrogram(&mut n), spectrogram(&mut n));
        let front_end = MaskedFrontEnd::new(&front_end, how.objective.scale()).unwrap();
        Self { how, classifier, front_end, params, log_magnitude, clean, want }
    }

    /// The mask of some segments, and the loss.
    fn run(&self, first: usize, n: usize) -> (Tensor, Losses) {
        let log_magnitude = self.log_magnitude.narrow(0, first, n).unwrap().contiguous().unwrap();
        let clean = self.clean.narrow(0, first, n).unwrap().contiguous().unwrap();
        let ones = Tensor::ones((n, self.how.clip_frames, self.how.net.net.n_mels), DType::F32, &Device::Cpu).unwrap();
        let features = self.front_end.features(&ones, &log_magnitude, Part::Inside).unwrap();
        let taps = self.classifier.forward(&features).unwrap().taps;
        let tensors: HashMap<String, Tensor> =
            self.params.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect();
        let asked = &ASKED[first..first + n];
        let classes: Vec<usize> = asked.iter().map(|asked| asked.class).collect();
        let mask = LmacNet::from_tensors(&self.how.net, &tensors).unwrap().forward(&taps, &features, &classes).unwrap();
        let heard = Heard {
            front_end: &self.front_end,
            classifier: &self.classifier,
            log_magnitude: &log_magnitude,
            clean: Some(&clean),
            wanted: None,
            asked,
        };
        let losses = losses(&self.how, &mask, &heard).unwrap();
        (mask, losses)
    }
}

fn array(n: &mut Numbers, name: &str, shape: &[usize]) -> Var {
    let kernel = name.ends_with(".weight");
    let scale = if kernel { (3.0 / shape[1..].iter().product::<usize>() as f64).sqrt() } else { 0.4 };
    let values = n.draw(shape.iter().product(), scale, 0.0);
    Var::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn cases() -> Vec<Case> {
    let cases: Value = serde_json::from_str(include_str!("../golden/lmac.json")).unwrap();
    let cases = cases.as_array().unwrap().clone();
    assert_eq!(cases.len(), 2);
    (61..).zip(cases).map(|(seed, want)| Case::load(seed, want)).collect()
}

fn scalar(t: &Tensor) -> f64 {
    f64::from(t.to_scalar::<f32>().unwrap())
}

#[test]
fn mask_loss_and_every_gradient_equal_pytorch() {
    for case in cases() {
        let (mask, losses) = case.run(0, BATCH);
        let mask = mask.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_close("mask", &mask, &floats(&case.want["mask"]), 1e-5);
        let (got, want) = (scalar(&losses.total), case.want["loss"].as_f64().unwrap());
        assert!((got / want - 1.0).abs() < 1e-5, "{got} is not {want}");
        assert!((losses.guided - case.want["guided"].as_f64().unwrap()).abs() < 1e-6);
        let store = losses.total.backward().unwrap();
        let want = case.want["grads"].as_object().unwrap();
        assert_eq!(want.len(), case.params.len());
        for (name, var) in &case.params {
            let grad = store.get(var).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_close(name, &grad, &floats(&want[name]), 1e-3);
        }
    }
}

/// The published program weights the mask's size with the number of segments in the batch.
#[test]
fn the_loss_of_a_batch_is_the_mean_of_its_segments_losses() {
    for case in cases() {
        let whole = case.run(0, BATCH).1;
        let alone: Vec<Losses> = (0..BATCH).map(|i| case.run(i, 1).1).collect();
        let mean = |of: &dyn Fn(&Losses) -> f64| alone.iter().map(of).sum::<f64>() / BATCH as f64;
        for (got, want) in [
            (scalar(&whole.total), mean(&|l| scalar(&l.total))),
            (scalar(&whole.size), mean(&|l| scalar(&l.size))),
            (whole.guided, mean(&|l| l.guided)),
        ] {
            assert!((got - want).abs() < 1e-4 * want.abs().max(0.1), "{got} is not {want}");
        }
    }
}

/// A mask that hides everything and one that hides nothing: every term is finite, and none is below 0.
#[test]
fn the_loss_is_bounded_below() {
    for case in cases() {
        let (mask, _) = case.run(0, BATCH);
        for value in [0.0, 1.0] {
            let mask = (mask.zeros_like().unwrap() + value).unwrap();
            let heard = Heard {
                front_end: &case.front_end,
                classifier: &case.classifier,
                log_magnitude: &case.log_magnitude,
                clean: Some(&case.clean),
                wanted: None,
                asked: &ASKED,
            };
            let losses = losses(&case.how, &mask, &heard).unwrap();
            for part in [&losses.total, &losses.inside, &losses.outside, &losses.size] {
                assert!(scalar(part).is_finite() && scalar(part) >= 0.0);
            }
            assert!((scalar(&losses.size) - value).abs() < 1e-5);
        }
    }
}

#[test]
fn masks_cover_every_frame_and_follow_the_class_where_they_are_asked_to() {
    for case in cases() {
        let pooling = case.how.net.net.time_pooling;
        let tensors: HashMap<String, Tensor> =
            case.params.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect();
        let decoder = LmacNet::from_tensors(&case.how.net, &tensors).unwrap();
        for n in [1, 2, 5] {
            let frames = n * pooling;
            let values = Numbers(5).draw(frames * case.how.net.net.n_mels, 1.0, 0.0);
            let x = Tensor::from_vec(values, (1, frames, case.how.net.net.n_mels), &Device::Cpu).unwrap();
            let taps = case.classifier.forward(&x).unwrap().taps;
            let mask = |class| decoder.forward(&taps, &x, &[class]).unwrap();
            assert_eq!(mask(0).dims(), x.dims());
            let apart = scalar(&(mask(0) - mask(2)).unwrap().abs().unwrap().mean_all().unwrap());
            assert_eq!(apart > 1e-3, case.how.net.conditioned, "{apart}");
            assert!(decoder.forward(&taps, &x, &[3]).is_err(), "no such class");
            assert!(decoder.forward(&taps[1..], &x, &[0]).is_err(), "too few taps");
            let longer = Tensor::cat(&[&x, &x], 1).unwrap();
            assert!(decoder.forward(&taps, &longer, &[0]).is_err(), "taps of another segment");
        }
    }
}

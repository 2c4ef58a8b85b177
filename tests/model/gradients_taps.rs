//! A loss on the hidden layers that an interpreter reads, together with one on the logits: every gradient of the
//! classifier against PyTorch's numbers, and by-design training as a whole against finite differences.
//!
//! `golden/vgg_tap_gradients.json` was printed by the lines in `support/golden.rs`, then:
//!
//! ```python
//! cases = []
//! for reach in ["all", "dense"]:
//!     net = Net(len(cases) + 91, 17, 1, [2, 3, 4, 5], [2, 1, 2], 4, False).train()
//!     x, targets = f32(net.numbers.draw(3, 13, 17)), f32(net.numbers.draw(3, 4) * 0.5 + 0.5)
//!     logits = net(x)
//!     if reach == "dense":
//!         last = net.taps[2].detach().permute(0, 3, 1, 2).mean(3)
//!         logits = net.fc(last.mean(2) + last.amax(2))
//!     loss = nn.functional.binary_cross_entropy_with_logits(logits, targets)
//!     for i, tap in enumerate(net.taps):
//!         wanted = f32(net.numbers.draw(*tap.shape))
//!         loss = loss + (i + 1) * ((tap - wanted) ** 2).mean()
//!     loss.backward()
//!     cases.append(dict(reach=reach, loss=loss.item(), grads={name: r(p.grad) for name, p in net.named_parameters()}))
//! print(json.dumps(cases, separators=(",", ":")))
//! ```

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use crate::support::golden::{self, assert_close, floats, net};
use candle_core::{Device, Tensor};
use earwitness::model::kernels::conv::unpack_weights;
use earwitness::model::tensors::Arrays;
use earwitness::model::vgg::{Reach, TrainableVgg, VggConfig};
use earwitness::train::loss::binary_cross_entropy;
use serde_json::Value;

const BATCH: usize = 3;

/// Gradients by PyTorch's names and in PyTorch's layouts.
fn gradients(net: &mut TrainableVgg, arrays: &Arrays) -> BTreeMap<String, Vec<f32>> {
    let mut all = BTreeMap::new();
    for p in net.params() {
        if p.name.starts_with("fc.") {
            all.insert(p.name.clone(), p.grad.clone());
        } else if p.name.ends_with(".weight") {
            let shape = &arrays.0[&p.name].shape;
            all.insert(p.name.clone(), unpack_weights(shape[0], shape[1], 9, &p.grad));
        } else {
            let (gamma, beta) = p.grad.split_at(p.grad.len() / 2);
            all.insert(format!("{}.weight", p.name), gamma.to_vec());
            all.insert(format!("{}.bias", p.name), beta.to_vec());
        }
    }
    all
}

#[test]
fn gradients_of_losses_on_the_taps_equal_pytorch() {
    let cases: Value = serde_json::from_str(include_str!("../golden/vgg_tap_gradients.json")).unwrap();
    let cases = cases.as_array().unwrap();
    assert_eq!(cases.len(), 2);
    for (seed, want) in (91..).zip(cases) {
        let reach = if want["reach"] == "all" { Reach::All } else { Reach::DenseLayer };
        let config =
            VggConfig { n_mels: 17, input_pool: 1, widths: vec![2, 3, 4, 5], time_pools: vec![2, 1, 2], n_classes: 4 };
        let (arrays, mut n) = net(seed, &config, false);
        let segments = n.draw(BATCH * 13 * 17, 1.0, 0.0);
        let targets = Tensor::from_vec(n.draw(BATCH * 4, 0.5, 0.5), (BATCH, 4), &Device::Cpu).unwrap();
        let mut net = TrainableVgg::load(&config, &arrays).unwrap();
        // Twice: buffers of the first pass must not show in the second.
        for n in [&mut golden::Numbers(n.0), &mut n] {
            let pass = net.forward_with_taps(&segments, BATCH, None, reach).unwrap();
            assert_eq!(pass.taps.len(), 3);
            let mut loss = binary_cross_entropy(&pass.logits, &targets).unwrap();
            for (i, tap) in pass.taps.iter().enumerate() {
                let wanted = Tensor::from_vec(n.draw(tap.elem_count(), 1.0, 0.0), tap.shape(), &Device::Cpu).unwrap();
                let off = (tap.as_tensor() - wanted).unwrap().sqr().unwrap().mean_all().unwrap();
                loss = (loss + (off * (i + 1) as f64).unwrap()).unwrap();
            }
            net.backward_from(&pass, &loss.backward().unwrap()).unwrap();
            let loss = f64::from(loss.to_scalar::<f32>().unwrap());
            assert!((loss / want["loss"].as_f64().unwrap() - 1.0).abs() < 1e-6, "{loss}");
            let got = gradients(&mut net, &arrays);
            let want = want["grads"].as_object().unwrap();
            assert_eq!(got.len(), want.len());
            for (name, want) in want {
                assert_close(name, &got[name], &floats(want), 2e-5);
            }
        }
    }
}

//! The trained parts one by one against PyTorch's numbers: convolution, max pooling, losses.
//!
//! `golden/vgg_ops.json` was printed by the lines in `support/golden.rs`, then:
//!
//! ```python
//! nhwc = lambda t: t.detach().permute(0, 2, 3, 1)
//! cases = dict(conv=[], pool=[], loss=[])
//! for kh, kw in [(3, 3), (1, 5), (5, 1)]:
//!     n = Numbers(21 + len(cases["conv"]))
//!     x = f32(n.draw(2, 4, 5, 2)).permute(0, 3, 1, 2).requires_grad_()
//!     w = f32(n.draw(kh, kw, 2, 3)).permute(3, 2, 0, 1).requires_grad_()
//!     g = f32(n.draw(2, 4, 5, 3)).permute(0, 3, 1, 2)
//!     out = nn.functional.conv2d(x, w, padding=(kh // 2, kw // 2))
//!     grads = torch.autograd.grad((out * g).sum(), [x, w])
//!     cases["conv"].append(dict(kernel=[kh, kw], out=r(nhwc(out)), grad_x=r(nhwc(grads[0])), grad_w=r(grads[1].permute(2, 3, 1, 0))))
//! for height, width, rows in [(4, 6, 2), (5, 7, 2), (4, 7, 1), (5, 6, 1), (3, 3, 2)]:
//!     n = Numbers(31 + len(cases["pool"]))
//!     x = f32(np.floor(n.draw(2, height, width, 2) * 4)).permute(0, 3, 1, 2).requires_grad_()  # with ties
//!     out = nn.functional.max_pool2d(x, (rows, 2))
//!     g = f32(n.draw(2, height // rows, width // 2, 2)).permute(0, 3, 1, 2)
//!     cases["pool"].append(dict(shape=[2, height, width, 2], rows=rows, out=r(nhwc(out)),
//!         grad=r(nhwc(torch.autograd.grad((out * g).sum(), x)[0]))))
//! logits, targets = f32(np.array([[0, -0.5, 30, -30], [100, 2, 2, 1.5], [-100, -101, 0.1, -99.5]])).requires_grad_(), f32(Numbers(41).draw(3, 4) * 0.5 + 0.5)
//! for name, f in [("bce", nn.functional.binary_cross_entropy_with_logits), ("cross_entropy", nn.functional.cross_entropy)]:
//!     loss = f(logits, targets)
//!     cases["loss"].append(dict(name=name, loss=loss.item(), grad=r(torch.autograd.grad(loss, logits)[0])))
//! print(json.dumps(cases, separators=(",", ":")))
//! ```

#![allow(clippy::unwrap_used)]

use crate::support::golden::{Numbers, assert_close, count, counts, floats};
use candle_core::{DType, Device, Tensor, Var};
use earwitness::model::ops::{conv2d, max_pool};
use earwitness::train::loss::{binary_cross_entropy, soft_cross_entropy};
use serde_json::Value;

const TOLERANCE: f64 = 1e-5;

fn golden(part: &str) -> Vec<Value> {
    let cases: Value = serde_json::from_str(include_str!("../golden/vgg_ops.json")).unwrap();
    cases[part].as_array().unwrap().clone()
}

fn tensor(values: Vec<f32>, shape: &[usize]) -> Tensor {
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn values(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

/// `Σ out · g`, reached through a transposition, so that the gradient that comes back is not contiguous.
fn weighted_sum(out: &Tensor, g: &Tensor) -> Tensor {
    (out.transpose(1, 2).unwrap() * g.transpose(1, 2).unwrap()).unwrap().sum_all().unwrap()
}

#[test]
fn convolution_and_its_gradients_equal_pytorch() {
    let cases = golden("conv");
    assert_eq!(cases.len(), 3);
    for (seed, case) in (21..).zip(&cases) {
        let [kh, kw] = counts(&case["kernel"])[..] else { panic!("no kernel") };
        let mut n = Numbers(seed);
        let x = Var::from_tensor(&tensor(n.draw(80, 1.0, 0.0), &[2, 4, 5, 2])).unwrap();
        let w = Var::from_tensor(&tensor(n.draw(kh * kw * 6, 1.0, 0.0), &[kh, kw, 2, 3])).unwrap();
        let g = tensor(n.draw(120, 1.0, 0.0), &[2, 4, 5, 3]);
        let out = conv2d(&x, &w, None, false).unwrap();
        assert_close("out", &values(&out), &floats(&case["out"]), TOLERANCE);
        let grads = weighted_sum(&out, &g).backward().unwrap();
        assert_close("grad_x", &values(grads.get(&x).unwrap()), &floats(&case["grad_x"]), TOLERANCE);
        assert_close("grad_w", &values(grads.get(&w).unwrap()), &floats(&case["grad_w"]), TOLERANCE);

        // Data asks for no gradient; that of the weights stays as it is.
        let out = conv2d(&x.as_detached_tensor(), &w, None, false).unwrap();
        let grads = weighted_sum(&out, &g).backward().unwrap();
        assert_close("grad_w", &values(grads.get(&w).unwrap()), &floats(&case["grad_w"]), TOLERANCE);

        // As a folded layer: bias and ReLU.
        let bias = [0.5, -1.0, 0.25];
        let want: Vec<f64> =
            floats(&case["out"]).iter().zip(bias.iter().cycle()).map(|(v, b)| (v + f64::from(*b)).max(0.0)).collect();
        let out = conv2d(&x, &w, Some(&bias), true).unwrap();
        assert_close("bias and ReLU", &values(&out), &want, TOLERANCE);
    }
}

/// candle's own convolution is silently wrong on some tensors that are views; ours reads a view right or refuses it.
#[test]
fn convolution_of_a_view_is_right_or_an_error() {
    let mut n = Numbers(51);
    let x = tensor(n.draw(3 * 4 * 5 * 2, 1.0, 0.0), &[3, 4, 5, 2]);
    let w = tensor(n.draw(54, 1.0, 0.0), &[3, 3, 2, 3]);
    let all = conv2d(&x, &w, None, false).unwrap();
    let last = conv2d(&x.narrow(0, 2, 1).unwrap(), &w, None, false).unwrap();
    assert_eq!(values(&last), values(&all)[120..]);
    assert!(conv2d(&x.transpose(1, 2).unwrap(), &w, None, false).is_err());
    assert!(conv2d(&x, &w.transpose(0, 1).unwrap(), None, false).is_err());
}

#[test]
fn convolutions_that_do_not_fit_are_errors() {
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    let (x, w) = (zeros(&[1, 4, 5, 2]), zeros(&[3, 3, 2, 3]));
    assert!(conv2d(&x, &w, Some(&[0.0; 3]), true).is_ok());
    assert!(conv2d(&x, &zeros(&[3, 3, 3, 3]), None, false).is_err(), "other channels");
    assert!(conv2d(&x, &zeros(&[2, 3, 2, 3]), None, false).is_err(), "even kernel");
    assert!(conv2d(&x, &w, Some(&[0.0; 2]), false).is_err(), "short bias");
    assert!(conv2d(&x, &w, Some(&[0.0; 4]), true).is_err(), "long bias");
    assert!(conv2d(&x.to_dtype(DType::F64).unwrap(), &w, None, false).is_err(), "f64");
}

#[test]
fn max_pooling_and_its_gradient_equal_pytorch_on_even_and_odd_sizes_and_ties() {
    let cases = golden("pool");
    assert_eq!(cases.len(), 5);
    for (seed, case) in (31..).zip(&cases) {
        let (shape, rows) = (counts(&case["shape"]), count(&case["rows"]));
        let mut n = Numbers(seed);
        let x = tensor(n.map(shape.iter().product(), |v| (v * 4.0).floor()), &shape);
        let x = Var::from_tensor(&x).unwrap();
        let out = max_pool(&x, rows).unwrap();
        let out_shape = [shape[0], shape[1] / rows, shape[2] / 2, shape[3]];
        assert_eq!(out.dims(), out_shape);
        assert_close("out", &values(&out), &floats(&case["out"]), 0.0);
        let g = tensor(n.draw(out_shape.iter().product(), 1.0, 0.0), &out_shape);
        let grads = weighted_sum(&out, &g).backward().unwrap();
        assert_close("grad", &values(grads.get(&x).unwrap()), &floats(&case["grad"]), 1e-7);
    }
}

#[test]
fn losses_and_their_gradients_equal_pytorch_at_moderate_extreme_and_zero_logits() {
    let logits = vec![0.0, -0.5, 30.0, -30.0, 100.0, 2.0, 2.0, 1.5, -100.0, -101.0, 0.1, -99.5];
    let targets = tensor(Numbers(41).draw(12, 0.5, 0.5), &[3, 4]);
    let cases = golden("loss");
    assert_eq!(cases.len(), 2);
    for case in &cases {
        let logits = Var::from_tensor(&tensor(logits.clone(), &[3, 4])).unwrap();
        let loss = match case["name"].as_str().unwrap() {
            "bce" => binary_cross_entropy(&logits, &targets).unwrap(),
            _ => soft_cross_entropy(&logits, &targets).unwrap(),
        };
        let want = [case["loss"].as_f64().unwrap()];
        assert_close("loss", &[loss.to_scalar().unwrap()], &want, 1e-6);
        let grads = loss.backward().unwrap();
        assert_close("gradient", &values(grads.get(&logits).unwrap()), &floats(&case["grad"]), 1e-6);
    }
}

//! The way back through the classifier against PyTorch, captum 0.9 and zennit 0.5.1, to 1e-4 of the largest value.
//!
//! `golden/backward.json` was printed by the lines in `support/golden.rs`, then:
//!
//! ```python
//! import captum.attr as C, zennit.composites as Z, zennit.rules as R
//! from unittest.mock import patch
//! from zennit.canonizers import SequentialMergeBatchNorm
//! from zennit.layer import Sum
//!
//! class Mean(nn.Module):
//!     """The input's pooling with a weight, so that rules for weights can be tried on it."""
//!     def __init__(self, frames):
//!         super().__init__()
//!         self.weight, self.frames = nn.Parameter(torch.full((1, 1, frames, 1), 1 / frames)), frames
//!         self.register_parameter("bias", None)
//!     def forward(self, x): return nn.functional.conv2d(x, self.weight, self.bias, stride=(self.frames, 1))
//!
//! class Modules(nn.Module):
//!     """`Net` from modules alone, for hooks."""
//!     def __init__(self, net):
//!         super().__init__()
//!         if net.input_pool > 1: self.pool = Mean(net.input_pool)
//!         for name, layer in net.named_children():
//!             if name != "fc": self.add_module(name, layer)
//!         self.freq, self.mean, self.max = nn.AdaptiveAvgPool2d((None, 1)), nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(1)
//!         self.sum, self.fc = Sum(), net.fc
//!     def forward(self, x):
//!         for name, layer in self.named_children():
//!             if name == "freq": break
//!             x = layer(x)
//!         x = self.freq(x)
//!         return self.fc(self.sum(torch.stack([self.mean(x), self.max(x)], -1)).flatten(1))
//!
//! def lrp(net, x, label, composite, pool):
//!     composite = Z.MixedComposite([Z.NameMapComposite([(["pool"], pool)]), composite], canonizers=[SequentialMergeBatchNorm()])
//!     x = x.clone().requires_grad_()
//!     with composite.context(net) as m:
//!         out = m(x)
//!         return torch.autograd.grad(out, x, torch.eye(out.shape[1])[[label]] * out.detach())[0]
//!
//! uniform = lambda rule: Z.LayerMapComposite(Z.layer_map_base() + [((nn.Conv2d, nn.Linear), rule)])
//! thesis = lambda: Z.NameMapComposite([(["layer1.0"], R.WSquare()), (["layer2.0", "layer4.0"], R.Gamma(0.4, 1e-7)), (["layer5.0"], R.Gamma(0.2, 1e-7)),
//!     (["layer7.0"], R.Gamma(0.1, 1e-7)), (["fc"], R.Epsilon(1e-7)), (["freq", "mean", "sum"], R.Norm())])
//! LRP = {  # our name: (composite, rule of the input's pooling)
//!     "zero": lambda: (uniform(R.Epsilon(0.0)), R.Norm()), "epsilon": lambda: (uniform(R.Epsilon()), R.Norm()),
//!     "epsilon 0.1": lambda: (uniform(R.Epsilon(0.1)), R.Norm()), "gamma 0.5": lambda: (uniform(R.Gamma(0.5)), R.Norm()),
//!     "zplus": lambda: (uniform(R.ZPlus()), R.Norm()), "alpha 3": lambda: (uniform(R.AlphaBeta(3, 2)), R.Norm()),
//!     "wsquare": lambda: (uniform(R.WSquare()), R.WSquare()), "flat": lambda: (uniform(R.Flat()), R.Flat()),
//!     "zbox": lambda: (uniform(R.ZBox(-1.1, 1.3)), R.ZBox(-1.1, 1.3)),
//!     "epsilon-gamma-box": lambda: (Z.EpsilonGammaBox(-1.1, 1.3), R.ZBox(-1.1, 1.3)), "epsilon-plus": lambda: (Z.EpsilonPlus(), R.Norm()),
//!     "epsilon-plus-flat": lambda: (Z.EpsilonPlusFlat(), R.Flat()), "epsilon-alpha2-beta1": lambda: (Z.EpsilonAlpha2Beta1(), R.Norm()),
//!     "thesis": lambda: (thesis(), R.WSquare()), "zero bias": lambda: (Z.EpsilonPlusFlat(zero_params=["bias"]), R.Flat()),
//! }
//!
//! cases = []
//! for seed, frames, mels, input_pool, time_pools, label in [(40, 12, 10, 1, [2, 1], 3), (49, 14, 12, 2, [1, 2], 3)]:
//!     base = Net(seed, mels, input_pool, [3, 4, 5], time_pools, 4, True).eval()
//!     n, net = base.numbers, Modules(base).eval()
//!     x = f32(n.draw(1, 1, frames, mels))
//!     baseline, noise = f32(n.draw(2, 1, frames, mels)), f32(n.draw(3, 1, frames, mels) * 0.2)
//!     assert (net(x) - base(x[0])).abs().max() < 1e-12
//!     with patch("torch.normal", lambda mean, std: noise): smooth = C.NoiseTunnel(C.Saliency(net)).attribute(x, nt_samples=3, stdevs=1.0, target=label, abs=False)
//!     with patch("torch.normal", lambda mean, std: 0 * noise), patch("numpy.random.choice", lambda n, k: np.array([1, 0, 1])), \
//!             patch("numpy.random.uniform", lambda low, high, k: np.array([0.2, 0.5, 0.9])):
//!         shap = C.GradientShap(net).attribute(x, baseline, n_samples=3, target=label)
//!     cam = lambda layer: C.LayerAttribution.interpolate(C.LayerGradCam(net, layer).attribute(x, label, relu_attributions=True), (frames, mels), "bilinear")
//!     captum = {
//!         "gradient": C.Saliency(net).attribute(x, label, abs=False), "saliency": C.Saliency(net).attribute(x, label),
//!         "input-x-gradient": C.InputXGradient(net).attribute(x, label), "smoothgrad": smooth, "gradient-shap": shap,
//!         "integrated-gradients": C.IntegratedGradients(net).attribute(x, baseline[:1], label, n_steps=7, method="riemann_middle"),
//!         "guided-backprop": C.GuidedBackprop(net).attribute(x, label), "gradcam": cam(net.layer7), "gradcam of block 2": cam(net.layer5),
//!         "guided-gradcam": C.GuidedGradCam(net, net.layer7).attribute(x, label, interpolate_mode="bilinear"),
//!     }
//!     cases.append(dict(seed=seed, frames=frames, mels=mels, input_pool=input_pool, time_pools=time_pools, label=label, logits=r(net(x)),
//!         captum={k: r(v) for k, v in captum.items()}, lrp={k: r(lrp(net, x, label, *make())) for k, make in LRP.items()}))
//! print(json.dumps(cases, separators=(",", ":")))
//! ```

#![allow(clippy::unwrap_used)]

use crate::support::golden::{assert_close, count, counts, floats, net};
use earwitness::interpret::{gradients, guided};
use earwitness::model::backward::{Chain, Composite, Pass, ReluGradient, Rule, STABILISER};
use earwitness::model::vgg::VggConfig;
use serde_json::Value;

const TOLERANCE: f64 = 1e-4;

/// The ends of the box.
const BOX: (f32, f32) = (-1.1, 1.3);

/// A golden case, and what it was computed from.
struct Case {
    chain: Chain,
    x: Vec<f32>,
    baselines: Vec<Vec<f32>>,
    noises: Vec<Vec<f32>>,
    label: usize,
    want: Value,
}

fn cases() -> Vec<Case> {
    let cases: Value = serde_json::from_str(include_str!("../golden/backward.json")).unwrap();
    let load = |want: &Value| {
        let config = VggConfig {
            n_mels: count(&want["mels"]),
            input_pool: count(&want["input_pool"]),
            widths: vec![3, 4, 5],
            time_pools: counts(&want["time_pools"]),
            n_classes: 4,
        };
        let (arrays, mut numbers) = net(want["seed"].as_u64().unwrap(), &config, true);
        let n = count(&want["frames"]) * config.n_mels;
        Case {
            chain: Chain::load(&config, &arrays).unwrap(),
            x: numbers.draw(n, 1.0, 0.0),
            baselines: (0..2).map(|_| numbers.draw(n, 1.0, 0.0)).collect(),
            noises: (0..3).map(|_| numbers.draw(n, 0.2, 0.0)).collect(),
            label: count(&want["label"]),
            want: want.clone(),
        }
    };
    let cases: Vec<Case> = cases.as_array().unwrap().iter().map(load).collect();
    assert_eq!(cases.len(), 2);
    cases
}

impl Case {
    fn pass(&self) -> Pass {
        self.chain.forward(&self.x).unwrap()
    }
}

#[test]
fn logits_are_pytorchs() {
    for case in cases() {
        assert_close("logits", case.pass().logits(), &floats(&case.want["logits"]), TOLERANCE);
    }
}

#[test]
fn gradients_are_captums() {
    for case in cases() {
        let (chain, x, label, pass) = (&case.chain, &case.x, case.label, case.pass());
        let compare = |name: &str, got: &[f32]| assert_close(name, got, &floats(&case.want["captum"][name]), TOLERANCE);
        let gradient = gradients::gradient(chain, x, label).unwrap();
        compare("gradient", &gradient);
        compare("saliency", &gradient.iter().map(|g| g.abs()).collect::<Vec<_>>());
        compare("input-x-gradient", &gradient.iter().zip(x).map(|(g, x)| g * x).collect::<Vec<_>>());
        compare("smoothgrad", &gradients::noisy_gradient(chain, x, &case.noises, label).unwrap());
        compare("integrated-gradients", &gradients::integrated(chain, x, &case.baselines[0], 7, label).unwrap());
        let draws = [(1, 0.2), (0, 0.5), (1, 0.9)].map(|(i, place)| (case.baselines[i].clone(), place));
        compare("gradient-shap", &gradients::expected(chain, x, &draws, label).unwrap());
        let guided_gradient = chain.gradient(&pass, label, ReluGradient::Guided);
        compare("guided-backprop", &guided_gradient);
        let (frames, mels) = (x.len() / chain.n_mels(), chain.n_mels());
        let cam = |block: usize| guided::grad_cam(chain, x, label, block).unwrap().enlarged(frames, mels);
        compare("gradcam", &cam(2));
        compare("gradcam of block 2", &cam(1));
        compare("guided-gradcam", &cam(2).iter().zip(&guided_gradient).map(|(c, g)| c * g).collect::<Vec<_>>());
    }
}

#[test]
fn relevance_is_zennits() {
    for case in cases() {
        let pass = case.pass();
        let uniform = |rule: Rule| Composite { rules: vec![rule; 6], zero_bias: false };
        let preset = |name: &str| Composite::preset(name, &case.chain, BOX.0, BOX.1).unwrap();
        let gamma = |gamma| Rule::Gamma { gamma, stabiliser: STABILISER };
        let wanted = case.want["lrp"].as_object().unwrap();
        assert_eq!(wanted.len(), 15);
        for (name, want) in wanted {
            let composite = match name.as_str() {
                "epsilon 0.1" => uniform(Rule::Epsilon(0.1)),
                "gamma 0.5" => uniform(gamma(0.5)),
                "zplus" => uniform(Rule::ZPlus),
                "alpha 3" => uniform(Rule::AlphaBeta { alpha: 3.0 }),
                "wsquare" => uniform(Rule::WSquare),
                "flat" => uniform(Rule::Flat),
                "zbox" => uniform(Rule::ZBox { low: BOX.0, high: BOX.1 }),
                "zero bias" => Composite { zero_bias: true, ..preset("epsilon-plus-flat") },
                name => preset(name),
            };
            let rules = composite.prepare(&case.chain).unwrap();
            let got = case.chain.relevance(&pass, case.label, &rules);
            assert_close(name, &got, &floats(want), TOLERANCE);
        }
    }
}

/// The attributions of a straight way sum to what it gains (Sundararajan et al. 2017, proposition 1).
#[test]
fn integrated_gradients_are_complete() {
    for case in cases() {
        let logit = |x: &[f32]| case.chain.forward(x).unwrap().logits()[case.label];
        for baseline in &case.baselines {
            let gained = logit(&case.x) - logit(baseline);
            let shares = gradients::integrated(&case.chain, &case.x, baseline, 300, case.label).unwrap();
            let (sum, all) = shares.iter().fold((0.0, 0.0), |(sum, all), s: &f32| (sum + s, all + s.abs()));
            // Between two steps a ReLU may open or close: what remains shrinks with their number.
            assert!((sum - gained).abs() < 2e-3 * all, "{sum} of {gained}, {all} in all");
        }
    }
}

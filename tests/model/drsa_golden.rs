//! Concepts against PyTorch, NumPy and zennit: `golden/drsa.json`, made by the Python beside it.

#![allow(clippy::unwrap_used)]

use candle_core::{Device, Tensor};
use earwitness::model::backward::{Chain, Reversible};
use earwitness::model::efficientat::EfficientAt;
use earwitness::model::subspaces::Subspaces;
use earwitness::model::vgg::VggConfig;
use earwitness::train::drsa::{Ascent, Objective, Search, Vectors, Way, find, nearest, random_directions};
use serde_json::Value;
use std::sync::Arc;

use crate::support::golden::{assert_close, count, floats, net};
use crate::{causal_golden, efficientat_golden};

fn golden() -> Value {
    serde_json::from_str(include_str!("../golden/drsa.json")).unwrap()
}

fn vectors(golden: &Value) -> Vectors {
    Vectors { n_channels: count(&golden["d"]), activations: floats(&golden["a"]), contexts: floats(&golden["c"]) }
}

fn square(golden: &Value, name: &str) -> Tensor {
    let d = count(&golden["d"]);
    Tensor::from_vec(floats(&golden[name]), (d, d), &Device::Cpu).unwrap()
}

/// The largest difference of two lists.
fn off(got: &[f64], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    got.iter().zip(want).map(|(g, w)| (g - w).abs()).fold(0.0, f64::max)
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn vectors_are_normalised_as_published() {
    let golden = golden();
    let normalised = vectors(&golden).normalised();
    assert!(off(&normalised.activations, &floats(&golden["normalised_a"])) < 1e-10);
    assert!(off(&normalised.contexts, &floats(&golden["normalised_c"])) < 1e-10);
}

#[test]
fn objective_and_gradient_are_pytorchs() {
    let golden = golden();
    let u = square(&golden, "u");
    let with_context = vectors(&golden).normalised();
    for (vectors, value, gradient) in
        [(with_context.clone(), "value", "gradient"), (with_context.without_context(), "dsa", "dsa_gradient")]
    {
        let objective = Objective::new(&vectors, count(&golden["concepts"])).unwrap();
        assert!((objective.value(&u).unwrap() - golden[value].as_f64().unwrap()).abs() < 1e-10);
        assert!(off(&values(&objective.gradient(&u).unwrap()), &floats(&golden[gradient])) < 1e-10);
    }
}

#[test]
fn the_gradient_is_what_small_changes_do() {
    let golden = golden();
    let objective = Objective::new(&vectors(&golden).normalised(), count(&golden["concepts"])).unwrap();
    let u = square(&golden, "u");
    let gradient = values(&objective.gradient(&u).unwrap());
    let (entries, step) = (values(&u), 1e-6);
    for i in 0..entries.len() {
        let at = |by: f64| {
            let mut moved = entries.clone();
            moved[i] += by;
            objective.value(&Tensor::from_vec(moved, u.shape(), &Device::Cpu).unwrap()).unwrap()
        };
        let slope = (at(step) - at(-step)) / (2.0 * step);
        assert!((slope - gradient[i]).abs() < 1e-7, "entry {i}: {slope} and {}", gradient[i]);
    }
}

#[test]
fn the_nearest_orthogonal_matrix_is_that_of_an_eigen_solver() {
    let golden = golden();
    let objective = Objective::new(&vectors(&golden).normalised(), count(&golden["concepts"])).unwrap();
    let u = square(&golden, "u");
    let moved = (&u + objective.gradient(&u).unwrap()).unwrap();
    assert!(off(&values(&nearest(&moved).unwrap()), &floats(&golden["nearest"])) < 1e-9);
}

#[test]
fn principal_components_are_numpys() {
    let golden = golden();
    let search = Search {
        way: Way::Prca,
        n_concepts: 3,
        n_starts: 1,
        ascent: Ascent { max_steps: 1, least_gain: 0.0 },
        seed: 1,
    };
    let found = find(vectors(&golden), &search, &|_| true).unwrap();
    assert!(off(&found.u, &floats(&golden["eigenvectors"])) < 1e-9);
    // The sum of a direction's relevance is half its eigenvalue times n.
    let eigenvalues = floats(&golden["eigenvalues"]);
    let (all, size) = (eigenvalues.iter().sum::<f64>(), eigenvalues.len() / 3);
    let shares: Vec<f64> = eigenvalues.chunks(size).map(|block| block.iter().sum::<f64>() / all).collect();
    assert!(off(&found.shares, &shares) < 1e-9, "{:?} and {shares:?}", found.shares);
}

/// Every concept's heatmap is zennit's through virtual layers, and they sum to the heatmap without concepts.
#[test]
fn two_steps_of_relevance_are_zennits() {
    let golden = &golden()["two_step"];
    let config = VggConfig {
        n_mels: count(&golden["mels"]),
        input_pool: 1,
        widths: vec![3, 4, 5],
        time_pools: vec![2, 1],
        n_classes: 4,
    };
    let (arrays, mut numbers) = net(golden["seed"].as_u64().unwrap(), &config, true);
    let x = numbers.draw(count(&golden["frames"]) * config.n_mels, 1.0, 0.0);
    let chain = Arc::new(Chain::load(&config, &arrays).unwrap());
    let propagation = chain.propagation("thesis", -1.0, 1.0).unwrap();
    let label = count(&golden["label"]);
    let halfway = propagation.halfway(&x, label, 1).unwrap().unwrap();
    let u = floats(&golden["u"]).iter().map(|u| *u as f32).collect();
    let subspaces = Subspaces::new(4, count(&golden["concepts"]), u).unwrap();
    let parts = halfway.to_input(subspaces.shares(halfway.hidden(), halfway.relevance()));
    let wanted = golden["parts"].as_array().unwrap();
    assert_eq!(parts.len(), wanted.len());
    for (part, want) in parts.iter().zip(wanted) {
        assert_close("a concept", part, &floats(want), 1e-4);
        assert!(part.iter().any(|r| *r < 0.0) && part.iter().any(|r| *r > 0.0));
    }
    let whole = propagation.relevance(&x, label).unwrap();
    assert_close("the whole", &whole, &floats(&golden["standard"]), 1e-4);
    let sum: Vec<f32> = (0..x.len()).map(|i| parts.iter().map(|part| part[i]).sum()).collect();
    assert_close("the sum", &sum, &whole.iter().map(|r| f64::from(*r)).collect::<Vec<_>>(), 1e-4);
}

/// In every family of networks the heatmaps of concepts sum to the one without, whichever block they are of.
#[test]
fn concepts_of_any_network_sum_to_the_whole() {
    let (golden, causal) = causal_golden::golden();
    let columns = causal_golden::floats(&golden["columns"]);
    concepts_sum_to_the_whole(Arc::new(causal.reversible()), &columns);
    let small = EfficientAt::load(&efficientat_golden::small(&efficientat_golden::golden())).unwrap();
    let columns = efficientat_golden::front_end().batch_reflected(&efficientat_golden::waveform(16_000)).unwrap();
    concepts_sum_to_the_whole(Arc::new(small.reversible()), &columns);
}

fn concepts_sum_to_the_whole<N: Reversible + 'static>(net: Arc<N>, x: &[f32]) {
    let n_blocks = net.n_blocks();
    assert!(n_blocks > 1);
    let propagation = net.propagation("thesis", -1.4, 2.5).unwrap();
    let whole: Vec<f64> = propagation.relevance(x, 1).unwrap().into_iter().map(f64::from).collect();
    for block in 0..n_blocks {
        let halfway = propagation.halfway(x, 1, block).unwrap().unwrap();
        let hidden = halfway.hidden();
        let d = hidden.values.len() / (hidden.height * hidden.width);
        let u = random_directions(d, 1, block).unwrap().into_iter().map(|u| u as f32).collect();
        let n_concepts = (2..=d).find(|n| d.is_multiple_of(*n)).unwrap_or(1);
        let subspaces = Subspaces::new(d, n_concepts, u).unwrap();
        let parts = halfway.to_input(subspaces.shares(hidden, halfway.relevance()));
        let sum: Vec<f32> = (0..x.len()).map(|i| parts.iter().map(|part| part[i]).sum()).collect();
        assert_close(&format!("block {block}"), &sum, &whole, 1e-4);
    }
    assert!(propagation.halfway(x, 1, n_blocks).unwrap().is_none());
}

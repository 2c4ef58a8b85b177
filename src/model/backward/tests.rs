use super::*;
use crate::model::tensors::Arrays;

/// Numbers in −1…1, the same at every run.
fn numbers(seed: u32, n: usize) -> Vec<f32> {
    let mut state = seed;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state as f32 / (1_u32 << 31) as f32 - 1.0
    };
    (0..n).map(next).collect()
}

/// A small network with batch norms that do something.
fn chain(input_pool: usize) -> Chain {
    let config = VggConfig { n_mels: 10, input_pool, widths: vec![3, 4, 5], time_pools: vec![2, 1], n_classes: 4 };
    let mut arrays = Arrays::default();
    for (i, s) in config.layers().iter().enumerate() {
        let seed = i as u32 + 1;
        let weights = numbers(seed, s.c_out * s.c_in * 9);
        arrays.insert(format!("{}.0.weight", s.name), [s.c_out, s.c_in, 3, 3], weights);
        for (what, scale, offset) in
            [("weight", 0.5, 0.8), ("bias", 0.3, 0.1), ("running_mean", 0.3, 0.0), ("running_var", 0.5, 1.0)]
        {
            let values = numbers(seed + 100, s.c_out).iter().map(|v| v * scale + offset).collect();
            arrays.insert(format!("{}.1.{what}", s.name), [s.c_out], values);
        }
    }
    arrays.insert("fc.weight", [4, 5], numbers(50, 20));
    arrays.insert("fc.bias", [4], numbers(51, 4));
    Chain::load(&config, &arrays).unwrap()
}

#[test]
fn the_gradient_is_what_small_changes_of_the_input_do() {
    for input_pool in [1, 2] {
        let chain = chain(input_pool);
        let x = numbers(7, 13 * 10);
        for class in 0..4 {
            let grad = chain.gradient(&chain.forward(&x).unwrap(), class, ReluGradient::Plain);
            let largest = grad.iter().fold(0.0_f32, |m, g| m.max(g.abs()));
            let mut far = 0;
            for (i, grad) in grad.iter().enumerate() {
                let logit = |step: f32| {
                    let mut moved = x.clone();
                    moved[i] += step;
                    chain.forward(&moved).unwrap().logits()[class]
                };
                let slope = (logit(2e-3) - logit(-2e-3)) / 4e-3;
                far += usize::from((slope - grad).abs() > 0.01 * largest);
            }
            // A step over a kink of a ReLU or a maximum is no derivative.
            assert!(far <= x.len() / 20, "{far} of {} slopes differ from the gradient", x.len());
            assert!(largest > 0.0);
        }
    }
}

#[test]
fn without_biases_every_layer_passes_on_what_it_got() {
    for input_pool in [1, 2] {
        let chain = chain(input_pool);
        // Above the lowest value of the box, and without zeros in means.
        let x: Vec<f32> = numbers(7, 12 * 10).iter().map(|v| v + 1.2).collect();
        let pass = chain.forward(&x).unwrap();
        for preset in PRESETS {
            // αβ keeps all of it only where a sum has contributions of both signs, which the first layer's often have not.
            let first = if *preset == "epsilon-alpha2-beta1" { 2 } else { 0 };
            let mut composite = Composite::preset(preset, &chain, 0.0, 2.5).unwrap();
            composite.zero_bias = true;
            let rules = composite.prepare(&chain).unwrap();
            for class in 0..4 {
                let sums: Vec<f32> = (first..chain.n_layers())
                    .map(|layer| chain.relevance_behind(&pass, class, &rules, layer).iter().sum())
                    .collect();
                let dense = sums[sums.len() - 1];
                for (layer, sum) in sums.iter().enumerate() {
                    assert!((sum - dense).abs() < 2e-3 * dense.abs(), "{preset}, layer {layer}: {sum} of {dense}");
                }
            }
        }
    }
}

#[test]
fn a_halt_at_a_block_changes_nothing() {
    for input_pool in [1, 2] {
        let chain = std::sync::Arc::new(chain(input_pool));
        let x = numbers(7, 12 * 10);
        for preset in PRESETS {
            let way = std::sync::Arc::clone(&chain).propagation(preset, -1.0, 1.0).unwrap();
            let whole = way.relevance(&x, 2).unwrap();
            let largest = whole.iter().fold(0.0_f32, |m, r| m.max(r.abs()));
            for block in 0..chain.n_blocks() {
                let halfway = way.halfway(&x, 2, block).unwrap().unwrap();
                assert_eq!(halfway.hidden().values.len(), halfway.relevance().len());
                // Every third value to one share, the others to another.
                let share = |of: bool| {
                    halfway.relevance().iter().enumerate().map(move |(i, r)| if (i % 3 == 0) == of { *r } else { 0.0 })
                };
                let parts = halfway.to_input(vec![share(true).collect(), share(false).collect()]);
                for ((a, b), whole) in parts[0].iter().zip(&parts[1]).zip(&whole) {
                    assert!(
                        (a + b - whole).abs() < 1e-5 * largest,
                        "{preset}, block {block}: {a} + {b} is not {whole}"
                    );
                }
                assert!(parts.iter().all(|part| part.iter().any(|r| *r != 0.0)));
            }
            assert!(way.halfway(&x, 2, chain.n_blocks()).unwrap().is_none());
        }
    }
}

#[test]
fn what_is_not_there_is_refused() {
    let chain = chain(2);
    assert!(chain.forward(&[0.0; 15]).is_err());
    assert!(chain.forward(&[0.0; 10]).is_err());
    let pass = chain.forward(&numbers(3, 80)).unwrap();
    assert!(chain.gradient(&pass, 4, ReluGradient::Plain).iter().all(|g| *g == 0.0));
    let message = Composite::preset("gamma", &chain, 0.0, 1.0).unwrap_err().to_string();
    assert!(message.contains("epsilon-plus-flat"), "{message}");
}

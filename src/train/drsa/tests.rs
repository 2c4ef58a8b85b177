use super::*;
use rand::{Rng, RngExt};

/// Vectors in which two pairs of channels are relevant, each in vectors of its own, turned by `turn`.
fn two_sources(turn: &Tensor, rng: &mut impl Rng) -> Vectors {
    let n = 200;
    let mut plain = vec![0.0; n * 4];
    for (i, row) in plain.chunks_exact_mut(4).enumerate() {
        let first = if i % 2 == 0 { 0 } else { 2 };
        row[first..first + 2].iter_mut().for_each(|v| *v = rng.random_range(0.5..1.5));
    }
    let plain = Tensor::from_vec(plain, (n, 4), &Device::Cpu).unwrap();
    let turned: Vec<f64> = plain.matmul(turn).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    Vectors { n_channels: 4, activations: turned.clone(), contexts: turned }
}

fn search(way: Way) -> Search {
    Search { way, n_concepts: 2, n_starts: 3, ascent: Ascent { max_steps: 300, least_gain: 1e-8 }, seed: 1 }
}

/// How well the first concept holds one of the two sources: 1 where their subspaces are the same, ½ by chance.
fn found_share(found: &Found, turn: &Tensor) -> f64 {
    let u = Tensor::from_slice(&found.u, (4, 4), &Device::Cpu).unwrap();
    let seen: Vec<f64> = turn
        .narrow(0, 0, 2)
        .unwrap()
        .matmul(&u.narrow(1, 0, 2).unwrap())
        .unwrap()
        .sqr()
        .unwrap()
        .flatten_all()
        .unwrap()
        .to_vec1()
        .unwrap();
    let inside = seen.iter().sum::<f64>() / 2.0;
    inside.max(1.0 - inside)
}

#[test]
fn an_ascent_tells_two_sources_apart_that_are_mixed() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let turn = haar(4, &mut rng).unwrap();
    let vectors = two_sources(&turn, &mut rng);
    for way in [Way::Drsa, Way::Dsa] {
        let found = find(vectors.clone(), &search(way), &|_| true).unwrap();
        assert!(found_share(&found, &turn) > 0.99, "{way:?}: {}", found_share(&found, &turn));
        assert!(found.climbed.1 > found.climbed.0 && found.steps > 1, "{found:?}");
        assert!((found.shares.iter().sum::<f64>() - 1.0).abs() < 1e-12 && found.shares[0] >= found.shares[1]);
        assert_eq!(found, find(vectors.clone(), &search(way), &|_| true).unwrap(), "seeded");
        found.subspaces(2).unwrap();
    }
    let random = find(vectors.clone(), &search(Way::Random), &|_| true).unwrap();
    let drsa = find(vectors, &search(Way::Drsa), &|_| true).unwrap();
    assert!(random.climbed.1 < drsa.climbed.1, "{random:?}");
}

#[test]
fn every_step_rises_and_the_best_start_is_kept() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut draw = |n: usize| -> Vec<f64> { (0..n).map(|_| rng.random_range(-1.0..1.0)).collect() };
    let vectors = Vectors { n_channels: 6, activations: draw(360), contexts: draw(360) }.normalised();
    let objective = Objective::new(&vectors, 3).unwrap();
    let ascent = Ascent { max_steps: 120, least_gain: 0.0 };
    let ends: Vec<f64> = (0..3)
        .map(|start| {
            let u = haar(6, &mut start_rng(1, start)).unwrap();
            let climbed = ascent.climb(&objective, u, &|_| true).unwrap();
            assert!(climbed.values.windows(2).all(|w| w[1] > w[0]), "{:?}", climbed.values);
            climbed.values[climbed.values.len() - 1]
        })
        .collect();
    let search = Search { way: Way::Drsa, n_concepts: 3, n_starts: 3, ascent, seed: 1 };
    let best = find(vectors, &search, &|_| true).unwrap().climbed.1;
    // Normalised twice, the vectors are the same but for their last digits.
    let highest = ends.iter().copied().fold(0.0, f64::max);
    assert!((highest - best).abs() < 1e-9, "{best} of {ends:?}");
}

#[test]
fn what_cannot_be_searched_is_refused() {
    let vectors = Vectors { n_channels: 4, activations: vec![1.0; 8], contexts: vec![0.0; 8] };
    assert!(find(vectors.clone(), &search(Way::Drsa), &|_| true).unwrap_err().to_string().contains("no relevance"));
    let vectors = Vectors { contexts: vec![1.0, 0.5, 0.0, 0.0, 0.2, 1.0, 0.0, 0.0], ..vectors };
    let odd = Search { n_concepts: 3, ..search(Way::Prca) };
    assert!(find(vectors.clone(), &odd, &|_| true).unwrap_err().to_string().contains("4 channels"));
    assert!(find(vectors, &search(Way::Drsa), &|_| false).unwrap_err().to_string().contains("stopped"));
}

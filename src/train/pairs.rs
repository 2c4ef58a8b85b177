//! Pairs of clips of different classes: the out-of-domain sounds of section 3.2 of the L-MAC paper, two things at once
//! that no single recording held.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::augment::{add, gain_at_snr};

/// A clip that shares no class with clip `index`, each such clip as likely; none where there is none.
pub fn of_another_class(rng: &mut impl Rng, targets: &[Vec<usize>], index: usize) -> Option<usize> {
    let own = targets.get(index)?;
    let others: Vec<usize> =
        (0..targets.len()).filter(|i| *i != index && targets[*i].iter().all(|class| !own.contains(class))).collect();
    (!others.is_empty()).then(|| others[rng.random_range(0..others.len())])
}

/// For each clip that has one, itself and a clip that shares no class with it, as indices. The same seed gives the same
/// pairs, and a clip's partner depends on the seed, its place and the targets alone.
#[must_use]
pub fn pairs(targets: &[Vec<usize>], seed: u64) -> Vec<(usize, usize)> {
    let partner = |index: usize| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(index as u64);
        of_another_class(&mut rng, targets, index).map(|other| (index, other))
    };
    (0..targets.len()).filter_map(partner).collect()
}

/// `first` and `second` at once, as long as `first`, with `first` louder by `snr_db` where something sounds in each; `first`
/// alone where either is silent. Also gives the second as it is in the mixture.
#[must_use]
pub fn mix(first: &[f32], second: &[f32], snr_db: f32) -> (Vec<f32>, Vec<f32>) {
    let gain = gain_at_snr(first, second, snr_db).unwrap_or(0.0);
    let mut scaled = vec![0.0; first.len()];
    add(&mut scaled, second, gain);
    let mut mixture = first.to_vec();
    add(&mut mixture, &scaled, 1.0);
    (mixture, scaled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partners_share_no_class_and_follow_the_seed() {
        let targets: Vec<Vec<usize>> = (0..40).map(|i| if i % 5 == 0 { vec![0, 1] } else { vec![i % 4] }).collect();
        let all = pairs(&targets, 7);
        assert_eq!(all.len(), targets.len());
        for (i, (a, b)) in all.iter().enumerate() {
            assert_eq!(*a, i);
            assert!(targets[*a].iter().all(|class| !targets[*b].contains(class)), "{a} with {b}");
        }
        assert_eq!(all, pairs(&targets, 7));
        assert_ne!(all, pairs(&targets, 8));
        assert!(pairs(&[vec![0], vec![0, 1]], 1).is_empty());
    }

    #[test]
    fn mixtures_have_the_level_that_was_asked_for() {
        let first: Vec<f32> = (0..4096).map(|i| if i % 2 == 0 { 0.5 } else { -0.5 }).collect();
        let second = vec![0.1; 4096];
        let (mixture, scaled) = mix(&first, &second, 20.0);
        assert!(scaled.iter().all(|s| (s - 0.05).abs() < 1e-6));
        assert!(mixture.iter().zip(&first).all(|(m, f)| (m - f - 0.05).abs() < 1e-6));
        assert_eq!(mix(&first, &[0.0; 4096], 0.0).0, first);
    }
}

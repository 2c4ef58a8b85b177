//! Most relevant first.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Indices of `relevance` from the greatest to the least. Equal ones come in a random order: in the order in which they
/// lie, a method that finds everything equally relevant would seem to prefer early and low sounds. What is not a number is
/// least of all. The same seed and `item` give the same order.
#[must_use]
pub fn most_relevant_first(relevance: &[f32], seed: u64, item: usize) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(item as u64);
    let mut order: Vec<usize> = (0..relevance.len()).collect();
    order.shuffle(&mut rng);
    let worth = |i: usize| if relevance[i].is_nan() { f32::NEG_INFINITY } else { relevance[i] + 0.0 };
    // Adding 0 makes −0 and 0 the same; the sort is stable, so equals stay shuffled.
    order.sort_by(|&a, &b| worth(b).total_cmp(&worth(a)));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_come_first_and_equals_in_an_order_of_their_own() {
        let order = most_relevant_first(&[0.1, f32::NAN, 3.0, -1.0, 2.0], 1, 0);
        assert_eq!(order, [2, 4, 0, 3, 1]);
        let flat = [[0.0_f32; 50], [-0.0; 50]].concat();
        let orders: Vec<Vec<usize>> = (0..2).map(|item| most_relevant_first(&flat, 1, item)).collect();
        assert_eq!(orders[0], most_relevant_first(&flat, 1, 0));
        assert_ne!(orders[0], orders[1]);
        for order in orders {
            // Neither the first half nor those with a sign come first.
            let early = order[..50].iter().filter(|i| **i < 50).count();
            assert!((15..35).contains(&early), "{early} of 50");
        }
    }
}

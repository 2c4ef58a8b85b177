//! The average of the weights over the last steps, which hears better than the last weights do.

use crate::model::tensors::Arrays;

/// Moves the average a step towards `arrays`: `average · decay + arrays · (1 − decay)`. Early on the average is a plain mean,
/// so that the first weights do not linger.
pub fn average(average: &mut Arrays, arrays: &Arrays, decay: f32, steps: u64) {
    let decay = decay.min(steps as f32 / (steps as f32 + 10.0));
    for (name, array) in &arrays.0 {
        match average.0.get_mut(name) {
            Some(old) if old.shape == array.shape => {
                old.values.iter_mut().zip(&array.values).for_each(|(o, n)| *o = *o * decay + n * (1.0 - decay));
            }
            _ => {
                average.0.insert(name.clone(), array.clone());
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_and_begins_with_the_first() {
        let of = |value: f32| {
            let mut arrays = Arrays::default();
            arrays.insert("w", [1], vec![value]);
            arrays
        };
        let mut mean = Arrays::default();
        average(&mut mean, &of(1.0), 0.99, 0);
        assert_eq!(mean.get("w", &[1]).unwrap(), &[1.0]);
        average(&mut mean, &of(3.0), 0.5, 1_000);
        assert_eq!(mean.get("w", &[1]).unwrap(), &[2.0]);
    }
}

//! Harmonic-percussive separation by median filtering (Fitzgerald 2010): what stays where it is over time is harmonic, what
//! is spread over frequency at one time is percussive.

/// Soft masks of the harmonic and of the percussive part of a magnitude spectrogram `[n_frames, n_bins]`, each as large as it;
/// the two sum to 1.
///
/// A median over `kernel` frames enhances what is harmonic, one over `kernel` bins what is percussive, and the masks are the
/// enhanced powers' shares: `librosa.decompose.hpss` with `mask=True`, the same kernel for both, power 2 and no margins.
/// Beyond its edges the spectrogram is mirrored. `kernel` counts as the next odd number where it is even; `n_bins` of 0 gives
/// empty masks.
#[must_use]
pub fn hpss_masks(magnitude: &[f32], n_bins: usize, kernel: usize) -> [Vec<f32>; 2] {
    let n_frames = magnitude.len().checked_div(n_bins).unwrap_or(0);
    let side = (kernel / 2) as isize;
    let mut around = Vec::new();
    let mut median = |n: usize, i: usize, at: &dyn Fn(usize) -> f32| {
        around.clear();
        around.extend((-side..=side).map(|by| at(mirrored(i as isize + by, n))));
        let middle = around.len() / 2;
        *around.select_nth_unstable_by(middle, f32::total_cmp).1
    };
    let (mut harmonic, mut percussive) = (Vec::new(), Vec::new());
    for t in 0..n_frames {
        for k in 0..n_bins {
            let over_time = median(n_frames, t, &|t| magnitude[t * n_bins + k]);
            let over_frequency = median(n_bins, k, &|k| magnitude[t * n_bins + k]);
            let share = share(over_time, over_frequency);
            harmonic.push(share);
            percussive.push(1.0 - share);
        }
    }
    [harmonic, percussive]
}

/// The place inside `0..n` that `i` is the mirror image of; the edges are doubled, as `scipy.ndimage` reflects.
fn mirrored(i: isize, n: usize) -> usize {
    let around = i.rem_euclid(2 * n as isize) as usize;
    around.min(2 * n - 1 - around)
}

/// a² / (a² + b²); half where nothing is.
fn share(a: f32, b: f32) -> f32 {
    let largest = a.max(b);
    if largest < f32::MIN_POSITIVE {
        return 0.5;
    }
    let (a, b) = ((a / largest).powi(2), (b / largest).powi(2));
    a / (a + b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_beyond_the_edges_are_mirrored() {
        let places: Vec<usize> = (-4..7).map(|i| mirrored(i, 3)).collect();
        assert_eq!(places, [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0]);
    }

    #[test]
    fn a_tone_is_harmonic_and_a_click_percussive() {
        let (n_frames, n_bins) = (20, 24);
        let at = |t: usize, k: usize| if k == 6 || t == 13 { 1.0 } else { 0.001 };
        let magnitude: Vec<f32> = (0..n_frames * n_bins).map(|i| at(i / n_bins, i % n_bins)).collect();
        let [harmonic, percussive] = hpss_masks(&magnitude, n_bins, 7);
        assert!(harmonic[2 * n_bins + 6] > 0.99 && percussive[13 * n_bins + 20] > 0.99);
        assert!(harmonic.iter().zip(&percussive).all(|(h, p)| (h + p - 1.0).abs() < 1e-6));
        // Silence is neither the one nor the other, and nothing has no masks.
        assert_eq!(hpss_masks(&[0.0; 6], 3, 31), [vec![0.5; 6], vec![0.5; 6]]);
        assert!(hpss_masks(&[], 0, 31).iter().all(Vec::is_empty));
    }
}

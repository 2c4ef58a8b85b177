//! What a classifier says where the frequencies of a sound are stretched or squeezed: the experiment of the AudioMNIST paper, in which
//! spectrograms of male speakers scaled by 1.5 and of female ones by 0.66 were taken for the other sex.

use serde::Serialize;

use super::{Clips, Progress};
use crate::Result;
use crate::dsp::{Complex32, Spectrogram};
use crate::eval::faithfulness::Listener;
use crate::eval::workers::for_each;
use crate::model::classifier::Classifier;

/// What became of one class at one factor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrequencyScaled {
    /// The class of the clips.
    pub label: String,
    /// Frequencies are multiplied by this.
    pub factor: f32,
    /// Clips.
    pub n: usize,
    /// Share of them that are recognised as they are.
    pub accuracy: f64,
    /// Share of them that are recognised with scaled frequencies.
    pub accuracy_scaled: f64,
    /// The other class that most of them are taken for then, and their share; `None` where none is.
    pub taken_for: Option<(String, f64)>,
}

/// The frames of a spectrogram with every frequency multiplied by `factor`: the magnitude at a bin is that at bin ÷ factor, between
/// bins linearly interpolated, and 0 where there is none; the phase stays that of the bin.
#[must_use]
pub fn scaled(spectrogram: &Spectrogram, factor: f32) -> Spectrogram {
    let n_bins = spectrogram.n_bins;
    let mut frames = Vec::with_capacity(spectrogram.frames.len());
    for frame in spectrogram.frames.chunks_exact(n_bins) {
        let magnitude = |bin: usize| frame.get(bin).map_or(0.0, |x| x.norm());
        frames.extend(frame.iter().enumerate().map(|(bin, x)| {
            let from = bin as f32 / factor;
            let (below, part) = (from.floor(), from.fract());
            let below = below as usize;
            let wanted = (1.0 - part) * magnitude(below) + part * magnitude(below + 1);
            let own = x.norm();
            if own > 0.0 { x * (wanted / own) } else { Complex32::new(wanted, 0.0) }
        }));
    }
    Spectrogram { n_bins, frames }
}

/// Classifies `clips` of the classes `targets` as they are, and with the frequencies of each class multiplied by its factors; `labels` are the
/// classes' names, and `factors` names class and factor of each row.
///
/// # Errors
/// Where the classifier fails.
pub fn scale_frequencies(
    classifier: &Classifier,
    clips: Clips<'_>,
    targets: &[usize],
    labels: &[String],
    factors: &[(usize, f32)],
    progress: Progress<'_>,
) -> Result<Vec<FrequencyScaled>> {
    // The top class of each clip as it is, and with each factor of its class: by the factor's row.
    let one = |i: usize| -> Result<Vec<(usize, [usize; 2])>> {
        let mut listener = Listener::new(classifier)?;
        let heard = listener.hear(clips[i])?;
        let of_clip = factors.iter().enumerate().filter(|(_, (class, _))| *class == targets[i]);
        let scaled_top = |(row, (_, factor)): (usize, &(usize, f32))| {
            let features = listener.features_of(scaled(&heard.spectrogram, *factor));
            Ok((row, [heard.classified.top(), classifier.classify(&features)?.top()]))
        };
        of_clip.map(scaled_top).collect()
    };
    let tops: Vec<(usize, [usize; 2])> = for_each(clips.len(), one, progress)?.concat();
    let of_row = |at: usize| tops.iter().filter(|(row, _)| *row == at).map(|(_, tops)| *tops).collect::<Vec<_>>();
    let rows = factors.iter().enumerate();
    Ok(rows.map(|(at, (class, factor))| row(&labels[*class], *class, *factor, &of_row(at), labels)).collect())
}

fn row(label: &str, class: usize, factor: f32, tops: &[[usize; 2]], labels: &[String]) -> FrequencyScaled {
    let n = tops.len();
    let share = |count: usize| count as f64 / n.max(1) as f64;
    let count = |which: usize, top: usize| tops.iter().filter(|tops| tops[which] == top).count();
    let other = (0..labels.len()).filter(|top| *top != class).max_by_key(|top| (count(1, *top), usize::MAX - top));
    let taken_for = other.filter(|top| count(1, *top) > 0).map(|top| (labels[top].clone(), share(count(1, top))));
    FrequencyScaled {
        label: label.to_owned(),
        factor,
        n,
        accuracy: share(count(0, class)),
        accuracy_scaled: share(count(1, class)),
        taken_for,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// ```python
    /// m = np.array([0, 4, 2, 6, 8.0]); f = np.arange(5)
    /// np.interp(f / 1.5, f, m, right=0); np.interp(f / 0.5, np.arange(6), np.append(m, 0), right=0)
    /// ```
    #[test]
    fn magnitudes_move_and_phases_stay() {
        let phase = |i: usize| Complex32::from_polar(1.0, i as f32);
        let frames: Vec<Complex32> = [0.0, 4.0, 2.0, 6.0, 8.0].iter().enumerate().map(|(i, m)| phase(i) * *m).collect();
        let spectrogram = Spectrogram { n_bins: 5, frames };
        for (factor, want) in [
            (1.0, [0.0, 4.0, 2.0, 6.0, 8.0]),
            (1.5, [0.0, 2.666_667, 3.333_333, 2.0, 4.666_667]),
            (0.5, [0.0, 2.0, 8.0, 0.0, 0.0]),
        ] {
            let got = scaled(&spectrogram, factor);
            for (i, (got, want)) in got.frames.iter().zip(want).enumerate() {
                assert!((got.norm() - want).abs() < 1e-4, "{factor} {i}: {got} {want}");
                assert!(i == 0 || want == 0.0 || (got / want - phase(i)).norm() < 1e-4, "{factor} {i}: {got}");
            }
        }
    }

    #[test]
    fn a_row_counts_what_a_class_becomes() {
        let labels = ["female", "male", "child"].map(str::to_owned);
        let found = row("male", 1, 1.5, &[[1, 0], [1, 0], [0, 1], [1, 2]], &labels);
        assert_eq!((found.n, found.accuracy, found.accuracy_scaled), (4, 0.75, 0.25));
        assert_eq!(found.taken_for, Some(("female".to_owned(), 0.5)));
        assert_eq!(row("male", 1, 1.0, &[[1, 1]], &labels).taken_for, None);
    }
}

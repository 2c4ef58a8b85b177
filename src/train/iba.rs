//! What IBA must know of a layer: mean and deviation of each channel in each band, over the segments of a data set.

use super::classifier::{Clips, segment_features};
use crate::dsp::{FrontEnd, FrontEndParams};
use crate::eval::workers::for_each;
use crate::interpret::iba::{BlockOutputs, STATISTICS};
use crate::model::tensors::Arrays;
use crate::{Error, Result};

/// Sums over places of one clip.
struct Sums {
    n: f64,
    /// Of values and of their squares, `[width, channels]`.
    sums: [Vec<f64>; 2],
}

/// Measures a block's outputs over the clips, cut into segments of `n_frames`; silence fills the last one. Calls `progress` after
/// each clip with the number of clips done and the number of all.
///
/// # Errors
/// A usage error without clips; if the front end does not fit the network.
pub fn statistics(
    outputs: &BlockOutputs,
    front_end: &FrontEndParams,
    n_frames: usize,
    clips: &Clips,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Arrays> {
    if clips.samples.is_empty() {
        return Err(Error::usage("there are no clips to learn the layer's mean from; name other folds with --folds"));
    }
    let [width, channels] = outputs.bands();
    let n_values = width * channels;
    let length = n_frames.saturating_sub(1) * front_end.stft.hop + 1;
    let of_clip = |clip: usize| {
        let mut front_end = FrontEnd::new(front_end)?;
        let mut all = Sums { n: 0.0, sums: [vec![0.0; n_values], vec![0.0; n_values]] };
        for samples in clips.samples[clip].chunks(length) {
            let hidden = outputs.of(&segment_features(&mut front_end, samples, n_frames)?)?;
            for place in hidden.values.chunks_exact(n_values) {
                all.n += 1.0;
                for (i, v) in place.iter().map(|v| f64::from(*v)).enumerate() {
                    all.sums[0][i] += v;
                    all.sums[1][i] += v * v;
                }
            }
        }
        Ok(all)
    };
    let mut total = Sums { n: 0.0, sums: [vec![0.0; n_values], vec![0.0; n_values]] };
    for one in for_each(clips.samples.len(), of_clip, progress)? {
        total.n += one.n;
        for (sums, more) in total.sums.iter_mut().zip(&one.sums) {
            sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        }
    }
    let [values, squares] = total.sums;
    let mean: Vec<f64> = values.iter().map(|v| v / total.n).collect();
    let deviation = squares.iter().zip(&mean).map(|(s, m)| (s / total.n - m * m).max(0.0).sqrt() as f32).collect();
    let mut arrays = Arrays::default();
    arrays.insert(STATISTICS[0], [width, channels], mean.iter().map(|m| *m as f32).collect());
    arrays.insert(STATISTICS[1], [width, channels], deviation);
    Ok(arrays)
}

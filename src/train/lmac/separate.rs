//! The separating objective: where a mixture's parts are known, the mask is to keep the part that has the explained class and
//! nothing else. It stands beside the masking objective, which ties the mask to what the classifier uses.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::asked::Asked;
use super::data::Example;
use super::settings::LmacTraining;
use crate::Result;
use crate::dsp::Complex32;
use crate::train::l2i::segment_stft;

/// An error this far below the part's energy is as good as none (−30 dB): no example counts more than that.
const FLOOR: f64 = 1e-3;

/// What a batch's masks are to keep.
pub struct Wanted {
    /// Magnitudes of the explained class's part in the mixture's phase, `[batch, n_frames, n_bins]`; zeros where the part is
    /// not known.
    pub magnitude: Tensor,
    /// Whether the part is known, `[batch]`, 0 or 1.
    pub known: Tensor,
}

impl Wanted {
    /// Of examples, for what was asked of each. A class that is in no part was taken for something else: what made the
    /// classifier hear it is unknown, and left to the masking objective.
    pub(super) fn of(how: &LmacTraining, examples: &[Example], asked: &[Asked], n_frames: usize) -> Result<Self> {
        let n_bins = how.front_end.stft.n_bins();
        let one = |(example, asked): (&Example, &Asked)| -> Result<Vec<f32>> {
            let part = example.parts.iter().find(|(classes, _)| asked.present && classes.contains(&asked.class));
            let Some((_, part)) = part else { return Ok(vec![0.0; n_frames * n_bins]) };
            let stft = &how.front_end.stft;
            let (mixture, part) =
                (segment_stft(stft, &example.samples, n_frames)?, segment_stft(stft, part, n_frames)?);
            Ok(mixture.frames.iter().zip(&part.frames).map(|(x, s)| in_phase(x, s)).collect())
        };
        let made: Vec<Result<Vec<f32>>> = examples.par_iter().zip(asked).map(one).collect();
        let (mut magnitude, mut known) = (Vec::new(), Vec::new());
        for part in made {
            let part = part?;
            known.push(f32::from(part.iter().any(|m| *m > 0.0)));
            magnitude.extend(part);
        }
        Ok(Self {
            magnitude: Tensor::from_vec(magnitude, (examples.len(), n_frames, n_bins), &Device::Cpu)?,
            known: Tensor::new(known, &Device::Cpu)?,
        })
    }

    /// How far what a mask of bins keeps of a mixture, whose ln(1 + |X|) is `log_magnitude`, is from the part, `[batch]`: ln of
    /// the error's energy over the part's. 0 for a mask of zeros, −2.3 for each 10 dB of signal-to-distortion ratio.
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn distance(&self, mask: &Tensor, log_magnitude: &Tensor) -> Result<Tensor> {
        let mixture = (log_magnitude.exp()? - 1.0)?;
        let error = ((mask * mixture)? - &self.magnitude)?.sqr()?.sum((1, 2))?;
        let energy = (self.magnitude.sqr()?.sum((1, 2))? + 1e-9)?;
        Ok(((error / energy)? + FLOOR)?.log()?)
    }
}

/// The magnitude that comes nearest to `part` in the phase of `mixture`, at most the mixture's own: what an ideal mask keeps
/// (phase-sensitive masks, Erdogan et al. 2015).
fn in_phase(mixture: &Complex32, part: &Complex32) -> f32 {
    let size = mixture.norm();
    if size > 0.0 { ((mixture.conj() * part).re / size).clamp(0.0, size) } else { 0.0 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tone(hz: f32, n: usize) -> Vec<f32> {
        (0..n).map(|i| 0.3 * (std::f32::consts::TAU * hz * i as f32 / 8000.0).sin()).collect()
    }

    /// With ln(1 + |X|) of the mixture.
    fn wanted(asked: Asked) -> (Wanted, Tensor, usize) {
        let how = super::super::tests::settings();
        let (low, high) = (tone(500.0, 2_048), tone(3_000.0, 2_048));
        let samples = low.iter().zip(&high).map(|(a, b)| a + b).collect();
        let example = Example { samples, parts: vec![(vec![0], low), (vec![2], high)] };
        let log_magnitude = super::super::data::hear(&how, &[&example.samples], 16).unwrap().1;
        (Wanted::of(&how, &[example], &[asked], 16).unwrap(), log_magnitude, how.front_end.stft.n_bins())
    }

    #[test]
    fn the_mask_that_keeps_the_part_is_nearest() {
        let (wanted, log, n_bins) = wanted(Asked { class: 2, present: true });
        assert_eq!(wanted.known.to_vec1::<f32>().unwrap(), [1.0]);
        let mask = |keep: &dyn Fn(usize) -> f32| {
            let values: Vec<f32> = (0..16 * n_bins).map(|i| keep(i % n_bins)).collect();
            let mask = Tensor::from_vec(values, (1, 16, n_bins), &Device::Cpu).unwrap();
            wanted.distance(&mask, &log).unwrap().to_vec1::<f32>().unwrap()[0]
        };
        let part = mask(&|bin| if bin > n_bins / 2 { 1.0 } else { 0.0 });
        let other = mask(&|bin| if bin > n_bins / 2 { 0.0 } else { 1.0 });
        assert!(part < -4.5, "{part}");
        assert!(mask(&|_| 0.0).abs() < 1e-2 && mask(&|_| 1.0).abs() < 0.2, "the other tone is as loud");
        assert!(other > 0.5, "{other}");
    }

    #[test]
    fn what_is_in_no_part_or_ruled_out_is_not_known() {
        for asked in [Asked { class: 1, present: true }, Asked { class: 2, present: false }] {
            let (wanted, ..) = wanted(asked);
            assert_eq!(wanted.known.to_vec1::<f32>().unwrap(), [0.0]);
        }
    }

    #[test]
    fn the_gradient_equals_differences() {
        let (wanted, log, n_bins) = wanted(Asked { class: 0, present: true });
        let values: Vec<f32> = (0..16 * n_bins).map(|i| 0.5 + 0.4 * (i as f32 * 0.37).sin()).collect();
        let at = |values: &[f32]| {
            let mask = Tensor::from_slice(values, (1, 16, n_bins), &Device::Cpu).unwrap();
            f64::from(wanted.distance(&mask, &log).unwrap().to_vec1::<f32>().unwrap()[0])
        };
        let var = candle_core::Var::from_slice(&values, (1, 16, n_bins), &Device::Cpu).unwrap();
        let store = wanted.distance(var.as_tensor(), &log).unwrap().sum_all().unwrap().backward().unwrap();
        let grad: Vec<f32> = store.get(&var).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        // Only bins that sound have a slope that differences can see.
        let loudest = (0..grad.len()).max_by(|a, b| grad[*a].abs().total_cmp(&grad[*b].abs())).unwrap();
        for i in [loudest, loudest + 1, loudest + n_bins] {
            let mut moved = values.clone();
            moved[i] += 0.05;
            let up = at(&moved);
            moved[i] -= 0.1;
            let want = (up - at(&moved)) / 0.1;
            assert!((f64::from(grad[i]) - want).abs() < 0.03 * want.abs().max(1e-3), "{i}: {} is not {want}", grad[i]);
        }
    }
}

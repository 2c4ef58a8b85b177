//! What scenes are mixed from: recordings with the stretches in which they sound, and backgrounds.

use crate::units::SampleRate;

/// Length of the blocks in which sound is looked for, in seconds.
const BLOCK_SECS: f64 = 0.01;
/// A block further than this below the loudest one is silence, in dB.
const RANGE_DB: f32 = 30.0;
/// Pauses up to so many blocks belong to the sound: between two barks of a dog, not between two dogs.
const BRIDGED_BLOCKS: usize = 30;

/// One recording, scaled so that what sounds in it has an RMS of 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// The samples.
    pub samples: Vec<f32>,
    /// Its class; `None` for a sound that has none of the labels.
    pub class: Option<usize>,
    /// For each block of [`block_samples`], whether the recording sounds there.
    pub active: Vec<bool>,
}

/// Samples of one block of [`Sound::active`].
#[must_use]
pub fn block_samples(rate: SampleRate) -> usize {
    ((f64::from(rate.hz()) * BLOCK_SECS) as usize).max(1)
}

impl Sound {
    /// A recording of `class`; `None` where it is silent.
    #[must_use]
    pub fn new(mut samples: Vec<f32>, class: Option<usize>, rate: SampleRate) -> Option<Self> {
        let block = block_samples(rate);
        let powers: Vec<f32> =
            samples.chunks(block).map(|b| b.iter().map(|x| x * x).sum::<f32>() / b.len() as f32).collect();
        let loudest = powers.iter().copied().fold(0.0, f32::max);
        if !loudest.is_finite() || loudest < 1e-10 {
            return None;
        }
        let floor = loudest * 10.0_f32.powf(-RANGE_DB / 10.0);
        let mut active: Vec<bool> = powers.iter().map(|p| *p >= floor).collect();
        let sounding: Vec<f32> = powers.iter().zip(&active).filter(|(_, a)| **a).map(|(p, _)| *p).collect();
        let level = (sounding.iter().sum::<f32>() / sounding.len() as f32).sqrt();
        samples.iter_mut().for_each(|x| *x /= level);
        bridge(&mut active);
        Some(Self { samples, class, active })
    }

    /// First block that sounds and the one behind the last.
    #[must_use]
    pub fn span(&self) -> (usize, usize) {
        let first = self.active.iter().position(|a| *a).unwrap_or(0);
        let end = self.active.iter().rposition(|a| *a).map_or(0, |i| i + 1);
        (first, end.max(first))
    }
}

/// Makes short pauses between sounds part of the sound.
fn bridge(active: &mut [bool]) {
    let mut last = None;
    for i in 0..active.len() {
        if active[i] {
            if let Some(last) = last
                && i - last <= BRIDGED_BLOCKS
            {
                active[last..i].fill(true);
            }
            last = Some(i);
        }
    }
}

/// One background recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Background {
    /// The samples.
    pub samples: Vec<f32>,
    /// Classes that may sound in it, so that it says nothing of them.
    pub contains: Vec<usize>,
}

/// Everything that scenes are mixed from, at one rate.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Material {
    /// Sounds of each class.
    pub by_class: Vec<Vec<Sound>>,
    /// Sounds that have none of the labels.
    pub other: Vec<Sound>,
    /// Backgrounds.
    pub backgrounds: Vec<Background>,
    /// Impulse responses of rooms, the direct sound first.
    pub rooms: Vec<Vec<f32>>,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_knows_where_it_sounds_and_has_a_level_of_one() {
        let rate = SampleRate::new(16_000).unwrap();
        let tone = |n: usize, gain: f32| (0..n).map(move |i| gain * (i as f32 * 0.3).sin());
        // 0.5 s of silence, 0.2 s of tone, a pause of 0.2 s, 0.2 s of tone, silence, and something too soft to count.
        let mut samples: Vec<f32> = vec![0.0; 8_000];
        samples.extend(tone(3_200, 0.1));
        samples.extend(vec![0.0; 3_200]);
        samples.extend(tone(3_200, 0.1));
        samples.extend(vec![0.0; 8_000]);
        samples.extend(tone(3_200, 0.001));
        let sound = Sound::new(samples, Some(3), rate).unwrap();
        assert_eq!(sound.span(), (50, 110));
        assert!(sound.active[50..110].iter().all(|a| *a), "the pause of 0.2 s belongs to it");
        let active = &sound.samples[8_000..11_200];
        let rms = (active.iter().map(|x| x * x).sum::<f32>() / active.len() as f32).sqrt();
        assert!((rms - 1.0).abs() < 0.02, "{rms}");
        assert_eq!(Sound::new(vec![0.0; 1_000], None, rate), None);
    }
}

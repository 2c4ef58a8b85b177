//! A strip below the panels of `spectrogram.png`, for networks that hear samples: the waveform, and R ⊙ x on it.

use crate::plot::Image;
use crate::plot::canvas::covered;
use crate::plot::colour::Rgb;
use crate::plot::ink::{FAINT, GRID};

/// What speaks for the label.
const FOR: Rgb = [0xff, 0x9f, 0x43];
/// What speaks against it.
const AGAINST: Rgb = [0x4a, 0xa3, 0xff];

/// Where a strip is.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Place {
    /// Rows from `low` to `high`, of values −1…1 from the bottom to the top.
    fn column(self, image: &mut Image, x: usize, (low, high): (f32, f32), colour: Rgb) {
        let row = |value: f32| {
            let from_top = (1.0 - value.clamp(-1.0, 1.0)) / 2.0;
            (from_top * (self.height - 1) as f32).round() as usize
        };
        let (top, bottom) = (row(high), row(low));
        image.fill(self.left + x, self.top + top, 1, bottom - top + 1, colour);
    }
}

/// The least and the largest of some values, 0 included.
fn range(values: impl Iterator<Item = f32>) -> (f32, f32) {
    // `min` and `max` pass over NaN.
    values.fold((0.0, 0.0), |(low, high), x| (low.min(x), high.max(x)))
}

/// Draws the waveform, its largest magnitude as high as the strip.
pub(super) fn waveform(image: &mut Image, at: Place, samples: &[f32], colour: Rgb) {
    image.fill(at.left, at.top, at.width, at.height, GRID);
    let scale = 1.0 / samples.iter().fold(f32::MIN_POSITIVE, |peak, x| peak.max(x.abs()));
    for x in 0..at.width {
        let here = samples.get(covered(x, at.width, samples.len())).unwrap_or(&[]);
        at.column(image, x, range(here.iter().map(|x| x * scale)), colour);
    }
}

/// Draws R ⊙ x on a faint waveform: in one colour where the sample speaks for the label, in another where it speaks against
/// it. Its largest magnitude is as high as the strip.
pub(super) fn relevance(image: &mut Image, at: Place, samples: &[f32], shares: &[f32]) {
    waveform(image, at, samples, FAINT);
    let product: Vec<f32> = samples.iter().zip(shares).map(|(x, share)| x * share.abs()).collect();
    let scale = 1.0 / product.iter().fold(f32::MIN_POSITIVE, |peak, x| peak.max(x.abs()));
    for x in 0..at.width {
        let here = covered(x, at.width, samples.len());
        let (Some(product), Some(shares)) = (product.get(here.clone()), shares.get(here)) else { continue };
        let of = |sign: f32| product.iter().zip(shares).filter(move |(_, s)| **s * sign > 0.0).map(|(p, _)| p * scale);
        let mut both = [(range(of(1.0)), FOR), (range(of(-1.0)), AGAINST)];
        // The taller one below, so that both are seen.
        both.sort_by(|((a, b), _), ((c, d), _)| (d - c).total_cmp(&(b - a)));
        for ((low, high), colour) in both {
            if high > low {
                at.column(image, x, (low, high), colour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::ink::{BACKGROUND, INK};

    const PLACE: Place = Place { left: 10, top: 5, width: 100, height: 41 };

    #[test]
    fn what_speaks_for_and_against_has_a_colour_of_its_own() {
        let samples: Vec<f32> = (0..1000).map(|i| if i % 2 == 0 { 0.5 } else { -0.5 }).collect();
        let shares: Vec<f32> = (0..1000).map(|i| if i < 500 { 1.0 } else { -0.5 }).collect();
        let mut image = Image::new(120, 60, BACKGROUND);
        relevance(&mut image, PLACE, &samples, &shares);
        let at = |x: usize, y: usize| image.pixel(10 + x, 5 + y);
        assert_eq!((at(10, 0), at(10, 40)), (Some(FOR), Some(FOR)));
        assert_eq!((at(90, 20), at(90, 11)), (Some(AGAINST), Some(AGAINST)), "half as high");
        assert_eq!(at(90, 5), Some(FAINT), "the waveform is behind it");
        assert_eq!(image.pixel(9, 20), Some(BACKGROUND));
    }

    #[test]
    fn odd_strips_are_drawn() {
        for (samples, shares) in
            [(vec![], vec![]), (vec![f32::NAN; 3], vec![f32::NAN; 3]), (vec![0.0; 7], vec![1.0; 2])]
        {
            let mut image = Image::new(120, 60, BACKGROUND);
            waveform(&mut image, PLACE, &samples, INK);
            relevance(&mut image, PLACE, &samples, &shares);
        }
    }
}

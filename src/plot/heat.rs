//! A page of maps over time and frequency, side by side with the same axes.

use super::canvas::{Image, covered, text_width};
use super::chart::{LINE, SCALE, cut};
use super::colour::colour_map;
use super::font;
use super::ink::{BACKGROUND, FAINT, INK};
use crate::error::{Error, Result};

const LEFT: usize = 92;
const TOP: usize = 60;
const BOTTOM: usize = 56;
/// Between panels: to the right, and down with room for two lines of text.
const GAP: usize = 26;
const ROW_GAP: usize = 62;
const RIGHT: usize = 96;
const BAR_WIDTH: usize = 14;
const TICK: usize = 5;
const COLUMNS: usize = 4;
/// Pixels of one panel.
const WIDTH: usize = 340;
const HEIGHT: usize = 192;
/// Most panels on a page.
pub const MAX_PANELS: usize = 40;

/// A page.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatPage {
    /// Above everything.
    pub heading: String,
    /// Rows of each map.
    pub n_bands: usize,
    /// Seconds from one frame to the next.
    pub frame_secs: f64,
    /// Where each band lies, in Hz, rising, `[n_bands]`; without it no frequency is written.
    pub centre_hz: Vec<f32>,
    /// From left to right and top to bottom, at most [`MAX_PANELS`].
    pub panels: Vec<HeatPanel>,
}

/// One map.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatPanel {
    /// Above it.
    pub title: String,
    /// Behind the title, fainter, on a line of its own.
    pub note: String,
    /// `[n_frames, n_bands]`, 0…1; what is beyond is drawn as the nearest, what is not a number as 0.
    pub values: Vec<f32>,
}

impl HeatPage {
    /// Draws the page. Low bands lie at the bottom. Where a pixel covers several values it shows the greatest.
    ///
    /// # Errors
    /// `Bug` where a map does not have whole frames of `n_bands` values, or there are too many.
    pub fn draw(&self) -> Result<Image> {
        let n_bands = self.n_bands.max(1);
        if self.panels.len() > MAX_PANELS || self.panels.iter().any(|p| !p.values.len().is_multiple_of(n_bands)) {
            return Err(Error::bug(format!(
                "{} maps cannot be drawn on one page of {n_bands} bands; please report this",
                self.panels.len()
            )));
        }
        let columns = self.panels.len().clamp(1, COLUMNS);
        let rows = self.panels.len().div_ceil(columns).max(1);
        let right = LEFT + columns * (WIDTH + GAP);
        let bottom = TOP + rows * (HEIGHT + ROW_GAP);
        let mut image = Image::new(right + RIGHT, bottom + BOTTOM, BACKGROUND);
        image.text(LEFT, 18, SCALE, INK, &cut(&self.heading, (right - LEFT) / (font::ADVANCE * SCALE)));
        for (i, panel) in self.panels.iter().enumerate() {
            let left = LEFT + i % columns * (WIDTH + GAP);
            let top = TOP + i / columns * (HEIGHT + ROW_GAP) + ROW_GAP - GAP;
            let room = WIDTH / (font::ADVANCE * SCALE);
            image.text(left, top - 2 * LINE - 8, SCALE, INK, &cut(&panel.title, room));
            image.text(left, top - LINE - 4, SCALE, FAINT, &cut(&panel.note, room));
            draw_map(&mut image, (left, top), &panel.values, n_bands);
            if i % columns == 0 {
                self.frequency_axis(&mut image, top);
            }
            if i + columns >= self.panels.len() {
                self.time_axis(&mut image, (left, top + HEIGHT), panel.values.len() / n_bands);
            }
        }
        image.text(LEFT, bottom + BOTTOM - 22, SCALE, FAINT, "seconds; the masks run from 0 to 1");
        bar(&mut image, right, TOP + ROW_GAP - GAP);
        Ok(image)
    }

    fn frequency_axis(&self, image: &mut Image, top: usize) {
        let mut taken: Vec<usize> = Vec::new();
        for hz in [1e3, 1e4, 100.0, 5e3, 2e3, 500.0, 2e4, 200.0] {
            let Some(y) = self.y_of(hz) else { continue };
            if taken.iter().any(|other| other.abs_diff(y) < LINE + 6) {
                continue;
            }
            taken.push(y);
            let name = if hz >= 1000.0 { format!("{} kHz", hz / 1000.0) } else { format!("{hz:.0} Hz") };
            image.fill(LEFT - TICK, top + HEIGHT - y, TICK, 1, FAINT);
            let left = (LEFT - TICK - 6).saturating_sub(text_width(&name, SCALE));
            image.text(left, (top + HEIGHT - y).saturating_sub(LINE / 2), SCALE, INK, &name);
        }
    }

    /// Pixels from a panel's bottom to a frequency.
    fn y_of(&self, hz: f32) -> Option<usize> {
        let below = self.centre_hz.windows(2).position(|pair| pair[0] <= hz && hz < pair[1])?;
        let within = (hz - self.centre_hz[below]) / (self.centre_hz[below + 1] - self.centre_hz[below]);
        let share = (below as f32 + within + 0.5) / self.centre_hz.len() as f32;
        Some((share.clamp(0.0, 1.0) * HEIGHT as f32) as usize)
    }

    fn time_axis(&self, image: &mut Image, (left, base): (usize, usize), n_frames: usize) {
        let secs = n_frames as f64 * self.frame_secs;
        let steps = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 300.0];
        let Some(step) = steps.into_iter().find(|step| secs / step <= 6.0).filter(|_| secs > 0.0) else { return };
        for i in 0..=6 {
            let at = i as f64 * step;
            if at > secs {
                break;
            }
            let x = left + (at / secs * WIDTH as f64).round() as usize;
            image.fill(x, base, 1, TICK, FAINT);
            let name = if step < 1.0 { format!("{at:.1}") } else { format!("{at:.0}") };
            image.text(x.saturating_sub(text_width(&name, SCALE) / 2), base + TICK + 5, SCALE, INK, &name);
        }
    }
}

fn draw_map(image: &mut Image, (left, top): (usize, usize), values: &[f32], n_bands: usize) {
    let colours = colour_map();
    let n_frames = values.len() / n_bands;
    for x in 0..WIDTH {
        let frames = covered(x, WIDTH, n_frames);
        for y in 0..HEIGHT {
            let bands = covered(HEIGHT - 1 - y, HEIGHT, n_bands);
            let greatest = frames
                .clone()
                .filter_map(|frame| values.get(frame * n_bands..(frame + 1) * n_bands)?.get(bands.clone()))
                .flatten()
                // `max` passes over NaN.
                .fold(0.0_f32, |greatest, &v| greatest.max(v));
            image.set(left + x, top + y, colours[(255.0 * greatest.min(1.0)).round() as usize]);
        }
    }
}

fn bar(image: &mut Image, left: usize, top: usize) {
    let colours = colour_map();
    for y in 0..HEIGHT {
        image.fill(left, top + y, BAR_WIDTH, 1, colours[255 * (HEIGHT - 1 - y) / (HEIGHT - 1)]);
    }
    for (share, name) in [(0.0, "1"), (0.5, "0.5"), (1.0, "0")] {
        let y = top + (share * (HEIGHT - 1) as f64) as usize;
        image.fill(left + BAR_WIDTH, y, TICK, 1, FAINT);
        image.text(left + BAR_WIDTH + TICK + 6, y - LINE / 2, SCALE, INK, name);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn page(n: usize, n_bands: usize, values: &[f32]) -> HeatPage {
        let panel = HeatPanel { title: "title".into(), note: "note".into(), values: values.to_vec() };
        let centre_hz = (0..n_bands).map(|b| 100.0 * (b + 1) as f32).collect();
        HeatPage { heading: "h".into(), n_bands, frame_secs: 0.02, centre_hz, panels: vec![panel; n] }
    }

    #[test]
    fn low_bands_lie_at_the_bottom_and_early_frames_left() {
        let mut values = vec![0.0; 100 * 64];
        for frame in 0..10 {
            values[frame * 64..frame * 64 + 8].fill(1.0);
        }
        let image = page(6, 64, &values).draw().unwrap();
        let colours = colour_map();
        for (column, row) in [(0, 0), (3, 0), (1, 1)] {
            let (left, top) = (LEFT + column * (WIDTH + GAP), TOP + row * (HEIGHT + ROW_GAP) + ROW_GAP - GAP);
            assert_eq!(image.pixel(left, top + HEIGHT - 1), Some(colours[255]));
            assert_eq!(image.pixel(left, top), Some(colours[0]));
            assert_eq!(image.pixel(left + WIDTH - 1, top + HEIGHT - 1), Some(colours[0]));
        }
    }

    #[test]
    fn odd_pages_are_drawn_and_wrong_ones_refused() {
        let odd = [f32::NAN, f32::INFINITY, -7.0, 0.5, f32::NEG_INFINITY, 2.0];
        for (n, n_bands, n_frames) in
            [(0, 0, 0), (1, 0, 3), (1, 1, 1), (3, 6, 0), (13, 3, 2), (40, 600, 1), (2, 2, 3000)]
        {
            let values: Vec<f32> = odd.iter().copied().cycle().take(n_bands.max(1) * n_frames).collect();
            let mut page = page(n, n_bands, &values);
            for frame_secs in [0.02, 0.0, f64::NAN, 1e9] {
                page.frame_secs = frame_secs;
                let image = page.draw().unwrap();
                let png = image.to_png().unwrap();
                // The size stands in the file's header.
                let size = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap()) as usize;
                assert_eq!((size(16), size(20)), (image.width(), image.height()));
            }
            page.centre_hz.clear();
            assert!(page.draw().is_ok());
        }
        assert!(page(1, 4, &[0.0; 6]).draw().is_err());
        assert!(page(41, 1, &[0.0]).draw().is_err());
    }
}

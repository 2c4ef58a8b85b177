//! What line charts and scatter plots share: a frame for the data, and a legend to its right.

use super::canvas::{Image, text_width};
use super::colour::{N_HUES, Rgb, category};
use super::font;
use super::ink::{BACKGROUND, FAINT, GRID, INK};

/// Pixels of a font dot.
pub(super) const SCALE: usize = 2;
/// Pixels down a line of text.
pub(super) const LINE: usize = font::HEIGHT * SCALE;
const LEFT: usize = 84;
const TOP: usize = 54;
const BOTTOM: usize = 64;
const WIDTH: usize = 720;
const HEIGHT: usize = 480;
const TICK: usize = 5;
/// Between the data and the legend, and of a sample in the legend.
const GAP: usize = 28;
const SAMPLE: usize = 34;
/// Most characters of a name in the legend, of a heading, and most names: a class list may be very long.
const MAX_NAME: usize = 24;
const MAX_NAMES: usize = 60;

/// A frame with the data's place in it.
pub(super) struct Chart {
    pub(super) image: Image,
    x: (f64, f64),
    y: (f64, f64),
}

impl Chart {
    /// An empty chart with a legend of `names`; `sample` draws what stands for the i-th around a place.
    pub(super) fn new(
        heading: &str,
        (x, y): ((f64, f64), (f64, f64)),
        names: &[&str],
        sample: impl Fn(&mut Image, usize, (f64, f64)),
    ) -> Self {
        let names = &names[..names.len().min(MAX_NAMES)];
        let longest = names.iter().map(|n| text_width(&cut(n, MAX_NAME), SCALE)).max().unwrap_or(0);
        let legend = if names.is_empty() { GAP } else { GAP + SAMPLE + longest + GAP };
        let height = (TOP + HEIGHT + BOTTOM).max(TOP + names.len() * (LINE + 10) + GAP);
        let width = LEFT + WIDTH + legend;
        let mut image = Image::new(width, height, BACKGROUND);
        image.text(LEFT, 18, SCALE, INK, &cut(heading, (width - LEFT) / (font::ADVANCE * SCALE)));
        for (i, name) in names.iter().enumerate() {
            let (left, top) = (LEFT + WIDTH + GAP, TOP + i * (LINE + 10));
            sample(&mut image, i, (left as f64 + SAMPLE as f64 / 2.0 - 5.0, top as f64 + LINE as f64 / 2.0));
            image.text(left + SAMPLE, top, SCALE, INK, &cut(name, MAX_NAME));
        }
        Self { image, x: usable(x), y: usable(y) }
    }

    /// Where a value lies, in pixels; held within the frame. `None` for what is not a number.
    pub(super) fn place(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let share = |v: f64, (low, high): (f64, f64)| ((v - low) / (high - low)).clamp(0.0, 1.0);
        let place =
            (LEFT as f64 + share(x, self.x) * WIDTH as f64, TOP as f64 + (1.0 - share(y, self.y)) * HEIGHT as f64);
        (x.is_finite() && y.is_finite()).then_some(place)
    }

    /// Draws a line of the grid at each mark and what it is called, below the frame; a name that has no room is left out.
    pub(super) fn x_axis(&mut self, marks: &[(f64, String)], caption: &str) {
        let mut free = 0;
        for (value, name) in marks {
            let Some((x, _)) = self.place(*value, self.y.0) else { continue };
            let x = x.round() as usize;
            self.image.fill(x, TOP, 1, HEIGHT + TICK, GRID);
            let half = text_width(name, SCALE) / 2;
            if x.saturating_sub(half) >= free {
                self.image.text(x.saturating_sub(half), TOP + HEIGHT + TICK + 6, SCALE, INK, name);
                free = x + half + 12;
            }
        }
        self.image.text(LEFT, TOP + HEIGHT + 38, SCALE, FAINT, caption);
    }

    /// The same to the left of the frame.
    pub(super) fn y_axis(&mut self, marks: &[(f64, String)]) {
        for (value, name) in marks {
            let Some((_, y)) = self.place(self.x.0, *value) else { continue };
            let y = y.round() as usize;
            self.image.fill(LEFT - TICK, y, WIDTH + TICK, 1, GRID);
            let left = (LEFT - TICK - 6).saturating_sub(text_width(name, SCALE));
            self.image.text(left, y.saturating_sub(LINE / 2), SCALE, INK, name);
        }
    }
}

/// A range that can be divided by.
fn usable((low, high): (f64, f64)) -> (f64, f64) {
    if !(low.is_finite() && high.is_finite()) {
        (0.0, 1.0)
    } else if high > low {
        (low, high)
    } else {
        (low - 0.5, low + 0.5)
    }
}

/// At most `room` characters; what is cut ends in two dots.
pub(super) fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(2)).chain("..".chars()).collect()
}

/// Round values within a range, with their names: about `n` of them.
pub(super) fn round_marks((low, high): (f64, f64), n: usize) -> Vec<(f64, String)> {
    let (low, high) = usable((low, high));
    let rough = (high - low) / n.max(1) as f64;
    let unit = 10.0_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * unit).into_iter().find(|step| *step >= rough).unwrap_or(10.0 * unit);
    let decimals = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
    let first = (low / step - 1e-9).ceil();
    // A range far from 0 may be finer than the numbers there: then there are few marks, and never endlessly many.
    (0..=4 * n.max(1))
        .map(|i| (first + i as f64) * step)
        .take_while(|v| *v <= high + 1e-9 * step)
        .map(|v| (v, format!("{:.decimals$}", v + 0.0)))
        .collect()
}

/// The colour of the i-th line or group, and which round of the colours it is.
pub(super) fn style(i: usize) -> (Rgb, usize) {
    (category(i), i / N_HUES)
}

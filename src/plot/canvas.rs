//! A picture in memory, and the few things drawn on it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::{colour::Rgb, font};
use crate::error::{Error, Result};

/// An 8-bit RGB picture, row after row from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Image {
    /// A picture of one colour.
    pub(crate) fn new(width: usize, height: usize, colour: Rgb) -> Self {
        Self { width, height, rgb: colour.repeat(width * height) }
    }

    /// Pixels across.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels down.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// The colour at `x`, `y` from the top left; `None` outside.
    #[must_use]
    pub fn pixel(&self, x: usize, y: usize) -> Option<[u8; 3]> {
        if x >= self.width {
            return None;
        }
        let at = 3 * (y * self.width + x);
        self.rgb.get(at..at + 3)?.try_into().ok()
    }

    /// The picture as a PNG file.
    ///
    /// # Errors
    /// `Bug` when the encoder refuses it.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        let encode = || -> Result<Vec<u8>, png::EncodingError> {
            let mut file = Vec::new();
            // The sizes come from the layout: they are far below 2³².
            let mut encoder = png::Encoder::new(&mut file, self.width as u32, self.height as u32);
            encoder.set_depth(png::BitDepth::Eight);
            let pixels = match self.indexed() {
                Some((palette, pixels)) => {
                    encoder.set_color(png::ColorType::Indexed);
                    encoder.set_palette(palette);
                    Cow::Owned(pixels)
                }
                None => {
                    encoder.set_color(png::ColorType::Rgb);
                    Cow::Borrowed(&self.rgb)
                }
            };
            let mut writer = encoder.write_header()?;
            writer.write_image_data(&pixels)?;
            writer.finish()?;
            Ok(file)
        };
        encode().map_err(|e| {
            Error::bug(format!("a picture could not be made into PNG ({e}); please report this")).with_source(e)
        })
    }

    /// All colours, one after another, and for each pixel which one it has: half as long a file. `None` where they are more
    /// than 256.
    fn indexed(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut palette: Vec<u8> = Vec::new();
        let mut known: BTreeMap<&[u8], u8> = BTreeMap::new();
        let mut pixels = Vec::with_capacity(self.width * self.height);
        for colour in self.rgb.chunks_exact(3) {
            let next = palette.len() / 3;
            let idx = match known.entry(colour) {
                Entry::Occupied(entry) => *entry.get(),
                Entry::Vacant(entry) => {
                    palette.extend_from_slice(colour);
                    *entry.insert(u8::try_from(next).ok()?)
                }
            };
            pixels.push(idx);
        }
        Some((palette, pixels))
    }

    /// Sets one pixel; outside the picture nothing happens.
    pub(crate) fn set(&mut self, x: usize, y: usize, colour: Rgb) {
        if x < self.width && y < self.height {
            let at = 3 * (y * self.width + x);
            self.rgb[at..at + 3].copy_from_slice(&colour);
        }
    }

    /// Fills a rectangle, cut at the picture's edges.
    pub(crate) fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, colour: Rgb) {
        for y in y..(y + height).min(self.height) {
            for x in x..(x + width).min(self.width) {
                self.set(x, y, colour);
            }
        }
    }

    /// Draws a straight line of a width in pixels, with smooth edges.
    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), width: f64, colour: Rgb) {
        let (along, square) = ((to.0 - from.0, to.1 - from.1), (to.0 - from.0).powi(2) + (to.1 - from.1).powi(2));
        let distance = |x: f64, y: f64| {
            let t = ((x - from.0) * along.0 + (y - from.1) * along.1) / square.max(f64::MIN_POSITIVE);
            let t = t.clamp(0.0, 1.0);
            (x - from.0 - t * along.0).hypot(y - from.1 - t * along.1) - width / 2.0
        };
        let reach = width / 2.0 + 1.0;
        let (left, right) = (from.0.min(to.0) - reach, from.0.max(to.0) + reach);
        let (top, bottom) = (from.1.min(to.1) - reach, from.1.max(to.1) + reach);
        self.shape((left, right), (top, bottom), colour, distance);
    }

    /// Colours the pixels of a box where `distance` to a shape's edge (negative inside) is below 0, half of it where it is 0.
    /// Nothing happens outside the picture, or where the box is not of numbers.
    pub(crate) fn shape(
        &mut self,
        (left, right): (f64, f64),
        (top, bottom): (f64, f64),
        colour: Rgb,
        distance: impl Fn(f64, f64) -> f64,
    ) {
        let range = |from: f64, to: f64, n: usize| (from.max(0.0) as usize)..(to.ceil().max(0.0) as usize).min(n);
        for y in range(top, bottom, self.height) {
            for x in range(left, right, self.width) {
                let share = (0.5 - distance(x as f64 + 0.5, y as f64 + 0.5)).clamp(0.0, 1.0);
                if let Some(below) = self.pixel(x, y).filter(|_| share > 0.0) {
                    let mix = |i: usize| {
                        let (below, above) = (f64::from(below[i]), f64::from(colour[i]));
                        (below + share * (above - below)).round() as u8
                    };
                    self.set(x, y, [mix(0), mix(1), mix(2)]);
                }
            }
        }
    }

    /// Draws `text` with its top left corner at `x`, `y`, each dot `scale` pixels wide and high.
    pub(crate) fn text(&mut self, x: usize, y: usize, scale: usize, colour: Rgb, text: &str) {
        for (i, c) in text.chars().enumerate() {
            let left = x + i * font::ADVANCE * scale;
            for (row, dots) in font::glyph(c).into_iter().enumerate() {
                for column in 0..font::WIDTH {
                    if dots >> (font::WIDTH - 1 - column) & 1 == 1 {
                        self.fill(left + column * scale, y + row * scale, scale, scale, colour);
                    }
                }
            }
        }
    }
}

/// What pixel `i` of `n_pixels` covers of `n` things: at least one.
pub(crate) fn covered(i: usize, n_pixels: usize, n: usize) -> std::ops::Range<usize> {
    let from = i * n / n_pixels;
    from..((i + 1) * n / n_pixels).max(from + 1)
}

/// Pixels that `text` takes across.
pub(crate) fn text_width(text: &str, scale: usize) -> usize {
    (text.chars().count() * font::ADVANCE).saturating_sub(1) * scale
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What a viewer makes of the file, in red, green and blue.
    fn shown(image: &Image) -> (png::ColorType, Vec<u8>) {
        let file = image.to_png().unwrap();
        let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        (reader.info().color_type, pixels)
    }

    #[test]
    fn a_picture_keeps_every_pixel_however_many_colours_it_has() {
        for (n_colours, kind) in
            [(1, png::ColorType::Indexed), (256, png::ColorType::Indexed), (257, png::ColorType::Rgb)]
        {
            let mut image = Image::new(40, 20, [0, 0, 9]);
            for i in 0..n_colours {
                image.set(i % 40, i / 40, [(i / 7) as u8, (i % 7) as u8, 9]);
            }
            let (found, pixels) = shown(&image);
            assert_eq!(found, kind, "{n_colours} colours");
            assert_eq!(pixels, image.rgb, "{n_colours} colours");
        }
    }
}

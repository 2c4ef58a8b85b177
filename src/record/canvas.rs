//! A picture in memory, and the few things drawn on it.

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
            encoder.set_color(png::ColorType::Rgb);
            encoder.set_depth(png::BitDepth::Eight);
            let mut writer = encoder.write_header()?;
            writer.write_image_data(&self.rgb)?;
            writer.finish()?;
            Ok(file)
        };
        encode().map_err(|e| {
            Error::bug(format!("a picture could not be made into PNG ({e}); please report this")).with_source(e)
        })
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

/// Pixels that `text` takes across.
pub(crate) fn text_width(text: &str, scale: usize) -> usize {
    (text.chars().count() * font::ADVANCE).saturating_sub(1) * scale
}

//! The colours of everything but the data.

use super::colour::Rgb;

pub(crate) const BACKGROUND: Rgb = [0x14, 0x16, 0x1c];
pub(crate) const INK: Rgb = [0xd8, 0xdc, 0xe4];
pub(crate) const FAINT: Rgb = [0x8a, 0x90, 0x9e];
/// Behind curves and points.
pub(crate) const GRID: Rgb = [0x2a, 0x2e, 0x38];

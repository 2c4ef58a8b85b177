//! How raw samples are coded, by the names that recorders use.

use std::fmt;

use super::sample::ToF32;

/// How raw samples are coded: all little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleFormat {
    /// Unsigned bytes, 128 for silence.
    U8,
    /// Signed 16-bit integers.
    S16Le,
    /// Signed 24-bit integers in the low three of four bytes, as arecord's `S24_LE`; the fourth is passed over.
    S24Le,
    /// Signed 24-bit integers in three bytes, as arecord's `S24_3LE` and ffmpeg's `s24le`.
    S24In3Le,
    /// Signed 32-bit integers.
    S32Le,
    /// 32-bit floats, full scale ±1.
    F32Le,
    /// 64-bit floats, full scale ±1.
    F64Le,
}

impl SampleFormat {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::U8, Self::S16Le, Self::S24Le, Self::S24In3Le, Self::S32Le, Self::F32Le, Self::F64Le];

    /// What a person should know of the names: two programs call two formats `s24le`.
    pub(super) const ABOUT: &str = "u8, s16le, s24le (4 bytes a sample, as arecord's S24_LE), s24_3le (3 bytes, as ffmpeg's s24le), \
         s32le, f32le and f64le";

    /// The format of this name: as listed above, or as arecord writes it (`S16_LE`, `FLOAT_LE`); upper and lower case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "u8" => Self::U8,
            "s16le" | "s16_le" => Self::S16Le,
            "s24le" | "s24_le" => Self::S24Le,
            "s24_3le" => Self::S24In3Le,
            "s32le" | "s32_le" => Self::S32Le,
            "f32le" | "float_le" => Self::F32Le,
            "f64le" | "float64_le" => Self::F64Le,
            _ => return None,
        })
    }

    /// The name, as in `s16le`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::S16Le => "s16le",
            Self::S24Le => "s24le",
            Self::S24In3Le => "s24_3le",
            Self::S32Le => "s32le",
            Self::F32Le => "f32le",
            Self::F64Le => "f64le",
        }
    }

    /// Bytes of one sample.
    #[must_use]
    pub const fn n_bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::S16Le => 2,
            Self::S24In3Le => 3,
            Self::S24Le | Self::S32Le | Self::F32Le => 4,
            Self::F64Le => 8,
        }
    }

    /// Appends the samples in `bytes` to `out`, full scale at ±1. A sample cut short at the end is left out.
    pub(super) fn decode(self, bytes: &[u8], out: &mut Vec<f32>) {
        match self {
            Self::U8 => out.extend(bytes.iter().map(|b| b.to_f32())),
            Self::S16Le => out.extend(bytes.as_chunks().0.iter().map(|b| i16::from_le_bytes(*b).to_f32())),
            // As the upper 24 of 32 bits.
            Self::S24Le => {
                out.extend(bytes.as_chunks().0.iter().map(|[a, b, c, _]| i32::from_le_bytes([0, *a, *b, *c]).to_f32()));
            }
            Self::S24In3Le => {
                out.extend(bytes.as_chunks().0.iter().map(|[a, b, c]| i32::from_le_bytes([0, *a, *b, *c]).to_f32()));
            }
            Self::S32Le => out.extend(bytes.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b).to_f32())),
            Self::F32Le => out.extend(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b))),
            Self::F64Le => out.extend(bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b).to_f32())),
        }
    }
}

impl fmt::Display for SampleFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn formats_go_by_the_names_of_arecord_and_ffmpeg() {
        for format in SampleFormat::ALL {
            assert_eq!(SampleFormat::parse(format.name()), Some(format));
            assert_eq!(SampleFormat::parse(&format.name().to_uppercase()), Some(format));
            assert!(SampleFormat::ABOUT.contains(format.name()), "{format}");
        }
        let arecord = ["U8", "S16_LE", "S24_LE", "S24_3LE", "S32_LE", "FLOAT_LE", "FLOAT64_LE"];
        assert_eq!(arecord.map(|name| SampleFormat::parse(name).unwrap()), SampleFormat::ALL);
        for wrong in ["", "s16", "s16be", "S16_BE", "f32be", "alaw", "s24", "float", "u16le", " s16le"] {
            assert_eq!(SampleFormat::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn half_scale_silence_and_the_extremes_are_in_place_in_every_format() {
        let bytes: [(SampleFormat, Vec<u8>); 7] = [
            (SampleFormat::U8, vec![192, 128, 0]),
            (SampleFormat::S16Le, [0x4000_i16, 0, i16::MIN].iter().flat_map(|x| x.to_le_bytes()).collect()),
            // The fourth byte may be anything.
            (SampleFormat::S24Le, vec![0, 0, 0x40, 0x77, 0, 0, 0, 0xff, 0, 0, 0x80, 0]),
            (SampleFormat::S24In3Le, vec![0, 0, 0x40, 0, 0, 0, 0, 0, 0x80]),
            (SampleFormat::S32Le, [1_i32 << 30, 0, i32::MIN].iter().flat_map(|x| x.to_le_bytes()).collect()),
            (SampleFormat::F32Le, [0.5_f32, 0.0, -1.0].iter().flat_map(|x| x.to_le_bytes()).collect()),
            (SampleFormat::F64Le, [0.5_f64, 0.0, -1.0].iter().flat_map(|x| x.to_le_bytes()).collect()),
        ];
        for (format, mut bytes) in bytes {
            assert_eq!(bytes.len(), 3 * format.n_bytes(), "{format}");
            // A sample that is not whole is none.
            bytes.extend(std::iter::repeat_n(1, format.n_bytes() - 1));
            let mut out = vec![9.0];
            format.decode(&bytes, &mut out);
            assert_eq!(out, [9.0, 0.5, 0.0, -1.0], "{format}");
        }
    }
}

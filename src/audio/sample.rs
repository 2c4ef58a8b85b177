//! The sample formats that inputs come in, and what a clean sample is.

/// A sample as a device or a pipe delivers it.
///
/// Integers are scaled so that the most negative value is −1 exactly; unsigned ones have their zero in the middle.
pub trait ToF32: Copy {
    /// The sample with full scale at ±1. Called in callbacks: no allocation, no panic.
    fn to_f32(self) -> f32;
}

impl ToF32 for f32 {
    #[inline]
    fn to_f32(self) -> f32 {
        self
    }
}

impl ToF32 for f64 {
    #[inline]
    fn to_f32(self) -> f32 {
        self as f32
    }
}

macro_rules! signed {
    ($($int:ty),*) => {$(
        impl ToF32 for $int {
            #[inline]
            fn to_f32(self) -> f32 {
                (f64::from(self) / -f64::from(<$int>::MIN)) as f32
            }
        }
    )*};
}
signed!(i8, i16, i32);

impl ToF32 for i64 {
    #[inline]
    fn to_f32(self) -> f32 {
        (self as f64 / -(i64::MIN as f64)) as f32
    }
}

macro_rules! unsigned {
    ($($int:ty => $signed:ty),*) => {$(
        impl ToF32 for $int {
            #[inline]
            fn to_f32(self) -> f32 {
                // Flipping the top bit turns offset binary into two's complement.
                ((self ^ (1 << (<$int>::BITS - 1))) as $signed).to_f32()
            }
        }
    )*};
}
unsigned!(u8 => i8, u16 => i16, u32 => i32, u64 => i64);

pub use crate::media::mono::{MAX_MAGNITUDE, valid};

/// Denormals become 0: they are far below any noise, and slow down every filter behind.
#[inline]
#[must_use]
pub fn flush_denormal(sample: f32) -> f32 {
    if sample.abs() < f32::MIN_POSITIVE { 0.0 } else { sample }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_its_extremes_and_its_zero_in_place() {
        assert_eq!([i8::MIN.to_f32(), 0_i8.to_f32(), 64_i8.to_f32()], [-1.0, 0.0, 0.5]);
        assert_eq!([i16::MIN.to_f32(), 0_i16.to_f32(), 1_i16.to_f32()], [-1.0, 0.0, 1.0 / 32_768.0]);
        assert_eq!([i32::MIN.to_f32(), 0_i32.to_f32(), (1_i32 << 30).to_f32()], [-1.0, 0.0, 0.5]);
        assert_eq!([i64::MIN.to_f32(), 0_i64.to_f32(), (1_i64 << 62).to_f32()], [-1.0, 0.0, 0.5]);
        assert_eq!([u8::MIN.to_f32(), 128_u8.to_f32(), 192_u8.to_f32()], [-1.0, 0.0, 0.5]);
        assert_eq!([u16::MIN.to_f32(), 0x8000_u16.to_f32(), 0xc000_u16.to_f32()], [-1.0, 0.0, 0.5]);
        assert_eq!([u32::MIN.to_f32(), 0x8000_0000_u32.to_f32()], [-1.0, 0.0]);
        assert_eq!([u64::MIN.to_f32(), (1_u64 << 63).to_f32()], [-1.0, 0.0]);
        assert_eq!([0.25_f32.to_f32(), 0.25_f64.to_f32()], [0.25, 0.25]);
    }

    #[test]
    fn what_cannot_be_sound_is_told() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1001.0, -3e38] {
            assert_eq!(valid(bad), None, "{bad}");
        }
        assert_eq!(valid(-1.5), Some(-1.5));
        assert_eq!(flush_denormal(1e-40), 0.0);
        assert_eq!(flush_denormal(-1e-30), -1e-30);
    }
}

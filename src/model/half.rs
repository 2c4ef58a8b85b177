//! Numbers of half precision.

/// IEEE 754 binary16 to binary32; exact.
pub(super) fn from_f16(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let mantissa = f32::from(bits & 0x3ff);
    sign * match (bits >> 10) & 0x1f {
        0 => mantissa * 2f32.powi(-24),
        31 if mantissa == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        exponent => (1.0 + mantissa / 1024.0) * 2f32.powi(i32::from(exponent) - 15),
    }
}

/// bfloat16 to binary32; exact.
pub(super) const fn from_bf16(bits: u16) -> f32 {
    f32::from_bits((bits as u32) << 16)
}

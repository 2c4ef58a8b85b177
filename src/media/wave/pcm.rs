//! Plain samples of any width, as numbers of full scale ±1.

/// The laws of telephone lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Law {
    A,
    Mu,
}

/// Where the bits of a sample stand that has fewer than its bytes could hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the top, as the standard wants it; not yet proved.
    TopUnlessProved,
    Top,
    /// At the bottom, as sound cards deliver them.
    Bottom,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Unsigned8,
    Signed,
    Float,
    Law(Law),
}

/// How plain samples are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pcm {
    number: Number,
    /// Bytes of one sample.
    bytes: usize,
    /// Bits of them that carry sound.
    bits: u32,
    big_endian: bool,
    place: Place,
}

impl Pcm {
    /// Integers of `bits` bits in `bytes` bytes, as WAV has them: those of a single byte without a sign. `None` for what
    /// nobody writes.
    pub(super) fn integers(bytes: usize, bits: u16, big_endian: bool) -> Option<Self> {
        let number = if bytes == 1 { Number::Unsigned8 } else { Number::Signed };
        Some(Self { number, ..Self::signed(bytes, bits, big_endian)? })
    }

    /// Integers of `bits` bits in `bytes` bytes, all with a sign; `None` for what nobody writes.
    pub(super) fn signed(bytes: usize, bits: u16, big_endian: bool) -> Option<Self> {
        let bits = u32::from(bits);
        let known = (1..=4).contains(&bytes) && (1..=8 * bytes as u32).contains(&bits);
        known.then_some(Self { number: Number::Signed, bytes, bits, big_endian, place: Place::TopUnlessProved })
    }

    /// Floats of 4 or 8 bytes.
    pub(super) fn floats(bytes: usize, big_endian: bool) -> Option<Self> {
        let known = bytes == 4 || bytes == 8;
        let bits = 8 * bytes as u32;
        known.then_some(Self { number: Number::Float, bytes, bits, big_endian, place: Place::Top })
    }

    /// One byte a sample, by a law.
    pub(super) const fn law(law: Law) -> Self {
        Self { number: Number::Law(law), bytes: 1, bits: 8, big_endian: false, place: Place::Top }
    }

    /// Bytes of one sample.
    pub(super) const fn n_bytes(&self) -> usize {
        self.bytes
    }

    /// Appends the samples that `bytes` hold. Floats are passed on as they are, even where they are no numbers.
    pub(super) fn decode(&mut self, bytes: &[u8], out: &mut Vec<f32>) {
        let samples = bytes.chunks_exact(self.bytes);
        match self.number {
            Number::Unsigned8 => out.extend(bytes.iter().map(|&b| (f32::from(b) - 128.0) / 128.0)),
            Number::Law(Law::A) => out.extend(bytes.iter().map(|&b| a_law(b))),
            Number::Law(Law::Mu) => out.extend(bytes.iter().map(|&b| mu_law(b))),
            Number::Float if self.bytes == 4 => {
                out.extend(samples.map(|s| f32::from_bits((self.top_aligned(s) >> 32) as u32)));
            }
            Number::Float => out.extend(samples.map(|s| f64::from_bits(self.top_aligned(s)) as f32)),
            Number::Signed => {
                let unused = 8 * self.bytes as u32 - self.bits;
                for sample in samples {
                    let number = (self.top_aligned(sample) >> 32) as u32 as i32;
                    if self.place == Place::TopUnlessProved {
                        self.place = self.prove(number, unused);
                    }
                    let shift = if self.place == Place::Bottom { unused } else { 0 };
                    out.push((number << shift) as f32 / 2_147_483_648.0);
                }
            }
        }
    }

    /// Decides by one sample, its bytes as the highest of a number, where the bits of all stand. The first that can stand
    /// in one place only tells; until then they count as at the top.
    fn prove(&self, sample: i32, unused: u32) -> Place {
        let number = sample >> (32 - 8 * self.bytes as u32);
        let fits_top = number & ((1 << unused) - 1) == 0;
        let fits_bottom = (number << (32 - self.bits)) >> (32 - self.bits) == number;
        match (fits_top, fits_bottom) {
            (true, true) if unused > 0 => Place::TopUnlessProved,
            (false, true) => Place::Bottom,
            // Where neither fits, all bits carry sound.
            _ => Place::Top,
        }
    }

    /// A sample's bytes as the highest of a number.
    fn top_aligned(&self, sample: &[u8]) -> u64 {
        let mut bytes = [0; 8];
        for (to, from) in bytes.iter_mut().zip(sample) {
            *to = *from;
        }
        if !self.big_endian {
            bytes[..self.bytes].reverse();
        }
        u64::from_be_bytes(bytes)
    }
}

/// ITU-T G.711, A-law.
fn a_law(byte: u8) -> f32 {
    let byte = byte ^ 0x55;
    let (exponent, mantissa) = (byte >> 4 & 7, i16::from(byte & 15));
    let size = if exponent == 0 { (mantissa << 4) + 8 } else { ((mantissa << 4) + 0x108) << (exponent - 1) };
    f32::from(if byte & 0x80 == 0 { -size } else { size }) / 32_768.0
}

/// ITU-T G.711, µ-law.
fn mu_law(byte: u8) -> f32 {
    let byte = !byte;
    let (exponent, mantissa) = (byte >> 4 & 7, i32::from(byte & 15));
    let size = (((mantissa << 3) + 0x84) << exponent) - 0x84;
    (if byte & 0x80 == 0 { size } else { -size }) as f32 / 32_768.0
}

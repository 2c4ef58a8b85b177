//! The bank: embeddings that stand for everything else, so that a label can be learned where no data set is.
//!
//! The file: `EWBANK01`, the network's sha256 as 64 hex digits, width and number of embeddings (u32, little endian), a step for
//! each of `width` values (f32), then the embeddings, one byte a value in these steps. They come behind a ReLU, so that
//! none is negative.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::hearing::Hearing;
use crate::dsp::from_db;
use crate::model::package::Package;
use crate::train::classifier::example_rng;
use crate::train::scene::{Material, scene};
use crate::{Error, Result};

/// The bank's file in a package.
pub const BANK: &str = "bank.bin";
/// What the file begins with.
const MAGIC: &[u8; 8] = b"EWBANK01";
/// Longest file, in bytes.
pub const MAX_BYTES: usize = 2_000_000;
/// Hex digits of the network's sha256.
const HEX: usize = 64;
/// Bytes before the steps.
const HEAD: usize = MAGIC.len() + HEX + 8;
/// Widest embedding.
const MAX_WIDTH: usize = 4096;
/// Embeddings that are taken of one scene: a second between them, so that each tells something new.
pub(super) const ROWS_OF_SCENE: usize = 2;
/// Every so manieth scene is a piece of background as it is.
const BACKGROUND_EVERY: usize = 4;
/// Level of such a piece, in dB relative to full scale.
const LEVEL_DB: (f32, f32) = (-60.0, -12.0);

/// Embeddings of one network.
#[derive(Debug, Clone, PartialEq)]
pub struct Bank {
    /// Names the network: [`Package::network_sha256`](crate::model::package::Package::network_sha256).
    pub network: String,
    /// Values of an embedding.
    pub width: usize,
    /// `[n, width]`.
    pub rows: Vec<f32>,
}

impl Bank {
    /// Embeddings of an even number that a file has room for.
    #[must_use]
    pub const fn room(width: usize) -> usize {
        (MAX_BYTES - HEAD - 4 * width) / width / ROWS_OF_SCENE * ROWS_OF_SCENE
    }

    /// `n_rows` embeddings of scenes of `material` and of its backgrounds, at most as many as the file has room for. The same seed
    /// gives the same bank.
    ///
    /// # Errors
    /// A usage error where there are no recordings.
    pub fn make(
        hearing: &Hearing,
        network: String,
        material: &Material,
        n_rows: usize,
        seed: u64,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Self> {
        if material.by_class.iter().all(Vec::is_empty) && material.other.is_empty() && material.backgrounds.is_empty() {
            return Err(Error::usage(
                "a bank needs recordings; name a data set with --data, and backgrounds with --noise",
            ));
        }
        let width = hearing.width();
        let n_scenes = n_rows.min(Self::room(width)) / ROWS_OF_SCENE;
        let one = |i: usize| -> Result<Vec<f32>> {
            let mut rng = example_rng(seed, 0, i);
            let heard = hearing.embeddings(&sound(&mut rng, hearing, material, i))?;
            let rows = heard.len() / width;
            let part = (rows - hearing.lookahead()) / ROWS_OF_SCENE;
            let picked = (0..ROWS_OF_SCENE).flat_map(|k| {
                let row = hearing.lookahead() + k * part + rng.random_range(0..part.max(1));
                heard[row * width..(row + 1) * width].to_vec()
            });
            let picked = picked.collect();
            progress(i, n_scenes);
            Ok(picked)
        };
        let rows: Vec<Vec<f32>> = (0..n_scenes).into_par_iter().map(one).collect::<Result<_>>()?;
        Ok(Self { network, width, rows: rows.concat() })
    }

    /// Number of embeddings.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len() / self.width
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Mean squared length of an embedding.
    pub(in crate::train) fn mean_square(&self) -> f32 {
        self.rows.iter().map(|x| x * x).sum::<f32>() / self.len().max(1) as f32
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// A bug where a value is negative or the file would be too long.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let too_long = HEAD + 4 * self.width + self.rows.len() > MAX_BYTES;
        if too_long || self.network.len() != HEX || self.rows.iter().any(|x| !(x.is_finite() && *x >= 0.0)) {
            return Err(Error::bug("embeddings that no bank can hold were to be written"));
        }
        let mut steps = vec![f32::MIN_POSITIVE; self.width];
        for row in self.rows.chunks_exact(self.width) {
            steps.iter_mut().zip(row).for_each(|(step, x)| *step = step.max(x / 255.0));
        }
        let mut bytes = [MAGIC.as_slice(), self.network.as_bytes()].concat();
        bytes.extend((self.width as u32).to_le_bytes());
        bytes.extend((self.len() as u32).to_le_bytes());
        bytes.extend(steps.iter().flat_map(|step| step.to_le_bytes()));
        let quantised =
            |row: &[f32]| row.iter().zip(&steps).map(|(x, step)| (x / step).round() as u8).collect::<Vec<u8>>();
        bytes.extend(self.rows.chunks_exact(self.width).flat_map(quantised));
        Ok(bytes)
    }

    /// The bank of a package, for the network that `network` names, with embeddings of `width` values.
    ///
    /// # Errors
    /// A model error where the package has none, or one of another network.
    pub fn of_package(package: &Package, network: &str, width: usize) -> Result<Self> {
        let bytes = package.bytes(BANK).ok_or_else(|| {
            Error::model(format!(
                "the model {} has no bank of other sounds to learn against; make one with {MAKE}",
                package.manifest().name
            ))
        })?;
        Self::decode(bytes, network, width, &package.dir().join(BANK).display().to_string())
    }

    /// Reads a file's bytes for the network that `network` names, with embeddings of `width` values; `name` is what errors call
    /// the file.
    ///
    /// # Errors
    /// A model error: no bank, one of another network, one that is cut or too long.
    pub fn decode(bytes: &[u8], network: &str, width: usize, name: &str) -> Result<Self> {
        let damaged = || Error::model(format!("{name} is no bank, or a damaged one; make it again with {MAKE}"));
        if bytes.len() > MAX_BYTES || bytes.len() < HEAD || !bytes.starts_with(MAGIC) {
            return Err(damaged());
        }
        let (head, rest) = bytes.split_at(HEAD);
        if head[MAGIC.len()..MAGIC.len() + HEX] != *network.as_bytes() {
            return Err(Error::model(format!(
                "{name} was made with another network than the package's; make it again with {MAKE}"
            )));
        }
        let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
        let (found, n) = (number(HEAD - 8), number(HEAD - 4));
        // Both are bounded, so that no product overflows.
        if found != width || width > MAX_WIDTH || n == 0 || n > MAX_BYTES || rest.len() != 4 * width + n * width {
            return Err(damaged());
        }
        let (steps, values) = rest.split_at(4 * width);
        let steps: Vec<f32> = steps.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        if steps.iter().any(|step| !(step.is_finite() && (0.0..1e3).contains(step))) {
            return Err(damaged());
        }
        let rows =
            values.chunks_exact(width).flat_map(|row| row.iter().zip(&steps).map(|(v, step)| f32::from(*v) * step));
        Ok(Self { network: network.to_owned(), width, rows: rows.collect() })
    }
}

/// What makes a bank, as remedies name it.
pub const MAKE: &str = "`earwitness enroll --make-bank --model DIR --data DIR --noise DIR`";

/// The sound of one scene: mixed, or a piece of a background at any level.
fn sound(rng: &mut ChaCha8Rng, hearing: &Hearing, material: &Material, i: usize) -> Vec<f32> {
    let shape = hearing.scene_shape();
    if !i.is_multiple_of(BACKGROUND_EVERY) || material.backgrounds.is_empty() {
        return scene(rng, material, &shape).samples;
    }
    let background = &material.backgrounds[rng.random_range(0..material.backgrounds.len())].samples;
    let from = rng.random_range(0..background.len().saturating_sub(shape.n_samples).max(1));
    let mut piece = background[from..(from + shape.n_samples).min(background.len())].to_vec();
    piece.resize(shape.n_samples, 0.0);
    let rms = (piece.iter().map(|x| x * x).sum::<f32>() / piece.len() as f32).sqrt();
    let gain = from_db(rng.random_range(LEVEL_DB.0..LEVEL_DB.1)) / rms.max(1e-6);
    piece.iter_mut().for_each(|x| *x = (*x * gain).clamp(-1.0, 1.0));
    piece
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn bank() -> Bank {
        let rows = (0..4 * 30).map(|i| ((i * 37) % 101) as f32 / 25.0).collect();
        Bank { network: "a".repeat(64), width: 4, rows }
    }

    #[test]
    fn it_reads_back_within_half_a_step() {
        let bank = bank();
        let bytes = bank.encode().unwrap();
        let read = Bank::decode(&bytes, &bank.network, 4, "f").unwrap();
        assert_eq!(read.len(), 30);
        assert!(bank.rows.iter().zip(&read.rows).all(|(a, b)| (a - b).abs() <= 0.51 * 4.0 / 255.0));
        assert_eq!(read.encode().unwrap(), bytes, "what was rounded stays");
    }

    #[test]
    fn damaged_foreign_and_hostile_files_are_refused() {
        let bank = bank();
        let good = bank.encode().unwrap();
        let refused = |bytes: &[u8], part: &str| {
            let e = Bank::decode(bytes, &bank.network, 4, "f").unwrap_err();
            assert_eq!(e.kind(), crate::ErrorKind::Model);
            assert!(e.to_string().contains(part), "{e}");
        };
        for n in 0..good.len() {
            refused(&good[..n], "f is no bank, or a damaged one; make it again");
        }
        refused(&[good.as_slice(), &[0]].concat(), "damaged");
        refused(&vec![0; MAX_BYTES + 1], "damaged");
        let with = |at: usize, bytes: &[u8]| {
            let mut changed = good.clone();
            changed[at..at + bytes.len()].copy_from_slice(bytes);
            changed
        };
        refused(&with(0, b"EWBANK02"), "damaged");
        refused(&with(8, b"b"), "another network");
        // Width and number at their largest, whose product is more than a machine word of 32 bits.
        refused(&with(HEAD - 8, &[255; 8]), "damaged");
        refused(&with(HEAD - 4, &[0; 4]), "damaged");
        refused(&with(HEAD, &f32::NAN.to_le_bytes()), "damaged");
        refused(&with(HEAD, &f32::INFINITY.to_le_bytes()), "damaged");
        refused(&with(HEAD, &(-1.0_f32).to_le_bytes()), "damaged");
        let e = Bank::decode(&good, &bank.network, 5, "f").unwrap_err().to_string();
        assert!(e.contains("damaged"), "{e}");
        assert!(Bank { rows: vec![-1.0; 8], ..bank }.encode().is_err());
    }
}

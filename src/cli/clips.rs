//! The clips of a data set that is measured: those that cannot be read are told and left out.

use super::left_out::LeftOut;
use super::output;
use crate::error::{ErrorKind, Result};
use crate::train::dataset::ClipMeta;
use crate::train::load::try_load_clips;
use crate::units::SampleRate;

/// Clips, read.
pub(super) struct Clips {
    /// Of each, what the data set says.
    pub(super) metas: Vec<ClipMeta>,
    pub(super) samples: Vec<Vec<f32>>,
    pub(super) left_out: ClipsLeftOut,
}

/// How many clips there should have been, and which were left out.
#[derive(Debug, Clone, Default)]
pub(super) struct ClipsLeftOut {
    n_all: usize,
    left_out: LeftOut,
}

impl ClipsLeftOut {
    /// # Errors
    /// [`ErrorKind::Input`] where a clip was left out.
    pub(super) fn outcome(&self) -> Result<()> {
        self.left_out.outcome(self.n_all, "clips")
    }
}

impl Clips {
    /// Reads clips as [`try_load_clips`] does. `tell` prints a line for each one that cannot be read.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] where none can be.
    pub(super) fn load(
        metas: &[ClipMeta],
        sample_rate: SampleRate,
        clip_samples: usize,
        progress: &mut dyn FnMut(usize, usize),
        tell: &dyn Fn(&str),
    ) -> Result<Self> {
        let loaded = try_load_clips(metas, sample_rate, clip_samples, progress)?;
        let mut clips = Self {
            metas: Vec::with_capacity(metas.len()),
            samples: Vec::with_capacity(metas.len()),
            left_out: ClipsLeftOut { n_all: metas.len(), left_out: LeftOut::default() },
        };
        for (meta, samples) in metas.iter().zip(loaded) {
            match samples {
                Ok(samples) => {
                    clips.metas.push(meta.clone());
                    clips.samples.push(samples);
                }
                Err(e) if e.kind() == ErrorKind::Input && metas.len() > 1 => {
                    let name = meta.path.file_name().unwrap_or(meta.path.as_os_str()).to_string_lossy();
                    clips.left_out.left_out.add(&name);
                    tell(&format!("left out: {e}"));
                }
                Err(e) => return Err(e),
            }
        }
        if clips.metas.is_empty() {
            clips.left_out.outcome()?;
        }
        Ok(clips)
    }

    /// As [`Clips::load`] tells, above a bar.
    pub(super) fn note_above(bar: &indicatif::ProgressBar) -> impl Fn(&str) {
        let bar = bar.clone();
        move |line| bar.suspend(|| output::note(line))
    }
}

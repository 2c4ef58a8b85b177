//! `earwitness train classifier --architecture causal`.

use std::path::Path;

use super::classifier::Args;
use super::data::{self, Bar};
use crate::cli::output::{note, progress};
use crate::dsp::{Compression, FrontEndParams, MelNorm, MelParams, MelScale, SpectrumPower, StftParams, WindowKind};
use crate::error::{Error, Result};
use crate::model::causal::CausalConfig;
use crate::model::efficientat::EfficientAt;
use crate::model::torch_file;
use crate::train::causal::{CausalTraining, EfficientAtTeacher, Progress, Teacher, train};
use crate::train::dataset::DataSet;
use crate::train::scene::load::{Loaded, load};
use crate::units::SampleRate;

/// Steps between two checkpoints.
const REPORT_EVERY: usize = 250;

/// Trains and writes the package.
///
/// # Errors
/// Where settings, data, teacher or the output folder cannot be used, and on an interrupt.
pub(super) fn run(args: &Args) -> Result<()> {
    let front_end = front_end()?;
    let loaded = material(args, front_end.sample_rate)?;
    let how = CausalTraining {
        net: CausalConfig::standard(front_end.mel.n_mels, loaded.labels.len()),
        front_end,
        segment_frames: args.segment_frames.unwrap_or(128),
        steps: args.steps,
        batch: args.batch.unwrap_or(64),
        learning_rate: args.lr.unwrap_or(3e-3) as f32,
        weight_decay: args.weight_decay as f32,
        ema: 0.999,
        report_every: REPORT_EVERY,
        seed: args.seed,
    };
    let teacher = args.teacher.as_deref().map(|path| teacher(path, how.front_end.sample_rate)).transpose()?;
    let teacher = teacher.as_ref().map(|t| t as &dyn Teacher);
    let checkpoint = data::checkpoint(&args.out, "classifier", args.resume)?;
    let mut bar = Bar::new(1)?;
    let _arrays = train(&how, &loaded.material, teacher, Some(&checkpoint), &mut |p| {
        match p {
        Progress::Step(done) => bar.update(done, how.steps, &format!("step {done}/{}", how.steps)),
        Progress::Report(r, _) => bar.epoch(
            0,
            &format!(
                "step {}: loss {:.4} (frames {:.4}, segments {:.4}, teacher {:.4}, embedding {:.4}), {:.1} segments a second",
                r.step,
                r.losses.total(),
                r.losses.frames,
                r.losses.pooled,
                r.losses.teacher,
                r.losses.embedding,
                r.segments_per_sec
            ),
        ),
    }
    })?;
    bar.finish();
    Ok(())
}

/// 16 kHz, frames of 50 ms every 16 ms, 64 mel bands.
fn front_end() -> Result<FrontEndParams> {
    let sample_rate = SampleRate::new(16_000).ok_or_else(|| Error::bug("16 kHz is no sample rate"))?;
    Ok(FrontEndParams {
        sample_rate,
        stft: StftParams { n_fft: 1024, hop: 256, win_length: 800, window: WindowKind::Hann, centred: true },
        pre_emphasis: 0.0,
        mel: MelParams { n_mels: 64, scale: MelScale::Htk, norm: MelNorm::None, f_min_hz: 50.0, f_max_hz: 8_000.0 },
        power: SpectrumPower::Power,
        compression: Compression::Log10 { floor: 1e-5, scale: 0.4, offset: 0.8 },
    })
}

/// A published checkpoint of EfficientAT, which hears scenes at `rate`.
fn teacher(path: &Path, rate: SampleRate) -> Result<EfficientAtTeacher> {
    EfficientAtTeacher::new(EfficientAt::load(&torch_file::read(path)?)?, rate)
}

/// The recordings of the folds to train on, and the backgrounds.
fn material(args: &Args, rate: SampleRate) -> Result<Loaded> {
    let set = DataSet::open(&args.set.data)?;
    let (_, rest) = set.split(&args.set.validate_folds)?;
    let clips = if args.set.folds.is_empty() { rest } else { set.split(&args.set.folds)?.0 };
    let bar = progress("loading recordings {wide_bar} {pos}/{len}");
    bar.set_length(clips.len() as u64);
    let loaded =
        load(&set, &clips, args.set.noise.as_deref(), rate, args.seed, &mut |done, _| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    let sounds: usize = loaded.material.by_class.iter().map(Vec::len).sum();
    note(&format!(
        "scenes are mixed of {sounds} recordings of {} labels, {} of other sounds and {} backgrounds",
        loaded.labels.len(),
        loaded.material.other.len(),
        loaded.material.backgrounds.len()
    ));
    Ok(loaded)
}

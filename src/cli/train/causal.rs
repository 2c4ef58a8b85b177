//! `earwitness train classifier --architecture causal`.

use std::path::Path;

use super::classifier_args::{Args, WEIGHTS};
use super::data::{self, Bar};
use super::start::weights_to_start_with;
use crate::cli::output::{note, progress};
use crate::dsp::{Compression, FrontEndParams, MelNorm, MelParams, MelScale, SpectrumPower, StftParams, WindowKind};
use crate::error::{Error, Result};
use crate::model::causal::CausalConfig;
use crate::model::efficientat::{self, EfficientAt};
use crate::model::manifest::{
    Activation, Architecture, Classifier, FrontEndSpec, Head, Label, Manifest, Segment, Training,
};
use crate::model::package::Package;
use crate::model::tensors::Arrays;
use crate::model::torch_file;
use crate::train::causal::{CausalTraining, EfficientAtTeacher, Progress, Teacher, train};
use crate::train::dataset::DataSet;
use crate::train::scene::load::{LabelOrigin, Loaded, load};
use crate::units::SampleRate;

/// A label of fewer distinct sources than this is shown and raises no alarm by default.
const LEAST_SOURCES: usize = 20;

/// Frames of a clip that the model is measured on: 5 s.
const CLIP_FRAMES: usize = 312;

/// Steps between two checkpoints.
const REPORT_EVERY: usize = 250;

/// Trains and writes the package.
///
/// # Errors
/// Where settings, data, teacher or the output folder cannot be used, and on an interrupt.
pub(super) fn run(args: &Args) -> Result<()> {
    let front_end = front_end()?;
    let (loaded, about) = material(args, front_end.sample_rate)?;
    let how = CausalTraining {
        net: CausalConfig::standard(front_end.mel.n_mels, loaded.labels.len()),
        front_end,
        segment_frames: args.segment_frames.unwrap_or(128),
        steps: args.steps,
        batch: args.batch.unwrap_or(64),
        learning_rate: args.lr.unwrap_or(3e-3) as f32,
        weight_decay: args.weight_decay.unwrap_or(1e-3) as f32,
        ema: 0.999,
        report_every: REPORT_EVERY,
        seed: args.seed,
    };
    let teacher = args.teacher.as_deref().map(|path| teacher(path, how.front_end.sample_rate)).transpose()?;
    let teacher = teacher.as_ref().map(|t| t as &dyn Teacher);
    let mut manifest = manifest(args, &how, &loaded, about)?;
    let start = args.start.as_deref().map(|dir| weights_to_start_with(dir, &mut manifest)).transpose()?;
    let checkpoint = data::checkpoint(&args.out, "classifier", args.resume)?;
    let mut bar = Bar::new(1)?;
    let arrays = train(&how, start.as_ref(), &loaded.material, teacher, Some(&checkpoint), &mut |p| {
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
    Package::write(&args.out, manifest, &[(WEIGHTS.to_string(), without_heads(arrays))].into())?;
    data::discard(&checkpoint);
    note(&format!("the classifier is in {}", args.out.display()));
    Ok(())
}

/// Only what listens: the teacher's readers are of no use any more.
fn without_heads(mut arrays: Arrays) -> Arrays {
    arrays.0.retain(|name, _| !name.starts_with("teacher.") && !name.starts_with("embedding."));
    arrays
}

fn manifest(args: &Args, how: &CausalTraining, loaded: &Loaded, about: String) -> Result<Manifest> {
    let (on, off) = (args.on_threshold.unwrap_or(0.5) as f32, args.off_threshold.unwrap_or(0.2) as f32);
    let label = |(name, origin): (&String, &LabelOrigin)| Label {
        // The score pools several frames already, so one stride says as much as several.
        sure_threshold: Some(on),
        group: origin.group.clone(),
        // A label that was learned from a few recordings is not to be trusted with an alarm yet.
        alarm: origin.n_sources >= LEAST_SOURCES,
        ..Label::new(name, on, off)
    };
    let description = match args.description.as_str() {
        "" => format!("{} sounds of {}, heard as a stream", loaded.labels.len(), data::folder_name(&args.set.data)),
        given => given.to_string(),
    };
    let segment = Segment {
        n_frames: how.segment_frames,
        stride_frames: args.stride_frames.unwrap_or(16),
        clip_frames: Some(CLIP_FRAMES.max(how.segment_frames)),
    };
    let labels = loaded.labels.iter().zip(&loaded.origins).map(label).collect();
    let classifier = Classifier {
        causal: Some(how.net.to_manifest()),
        taps: how.net.taps(),
        ..Classifier::new(Architecture::Causal, Head::Frames, Activation::Sigmoid, WEIGHTS.to_string())
    };
    Ok(Manifest {
        description,
        licence: args.licence.clone(),
        training: Some(Training {
            commands: vec![data::command_line()],
            data: about,
            seed: args.seed,
            date: data::today(),
        }),
        ..Manifest::new(data::folder_name(&args.out), FrontEndSpec::from(&how.front_end), segment, labels, classifier)
    })
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

/// An EfficientAT that hears scenes at `rate`: a package that `model import` made, or a published checkpoint.
fn teacher(path: &Path, rate: SampleRate) -> Result<EfficientAtTeacher> {
    if !path.is_dir() {
        let net = EfficientAt::load(&torch_file::read(path)?)?;
        return EfficientAtTeacher::new(net, efficientat::front_end()?, rate);
    }
    let package = Package::open(path)?;
    let manifest = package.manifest();
    if manifest.classifier.architecture != Architecture::EfficientAt {
        return Err(Error::usage(format!(
            "the model {} is no EfficientAT and cannot teach; make a package of one with 'earwitness model import'",
            manifest.name
        )));
    }
    let net = EfficientAt::from_manifest(manifest, &package.tensors(&manifest.classifier.weights)?)?;
    EfficientAtTeacher::new(net, manifest.front_end.params()?, rate)
}

/// The recordings of the folds to train on, and the backgrounds; with one sentence of them for the manifest.
fn material(args: &Args, rate: SampleRate) -> Result<(Loaded, String)> {
    let set = DataSet::open(&args.set.data)?;
    let (_, rest) = set.split(&args.set.validate_folds)?;
    let clips = if args.set.folds.is_empty() { rest } else { set.split(&args.set.folds)?.0 };
    let bar = progress("loading recordings {wide_bar} {pos}/{len}");
    bar.set_length(clips.len() as u64);
    let loaded =
        load(&set, &clips, args.set.noise.as_deref(), rate, args.seed, &mut |done, _| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    let used: std::collections::BTreeSet<String> = clips.iter().map(|c| c.fold.to_string()).collect();
    let used = used.into_iter().collect::<Vec<_>>().join(", ");
    let mut about = format!("{}, {} recordings of folds {used}", data::folder_name(&args.set.data), clips.len());
    if let Some(dir) = &args.set.noise {
        about += &format!("; background from {}", data::folder_name(dir));
    }
    let sounds: usize = loaded.material.by_class.iter().map(Vec::len).sum();
    note(&format!(
        "scenes are mixed of {sounds} recordings of {} labels, {} of other sounds and {} backgrounds",
        loaded.labels.len(),
        loaded.material.other.len(),
        loaded.material.backgrounds.len()
    ));
    Ok((loaded, about))
}

//! Makes a test stream for a monitor: the clips of some folds of a data set, one after the other in random order with
//! pauses between them, over background noise. Writes `stream.wav` (mono, 16 bit) and `reference.csv`, which lists what
//! sounds when (`label,onset_s,offset_s,clip,snr_db`). `score_stream` holds a monitor's report against that list.
//!
//! Only the active part of each clip is used: from the first to the last frame of 10 ms within 20 dB of its loudest, at
//! most 5 s. So onset and offset are those of the sound. Its level is the RMS of these frames; the signal-to-noise ratio is
//! that level over the RMS of the whole background. Levels beyond full scale saturate, as in a real recording.
//!
//! ```sh
//! cargo run --release --example make_stream -- --data esc13 --folds 4 --noise noise --snr 20 --out stream20
//! earwitness evaluate --stream stream20/stream.wav --truth stream20/reference.csv
//! ```
//!
//! With a data set that has clips of the category `other`, and backgrounds that hold sounds of the labels:
//!
//! ```sh
//! cargo run --release --example make_stream -- --data everyday --folds 4 --rate 16000 --per-label 4 --foreign 0.2 \
//!     --noise everyday/ambience --clean-noise --colour pink,hum --out everyday20
//! ```

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use earwitness::dsp::resample;
use earwitness::eval::backgrounds::Contents;
use earwitness::eval::coloured_noise::{Colour, coloured_noise};
use earwitness::eval::stream::{Sound, StreamOptions, assemble};
use earwitness::eval::stream_files::write_reference;
use earwitness::media::decode::read_recording;
use earwitness::media::wav::write_wav;
use earwitness::model::package::{Package, find_model};
use earwitness::train::dataset::{ClipMeta, DataSet, OTHER, load_recordings, recordings_in};
use earwitness::units::SampleRate;
use earwitness::{Error, Result};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Length of a made noise, in seconds; it follows itself like a recording.
const COLOURED_SECS: f64 = 180.0;

/// Make a stream of a data set's clips in background noise, with a list of what sounds when.
///
/// The active part of each clip (first to last 10 ms frame within 20 dB of its loudest) is laid over the noise once, in
/// random order. SNR: RMS over the active frames, over the RMS of the whole background. The same seed gives the same
/// stream, and the same order and background at every SNR.
#[derive(Debug, Parser)]
#[command(name = "make_stream")]
struct Args {
    /// Folder of the data set: audio/ and meta/esc50.csv
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Use the clips of these folds only, as in 1,2 [default: all]
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    folds: Vec<u32>,
    /// At most so many clips of each label, drawn at random [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    per_label: Option<u32>,
    /// Share of the sounds that are clips of the category `other`: foreign sounds, which nobody should report; 0 to below 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    foreign: f64,
    /// Draw the foreign sounds from these clips alone, each as often as it takes: a site where the same few recur
    #[arg(long, value_name = "FILE,…", value_delimiter = ',')]
    recurring: Vec<String>,
    /// Folder of background recordings
    #[arg(long, value_name = "DIR", required_unless_present = "colour")]
    noise: Option<PathBuf>,
    /// Leave out backgrounds that hold sounds of the labels, or of which that is not known (ATTRIBUTION.tsv beside DIR)
    #[arg(long, requires = "noise")]
    clean_noise: bool,
    /// The labels that --clean-noise looks for are those of this model [default: those of the data set]
    #[arg(long, value_name = "NAME|DIR", requires = "clean_noise")]
    model: Option<OsString>,
    /// Made noise as background, beside the recordings of --noise or alone
    #[arg(long, value_name = "COLOUR,…", value_delimiter = ',', value_parser = PossibleValuesParser::new(Colour::NAMES.map(|c| c.0)))]
    colour: Vec<String>,
    /// Signal-to-noise ratio in dB
    #[arg(long, value_name = "DB", default_value_t = 20.0, allow_negative_numbers = true)]
    snr: f64,
    /// Level of every sound in dB relative to full scale
    #[arg(long, value_name = "DB", default_value_t = -26.0, allow_negative_numbers = true)]
    level: f64,
    /// Shortest pause between sounds, in seconds
    #[arg(long, value_name = "SECS", default_value_t = 1.0)]
    min_gap: f64,
    /// Longest pause between sounds, in seconds
    #[arg(long, value_name = "SECS", default_value_t = 6.0)]
    max_gap: f64,
    /// Cut longer sounds to this many seconds
    #[arg(long, value_name = "SECS", default_value_t = 5.0)]
    max_event: f64,
    /// How likely a sound begins while the one before still sounds, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    overlap: f64,
    /// Sample rate of the stream in Hz
    #[arg(long, value_name = "HZ", default_value_t = 22_050, value_parser = clap::value_parser!(u32).range(8_000..=192_000))]
    rate: u32,
    /// Seed of order, pauses and background
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Folder for stream.wav and reference.csv; made where there is none
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            // Where even stderr is gone there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "make_stream: {e}");
            ExitCode::from(e.kind().exit_code())
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let rate = SampleRate::new(args.rate).ok_or_else(|| Error::usage("a rate of 0 Hz is none; give 8000 or more"))?;
    let data = DataSet::open(&args.data)?;
    let folds = if args.folds.is_empty() { data.folds() } else { args.folds.clone() };
    let (clips, _) = data.split(&folds)?;
    let clips = chosen(clips, &data, args)?;
    let sounds: Vec<Sound> = clips.par_iter().map(|clip| load(clip, &data, rate)).collect::<Result<_>>()?;
    let noise = backgrounds(args, &data, rate)?;
    let options = StreamOptions {
        snr_db: args.snr,
        level_db: args.level,
        gap_secs: (args.min_gap, args.max_gap),
        max_event_secs: args.max_event,
        overlap: args.overlap,
        seed: args.seed,
    };
    let stream = assemble(&sounds, &noise, rate, &options)?;
    std::fs::create_dir_all(&args.out).map_err(|e| {
        Error::output(format!("cannot make the folder {}: {e}; choose another", args.out.display())).with_source(e)
    })?;
    write_wav(&args.out.join("stream.wav"), rate, &stream.samples)?;
    write_reference(&args.out.join("reference.csv"), &stream.reference)?;
    let saturated = stream.samples.iter().filter(|x| x.abs() > 1.0).count();
    let n_foreign = stream.reference.iter().filter(|event| event.span.label == OTHER).count();
    let text = format!(
        "{}: {} events ({n_foreign} foreign) in {:.1} min at {} dB SNR over {} backgrounds ({} silent clips left out, {saturated} \
         samples saturated)\n",
        args.out.display(),
        stream.reference.len(),
        rate.secs(stream.samples.len() as u64) / 60.0,
        args.snr,
        noise.len(),
        stream.silent.len()
    );
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|e| Error::output(format!("cannot write to stdout: {e}; send it elsewhere")).with_source(e))
}

/// The clips of the labels, as many of each as are wanted, and the share of foreign ones.
fn chosen(clips: Vec<ClipMeta>, data: &DataSet, args: &Args) -> Result<Vec<ClipMeta>> {
    if !(0.0..1.0).contains(&args.foreign) {
        return Err(Error::usage(format!("{} is no share of foreign sounds; give 0 to below 1", args.foreign)));
    }
    let (mut foreign, mut clips): (Vec<ClipMeta>, Vec<ClipMeta>) = clips.into_iter().partition(|clip| clip.foreign);
    let mut rng = ChaCha8Rng::seed_from_u64(args.seed);
    if let Some(most) = args.per_label {
        let mut counts = vec![0; data.labels.len()];
        clips.shuffle(&mut rng);
        clips.retain(|clip| {
            clip.targets.iter().for_each(|class| counts[*class] += 1);
            clip.targets.iter().all(|class| counts[*class] <= most)
        });
    }
    let n_foreign = (args.foreign / (1.0 - args.foreign) * clips.len() as f64).round() as usize;
    if !args.recurring.is_empty() {
        foreign.retain(|clip| args.recurring.iter().any(|name| *name == file_name(&clip.path)));
        foreign = foreign.iter().cycle().take(if foreign.is_empty() { 0 } else { n_foreign }).cloned().collect();
    }
    if n_foreign > foreign.len() {
        return Err(Error::input(format!(
            "a share of {} foreign sounds needs {n_foreign} clips of the category {OTHER}, and there are {}; give a smaller one",
            args.foreign,
            foreign.len()
        )));
    }
    foreign.shuffle(&mut rng);
    clips.extend(foreign.into_iter().take(n_foreign));
    Ok(clips)
}

/// The backgrounds: recordings, and noise that is made.
fn backgrounds(args: &Args, data: &DataSet, rate: SampleRate) -> Result<Vec<Vec<f32>>> {
    let mut noise = Vec::new();
    if let Some(dir) = &args.noise {
        let mut paths = recordings_in(dir)?;
        if args.clean_noise {
            let (contents, labels) = (Contents::of(dir)?, labels(args, data)?);
            paths.retain(|path| contents.is_free_of(&file_name(path), &labels));
        }
        if paths.is_empty() && args.colour.is_empty() {
            return Err(Error::input(format!(
                "every background in {} holds a sound of the labels; give others, or --colour",
                dir.display()
            )));
        }
        noise = load_recordings(&paths, rate)?;
    }
    let n = rate.samples(COLOURED_SECS) as usize;
    let colours = Colour::NAMES.iter().filter(|(name, _)| args.colour.iter().any(|wanted| wanted == name));
    noise.extend(colours.map(|(_, colour)| coloured_noise(*colour, n, rate, args.seed)));
    Ok(noise)
}

/// The labels that no background may hold.
fn labels(args: &Args, data: &DataSet) -> Result<BTreeSet<String>> {
    let Some(model) = &args.model else {
        return Ok(data.labels.iter().cloned().collect());
    };
    Ok(Package::open(&find_model(model)?)?.manifest().label_names().map(str::to_owned).collect())
}

/// A clip in full length at the stream's rate.
fn load(clip: &ClipMeta, data: &DataSet, rate: SampleRate) -> Result<Sound> {
    let recording = read_recording(&clip.path)?;
    let mut labels: Vec<String> = clip.targets.iter().filter_map(|&class| data.labels.get(class).cloned()).collect();
    if clip.foreign {
        labels.push(OTHER.to_owned());
    }
    Ok(Sound {
        name: file_name(&clip.path),
        labels,
        samples: resample(&recording.mono(), recording.sample_rate, rate)?,
    })
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

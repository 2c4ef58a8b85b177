//! `earwitness monitor`: listen, name what is heard, keep the evidence.

use std::io::{IsTerminal, Write, stdout};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use crossbeam::channel::Receiver;

use super::inputs::{self, Inputs};
use super::live_page;
use super::outlet::Outlet;
use super::outside::Outside;
use super::reload::Reload;
use super::settings::SettingsArgs;
use super::summary::{self, Summary};
use super::told::Told;
use super::{Globals, logging, output, privacy, reload, time_zone};
use crate::audio::source::CaptureOptions;
use crate::config::{Config, Loaded, UiMode};
use crate::engine::controls::Controls;
use crate::engine::inference::{DeviceChoice, Inference};
use crate::engine::report::ModelRef;
use crate::engine::snapshot_slot::SnapshotSlot;
use crate::engine::worker::{MonitorOptions, Worker};
use crate::error::{Error, Result};
use crate::interpret::methods;
use crate::model::manifest::Label;
use crate::model::package::Package;
use crate::record::{
    JsonLines, LevelKeeper, Notice, Recorder, RecorderHandle, RecorderOptions, RecorderStats, Relay, Store,
    StoreOptions,
};

const AFTER_HELP: &str = "\
Examples:
  earwitness monitor                                      the default microphone
  earwitness monitor --input demo                         a scene that the program makes
  earwitness monitor --record events --threshold dog=0.7  record events; the dog if it is sure
  earwitness monitor --input yard.wav --fast --ui jsonl   a recording
  earwitness monitor --input card/ --fast --record found  every recording in a folder and below
  arecord -f S16_LE -r 48000 | earwitness monitor --input stdin:auto
  arecord -t raw -f S16_LE -r 48000 | earwitness monitor --input stdin:48000x1:s16le

Each setting lies in the settings file too; `earwitness config init` writes one.";

/// Listen for sound events.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The settings.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

impl Args {
    /// The settings of this run: defaults, settings file, variables, flags.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`], naming what cannot be used.
    pub fn config(&self, globals: &Globals) -> Result<Config> {
        globals.settings(self.settings.layer())
    }
}

/// Reports that may wait for the recorder before the worker has to.
const REPORTS: usize = 256;

/// Most components of an event that get a file of their own.
const MAX_COMPONENTS: usize = 5;

/// How long an end that was asked for waits for events to be recorded.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often the main thread looks whether it is time to stop.
const POLL: Duration = Duration::from_millis(50);

/// Listens until the input ends, the time is up, a signal comes or the user quits.
///
/// # Errors
/// Where settings, model, input or output cannot be used; an input that breaks later is an error too, once everything
/// heard until then is reported.
pub fn run(args: &Args, globals: &Globals) -> Result<()> {
    let flags = &args.settings;
    let loaded = globals.loaded(flags.layer())?;
    let config = &loaded.config;
    let ui = config.monitor.ui.decide(stdout().is_terminal());
    logging::start(&config.log, ui == UiMode::Tui)?;
    time_zone::warn(!config.quiet.hours.is_empty(), ui == UiMode::Tui);
    let package = globals.open_model(&config.monitor.model)?;
    let method = methods::chosen(&package, &config.monitor.method);
    let mut inference = Inference::open(&package, method, config.monitor.device.parse()?)?;
    let explainer = explainer(&mut inference, &package, method, config)?;
    let labels = inference.classifier().labels().to_vec();
    let surroundings = config.sink_surroundings(&package.manifest().name, &labels);
    let sinks = config.sinks(&surroundings)?;
    privacy::warn(config, &surroundings.model, &labels);
    let mut options = options(&loaded, &package, &labels, ui)?;
    options.onsets |= sinks.wants_onsets();
    let outlet = Outlet::of(config)?;
    // From here on the program ends when it is asked to, also while a pipe is waited for.
    let stop = watch_signals(ui)?;
    let told = Arc::new(Told::new(ui == UiMode::Tui));
    if methods::of_scores_alone(&package) && config.monitor.method == methods::AUTO {
        told.say(format!(
            "the model {} is an imported graph: each event is explained after its report, by {method}",
            package.manifest().name
        ));
    }
    let Some(Inputs { lanes, several_recordings }) = inputs::open(config, &outlet, &stop, &told)? else {
        return told.outcome();
    };
    let worker = Worker::of_lanes(lanes, inference, options)?;
    let worker = match explainer {
        Some(explainer) => worker.with_explainer(explainer)?,
        None => worker,
    };
    let (worker, _playback) = outlet.listen(worker)?;
    let mut outside = Outside::start(config, &sinks, worker.progress())?;
    let slot = Arc::new(SnapshotSlot::default());
    let web = live_page::start(config, (&package, method), &worker, &slot, &told)?;
    let (summary, total) = Summary::new(Arc::clone(&told));
    let mut relays = outside.relays();
    if several_recordings || ui == UiMode::Tui {
        relays.push(Box::new(summary));
    }
    if !config.record.dir.is_empty() {
        outside.summarise_days(config.record.dir.as_path())?;
    }
    if config.record.levels && !config.record.dir.is_empty() {
        let record = &config.record;
        relays.push(Box::new(LevelKeeper::spawn(record.dir.as_path(), record.max_age_days, record.private)?));
    }
    let recorder = recorder(config, reload::store_options(config, &surroundings.model, &labels), ui, &outside, relays)?;
    let controls = worker.controls();
    let name = package.manifest().name.clone();
    let mut hang_ups = match ui {
        UiMode::Tui => None,
        _ => Some(Reload::watch(flags, globals, config.clone(), (name, labels), Arc::clone(&controls), &recorder)?),
    };
    let thread = worker.spawn(recorder.reports(), Arc::clone(&slot), Arc::clone(&stop))?;
    if ui == UiMode::Tui || web {
        show_notices(recorder.notices(), Arc::clone(&slot))?;
    }
    let screen = if ui == UiMode::Tui {
        screen(config, globals.labels_dir(), &slot, &stop, &controls)
    } else {
        while !thread.is_finished() && !recorder.lines_closed() && !stop.load(Ordering::Relaxed) {
            hang_ups.iter_mut().for_each(|reload| reload.look(&outside));
            std::thread::sleep(POLL);
        }
        Ok(())
    };
    let is_asked_to = stop.swap(true, Ordering::Relaxed);
    recorder.stopping();
    outside.stopping();
    let listened = thread.join().map_err(|_| Error::bug("the worker has broken down; please report this"))?;
    let reader_left = recorder.lines_closed();
    let stats = if is_asked_to { recorder.finish_within(PATIENCE)? } else { recorder.finish()? };
    outside.finish();
    if several_recordings {
        told.say(total.lock().unwrap_or_else(PoisonError::into_inner).line());
    }
    if ui == UiMode::Tui {
        told.say(summary::next_step(&config.record.dir.to_string(), stats.folders_written));
    }
    told.print();
    // The first thing that went wrong is the one to tell: the screen, then the input, then the disk.
    screen?;
    listened?;
    written(stats, reader_left)?;
    told.outcome()
}

/// Set when a signal asks the program to end.
fn watch_signals(ui: UiMode) -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    // With a screen, a hang-up says that the terminal is gone.
    let hang_up = (ui == UiMode::Tui).then_some(signal_hook::consts::SIGHUP);
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM].into_iter().chain(hang_up) {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|e| Error::bug(format!("signals cannot be watched ({e}); please report this")))?;
    }
    Ok(stop)
}

/// Networks for a thread of its own, where the method is too slow for every stride. What happens at every stride, such as
/// finding onsets, is then done with a quicker method, where the model has one.
fn explainer(inference: &mut Inference, package: &Package, method: &str, config: &Config) -> Result<Option<Inference>> {
    if inference.explains_strides() {
        return Ok(None);
    }
    let quick = methods::quick(package);
    if quick.is_none() && config.monitor.listen != "off" {
        return Err(Error::usage(format!(
            "{method} explains events only, and the model has no method to play while they happen; use --listen off"
        )));
    }
    let quick = Inference::open(package, quick.unwrap_or("none"), config.monitor.device.parse()?)?;
    let slow = std::mem::replace(inference, quick);
    // The thread has the CPU, where the networks may be already.
    if slow.classifier().device().has_own_kernels() {
        return Ok(Some(slow));
    }
    Inference::open(package, method, DeviceChoice::Cpu).map(Some)
}

/// Lets the screen know what becomes of events, until the recorder has ended.
fn show_notices(notices: Receiver<Notice>, slot: Arc<SnapshotSlot>) -> Result<()> {
    let body = move || {
        for notice in notices {
            match notice {
                Notice::Recorded { id, dir } => slot.recorded(id, dir.to_string_lossy().into_owned()),
                Notice::FoldersFailing(why) => slot.set_recording_fails(Some(why)),
                Notice::FoldersWorking => slot.set_recording_fails(None),
                Notice::LinesFailing(_) => {}
                Notice::Sinks(trouble) => slot.set_outside_trouble(trouble),
            }
        }
    };
    match Builder::new().name("notices".to_owned()).spawn(body) {
        Ok(_) => Ok(()),
        Err(e) => Err(Error::bug(format!("a thread could not start ({e}); end other programs")).with_source(e)),
    }
}

/// Draws until the user quits or `stop` is set.
#[cfg(feature = "tui")]
fn screen(
    config: &Config,
    labels: Option<PathBuf>,
    slot: &SnapshotSlot,
    stop: &AtomicBool,
    controls: &Controls,
) -> Result<()> {
    let keep = |dir: PathBuf| crate::ui::SoundKeeper::new(move |sound| super::taken::keep(&dir, sound));
    let options = crate::ui::UiOptions { keep_sound: labels.map(keep), ..ui_options(config) };
    crate::ui::run(slot, stop, controls, options)
}

/// What the terminal can show, and what the settings want of it.
#[cfg(feature = "tui")]
pub(super) fn ui_options(config: &Config) -> crate::ui::UiOptions {
    use crate::config::{ColorMode, ThemeChoice};
    use crate::ui::ThemeName;

    let mut options = crate::ui::UiOptions::from_env();
    match config.ui.color {
        ColorMode::Auto => {}
        ColorMode::Always => options.no_color = false,
        ColorMode::Never => options.no_color = true,
    }
    options.theme = match config.ui.theme {
        ThemeChoice::Dark => ThemeName::Dark,
        ThemeChoice::Light => ThemeName::Light,
        ThemeChoice::Contrast => ThemeName::Contrast,
        ThemeChoice::Safe => ThemeName::Safe,
    };
    options.mouse = config.ui.mouse;
    options.ascii |= config.ui.ascii;
    options.exit_on_end = config.ui.exit_on_end;
    options
}

/// This build has no screen.
#[cfg(not(feature = "tui"))]
fn screen(_: &Config, _: Option<PathBuf>, _: &SnapshotSlot, _: &AtomicBool, _: &Controls) -> Result<()> {
    Err(Error::usage("this build has no terminal UI; use --ui jsonl or --ui silent"))
}

/// What the worker has to know.
fn options(loaded: &Loaded, package: &Package, labels: &[Label], ui: UiMode) -> Result<MonitorOptions> {
    let config = &loaded.config;
    let settings = reload::settings(loaded, &package.manifest().name, labels)?;
    Ok(MonitorOptions {
        model: ModelRef { name: package.manifest().name.clone(), sha256: package.sha256().to_string() },
        detector: settings.detector,
        pre_roll_secs: settings.pre_roll_secs,
        post_roll_secs: settings.post_roll_secs,
        max_components: MAX_COMPONENTS,
        fast: config.monitor.fast,
        ring_secs: CaptureOptions::default().ring_secs,
        onsets: settings.onsets,
        reasons: settings.reasons,
        duration_secs: (config.monitor.duration_secs > 0.0).then_some(config.monitor.duration_secs),
        record_dir: (!config.record.dir.is_empty()).then(|| config.record.dir.to_string()),
        snapshots: ui == UiMode::Tui,
    })
}

/// Event folders and lines, as far as they are wanted, and who else is told.
fn recorder(
    config: &Config,
    options: StoreOptions,
    ui: UiMode,
    outside: &Outside,
    relays: Vec<Box<dyn Relay>>,
) -> Result<RecorderHandle> {
    let dir = &config.record.dir;
    let store = if dir.is_empty() { None } else { Some(Store::open(dir.as_path(), options)?) };
    let lines = (ui == UiMode::Jsonl)
        .then(|| JsonLines::new(Box::new(stdout()) as Box<dyn Write + Send>).with_onsets_if(outside.onset_lines()));
    let options = RecorderOptions { capacity: REPORTS, store, lines, relays };
    // What is read as quickly as it goes can wait for the disk; sound that happens now cannot.
    if config.monitor.fast { Recorder::spawn(options) } else { Recorder::spawn_live(options) }
}

/// Turns what the recorder could not write into the program's error. What failed and was mended meanwhile is said, and is
/// no error: a run that can record ends as one. A reader of the lines that has gone away has seen enough.
fn written(stats: RecorderStats, reader_left: bool) -> Result<()> {
    if stats.folders_failed > 0 {
        output::note(&format!("{} of {} events could not be recorded", stats.folders_failed, stats.events));
    }
    if let Some(e) = stats.folders_error {
        return Err(e);
    }
    match stats.lines_error {
        Some(e) if !reader_left => Err(e),
        _ => Ok(()),
    }
}

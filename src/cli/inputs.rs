//! The inputs of a monitor: what the settings name, opened lane by lane.

use std::collections::{HashSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::outlet::Outlet;
use super::told::Told;
use crate::audio::opening::Opening;
use crate::audio::source::{Capture, CaptureOptions, Conditioning, InputSpec, StartTime};
use crate::config::{Config, InputConfig};
use crate::engine::lane::{Lane, Next, Supply};
use crate::error::Result;
use crate::media::folder::FolderOfRecordings;

/// How often it is looked whether an input that is waited for is there.
const POLL: Duration = Duration::from_millis(20);

/// Lanes, some of them open.
pub(super) struct Inputs {
    pub(super) lanes: Vec<Lane>,
    /// Whether several recordings are heard: then a person is told how each one went.
    pub(super) several_recordings: bool,
}

/// Something to open.
struct Item {
    spec: InputSpec,
    /// As in events; a channel that is an input of its own stands behind it.
    name: String,
}

/// What a lane opens, one after another.
struct Queue {
    items: VecDeque<Item>,
    options: CaptureOptions,
    conditioning: Conditioning,
    told: Arc<Told>,
    opening: Option<(Item, Opening)>,
}

/// Opens what the settings name. A folder is a lane of recordings. What cannot be opened is told and left out, unless it is the
/// only one. A pipe that nothing writes into joins in later, while others are heard.
///
/// Where the first input is to be played, it is waited for; `None` where `stop` was set, or the duration was over, before it came.
///
/// # Errors
/// [`crate::ErrorKind::Usage`] for settings that exclude one another, [`crate::ErrorKind::Input`] where nothing can be opened.
pub(super) fn open(config: &Config, outlet: &Outlet, stop: &AtomicBool, told: &Arc<Told>) -> Result<Option<Inputs>> {
    let queues = queues(config, told)?;
    let recordings = |queue: &Queue| queue.items.iter().filter(|item| matches!(item.spec, InputSpec::File(_))).count();
    let several_recordings = queues.iter().map(recordings).sum::<usize>() > 1;
    let mut lanes: Vec<Lane> = Vec::new();
    for mut queue in queues {
        let is_first = lanes.iter().all(|lane| lane.inputs.is_empty());
        if let Some(item) = queue.items.front().filter(|_| is_first) {
            outlet.offer(&item.spec, &mut queue.options)?;
        }
        let mut lane = queue.begin();
        // Nothing else begins before what is to be played: its ring would run over.
        if is_first && outlet.plays() && !wait(&mut lane, stop, config.monitor.duration_secs) {
            return Ok(None);
        }
        lanes.push(lane);
    }
    told.fatal()?;
    lanes.retain(|lane| !lane.inputs.is_empty() || lane.supply.is_some());
    if lanes.is_empty() {
        told.outcome()?;
    }
    Ok(Some(Inputs { lanes, several_recordings }))
}

/// Waits until a lane is open or cannot be; false where it is given up before. `duration_secs` of 0 waits for ever.
fn wait(lane: &mut Lane, stop: &AtomicBool, duration_secs: f64) -> bool {
    let began = Instant::now();
    while lane.inputs.is_empty() && lane.supply.is_some() {
        let late = duration_secs > 0.0 && began.elapsed().as_secs_f64() >= duration_secs;
        if late || stop.load(Ordering::Relaxed) {
            return false;
        }
        std::thread::sleep(POLL);
        look(lane);
    }
    true
}

/// Asks for a lane's first inputs.
fn look(lane: &mut Lane) {
    match lane.supply.as_mut().map(|supply| supply.next()) {
        Some(Next::Inputs(captures)) => lane.inputs = captures,
        Some(Next::NotYet) | None => {}
        Some(Next::Nothing) => lane.supply = None,
    }
}

/// What each input of the settings opens. No two have the same name.
fn queues(config: &Config, told: &Arc<Told>) -> Result<Vec<Queue>> {
    let inputs = config.inputs();
    let mut listed = Vec::with_capacity(inputs.len());
    for input in &inputs {
        listed.push((input, items(input)?));
    }
    told.count(listed.iter().map(|(_, listing)| listing.n_inputs()).sum());
    let mut taken = HashSet::new();
    let mut queues = Vec::with_capacity(inputs.len());
    for (input, listing) in listed {
        listing.failures.into_iter().for_each(|(name, e)| told.cannot_open(&name, e));
        let numbered = |item: Item| Item { name: unique(item.name, &mut taken), ..item };
        queues.push(Queue {
            items: listing.items.into_iter().map(numbered).collect(),
            options: CaptureOptions {
                fast: config.monitor.fast,
                channels: input.channels.parse()?,
                start_time: start_time(input)?,
                ..CaptureOptions::default()
            },
            conditioning: Conditioning {
                highpass_hz: input.highpass_hz,
                gain_db: input.gain_db,
                levels_db: config.record.levels.then_some(input.calibration_db),
            },
            told: Arc::clone(told),
            opening: None,
        });
    }
    Ok(queues)
}

fn start_time(input: &InputConfig) -> Result<Option<StartTime>> {
    Some(&input.start_time).filter(|time| !time.is_empty()).map(|time| time.parse()).transpose()
}

/// What one input of the settings stands for.
#[derive(Default)]
struct Listing {
    items: Vec<Item>,
    /// Folders that cannot be read.
    failures: Vec<(String, crate::Error)>,
}

impl Listing {
    fn n_inputs(&self) -> usize {
        self.items.len() + self.failures.len()
    }
}

/// The input itself, or the recordings in it.
fn items(input: &InputConfig) -> Result<Listing> {
    let spec = InputSpec::parse(input.spec.as_os_str())?;
    let its_own = spec.to_string();
    let given = if input.name.is_empty() { its_own.clone() } else { input.name.clone() };
    let InputSpec::File(dir) = &spec else {
        return Ok(Listing { items: vec![Item { spec, name: given }], ..Listing::default() });
    };
    if !dir.is_dir() {
        return Ok(Listing { items: vec![Item { spec, name: given }], ..Listing::default() });
    }
    let folder = match FolderOfRecordings::list(dir) {
        Ok(folder) => folder,
        Err(e) => return Ok(Listing { failures: vec![(dir.display().to_string(), e)], ..Listing::default() }),
    };
    let item = |path: std::path::PathBuf| {
        // Within a folder, the path below it tells recordings of the same name apart.
        let below = path.strip_prefix(dir).unwrap_or(Path::new("")).to_string_lossy().into_owned();
        let name = if input.name.is_empty() { format!("file:{below}") } else { format!("{}/{below}", input.name) };
        Item { spec: InputSpec::File(path), name }
    };
    Ok(Listing {
        items: folder.files.into_iter().map(item).collect(),
        failures: folder.unreadable.into_iter().map(|e| (dir.display().to_string(), e)).collect(),
    })
}

/// The name, with a number behind it where another input has it.
fn unique(name: String, taken: &mut HashSet<String>) -> String {
    let numbered = (2..).map(|n| format!("{name} ({n})"));
    let free = std::iter::once(name.clone()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or(name);
    taken.insert(free.clone());
    free
}

impl Queue {
    /// The lane, with its first inputs where they need not be waited for.
    fn begin(self) -> Lane {
        let mut lane = Lane { inputs: Vec::new(), supply: Some(Box::new(self)) };
        look(&mut lane);
        lane
    }
}

impl Supply for Queue {
    fn next(&mut self) -> Next {
        loop {
            let Some((item, mut opening)) = self.opening.take() else {
                let Some(item) = self.items.pop_front() else { return Next::Nothing };
                let opening = Opening::start(&item.spec, self.options.clone());
                if let (Some(start), InputSpec::File(path)) = (self.options.start_time, &item.spec) {
                    // Those of a folder follow one another.
                    self.options.start_time = start.behind(path);
                }
                self.opening = Some((item, opening));
                continue;
            };
            match opening.poll() {
                None => {
                    self.opening = Some((item, opening));
                    return Next::NotYet;
                }
                Some(Ok(captures)) => return Next::Inputs(named(captures, &item, self.conditioning)),
                Some(Err(e)) => self.told.cannot_open(&item.name, e),
            }
        }
    }

    fn name(&self) -> String {
        self.opening.as_ref().map_or_else(String::new, |(item, _)| item.name.clone())
    }
}

/// Gives inputs the item's name (behind it stands the channel, where it is one of several), and what is done to their sound.
fn named(mut captures: Vec<Capture>, item: &Item, conditioning: Conditioning) -> Vec<Capture> {
    let its_own = item.spec.to_string();
    for capture in &mut captures {
        let channel = capture.info().name.strip_prefix(&its_own).unwrap_or_default().to_owned();
        capture.rename(format!("{}{channel}", item.name));
        capture.set_conditioning(conditioning);
    }
    captures
}

//! What was promised about what is recorded.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use earwitness::archive::files::folder_bytes;
use earwitness::archive::names::{is_day, is_event, is_temporary, key_of};
use earwitness::archive::{Filter, Index, Marks, Page, Row, StoredEvent, read_event};
use earwitness::media::decode::read_recording;
use sha2::{Digest, Sha256};

use crate::Fallible;
use crate::disk::Disk;
use crate::monitor::{Ended, Limits};

/// Event folders that were looked into, all times together.
static CHECKED: AtomicU64 = AtomicU64::new(0);

pub(crate) fn n_checked() -> u64 {
    CHECKED.load(Ordering::Relaxed)
}

/// Promises that were broken.
#[derive(Default)]
pub(crate) struct Broken {
    pub(crate) all: Vec<String>,
}

impl Broken {
    pub(crate) fn add(&mut self, what: String) {
        self.all.push(what);
    }
}

/// What lies there after a run.
pub(crate) struct Found {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    pub(crate) starred: u64,
    /// Rows that the index had to be brought up to date by.
    pub(crate) caught_up: u64,
    pub(crate) temporaries: usize,
}

/// Events that were starred: their keys, and a hash of each of their files but the marks.
#[derive(Default)]
pub(crate) struct Stars(BTreeMap<String, String>);

/// At most so many: they must not fill what is allowed.
const MAX_STARS: usize = 14;

impl Stars {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Stars the event that would go next.
    pub(crate) fn least(&mut self, dir: &Path) -> Fallible<()> {
        let mut index = Index::open(dir)?;
        let next = index.removable(None, 1)?.pop();
        next.map_or(Ok(()), |(key, _)| self.star(&mut index, key))
    }

    /// Stars the event that came last.
    pub(crate) fn newest(&mut self, dir: &Path) -> Fallible<()> {
        let mut index = Index::open(dir)?;
        let newest =
            index.query(&Filter { starred: Some(false), ..Filter::default() }, Page { skip: 0, limit: 1 })?.pop();
        newest.map_or(Ok(()), |row| self.star(&mut index, row.dir))
    }

    fn star(&mut self, index: &mut Index, key: String) -> Fallible<()> {
        if self.0.len() >= MAX_STARS {
            return Ok(());
        }
        let marks = Marks { starred: true, note: "seen in the night".into(), ..Marks::default() };
        // It may be removed this very moment; then it is not starred.
        if index.set_marks(&key, &marks).is_ok() {
            let hash = hash(&index.folder(&key))?;
            self.0.insert(key, hash);
        }
        Ok(())
    }
}

/// A hash of all files of an event but its marks.
fn hash(folder: &Path) -> Fallible<String> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let mut hasher = Sha256::new();
    for file in files.iter().filter(|file| !file.ends_with("marks.json")) {
        hasher.update(file.file_name().map(|name| name.as_encoded_bytes().to_vec()).unwrap_or_default());
        hasher.update(fs::read(file)?);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The limits were kept whenever anyone looked.
pub(crate) fn limits(disk: &Disk, limits: Limits, ended: &Ended, broken: &mut Broken) {
    if limits.max_bytes > 0 && ended.most_bytes > limits.max_bytes {
        broken.add(format!("event folders took {} of {} bytes", ended.most_bytes, limits.max_bytes));
    }
    // The index and its log are no events: they may take some of the floor.
    const INDEX_BYTES: u64 = 6_000_000;
    if let Some(free) = ended.least_free
        && disk.is_its_own()
        && free + INDEX_BYTES < limits.min_free_bytes
    {
        broken.add(format!("the disk had only {free} bytes free of {}", limits.min_free_bytes));
    }
    if ended.unrecorded > 0 {
        broken.add(format!("{} events were told and not recorded: {}", ended.unrecorded, ended.stderr));
    }
}

/// All event folders, and how many temporaries there are.
fn list(dir: &Path) -> Fallible<(Vec<PathBuf>, usize)> {
    let (mut folders, mut temporaries) = (Vec::new(), 0);
    let entries = |dir: &Path| -> Fallible<Vec<fs::DirEntry>> { Ok(fs::read_dir(dir)?.collect::<Result<_, _>>()?) };
    for entry in entries(dir)? {
        temporaries += usize::from(is_temporary(&entry.file_name()));
        if is_day(&entry.file_name().to_string_lossy()) {
            for event in entries(&entry.path())? {
                temporaries += usize::from(is_temporary(&event.file_name()));
                if is_event(&event.file_name().to_string_lossy()) {
                    folders.push(event.path());
                }
            }
        }
    }
    folders.sort();
    Ok((folders, temporaries))
}

/// How many temporary folders there are now.
pub(crate) fn n_temporaries(dir: &Path) -> usize {
    let entries = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten();
    let days = entries(dir).filter(|day| is_day(&day.file_name().to_string_lossy()));
    days.flat_map(|day| entries(&day.path())).filter(|entry| is_temporary(&entry.file_name())).count()
}

/// How much all event folders take together, in bytes.
pub(crate) fn event_bytes(dir: &Path) -> u64 {
    let entries = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten();
    let days = entries(dir).filter(|day| is_day(&day.file_name().to_string_lossy()));
    let events =
        days.flat_map(|day| entries(&day.path())).filter(|event| is_event(&event.file_name().to_string_lossy()));
    events.filter_map(|event| folder_bytes(&event.path()).ok()).sum()
}

/// Every folder is whole, the index agrees with them, and every star is there.
pub(crate) fn folders(dir: &Path, last: bool, stars: &Stars, broken: &mut Broken) -> Fallible<Found> {
    let (folders, temporaries) = list(dir)?;
    if temporaries > usize::from(!last) {
        broken.add(format!("{temporaries} temporary folders were left"));
    }
    let mut said = BTreeMap::new();
    for folder in &folders {
        CHECKED.fetch_add(1, Ordering::Relaxed);
        match whole(folder) {
            Ok(event) => drop(said.insert(key_of(dir, folder).unwrap_or_default(), event)),
            Err(e) => broken.add(format!("{} is not whole: {e}", folder.display())),
        }
    }
    for (key, before) in &stars.0 {
        match hash(&dir.join(key)) {
            Ok(now) if now == *before && Marks::read(&dir.join(key)).is_ok_and(|marks| marks.starred) => {}
            Ok(_) => broken.add(format!("the starred event {key} was changed")),
            Err(e) => broken.add(format!("the starred event {key} has gone ({e})")),
        }
    }
    let index = Index::open(dir)?;
    let caught_up = index.caught_up();
    let rows = index.query(&Filter::default(), Page::ALL)?;
    let rows: BTreeMap<String, Row> = rows.into_iter().map(|row| (row.dir.clone(), row)).collect();
    if !rows.keys().eq(said.keys()) {
        broken.add(format!("the index has {} events, and there are {}", rows.len(), said.len()));
    }
    for (key, event) in &said {
        if let Some(row) = rows.get(key)
            && (row.bytes != event.bytes || row.id != event.id || row.label != event.label || row.onset != event.onset)
        {
            broken.add(format!("the index says something else of {key}"));
        }
    }
    let totals = index.totals()?;
    if totals.bytes != said.values().map(|event| event.bytes).sum::<u64>() || totals.events != said.len() as u64 {
        broken.add("the totals of the index are wrong".into());
    }
    Ok(Found {
        events: totals.events,
        bytes: totals.bytes,
        starred: totals.starred_events,
        caught_up: caught_up.added + caught_up.removed,
        temporaries,
    })
}

/// The event of a folder in which everything is there that it names, readable and of one length.
fn whole(folder: &Path) -> Fallible<StoredEvent> {
    let event = read_event(folder)?;
    let clip = event.clip.as_ref().ok_or("it has no clip")?;
    for name in event.named_files() {
        let path = folder.join(name);
        if name.ends_with(".wav") {
            let wav = read_recording(&path)?;
            let length = wav.mono().len() as u64;
            if !wav.faults.is_none()
                || Some(length) != clip.samples
                || Some(wav.sample_rate.hz()) != clip.sample_rate_hz
            {
                return Err(format!("{name} has {length} samples, and the clip {:?}", clip.samples).into());
            }
        } else {
            let picture = png::Decoder::new(std::io::BufReader::new(fs::File::open(&path)?));
            let mut reader = picture.read_info()?;
            let mut pixels = vec![0; reader.output_buffer_size().ok_or("the picture is too large")?];
            reader.next_frame(&mut pixels)?;
        }
    }
    let n_files = fs::read_dir(folder)?.count();
    let named = event.named_files().len() + 1 + usize::from(folder.join("marks.json").exists());
    if event.named_files().len() < 3 || n_files != named {
        return Err(format!("it holds {n_files} files and names {named}").into());
    }
    Ok(event)
}

/// An index that is built again from the folders alone has the same rows.
pub(crate) fn rebuilt(dir: &Path, broken: &mut Broken) -> Fallible<Found> {
    let mut index = Index::open(dir)?;
    let (rows, totals) = (index.query(&Filter::default(), Page::ALL)?, index.totals()?);
    index.rebuild(&mut |_, _| {})?;
    if index.query(&Filter::default(), Page::ALL)? != rows || index.totals()? != totals {
        broken.add("an index that is built again has other rows".into());
    }
    Ok(Found {
        events: totals.events,
        bytes: totals.bytes,
        starred: totals.starred_events,
        caught_up: 0,
        temporaries: 0,
    })
}

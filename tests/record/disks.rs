//! Disks that fail under a running recorder, and come back. Those that need a disk of their own mount one in memory, which
//! takes root; elsewhere they say that they are skipped.

#![allow(clippy::print_stderr)]

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};

use crossbeam::channel::Receiver;
use earwitness::{
    engine::report::Report,
    record::{JsonLines, Limits, Notice, Recorder, RecorderHandle, RecorderOptions, Store, StoreOptions},
};

use crate::{store::rows, support::record::event_report};

/// A disk of its own, in memory, until it is dropped.
struct Disk {
    at: PathBuf,
    _tmp: tempfile::TempDir,
}

impl Disk {
    fn mount(size: &str) -> Option<Self> {
        let tmp = tempfile::tempdir().unwrap();
        let disk = Self { at: tmp.path().join("disk"), _tmp: tmp };
        fs::create_dir(&disk.at).unwrap();
        if disk.mount_again(size) {
            return Some(disk);
        }
        eprintln!("skipped: a disk cannot be mounted here");
        None
    }

    fn mount_again(&self, size: &str) -> bool {
        self.run("mount", &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
    }

    fn run(&self, program: &str, args: &[&str]) -> bool {
        Command::new(program).args(args).arg(&self.at).output().is_ok_and(|output| output.status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: the index may be open.
        self.run("umount", &["-l"]);
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A recorder, and what it tells.
struct Running {
    recorder: RecorderHandle,
    notices: Receiver<Notice>,
    /// Notices that were read and not asked for yet.
    read: Vec<Notice>,
    lines: Lines,
    sent: u64,
}

impl Running {
    fn start(dir: &Path) -> Self {
        let options = StoreOptions { limits: Limits::default(), ..StoreOptions::default() };
        let store = Store::open(dir, options).unwrap();
        let lines = Lines::default();
        let out: Box<dyn Write + Send> = Box::new(lines.clone());
        let recorder = Recorder::spawn(RecorderOptions {
            capacity: 8,
            store: Some(store),
            lines: Some(JsonLines::new(out)),
            relays: Vec::new(),
        })
        .unwrap();
        Self { notices: recorder.notices(), recorder, read: Vec::new(), lines, sent: 0 }
    }

    /// Sends an event and waits for what becomes of it: the folder, if it was recorded.
    fn event(&mut self) -> Option<PathBuf> {
        self.sent += 1;
        let name = format!("E{:03}", self.sent);
        self.recorder.reports().send(Report::Event(Box::new(event_report(&name, "dog")))).unwrap();
        loop {
            let state = self.recorder.recording().unwrap();
            if state.recorded + state.unrecorded == self.sent {
                break;
            }
            std::thread::yield_now();
        }
        self.read.extend(self.notices.try_iter());
        let at = self.read.iter().position(|notice| matches!(notice, Notice::Recorded { id, .. } if *id == name))?;
        match self.read.remove(at) {
            Notice::Recorded { dir, .. } => Some(dir),
            _ => None,
        }
    }

    /// The lines of this type.
    fn lines(&self, kind: &str) -> Vec<serde_json::Value> {
        let text = String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.filter(|line| line["type"] == kind).collect()
    }

    /// The next notice, which is about failing or working.
    fn told(&mut self) -> Notice {
        if self.read.is_empty() { self.notices.recv().unwrap() } else { self.read.remove(0) }
    }

    /// Fails with this word, is said once, and goes on to fail for the next event.
    fn fails(&mut self, word: &str) {
        assert_eq!((self.event(), self.event()), (None, None));
        match self.told() {
            Notice::FoldersFailing(why) => assert!(why.contains(word), "{why}"),
            other => panic!("{other:?}"),
        }
    }

    fn works_again(&mut self) {
        let folder = self.event().expect("recording resumes by itself");
        assert!(folder.join("clip.wav").is_file());
        assert_eq!(self.told(), Notice::FoldersWorking);
        // Nothing was told in between: the second one failed in silence.
        assert!(self.read.is_empty() && self.notices.is_empty(), "{:?}", self.read);
    }

    /// Ends it: it can record at the end, and the index agrees with the folders.
    fn ends_well(self, dir: &Path, failed: u64) {
        let stats = self.recorder.finish().unwrap();
        assert!(stats.folders_error.is_none());
        assert_eq!((stats.folders_failed, stats.lines_lost), (failed, 0));
        let left: Vec<_> = walk(dir).into_iter().filter(|path| path.contains(".tmp-")).collect();
        assert_eq!(left, [""; 0]);
        rows(dir);
    }
}

fn walk(dir: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for path in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        all.push(path.display().to_string());
        if path.is_dir() {
            all.extend(walk(&path));
        }
    }
    all
}

#[test]
fn a_disk_that_is_full_is_told_once_and_recording_resumes() {
    let Some(disk) = Disk::mount("4m") else { return };
    let mut running = Running::start(&disk.at);
    running.event().unwrap();
    let filling = disk.at.join("filling");
    let mut file = fs::File::create(&filling).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    running.fails("No space left");
    drop(file);
    fs::remove_file(&filling).unwrap();
    running.works_again();
    running.ends_well(&disk.at, 2);
}

#[test]
fn a_disk_that_becomes_read_only_is_told_once_and_recording_resumes() {
    let Some(disk) = Disk::mount("8m") else { return };
    let mut running = Running::start(&disk.at);
    running.event().unwrap();
    // The index is open for writing, and a disk in use cannot simply become read-only: what an error of the disk does
    // to it by force, a read-only folder bound over it does here.
    assert!(disk.run("mount", &["--bind", disk.at.to_str().unwrap()]));
    assert!(disk.run("mount", &["-o", "remount,ro,bind"]));
    running.fails("ead-only");
    assert!(disk.run("umount", &["-l"]));
    running.works_again();
    running.ends_well(&disk.at, 2);
}

#[test]
fn a_folder_that_is_removed_is_made_again() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("deep/events");
    let mut running = Running::start(&dir);
    running.event().unwrap();
    fs::remove_dir_all(tmp.path().join("deep")).unwrap();
    let folder = running.event().expect("not even one event is lost");
    assert!(folder.starts_with(&dir) && folder.join("clip.wav").is_file());
    // Moved away, with another in its place.
    fs::rename(&dir, tmp.path().join("moved")).unwrap();
    fs::create_dir(&dir).unwrap();
    assert!(running.event().unwrap().join("event.json").is_file());
    running.ends_well(&dir, 0);
    assert_eq!((rows(&dir).len(), rows(&tmp.path().join("moved")).len()), (1, 1));
}

#[test]
fn nothing_is_written_into_the_mount_point_of_a_disk_that_has_gone() {
    let Some(disk) = Disk::mount("8m") else { return };
    let dir = disk.at.join("events");
    let mut running = Running::start(&dir);
    running.event().unwrap();
    assert!(disk.run("umount", &["-l"]));
    running.fails("nothing is mounted on");
    assert_eq!(fs::read_dir(&disk.at).unwrap().count(), 0);
    // Another number, and empty: as a disk that was changed for another.
    assert!(disk.mount_again("8m"));
    running.works_again();
    running.ends_well(&dir, 2);
}

/// In the place of a day's folder stands a file: only that day fails.
#[test]
fn a_status_says_that_recording_fails_and_finds_out_that_it_works_again() {
    let tmp = tempfile::tempdir().unwrap();
    let mut running = Running::start(tmp.path());
    fs::write(tmp.path().join("2026-11-20"), "in the way").unwrap();
    running.fails("2026-11-20");
    fs::remove_file(tmp.path().join("2026-11-20")).unwrap();
    // No event has to come: the first look finds that it can be written. The line does not wait for it.
    let status = |running: &Running| {
        running.recorder.reports().send(Report::Status(crate::support::record::status())).unwrap();
    };
    status(&running);
    assert_eq!(running.told(), Notice::FoldersWorking);
    status(&running);
    running.event().unwrap();
    let told = running.lines("status").into_iter().map(|line| line["recording"].clone()).collect::<Vec<_>>();
    assert_eq!((&told[0]["state"], &told[0]["unrecorded"]), (&"failing".into(), &2.into()));
    assert_eq!((&told[1]["state"], &told[1]["error"]), (&"recording".into(), &serde_json::Value::Null));
    // A line names the folder of an event as long as it is as good as sure that there will be one.
    let named: Vec<bool> = running.lines("event").iter().map(|line| line.get("files").is_some()).collect();
    assert_eq!(named, [true, false, true]);
    running.ends_well(tmp.path(), 2);
}

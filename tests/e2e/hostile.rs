//! Recording folders and disks that mean harm, tried on the program itself.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::e2e::*;
use crate::support::run::{MODEL, Run};
use rusqlite::Connection;

const INDEX: &str = ".index.sqlite";

/// A recording folder from someone else: its index has a trigger and a forged row, the day of that row is a link. Retention
/// must not go there.
#[test]
fn retention_removes_nothing_outside_whatever_the_index_says() {
    let run = Run::new().env("EARWITNESS_LOG_LEVEL", "error");
    let args = ["monitor", "--input", "demo", "--fast", "--duration", "20", "--ui", "silent", "--record", "r"];
    run.ok(&args);
    let (dir, victim) = (run.home().join("r"), run.home().join("victim"));
    fs::create_dir_all(victim.join("holiday")).unwrap();
    fs::write(victim.join("holiday/photo.jpg"), "x").unwrap();
    symlink(&victim, dir.join("2020-01-01")).unwrap();
    let connection = Connection::open(dir.join(INDEX)).unwrap();
    let forge = "PRAGMA ignore_check_constraints = 1;
        CREATE TEMP TABLE one AS SELECT * FROM events LIMIT 1;
        UPDATE one SET dir = '2020-01-01/holiday', day = '2020-01-01', tenths = 0, onset_ms = 0, id = 'z';
        INSERT INTO events SELECT * FROM one;
        CREATE TRIGGER keep BEFORE DELETE ON events WHEN old.dir = '2020-01-01/holiday' BEGIN SELECT raise(ignore); END;";
    connection.execute_batch(forge).unwrap();
    drop(connection);
    let before = event_count(&dir);
    let printed = run.ok(&[&args[..], &["--max-bytes", "4MB"]].concat());
    assert_eq!(printed.stderr, "");
    assert!(victim.join("holiday/photo.jpg").exists());
    assert!(before > 0 && event_count(&dir) > 0);
    assert!(folder_bytes(&dir) <= 4_000_000, "and it does what it is for");
}

/// `ulimit -f`: the system sends a signal that would end the program, in the middle of everything.
#[test]
fn a_limit_on_the_length_of_files_fails_the_write_and_ends_nothing() {
    let run = Run::new().env("EARWITNESS_LOG_LEVEL", "error");
    let program = env!("CARGO_BIN_EXE_earwitness");
    let script =
        format!("ulimit -f 60; exec '{program}' monitor --input demo --fast --duration 30 --ui jsonl --record r");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir(run.home()).env_clear().env("HOME", run.home());
    shell.env("EARWITNESS_MODEL", MODEL);
    let ending = Live::start(shell).finish();
    let events = check_lines(&ending.lines);
    assert!(!events.is_empty());
    assert_eq!(ending.code, Some(5), "{}", ending.stderr);
    assert!(ending.stderr.contains("ulimit -f"), "{}", ending.stderr);
    assert!(event_folders(&run.home().join("r")).is_empty());
}

/// Somebody holds the index for as long as SQLite waits for it: to the recorder, that is a disk that hangs.
#[test]
fn events_are_told_and_the_program_ends_while_the_disk_hangs() {
    let run = Run::new().env("EARWITNESS_LOG_LEVEL", "error");
    let mut live = Live::start(run.command(&["monitor", "--input", "demo", "--record", "r", "--ui", "jsonl"]));
    let first = live.up_to("event").pop().unwrap();
    wait_for(&run.home().join(text(&first["files"], "dir")).join("event.json"));
    let index = Connection::open(run.home().join("r").join(INDEX)).unwrap();
    index.execute_batch("BEGIN IMMEDIATE").unwrap();
    // As in any other run: an event's line comes with the sound.
    live.up_to("event");
    let failing = loop {
        let status = live.up_to("status").pop().unwrap();
        if status["recording"]["state"] == "failing" {
            break status;
        }
    };
    assert!(text(&failing["recording"], "error").contains("has not answered"), "{failing}");
    live.signal("TERM");
    let began = Instant::now();
    let ending = live.finish();
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    assert_eq!(ending.lines.last().map(|line| text(line, "type")), Some("stop"));
    assert!(ending.code == Some(0) || ending.code == Some(5), "{:?}: {}", ending.code, ending.stderr);
    drop(index);
}

/// A disk that is frozen, as for a snapshot: root alone can do that, to a disk of its own.
#[test]
fn a_frozen_disk_holds_up_nothing_but_what_is_written_to_it() {
    let run = Run::new().env("EARWITNESS_LOG_LEVEL", "error");
    let Some(disk) = Frozen::mount(run.home()) else {
        eprintln!("skipped: a disk of its own cannot be mounted here");
        return;
    };
    let dir = disk.at.join("r");
    // So small a disk has not what a monitor keeps free of others.
    let args =
        ["monitor", "--input", "demo", "--ui", "jsonl", "--min-free-bytes", "0", "--record", dir.to_str().unwrap()];
    let mut live = Live::start(run.command(&args));
    let first = live.up_to("event").pop().unwrap();
    wait_for(&Path::new(text(&first["files"], "dir")).join("event.json"));
    assert!(disk.run("fsfreeze", &["-f"]));
    let second = live.up_to("event").pop().unwrap();
    let began = Instant::now();
    live.signal("TERM");
    // Every line is told; whether the system lets the process go while its disk is frozen is the system's affair.
    let told = live.up_to("stop");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(number(told.last().unwrap(), "t_s") >= number(&second, "offset_s"));
    std::thread::sleep(Duration::from_secs(12));
    assert!(disk.run("fsfreeze", &["-u"]));
    let ending = live.finish();
    assert_eq!(ending.code, Some(5), "{}", ending.stderr);
    assert!(
        ending.stderr.contains("did not take") && ending.stderr.contains("could not be recorded"),
        "{}",
        ending.stderr
    );
}

/// A page that would need gigabytes is refused, and leaves nothing.
#[test]
fn files_that_are_no_sound_are_left_out_of_the_page_however_large() {
    let run = Run::new();
    run.ok(&["monitor", "--input", "demo", "--fast", "--duration", "20", "--ui", "silent", "--record", "r"]);
    let folder = event_folders(&run.home().join("r")).remove(0);
    let mut event: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("event.json")).unwrap()).unwrap();
    let all = 0..1024;
    event["components"] = all.clone().map(|i| serde_json::json!({"index": i, "relevance": 0.5})).collect();
    let file = |i| serde_json::json!({"index": i, "file": format!("huge-{}.wav", i % 20)});
    event["files"]["components"] = all.map(file).collect();
    fs::write(folder.join("event.json"), event.to_string()).unwrap();
    for i in 0..20 {
        // Sparse: it takes no room.
        fs::File::create(folder.join(format!("huge-{i}.wav"))).unwrap().set_len(32 << 20).unwrap();
    }
    let pages = run.home().join("pages");
    fs::create_dir(&pages).unwrap();
    let said = run.ok(&["review", "r", "--html", "pages/p.html"]).stderr;
    assert_eq!(said.matches("is left out of the page").count(), 20, "each file once: {said}");
    assert_eq!(fs::read_dir(&pages).unwrap().count(), 1);
    assert!(fs::metadata(pages.join("p.html")).unwrap().len() < 4 << 20);
}

/// What a monitor that records says at its start.
#[test]
fn a_monitor_says_how_much_it_keeps() {
    let run = Run::new().env("EARWITNESS_LOG_LEVEL", "info");
    let args = ["monitor", "--input", "demo", "--fast", "--duration", "1", "--ui", "silent", "--record", "r"];
    let said = run.ok(&args).stderr;
    assert!(said.contains("10 % of the disk") && said.contains("starred ones never"), "{said}");
    let said = run.ok(&[&args[..], &["--max-bytes", "0", "--max-age-days", "30"]].concat()).stderr;
    assert!(said.contains("without a limit") && said.contains("older than 30 days"), "{said}");
}

fn event_count(dir: &Path) -> usize {
    let days = fs::read_dir(dir).unwrap().map(|day| day.unwrap());
    let days = days.filter(|day| day.file_type().unwrap().is_dir());
    days.map(|day| fs::read_dir(day.path()).unwrap().count()).sum()
}

fn folder_bytes(dir: &Path) -> u64 {
    let bytes = |entry: fs::DirEntry| match entry.metadata().unwrap() {
        about if about.is_dir() => folder_bytes(&entry.path()),
        _ if entry.file_name().to_string_lossy().starts_with(INDEX) => 0,
        about => about.len(),
    };
    fs::read_dir(dir).unwrap().map(|entry| bytes(entry.unwrap())).sum()
}

fn wait_for(path: &Path) {
    let began = Instant::now();
    while !path.exists() {
        assert!(began.elapsed() < PATIENCE, "{} does not come", path.display());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A small disk in a file, mounted until this is dropped.
struct Frozen {
    at: PathBuf,
}

impl Frozen {
    fn mount(tmp: &Path) -> Option<Self> {
        let (image, at) = (tmp.join("image"), tmp.join("disk"));
        fs::create_dir(&at).unwrap();
        fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
        let quiet = |command: &mut Command| {
            command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        let made = quiet(Command::new("mkfs.ext4").arg("-q").arg(&image))
            && quiet(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&at));
        made.then_some(Self { at })
    }

    fn run(&self, program: &str, args: &[&str]) -> bool {
        Command::new(program).args(args).arg(&self.at).output().is_ok_and(|output| output.status.success())
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // It may be thawed already.
        self.run("fsfreeze", &["-u"]);
        self.run("umount", &["-l"]);
    }
}

/// A WAV of floats, whatever its header says of rate and channels.
fn write_floats(path: &Path, rate_hz: u32, channels: u16, samples: &[f32]) {
    let mut bytes = b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\x03\0".to_vec();
    bytes.extend_from_slice(&channels.to_le_bytes());
    bytes.extend_from_slice(&rate_hz.to_le_bytes());
    bytes.extend_from_slice(&rate_hz.wrapping_mul(4 * u32::from(channels)).to_le_bytes());
    bytes.extend_from_slice(&(4 * channels).to_le_bytes());
    bytes.extend_from_slice(b"\x20\0data");
    // Without samples, as a program writes it that does not know yet how many there will be.
    let n_bytes = if samples.is_empty() { u32::MAX } else { 4 * samples.len() as u32 };
    bytes.extend_from_slice(&n_bytes.to_le_bytes());
    bytes.extend(samples.iter().flat_map(|x| x.to_le_bytes()));
    fs::write(path, bytes).unwrap();
}

#[test]
fn an_impossible_rate_is_refused_and_the_other_input_is_heard() {
    let run = Run::new();
    for rate_hz in [0, 1, 1_000_000_000, u32::MAX] {
        write_floats(&run.home().join("rate.wav"), rate_hz, 1, &[0.1; 1000]);
        let args = ["monitor", "--fast", "--duration", "8", "--ui", "jsonl", "--input", "rate.wav", "--input", "demo"];
        let output = run.command(&args).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{rate_hz} Hz");
        let lines = json_lines(&String::from_utf8(output.stdout).unwrap());
        assert!(!of_type(&lines, "event").is_empty(), "{rate_hz} Hz: the other one is heard");
        let said = run.fails(3, &["explain", "rate.wav", "--out", "o"]);
        assert!(said.contains("rate.wav"), "{said}");
    }
}

#[test]
fn samples_that_are_no_numbers_are_explained_as_silence() {
    let run = Run::new();
    let mut samples: Vec<f32> = scene_at(44_100).0;
    samples.truncate(4 * 44_100);
    for (i, x) in [(7, f32::NAN), (44_100, f32::INFINITY), (60_000, 1e38), (60_001, -1e38)] {
        samples[i] = x;
    }
    write_floats(&run.home().join("odd.wav"), 44_100, 1, &samples);
    let done = run.ok(&["explain", "odd.wav", "--out", "o"]);
    assert!(done.stderr.contains("4 samples are no numbers or far too large"), "{}", done.stderr);
    write_floats(&run.home().join("nothing.wav"), 44_100, 1, &[f32::NAN; 44_100]);
    run.ok(&["explain", "nothing.wav", "--out", "p"]);
}

/// Minutes of eight channels at 384 kHz: gigabytes, were they held at once.
#[test]
fn a_recording_takes_no_more_memory_than_its_sound_at_the_models_rate() {
    let run = Run::new();
    let path = run.home().join("bomb.wav");
    write_floats(&path, 384_000, 8, &[]);
    // Sparse: it takes no room on the disk. 60 s as floats are 737 MB; what is read of them is silence.
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(44 + 60 * 384_000 * 8 * 4).unwrap();
    let program = env!("CARGO_BIN_EXE_earwitness");
    let script = format!("ulimit -v 700000; exec '{program}' explain bomb.wav --out o");
    let mut shell = run.command(&[]);
    let envs: Vec<_> = shell.get_envs().map(|(key, value)| (key.to_owned(), value.map(ToOwned::to_owned))).collect();
    shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir(run.home()).env_clear();
    shell.envs(envs.into_iter().filter_map(|(key, value)| Some((key, value?))));
    // Each thread reserves memory that it does not use.
    shell.env("RAYON_NUM_THREADS", "1").env("MALLOC_ARENA_MAX", "1");
    let output = shell.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A copy of the shipped model, as `m` in the run's home.
fn copied_model(run: &Run) -> PathBuf {
    let dir = run.home().join("m");
    fs::create_dir(&dir).unwrap();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("models/esc13")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), dir.join(entry.file_name())).unwrap();
    }
    dir
}

#[test]
fn a_model_of_pipes_links_and_endless_files_is_refused_at_once() {
    let run = Run::new();
    let dir = copied_model(&run);
    run.ok(&["model", "verify", "m"]);
    let weights = dir.join("lmac.safetensors");
    let refused = |why: &str| {
        for command in [&["model", "verify", "m"][..], &["monitor", "--input", "demo", "--fast", "--model", "m"]] {
            let said = run.fails(4, command);
            assert!(said.contains(why), "{said}");
        }
    };
    fs::remove_file(&weights).unwrap();
    assert!(Command::new("mkfifo").arg(&weights).status().unwrap().success());
    refused("not a regular file");
    fs::remove_file(&weights).unwrap();
    symlink("/dev/zero", &weights).unwrap();
    refused("not a regular file");
    fs::remove_file(&weights).unwrap();
    fs::File::create(&weights).unwrap().set_len(10 << 30).unwrap();
    refused("longer than");
    fs::OpenOptions::new().write(true).open(dir.join("model.toml")).unwrap().set_len(4 << 30).unwrap();
    refused("longer than");
    // Settings, too.
    assert!(Command::new("mkfifo").arg(run.home().join("c.toml")).status().unwrap().success());
    let said = run.fails(2, &["--config", "c.toml", "config", "check"]);
    assert!(said.contains("not a regular file"), "{said}");
}

#[test]
fn what_a_terminal_obeys_is_spelled_out_wherever_it_comes_from() {
    let run = Run::new();
    let dir = copied_model(&run);
    let manifest = fs::read_to_string(dir.join("model.toml")).unwrap();
    let described = |line: &str| line.starts_with("description = ");
    let lines = manifest
        .lines()
        .map(|line| if described(line) { r#"description = "x\u001b]0;pwned\u0007\u001b[2J""# } else { line });
    fs::write(dir.join("model.toml"), lines.collect::<Vec<_>>().join("\n") + "\n").unwrap();
    let shown = run.ok(&["model", "show", "m"]).stdout;
    assert!(shown.contains(r"x\u{1b}]0;pwned\u{7}\u{1b}[2J") && !shown.contains('\u{1b}'), "{shown}");
    let said = run.fails(3, &["explain", "/nonexistent\u{1b}[31m.wav", "--out", "o"]);
    assert!(said.contains(r"/nonexistent\u{1b}[31m.wav") && !said.contains('\u{1b}'), "{said}");
    // A name with a line break, which would look like a record of the log's.
    let settings =
        "[[input]]\nspec = \"demo\"\nname = \"yard\\n2026-11-28T23:59:59.000000Z ERROR the disk was wiped\"\n";
    fs::write(run.home().join("c.toml"), settings).unwrap();
    let args =
        ["--config", "c.toml", "--log-level", "debug", "monitor", "--fast", "--duration", "10", "--ui", "silent"];
    let log = run.ok(&args).stderr;
    assert!(log.contains(r"yard\n2026-11-28T23:59:59.000000Z ERROR"), "{log}");
    assert!(!log.lines().any(|line| line.starts_with("2026-11-28T23:59:59")), "{log}");
}

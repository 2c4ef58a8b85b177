//! Many hours of sound in less time: feeds a monitor through a pipe and watches what it uses.
//!
//! ```sh
//! cargo build --release
//! cargo run --release --example soak -- 24 recordings/ > soak.jsonl
//! ```
//!
//! Arguments: hours of sound; a folder with recordings to loop (without one, the demo scene). Every recording is heard at
//! a random level, in a random order, over noise, with random pauses; all from one seed. Event folders are looked at and
//! removed as they come, so that the disk does not fill. Every hour of sound a line says how much memory, how many threads
//! and files the monitor holds; the last line says whether everything added up. Linux only: it reads `/proc`.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use earwitness::audio::demo::scene;
use earwitness::dsp::resample;
use earwitness::media::decode::read_recording;
use earwitness::units::SampleRate;
use serde_json::{Value, json};

const RATE_HZ: u32 = 22_050;

/// An event's folder is there so long after its line, at the latest.
const FOLLOWS: Duration = Duration::from_secs(10);

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Fallible<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let hours: f64 = args.first().ok_or("say how many hours of sound")?.parse()?;
    let recordings = recordings(args.get(1).map(Path::new))?;
    let dir = std::env::temp_dir().join(format!("earwitness-soak-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    let program =
        std::env::current_exe()?.parent().and_then(Path::parent).ok_or("no target folder")?.join("earwitness");
    let mut child = Command::new(&program)
        .args(["monitor", "--fast", "--ui", "jsonl", "--input"])
        .arg(format!("stdin:{RATE_HZ}x1:s16le"))
        .arg("--record")
        .arg(&dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{} cannot be run ({e}); build it with cargo build --release", program.display()))?;
    let stdin = child.stdin.take().ok_or("no pipe in")?;
    let stdout = child.stdout.take().ok_or("no pipe out")?;
    let feeder = thread::spawn(move || feed(stdin, &recordings, hours));

    let began = Instant::now();
    let (mut next, mut folders, mut unbalanced, mut stop) = (0.0, 0_u64, 0_u64, Value::Null);
    for line in BufReader::new(stdout).lines() {
        let line: Value = serde_json::from_str(&line?)?;
        if let Some(dir) = line["files"]["dir"].as_str() {
            folders += 1;
            // It follows its line.
            let asked = Instant::now();
            while !Path::new(dir).join("event.json").is_file() {
                if asked.elapsed() > FOLLOWS {
                    return Err(format!("{dir} is not whole").into());
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            fs::remove_dir_all(dir)?;
        }
        let count = |key: &str| line[key].as_u64().unwrap_or(0);
        if line.get("captured_samples").is_some() {
            let parts = count("analysed_samples") + count("dropped_samples") + count("waiting_samples");
            unbalanced += u64::from(count("captured_samples") != parts);
        }
        let secs = line["t_s"].as_f64().unwrap_or(0.0);
        // Its last lines may be read when it has gone already.
        if line["type"] == "status"
            && secs >= next
            && let Some(rss_mb) = rss_mb(child.id())
        {
            let row = json!({
                "audio_h": secs / 3600.0, "wall_s": began.elapsed().as_secs_f64().round(), "rss_mb": rss_mb,
                "threads": entries(child.id(), "task"), "files": entries(child.id(), "fd"), "events": count("events"),
                "folders": folders, "unbalanced": unbalanced, "load": line["load"],
            });
            println!("{row}");
            next = (secs / 3600.0).floor() * 3600.0 + 3600.0;
        }
        if line["type"] == "stop" {
            stop = line;
        }
    }
    let fed = feeder.join().map_err(|_| "the feeder broke down")??;
    let status = child.wait()?;
    fs::remove_dir_all(&dir)?;
    let heard = stop["analysed_samples"].as_u64().unwrap_or(0);
    println!(
        "{}",
        json!({"ok": status.success() && fed == heard && unbalanced == 0, "fed_samples": fed, "unbalanced": unbalanced, "stop": stop})
    );
    Ok(())
}

/// What is looped, mono at [`RATE_HZ`].
fn recordings(folder: Option<&Path>) -> Fallible<Vec<Vec<f32>>> {
    let rate = |hz| SampleRate::new(hz).ok_or("a rate of 0 Hz");
    let Some(folder) = folder else { return Ok(vec![resample(&scene().0, rate(44_100)?, rate(RATE_HZ)?)?]) };
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        if let Ok(recording) = read_recording(&path) {
            all.push(resample(&recording.mono(), recording.sample_rate, rate(RATE_HZ)?)?);
        }
    }
    if all.is_empty() { Err(format!("{} holds no recording", folder.display()).into()) } else { Ok(all) }
}

/// Numbers in 0…1 that look random and come again.
struct Lcg(u64);

impl Lcg {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u32 << 24) as f32
    }
}

/// Writes `hours` of sound; how many samples those were.
fn feed(pipe: ChildStdin, recordings: &[Vec<f32>], hours: f64) -> Fallible<u64> {
    let mut pipe = BufWriter::with_capacity(1 << 16, pipe);
    let mut random = Lcg(20_261_120);
    let total = (hours * 3600.0 * f64::from(RATE_HZ)) as u64;
    let mut fed = 0;
    while fed < total {
        let recording = &recordings[(random.next() * recordings.len() as f32) as usize % recordings.len()];
        let gain = 10_f32.powf(-random.next());
        let pause = (random.next() * 5.0 * RATE_HZ as f32) as usize;
        let sound = recording.iter().copied().chain(std::iter::repeat_n(0.0, pause));
        for sample in sound.take((total - fed) as usize) {
            let noisy = gain * sample + 0.002 * (random.next() - 0.5);
            pipe.write_all(&((noisy.clamp(-1.0, 1.0) * 32_767.0) as i16).to_le_bytes())?;
            fed += 1;
        }
    }
    pipe.flush()?;
    Ok(fed)
}

/// Resident memory of a process, in MB; none of one that has ended.
fn rss_mb(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kb: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some((kb / 102.4).round() / 10.0)
}

/// How many threads (`task`) or open files (`fd`) a process has.
fn entries(pid: u32, what: &str) -> Option<usize> {
    Some(fs::read_dir(format!("/proc/{pid}/{what}")).ok()?.count())
}

//! What many inputs cost: runs the built monitor on 1, 16, 64 and 128 inputs at real-time pace and reads memory and load.
//!
//! ```sh
//! cargo build --release
//! cargo run --release --example many_inputs -- 40
//! cargo run --release --example many_inputs -- 40 64 lmac
//! ```
//!
//! Arguments: seconds for each run; a number of inputs (without it all four); a method (without it the default). Each number is
//! measured twice: on `quiet` inputs (a hum and noise at -50 dBFS, in which nothing happens) and on `busy` ones (the demo
//! scene, the same on all inputs, so that all events come at once). Every line is one JSON object: the largest resident
//! memory in MiB, and MiB for each input beyond the first; the monitor's `load` at its last status (1 is all that it can
//! do); processor seconds for each second; and what was shed and lost. Linux only: it reads `/proc`.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use earwitness::audio::demo::scene;
use serde_json::{Value, json};

const RATE_HZ: u32 = 48_000;

/// The demo scene's rate.
const SCENE_RATE_HZ: u32 = 44_100;

type Fallible<T> = Result<T, Box<dyn Error>>;

fn main() -> Fallible<()> {
    let mut args = std::env::args().skip(1);
    let secs: u32 = args.next().ok_or("say how many seconds each run should take")?.parse()?;
    let counts = args.next().map_or_else(|| Ok(vec![1, 16, 64, 128]), |n| n.parse().map(|n| vec![n]))?;
    let method = args.next();
    let program =
        std::env::current_exe()?.parent().and_then(Path::parent).ok_or("no target folder")?.join("earwitness");
    // Files, because an input of `demo` holds the whole scene in memory.
    let path = |sound: &str| std::env::temp_dir().join(format!("earwitness-{sound}-{}.wav", std::process::id()));
    let (quiet, busy) = (path("quiet"), path("busy"));
    write_wav(&quiet, RATE_HZ, quiet_room(secs + 5))?;
    write_wav(&busy, SCENE_RATE_HZ, scene().0.into_iter())?;
    let run = Run { program, secs, method };
    for (sound, input) in [("quiet", quiet.as_path()), ("busy", busy.as_path())] {
        let one = run.measure(input, 1)?;
        for n in &counts {
            let used = if *n == 1 { one.clone() } else { run.measure(input, *n)? };
            println!("{}", used.row(sound, *n, &one));
        }
    }
    fs::remove_file(&quiet)?;
    fs::remove_file(&busy)?;
    Ok(())
}

struct Run {
    program: PathBuf,
    secs: u32,
    method: Option<String>,
}

#[derive(Debug, Clone, Default)]
struct Used {
    peak_mib: f64,
    cpu_secs: f64,
    wall_secs: f64,
    load: f64,
    shed: u64,
    dropped: u64,
    events: u64,
}

impl Run {
    fn measure(&self, input: &Path, n: usize) -> Fallible<Used> {
        let mut command = Command::new(&self.program);
        command.args(["monitor", "--ui", "jsonl", "--duration", &self.secs.to_string()]);
        (0..n).for_each(|_| {
            command.arg("--input").arg(input);
        });
        if let Some(method) = &self.method {
            command.args(["--method", method]);
        }
        let began = Instant::now();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().map_err(|e| {
            format!("{} cannot be run ({e}); build it with cargo build --release", self.program.display())
        })?;
        let stdout = child.stdout.take().ok_or("no pipe out")?;
        let mut used = Used::default();
        for line in BufReader::new(stdout).lines() {
            let line: Value = serde_json::from_str(&line?)?;
            let count = |key: &str| line[key].as_u64().unwrap_or(0);
            match line["type"].as_str() {
                Some("status") => used.load = line["load"].as_f64().unwrap_or(0.0),
                Some("stop") => {
                    used.shed += count("shed_strides");
                    used.dropped += count("dropped_samples");
                    used.events += count("events");
                }
                _ => {}
            }
            if let Some((peak_mib, cpu_secs)) = usage(child.id()) {
                (used.peak_mib, used.cpu_secs) = (used.peak_mib.max(peak_mib), used.cpu_secs.max(cpu_secs));
            }
        }
        used.wall_secs = began.elapsed().as_secs_f64();
        let status = child.wait()?;
        if status.success() { Ok(used) } else { Err(format!("the monitor ended with {status}").into()) }
    }
}

impl Used {
    fn row(&self, sound: &str, n: usize, one: &Self) -> Value {
        let round = |value: f64, scale: f64| (value * scale).round() / scale;
        let more = (n > 1).then(|| round((self.peak_mib - one.peak_mib) / (n - 1) as f64, 100.0));
        json!({
            "inputs": n, "sound": sound, "rss_mib": round(self.peak_mib, 1.0), "mib_each_more": more,
            "load": round(self.load, 1000.0), "cpu": round(self.cpu_secs / self.wall_secs, 100.0), "shed_strides": self.shed,
            "dropped_samples": self.dropped, "events": self.events,
        })
    }
}

/// The largest resident memory in MiB and the processor seconds so far; none of a process that has gone.
fn usage(pid: u32) -> Option<(f64, f64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let peak_kib: f64 = peak.trim().strip_suffix("kB")?.trim().parse().ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Behind the name, which may hold anything, user and system time are the 12th and 13th field, in hundredths.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = fields.get(11..13)?.iter().filter_map(|field| field.parse::<f64>().ok()).sum();
    Some((peak_kib / 1024.0, ticks / 100.0))
}

/// A quiet room: the hum of the mains and some noise.
fn quiet_room(secs: u32) -> impl Iterator<Item = f32> {
    let mut state = 20_261_129_u64;
    (0..secs * RATE_HZ).map(move |i| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let noise = (state >> 40) as f32 / (1_u32 << 23) as f32 - 1.0;
        let hum = (std::f32::consts::TAU * 50.0 * i as f32 / RATE_HZ as f32).sin();
        0.003 * hum + 0.003 * noise
    })
}

fn write_wav(path: &Path, sample_rate: u32, samples: impl Iterator<Item = f32>) -> Fallible<()> {
    let spec =
        hound::WavSpec { channels: 1, sample_rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut wav = hound::WavWriter::create(path, spec)?;
    for sample in samples {
        wav.write_sample((sample * 32_767.0) as i16)?;
    }
    Ok(wav.finalize()?)
}

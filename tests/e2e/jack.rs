//! The live path with a real JACK server on its dummy backend: one client plays, the monitor listens and plays the
//! interpretation back, and a third client records that. Needs `jackd`; says so and skips where it is missing.

#![cfg(feature = "jack")]
#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "../../examples/jack_player/client.rs"]
mod jack_client;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::e2e::*;
use crate::support::process::{alone, full_name};
use crate::support::run::Run;
use earwitness::dsp::resample;
use earwitness::media::decode::read_recording;
use serde_json::{Value, json};

const RATE_HZ: u32 = 48_000;
const PERIOD: u64 = 512;

/// How much of the demo scene is played: four sounds.
const SECS: usize = 20;

/// A JACK server of this test's own.
struct Server {
    child: Child,
    name: String,
}

impl Server {
    /// `None`, said, where there is no `jackd`.
    fn start(test: &str) -> Option<Self> {
        let name = format!("ew-{test}-{}", std::process::id());
        let child = Self::spawn(&name);
        if child.is_none() {
            eprintln!("skipped: jackd is not installed");
        }
        let server = Self { child: child?, name };
        // It answers once it runs.
        let answers = || Command::new("jack_wait").args(["-w", "-t", "10"]).envs(server.env()).output();
        if answers().is_err() {
            std::thread::sleep(Duration::from_secs(2));
        }
        Some(server)
    }

    fn spawn(name: &str) -> Option<Child> {
        let (rate, period) = (RATE_HZ.to_string(), PERIOD.to_string());
        Command::new("jackd")
            .args(["-S", "-r", "-n", name, "-d", "dummy", "-r", &rate, "-p", &period])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()
    }

    /// Without a word.
    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn env(&self) -> [(&'static str, &str); 2] {
        [("JACK_DEFAULT_SERVER", &self.name), ("JACK_NO_START_SERVER", "1")]
    }

    fn run(&self) -> Run {
        // A busy machine may be behind, and would say so.
        let run = Run::new().env("EARWITNESS_LOG_LEVEL", "error");
        self.env().into_iter().fold(run, |run, (name, value)| run.env(name, value))
    }

    /// Plays a file to whoever listens to `player:out`, and records the interpretation port if `back` says where to.
    fn play(&self, file: &Path, back: Option<&Path>) -> Value {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", &full_name(module_path!(), "player"), "--ignored", "--nocapture"]).envs(self.env());
        command.env("EARWITNESS_TEST_PLAY", file).env("EARWITNESS_TEST_BACK", back.unwrap_or(Path::new("")));
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
        json_line(told.lines().find(|line| line.starts_with('{')).unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // In good order: a server that is killed keeps its place among the few that a machine may have.
        signal(self.child.id(), "TERM");
        let _ = self.child.wait();
    }
}

/// Not a test: the other clients, which need the server's name in their environment and so a process of their own.
#[test]
#[ignore = "the other tests run it as a process of its own"]
#[allow(clippy::print_stdout)]
fn player() {
    let Ok(file) = std::env::var("EARWITNESS_TEST_PLAY") else { return };
    let back = std::env::var("EARWITNESS_TEST_BACK").unwrap();
    let recording = read_recording(Path::new(&file)).unwrap();
    assert_eq!(recording.sample_rate.hz(), RATE_HZ);
    let from = (!back.is_empty()).then_some("earwitness:interpretation");
    let session = jack_client::play(recording.mono(), None, from, 4.0).unwrap();
    assert_eq!(session.rate, RATE_HZ);
    if !back.is_empty() {
        write_wav(Path::new(&back), RATE_HZ, 1, &session.recorded);
    }
    println!();
    println!(
        "{}",
        json!({"play_start": session.play_start, "record_start": session.record_start, "xruns": session.xruns})
    );
}

fn stream() -> Vec<f32> {
    let mut samples = scene_at(RATE_HZ).0;
    samples.truncate(SECS * RATE_HZ as usize);
    samples
}

/// Labels, onsets and offsets.
fn times(events: &[&Value]) -> Vec<(String, f64, f64)> {
    events.iter().map(|e| (text(e, "label").to_owned(), number(e, "onset_s"), number(e, "offset_s"))).collect()
}

#[test]
fn what_jack_carries_gives_the_files_events_and_the_interpretation_comes_back_after_the_stated_delay() {
    let _alone = alone();
    let Some(server) = Server::start("live") else { return };
    let run = server.run();
    let (yard, back) = (run.home().join("yard.wav"), run.home().join("back.wav"));
    write_wav(&yard, RATE_HZ, 1, &stream());
    let args = ["monitor", "--input", "jack:^player:out$", "--listen", "jack", "--record", "r", "--ui", "jsonl"];
    let mut live = Live::start(run.command(&args));
    let mut lines = live.up_to("start");
    let session = server.play(&yard, Some(&back));
    live.signal("INT");
    let ending = live.finish();
    assert_eq!(ending.code, Some(0), "{}", ending.stderr);
    lines.extend(ending.lines);
    let events = check_lines(&lines);
    let found = times(&events);

    assert!(found.len() >= 3, "{found:?}");
    let folders: Vec<Folder> = events.iter().map(|e| read_folder(&run.home().join(text(&e["files"], "dir")))).collect();

    // Where each clip lies in what was played, to a quarter of a sample, and so when the stream began before that.
    let model_hz = folders[0].clip.spec.sample_rate;
    let played = phases(&stream(), model_hz);
    let hz = f64::from(model_hz);
    let (mut places, mut began): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    for folder in &folders {
        // Behind the second of pre-roll.
        let into = (1.1 * hz) as usize;
        let piece = &folder.clip.samples[into..into + 8192];
        let start = number(&folder.event["clip"], "start_s");
        // The first time anywhere in the first seconds; then at its place, unless a period was skipped.
        let about = began.first().map_or(0..(8.0 * hz) as usize, |began| {
            let place = ((start - began) * hz) as usize + into;
            place.saturating_sub(2000)..place + 2000
        });
        let (place, like) = find(piece, &played, about);
        assert!(like > 0.9, "the clip of {} is not what was played: {like}", folder.event);
        places.push(place - into as f64);
        began.push(start - (place - into as f64) / hz);
    }

    // The same sound, as a file, gives the same events.
    let silence = (began[0] * f64::from(RATE_HZ)).round() as usize;
    write_wav(&yard, RATE_HZ, 1, &[vec![0.0; silence], stream()].concat());
    let file = json_lines(&run.ok(&["monitor", "--input", "file:yard.wav", "--fast", "--ui", "jsonl"]).stdout);
    let expected = times(&check_lines(&file));
    let stride = number(&lines[0], "stride_s") + 0.01;
    assert_eq!(found.len(), expected.len(), "{found:?} where {expected:?} was expected");
    for (found, expected) in found.iter().zip(&expected) {
        let off = (found.1 - expected.1).abs().max((found.2 - expected.2).abs());
        assert!(found.0 == expected.0 && off < stride, "{found:?} where {expected:?} was expected");
    }

    // A server on a busy machine may skip periods; they are counted, and then the places differ by them.
    if session["xruns"] == 0 && count(&lines[lines.len() - 1], "dropped_samples") == 0 {
        assert!(began.iter().all(|b| (b - began[0]).abs() < 0.001), "{began:?}");
        let delay = number(&lines[0]["listen"], "delay_s");
        let ahead =
            (count(&session, "play_start") as f64 - count(&session, "record_start") as f64) / f64::from(RATE_HZ);
        let recorded = read_recording(&back).unwrap().mono();
        let recorded = phases(&recorded, model_hz);
        for (folder, place) in folders.iter().zip(&places) {
            // The loudest part of it.
            let samples = &folder.interpretation.samples;
            let energy = |at: usize| samples[at..at + 8192].iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
            let loudest =
                (0..samples.len() - 8192).step_by(1024).max_by(|a, b| energy(*a).total_cmp(&energy(*b))).unwrap();
            let at = place + loudest as f64 + (ahead + delay) * hz;
            let most = 2.0 * PERIOD as f64 / f64::from(RATE_HZ) * hz;
            let first = (at - most) as usize;
            let piece = &samples[loudest..loudest + 8192];
            let (found, like) = find(piece, &recorded, first..first + 2 * most as usize);
            let off = found - at;
            eprintln!("{}: {off:.2} samples of {hz} Hz off, correlation {like:.5}", text(&folder.event, "label"));
            assert!(like > 0.98, "the port does not play what the folder holds: {like}");
            assert!(off.abs() < most, "the delay is off by {off} samples");
        }
    } else {
        eprintln!("skipped: the server skipped periods, so the delay is not measured");
    }
}

/// A fraction of a sample matters to what is high: a recording at `hz`, in four versions a quarter of a sample apart.
fn phases(samples: &[f32], hz: u32) -> [Vec<i16>; 4] {
    let fine = resample(samples, rate(RATE_HZ), rate(4 * hz)).unwrap();
    [0, 1, 2, 3].map(|phase| fine.iter().skip(phase).step_by(4).map(|&x| pcm16(x)).collect())
}

/// Where `needle` begins, among these places, and the correlation there.
fn find(needle: &[i16], hay: &[Vec<i16>; 4], places: std::ops::Range<usize>) -> (f64, f64) {
    let energy = |part: &[i16]| part.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().max(1.0);
    let own = energy(needle);
    let all = places.flat_map(|place| (0..4).map(move |phase| (place, phase)));
    let like = all.filter_map(|(place, phase)| {
        let part = hay[phase].get(place..place + needle.len())?;
        let product: i64 = part.iter().zip(needle).map(|(&a, &b)| i64::from(a) * i64::from(b)).sum();
        Some((place as f64 + phase as f64 / 4.0, product as f64 / (own * energy(part)).sqrt()))
    });
    like.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap()
}

/// The server dies in the middle and comes back: it is said, and listening goes on by itself with the gap in its time.
#[test]
fn a_server_that_is_killed_and_comes_back_is_survived() {
    let _alone = alone();
    let Some(mut server) = Server::start("killed") else { return };
    let run = server.run();
    let yard = run.home().join("yard.wav");
    write_wav(&yard, RATE_HZ, 1, &stream()[..8 * RATE_HZ as usize]);
    let mut live = Live::start(run.command(&["monitor", "--input", "jack:^player:out$", "--ui", "jsonl"]));
    let mut lines = live.up_to("start");
    server.play(&yard, None);
    server.kill();
    loop {
        lines.extend(live.up_to("status"));
        if text(lines.last().unwrap(), "health") == "lost" {
            break;
        }
    }
    assert!(!lines.last().unwrap()["trouble"].is_null());
    std::thread::sleep(Duration::from_secs(1));
    server.child = Server::spawn(&server.name).unwrap();
    server.play(&yard, None);
    live.signal("TERM");
    let ending = live.finish();
    assert_eq!(ending.code, Some(0), "{}", ending.stderr);
    lines.extend(ending.lines);
    let events = check_lines(&lines);
    let health: Vec<&str> = of_type(&lines, "status").iter().map(|status| text(status, "health")).collect();
    // A port that nobody is connected to is digital silence.
    let told: Vec<&str> = health.iter().copied().filter(|health| *health != "digital silence").collect();
    assert_eq!((told.first(), told.last()), (Some(&"hearing"), Some(&"hearing")), "{health:?}");
    assert!(told.contains(&"lost"), "{health:?}");
    let stop = &lines[lines.len() - 1];
    assert!(count(stop, "away_samples") > u64::from(RATE_HZ) / 2, "the gap counts: {stop}");
    let length = (count(stop, "captured_samples") + count(stop, "away_samples")) as f64 / f64::from(RATE_HZ);
    assert!((number(stop, "t_s") - length).abs() < 0.01, "{stop}");
    // And in the wall time: it is no clock that was set.
    let at =
        |line: &Value, key: &str| text(line, key).parse::<jiff::Timestamp>().unwrap().as_millisecond() as f64 / 1000.0;
    let wall = at(stop, "time") - at(&lines[0], "start");
    assert!((wall - number(stop, "t_s")).abs() < 1.0, "{wall} s: {stop}");
    // The same sounds before and after.
    let labels: Vec<&str> = events.iter().map(|e| text(e, "label")).collect();
    assert!(labels.len() >= 2 && labels.len().is_multiple_of(2), "{labels:?}");
    assert_eq!(labels[..labels.len() / 2], labels[labels.len() / 2..]);
}

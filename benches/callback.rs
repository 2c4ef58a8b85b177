//! What the callbacks cost: capture and playback at 64, 128 and 512 channel frames, with the worker's side of the ring in
//! use on another thread. Run it with `cargo bench --bench callback`; it ends with a table of p50, p99.9 and max.
//!
//! What is timed is all that a device's callback does in our hands: conversion, downmix, checks, ring and counters. The calls
//! come as quickly as they can, with room in the ring, so the worst of them tell of the machine as much as of the code.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::hint::{black_box, spin_loop};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use criterion::Criterion;
use earwitness::audio::fan::{CaptureFan, ChannelChoice};
use earwitness::audio::playback::{PlaybackPull, playback_ring};
use earwitness::audio::ring::{CapturePull, capture_ring};
use earwitness::units::SampleRate;

const RATE_HZ: u32 = 48_000;
const FRAMES: [usize; 3] = [64, 128, 512];
const N_CALLS: usize = 200_000;

/// Samples that a ring holds: 0.2 s.
const CAPACITY: usize = 9600;

/// The aim for p99.9 at 64 channel frames.
const AIM_US: f64 = 50.0;

/// One callback: makes sure that there is room, then runs it once and says how long it took.
trait Callback {
    fn call(&mut self) -> Duration;
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(20);
    criterion = criterion.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(500));
    // As a test this only shows that it runs.
    let n_calls = if std::env::args().any(|arg| arg == "--test") { 100 } else { N_CALLS };
    let mut rows = Vec::new();
    for case in cases() {
        let mut group = criterion.benchmark_group(&case.name);
        for frames in FRAMES {
            let mut callback = (case.open)(frames);
            group.bench_function(format!("{frames} frames"), |b| {
                b.iter_custom(|n| (0..n).map(|_| callback.call()).sum());
            });
        }
        group.finish();
        let figures = FRAMES.map(|frames| measure(&mut *(case.open)(frames), n_calls));
        rows.push((case.name, figures));
    }
    criterion.final_summary();
    table(&rows, n_calls);
}

struct Case {
    name: String,
    open: Box<dyn Fn(usize) -> Box<dyn Callback>>,
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut add = |name: String, open: Box<dyn Fn(usize) -> Box<dyn Callback>>| cases.push(Case { name, open });
    for channels in [1, 2, 8] {
        let of = |what: &str| format!("capture, {what}, {channels} ch");
        let mix = ChannelChoice::Mix;
        for (what, kind) in [("i16", Kind::I16), ("f32", Kind::F32), ("f32 planar (JACK)", Kind::Planar)] {
            let choice = mix.clone();
            add(of(what), Box::new(move |frames| Box::new(Capture::new(&choice, channels, frames, kind))));
        }
    }
    let each = |frames| Box::new(Capture::new(&ChannelChoice::Each, 8, frames, Kind::I16)) as Box<dyn Callback>;
    add("capture, i16, 8 ch, each an input".into(), Box::new(each));
    add("playback, kept filled".into(), Box::new(|frames| Box::new(Playback::new(frames, true))));
    add("playback, nothing to play".into(), Box::new(|frames| Box::new(Playback::new(frames, false))));
    cases
}

/// How a device hands its samples over.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    I16,
    F32,
    Planar,
}

/// A device's callback; a thread reads its rings empty.
struct Capture {
    fan: CaptureFan,
    kind: Kind,
    frames: usize,
    channels: usize,
    words: Vec<i16>,
    floats: Vec<f32>,
    reader: Helper,
}

impl Capture {
    fn new(choice: &ChannelChoice, channels: u16, frames: usize, kind: Kind) -> Self {
        let lanes = choice.lanes(channels).unwrap().into_iter().map(|lane| {
            let (push, pull) = capture_ring(CAPACITY, 1);
            ((lane, push), pull)
        });
        let (lanes, mut pulls): (Vec<_>, Vec<CapturePull>) = lanes.unzip();
        let mut out = vec![0.0; CAPACITY];
        let reader = Helper::spawn(move || pulls.iter_mut().any(|pull| black_box(pull.read(&mut out)) > 0));
        let n = frames * usize::from(channels);
        let words: Vec<i16> = (0..n).map(|i| (i as i16).wrapping_mul(12_345)).collect();
        let floats = words.iter().map(|&x| f32::from(x) / 32_768.0).collect();
        let fan = CaptureFan::new(lanes, channels);
        Self { fan, kind, frames, channels: channels.into(), words, floats, reader }
    }
}

impl Callback for Capture {
    fn call(&mut self) -> Duration {
        while self.fan.vacant() < self.frames {
            self.reader.wake();
        }
        let mut ports: [&[f32]; 8] = [&[]; 8];
        let began = Instant::now();
        match self.kind {
            Kind::I16 => self.fan.push_interleaved(black_box(&self.words)),
            Kind::F32 => self.fan.push_interleaved(black_box(&self.floats)),
            Kind::Planar => {
                for (port, samples) in ports.iter_mut().zip(self.floats.chunks_exact(self.frames)) {
                    *port = samples;
                }
                self.fan.push_planar(black_box(ports.get(..self.channels).unwrap_or_default()));
            }
        }
        began.elapsed()
    }
}

/// A playback's callback; a thread keeps its ring filled, stride by stride.
struct Playback {
    pull: PlaybackPull,
    out: Vec<f32>,
    now: u64,
    /// Up to where there is something to play; none where there never is.
    pushed: Option<Arc<AtomicU64>>,
    writer: Helper,
}

impl Playback {
    fn new(frames: usize, filled: bool) -> Self {
        const DELAY: u64 = 4800;
        let (mut push, pull) = playback_ring(SampleRate::new(RATE_HZ).unwrap(), DELAY, CAPACITY);
        let pushed = Arc::new(AtomicU64::new(0));
        let reached = Arc::clone(&pushed);
        let stride: Vec<f32> = (0..4800).map(|i| 0.5 * (i as f32 * 0.05).sin()).collect();
        let mut position = 0;
        let writer = Helper::spawn(move || {
            let room = filled && push.vacant() >= stride.len();
            if room {
                position += push.push(position, &stride, &stride) as u64;
                reached.store(position, Ordering::Release);
            }
            room
        });
        Self { pull, out: vec![0.0; frames], now: DELAY, pushed: filled.then_some(pushed), writer }
    }
}

impl Callback for Playback {
    fn call(&mut self) -> Duration {
        let end = self.now - self.pull.delay_samples() + self.out.len() as u64;
        while self.pushed.as_ref().is_some_and(|pushed| pushed.load(Ordering::Acquire) < end) {
            self.writer.wake();
        }
        let began = Instant::now();
        self.pull.fill(black_box(&mut self.out), self.now, 0);
        let took = began.elapsed();
        self.now += self.out.len() as u64;
        black_box(&self.out);
        took
    }
}

/// A thread that does something again and again; it sleeps a little where there was nothing to do, as the worker does.
struct Helper {
    stop: Arc<AtomicBool>,
    handle: Option<JoinHandle<()>>,
}

impl Helper {
    fn spawn(mut work: impl FnMut() -> bool + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let handle = thread::spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                if !work() {
                    thread::park_timeout(Duration::from_millis(1));
                }
            }
        });
        Self { stop, handle: Some(handle) }
    }

    fn wake(&self) {
        if let Some(handle) = &self.handle {
            handle.thread().unpark();
        }
        spin_loop();
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.wake();
        if let Some(handle) = self.handle.take() {
            handle.join().unwrap();
        }
    }
}

/// Microseconds.
struct Figures {
    p50: f64,
    p999: f64,
    max: f64,
}

fn measure(callback: &mut dyn Callback, n_calls: usize) -> Figures {
    (0..n_calls / 10).for_each(|_| _ = callback.call());
    let mut took: Vec<Duration> = (0..n_calls).map(|_| callback.call()).collect();
    took.sort_unstable();
    let us = |i: usize| took.get(i.min(took.len() - 1)).map_or(0.0, Duration::as_secs_f64) * 1e6;
    Figures { p50: us(took.len() / 2), p999: us(took.len() * 999 / 1000), max: us(took.len() - 1) }
}

fn table(rows: &[(String, [Figures; 3])], n_calls: usize) {
    println!("\nMicroseconds a call, {n_calls} calls each; a callback of 64 frames comes every 1333 µs at 48 kHz");
    print!("{:<36}", "");
    FRAMES.iter().for_each(|frames| print!("{:>28}", format!("{frames} frames")));
    print!("\n{:<36}", "");
    FRAMES.iter().for_each(|_| print!("{:>10}{:>9}{:>9}", "p50", "p99.9", "max"));
    println!();
    for (name, figures) in rows {
        print!("{name:<36}");
        figures.iter().for_each(|f| print!("{:>10.2}{:>9.2}{:>9.1}", f.p50, f.p999, f.max));
        println!();
    }
    let worst = rows.iter().map(|(_, [at_64, ..])| at_64.p999).fold(0.0, f64::max);
    let met = if worst <= AIM_US { "met" } else { "missed" };
    println!("Aim: p99.9 of at most {AIM_US} µs at 64 frames; the worst is {worst:.2} µs: {met}");
}

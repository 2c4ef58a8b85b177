//! Inputs that no one would wish for, and a worker that is too slow for them.

use std::io::{Read, Write};
use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crossbeam::channel::unbounded;

use super::worker::{bytes, events, fast, open, options, run_all, worker};
use crate::support::engine::*;
use earwitness::Result;
use earwitness::audio::source::Capture;
use earwitness::engine::inference::Inference;
use earwitness::engine::report::{EventReport, Report, StopReport, Totals};
use earwitness::engine::snapshot_slot::SnapshotSlot;
use earwitness::engine::worker::{MonitorOptions, Worker};
use earwitness::interpret::{Explanation, Interpreter, Needs, Segment};

const BURSTS: [Range<f64>; 3] = [0.5..0.8, 2.3..2.6, 4.4..5.1];

/// The sound of all tests here that are not about overload: 6 s.
fn sound() -> Vec<f32> {
    scene(6.0, &BURSTS)
}

fn hear(capture: Capture) -> (Vec<EventReport>, Totals) {
    let (reports, _, result) = run_all(worker(capture, options()), false);
    let totals = result.unwrap().totals;
    assert_balance(&totals);
    (events(&reports), totals)
}

fn assert_balance(t: &Totals) {
    assert_eq!(t.captured_samples, t.analysed_samples + t.dropped_samples + t.waiting_samples, "{t:?}");
}

/// The same events to the sample, with the same audio.
fn assert_same(got: &[EventReport], want: &[EventReport]) {
    assert_eq!(got.len(), want.len());
    for (got, want) in got.iter().zip(want) {
        let key = |e: &EventReport| (e.event.onset, e.event.offset, e.event.score, e.event.class);
        assert_eq!(key(got), key(want));
        assert_eq!((&got.clip.heard, &got.clip.interpretation), (&want.clip.heard, &want.clip.interpretation));
    }
}

/// Every sample `times` times, on `channels` channels whose mean it is.
fn spread(samples: &[f32], times: usize, channels: usize) -> Vec<f32> {
    let part = |c: usize| if channels == 1 { 0.0 } else { [0.125, -0.125][c % 2] };
    samples.iter().flat_map(|x| (0..times * channels).map(move |i| x + part(i % channels))).collect()
}

#[test]
fn any_rate_and_number_of_channels_gives_the_same_events() {
    let (want, _) = hear(fast(&sound()));
    assert_times(&want, &BURSTS);
    for (rate, channels) in [(8_000, 1), (8_000, 8), (48_000, 2), (192_000, 1), (192_000, 8)] {
        let samples = spread(&sound(), rate as usize / RATE as usize, channels.into());
        let (events, totals) = hear(open(std::io::Cursor::new(bytes(&samples)), rate, channels, true, 1.0));
        // Another rate's noise is not quite the same noise: some frames more or less at the ends.
        assert_eq!(events.len(), want.len(), "{rate} Hz, {channels} channels");
        for (got, want) in events.iter().map(times).zip(want.iter().map(times)) {
            assert!((got.0 - want.0).abs() < 0.06 && (got.1 - want.1).abs() < 0.06, "{got:?}, not {want:?}");
        }
        let n = (samples.len() / usize::from(channels)) as u64;
        assert_eq!((totals.captured_samples, totals.analysed_samples, totals.invalid_samples), (n, n, 0), "{rate} Hz");
    }
}

/// Gives so many bytes at a time.
struct Pieces {
    data: Vec<u8>,
    at: usize,
    piece: usize,
}

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = self.piece.min(out.len()).min(self.data.len() - self.at);
        out[..n].copy_from_slice(&self.data[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

#[test]
fn chunks_of_one_frame_and_of_a_second_give_the_same_events() {
    let (want, totals) = hear(fast(&sound()));
    assert_times(&want, &BURSTS);
    // A part of a frame, a frame, a frame and a bit, a second; rings shorter and longer than that.
    for piece in [3, 4, 6, 4 * RATE as usize] {
        for ring_secs in [0.1, 5.0] {
            let (got, t) = hear(open(Pieces { data: bytes(&sound()), at: 0, piece }, RATE, 1, true, ring_secs));
            assert_same(&got, &want);
            assert_eq!((t.captured_samples, t.analysed_samples), (totals.captured_samples, totals.analysed_samples));
        }
    }
}

#[test]
fn what_cannot_be_sound_is_heard_as_silence() {
    const ODD: [f32; 6] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, f32::MIN, -f32::NAN];
    let (mut odd, mut clean) = (sound(), sound());
    let mut n_odd = 0;
    // Single samples, in the sound and beside it; then more than a segment of them.
    for i in (0..odd.len()).filter(|i| i % 97 == 0 || (24_000..36_000).contains(i)) {
        (odd[i], clean[i]) = (ODD[i % ODD.len()], 0.0);
        n_odd += 1;
    }
    // Denormals are silence, too, and no fault.
    for i in (0..odd.len()).filter(|i| i % 89 == 0) {
        if clean[i] != 0.0 {
            (odd[i], clean[i]) = ([1e-40, -1e-45][i % 2], 0.0);
        }
    }
    let (want, _) = hear(fast(&clean));
    let (got, totals) = hear(fast(&odd));
    assert_eq!(totals.invalid_samples, n_odd);
    assert!(want.len() >= 2);
    assert_same(&got, &want);
    // A channel that is nothing but that takes nothing away from the other.
    let stereo = |other: f32| sound().iter().flat_map(|x| [*x, other]).collect::<Vec<_>>();
    let (want, _) = hear(open(std::io::Cursor::new(bytes(&stereo(0.0))), RATE, 2, true, 1.0));
    let (got, totals) = hear(open(std::io::Cursor::new(bytes(&stereo(f32::NAN))), RATE, 2, true, 1.0));
    assert_times(&want, &BURSTS);
    assert_same(&got, &want);
    assert_eq!(totals.invalid_samples, sound().len() as u64);
}

#[test]
fn a_stream_of_nothing_but_faults_is_no_event() {
    for value in [f32::NAN, f32::INFINITY, 1e-40, f32::MAX, -0.0] {
        let (events, totals) = hear(fast(&vec![value; 40_000]));
        assert_eq!((events.len(), totals.analysed_samples), (0, 40_000), "{value}");
    }
}

#[test]
fn a_push_never_waits_for_a_reader() {
    // Nobody reads: had any push waited for room, the source would not have come to its end.
    let capture = open(std::io::Cursor::new(bytes(&scene(1.0, &[]))), RATE, 1, false, 0.25);
    while capture.account().captured < u64::from(RATE) {
        thread::sleep(Duration::from_millis(5));
    }
    let account = capture.account();
    assert_eq!((account.read, account.pending, account.dropped), (0, 2000, 6000));
    // Afterwards it all comes to light.
    let (_, totals) = hear(capture);
    assert_eq!((totals.captured_samples, totals.analysed_samples, totals.dropped_samples), (8000, 2000, 6000));
}

/// A method that takes its time.
struct Slow {
    loudness: Loudness,
    takes: Duration,
    /// How many more calls take so long.
    calls: usize,
}

impl Slow {
    fn boxed(needs: Needs, takes: Duration, calls: usize) -> Option<Box<dyn Interpreter>> {
        let loudness = Loudness { needs, ..Loudness::new(Mask::Relative) };
        Some(Box::new(Self { loudness, takes, calls }))
    }
}

impl Interpreter for Slow {
    fn method(&self) -> &'static str {
        "slow"
    }

    fn needs(&self) -> Needs {
        self.loudness.needs()
    }

    fn explain(&mut self, segment: &Segment<'_>) -> Result<Box<dyn Explanation>> {
        if let Some(left) = self.calls.checked_sub(1) {
            self.calls = left;
            thread::sleep(self.takes);
        }
        self.loudness.explain(segment)
    }
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs to the end at real-time pace; gives the reports and the log.
fn run_live(captures: Vec<Capture>, method: Option<Box<dyn Interpreter>>, options: MonitorOptions) -> Live {
    let worker = Worker::new(captures, Inference::new(classifier(), method), options).unwrap();
    let (sender, receiver) = unbounded();
    let log = Log::default();
    let to = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || to.clone()).finish();
    let stops = tracing::subscriber::with_default(subscriber, || {
        worker.run(&sender, &SnapshotSlot::default(), &AtomicBool::new(false)).unwrap()
    });
    drop(sender);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let (log, other) = text.lines().map(String::from).partition(|line| line.contains("shed"));
    Live { reports: receiver.iter().collect(), stops, log, other }
}

struct Live {
    reports: Vec<Report>,
    stops: Vec<StopReport>,
    /// What is logged of shedding, and all else.
    log: Vec<String>,
    other: Vec<String>,
}

/// What the log says is shed, and the seconds of sound that waited when that was taken.
fn shed(line: &str) -> Option<(f64, &str)> {
    let (before, words) = line.split_once(" s of sound wait; shedding ")?;
    Some((before.rsplit(' ').next()?.parse().ok()?, words))
}

#[test]
fn a_method_that_is_too_slow_is_left_out_and_taken_up_again_and_nothing_is_lost() {
    // A stride of 0.32 s costs 0.4 s at first; then the method is as quick as it should be.
    let needs = Needs { taps: true, backward: false, forward_passes: 0 };
    let method = Slow::boxed(needs, Duration::from_millis(400), 16);
    let bursts = [0.5..0.8, 14.0..14.4];
    let capture = open(std::io::Cursor::new(bytes(&scene(19.0, &bursts))), RATE, 1, false, 4.0);
    let options = MonitorOptions { fast: false, ring_secs: 4.0, pre_roll_secs: 0.1, post_roll_secs: 0.1, ..options() };
    let live = run_live(vec![capture], method, options);
    let up: Vec<_> = live.log.iter().map_while(|line| shed(line)).map(|(_, words)| words).collect();
    assert!(up.starts_with(&["jobs", "jobs, interpretation"]), "{:#?}", live.log);
    let down: Vec<&str> = live.log[up.len()..].iter().filter_map(|line| line.rsplit("; ").next()).collect();
    assert!(down.ends_with(&["still shedding jobs", "nothing is shed any more"]), "{:#?}", live.log);
    let t = live.stops[0].totals;
    assert_eq!((t.captured_samples, t.analysed_samples, t.dropped_samples), (152_000, 152_000, 0));
    assert!(t.shed_strides > 5, "{t:?}");
    assert_times(&events(&live.reports), &bursts);
    // Visible in the status.
    let told = |shed: &[&str]| live.reports.iter().any(|r| matches!(r, Report::Status(s) if s.shed == shed));
    assert!(told(&["jobs", "interpretation"]) || told(&["jobs"]), "at 10 s something is still shed");
}

#[test]
fn a_hopeless_overload_sheds_everything_in_order_before_any_sample_is_lost() {
    // Twenty inputs, one after the other with an event; each has to be explained, in small bites, for longer than there is.
    const RING_SECS: f64 = 4.0;
    let captures = (0..20).map(|i| {
        let burst = |n: usize| 0.3 + 0.1 * i as f64 + 2.0 * n as f64..0.5 + 0.1 * i as f64 + 2.0 * n as f64;
        let bursts: Vec<_> = (0..12).map(burst).collect();
        open(std::io::Cursor::new(bytes(&scene(24.0, &bursts))), RATE, 1, false, RING_SECS)
    });
    let captures: Vec<_> = captures.collect();
    let needs = Needs { taps: true, backward: true, forward_passes: 0 };
    let method = Slow::boxed(needs, Duration::from_millis(50), usize::MAX);
    let options = MonitorOptions {
        fast: false,
        ring_secs: RING_SECS,
        pre_roll_secs: 0.1,
        post_roll_secs: 0.1,
        duration_secs: Some(8.0),
        ..options()
    };
    let live = run_live(captures, method, options);
    let taken: Vec<_> = live.log.iter().filter_map(|line| shed(line)).collect();
    let want = [
        "jobs",
        "jobs, interpretation",
        "jobs, interpretation, every second stride",
        "jobs, interpretation, three of four strides",
    ];
    assert_eq!(taken.iter().map(|(_, words)| *words).collect::<Vec<_>>(), want, "{:#?}", live.log);
    // On a machine that is busy with other things the last step may come only as the ring fills up.
    assert!(
        taken[..3].iter().all(|(waiting_secs, _)| *waiting_secs < RING_SECS),
        "the ring was not full yet: {taken:?}"
    );
    // What waits has gaps in it that were not read yet: they count, or the times would seem to be off.
    assert!(!live.other.iter().any(|line| line.contains("the clock was set")), "{:#?}", live.other);
    // Then samples are lost, and counted.
    let first = live.reports.iter().find_map(|report| match report {
        Report::Status(status) if status.totals.dropped_samples > 0 => Some(status.clone()),
        _ => None,
    });
    assert!(first.unwrap().shed.len() > 2, "before that everything else was shed");
    for report in &live.reports {
        if let Report::Status(status) = report {
            assert_balance(&status.totals);
        }
    }
    for stop in &live.stops {
        assert_balance(&stop.totals);
        assert!(stop.totals.shed_strides > 0 && stop.position.0 <= stop.totals.captured_samples, "{stop:?}");
    }
    assert!(live.stops.iter().map(|stop| stop.totals.dropped_samples).sum::<u64>() > 0);
    assert!(events(&live.reports).len() > 20);
}

#[test]
fn a_worker_that_is_busy_for_long_does_not_take_its_input_for_dead() {
    let needs = Needs { taps: true, backward: false, forward_passes: 0 };
    let method = Slow::boxed(needs, Duration::from_millis(4500), 1);
    let capture = open(std::io::Cursor::new(bytes(&scene(5.5, &[]))), RATE, 1, false, 10.0);
    let live = run_live(vec![capture], method, MonitorOptions { fast: false, ..options() });
    assert!(!live.other.iter().any(|line| line.contains("deaf")), "{:#?}", live.other);
    let deaf = |report: &&Report| matches!(report, Report::Status(status) if status.health.is_deaf());
    assert_eq!(live.reports.iter().filter(deaf).count(), 0);
    assert_eq!(live.stops[0].totals.analysed_samples, 44_000);
}

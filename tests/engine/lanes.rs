//! The worker on lanes: one source after another, and sources that come late.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crossbeam::channel::unbounded;
use tempfile::TempDir;

use super::worker::{events, options, run_all};
use crate::support::engine::*;
use earwitness::audio::source::{CaptureOptions, InputSpec, open};
use earwitness::engine::controls::Change;
use earwitness::engine::detector::Edit;
use earwitness::engine::inference::Inference;
use earwitness::engine::lane::{Lane, Next, Supply};
use earwitness::engine::report::{EventReport, Report, StopReport};
use earwitness::engine::snapshot::Phase;
use earwitness::engine::snapshot_slot::SnapshotSlot;
use earwitness::engine::worker::{MonitorOptions, Worker};
use earwitness::units::ClassId;

/// Opens recordings one after another.
struct Recordings {
    left: VecDeque<(String, PathBuf)>,
    dir: TempDir,
    /// Says "not yet" until then.
    not_before: Instant,
}

impl Recordings {
    fn new(recordings: &[(&str, Vec<f32>)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let write = |(name, samples): &(&str, Vec<f32>)| {
            let path = dir.path().join(name);
            write_float_wav(&path, RATE, samples);
            ((*name).to_owned(), path)
        };
        let left = recordings.iter().map(write).collect();
        Self { left, dir, not_before: Instant::now() }
    }

    fn lane(self) -> Lane {
        Lane { inputs: Vec::new(), supply: Some(Box::new(self)) }
    }

    /// How many files of the folder this process has open, where the system tells.
    fn n_open(&self) -> usize {
        let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
        open.filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|file| file.starts_with(self.dir.path()))).count()
    }
}

fn write_float_wav(path: &Path, hz: u32, samples: &[f32]) {
    let spec =
        hound::WavSpec { channels: 1, sample_rate: hz, bits_per_sample: 32, sample_format: hound::SampleFormat::Float };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    samples.iter().for_each(|x| writer.write_sample(*x).unwrap());
    writer.finalize().unwrap();
}

impl Supply for Recordings {
    fn next(&mut self) -> Next {
        if Instant::now() < self.not_before {
            return Next::NotYet;
        }
        assert_eq!(self.n_open(), 0, "one recording of a lane is open at a time");
        let Some((name, path)) = self.left.pop_front() else { return Next::Nothing };
        let options = CaptureOptions { fast: true, ring_secs: 2.0, ..CaptureOptions::default() };
        let mut captures = open(&InputSpec::File(path), options).unwrap();
        captures[0].rename(name);
        Next::Inputs(captures)
    }

    fn name(&self) -> String {
        "late".to_owned()
    }
}

fn worker(lanes: Vec<Lane>, options: MonitorOptions) -> Worker {
    Worker::of_lanes(lanes, Inference::new(classifier(), Loudness::boxed(Mask::Relative)), options).unwrap()
}

fn stops(reports: &[Report]) -> Vec<&StopReport> {
    reports.iter().filter_map(|r| if let Report::Stop(s) = r { Some(s) } else { None }).collect()
}

fn of(reports: &[Report], source: &str) -> Vec<EventReport> {
    events(reports).into_iter().filter(|event| event.event.source == source).collect()
}

fn recordings() -> [(&'static str, Vec<f32>); 3] {
    [("a", scene(4.0, &[1.0..1.5])), ("b", scene(3.0, &[])), ("c", scene(6.0, &[2.0..2.4, 4.0..5.5]))]
}

#[test]
fn each_recording_of_a_lane_is_heard_as_if_it_were_alone() {
    let all = recordings();
    let (reports, slot, result) = run_all(worker(vec![Recordings::new(&all).lane()], options()), false);
    for (name, samples) in &all {
        let want = run(pipeline(Loudness::boxed(Mask::Relative)), samples, 1000);
        let got = of(&reports, name);
        assert_eq!(got.len(), want.len(), "{name}");
        for (got, want) in got.iter().zip(&want) {
            assert_eq!((got.event.onset, got.event.offset), (want.event.onset, want.event.offset));
            assert_eq!(got.clip.interpretation, want.clip.interpretation);
        }
    }
    // One after the other, each with its start and its stop, from 0 on.
    let borders: Vec<(&str, &str, u64)> = reports
        .iter()
        .filter_map(|report| match report {
            Report::Start(r) => Some(("start", r.source.as_str(), 0)),
            Report::Stop(r) => Some(("stop", r.source.as_str(), r.position.0)),
            _ => None,
        })
        .collect();
    let of = |secs: u64| secs * u64::from(RATE);
    let (a, b, c) = (of(4), of(3), of(6));
    assert_eq!(
        borders,
        [("start", "a", 0), ("stop", "a", a), ("start", "b", 0), ("stop", "b", b), ("start", "c", 0), ("stop", "c", c)]
    );
    assert!(stops(&reports).iter().all(|stop| stop.reason == "end of input"));
    // Time is counted for each.
    let (busy, wall): (f64, f64) =
        stops(&reports).iter().fold((0.0, 0.0), |(b, w), stop| (b + stop.busy_secs, w + stop.wall_secs));
    assert!(busy > 0.0 && busy <= wall, "{busy} s of {wall} s");
    assert_eq!(result.unwrap().source, "c");
    // A screen shows the present one, and counts all events.
    let snapshot = slot.latest().unwrap();
    assert_eq!((snapshot.source.as_str(), snapshot.inputs.len()), ("c", 1));
    assert_eq!((snapshot.totals.events, snapshot.inputs[0].totals.events), (3, 3));
    assert_eq!(snapshot.phase, Phase::Ended("end of input".into()));
}

#[test]
fn a_long_lane_keeps_nothing_of_what_it_has_heard() {
    let many: Vec<(String, Vec<f32>)> = (0..200).map(|i| (format!("{i}"), scene(0.1, &[]))).collect();
    let many: Vec<(&str, Vec<f32>)> = many.iter().map(|(name, samples)| (name.as_str(), samples.clone())).collect();
    let (reports, slot, result) = run_all(worker(vec![Recordings::new(&many).lane()], options()), false);
    assert_eq!((stops(&reports).len(), result.unwrap().source.as_str()), (200, "199"));
    assert_eq!(slot.latest().unwrap().inputs.len(), 1);
}

#[test]
fn recordings_of_other_rates_and_other_lanes_go_side_by_side() {
    let all = recordings();
    let supply = Recordings::new(&all);
    // Every sample twice is the same sound at twice the rate.
    let twice: Vec<f32> = scene(3.0, &[1.0..1.5]).iter().flat_map(|x| [*x, *x]).collect();
    write_float_wav(&supply.left[1].1, 2 * RATE, &twice);
    let other = scene(9.0, &[3.0..3.5]);
    let alone = Recordings::new(&[("other", other)]);
    let (reports, slot, _) = run_all(worker(vec![supply.lane(), alone.lane()], options()), false);
    assert_times(&of(&reports, "a"), &[1.0..1.5]);
    assert_times(&of(&reports, "b"), &[1.0..1.5]);
    assert_times(&of(&reports, "c"), &[2.0..2.4, 4.0..5.5]);
    assert_times(&of(&reports, "other"), &[3.0..3.5]);
    let inputs: Vec<String> = slot.latest().unwrap().inputs.iter().map(|input| input.source.clone()).collect();
    assert_eq!(inputs, ["c", "other"], "the lanes keep their places");
}

#[test]
fn a_duration_counts_the_sound_of_the_whole_lane() {
    let all = recordings();
    let options = MonitorOptions { duration_secs: Some(5.5), ..options() };
    let (reports, ..) = run_all(worker(vec![Recordings::new(&all).lane()], options), false);
    let ends: Vec<(&str, &str, u64)> =
        stops(&reports).iter().map(|s| (s.source.as_str(), s.reason.as_str(), s.position.0)).collect();
    assert_eq!(ends, [("a", "end of input", 32_000), ("b", "duration reached", 12_000)]);
}

#[test]
fn a_request_to_stop_opens_nothing_more() {
    let (reports, ..) = run_with(worker(vec![Recordings::new(&recordings()).lane()], options()), true);
    assert!(stops(&reports).is_empty(), "nothing had been opened: {reports:?}");
    // One that is open when the request comes is the last.
    let mut supply = Recordings::new(&recordings());
    let Next::Inputs(inputs) = supply.next() else { panic!("the first one is there") };
    let lane = Lane { inputs, supply: Some(Box::new(supply)) };
    let (reports, ..) = run_all(worker(vec![lane], options()), true);
    let ends: Vec<_> = stops(&reports).iter().map(|s| (s.source.as_str(), s.reason.as_str())).collect();
    assert_eq!(ends, [("a", "stopped")]);
}

#[test]
fn what_comes_late_joins_in_and_is_seen_to_be_waited_for() {
    let mut late = Recordings::new(&[("late", scene(2.0, &[0.5..1.0]))]);
    late.not_before = Instant::now() + Duration::from_millis(400);
    let there = Recordings::new(&[("there", scene(2.0, &[0.5..1.0]))]);
    let (sender, receiver) = unbounded();
    let slot = Arc::new(SnapshotSlot::default());
    let stop = Arc::new(AtomicBool::new(false));
    let thread = worker(vec![late.lane(), there.lane()], options()).spawn(sender, Arc::clone(&slot), stop).unwrap();
    let waited_for = loop {
        let Some(snapshot) = slot.latest() else { continue };
        let phases: Vec<_> = snapshot.inputs.iter().map(|i| (i.source.clone(), i.phase.clone())).collect();
        if phases.len() == 2 {
            break phases;
        }
        assert!(!thread.is_finished(), "{phases:?}");
    };
    assert_eq!(waited_for[1], ("late".to_owned(), Phase::Waiting), "behind those that are open");
    thread.join().unwrap().unwrap();
    let reports: Vec<Report> = receiver.iter().collect();
    assert_times(&of(&reports, "late"), &[0.5..1.0]);
    assert_times(&of(&reports, "there"), &[0.5..1.0]);
    let last: Vec<_> = slot.latest().unwrap().inputs.iter().map(|input| input.source.clone()).collect();
    assert_eq!(last, ["late", "there"], "now in the order of the lanes");
}

#[test]
fn what_never_comes_is_given_up_when_the_duration_is_over_or_a_stop_is_asked_for() {
    let never = || {
        let mut never = Recordings::new(&[("never", scene(1.0, &[]))]);
        never.not_before = Instant::now() + Duration::from_secs(3600);
        never.lane()
    };
    let began = Instant::now();
    let (reports, slot, result) =
        run_with(worker(vec![never()], MonitorOptions { duration_secs: Some(0.3), ..options() }), false);
    assert!(reports.is_empty() && result.is_ok() && slot.latest().is_none(), "{reports:?}");
    assert!(began.elapsed() >= Duration::from_millis(300));
    let (reports, _, result) = run_with(worker(vec![never()], options()), true);
    assert!(reports.is_empty() && result.is_ok(), "{reports:?}");
    assert!(began.elapsed() < Duration::from_secs(60));
}

/// As [`run_all`], for runs without any stop report.
fn run_with(worker: Worker, stop: bool) -> (Vec<Report>, SnapshotSlot, earwitness::Result<Vec<StopReport>>) {
    let (sender, receiver) = unbounded();
    let slot = SnapshotSlot::default();
    let result = worker.run(&sender, &slot, &AtomicBool::new(stop));
    drop(sender);
    (receiver.iter().collect(), slot, result)
}

#[test]
fn what_a_person_has_changed_holds_for_the_recordings_that_follow() {
    let worker = worker(vec![Recordings::new(&recordings()).lane()], options());
    worker.controls().change(Change::Edit(Edit::Mute(ClassId(0))));
    let (reports, slot, _) = run_all(worker, false);
    assert!(events(&reports).is_empty(), "the class of all these events is muted");
    let snapshot = slot.latest().unwrap();
    assert_eq!(snapshot.source, "c");
    assert!(snapshot.classes[0].edited && !snapshot.classes[0].enabled);
}

#[test]
fn the_last_seconds_are_handed_over_where_a_person_asks_for_them() {
    let sound = scene(3.0, &[]);
    let worker = worker(vec![Recordings::new(&[("a", sound.clone())]).lane()], options());
    let controls = worker.controls();
    controls.take_sound();
    run_all(worker, false).2.unwrap();
    let taken = controls.taken().unwrap();
    let from = usize::try_from(taken.from.0).unwrap();
    assert!(!taken.samples.is_empty() && taken.samples.len() <= 5 * RATE as usize);
    assert_eq!(taken.samples, sound[from..from + taken.samples.len()]);
    assert!(controls.taken().is_none(), "once");
}

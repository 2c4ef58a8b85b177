//! The worker on pipes of raw samples, as a program feeds them.

use std::io::{Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use crossbeam::channel::{bounded, unbounded};

use crate::support::engine::*;
use earwitness::audio::source::{Capture, CaptureOptions, SampleFormat, open_raw};
use earwitness::engine::inference::Inference;
use earwitness::engine::report::{EventReport, Report, StopReport};
use earwitness::engine::snapshot::Phase;
use earwitness::engine::snapshot_slot::SnapshotSlot;
use earwitness::engine::worker::{MonitorOptions, Worker};
use earwitness::units::SampleRate;
use earwitness::{ErrorKind, Result};

pub(super) fn bytes(samples: &[f32]) -> Vec<u8> {
    samples.iter().flat_map(|x| x.to_le_bytes()).collect()
}

pub(super) fn open(
    reader: impl Read + Send + 'static,
    rate: u32,
    channels: u16,
    fast: bool,
    ring_secs: f64,
) -> Capture {
    let options = CaptureOptions { fast, ring_secs, ..CaptureOptions::default() };
    let rate = SampleRate::new(rate).unwrap();
    open_raw("pipe".into(), reader, rate, channels, SampleFormat::F32Le, &options).unwrap()
}

pub(super) fn fast(samples: &[f32]) -> Capture {
    open(Cursor::new(bytes(samples)), RATE, 1, true, 2.0)
}

pub(super) fn options() -> MonitorOptions {
    MonitorOptions {
        model: model_ref(),
        detector: detector(&classifier()),
        pre_roll_secs: 0.5,
        post_roll_secs: 0.4,
        max_components: 2,
        fast: true,
        ring_secs: 10.0,
        duration_secs: None,
        onsets: false,
        reasons: false,
        record_dir: Some("events".into()),
        snapshots: true,
    }
}

pub(super) fn worker(capture: Capture, options: MonitorOptions) -> Worker {
    let inference = Inference::new(classifier(), Loudness::boxed(Mask::Relative));
    Worker::new(vec![capture], inference, options).unwrap()
}

/// Runs to the end and gives all reports and the result.
pub(super) fn run_all(worker: Worker, stop: bool) -> (Vec<Report>, SnapshotSlot, Result<StopReport>) {
    let (sender, receiver) = unbounded();
    let slot = SnapshotSlot::default();
    let result = worker.run(&sender, &slot, &AtomicBool::new(stop)).map(|mut stops| stops.remove(0));
    drop(sender);
    (receiver.iter().collect(), slot, result)
}

pub(super) fn events(reports: &[Report]) -> Vec<EventReport> {
    reports.iter().filter_map(|r| if let Report::Event(e) = r { Some((**e).clone()) } else { None }).collect()
}

#[test]
fn reports_come_in_order_with_the_pipelines_own_events() {
    let samples = scene(25.0, &[1.0..1.5, 3.3..3.6, 12.0..14.0, 24.5..25.0]);
    let (reports, slot, result) = run_all(worker(fast(&samples), options()), false);
    let Some(Report::Start(start)) = reports.first() else { panic!("{reports:?}") };
    assert_eq!((start.source.as_str(), start.method.as_str(), start.input_channels), ("pipe", "loudness", 1));
    assert_eq!((start.input_rate.hz(), start.stride_secs, &start.model), (RATE, 0.32, &model_ref()));
    let Some(Report::Stop(stop)) = reports.last() else { panic!("{reports:?}") };
    assert_eq!((stop.reason.as_str(), stop.position.0), ("end of input", samples.len() as u64));
    assert_eq!(result.unwrap().position, stop.position);
    let positions: Vec<u64> =
        reports.iter().filter_map(|r| if let Report::Status(s) = r { Some(s.position.0) } else { None }).collect();
    assert_eq!(positions, [80_000, 160_000]);
    let got = events(&reports);
    let want = run(pipeline(Loudness::boxed(Mask::Relative)), &samples, samples.len());
    assert_eq!(got.len(), 4);
    for (got, want) in got.iter().zip(&want) {
        assert_eq!(
            (got.event.onset, got.event.offset, got.event.score),
            (want.event.onset, want.event.offset, want.event.score)
        );
        assert_eq!(got.clip.interpretation, want.clip.interpretation);
        assert_eq!(got.event.clock, start.clock);
    }
    let t = stop.totals;
    assert_eq!((t.captured_samples, t.analysed_samples, t.events), (200_000, 200_000, 4));
    assert_eq!((t.dropped_samples, t.xruns, t.invalid_samples, t.shed_strides), (0, 0, 0, 0));
    assert!(stop.busy_secs > 0.0 && stop.busy_secs <= stop.wall_secs);
    let snapshot = slot.latest().unwrap();
    assert_eq!(snapshot.phase, Phase::Ended("end of input".into()));
    assert_eq!((snapshot.classes.len(), snapshot.events.len()), (3, 4));
    assert!(snapshot.events[0].event.onset > snapshot.events[3].event.onset, "newest first");
    assert_eq!((snapshot.record_dir.as_deref(), snapshot.model.as_str()), (Some("events"), "tiny"));
    assert!(snapshot.load > 0.0 && snapshot.latency.is_some() && snapshot.shed.is_empty());
    // 12 s of a frame every 10 ms; the newest is centred on the last sample, and nothing of the silence behind it shows.
    let waterfall = &snapshot.waterfall;
    assert_eq!((waterfall.n_columns(), waterfall.first_frame + 1200), (1200, 1 + samples.len() as u64 / 80));
    let loudest = |values: &[f32], column: usize| values[column * 32..][..32].iter().fold(f32::MIN, |a, b| a.max(*b));
    let (last, quiet) = (loudest(&waterfall.level_db, 1199), loudest(&waterfall.level_db, 2000 - 1301));
    assert!(last > quiet + 20.0, "the sound of the last half second goes on to the last column: {last} dB, {quiet} dB");
    assert!(loudest(&waterfall.mask, 0) > 0.1, "the mask of the burst at 13 s is remembered from its first column on");
}

#[test]
fn stereo_at_another_rate_is_heard_at_the_same_places() {
    // 16 kHz: every sample twice makes the same bursts; the channels differ in sign of a part that cancels.
    let mono = scene(6.0, &[1.0..1.5, 3.3..3.6]);
    let stereo: Vec<f32> = mono.iter().flat_map(|x| [x + 0.1, x - 0.1, x + 0.2, x - 0.2]).collect();
    let capture = open(Cursor::new(bytes(&stereo)), 16_000, 2, true, 2.0);
    let (reports, _, result) = run_all(worker(capture, options()), false);
    assert_times(&events(&reports), &[1.0..1.5, 3.3..3.6]);
    let stop = result.unwrap();
    assert_eq!((stop.position.0, stop.totals.captured_samples), (48_000, 96_000));
}

#[test]
fn a_duration_ends_the_stream_to_the_sample_and_open_events_are_reported() {
    let samples = scene(30.0, &[1.0..1.5, 3.0..9.0]);
    let (reports, _, result) =
        run_all(worker(fast(&samples), MonitorOptions { duration_secs: Some(4.2), ..options() }), false);
    assert_times(&events(&reports), &[1.0..1.5, 3.0..4.2]);
    let stop = result.unwrap();
    assert_eq!(
        (stop.reason.as_str(), stop.position.0, stop.totals.analysed_samples),
        ("duration reached", 33_600, 33_600)
    );
}

#[test]
fn a_request_to_stop_ends_the_stream_in_order() {
    let (reports, slot, result) = run_all(worker(fast(&scene(5.0, &[])), options()), true);
    assert!(matches!(reports[..], [Report::Start(_), Report::Stop(_)]), "{reports:?}");
    assert_eq!(result.unwrap().reason, "stopped");
    assert_eq!(slot.latest().unwrap().phase, Phase::Ended("stopped".into()));
    // A live source: what was captured before the request is heard.
    let samples = scene(60.0, &[0.1..0.3]);
    let capture = open(Cursor::new(bytes(&samples)), RATE, 1, false, 10.0);
    while capture.pending() < RATE as usize {
        thread::sleep(Duration::from_millis(10));
    }
    let (reports, _, result) = run_all(worker(capture, MonitorOptions { fast: false, ..options() }), true);
    let stop = result.unwrap();
    assert_eq!(stop.reason, "stopped");
    assert!(stop.position.0 >= u64::from(RATE) && stop.position.0 < 30 * u64::from(RATE));
    assert_eq!(stop.totals.captured_samples, stop.totals.analysed_samples);
    assert_times(&events(&reports), &[0.1..0.3]);
}

/// Gives what it has, then breaks.
struct Broken(Cursor<Vec<u8>>);

impl Read for Broken {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(out)? {
            0 => Err(std::io::Error::other("the cable was pulled")),
            n => Ok(n),
        }
    }
}

#[test]
fn a_source_that_breaks_is_an_input_error_and_what_was_heard_is_kept() {
    let samples = scene(3.0, &[1.0..1.5, 2.7..3.0]);
    let capture = open(Broken(Cursor::new(bytes(&samples))), RATE, 1, true, 2.0);
    let (reports, slot, result) = run_all(worker(capture, options()), false);
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(error.to_string().contains("the cable was pulled"), "{error}");
    assert_times(&events(&reports), &[1.0..1.5, 2.7..3.0]);
    let Some(Report::Stop(stop)) = reports.last() else { panic!("{reports:?}") };
    assert_eq!(stop.reason, error.to_string());
    assert_eq!(slot.latest().unwrap().phase, Phase::Failed(error.to_string()));
}

#[test]
fn an_input_that_is_empty_or_not_finite_is_no_trouble() {
    let (reports, _, result) = run_all(worker(fast(&[]), options()), false);
    assert!(matches!(reports[..], [Report::Start(_), Report::Stop(_)]), "{reports:?}");
    assert_eq!(result.unwrap().position.0, 0);
    let mut samples = scene(4.0, &[1.0..1.5]);
    samples[3000..3100].fill(f32::NAN);
    samples[3100] = f32::INFINITY;
    let (reports, _, result) = run_all(worker(fast(&samples), options()), false);
    assert_times(&events(&reports), &[1.0..1.5]);
    assert_eq!(result.unwrap().totals.invalid_samples, 101);
}

#[test]
fn a_slow_recorder_gets_every_report() {
    let samples = scene(8.0, &[1.0..1.2, 2.0..2.2, 3.0..3.2, 4.0..4.2, 5.0..5.2, 6.0..6.2, 7.0..7.2]);
    let (sender, receiver) = bounded(1);
    let slot = Arc::new(SnapshotSlot::default());
    let handle = worker(fast(&samples), options()).spawn(sender, slot, Arc::new(AtomicBool::new(false))).unwrap();
    let mut reports = Vec::new();
    for report in &receiver {
        thread::sleep(Duration::from_millis(20));
        reports.push(report);
    }
    assert_eq!(handle.join().unwrap().unwrap()[0].totals.events, 7);
    assert_eq!(events(&reports).len(), 7);
}

#[test]
fn without_a_recorder_the_worker_ends_with_an_output_error() {
    let (sender, receiver) = bounded(1);
    drop(receiver);
    let stop = AtomicBool::new(false);
    let error = worker(fast(&scene(2.0, &[])), options()).run(&sender, &SnapshotSlot::default(), &stop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Output);
}

#[test]
fn positions_stay_true_over_lost_samples() {
    // A gap of less than a segment, which becomes silence, and one of more, at which a new stretch begins.
    for lost_secs in [0.4, 2.0] {
        let samples = scene(6.0, &[4.6..5.0]);
        let capture = open(Cursor::new(bytes(&samples)), RATE, 1, false, 1.0);
        let lost = |capture: &Capture| capture.account().dropped as f64;
        while lost(&capture) < lost_secs * f64::from(RATE) {
            thread::sleep(Duration::from_millis(5));
        }
        let (reports, _, result) = run_all(worker(capture, MonitorOptions { fast: false, ..options() }), false);
        let stop = result.unwrap();
        let t = stop.totals;
        assert!(t.dropped_samples as f64 >= lost_secs * f64::from(RATE));
        assert_eq!(t.captured_samples, t.analysed_samples + t.dropped_samples);
        assert_eq!((t.captured_samples, stop.position.0), (48_000, 48_000));
        assert_times(&events(&reports), &[4.6..5.0]);
        assert!(
            reports.iter().any(|r| matches!(r, Report::Status(s) if s.totals.dropped_samples > 0)),
            "the loss is told"
        );
    }
}

#[test]
fn several_inputs_share_a_model_and_nothing_else() {
    let scenes = [scene(9.0, &[1.0..1.5, 6.0..6.4]), scene(5.0, &[]), scene(7.0, &[2.0..2.4, 3.5..5.0])];
    let names = ["yard", "attic", "plant"];
    let captures = scenes.iter().zip(names).map(|(samples, name)| {
        let options = CaptureOptions { fast: true, ring_secs: 2.0, ..CaptureOptions::default() };
        let rate = SampleRate::new(RATE).unwrap();
        open_raw(name.into(), Cursor::new(bytes(samples)), rate, 1, SampleFormat::F32Le, &options).unwrap()
    });
    let inference = Inference::new(classifier(), Loudness::boxed(Mask::Relative));
    let worker = Worker::new(captures.collect(), inference, options()).unwrap();
    let (sender, receiver) = unbounded();
    let slot = SnapshotSlot::default();
    let stops = worker.run(&sender, &slot, &AtomicBool::new(false)).unwrap();
    drop(sender);
    let reports: Vec<Report> = receiver.iter().collect();
    let mut ids = std::collections::HashSet::new();
    for ((samples, name), stop) in scenes.iter().zip(names).zip(&stops) {
        let want = run(pipeline(Loudness::boxed(Mask::Relative)), samples, 1000);
        let got: Vec<_> = events(&reports).into_iter().filter(|e| e.event.source == name).collect();
        assert_eq!(got.len(), want.len());
        for (got, want) in got.iter().zip(&want) {
            assert_eq!((got.event.onset, got.event.offset), (want.event.onset, want.event.offset));
            assert_eq!(got.clip.interpretation, want.clip.interpretation);
            assert!(ids.insert(got.event.id.clone()), "the id {} twice", got.event.id);
        }
        let n = samples.len() as u64;
        assert_eq!((stop.source.as_str(), stop.position.0, stop.totals.analysed_samples), (name, n, n));
        let of_it = |report: &Report| match report {
            Report::Start(r) => r.source == name,
            Report::Stop(r) => r.source == name && r.reason == "end of input",
            _ => false,
        };
        assert_eq!(reports.iter().filter(|r| of_it(r)).count(), 2, "a start and a stop of {name}");
    }
}

#[test]
fn an_input_that_breaks_does_not_end_the_others() {
    let (short, long) = (scene(2.0, &[0.5..1.0]), scene(8.0, &[1.0..1.5, 6.0..6.4]));
    let broken = open(Broken(Cursor::new(bytes(&short))), RATE, 1, true, 2.0);
    let inference = Inference::new(classifier(), Loudness::boxed(Mask::Relative));
    let worker = Worker::new(vec![broken, fast(&long)], inference, options()).unwrap();
    let (sender, receiver) = unbounded();
    let error = worker.run(&sender, &SnapshotSlot::default(), &AtomicBool::new(false)).unwrap_err();
    drop(sender);
    assert_eq!((error.kind(), error.to_string().contains("the cable was pulled")), (ErrorKind::Input, true));
    let reports: Vec<Report> = receiver.iter().collect();
    assert_eq!(events(&reports).len(), 3);
    let stops: Vec<_> = reports.iter().filter_map(|r| if let Report::Stop(s) = r { Some(s) } else { None }).collect();
    assert_eq!(stops.iter().map(|s| s.position.0).collect::<Vec<_>>(), [short.len() as u64, long.len() as u64]);
    assert_eq!(stops[1].reason, "end of input");
}

#[test]
fn the_beginning_of_an_event_is_told_before_its_end_if_that_is_wanted() {
    let samples = scene(12.0, &[1.0..1.5, 3.0..8.0]);
    let (reports, ..) = run_all(worker(fast(&samples), MonitorOptions { onsets: true, ..options() }), false);
    let mut begun = Vec::new();
    let (mut n_events, mut matched) = (0, 0);
    for report in &reports {
        match report {
            Report::Onset(onset) => begun.push(onset),
            Report::Event(event) => {
                let event = &event.event;
                n_events += 1;
                let Some(onset) = begun.iter().find(|onset| onset.id == event.id) else { continue };
                assert_eq!((onset.onset, onset.class, &onset.label), (event.onset, event.class, &event.label));
                assert_eq!((onset.latency_secs, &onset.source), (event.latency_secs, &event.source));
                assert!(onset.score <= event.score && onset.clock == event.clock);
                matched += 1;
            }
            _ => {}
        }
    }
    // The long event is reported in pieces; only its beginning is a beginning.
    assert_eq!((begun.len(), n_events, matched), (2, 3, 2));
    let (without, ..) = run_all(worker(fast(&samples), options()), false);
    assert!(!without.iter().any(|report| matches!(report, Report::Onset(_))));
}

//! Events that are explained after they were reported, by a method that is too slow for every stride.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam::channel::unbounded;

use super::worker::{events, fast, options, run_all};
use crate::support::engine::*;
use earwitness::Result;
use earwitness::engine::inference::Inference;
use earwitness::engine::offline::{RecordingParams, explain_recording};
use earwitness::engine::report::{EventReport, Explained, Report};
use earwitness::engine::snapshot_slot::SnapshotSlot;
use earwitness::engine::worker::{MonitorOptions, Worker};
use earwitness::interpret::{Explanation, Interpreter, Needs, Segment};

/// A method that runs the classifier backward, and only while the gate is open.
struct Slow {
    inner: Loudness,
    gate: Arc<AtomicBool>,
    begun: Arc<AtomicUsize>,
}

impl Interpreter for Slow {
    fn method(&self) -> &'static str {
        "slow"
    }

    fn needs(&self) -> Needs {
        Needs { taps: false, backward: true, forward_passes: 0 }
    }

    fn explain(&mut self, segment: &Segment<'_>) -> Result<Box<dyn Explanation>> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        while !self.gate.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(2));
        }
        self.inner.explain(segment)
    }
}

fn slow(gate: &Arc<AtomicBool>) -> (Inference, Arc<AtomicUsize>) {
    let slow = Slow { inner: Loudness::new(Mask::Relative), gate: Arc::clone(gate), begun: Arc::default() };
    let begun = Arc::clone(&slow.begun);
    (Inference::new(classifier(), Some(Box::new(slow))), begun)
}

fn worker(samples: &[f32], options: MonitorOptions, gate: &Arc<AtomicBool>) -> (Worker, Arc<AtomicUsize>) {
    let (inference, begun) = slow(gate);
    assert!(!inference.explains_strides());
    // For the strides there is a quicker method.
    let quick = Inference::new(classifier(), Loudness::boxed(Mask::Ones));
    let worker = Worker::new(vec![fast(samples)], quick, options).unwrap();
    (worker.with_explainer(inference).unwrap(), begun)
}

fn explained(reports: &[Report]) -> Vec<EventReport> {
    reports.iter().filter_map(|r| if let Report::Explained(e) = r { Some((**e).clone()) } else { None }).collect()
}

const BURSTS: [std::ops::Range<f64>; 3] = [1.0..1.5, 5.3..5.9, 12.0..14.0];

#[test]
fn an_event_is_reported_at_once_and_explained_before_the_stop() {
    let samples = scene(20.0, &BURSTS);
    let (worker, _) = worker(&samples, options(), &Arc::new(AtomicBool::new(true)));
    let (reports, slot, result) = run_all(worker, false);
    result.unwrap();
    let Some(Report::Start(start)) = reports.first() else { panic!("{reports:?}") };
    assert_eq!(start.method, "slow");
    assert!(matches!(reports.last(), Some(Report::Stop(_))), "nothing comes behind the stop");
    let (first, then) = (events(&reports), explained(&reports));
    assert_eq!((first.len(), then.len()), (3, 3));
    for (first, then) in first.iter().zip(&then) {
        assert_eq!((first.event.explanation, then.event.explanation), (Explained::Pending, Explained::Done));
        assert!(first.event.components.is_empty() && first.event.faithfulness.is_none());
        assert!(first.clip.interpretation.iter().all(|x| *x == 0.0), "nobody has explained it yet");
        assert_eq!((&first.event.id, first.event.onset), (&then.event.id, then.event.onset));
        assert_eq!((&first.clip.heard, first.clip.start), (&then.clip.heard, then.clip.start));

        // What `explain` makes of the clip.
        let params =
            RecordingParams { source: "clip".into(), model: model_ref(), clock: first.event.clock, max_components: 2 };
        let mut inference = Inference::new(classifier(), Loudness::boxed(Mask::Relative));
        let want = explain_recording(&first.clip.heard, &mut inference, Some(first.event.class), &params).unwrap();
        assert_eq!(then.clip.interpretation, want.clip.interpretation);
        assert_eq!(
            (&then.event.components, then.event.faithfulness),
            (&want.event.components, want.event.faithfulness)
        );
        assert!(then.clip.interpretation.iter().any(|x| *x != 0.0));
    }
    let snapshot = slot.latest().unwrap();
    assert!(snapshot.events.iter().all(|summary| summary.event.explanation == Explained::Done));
    assert_eq!(snapshot.method, "slow");
}

#[test]
fn whoever_stops_does_not_wait_for_explanations() {
    let samples = scene(20.0, &BURSTS);
    let gate = Arc::new(AtomicBool::new(false));
    let (worker, begun) = worker(&samples, options(), &gate);
    let (sender, receiver) = unbounded();
    let stop = Arc::new(AtomicBool::new(false));
    let running = thread::spawn({
        let stop = Arc::clone(&stop);
        move || worker.run(&sender, &SnapshotSlot::default(), &stop)
    });
    // All events are there and the first one is being explained, for ever.
    let mut reports = Vec::new();
    while events(&reports).len() < 3 || begun.load(Ordering::Relaxed) == 0 {
        reports.extend(receiver.recv_timeout(Duration::from_millis(20)));
    }
    stop.store(true, Ordering::Relaxed);
    // A segment that has been begun is finished.
    thread::sleep(Duration::from_millis(50));
    gate.store(true, Ordering::Relaxed);
    running.join().unwrap().unwrap();
    reports.extend(receiver.iter());
    let then = explained(&reports);
    assert_eq!(then.len(), 3, "each event is told of");
    assert!(then.iter().all(|report| report.event.explanation == Explained::Missed), "{then:?}");
    assert_eq!(begun.load(Ordering::Relaxed), 1, "nothing new is begun");
}

#[test]
fn a_method_for_every_stride_needs_no_thread_of_its_own() {
    let samples = scene(6.0, &[1.0..1.5]);
    let inference = Inference::new(classifier(), Loudness::boxed(Mask::Relative));
    assert!(inference.explains_strides());
    let (reports, ..) = run_all(Worker::new(vec![fast(&samples)], inference, options()).unwrap(), false);
    let events = events(&reports);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].event.explanation, Explained::Done);
    assert!(explained(&reports).is_empty());
}

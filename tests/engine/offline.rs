//! One recording as one clip.

use crate::support::engine::*;
use earwitness::ErrorKind;
use earwitness::dsp::FrontEnd;
use earwitness::engine::inference::Inference;
use earwitness::engine::offline::{RecordingParams, explain_recording};
use earwitness::engine::report::EventReport;
use earwitness::units::ClassId;

fn params() -> RecordingParams {
    RecordingParams { source: "file:x.wav".into(), model: model_ref(), clock: clock(), max_components: 5 }
}

fn inference(mask: Mask) -> Inference {
    Inference::new(classifier(), Some(Box::new(Loudness::new(mask))))
}

fn explained(samples: &[f32], mask: Mask, class: Option<ClassId>) -> EventReport {
    explain_recording(samples, &mut inference(mask), class, &params()).unwrap()
}

#[test]
fn the_figures_are_what_the_classifier_says_of_the_files_audio() {
    // Just one segment, silent at the end, so that no frame reaches beyond.
    let mut samples = scene(1.27, &[0.2..0.9]);
    samples.truncate((SEGMENT - 1) * HOP);
    samples[9000..].fill(0.0);
    let report = explained(&samples, Mask::Low, None);
    let f = report.event.faithfulness.unwrap();
    let classify = |samples: &[f32]| {
        let classifier = classifier();
        let features = FrontEnd::new(classifier.front_end()).unwrap().batch(samples).unwrap();
        classifier.classify(&features).unwrap()
    };
    let rest: Vec<f32> = report.clip.heard.iter().zip(&report.clip.interpretation).map(|(x, i)| x - i).collect();
    let want = [&report.clip.heard, &report.clip.interpretation, &rest].map(|x| classify(x).probs[0]);
    for (got, want) in [f.prob, f.prob_in, f.prob_out].into_iter().zip(want) {
        assert!((got - want).abs() < 1e-6, "{f:?}, not {want:?}");
    }
    assert!(want[0] != want[1] && want[1] != want[2], "three different figures: {want:?}");
    assert_eq!(f.agrees, classify(&report.clip.interpretation).top() == 0);
    assert_eq!(report.event.score, f.prob);
}

#[test]
fn the_clip_is_the_recording_whatever_its_length() {
    for secs in [0.01, 0.5, 1.27, 1.28, 1.5, 5.3] {
        let samples = scene(secs, &[0.2..0.4, 3.0..3.5]);
        let report = explained(&samples, Mask::Ones, None);
        let (e, clip) = (&report.event, &report.clip);
        assert_eq!((e.onset.0, e.offset.0, clip.start.0), (0, samples.len() as u64, 0));
        assert_eq!(clip.heard, samples);
        assert_close(&clip.interpretation, &samples, 1e-5);
        assert_eq!((e.label.as_str(), e.method.as_str(), e.components.len()), ("always", "loudness", 3));
        assert_eq!(clip.components.len(), 3);
    }
}

#[test]
fn a_label_can_be_asked_for_though_the_classifier_does_not_believe_it() {
    let samples = scene(3.0, &[1.0..1.5]);
    let report = explained(&samples, Mask::Ones, Some(ClassId(2)));
    assert_eq!(report.event.label, "never");
    assert!(report.event.score < 0.1);
    assert!(!report.event.faithfulness.unwrap().agrees);
    assert_close(&report.clip.interpretation, &samples, 1e-5);
}

#[test]
fn what_cannot_be_explained_is_refused() {
    let refused =
        |samples: &[f32], class| explain_recording(samples, &mut inference(Mask::Ones), class, &params()).unwrap_err();
    let empty = refused(&[], None);
    assert_eq!(empty.kind(), ErrorKind::Input);
    assert!(empty.to_string().contains("file:x.wav lasts 0.0 s"), "{empty}");
    assert_eq!(refused(&[0.0], Some(ClassId(3))).kind(), ErrorKind::Usage);
}

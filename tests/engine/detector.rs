//! The detector on scores and evidence that are known exactly: where events begin and end, what is one event, and what
//! is none.

#![allow(clippy::unwrap_used)]

use earwitness::engine::detector::{
    ClassParams, Detection, Detector, DetectorParams, Edit, Localisation, Reason, StrideInput,
};
use earwitness::units::ClassId;

/// Frames are 20 ms apart, a segment is 5 s long, a stride 0.64 s.
const FRAME_SECS: f64 = 0.02;
const SEGMENT: i64 = 250;
const STRIDE: u64 = 32;

fn params(n_classes: usize) -> DetectorParams {
    DetectorParams {
        min_strides: 2,
        of_strides: 3,
        sure: 1.0,
        min_duration_secs: 0.1,
        merge_gap_secs: 1.0,
        rival_margin: 1.0,
        cooldown_secs: 0.0,
        max_event_secs: 20.0,
        gate_dbfs: None,
        low_cut_hz: 0.0,
        classes: vec![ClassParams::new(0.6, 0.4); n_classes],
        any_loud: None,
        dropped_speech: Vec::new(),
        quiet: None,
        localisation: Localisation::default(),
    }
}

/// A stretch in which a class is heard: frames, and how strong its evidence is.
type Sound = (std::ops::Range<i64>, f32);

/// Plays sounds, one list a class, for `n_strides` strides. As a real segment does, each remembers what it has heard for
/// as long as it is long: the score is high while any sound's frame lies in it.
fn play(params: &DetectorParams, sounds: &[Vec<Sound>], n_strides: u64) -> Vec<Detection> {
    let mut detector = Detector::new(params, FRAME_SECS).unwrap();
    let mut over = Vec::new();
    for end in (1..=n_strides).map(|s| s * STRIDE) {
        let evidence = |class: ClassId| -> Vec<f32> {
            let raw: Vec<f32> = (end as i64 - SEGMENT..end as i64).map(|t| level(&sounds[class.0], t)).collect();
            // As the pipeline does it: five frames averaged.
            (0..raw.len())
                .map(|i| {
                    let around = &raw[i.saturating_sub(2)..(i + 3).min(raw.len())];
                    around.iter().sum::<f32>() / around.len() as f32
                })
                .collect()
        };
        let heard = |class: usize| (end as i64 - SEGMENT..end as i64).any(|t| level(&sounds[class], t) > 0.0);
        let probs: Vec<f32> = (0..sounds.len()).map(|c| if heard(c) { 0.9 } else { 0.05 }).collect();
        detector.stride(&StrideInput { end, probs: &probs, gate_dbfs: None, evidence: &evidence }, &mut over);
    }
    detector.finish(&mut over);
    over
}

fn level(sounds: &[Sound], t: i64) -> f32 {
    sounds.iter().filter(|(frames, _)| frames.contains(&t)).map(|(_, level)| *level).sum()
}

fn near(got: u64, want: i64) -> bool {
    (got as i64 - want).abs() <= 2
}

fn assert_events(got: &[Detection], want: &[(usize, i64, i64)]) {
    assert_eq!(got.len(), want.len(), "{got:?}");
    for (got, (class, onset, offset)) in got.iter().zip(want) {
        assert_eq!(got.class.0, *class, "{got:?}");
        assert!(near(got.onset, *onset) && near(got.offset, *offset), "{got:?}, not {onset}..{offset}");
        assert!(got.sure_end > got.onset && got.peak_end > got.onset && got.score > 0.8, "{got:?}");
    }
}

#[test]
fn onset_and_offset_come_from_the_evidence_wherever_the_sound_lies_in_a_stride() {
    for onset in (300..300 + STRIDE as i64).step_by(5) {
        for length in [10, 40, 150, 400] {
            let got = play(&params(1), &[vec![(onset..onset + length, 1.0)]], 60);
            assert_events(&got, &[(0, onset, onset + length)]);
        }
    }
}

/// One long sound whose score pauses for some strides in its middle. `keep` says whether what is over waits to be taken, or is
/// reported at once.
fn play_with_pause(params: &DetectorParams, keep: bool) -> (Vec<Detection>, Vec<Reason>) {
    let mut detector = Detector::new(params, FRAME_SECS).unwrap();
    let (mut all, mut over, mut reasons) = (Vec::new(), Vec::new(), Vec::new());
    let sound = vec![(300..760_i64, 1.0)];
    for end in (1..=40).map(|s| s * STRIDE) {
        let evidence = |_: ClassId| (end as i64 - SEGMENT..end as i64).map(|t| level(&sound, t)).collect::<Vec<f32>>();
        let heard = (end as i64 - SEGMENT..end as i64).any(|t| level(&sound, t) > 0.0);
        let prob = if heard && !(480..=600).contains(&end) { 0.9 } else { 0.1 };
        detector.stride(&StrideInput { end, probs: &[prob], gate_dbfs: None, evidence: &evidence }, &mut over);
        for (class, _) in detector.resumed() {
            detector.is_told(class);
        }
        reasons.push(detector.reason(ClassId(0)));
        if !keep {
            all.append(&mut over);
        }
    }
    detector.finish(&mut over);
    all.append(&mut over);
    (all, reasons)
}

#[test]
fn an_event_whose_score_pauses_while_its_sound_goes_on_is_reported_once() {
    let (one, reasons) = play_with_pause(&params(1), true);
    assert_events(&one, &[(0, 300, 760)]);
    assert!(!reasons.contains(&Reason::Reported));
    // What was reported before it went on stays as it was, and the rest is no event of its own.
    let (one, reasons) = play_with_pause(&params(1), false);
    assert_eq!(one.len(), 1, "{one:?}");
    assert!(near(one[0].onset, 300) && one[0].offset < 500, "{one:?}");
    assert!(reasons.contains(&Reason::Reported));
    // What lasts longer than the longest event is reported again, as any long event is.
    let pieces = DetectorParams { max_event_secs: 6.0, ..params(1) };
    let (pieces, _) = play_with_pause(&pieces, false);
    assert_eq!(pieces.len(), 2, "{pieces:?}");
    assert!(near(pieces[1].onset, 600) && near(pieces[1].offset, 760), "{pieces:?}");
    // Behind a cooldown there is another event.
    let cooling = DetectorParams { cooldown_secs: 1.0, ..params(1) };
    assert_eq!(play_with_pause(&cooling, false).0.len(), 2);
}

#[test]
fn the_detector_is_sure_after_two_strides() {
    let got = play(&params(1), &[vec![(290..330, 1.0)]], 40);
    // The strides that end at frames 320 and 352 hear it, equally well; the second has more of it.
    assert_eq!((got[0].sure_end, got[0].peak_end), (352, 352));
}

#[test]
fn the_surest_stride_is_known_even_if_it_came_before_the_event_was_sure() {
    for (probs, peak_end, score) in [([0.95, 0.7, 0.9], 320, 0.95), ([0.7, 0.8, 0.97], 384, 0.97)] {
        let mut detector = Detector::new(&params(1), FRAME_SECS).unwrap();
        let mut over = Vec::new();
        for (end, prob) in [320, 352, 384].into_iter().zip(probs) {
            let evidence =
                |_: ClassId| (end - SEGMENT..end).map(|t| level(&[(290..330, 1.0)], t)).collect::<Vec<f32>>();
            detector.stride(
                &StrideInput { end: end as u64, probs: &[prob], gate_dbfs: None, evidence: &evidence },
                &mut over,
            );
        }
        detector.finish(&mut over);
        assert_eq!((over.len(), over[0].peak_end, over[0].score), (1, peak_end, score));
    }
}

#[test]
fn short_gaps_are_merged_and_long_ones_are_not() {
    let merged = play(&params(1), &[vec![(300..340, 1.0), (385..420, 1.0)]], 60);
    assert_events(&merged, &[(0, 300, 420)]);
    // 1.2 s apart: longer than the merge gap, and still within the reach of one segment.
    let apart = play(&params(1), &[vec![(300..340, 1.0), (400..440, 1.0)]], 60);
    assert_events(&apart, &[(0, 300, 340), (0, 400, 440)]);
}

#[test]
fn the_same_class_three_seconds_later_is_another_event_and_an_old_one_is_not_reported_twice() {
    let got = play(&params(1), &[vec![(300..340, 1.0), (490..530, 0.8)]], 80);
    assert_events(&got, &[(0, 300, 340), (0, 490, 530)]);
}

#[test]
fn two_classes_at_once_are_two_events() {
    let got = play(&params(2), &[vec![(300..360, 1.0)], vec![(320..500, 1.0)]], 60);
    assert_events(&got, &[(0, 300, 360), (1, 320, 500)]);
}

#[test]
fn a_cooldown_keeps_a_class_silent_and_the_others_not() {
    let sounds = vec![(300..340, 1.0), (600..640, 1.0), (1000..1040, 1.0)];
    let cooling = DetectorParams { cooldown_secs: 8.0, ..params(2) };
    let got = play(&cooling, &[sounds, vec![(600..640, 1.0)]], 60);
    assert_events(&got, &[(0, 300, 340), (1, 600, 640), (0, 1000, 1040)]);
}

#[test]
fn a_long_event_comes_in_pieces_that_lie_end_to_end() {
    let rolling = DetectorParams { max_event_secs: 6.0, ..params(1) };
    let got = play(&rolling, &[vec![(300..1000, 1.0)]], 60);
    assert_events(&got, &[(0, 300, 600), (0, 600, 900), (0, 900, 1000)]);
    assert!(got.windows(2).all(|pair| pair[0].offset == pair[1].onset));
}

#[test]
fn what_is_too_short_is_not_reported_and_does_not_come_again() {
    let strict = DetectorParams { min_duration_secs: 0.5, ..params(1) };
    assert_events(&play(&strict, &[vec![(300..310, 1.0)]], 60), &[]);
    assert_events(&play(&strict, &[vec![(300..310, 1.0), (500..600, 1.0)]], 60), &[(0, 500, 600)]);
}

#[test]
fn an_event_that_is_open_at_the_end_is_reported() {
    // The stream ends at frame 640.
    let got = play(&params(1), &[vec![(500..900, 1.0)]], 20);
    assert_events(&got, &[(0, 500, 640)]);
}

#[test]
fn a_class_that_is_switched_off_is_not_reported() {
    let mut off = params(2);
    off.classes[0].enabled = false;
    let sound = vec![(300..400, 1.0)];
    assert_events(&play(&off, &[sound.clone(), sound], 60), &[(1, 300, 400)]);
}

#[test]
fn one_stride_is_no_event_and_the_reason_is_told() {
    let mut detector = Detector::new(&DetectorParams { cooldown_secs: 6.4, ..params(1) }, FRAME_SECS).unwrap();
    let mut over = Vec::new();
    let mut reasons = Vec::new();
    // Evidence in the newest stride's frames, wherever the score is high.
    for (s, prob) in [0.1, 0.9, 0.1, 0.1, 0.1, 0.9, 0.9, 0.1, 0.1, 0.1, 0.9, 0.1].into_iter().enumerate() {
        let evidence = |_: ClassId| (0..SEGMENT).map(|i| f32::from(i >= SEGMENT - STRIDE as i64)).collect::<Vec<f32>>();
        let end = (s as u64 + 10) * STRIDE;
        detector.stride(&StrideInput { end, probs: &[prob], gate_dbfs: None, evidence: &evidence }, &mut over);
        reasons.push(detector.reason(ClassId(0)).to_string());
        assert_eq!(detector.is_open(ClassId(0)), (6..9).contains(&s), "stride {s}");
    }
    assert_eq!(over.len(), 1);
    assert_eq!(reasons[1], "1 of 2 strides");
    assert_eq!(reasons[5], "1 of 2 strides");
    // Over at frame 512; a cooldown of 320 frames ends at 832, and stride 10 ends at frame 640.
    assert_eq!(reasons[10], "cooldown 4 s left");
    assert!([0, 2, 3, 6, 9, 11].iter().all(|s| reasons[*s].is_empty()), "{reasons:?}");
}

#[test]
fn one_stride_is_enough_where_it_is_very_sure_and_has_evidence() {
    let quick = DetectorParams { sure: 0.85, ..params(1) };
    let first_sure = |probs: [f32; 3], sound: Sound| {
        let mut detector = Detector::new(&quick, FRAME_SECS).unwrap();
        let mut over = Vec::new();
        for (end, prob) in [320, 352, 384].into_iter().zip(probs) {
            let evidence =
                |_: ClassId| (end - SEGMENT..end).map(|t| level(std::slice::from_ref(&sound), t)).collect::<Vec<f32>>();
            detector.stride(
                &StrideInput { end: end as u64, probs: &[prob], gate_dbfs: None, evidence: &evidence },
                &mut over,
            );
        }
        detector.finish(&mut over);
        over.first().map(|event| (event.sure_end, event.onset))
    };
    assert_eq!(first_sure([0.9, 0.7, 0.7], (290..330, 1.0)), Some((320, 290)));
    assert_eq!(first_sure([0.7, 0.9, 0.1], (290..330, 1.0)), Some((352, 290)));
    assert_eq!(first_sure([0.7, 0.1, 0.1], (290..330, 1.0)), None);
    assert_eq!(first_sure([0.9, 0.9, 0.9], (290..330, 0.0)), None);
}

#[test]
fn a_high_score_without_any_evidence_is_no_event() {
    let mut detector = Detector::new(&params(1), FRAME_SECS).unwrap();
    let mut over = Vec::new();
    for end in (1..20).map(|s| s * STRIDE) {
        let evidence = |_: ClassId| vec![0.0; SEGMENT as usize];
        detector.stride(&StrideInput { end, probs: &[0.99], gate_dbfs: None, evidence: &evidence }, &mut over);
        assert_eq!(detector.reason(ClassId(0)), Reason::NoEvidence);
    }
    detector.finish(&mut over);
    assert!(over.is_empty());
}

#[test]
fn parameters_that_cannot_be_are_refused_by_name() {
    let base = params(1);
    let off_above_on = ClassParams::new(0.3, 0.5);
    let no_share = Localisation { evident_share: 0.0, ..base.localisation };
    for (wrong, hint) in [
        (DetectorParams { min_strides: 4, ..base.clone() }, "4 of 3 strides"),
        (DetectorParams { min_strides: 0, ..base.clone() }, "0 of 3 strides"),
        (DetectorParams { sure: 0.0, ..base.clone() }, "probability of 0 from which on one stride"),
        (DetectorParams { max_event_secs: 0.5, ..base.clone() }, "longest event is 0.5 s"),
        (DetectorParams { merge_gap_secs: f64::NAN, ..base.clone() }, "merge gap is NaN s"),
        (DetectorParams { classes: vec![off_above_on], ..base.clone() }, "0.3 (on) and 0.5 (off)"),
        (DetectorParams { localisation: no_share, ..base.clone() }, "shares of evidence"),
    ] {
        let error = Detector::new(&wrong, FRAME_SECS).err().unwrap();
        assert_eq!(error.kind(), earwitness::ErrorKind::Usage);
        assert!(error.to_string().contains(hint), "{error}");
    }
}

/// A stride in which everything is heard or nothing, with evidence in its newest frames.
fn heard(detector: &mut Detector, s: u64, prob: f32, gate_dbfs: Option<f32>, over: &mut Vec<Detection>) -> Reason {
    let evidence = |_: ClassId| (0..SEGMENT).map(|i| f32::from(i >= SEGMENT - STRIDE as i64)).collect::<Vec<f32>>();
    let end = (s + 10) * STRIDE;
    detector.stride(&StrideInput { end, probs: &[prob], gate_dbfs, evidence: &evidence }, over);
    detector.reason(ClassId(0))
}

#[test]
fn a_gated_stride_speaks_for_no_class_and_ends_what_is_open() {
    let mut detector = Detector::new(&params(1), FRAME_SECS).unwrap();
    let mut over = Vec::new();
    let gate = Some(-50.0);
    for s in 0..6 {
        assert_eq!(heard(&mut detector, s, 0.9, gate, &mut over), Reason::Gate { dbfs: -50.0 });
    }
    assert!(!detector.is_open(ClassId(0)));
    assert_eq!(heard(&mut detector, 6, 0.9, None, &mut over), Reason::Strides { n: 1, of: 2 });
    heard(&mut detector, 7, 0.9, None, &mut over);
    assert!(detector.is_open(ClassId(0)));
    // As three strides of low scores would.
    for s in 8..11 {
        heard(&mut detector, s, 0.9, gate, &mut over);
    }
    assert!(!detector.is_open(ClassId(0)));
    assert_eq!((over.len(), over[0].offset), (1, 17 * STRIDE), "what was heard through the gate is none of it");
}

#[test]
fn a_noteworthy_score_below_its_threshold_is_told_and_a_low_one_is_not() {
    let mut detector = Detector::new(&params(1), FRAME_SECS).unwrap();
    let mut over = Vec::new();
    assert_eq!(heard(&mut detector, 0, 0.29, None, &mut over), Reason::None);
    let below = heard(&mut detector, 1, 0.31, None, &mut over);
    assert_eq!((below, below.to_string().as_str()), (Reason::Below { threshold: 0.6 }, "below 0.60"));
    assert_eq!(heard(&mut detector, 2, 0.59, Some(-50.0), &mut over), below, "also behind the gate");
}

#[test]
fn each_class_has_durations_of_its_own() {
    let mut classes = params(3);
    classes.classes[1].min_duration_secs = Some(2.0);
    classes.classes[1].cooldown_secs = Some(8.0);
    classes.classes[2].max_event_secs = Some(1.0);
    let sound = vec![(300..340, 1.0), (600..760, 1.0), (1000..1160, 1.0)];
    let got = play(&classes, &[sound.clone(), sound, vec![(300..380, 1.0)]], 60);
    let of = |class: usize| got.iter().filter(|d| d.class.0 == class).cloned().collect::<Vec<_>>();
    assert_events(&of(0), &[(0, 300, 340), (0, 600, 760), (0, 1000, 1160)]);
    assert_events(&of(1), &[(1, 600, 760)]);
    assert_events(&of(2), &[(2, 300, 350), (2, 350, 380)]);
    assert!(Detector::new(&classes, FRAME_SECS).unwrap().reach_frames(32) >= 1000);
}

#[test]
fn a_class_that_is_switched_off_during_an_event_hands_over_what_was_heard() {
    let mut detector = Detector::new(&params(1), FRAME_SECS).unwrap();
    let mut over = Vec::new();
    (0..4).for_each(|s| assert_ne!(heard(&mut detector, s, 0.9, None, &mut over), Reason::Off));
    assert!(detector.is_open(ClassId(0)));
    let mut off = params(1);
    off.edit(Edit::Mute(ClassId(0)));
    detector.reconfigure(&off, &mut over).unwrap();
    assert_eq!(heard(&mut detector, 4, 0.9, None, &mut over), Reason::Off);
    assert_eq!((detector.is_open(ClassId(0)), over.len()), (false, 1));
    assert_eq!(heard(&mut detector, 5, 0.3, None, &mut over), Reason::None, "a low score is not worth a word");
    // Parameters that cannot be leave it as it is.
    assert!(detector.reconfigure(&DetectorParams { sure: 0.0, ..params(1) }, &mut over).is_err());
    assert_eq!(detector.params(), &off);
}

#[test]
fn any_loud_sound_opens_at_once_without_asking_gate_or_strides() {
    let loud = DetectorParams { any_loud: Some(ClassParams::any_loud(-30.0)), ..params(1) };
    let mut detector = Detector::new(&loud, FRAME_SECS).unwrap();
    let mut over = Vec::new();
    let evidence = |class: ClassId| vec![f32::from(u8::from(class.0 == 1)); SEGMENT as usize];
    detector
        .stride(&StrideInput { end: 320, probs: &[0.9, 0.74], gate_dbfs: Some(-50.0), evidence: &evidence }, &mut over);
    assert!(!detector.is_open(ClassId(1)));
    assert_eq!(detector.reason(ClassId(1)), Reason::Below { threshold: 0.75 });
    detector
        .stride(&StrideInput { end: 352, probs: &[0.9, 0.76], gate_dbfs: Some(-50.0), evidence: &evidence }, &mut over);
    assert_eq!((detector.is_open(ClassId(0)), detector.is_open(ClassId(1))), (false, true));
    // No longer asked for: what was heard of it is handed over.
    detector.reconfigure(&params(1), &mut over).unwrap();
    assert_eq!(over.iter().map(|d| d.class.0).collect::<Vec<_>>(), [1]);
    assert!(!detector.is_open(ClassId(1)));
}

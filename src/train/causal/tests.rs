use super::*;
use crate::dsp::{Compression, MelNorm, MelParams, MelScale, SpectrumPower, StftParams, WindowKind};
use crate::model::causal::Block;
use crate::train::scene::{Background, Sound};
use crate::units::SampleRate;

fn how() -> CausalTraining {
    let block = Block { out: 8, expanded: 8, kernel: [3, 3], stride: [2, 2], dilation: 1 };
    CausalTraining {
        net: CausalConfig {
            n_mels: 16,
            n_classes: 2,
            stem: 8,
            blocks: vec![block],
            joined: 8,
            time_blocks: Vec::new(),
            embedding: 8,
            lookahead: 1,
        },
        front_end: FrontEndParams {
            sample_rate: SampleRate::new(8_000).unwrap(),
            stft: StftParams { n_fft: 256, hop: 128, win_length: 256, window: WindowKind::Hann, centred: true },
            pre_emphasis: 0.0,
            mel: MelParams { n_mels: 16, scale: MelScale::Htk, norm: MelNorm::None, f_min_hz: 0.0, f_max_hz: 4_000.0 },
            power: SpectrumPower::Power,
            compression: Compression::Log10 { floor: 1e-5, scale: 0.4, offset: 0.8 },
        },
        segment_frames: 32,
        steps: 4,
        batch: 32,
        learning_rate: 1e-2,
        weight_decay: 1e-3,
        ema: 0.9,
        report_every: 10,
        seed: 3,
    }
}

fn material() -> Material {
    let rate = how().front_end.sample_rate;
    let tone = |hz: f32| (0..4_000).map(move |i| (std::f32::consts::TAU * hz * i as f32 / 8_000.0).sin()).collect();
    let sound = |hz, class| Sound::new(tone(hz), class, rate).unwrap();
    Material {
        by_class: vec![vec![sound(300.0, Some(0))], vec![sound(2_000.0, Some(1))]],
        other: vec![sound(900.0, None)],
        backgrounds: vec![Background { samples: tone(60.0), contains: vec![0] }],
        rooms: vec![vec![1.0, 0.0, 0.4]],
    }
}

/// Says of every scene how loud it is.
struct Loudness;

impl Teacher for Loudness {
    fn lesson_shape(&self) -> LessonShape {
        LessonShape { n_probs: 1, width: 2, column_secs: 0.128 }
    }

    fn hear(&self, samples: &[f32]) -> Result<Lesson> {
        let rms = (samples.iter().map(|x| x * x).sum::<f32>() / samples.len() as f32).sqrt();
        Ok(Lesson { probs: vec![rms.min(1.0)], columns: [rms, 1.0].repeat(4) })
    }
}

/// Runs to the end, or until so many steps are done.
fn run(checkpoint: Option<&Path>, until: usize) -> (Result<Arrays>, Vec<Report>) {
    let mut reports = Vec::new();
    let trained = train(&how(), None, &material(), Some(&Loudness), checkpoint, &mut |p| match p {
        Progress::Step(done) => done < until,
        Progress::Report(report, _) => {
            reports.push(report);
            true
        }
    });
    (trained, reports)
}

#[test]
fn a_run_that_was_stopped_ends_where_another_ends_bit_for_bit() {
    let (whole, _) = run(None, usize::MAX);
    let whole = whole.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    let (stopped, reports) = run(Some(&path), 2);
    assert!(stopped.unwrap_err().to_string().contains("--resume"));
    assert_eq!(reports.len(), 1);
    let (resumed, _) = run(Some(&path), usize::MAX);
    assert!(resumed.unwrap() == whole);
}

#[test]
fn it_learns_and_the_heads_of_the_teacher_are_learned_too() {
    let mut how = how();
    (how.steps, how.report_every, how.learning_rate) = (60, 30, 3e-2);
    let mut reports = Vec::new();
    let trained = train(&how, None, &material(), Some(&Loudness), None, &mut |p| {
        if let Progress::Report(report, _) = p {
            reports.push(report.losses);
        }
        true
    });
    assert!(reports[1].total() < 0.8 * reports[0].total(), "{reports:?}");
    let arrays = trained.unwrap();
    assert!(arrays.get("teacher.weight", &[1, 8]).is_ok() && arrays.get("label.weight", &[2, 8]).is_ok());
}

#[test]
fn a_training_goes_on_from_the_weights_of_another() {
    let (before, _) = run(None, usize::MAX);
    let before = before.unwrap();
    let mut how = how();
    (how.steps, how.learning_rate, how.seed) = (1, 1e-9, 5);
    let after = train(&how, Some(&before), &material(), Some(&Loudness), None, &mut |_| true).unwrap();
    let far = |name: &str, shape: &[usize]| {
        let (a, b) = (after.get(name, shape).unwrap(), before.get(name, shape).unwrap());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    assert!(far("label.weight", &[2, 8]) < 1e-6);
    assert!(far("teacher.weight", &[1, 8]) > 1e-3, "what reads the teacher begins anew");
}

#[test]
fn impossible_trainings_are_refused() {
    let refused = |change: &dyn Fn(&mut CausalTraining), material: &Material| {
        let mut how = how();
        change(&mut how);
        train(&how, None, material, None, None, &mut |_| true).is_err()
    };
    assert!(refused(&|h| h.batch = 20, &material()));
    assert!(refused(&|h| h.segment_frames = 30, &material()));
    assert!(refused(&|h| h.segment_frames = 4, &material()));
    let mut one_is_silent = material();
    one_is_silent.by_class[1].clear();
    assert!(refused(&|_| {}, &one_is_silent));
}

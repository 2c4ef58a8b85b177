use super::*;
use crate::dsp::{Compression, FrontEndParams, MelNorm, MelParams, MelScale, SpectrumPower, StftParams, WindowKind};
use crate::interpret::gradients::{Gradient, GradientMethod};
use crate::model::classifier::Classified;
use crate::model::taps::Taps;
use crate::model::vgg::TrainableVgg;
use crate::units::SampleRate;

const N_FRAMES: usize = 8;
const N_MELS: usize = 8;

fn front_end() -> FrontEndParams {
    FrontEndParams {
        sample_rate: SampleRate::new(8000).unwrap(),
        stft: StftParams { n_fft: 64, hop: 32, win_length: 64, window: WindowKind::Hann, centred: true },
        mel: MelParams { n_mels: N_MELS, scale: MelScale::Htk, norm: MelNorm::None, f_min_hz: 0.0, f_max_hz: 4000.0 },
        pre_emphasis: 0.0,
        power: SpectrumPower::Power,
        compression: Compression::Log10 { floor: 1e-5, scale: 0.4, offset: 0.8 },
    }
}

fn attributor(method: GradientMethod, seed: u64) -> Attributor {
    let config =
        VggConfig { n_mels: N_MELS, input_pool: 2, widths: vec![4, 5, 6], time_pools: vec![2, 1], n_classes: 3 };
    let arrays = TrainableVgg::new(&config, &mut ChaCha8Rng::seed_from_u64(3)).unwrap().arrays();
    let net = Net {
        chain: Arc::new(Chain::load(&config, &arrays).unwrap()),
        silence: -1.2,
        full_scale: 2.0,
        hears_samples: false,
    };
    let mask = RelevanceMask::new(&front_end(), MaskForm::Gain).unwrap();
    Attributor {
        shared: Arc::new(Shared { attribution: Box::new(Gradient { method, seed }), net, mask, audible: false }),
    }
}

/// A segment's features and spectrogram.
fn segment() -> (Vec<f32>, Vec<f32>) {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| rng.random_range(-1.0..1.0)).collect() };
    (draw(N_FRAMES * N_MELS), draw(N_FRAMES * 33).iter().map(|v| v.abs()).collect())
}

fn explain(method: &mut Attributor, features: &[f32], log_magnitude: &[f32]) -> Result<Box<dyn Explanation>> {
    let classified = Classified {
        logits: vec![0.0; 3],
        probs: vec![0.5; 3],
        taps: Taps::rows(Vec::new(), 1).remove(0),
        frames: None,
    };
    method.explain(&Segment { log_magnitude, features, classified: &classified, sound: None })
}

fn relevance(method: GradientMethod, seed: u64) -> Arc<[f32]> {
    let (features, log) = segment();
    explain(&mut attributor(method, seed), &features, &log).unwrap().relevance(ClassId(1)).unwrap()
}

#[test]
fn draws_depend_on_seed_and_segment_and_not_on_threads() {
    for method in [GradientMethod::SmoothGrad, GradientMethod::GradientShap] {
        let with_threads = |n: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
            pool.install(|| relevance(method, 1))
        };
        let one = with_threads(1);
        assert!(one.iter().any(|r| *r != 0.0));
        assert_eq!(one, with_threads(3), "{method:?}");
        assert_ne!(one, relevance(method, 2), "{method:?}");
    }
    let (features, _) = segment();
    let draw = |features: &[f32], item| segment_rng(1, features, item).random::<u64>();
    assert_ne!(draw(&features, 0), draw(&features, 1));
    assert_ne!(draw(&features, 0), draw(&features[1..], 0));
}

#[test]
fn normal_numbers_are_normal() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let draws: Vec<f32> = (0..20_000).map(|_| normal(&mut rng)).collect();
    let moment = |p: i32| draws.iter().map(|d| d.powi(p)).sum::<f32>() / draws.len() as f32;
    assert!(moment(1).abs() < 0.03 && (moment(2) - 1.0).abs() < 0.05 && (moment(4) - 3.0).abs() < 0.3);
}

#[test]
fn an_explanation_says_the_same_in_every_form() {
    let (features, log) = segment();
    let mut method = attributor(GradientMethod::IntegratedGradients, 1);
    assert_eq!(method.needs(), Needs { taps: false, backward: true, forward_passes: 50 });
    let explanation = explain(&mut method, &features, &log).unwrap();
    let of = |class| explanation.relevance(ClassId(class)).unwrap();
    assert_ne!(of(0), of(1));
    // Shares of what the logit gained over silence.
    let chain = &method.shared.net.chain;
    let logit = |x: &[f32]| chain.logits(x).unwrap()[1];
    let gained = logit(&features) - logit(&vec![-1.2; features.len()]);
    let all: f32 = of(1).iter().map(|r| r.abs()).sum();
    assert!((of(1).iter().sum::<f32>() - gained).abs() < 0.02 * all, "{} of {gained}", of(1).iter().sum::<f32>());
    let positive = |frame: &[f32]| frame.iter().map(|r| r.max(0.0)).sum::<f32>();
    assert_eq!(explanation.evidence(ClassId(1)), of(1).chunks(N_MELS).map(positive).collect::<Vec<_>>());
    let mask = |frames: Range<usize>| {
        let mut mask = vec![0.5; frames.len() * explanation.n_bins()];
        explanation.mask(ClassId(1), frames, &mut mask);
        mask
    };
    let whole = mask(0..N_FRAMES);
    assert!(whole.iter().all(|m| (0.0..=1.0).contains(m)) && whole.iter().any(|m| *m > 0.5));
    assert_eq!(mask(3..5), whole[3 * 33..5 * 33]);
    assert!(of(3).iter().all(|r| *r == 0.0), "there is no class 3");
}

#[test]
fn segments_of_other_shapes_are_refused() {
    let (features, log) = segment();
    let mut method = attributor(GradientMethod::Saliency, 1);
    assert!(explain(&mut method, &features[1..], &log).is_err());
    assert!(explain(&mut method, &features, &log[1..]).is_err());
    assert!(explain(&mut method, &features[..N_MELS], &log[..33]).is_err());
}

#[test]
fn the_box_ends_where_a_sine_at_full_scale_is() {
    let mut front_end = FrontEnd::new(&front_end()).unwrap();
    let want = full_scale(&mut front_end);
    let largest = (0..=32)
        .map(|bin| {
            let sine = |i: usize| (std::f32::consts::TAU * bin as f32 * i as f32 / 64.0).cos();
            let columns = front_end.batch(&(0..640).map(sine).collect::<Vec<_>>()).unwrap();
            // Frames at the ends see the sine begin.
            columns[3 * N_MELS..16 * N_MELS].iter().copied().fold(f32::MIN, f32::max)
        })
        .fold(f32::MIN, f32::max);
    // Neighbouring bins of the window's main lobe fall into the band, too.
    assert!((0.0..0.3).contains(&(largest - want)), "{largest} and {want}");
}

/// ```python
/// import struct  # with PYTHONHASHSEED=0, where sys.hash_info.algorithm is siphash13
/// print(hash(struct.pack("<Qff", 1, 0.5, -1.0)) % 2**64)
/// ```
#[test]
fn what_is_drawn_stays_the_same_with_every_compiler() {
    let mut want = ChaCha8Rng::seed_from_u64(737_463_979_928_642_610);
    want.set_stream(3);
    assert_eq!(segment_rng(1, &[0.5, -1.0], 3), want);
}

use super::*;
use crate::dsp::{Compression, MelNorm, MelParams, MelScale, StftParams, WindowKind};
use crate::units::SampleRate;

const N_MELS: usize = 6;
const N_BINS: usize = 33;
const N_FRAMES: usize = 8;

fn params() -> FrontEndParams {
    FrontEndParams {
        sample_rate: SampleRate::new(8000).unwrap(),
        stft: StftParams { n_fft: 64, hop: 32, win_length: 64, window: WindowKind::Hann, centred: true },
        mel: MelParams { n_mels: N_MELS, scale: MelScale::Htk, norm: MelNorm::None, f_min_hz: 200.0, f_max_hz: 3500.0 },
        pre_emphasis: 0.0,
        power: SpectrumPower::Power,
        compression: Compression::Log1p,
    }
}

fn mask(form: MaskForm) -> RelevanceMask {
    RelevanceMask::new(&params(), form).unwrap()
}

/// A spectrogram with a tone and something of everything else.
fn spectrogram() -> Vec<f32> {
    (0..N_FRAMES * N_BINS).map(|i| 0.1 + 0.02 * (i % 7) as f32 + if i % N_BINS == 10 { 2.0 } else { 0.0 }).collect()
}

#[test]
fn even_relevance_covers_what_the_bands_cover() {
    let got = mask(MaskForm::Gain).mask(&[3.0; N_FRAMES * N_MELS], &spectrogram());
    for (bin, m) in got[..N_BINS].iter().enumerate() {
        // Bands reach from 200 to 3500 Hz, bins are 125 Hz apart.
        let want = if (2..28).contains(&bin) { 1.0 } else { 0.0 };
        assert!((m - want).abs() < 1e-6, "bin {bin}: {m}");
    }
}

#[test]
fn bands_are_full_at_a_share_of_what_is_positive_or_at_the_maximum() {
    let relevance: Vec<f32> = (-4..=10).map(|r| r as f32).collect();
    let of = |form| mask(form).band_mask(&relevance);
    let by = |full: f32| Some(relevance.iter().map(|r| (r.max(0.0) / full).min(1.0)).collect());
    // Nine of the ten positive values do not exceed 9.
    assert_eq!(of(MaskForm::Gain), by(9.0));
    assert_eq!(of(MaskForm::GainByMaximum), by(10.0));
    assert_eq!(of(MaskForm::Thesis), None);
}

#[test]
fn what_is_not_positive_is_masked_away() {
    let mut relevance = vec![-1.0; N_FRAMES * N_MELS];
    let log = spectrogram();
    for (_, form) in MaskForm::NAMES {
        assert!(mask(form).mask(&relevance, &log).iter().all(|m| *m == 0.0), "{form:?}");
    }
    relevance[3 * N_MELS + 2] = 0.5;
    let got = mask(MaskForm::Gain).mask(&relevance, &log);
    let frame = |t: usize| got[t * N_BINS..(t + 1) * N_BINS].iter().copied().fold(0.0, f32::max);
    assert!(frame(3) > 0.5 && (0..N_FRAMES).all(|t| t == 3 || frame(t) == 0.0));
}

/// The thesis' bands by torchvision:
///
/// ```python
/// r = torch.tensor([[((i * 7 + j * 5) % 11 - 4) / 3 for j in range(6)] for i in range(8)]).clamp(min=0)
/// r[r <= r.flatten().quantile(0.5)] = 0
/// print(torchvision.transforms.functional.gaussian_blur(r[None], 5, 1.0)[0])
/// ```
#[test]
fn the_thesis_blurs_the_upper_half() {
    let relevance: Vec<f32> = (0..48).map(|i| ((i / 6 * 7 + i % 6 * 5) % 11) as f32 / 3.0 - 4.0 / 3.0).collect();
    let got = thesis_bands(&relevance, N_MELS, THESIS_DROPPED);
    let want = [
        0.390843, 0.467779, 0.580571, 0.548998, 0.651244, 0.762143, 0.483274, 0.516244, 0.552026, 0.507743, 0.590063,
        0.694506, 0.645746, 0.626797, 0.593905, 0.548865, 0.559259, 0.600404, 0.674414, 0.638082, 0.650356, 0.671115,
        0.637464, 0.619274, 0.548296, 0.524677, 0.587094, 0.677449, 0.622319, 0.581867, 0.568536, 0.547490, 0.553834,
        0.574350, 0.491651, 0.440243, 0.745586, 0.715616, 0.658449, 0.596361, 0.509607, 0.464882, 0.845207, 0.816225,
        0.738016, 0.656781, 0.571439, 0.535719,
    ];
    assert_eq!(got.len(), want.len());
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() < 1e-5, "{got:?}");
    }
}

#[test]
fn of_a_concept_a_tenth_is_left_before_the_blur() {
    let relevance: Vec<f32> = (0..N_FRAMES * 10).map(|i| if i == 44 { 9.0 } else { (i % 8) as f32 }).collect();
    // One of eighty is above the 90th percentile: what is left is its blur, five by five.
    let bands = thesis_bands(&relevance, 10, CONCEPT_DROPPED);
    let places: Vec<usize> = (0..80).filter(|i| bands[*i] > 0.0).collect();
    let around = (0..80_usize).filter(|i| (i / 10).abs_diff(4) <= 2 && (i % 10).abs_diff(4) <= 2);
    assert_eq!(places, around.collect::<Vec<_>>());
    let (concept, thesis) = (mask(MaskForm::ThesisConcept), mask(MaskForm::Thesis));
    let uneven: Vec<f32> = (0..N_FRAMES * N_MELS).map(|i| (i * 7 % 23) as f32).collect();
    assert_ne!(concept.mask(&uneven, &spectrogram()), thesis.mask(&uneven, &spectrogram()));
}

#[test]
fn loudness_is_matched_unless_the_cut_at_one_forbids_it() {
    let log = spectrogram();
    let loudness = |mask: &[f32]| -> f32 {
        let power: f32 = mask.iter().zip(&log).map(|(m, l)| (m * l).exp_m1().powi(2)).sum();
        power.sqrt()
    };
    let original = loudness(&vec![1.0; log.len()]);
    // An even gain is raised until nothing is missing, the bins without a band included.
    let even = as_loud(&vec![0.01; log.len()], &log);
    assert!(even.iter().all(|m| (m - 1.0).abs() < 1e-5));
    // A gain that spares only weak bins cannot be raised enough.
    let weak: Vec<f32> = (0..log.len()).map(|i| if i % N_BINS == 10 { 0.0 } else { 0.3 }).collect();
    let cut = as_loud(&weak, &log);
    assert!(cut.iter().all(|m| (0.0..=1.0).contains(m)));
    assert!(loudness(&cut) < original);
}

#[test]
fn the_inversion_finds_a_spectrum_with_the_wanted_bands() {
    let mask = mask(MaskForm::ThesisInverted);
    let log = spectrogram();
    let gains: Vec<f32> = (0..N_FRAMES * N_MELS).map(|i| 0.2 + 0.1 * (i % 5) as f32).collect();
    let inverted = mask.invert(&gains, &log);
    for t in 0..N_FRAMES {
        let energy = |gain: &dyn Fn(usize) -> f32| -> Vec<f32> {
            let row: Vec<f32> = (0..N_BINS).map(|f| (gain(f) * log[t * N_BINS + f].exp_m1()).powi(2)).collect();
            let mut bands = vec![0.0; N_MELS];
            mask.bank.apply(&row, &mut bands);
            bands
        };
        let (before, after) = (energy(&|_| 1.0), energy(&|f| inverted[t * N_BINS + f]));
        let largest = before.iter().copied().fold(0.0, f32::max);
        let bands = before.iter().zip(&after).zip(&gains[t * N_MELS..]);
        for (m, ((before, after), gain)) in bands.enumerate() {
            let wanted = before * gain;
            assert!((after - wanted).abs() < 0.01 * largest, "frame {t}, band {m}: {after} of {wanted}");
        }
    }
    // Nothing to change: nothing is changed.
    let same = mask.invert(&[1.0; N_FRAMES * N_MELS], &log);
    assert!(same.chunks_exact(N_BINS).all(|row| row[2..28].iter().all(|g| (g - 1.0).abs() < 1e-3)));
}

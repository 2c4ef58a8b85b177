//! The signal processing against librosa's numbers (librosa 0.11 in double precision), to 1e-5 relative.
//!
//! `golden/dsp.json` was printed by:
//!
//! ```python
//! import json
//! import librosa, numpy as np
//!
//! def noise(n, seed):
//!     s, out = seed, np.empty(n)
//!     for i in range(n):
//!         s = (s * 1664525 + 1013904223) % 2**32
//!         out[i] = s / 2**31 - 1
//!     return out.astype(np.float32).astype(np.float64)
//!
//! r = lambda a: [float(f"{v:.8g}") for v in np.ravel(a)]
//! cases = {"stft": [], "mel": [], "columns": []}
//! x = noise(2000, 1)
//! for n_fft, hop, win, window, centred in [(1024, 345, 1024, "hann", True), (1024, 345, 1024, "hamming", False),
//!         (1024, 186, 372, "hamming", True), (512, 129, 300, "hann", False), (400, 160, 400, "hann", True), (375, 100, 251, "hamming", True)]:
//!     X = librosa.stft(x, n_fft=n_fft, hop_length=hop, win_length=win, window=window, center=centred, pad_mode="constant")
//!     bins = [0, 1, 17, n_fft // 4, n_fft // 2]
//!     frames = sorted({0, 1, X.shape[1] // 2, X.shape[1] - 1})
//!     Y = X[np.ix_(bins, frames)].T
//!     cases["stft"].append(dict(n_fft=n_fft, hop=hop, win=win, window=window, centred=centred, n_frames=X.shape[1], bins=bins,
//!                               frames=frames, re=r(Y.real), im=r(Y.imag)))
//! for sr, n_fft, n_mels, htk, norm, lo, hi in [(22050, 1024, 128, False, "slaney", 0, 11025), (22050, 1024, 128, True, None, 0, 11025),
//!         (44100, 1024, 80, False, None, 50, 16000), (16000, 400, 64, True, "slaney", 125, 7500), (8000, 256, 128, False, "slaney", 0, 4000)]:
//!     B = librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels, fmin=lo, fmax=hi, htk=htk, norm=norm, dtype=np.float64)
//!     bands = [0, 1, n_mels // 2, n_mels - 1]
//!     rows = [[int(np.flatnonzero(B[m])[0]) if B[m].any() else 0, r(B[m][np.flatnonzero(B[m])])] for m in bands]
//!     cases["mel"].append(dict(sample_rate=sr, n_fft=n_fft, n_mels=n_mels, scale="htk" if htk else "slaney", norm=norm or "none",
//!         f_min=lo, f_max=hi, bands=bands, rows=rows, n_nonzero=int((B > 0).sum()), row_sums=r(B.sum(1)),
//!         centre_hz=r(librosa.mel_frequencies(n_mels + 2, fmin=lo, fmax=hi, htk=htk)[1:-1])))
//! X = librosa.stft(x, n_fft=1024, hop_length=345, pad_mode="constant")
//! B = librosa.filters.mel(sr=22050, n_fft=1024, n_mels=40, dtype=np.float64)
//! for name, power, f in [("db", 2, lambda m: librosa.power_to_db(m, ref=1.0, amin=1e-5, top_db=None)),
//!         ("log10", 1, lambda m: np.log10(np.maximum(m, 1e-2)) * 0.5 + 1.25), ("log1p", 1, np.log1p)]:
//!     m = f(B @ np.abs(X) ** power)
//!     cases["columns"].append(dict(compression=name, power=power, columns=r(m[:, [0, 3]].T)))
//! cases["log1p_magnitude"] = r(np.log1p(np.abs(X[:60, 2])))
//! print(json.dumps(cases, separators=(",", ":")))
//! ```

#![allow(clippy::unwrap_used)]

use earwitness::dsp::{
    Complex32, Compression, FrontEnd, FrontEndParams, MelFilterbank, MelNorm, MelParams, MelScale, SpectrumPower,
    StftParams, WindowKind, log1p_magnitude, stft,
};
use earwitness::units::SampleRate;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    stft: Vec<StftCase>,
    mel: Vec<MelCase>,
    columns: Vec<ColumnCase>,
    log1p_magnitude: Vec<f32>,
}

#[derive(Deserialize)]
struct StftCase {
    n_fft: usize,
    hop: usize,
    win: usize,
    window: WindowKind,
    centred: bool,
    n_frames: usize,
    bins: Vec<usize>,
    frames: Vec<usize>,
    re: Vec<f32>,
    im: Vec<f32>,
}

#[derive(Deserialize)]
struct MelCase {
    sample_rate: u32,
    n_fft: usize,
    n_mels: usize,
    scale: MelScale,
    norm: MelNorm,
    f_min: f32,
    f_max: f32,
    bands: Vec<usize>,
    rows: Vec<(usize, Vec<f32>)>,
    n_nonzero: usize,
    row_sums: Vec<f32>,
    centre_hz: Vec<f32>,
}

#[derive(Deserialize)]
struct ColumnCase {
    compression: String,
    power: u32,
    columns: Vec<f32>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../golden/dsp.json")).unwrap()
}

/// The Python code's `noise`.
fn noise(n: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (f64::from(state) / f64::from(1_u32 << 31) - 1.0) as f32
    };
    (0..n).map(|_| next()).collect()
}

#[track_caller]
fn assert_close(got: &[f32], want: &[f32], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() <= 1e-5 * want.abs(), "{what}, value {i}: {got}, librosa has {want}");
    }
}

fn rate(hz: u32) -> SampleRate {
    SampleRate::new(hz).unwrap()
}

#[test]
fn frames_are_librosas() {
    let samples = noise(2000, 1);
    for case in golden().stft {
        let params = StftParams {
            n_fft: case.n_fft,
            hop: case.hop,
            win_length: case.win,
            window: case.window,
            centred: case.centred,
        };
        let spectrogram = stft(&params, &samples).unwrap();
        assert_eq!(spectrogram.n_frames(), case.n_frames, "{params:?}");
        assert_eq!(params.n_frames(samples.len()), case.n_frames, "{params:?}");
        let mut wanted = case.re.iter().zip(&case.im).map(|(re, im)| Complex32::new(*re, *im));
        for &frame in &case.frames {
            for &bin in &case.bins {
                let (got, want) = (spectrogram.frame(frame)[bin], wanted.next().unwrap());
                let error = (got - want).norm();
                assert!(error <= 1e-5 * want.norm(), "{params:?}, frame {frame}, bin {bin}: {got}, librosa has {want}");
            }
        }
        assert!(wanted.next().is_none(), "every number was looked at");
    }
}

#[test]
fn mel_filterbanks_are_librosas() {
    for case in golden().mel {
        let params = MelParams {
            n_mels: case.n_mels,
            scale: case.scale,
            norm: case.norm,
            f_min_hz: case.f_min,
            f_max_hz: case.f_max,
        };
        let bank = MelFilterbank::new(&params, rate(case.sample_rate), case.n_fft).unwrap();
        assert_close(&bank.centre_hz(), &case.centre_hz, "centres");
        for (&band, (first_bin, weights)) in case.bands.iter().zip(&case.rows) {
            let got = bank.weights(band);
            assert_close(got.1, weights, "weights");
            assert!(weights.is_empty() || got.0 == *first_bin, "{params:?}, band {band} begins at bin {}", got.0);
        }
        let weights = || (0..bank.n_mels()).map(|band| bank.weights(band).1);
        assert_eq!(weights().map(<[f32]>::len).sum::<usize>(), case.n_nonzero, "{params:?}");
        // Bands summed over a flat spectrum, through the very loop that runs live.
        let mut sums = vec![0.0; case.n_mels];
        bank.apply(&vec![1.0; bank.n_bins()], &mut sums);
        assert_close(&sums, &case.row_sums, "sums of weights");
    }
}

#[test]
fn compressed_columns_are_librosas() {
    let golden = golden();
    let samples = noise(2000, 1);
    let stft_params = StftParams { n_fft: 1024, hop: 345, win_length: 1024, window: WindowKind::Hann, centred: true };
    for case in &golden.columns {
        let mut front_end = FrontEnd::new(&FrontEndParams {
            sample_rate: rate(22_050),
            stft: stft_params,
            mel: MelParams {
                n_mels: 40,
                scale: MelScale::Slaney,
                norm: MelNorm::Slaney,
                f_min_hz: 0.0,
                f_max_hz: 11_025.0,
            },
            pre_emphasis: 0.0,
            power: if case.power == 2 { SpectrumPower::Power } else { SpectrumPower::Magnitude },
            compression: match case.compression.as_str() {
                "db" => Compression::Db { floor: 1e-5 },
                "log10" => Compression::Log10 { floor: 1e-2, scale: 0.5, offset: 1.25 },
                _ => Compression::Log1p,
            },
        })
        .unwrap();
        let columns = front_end.batch(&samples).unwrap();
        assert_eq!(columns.len(), 6 * 40);
        let (got, want) = ([&columns[..40], &columns[3 * 40..4 * 40]].concat(), &case.columns);
        assert_eq!(got.len(), want.len());
        for (i, (got, want)) in got.iter().zip(want).enumerate() {
            // A logarithm passes through 0, where only its argument's relative error means anything.
            let error = (got - want).abs();
            assert!(error <= 1e-5 * want.abs().max(1.0), "{}, value {i}: {got}, librosa has {want}", case.compression);
        }
    }
    let spectrogram = stft(&stft_params, &samples).unwrap();
    let mut log1p = vec![0.0; 60];
    log1p_magnitude(spectrogram.frame(2), &mut log1p);
    assert_close(&log1p, &golden.log1p_magnitude, "ln(1 + |X|)");
}

//! Resampling: the same for every chunking, lined up, right in the pass band, quiet above the new Nyquist frequency.

#![allow(clippy::unwrap_used)]

use std::f64::consts::TAU;

use earwitness::dsp::{StreamingResampler, downmix, resample};
use earwitness::units::SampleRate;
use proptest::prelude::*;

const USUAL_HZ: [u32; 12] =
    [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000];

/// What recorders for bats write, and the most that can be heard.
const HIGH_HZ: [u32; 4] = [250_000, 256_000, 384_000, 500_000];

fn rate(hz: u32) -> SampleRate {
    SampleRate::new(hz).unwrap()
}

fn sine(hz: f64, sample_rate_hz: u32, n: usize) -> Vec<f32> {
    (0..n).map(|i| (TAU * hz * i as f64 / f64::from(sample_rate_hz)).sin() as f32 * 0.5).collect()
}

fn rms_db(samples: impl Iterator<Item = f64> + Clone) -> f64 {
    10.0 * (samples.clone().map(|s| s * s).sum::<f64>() / samples.count() as f64).log10()
}

/// The middle of a signal: without the ends, where it begins and ends abruptly.
fn middle(samples: &[f32]) -> std::ops::Range<usize> {
    samples.len() / 4..samples.len() * 3 / 4
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_gives_the_same_samples(
        from in prop::sample::select(&USUAL_HZ[..]), to in prop::sample::select(&USUAL_HZ[..]),
        chunking in prop_oneof![Just(vec![1_usize]), Just(vec![48_000]), Just(vec![2, 3, 5, 7, 997]), prop::collection::vec(1..3000_usize, 1..6)],
        n in 0..20_000_usize,
    ) {
        let samples: Vec<f32> = (0..n).map(|i| ((i * i) as f32 * 0.37).sin()).collect();
        let batch = resample(&samples, rate(from), rate(to)).unwrap();
        prop_assert_eq!(batch.len(), (n as f64 * f64::from(to) / f64::from(from)).round() as usize);
        if from == to {
            prop_assert_eq!(&batch, &samples);
        }
        let mut streaming = StreamingResampler::new(rate(from), rate(to)).unwrap();
        // Twice over: a stream must leave nothing behind.
        for _ in 0..2 {
            let (mut out, mut rest) = (Vec::new(), samples.as_slice());
            for n in chunking.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (chunk, after) = rest.split_at((*n).min(rest.len()));
                streaming.push(chunk, &mut out);
                rest = after;
            }
            streaming.finish(&mut out);
            prop_assert!(out == batch, "the samples differ");
        }
    }
}

#[test]
fn a_tone_keeps_its_place_and_height_between_all_usual_rates() {
    for from in USUAL_HZ {
        for to in USUAL_HZ {
            // Up to 90 % of the lower Nyquist frequency.
            let nyquist = f64::from(from.min(to)) / 2.0;
            for hz in [0.02 * nyquist, 0.41 * nyquist, 0.9 * nyquist] {
                let got = resample(&sine(hz, from, from as usize / 2), rate(from), rate(to)).unwrap();
                let want = sine(hz, to, got.len());
                let error = rms_db(middle(&got).map(|i| f64::from(got[i]) - f64::from(want[i])));
                let signal = rms_db(middle(&got).map(|i| f64::from(want[i])));
                assert!(error - signal < -80.0, "{from} Hz to {to} Hz, {hz} Hz: {:.1} dB", error - signal);
            }
        }
    }
}

#[test]
fn what_would_alias_is_80_db_down() {
    let high = HIGH_HZ.map(|from| (from, 22_050));
    let usual =
        [(48_000, 22_050), (44_100, 22_050), (44_100, 16_000), (192_000, 8_000), (96_000, 44_100), (16_000, 11_025)];
    for (from, to) in usual.into_iter().chain(high) {
        let (nyquist_in, nyquist_out) = (f64::from(from) / 2.0, f64::from(to) / 2.0);
        for share in [0.0, 0.05, 0.3, 0.9] {
            let hz = nyquist_out + (nyquist_in - nyquist_out) * share + 1.0;
            let tone = sine(hz, from, from as usize / 2);
            let got = resample(&tone, rate(from), rate(to)).unwrap();
            let rejected =
                rms_db(middle(&tone).map(|i| f64::from(tone[i]))) - rms_db(middle(&got).map(|i| f64::from(got[i])));
            assert!(rejected >= 80.0, "{from} Hz to {to} Hz, {hz} Hz: only {rejected:.1} dB down");
        }
    }
}

#[test]
fn high_rates_come_down_in_any_chunking_with_their_tones_in_place() {
    for from in HIGH_HZ {
        for to in [16_000, 22_050] {
            let tone = sine(3_000.0, from, from as usize / 4 + 13);
            let got = resample(&tone, rate(from), rate(to)).unwrap();
            assert_eq!(got.len(), (tone.len() as f64 * f64::from(to) / f64::from(from)).round() as usize);
            let want = sine(3_000.0, to, got.len());
            let error = rms_db(middle(&got).map(|i| f64::from(got[i]) - f64::from(want[i])));
            assert!(error < -80.0, "{from} Hz to {to} Hz: {error:.1} dB");
            for chunk in [1_021, 38_400] {
                let (mut streaming, mut out) = (StreamingResampler::new(rate(from), rate(to)).unwrap(), Vec::new());
                tone.chunks(chunk).for_each(|chunk| streaming.push(chunk, &mut out));
                streaming.finish(&mut out);
                assert!(out == got, "{from} Hz to {to} Hz in chunks of {chunk}");
                assert!(streaming.lag_secs() <= 0.125, "{from} Hz to {to} Hz: {} s", streaming.lag_secs());
            }
        }
    }
}

#[test]
fn the_first_samples_line_up_too() {
    // A slow half wave that begins at sample 0: nothing may come early or late.
    let bump = |n: usize, hz: u32| -> Vec<f32> {
        (0..n).map(|i| (0.5 - 0.5 * (TAU * 50.0 * i as f64 / f64::from(hz)).cos()) as f32).collect()
    };
    for (from, to) in [(48_000, 22_050), (16_000, 48_000), (44_100, 32_000)] {
        let got = resample(&bump(from as usize / 10, from), rate(from), rate(to)).unwrap();
        let want = bump(got.len(), to);
        let worst = got.iter().zip(&want).take(to as usize / 20).map(|(g, w)| (g - w).abs()).fold(0.0, f32::max);
        assert!(worst < 2e-3, "{from} Hz to {to} Hz: off by {worst}");
    }
}

#[test]
fn odd_rates_work_and_impossible_ones_are_named() {
    let got = resample(&sine(440.0, 44_101, 44_101), rate(44_101), rate(22_050)).unwrap();
    assert_eq!(got.len(), 22_050);
    let want = sine(440.0, 22_050, 22_050);
    let error = rms_db(middle(&got).map(|i| f64::from(got[i] - want[i])));
    assert!(error < -80.0, "{error:.1} dB");

    for (from, to) in [(7_999, 22_050), (48_000, 500_001)] {
        let error = StreamingResampler::new(rate(from), rate(to)).err().unwrap();
        assert!(error.to_string().contains("8000 to 500000 Hz"), "{error}");
        assert_eq!(error.kind(), earwitness::ErrorKind::Input);
    }
}

#[test]
fn usual_rates_lag_little() {
    for from in USUAL_HZ {
        for to in [16_000, 22_050, 44_100] {
            let lag = StreamingResampler::new(rate(from), rate(to)).unwrap().lag_secs();
            assert!(lag <= 0.125, "{from} Hz to {to} Hz: {lag} s");
        }
    }
}

#[test]
fn channels_are_averaged() {
    let mut out = vec![9.0];
    downmix(&[0.5, 0.25], 1, &mut out);
    assert_eq!(out, [9.0, 0.5, 0.25]);
    for channels in 2..=8 {
        let interleaved: Vec<f32> =
            (0..3 * channels).map(|i| (i % channels) as f32 + (i / channels) as f32 * 10.0).collect();
        let mut out = Vec::new();
        // One sample of a fourth channel frame has arrived: it is not a frame yet.
        downmix(&[interleaved, vec![7.0]].concat(), channels, &mut out);
        let mean = (channels - 1) as f32 / 2.0;
        for (got, want) in out.iter().zip([mean, mean + 10.0, mean + 20.0]) {
            assert!((got - want).abs() < 1e-5, "{channels} channels: {out:?}");
        }
        assert_eq!(out.len(), 3);
    }
}

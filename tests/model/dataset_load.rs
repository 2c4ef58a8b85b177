//! Loading recordings: rate, length, order, and what is said of bad ones.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use earwitness::train::dataset::{ClipMeta, load_clips, load_noise};
use earwitness::units::SampleRate;

/// Writes a mono or stereo sine of amplitude 0.5 as 32-bit float WAV; a second channel is silent.
fn write_sine(path: &Path, rate: u32, channels: u16, hz: f32, n: usize) {
    let spec =
        hound::WavSpec { channels, sample_rate: rate, bits_per_sample: 32, sample_format: hound::SampleFormat::Float };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for i in 0..n {
        writer.write_sample(0.5 * (std::f32::consts::TAU * hz * i as f32 / rate as f32).sin()).unwrap();
        if channels == 2 {
            writer.write_sample(0.0_f32).unwrap();
        }
    }
    writer.finalize().unwrap();
}

fn meta(path: &Path) -> ClipMeta {
    ClipMeta { path: path.to_owned(), fold: 1, targets: vec![], foreign: false }
}

fn rate(hz: u32) -> SampleRate {
    SampleRate::new(hz).unwrap()
}

/// Amplitude of the component at `hz` in `x`.
fn amplitude(x: &[f32], hz: f32, rate: f32) -> f32 {
    let (mut re, mut im) = (0.0, 0.0);
    for (i, v) in x.iter().enumerate() {
        let phase = std::f32::consts::TAU * hz * i as f32 / rate;
        re += v * phase.cos();
        im += v * phase.sin();
    }
    2.0 * re.hypot(im) / x.len() as f32
}

#[test]
fn clips_come_in_order_at_the_models_rate_and_length() {
    let dir = tempfile::tempdir().unwrap();
    // Twenty clips, so that there is more than one batch; each has its own frequency, every third another rate.
    let metas: Vec<ClipMeta> = (0..20)
        .map(|i| {
            let path = dir.path().join(format!("{i}.wav"));
            let (from, channels) = if i % 3 == 0 { (44_100, 2) } else { (16_000, 1) };
            write_sine(&path, from, channels, 200.0 + 100.0 * i as f32, from as usize / 2);
            meta(&path)
        })
        .collect();
    let mut calls = Vec::new();
    let clips = load_clips(&metas, rate(16_000), 12_000, &mut |done, of| calls.push((done, of))).unwrap();
    assert_eq!(calls.last(), Some(&(20, 20)));
    assert!(calls.is_sorted());
    for (i, clip) in clips.iter().enumerate() {
        assert_eq!(clip.len(), 12_000);
        // Half a second of sound, then zeros; the mean of a sine and silence has half its amplitude.
        let wanted = if i % 3 == 0 { 0.25 } else { 0.5 };
        let got = amplitude(&clip[1000..7000], 200.0 + 100.0 * i as f32, 16_000.0);
        assert!((got - wanted).abs() < 0.01, "clip {i}: {got}");
        assert!(clip[8_200..].iter().all(|&x| x == 0.0));
    }
    let cut = load_clips(&metas[1..2], rate(16_000), 100, &mut |_, _| {}).unwrap();
    assert_eq!(cut[0], clips[1][..100]);
}

#[test]
fn noise_comes_in_full_length_ordered_by_name() {
    let dir = tempfile::tempdir().unwrap();
    write_sine(&dir.path().join("b.wav"), 8_000, 1, 440.0, 8_000);
    write_sine(&dir.path().join("a.WAV"), 16_000, 1, 440.0, 5_000);
    std::fs::write(dir.path().join("README.md"), "about").unwrap();
    let noise = load_noise(dir.path(), rate(16_000)).unwrap();
    assert_eq!(noise.iter().map(Vec::len).collect::<Vec<_>>(), [5_000, 16_000]);
}

#[test]
fn what_cannot_be_loaded_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let said = |error: earwitness::Error| {
        assert_eq!(error.kind(), earwitness::ErrorKind::Input);
        error.to_string()
    };
    assert!(said(load_noise(dir.path(), rate(8_000)).unwrap_err()).contains("holds no recording"));
    assert!(said(load_noise(&dir.path().join("none"), rate(8_000)).unwrap_err()).contains("none"));

    let bad = dir.path().join("bad.wav");
    std::fs::write(&bad, "not a recording").unwrap();
    assert!(said(load_clips(&[meta(&bad)], rate(8_000), 10, &mut |_, _| {}).unwrap_err()).contains("bad.wav"));

    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let nan = dir.path().join("nan.wav");
    let mut writer = hound::WavWriter::create(&nan, spec).unwrap();
    for x in [0.0, f32::NAN, 0.5] {
        writer.write_sample(x).unwrap();
    }
    writer.finalize().unwrap();
    let error = said(load_clips(&[meta(&nan)], rate(8_000), 10, &mut |_, _| {}).unwrap_err());
    assert!(error.contains("nan.wav") && error.contains("no numbers"), "{error}");
}

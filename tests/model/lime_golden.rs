//! LIME's regression against scikit-learn and harmonic-percussive separation against librosa: `golden/lime.json`, printed by
//! the Python beside it.

#![allow(clippy::unwrap_used)]

use crate::support::golden::{Numbers, assert_close, count, floats};
use earwitness::dsp::hpss_masks;
use earwitness::interpret::lime::regression::{fit, nearness};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("../golden/lime.json")).unwrap()
}

#[test]
fn coefficients_are_those_of_scikit_learn() {
    for case in golden()["regression"].as_array().unwrap() {
        let rows = case["kept"].as_array().unwrap().iter();
        let kept: Vec<Vec<bool>> =
            rows.map(|row| row.as_str().unwrap().chars().map(|bit| bit == '1').collect()).collect();
        let scores = case["scores"].as_array().unwrap().iter();
        let scores: Vec<Vec<f32>> = scores.map(|row| floats(row).iter().map(|s| *s as f32).collect()).collect();
        for (row, want) in kept.iter().zip(floats(&case["weights"])) {
            assert!((nearness(row) - want).abs() < 1e-12, "{row:?}: {want}");
        }
        let fits = fit(&kept, &scores);
        assert_eq!(fits.len(), 2);
        for (got, want) in fits.iter().zip(case["fits"].as_array().unwrap()) {
            for (got, want) in got.coefficients.iter().zip(floats(&want["coefficients"])) {
                assert!((got - want).abs() < 1e-6, "{got} is not {want}");
            }
            assert!((got.intercept - want["intercept"].as_f64().unwrap()).abs() < 1e-6, "{got:?} is not {want}");
            assert!((got.r2 - want["r2"].as_f64().unwrap()).abs() < 1e-6, "{got:?} is not {want}");
        }
    }
}

#[test]
fn masks_are_those_of_librosa() {
    for case in golden()["separation"].as_array().unwrap() {
        let (frames, bins) = (count(&case["frames"]), count(&case["bins"]));
        let mut magnitude = Numbers(case["seed"].as_u64().unwrap()).map(frames * bins, f64::abs);
        magnitude.iter_mut().skip(4).step_by(bins).for_each(|m| *m += 1.0);
        magnitude[7 * bins..8 * bins].iter_mut().for_each(|m| *m += 1.0);
        magnitude[2 * bins..5 * bins].fill(0.0);
        let [harmonic, percussive] = hpss_masks(&magnitude, bins, count(&case["kernel"]));
        assert_close("harmonic", &harmonic, &floats(&case["harmonic"]), 1e-5);
        assert_close("percussive", &percussive, &floats(&case["percussive"]), 1e-5);
    }
}

//! The high-pass against scipy's numbers (scipy 1.17 in double precision), to 1e-6 of full scale.
//!
//! `golden/highpass.json` was printed by:
//!
//! ```python
//! import json
//! import numpy as np
//! from scipy import signal
//!
//! def noise(n, seed):
//!     s, out = seed, np.empty(n)
//!     for i in range(n):
//!         s = (s * 1664525 + 1013904223) % 2**32
//!         out[i] = s / 2**31 - 1
//!     return out.astype(np.float32).astype(np.float64)
//!
//! x = noise(4000, 1)
//! cases = []
//! for fs, fc in [(22050, 30), (48000, 120), (8000, 1000), (384000, 30)]:
//!     y = signal.sosfilt(signal.butter(4, fc, "highpass", fs=fs, output="sos"), x)
//!     cases.append(dict(fs=fs, fc=fc, at=[0, 1, 2, 100, 2000, 3999], y=[float(f"{y[i]:.9g}") for i in [0, 1, 2, 100, 2000, 3999]]))
//! print(json.dumps(cases, separators=(",", ":")))
//! ```

#![allow(clippy::unwrap_used)]

use earwitness::dsp::HighPass;
use earwitness::units::SampleRate;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    fs: u32,
    fc: f64,
    at: Vec<usize>,
    y: Vec<f64>,
}

#[test]
fn the_high_pass_agrees_with_scipy() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../golden/highpass.json")).unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let mut filter = HighPass::new(case.fc, SampleRate::new(case.fs).unwrap());
        let mut state = 1_u32;
        let y: Vec<f32> = (0..4000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                filter.next((f64::from(state) / f64::from(1_u32 << 31) - 1.0) as f32)
            })
            .collect();
        for (at, want) in case.at.iter().zip(&case.y) {
            assert!((f64::from(y[*at]) - want).abs() < 1e-6, "{} Hz at {}: {} is not {want}", case.fc, case.fs, y[*at]);
        }
    }
}

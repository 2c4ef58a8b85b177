//! Noise that needs no recordings: white, pink and brown.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// How a synthetic noise's power falls with frequency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    /// The same at every frequency.
    White,
    /// −3 dB an octave.
    Pink,
    /// −6 dB an octave, level below about 1/600 of the sample rate (a true one would wander off without bound).
    Brown,
}

impl Colour {
    /// One of the three, each as likely.
    pub(crate) fn any(rng: &mut ChaCha8Rng) -> Self {
        match rng.random_range(0..3) {
            0 => Self::White,
            1 => Self::Pink,
            _ => Self::Brown,
        }
    }
}

/// `n` samples of noise with zero mean and an RMS near 1 in the long run (the caller sets the level it needs).
pub(crate) fn noise(rng: &mut ChaCha8Rng, colour: Colour, n: usize) -> Vec<f32> {
    // A uniform variable on −√3…√3 has variance 1; what is white about it is its spectrum, not its distribution.
    let white = move |rng: &mut ChaCha8Rng| (rng.random::<f32>() * 2.0 - 1.0) * 3.0_f32.sqrt();
    match colour {
        Colour::White => (0..n).map(|_| white(rng)).collect(),
        Colour::Pink => {
            // P. Kellet's economy filter: three first-order poles that follow −3 dB an octave within half a decibel.
            let (mut a, mut b, mut c) = (0.0_f32, 0.0_f32, 0.0_f32);
            (0..n)
                .map(|_| {
                    let w = white(rng);
                    a = 0.99765 * a + w * 0.099_046;
                    b = 0.963 * b + w * 0.296_516_4;
                    c = 0.57 * c + w * 1.052_691_3;
                    (a + b + c + w * 0.1848) * 0.4
                })
                .collect()
        }
        Colour::Brown => {
            const LEAK: f32 = 0.99;
            let gain = (1.0 - LEAK * LEAK).sqrt();
            let mut state = 0.0;
            (0..n)
                .map(|_| {
                    state = LEAK * state + white(rng) * gain;
                    state
                })
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// Power of the sample-to-sample difference over the power: 2 for white noise, less the darker the noise is.
    fn roughness(x: &[f32]) -> f32 {
        let power: f32 = x.iter().map(|v| v * v).sum();
        x.windows(2).map(|w| (w[1] - w[0]).powi(2)).sum::<f32>() / power
    }

    #[test]
    fn the_darker_the_colour_the_smoother_the_noise() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let made = [Colour::White, Colour::Pink, Colour::Brown].map(|c| noise(&mut rng, c, 100_000));
        let [white, pink, brown] = [&made[0], &made[1], &made[2]].map(|x| roughness(x));
        assert!((white - 2.0).abs() < 0.05, "{white}");
        assert!((0.2..1.2).contains(&pink), "{pink}");
        assert!(brown < 0.05, "{brown}");
        for x in &made {
            let rms = (x.iter().map(|v| v * v).sum::<f32>() / x.len() as f32).sqrt();
            assert!((0.5..2.0).contains(&rms), "{rms}");
        }
    }
}

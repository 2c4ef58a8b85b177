//! Convolution of a whole signal with a response, by Fourier transform.

use realfft::RealFftPlanner;

/// Convolves in place, at the signal's length: what rings on behind its end is lost. Offline: it allocates.
pub fn convolve(samples: &mut [f32], response: &[f32]) {
    let n = (samples.len() + response.len()).next_power_of_two();
    let mut planner = RealFftPlanner::<f32>::new();
    let (forward, inverse) = (planner.plan_fft_forward(n), planner.plan_fft_inverse(n));
    let spectrum = |values: &[f32]| {
        let mut input = forward.make_input_vec();
        input[..values.len()].copy_from_slice(values);
        let mut output = forward.make_output_vec();
        forward.process(&mut input, &mut output).map(|()| output)
    };
    let (Ok(mut a), Ok(b)) = (spectrum(samples), spectrum(response)) else { return };
    a.iter_mut().zip(&b).for_each(|(a, b)| *a *= b);
    let mut out = inverse.make_output_vec();
    // The planner made the buffers, so that only a defect of the library can fail here; then the signal stays as it was.
    if inverse.process(&mut a, &mut out).is_ok() {
        samples.iter_mut().zip(&out).for_each(|(s, x)| *s = x / n as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_echo_repeats_the_sound() {
        let mut samples: Vec<f32> = (0..4_000).map(|i| if i < 2_000 { (i as f32 * 0.17).sin() } else { 0.0 }).collect();
        let dry = samples.clone();
        let mut response = vec![0.0; 501];
        (response[0], response[500]) = (1.0, 0.5);
        convolve(&mut samples, &response);
        for i in 500..4_000 {
            assert!((samples[i] - dry[i] - 0.5 * dry[i - 500]).abs() < 1e-4);
        }
    }
}

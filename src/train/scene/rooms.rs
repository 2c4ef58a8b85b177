//! Impulse responses of rooms that never were: the image-source model (Allen and Berkley 1979) of rectangular rooms.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::units::SampleRate;

/// Speed of sound, in m/s.
const SPEED: f32 = 343.0;
/// Reflections up to this many walls along each axis.
const ORDER: i32 = 6;
/// Longest response, in seconds.
const LONGEST_SECS: f32 = 0.4;

/// A room of random size with walls that absorb a random share, a source and a microphone in it: its response at `rate`
/// from the direct sound on, with a total energy of 1.
#[must_use]
pub fn random_room(rng: &mut ChaCha8Rng, rate: SampleRate) -> Vec<f32> {
    let size = [rng.random_range(2.5..12.0_f32), rng.random_range(2.0..9.0), rng.random_range(2.2..4.5)];
    let mut place = || -> [f32; 3] { size.map(|side| side * rng.random_range(0.08..0.92_f32)) };
    let (source, microphone) = (place(), place());
    let reflection = rng.random_range(0.3..0.92_f32);
    response(size, source, microphone, reflection, rate)
}

/// Response of a room of `size` metres whose walls reflect `reflection` of the pressure, 0…1.
fn response(size: [f32; 3], source: [f32; 3], microphone: [f32; 3], reflection: f32, rate: SampleRate) -> Vec<f32> {
    let hz = rate.hz() as f32;
    let direct = distance(source, microphone).max(0.3);
    let n = (LONGEST_SECS * hz) as usize;
    let mut out = vec![0.0_f32; n];
    // Along one axis the images of s lie at 2·k·size ± s, behind |2k| or |2k − 1| walls.
    let images = |side: f32, s: f32| {
        (-ORDER..=ORDER).flat_map(move |k| {
            let shift = 2.0 * k as f32 * side;
            [(shift + s, (2 * k).abs()), (shift - s, (2 * k - 1).abs())]
        })
    };
    for (x, wx) in images(size[0], source[0]) {
        for (y, wy) in images(size[1], source[1]) {
            for (z, wz) in images(size[2], source[2]) {
                let far = distance([x, y, z], microphone).max(0.3);
                let at = (far - direct) / SPEED * hz;
                let (whole, rest) = (at.max(0.0) as usize, at.max(0.0).fract());
                let gain = reflection.powi(wx + wy + wz) / far;
                if whole + 1 < n {
                    out[whole] += gain * (1.0 - rest);
                    out[whole + 1] += gain * rest;
                }
            }
        }
    }
    let energy: f32 = out.iter().map(|x| x * x).sum();
    let scale = 1.0 / energy.sqrt().max(1e-9);
    out.iter_mut().for_each(|x| *x *= scale);
    let loudest = out.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
    let end = out.iter().rposition(|x| x.abs() > loudest * 1e-3).map_or(1, |i| i + 1);
    out.truncate(end);
    out
}

fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn the_first_echo_comes_from_the_nearest_wall() {
        let rate = SampleRate::new(16_000).unwrap();
        // Both 1 m above the floor and 2 m apart in a hall whose other walls are far: the floor's image is at √(2² + 2²).
        let heard = response([40.0, 40.0, 40.0], [20.0, 20.0, 1.0], [22.0, 20.0, 1.0], 0.5, rate);
        let echo = ((8.0_f32.sqrt() - 2.0) / SPEED * 16_000.0) as usize;
        let ratio = (heard[echo] + heard[echo + 1]) / heard[0];
        assert!((ratio - 0.5 * 2.0 / 8.0_f32.sqrt()).abs() < 1e-3, "{ratio}");
        assert!(heard[1..echo].iter().all(|x| x.abs() < 1e-6));
    }

    #[test]
    fn walls_that_reflect_more_sound_longer() {
        let rate = SampleRate::new(16_000).unwrap();
        let length = |reflection| response([5.0, 4.0, 3.0], [1.0, 1.0, 1.0], [3.0, 2.0, 1.5], reflection, rate).len();
        assert!(length(0.4) < length(0.9));
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..5 {
            let energy: f32 = random_room(&mut rng, rate).iter().map(|x| x * x).sum();
            assert!((energy - 1.0).abs() < 0.01);
        }
    }
}

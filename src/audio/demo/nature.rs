//! Rain, sea, fire, and breaking glass.

use std::f32::consts::TAU;

use super::synth::{Chance, Filter, add, distant, filter, level, pink, ring, room, samples, shape};

/// A hiss of countless drops, and single ones on a roof nearby.
pub(super) fn rain(chance: &mut Chance, rate: f32) -> Vec<f32> {
    let secs = 5.0;
    let n = samples(secs, rate);
    let mut out = distant(&filter(&chance.noises(n), Filter::High(150.0), rate), 1800.0, rate);
    let mut at = 0.0;
    while at < secs - 0.1 {
        let (hz, decay) = (chance.between(900.0, 7000.0), chance.between(0.002, 0.006));
        ring(&mut out, samples(at, rate), hz, decay, chance.between(0.03, 0.4), rate);
        at += chance.wait_secs(90.0);
    }
    out.truncate(n);
    shape(&mut out, &[(0.0, 0.0), (0.5, 1.0), (secs - 0.6, 1.0), (secs, 0.0)], rate);
    level(&mut out, 0.06);
    out
}

/// Waves: noise that swells, breaks brightly and runs out.
pub(super) fn sea_waves(chance: &mut Chance, rate: f32) -> Vec<f32> {
    let secs = 6.5;
    let n = samples(secs, rate);
    let mut swell = filter(&pink(chance, n, rate), Filter::Low(900.0), rate);
    let mut foam = filter(&filter(&chance.noises(n), Filter::High(250.0), rate), Filter::Low(7000.0), rate);
    shape(&mut swell, &[(0.0, 0.1), (1.6, 1.0), (2.6, 0.6), (3.6, 0.3), (5.0, 0.9), (secs, 0.1)], rate);
    shape(&mut foam, &[(0.0, 0.0), (1.0, 0.15), (1.9, 1.0), (3.4, 0.25), (4.2, 0.2), (5.1, 0.8), (secs, 0.0)], rate);
    let mut out = swell;
    add(&mut out, &distant(&foam, 2000.0, rate), 0, 1.6);
    shape(&mut out, &[(0.0, 0.0), (0.5, 1.0), (secs - 0.5, 1.0), (secs, 0.0)], rate);
    level(&mut out, 0.09);
    out
}

/// Sparks of every size over a low roar.
pub(super) fn crackling_fire(chance: &mut Chance, rate: f32) -> Vec<f32> {
    let secs = 4.5;
    let n = samples(secs, rate);
    let mut out = Vec::new();
    add(&mut out, &filter(&pink(chance, n, rate), Filter::Low(110.0), rate), 0, 0.12);
    add(&mut out, &chance.noises(n), 0, 0.004);
    let mut at = 0.05;
    while at < secs - 0.2 {
        // Few are loud: the size of a crack has a long tail.
        let size = chance.between(0.05, 1.0).powi(5) + 0.02;
        let crack_secs = chance.between(0.0015, 0.007);
        let mut crack = chance.noises(samples(crack_secs, rate));
        shape(&mut crack, &[(0.0, 1.0), (crack_secs, 0.0)], rate);
        let crack = filter(&crack, Filter::Band(chance.between(1200.0, 5500.0), 0.7), rate);
        add(&mut out, &crack, samples(at, rate), 1.5 * size);
        at += chance.wait_secs(38.0);
    }
    shape(&mut out, &[(0.0, 0.0), (0.3, 1.0), (secs - 0.4, 1.0), (secs, 0.0)], rate);
    let mut out = room(&out, 0.15, 0.15, chance, rate);
    level(&mut out, 0.07);
    out
}

/// The blow, then shards: high partials without any order, falling for half a second.
pub(super) fn glass_breaking(chance: &mut Chance, rate: f32) -> Vec<f32> {
    let mut out = Vec::new();
    let mut blow = chance.noises(samples(0.09, rate));
    shape(&mut blow, &[(0.0, 0.0), (0.001, 1.0), (0.02, 0.4), (0.09, 0.0)], rate);
    add(&mut out, &filter(&blow, Filter::High(1200.0), rate), 0, 1.6);
    for _ in 0..40 {
        let hz = 2200.0 * (TAU * 0.27 * chance.between(0.0, 1.0)).exp();
        ring(&mut out, 0, hz, chance.between(0.02, 0.16), chance.between(0.05, 0.25), rate);
    }
    let mut at = 0.06_f32;
    while at < 1.15 {
        let weight = (-2.2 * at).exp();
        for _ in 0..3 {
            let hz = chance.between(2800.0, 11_000.0);
            ring(
                &mut out,
                samples(at, rate),
                hz,
                chance.between(0.006, 0.07),
                weight * chance.between(0.05, 0.5),
                rate,
            );
        }
        let mut tick = chance.noises(samples(0.006, rate));
        shape(&mut tick, &[(0.0, 1.0), (0.006, 0.0)], rate);
        add(&mut out, &filter(&tick, Filter::High(3500.0), rate), samples(at, rate), 0.5 * weight);
        at += chance.wait_secs(34.0);
    }
    let mut out = room(&out, 0.4, 0.25, chance, rate);
    level(&mut out, 0.12);
    out
}

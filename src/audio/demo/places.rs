//! What is heard at a house: a knock, crickets, birds, thunder.

use std::f32::consts::TAU;

use super::synth::{Chance, Filter, add, curve, distant, filter, formants, level, pink, ring, room, samples, shape};

/// Knuckles on a wooden door: three blows, and three.
pub(super) fn door_wood_knock(chance: &mut Chance, rate: f32) -> Vec<f32> {
    let mut out = Vec::new();
    for at in [0.0, 0.15, 0.3, 0.45, 1.2, 1.35, 1.5, 1.65] {
        let at = samples(at + chance.between(0.0, 0.012), rate);
        let force = chance.between(0.8, 1.0);
        for (hz, decay, gain) in
            [(98.0, 0.03, 1.2), (154.0, 0.026, 1.0), (227.0, 0.02, 0.9), (341.0, 0.014, 0.7), (525.0, 0.01, 0.5)]
        {
            ring(&mut out, at, hz * chance.between(0.97, 1.03), decay, gain * force, rate);
        }
        let mut panel = chance.noises(samples(0.05, rate));
        shape(&mut panel, &[(0.0, 1.0), (0.012, 0.3), (0.05, 0.0)], rate);
        let bands = [(300.0, 0.7, 1.2), (800.0, 0.8, 0.8), (2_000.0, 0.8, 0.35)];
        add(&mut out, &formants(&panel, &bands, 0.05, rate), at, 1.2 * force);
    }
    let mut out = room(&distant(&out, 2_500.0, rate), 0.45, 0.45, chance, rate);
    level(&mut out, 0.12);
    out
}

/// Three crickets, each with a pitch and a beat of its own.
pub(super) fn crickets(chance: &mut Chance, rate: f32) -> Vec<f32> {
    let secs = 5.0;
    let n = samples(secs, rate);
    let mut out = vec![0.0; n];
    for (hz, chirps_per_sec, gain) in [(4_350.0, 2.6, 1.0), (4_800.0, 2.1, 0.5), (3_900.0, 2.9, 0.3)] {
        let mut at = chance.between(0.0, 0.2);
        while at < secs - 0.15 {
            for pulse in 0..4_u8 {
                let mut tone: Vec<f32> =
                    (0..samples(0.018, rate)).map(|i| (TAU * hz * i as f32 / rate).sin()).collect();
                shape(&mut tone, &[(0.0, 0.0), (0.006, 1.0), (0.012, 1.0), (0.018, 0.0)], rate);
                add(&mut out, &tone, samples(at + 0.028 * f32::from(pulse), rate), gain);
            }
            at += chance.between(0.95, 1.05) / chirps_per_sec;
        }
    }
    out.truncate(n);
    add(&mut out, &distant(&chance.noises(n), 700.0, rate), 0, 0.02);
    shape(&mut out, &[(0.0, 0.0), (0.2, 1.0), (secs - 0.3, 1.0), (secs, 0.0)], rate);
    level(&mut out, 0.05);
    out
}

/// Two small birds that answer each other: short whistles that rise, fall and trill.
pub(super) fn chirping_birds(chance: &mut Chance, rate: f32) -> Vec<f32> {
    let secs = 4.5;
    let mut out = Vec::new();
    let mut at = 0.05;
    while at < secs - 0.7 {
        let (centre, n_notes) = (chance.between(2_600.0, 5_600.0), chance.between(2.0, 7.0) as u8);
        for _ in 0..n_notes {
            let note_secs = chance.between(0.04, 0.12);
            let (from, to) = (centre * chance.between(0.75, 1.4), centre * chance.between(0.75, 1.4));
            let bow = chance.between(0.9, 1.25);
            let pitch = [(0.0, from), (0.5 * note_secs, 0.5 * (from + to) * bow), (note_secs, to)];
            let mut phase = 0.0_f32;
            let mut note: Vec<f32> = (0..samples(note_secs, rate))
                .map(|i| {
                    phase = (phase + curve(&pitch, i as f32 / rate) / rate).fract();
                    (TAU * phase).sin() + 0.08 * (TAU * 2.0 * phase).sin()
                })
                .collect();
            shape(&mut note, &[(0.0, 0.0), (0.012, 1.0), (0.7 * note_secs, 0.8), (note_secs, 0.0)], rate);
            add(&mut out, &note, samples(at, rate), chance.between(0.5, 1.0));
            at += note_secs + chance.between(0.02, 0.06);
        }
        at += chance.between(0.1, 0.35);
    }
    let mut out = room(&out, 0.9, 0.4, chance, rate);
    level(&mut out, 0.06);
    out
}

/// A crack, and its echoes from far and wide, over rain.
pub(super) fn thunderstorm(chance: &mut Chance, rate: f32) -> Vec<f32> {
    let secs = 7.0;
    let n = samples(secs, rate);
    let mut out = vec![0.0; n];
    let mut at = 0.25;
    let mut gain = 1.0;
    while at < secs - 1.2 {
        let roll_secs = chance.between(0.5, 1.6);
        let mut roll = chance.noises(samples(roll_secs, rate));
        shape(&mut roll, &[(0.0, 0.0), (0.03, 1.0), (0.3 * roll_secs, 0.5), (roll_secs, 0.0)], rate);
        // What comes later comes from farther away, where only the low end is left.
        let corner = 90.0 + 900.0 * (-1.3 * at).exp();
        let roll = filter(&filter(&roll, Filter::Low(corner), rate), Filter::High(25.0), rate);
        add(&mut out, &roll, samples(at, rate), gain * chance.between(0.6, 1.4) * (1_000.0 / corner).sqrt());
        at += chance.between(0.12, 0.5);
        gain *= 0.9;
    }
    out.truncate(n);
    level(&mut out, 0.13);
    add(&mut out, &distant(&filter(&pink(chance, n, rate), Filter::High(400.0), rate), 4_000.0, rate), 0, 0.012);
    shape(&mut out, &[(0.0, 0.0), (0.15, 1.0), (secs - 1.5, 1.0), (secs, 0.0)], rate);
    out
}

//! What is heard in a house and around it: a knock, typing, a vacuum cleaner, crickets, birds, thunder.

use std::f32::consts::TAU;

use super::synth::{Chance, Filter, add, curve, distant, filter, formants, level, pink, ring, room, samples, shape};

/// Knuckles on a wooden door: three blows, and two.
pub(super) fn door_wood_knock(chance: &mut Chance, rate: f32) -> Vec<f32> {
    let mut out = Vec::new();
    for at in [0.0, 0.21, 0.42, 1.3, 1.5, 1.71] {
        let at = samples(at + chance.between(0.0, 0.015), rate);
        let force = chance.between(0.8, 1.0);
        for (hz, decay, gain) in
            [(128.0, 0.035, 1.0), (210.0, 0.028, 0.9), (335.0, 0.02, 0.7), (560.0, 0.013, 0.5), (980.0, 0.008, 0.35)]
        {
            ring(&mut out, at, hz * chance.between(0.98, 1.02), decay, gain * force, rate);
        }
        let mut skin = chance.noises(samples(0.006, rate));
        shape(&mut skin, &[(0.0, 1.0), (0.006, 0.0)], rate);
        add(&mut out, &filter(&skin, Filter::Band(1_500.0, 0.6), rate), at, 0.9 * force);
    }
    let mut out = room(&out, 0.35, 0.3, chance, rate);
    level(&mut out, 0.12);
    out
}

/// Keys that go down and come up again, the space bar now and then.
pub(super) fn keyboard_typing(chance: &mut Chance, rate: f32) -> Vec<f32> {
    let secs = 4.0;
    let mut out = Vec::new();
    let mut at = 0.02;
    while at < secs - 0.2 {
        let space = chance.between(0.0, 1.0) < 0.15;
        let tone = if space { 0.55 } else { chance.between(0.85, 1.2) };
        key(chance, &mut out, at, tone, 1.0, rate);
        let up = at + chance.between(0.06, 0.11);
        key(chance, &mut out, up, 1.3 * tone, 0.35, rate);
        at += chance.between(0.08, 0.2) + if space { 0.06 } else { 0.0 };
    }
    let mut out = room(&out, 0.12, 0.2, chance, rate);
    level(&mut out, 0.05);
    out
}

/// One click of a key.
fn key(chance: &mut Chance, out: &mut Vec<f32>, at: f32, tone: f32, gain: f32, rate: f32) {
    let at = samples(at, rate);
    let mut click = chance.noises(samples(0.012, rate));
    shape(&mut click, &[(0.0, 0.0), (0.0005, 1.0), (0.003, 0.3), (0.012, 0.0)], rate);
    let bands = [(2_200.0 * tone, 1.0, 1.0), (4_600.0 * tone, 1.2, 0.8), (700.0 * tone, 1.0, 0.6)];
    add(out, &formants(&click, &bands, 0.15, rate), at, gain * chance.between(0.7, 1.0));
    ring(out, at, 320.0 * tone, 0.006, 0.25 * gain, rate);
}

/// A motor that runs up, its whine, and the rush of air.
pub(super) fn vacuum_cleaner(chance: &mut Chance, rate: f32) -> Vec<f32> {
    let secs = 5.0;
    let n = samples(secs, rate);
    let air = formants(
        &chance.noises(n),
        &[(350.0, 0.6, 0.6), (1_100.0, 0.8, 0.7), (2_800.0, 0.7, 0.6), (5_500.0, 0.8, 0.3)],
        0.12,
        rate,
    );
    let speed = [(0.0, 0.55), (0.9, 1.0), (secs - 0.7, 1.0), (secs, 0.6)];
    let mut phase = 0.0_f32;
    let motor: Vec<f32> = (0..n)
        .map(|i| {
            let t = i as f32 / rate;
            phase = (phase + 210.0 * curve(&speed, t) / rate).fract();
            let tones: [(f32, f32); 6] = [(1.0, 0.5), (2.0, 0.35), (3.0, 0.3), (4.0, 0.2), (7.0, 0.14), (11.0, 0.1)];
            tones.iter().map(|(k, gain)| gain * (TAU * phase * k).sin()).sum()
        })
        .collect();
    let mut out = air;
    add(&mut out, &motor, 0, 0.16);
    shape(&mut out, &[(0.0, 0.0), (0.8, 1.0), (secs - 0.6, 1.0), (secs, 0.0)], rate);
    let mut out = room(&out, 0.3, 0.3, chance, rate);
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
        let (centre, n_notes) = (chance.between(3_200.0, 5_200.0), chance.between(2.0, 6.0) as u8);
        for _ in 0..n_notes {
            let note_secs = chance.between(0.05, 0.13);
            let (from, to) = (centre * chance.between(0.8, 1.3), centre * chance.between(0.8, 1.3));
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
        at += chance.between(0.15, 0.45);
    }
    let mut out = room(&out, 0.6, 0.25, chance, rate);
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

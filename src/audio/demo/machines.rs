//! Things that people made: siren, clock, car horn, helicopter, chainsaw.

use std::f32::consts::TAU;

use super::synth::{Chance, Filter, Voice, add, curve, distant, filter, formants, level, ring, room, samples, shape};

/// A wail that rises and falls, heard down a street.
pub(super) fn siren(chance: &mut Chance, rate: f32) -> Vec<f32> {
    let secs = 5.0;
    let (low, high) = (450.0, 600.0);
    let mut pitch = Vec::new();
    for turn in 0..5_u8 {
        let at = f32::from(turn);
        pitch.extend([(at, low), (at + 0.46, low), (at + 0.5, high), (at + 0.96, high)]);
    }
    let gain = [(0.0, 0.0), (0.25, 0.8), (2.5, 1.0), (4.7, 0.8), (secs, 0.0)];
    let voice =
        Voice { secs, pitch_hz: &pitch, gain: &gain, tilt_db: 7.0, jitter: 0.001, vibrato: (0.0, 0.0), breath: 0.05 };
    let horn = voice.sing(chance, rate);
    let horn = formants(&horn, &[(900.0, 0.8, 1.0), (2200.0, 1.5, 0.5)], 0.4, rate);
    let mut out = room(&distant(&horn, 1600.0, rate), 1.4, 0.8, chance, rate);
    level(&mut out, 0.13);
    out
}

/// Tick, tock: a train of clicks, each a handful of short metal partials.
pub(super) fn clock_tick(chance: &mut Chance, rate: f32) -> Vec<f32> {
    let mut out = Vec::new();
    for beat in 0..9_u8 {
        let at = f32::from(beat) * 0.5 + chance.between(-0.002, 0.002) + 0.01;
        let at = samples(at, rate);
        let (tone, gain) = if beat % 2 == 0 { (1.0, 1.0) } else { (0.88, 0.8) };
        let mut click = chance.noises(samples(0.004, rate));
        shape(&mut click, &[(0.0, 1.0), (0.004, 0.0)], rate);
        add(&mut out, &filter(&click, Filter::High(2500.0), rate), at, 0.8 * gain);
        for (hz, decay, part) in [
            (1850.0, 0.010, 0.3),
            (2900.0, 0.008, 0.5),
            (4300.0, 0.006, 0.6),
            (6100.0, 0.005, 0.4),
            (8700.0, 0.004, 0.2),
        ] {
            ring(&mut out, at, hz * tone * chance.between(0.995, 1.005), decay, part * gain, rate);
        }
        // The wheel behind it, a moment later.
        ring(&mut out, at + samples(0.022, rate), 3400.0 * tone, 0.005, 0.25 * gain, rate);
    }
    let mut out = room(&out, 0.15, 0.2, chance, rate);
    level(&mut out, 0.05);
    out
}

/// Two notes a third apart, blown twice.
pub(super) fn car_horn(chance: &mut Chance, rate: f32) -> Vec<f32> {
    let mut out = Vec::new();
    for (at, secs) in [(0.0, 0.45), (0.75, 1.5)] {
        for (hz, part) in [(415.0, 1.0), (518.0, 0.9)] {
            let gain = [(0.0, 0.0), (0.03, 1.0), (secs - 0.05, 0.95), (secs, 0.0)];
            let voice = Voice {
                secs,
                pitch_hz: &[(0.0, 0.97 * hz), (0.05, hz)],
                gain: &gain,
                tilt_db: 3.0,
                jitter: 0.002,
                vibrato: (0.0, 0.0),
                breath: 0.15,
            };
            let reed = voice.sing(chance, rate);
            let horn = formants(&reed, &[(900.0, 1.5, 0.8), (2300.0, 1.5, 1.0), (3500.0, 2.0, 0.6)], 0.15, rate);
            add(&mut out, &horn, samples(at, rate), part);
        }
    }
    let mut out = room(&distant(&out, 2500.0, rate), 0.5, 0.3, chance, rate);
    level(&mut out, 0.14);
    out
}

/// Rotor blades: low pulses of noise, eleven a second, over the rush of the engine.
pub(super) fn helicopter(chance: &mut Chance, rate: f32) -> Vec<f32> {
    let secs = 5.0;
    let n = samples(secs, rate);
    let thump = filter(&filter(&chance.noises(n), Filter::Low(160.0), rate), Filter::High(35.0), rate);
    let slap = filter(&chance.noises(n), Filter::Band(500.0, 0.5), rate);
    let rush = filter(&chance.noises(n), Filter::Band(1800.0, 0.4), rate);
    let mut phase = 0.0_f32;
    let out: Vec<f32> = (0..n)
        .map(|i| {
            let t = i as f32 / rate;
            phase = (phase + 11.0 * (1.0 + 0.01 * (TAU * 0.4 * t).sin()) / rate).fract();
            // A blade passes: quick attack, slower release.
            let blade = curve(&[(0.0, 0.0), (0.12, 1.0), (0.35, 0.35), (0.8, 0.05), (1.0, 0.0)], phase);
            let whine = 0.01 * (TAU * 1120.0 * t).sin();
            thump[i] * (1.5 + 3.0 * blade) + slap[i] * (0.2 + 0.35 * blade) + rush[i] * (0.12 + 0.06 * blade) + whine
        })
        .collect();
    let mut out = distant(&out, 1500.0, rate);
    shape(&mut out, &[(0.0, 0.0), (0.8, 0.8), (3.0, 1.0), (4.3, 0.8), (secs, 0.0)], rate);
    level(&mut out, 0.15);
    out
}

/// A two-stroke engine: a harsh buzz whose revolutions follow the throttle, and the noise of the chain.
pub(super) fn chainsaw(chance: &mut Chance, rate: f32) -> Vec<f32> {
    let secs = 4.8;
    let revs =
        [(0.0, 70.0), (0.3, 75.0), (0.7, 135.0), (2.2, 128.0), (2.6, 85.0), (3.0, 138.0), (4.3, 125.0), (secs, 75.0)];
    let gain = [(0.0, 0.0), (0.08, 0.6), (0.7, 1.0), (2.2, 1.0), (2.6, 0.7), (3.0, 1.0), (4.4, 0.9), (secs, 0.0)];
    let voice =
        Voice { secs, pitch_hz: &revs, gain: &gain, tilt_db: 2.0, jitter: 0.02, vibrato: (0.0, 0.0), breath: 1.2 };
    let engine: Vec<f32> = voice.sing(chance, rate).iter().map(|x| (0.9 * x).tanh()).collect();
    let body =
        formants(&engine, &[(240.0, 1.5, 0.9), (900.0, 1.2, 0.8), (2400.0, 1.2, 0.8), (4800.0, 1.2, 0.5)], 0.2, rate);
    let mut chain = filter(&chance.noises(engine.len()), Filter::Band(5500.0, 0.6), rate);
    shape(&mut chain, &gain, rate);
    let mut out = body;
    add(&mut out, &chain, 0, 0.35);
    let mut out = room(&distant(&out, 3500.0, rate), 0.4, 0.2, chance, rate);
    level(&mut out, 0.16);
    out
}

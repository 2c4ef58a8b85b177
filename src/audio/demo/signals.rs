//! What rings and plays: church bells, an alarm clock, a telephone, music.

use std::f32::consts::TAU;

use super::synth::{Chance, Filter, add, distant, filter, level, ring, room, samples, shape};

/// A peal of four bells in a tower, each with the partials of a cast bell: hum, prime, tierce, quint, nominal and those above.
pub(super) fn church_bells(chance: &mut Chance, rate: f32) -> Vec<f32> {
    const PARTIALS: [(f32, f32, f32); 9] = [
        (0.5, 3.0, 0.7),
        (0.99, 2.2, 0.8),
        (1.2, 1.8, 0.9),
        (1.49, 1.0, 0.5),
        (2.01, 1.2, 1.0),
        (2.55, 0.6, 0.6),
        (3.02, 0.5, 0.6),
        (4.15, 0.35, 0.45),
        (5.43, 0.22, 0.3),
    ];
    let mut out = Vec::new();
    let peal = [523.0, 466.0, 415.0, 349.0];
    for strike in 0..14_u8 {
        let prime = peal[usize::from(strike) % 4];
        let at = samples(0.42 * f32::from(strike) + chance.between(0.0, 0.05), rate);
        for (ratio, decay, gain) in PARTIALS {
            // Each partial is two close ones: a bell is never quite round.
            for beat in [1.0, 1.0 + chance.between(0.002, 0.008)] {
                ring(&mut out, at, prime * ratio * beat, decay, 0.5 * gain * chance.between(0.8, 1.2), rate);
            }
        }
        let mut blow = chance.noises(samples(0.02, rate));
        shape(&mut blow, &[(0.0, 1.0), (0.02, 0.0)], rate);
        add(&mut out, &filter(&blow, Filter::Band(2_500.0, 0.5), rate), at, 2.0);
    }
    out.truncate(samples(8.0, rate));
    shape(&mut out, &[(0.0, 1.0), (6.0, 1.0), (8.0, 0.0)], rate);
    let mut out = room(&distant(&out, 1_800.0, rate), 2.2, 1.0, chance, rate);
    level(&mut out, 0.1);
    out
}

/// Four beeps a second apart from the next four, of a piezo that knows one tone.
pub(super) fn clock_alarm(chance: &mut Chance, rate: f32) -> Vec<f32> {
    let mut out = Vec::new();
    for group in 0..4_u8 {
        for beep in 0..4_u8 {
            let at = samples(f32::from(group) * 1.0 + f32::from(beep) * 0.125, rate);
            let n = samples(0.065, rate);
            let mut tone: Vec<f32> = (0..n)
                .map(|i| {
                    let phase = TAU * 3_050.0 * i as f32 / rate;
                    phase.sin() + 0.33 * (3.0 * phase).sin() + 0.12 * (5.0 * phase).sin()
                })
                .collect();
            shape(&mut tone, &[(0.0, 0.0), (0.002, 1.0), (0.06, 1.0), (0.065, 0.0)], rate);
            add(&mut out, &tone, at, 1.0);
        }
    }
    let mut out = room(&out, 0.2, 0.25, chance, rate);
    level(&mut out, 0.09);
    out
}

/// An old telephone: a hammer between two gongs, twenty blows a second, twice.
pub(super) fn phone_ring(chance: &mut Chance, rate: f32) -> Vec<f32> {
    let mut out = Vec::new();
    for (from, secs) in [(0.0, 1.8), (2.9, 1.8)] {
        let mut at: f32 = from;
        let mut left = true;
        while at < from + secs {
            let gong = if left { 1_420.0 } else { 1_690.0 };
            for (ratio, decay, gain) in [(1.0, 0.18, 1.0), (2.71, 0.1, 0.7), (5.15, 0.05, 0.4)] {
                ring(&mut out, samples(at, rate), gong * ratio, decay, gain * chance.between(0.85, 1.0), rate);
            }
            left = !left;
            at += 0.05 * chance.between(0.98, 1.02);
        }
    }
    let mut out = room(&out, 0.4, 0.3, chance, rate);
    level(&mut out, 0.1);
    out
}

/// A tune on a plucked string instrument, over broken chords.
pub(super) fn music(chance: &mut Chance, rate: f32) -> Vec<f32> {
    const CHORDS: [[f32; 3]; 4] =
        [[220.0, 261.63, 329.63], [174.61, 220.0, 261.63], [130.81, 164.81, 196.0], [196.0, 246.94, 293.66]];
    const TUNE: [f32; 16] = [
        659.26, 0.0, 523.25, 587.33, 659.26, 0.0, 698.46, 659.26, 587.33, 0.0, 523.25, 392.0, 493.88, 523.25, 587.33,
        0.0,
    ];
    let eighth = 0.3;
    let mut out = Vec::new();
    for (bar, chord) in CHORDS.into_iter().enumerate() {
        for step in 0..4 {
            let at = samples((4 * bar + step) as f32 * eighth, rate);
            pluck(chance, &mut out, at, chord[[0, 1, 2, 1][step]], 0.5, rate);
            if step == 0 {
                pluck(chance, &mut out, at, chord[0] / 2.0, 0.8, rate);
            }
            pluck(chance, &mut out, at, TUNE[4 * bar + step], 0.8, rate);
        }
    }
    let mut out = room(&out, 0.7, 0.3, chance, rate);
    level(&mut out, 0.1);
    out
}

/// A plucked string: noise that goes round a delay line and loses its high end (Karplus and Strong). Nothing for 0 Hz.
fn pluck(chance: &mut Chance, out: &mut Vec<f32>, at: usize, hz: f32, gain: f32, rate: f32) {
    if hz <= 0.0 {
        return;
    }
    let period = samples(1.0 / hz, rate).max(2);
    let mut line = chance.noises(period);
    let mut note = Vec::with_capacity(samples(1.6, rate));
    for i in 0..samples(1.6, rate) {
        let (now, next) = (line[i % period], line[(i + 1) % period]);
        note.push(now);
        line[i % period] = 0.997 * (0.5 * now + 0.5 * next);
    }
    shape(&mut note, &[(0.0, 0.0), (0.003, 1.0), (1.4, 1.0), (1.6, 0.0)], rate);
    add(out, &filter(&note, Filter::Low(4_500.0), rate), at, gain);
}

//! Voices: dog, rooster, baby, sneeze.

use super::synth::{Chance, Filter, Voice, add, distant, filter, formants, level, room, samples, shape};

/// Groups of short barks whose pitch jumps up and falls, half of it breath.
pub(super) fn dog(chance: &mut Chance, rate: f32) -> Vec<f32> {
    let mut out = Vec::new();
    for at in [0.0, 0.36, 1.15, 1.5, 2.35] {
        let secs = chance.between(0.16, 0.21);
        let base = chance.between(430.0, 520.0);
        let pitch = [(0.0, 0.75 * base), (0.25 * secs, 1.3 * base), (secs, 0.6 * base)];
        let gain = [(0.0, 0.0), (0.012, 1.0), (0.4 * secs, 0.8), (secs, 0.0)];
        let voice =
            Voice { secs, pitch_hz: &pitch, gain: &gain, tilt_db: 5.0, jitter: 0.05, vibrato: (0.0, 0.0), breath: 1.3 };
        let throat = voice.sing(chance, rate);
        let bark = formants(&throat, &[(700.0, 2.5, 1.4), (1400.0, 3.5, 1.1), (2700.0, 4.0, 0.5)], 0.15, rate);
        add(&mut out, &bark, samples(at, rate), chance.between(0.8, 1.0));
    }
    let mut out = room(&distant(&out, 1800.0, rate), 0.35, 0.35, chance, rate);
    level(&mut out, 0.14);
    out
}

/// Cock-a-doodle-doo: three short calls and a long falling one, all harmonics and rasp.
pub(super) fn rooster(chance: &mut Chance, rate: f32) -> Vec<f32> {
    let mut out = Vec::new();
    let calls = [
        (0.0, 0.22, [(0.0, 560.0), (0.08, 720.0), (0.16, 740.0), (0.22, 620.0)]),
        (0.27, 0.16, [(0.0, 780.0), (0.05, 880.0), (0.12, 870.0), (0.16, 800.0)]),
        (0.46, 0.34, [(0.0, 800.0), (0.12, 960.0), (0.26, 980.0), (0.34, 860.0)]),
        (0.85, 1.15, [(0.0, 820.0), (0.18, 1010.0), (0.7, 930.0), (1.15, 560.0)]),
    ];
    for (at, secs, pitch) in calls {
        let gain = [(0.0, 0.0), (0.03, 1.0), (0.75 * secs, 0.9), (secs, 0.0)];
        let voice = Voice {
            secs,
            pitch_hz: &pitch,
            gain: &gain,
            tilt_db: 3.0,
            jitter: 0.03,
            vibrato: (28.0, 0.012),
            breath: 0.5,
        };
        let throat = voice.sing(chance, rate);
        let call = formants(&throat, &[(950.0, 2.5, 1.0), (2100.0, 3.0, 1.0), (3600.0, 3.0, 0.5)], 0.08, rate);
        add(&mut out, &call, samples(at, rate), 1.0);
    }
    let mut out = room(&distant(&out, 3000.0, rate), 0.6, 0.3, chance, rate);
    level(&mut out, 0.14);
    out
}

/// Wails of about a second, each an arch of pitch with a tremor, and the breath drawn between them.
pub(super) fn crying_baby(chance: &mut Chance, rate: f32) -> Vec<f32> {
    let mut out = Vec::new();
    let mut at = 0.0;
    for _ in 0..4 {
        let secs = chance.between(0.75, 0.95);
        let top = chance.between(460.0, 540.0);
        let pitch = [(0.0, 0.8 * top), (0.2 * secs, top), (0.6 * secs, 0.97 * top), (secs, 0.72 * top)];
        let gain = [(0.0, 0.0), (0.08, 0.9), (0.5 * secs, 1.0), (secs, 0.0)];
        let voice = Voice {
            secs,
            pitch_hz: &pitch,
            gain: &gain,
            tilt_db: 3.5,
            jitter: 0.025,
            vibrato: (7.0, 0.02),
            breath: 0.35,
        };
        let throat = voice.sing(chance, rate);
        let mouth = [(1100.0, 4.0, 1.2), (1700.0, 5.0, 0.6), (3300.0, 5.0, 0.9), (5000.0, 5.0, 0.4)];
        add(&mut out, &formants(&throat, &mouth, 0.15, rate), samples(at, rate), 1.0);
        let gasp_secs = 0.22;
        let mut gasp = filter(&chance.noises(samples(gasp_secs, rate)), Filter::Band(2200.0, 1.5), rate);
        shape(&mut gasp, &[(0.0, 0.0), (0.12, 1.0), (gasp_secs, 0.0)], rate);
        add(&mut out, &gasp, samples(at + secs + 0.03, rate), 0.5);
        at += secs + gasp_secs + 0.06;
    }
    let mut out = room(&distant(&out, 3000.0, rate), 0.3, 0.2, chance, rate);
    level(&mut out, 0.14);
    out
}

/// A drawn breath, a burst, and a voiced end.
pub(super) fn sneezing(chance: &mut Chance, rate: f32) -> Vec<f32> {
    let mut out = Vec::new();
    let mut gasp = filter(&chance.noises(samples(0.45, rate)), Filter::Band(1500.0, 0.9), rate);
    shape(&mut gasp, &[(0.0, 0.0), (0.3, 0.5), (0.4, 0.6), (0.45, 0.0)], rate);
    add(&mut out, &gasp, 0, 0.25);
    let burst_at = samples(0.55, rate);
    let mut burst = filter(&chance.noises(samples(0.3, rate)), Filter::High(900.0), rate);
    shape(&mut burst, &[(0.0, 0.0), (0.006, 1.0), (0.09, 0.7), (0.3, 0.0)], rate);
    let burst = formants(&burst, &[(2600.0, 1.5, 1.0), (5200.0, 1.5, 0.8)], 0.4, rate);
    add(&mut out, &burst, burst_at, 1.0);
    let voice = Voice {
        secs: 0.38,
        pitch_hz: &[(0.0, 420.0), (0.08, 380.0), (0.38, 210.0)],
        gain: &[(0.0, 0.0), (0.02, 1.0), (0.12, 0.7), (0.38, 0.0)],
        tilt_db: 6.0,
        jitter: 0.04,
        vibrato: (0.0, 0.0),
        breath: 1.6,
    };
    let throat = voice.sing(chance, rate);
    let end = formants(&throat, &[(600.0, 3.0, 1.0), (1200.0, 4.0, 0.8), (2700.0, 4.0, 0.6)], 0.1, rate);
    add(&mut out, &end, burst_at + samples(0.03, rate), 0.7);
    let mut out = room(&distant(&out, 2200.0, rate), 0.3, 0.25, chance, rate);
    level(&mut out, 0.12);
    out
}

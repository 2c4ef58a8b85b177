use super::*;

fn params() -> SyntheticParams {
    SyntheticParams { noise: 0.1, seed: 7 }
}

/// Energy at `hz` and close by, as a share of all.
fn share_between(sound: &[f32], low_hz: usize, high_hz: usize) -> f64 {
    // One second: bin k is k Hz.
    let power = |k: usize| {
        let step = std::f64::consts::TAU * k as f64 / sound.len() as f64;
        let (re, im) = sound.iter().enumerate().fold((0.0, 0.0), |(re, im), (n, x)| {
            let (sin, cos) = (step * n as f64).sin_cos();
            (re + f64::from(*x) * cos, im + f64::from(*x) * sin)
        });
        re * re + im * im
    };
    let energy: f64 = sound.iter().map(|x| f64::from(x * x)).sum();
    (low_hz..high_hz).map(power).sum::<f64>() * 2.0 / (sound.len() as f64 * energy)
}

#[test]
fn a_clip_is_its_objects_and_a_rest_and_reaches_full_scale() {
    let mut counts = [0; N_OBJECTS + 1];
    for index in 0..40 {
        let made = clip(&params(), index % 2, index).unwrap();
        assert_eq!(made.samples.len(), N_SAMPLES);
        let peak = made.samples.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
        assert!((peak - 1.0).abs() < 1e-6, "{peak}");
        assert!(made.objects.windows(2).all(|pair| pair[0].0 < pair[1].0));
        counts[made.objects.len()] += 1;
        assert_eq!(made, clip(&params(), index % 2, index).unwrap(), "drawn again, it is the same");
    }
    assert!(counts[0] == 0 && counts[1..].iter().all(|n| *n > 0), "one to four objects: {counts:?}");
    let other = SyntheticParams { seed: 8, ..params() };
    assert_ne!(clip(&params(), 0, 0).unwrap(), clip(&other, 0, 0).unwrap());
}

#[test]
fn without_noise_and_random_sounds_the_objects_are_all_there_is() {
    let quiet = SyntheticParams { noise: 0.0, seed: 3 };
    let made = clip(&quiet, 1, 5).unwrap();
    let mut rest = made.samples.clone();
    for (_, sound) in &made.objects {
        rest.iter_mut().zip(sound).for_each(|(rest, x)| *rest -= x);
    }
    let energy = |sound: &[f32]| sound.iter().map(|x| f64::from(x * x)).sum::<f64>();
    assert!(energy(&rest) > 0.0 && energy(&rest) < energy(&made.samples) + made.objects.len() as f64 * 1e3);
    // The random sounds have no silence, so the rest has none either.
    assert!(rest.chunks(1600).all(|piece| energy(piece) > 1e-3));
}

/// Table 4.1: where each object's energy lies, with as much beside it as its envelope spreads.
#[test]
fn every_object_sounds_where_the_table_says() {
    let bands =
        [[(60, 190), (480, 620), (780, 2020), (3450, 4050)], [(60, 190), (480, 620), (750, 1650), (3970, 4530)]];
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for (class, bands) in bands.iter().enumerate() {
        for (number, (low, high)) in bands.iter().enumerate() {
            let sound = object(&mut rng, class, number);
            let share = share_between(&sound, *low, *high);
            assert!(share > 0.95, "class {class}, object {number}: {share}");
            assert!(sound.iter().all(|x| x.abs() <= 2.0));
        }
    }
}

/// Energy of each sixteenth of a second.
fn loudness(sound: &[f32]) -> Vec<f32> {
    sound.chunks(1000).map(|piece| piece.iter().map(|x| x * x).sum()).collect()
}

#[test]
fn one_sawtooth_rises_and_the_other_falls() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for (class, rises) in [(0, true), (1, false)] {
        let loud = loudness(&object(&mut rng, class, 1));
        let up = loud.windows(2).filter(|pair| pair[1] > pair[0]).count();
        let steps = loud.len() - 1;
        // Twice a second it starts anew, for at most two of the pieces.
        assert!(if rises { up >= steps - 4 } else { up <= 4 }, "class {class}: {up} of {steps} rise: {loud:?}");
    }
}

#[test]
fn the_tune_has_twelve_sounds_and_the_bass_is_silent_half_of_the_time() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let silent = |sound: &[f32]| sound.iter().filter(|x| **x == 0.0).count() as f64 / sound.len() as f64;
    for _ in 0..5 {
        // Twelve halves of sixteen turns sound, and what begins before the clip is cut.
        let tune = object(&mut rng, 1, 2);
        assert!((0.6..0.7).contains(&silent(&tune)), "{}", silent(&tune));
        let bass = object(&mut rng, 0, 0);
        assert!((0.65..0.85).contains(&silent(&bass)), "{}", silent(&bass));
    }
}

#[test]
fn what_cannot_be_made_is_refused() {
    assert!(clip(&params(), 2, 0).is_err());
    for noise in [-1.0, f64::NAN] {
        assert!(clip(&SyntheticParams { noise, seed: 1 }, 0, 0).is_err());
    }
}

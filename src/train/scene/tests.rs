use super::*;
use rand::SeedableRng;

fn shape() -> SceneShape {
    SceneShape {
        rate: SampleRate::new(16_000).unwrap(),
        n_samples: 32_768,
        frame_samples: 1_024,
        n_frames: 32,
        taught: false,
    }
}

fn tone(hz: f32, n: usize) -> Vec<f32> {
    (0..n).map(|i| (std::f32::consts::TAU * hz * i as f32 / 16_000.0).sin()).collect()
}

fn material() -> Material {
    let rate = shape().rate;
    let sound = |hz, class| Sound::new(tone(hz, 8_000), class, rate).unwrap();
    Material {
        by_class: vec![vec![sound(500.0, Some(0))], vec![sound(3_000.0, Some(1))]],
        other: vec![sound(1_500.0, None)],
        backgrounds: vec![Background { samples: tone(100.0, 80_000), contains: vec![1] }],
        rooms: Vec::new(),
    }
}

#[test]
fn what_is_marked_sounds_where_it_is_marked() {
    let shape = shape();
    let mut mixed = Mixed {
        shape,
        sounds: vec![0.0; shape.n_samples],
        targets: vec![0.0; 64],
        weights: vec![1.0; 64],
        n_classes: 2,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let material = material();
    let added = mixed.add(&mut rng, &material.by_class[1][0], Playing { speed: 1.0, backwards: false }, 1.0);
    let marked: Vec<usize> = (0..32).filter(|f| mixed.targets[f * 2 + 1] > 0.0).collect();
    assert_eq!(marked, added.frames);
    assert!(!marked.is_empty() && marked.len() <= 8, "{marked:?}");
    assert!((0..32).all(|f| mixed.targets[f * 2] == 0.0));
    for frame in 0..32 {
        let power: f32 = mixed.sounds[frame * 1_024..][..1_024].iter().map(|x| x * x).sum::<f32>() / 1_024.0;
        assert_eq!(power > 0.45, marked.contains(&frame), "frame {frame}: {power}");
    }
}

#[test]
fn scenes_repeat_stay_in_range_and_ask_only_what_can_be_known() {
    let (shape, material) = (shape(), material());
    let make = |seed| scene(&mut ChaCha8Rng::seed_from_u64(seed), &material, &shape);
    assert_eq!(make(5), make(5));
    let (mut silent, mut sounding) = (0, 0);
    for seed in 0..60 {
        let made = make(seed);
        assert!(made.samples.iter().all(|x| x.abs() <= 1.0));
        let hears = |class: usize| (0..32).any(|f| made.targets[f * 2 + class] > 0.0);
        if hears(0) || hears(1) {
            sounding += 1
        } else {
            silent += 1
        }
        // Where the background may hold class 1, only its presence is taught.
        let asked = |f: usize| made.weights[f * 2 + 1] > 0.0;
        let background = (0..32).any(|f| !asked(f) && made.targets[f * 2 + 1] == 0.0);
        assert!(!background || (0..32).all(|f| !asked(f) || made.targets[f * 2 + 1] > 0.0));
    }
    assert!(silent >= 5 && sounding >= 20, "{silent} silent, {sounding} sounding");
}

#[test]
fn strange_scenes_are_for_a_teacher_alone_and_ask_for_no_label() {
    let (shape, material) = (SceneShape { taught: true, ..shape() }, material());
    let asks = |shape: &SceneShape, seed| {
        let made = scene(&mut ChaCha8Rng::seed_from_u64(seed), &material, shape);
        made.weights.iter().any(|w| *w > 0.0)
    };
    let strange = (0..200).filter(|seed| !asks(&shape, *seed)).count();
    assert!((30..75).contains(&strange), "{strange} of 200");
}

#[test]
fn a_sound_can_run_backwards() {
    let rate = shape().rate;
    let rising: Vec<f32> = (0..1_600).map(|i| i as f32 / 1_600.0).collect();
    let sound = Sound::new(rising, None, rate).unwrap();
    let mut mixed = Mixed {
        shape: shape(),
        sounds: vec![0.0; 32_768],
        targets: vec![0.0; 64],
        weights: vec![1.0; 64],
        n_classes: 2,
    };
    mixed.lay(&sound, Playing { speed: 0.5, backwards: true }, 100, 1.0);
    assert_eq!(mixed.sounds[99], 0.0);
    let heard = &mixed.sounds[100..100 + 3_190];
    assert!(heard.windows(2).all(|w| w[1] <= w[0] + 1e-6), "it falls now");
    assert!((heard[0] - sound.samples[1_599]).abs() < 1e-5);
}

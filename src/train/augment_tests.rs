use super::*;
use rand::SeedableRng;

const N: usize = 16_384;

/// A clip that is silent but for a burst of `len` samples of a tone with amplitude `a`.
fn burst(len: usize, a: f32) -> Vec<f32> {
    let mut clip = vec![0.0; N];
    for (i, x) in clip.iter_mut().take(len).enumerate() {
        *x = a * (i as f32 * 0.3).sin();
    }
    clip
}

/// 20·log10(a/b).
fn ratio_db(a: f32, b: f32) -> f32 {
    20.0 * (a / b).log10()
}

#[test]
fn the_level_of_a_short_sound_is_that_of_the_sound() {
    let (short, long) = (active_level(&burst(1024, 0.5)), active_level(&burst(N, 0.5)));
    let sine = 0.5 / 2.0_f32.sqrt();
    assert!(ratio_db(short, sine).abs() < 0.1 && ratio_db(long, sine).abs() < 0.1, "{short} {long}");
    assert_eq!(active_level(&[0.0; N]), 0.0);
    assert_eq!(active_level(&[]), 0.0);
    // A quiet hiss under the burst, 40 dB down, is no part of it.
    let hissing: Vec<f32> = burst(1024, 0.5).iter().map(|x| x + 0.003).collect();
    assert!(ratio_db(active_level(&hissing), sine).abs() < 0.3);
}

#[test]
fn noise_comes_at_the_wanted_ratio_under_a_short_sound() {
    for wanted in [0.0, 10.0, 25.0] {
        let params = AugmentParams { noise_prob: 1.0, noise_snr_db: (wanted, wanted), ..AugmentParams::none() };
        let clips = [burst(2048, 0.3)];
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for _ in 0..20 {
            let made = params.example(&mut rng, &clips, &[vec![0]], &[], 0, 1);
            let noise: Vec<f32> = made.samples.iter().zip(&clips[0]).map(|(m, c)| m - c).collect();
            let got = ratio_db(active_level(&clips[0]), active_level(&noise));
            assert!((got - wanted).abs() < 0.05, "wanted {wanted}, got {got}");
        }
    }
}

#[test]
fn mixing_adds_the_other_clip_at_the_wanted_ratio_and_unites_the_classes() {
    let params = AugmentParams { mix_prob: 1.0, mix_snr_db: (6.0, 6.0), ..AugmentParams::none() };
    let tone = burst(4096, 0.2);
    let square: Vec<f32> = (0..N).map(|i| if i % 40 < 20 { 0.4 } else { -0.4 }).collect();
    let clips = [tone, square];
    let targets = [vec![2], vec![0, 2]];
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let made = params.example(&mut rng, &clips, &targets, &[], 0, 4);
    assert_eq!(made.targets, [1.0, 0.0, 1.0, 0.0]);
    let second: Vec<f32> = made.samples.iter().zip(&clips[0]).map(|(m, c)| m - c).collect();
    let got = ratio_db(active_level(&clips[0]), active_level(&second));
    assert!((got - 6.0).abs() < 0.05, "{got}");
    let scale = second[0] / clips[1][0];
    assert!(second.iter().zip(&clips[1]).all(|(s, c)| (s - c * scale).abs() < 1e-5));
}

#[test]
fn a_silent_clip_adds_neither_sound_nor_class() {
    let params = AugmentParams { mix_prob: 1.0, ..AugmentParams::none() };
    let clips = [burst(4096, 0.2), vec![0.0; N]];
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let made = params.example(&mut rng, &clips, &[vec![0], vec![1]], &[], 0, 2);
    assert_eq!(made.samples, clips[0]);
    assert_eq!(made.targets, [1.0, 0.0]);
}

#[test]
fn background_alone_has_no_class_and_comes_as_often_and_as_loud_as_asked() {
    let params = AugmentParams::default();
    let clips = [burst(N, 0.5), burst(N / 2, 0.3)];
    let recording: Vec<f32> = (0..3 * N).map(|i| ((i * i) as f32 * 0.01).sin() * 0.1).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let (mut alone, mut silent) = (0, 0);
    for i in 0..1500 {
        let made = params.example(&mut rng, &clips, &[vec![0], vec![1]], std::slice::from_ref(&recording), i % 2, 2);
        assert_eq!(made.samples.len(), N);
        if made.targets == [0.0, 0.0] {
            alone += 1;
            match active_level(&made.samples) {
                0.0 => silent += 1,
                level => assert!((-80.1..-14.9).contains(&(20.0 * level.log10())), "{level}"),
            }
        }
    }
    // 1500 draws at 8 %: 120 expected, standard deviation 10.5; a tenth of them silent.
    assert!((75..165).contains(&alone), "{alone}");
    assert!((1..40).contains(&silent), "{silent}");
}

#[test]
fn gains_and_shifts_stay_in_their_ranges_and_cover_them() {
    let params = AugmentParams { shift: true, gain_db: (-12.0, 6.0), ..AugmentParams::none() };
    let clips = [burst(64, 0.5)];
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let (mut gains, mut places) = (Vec::new(), Vec::new());
    let peak = clips[0].iter().copied().fold(0.0, f32::max);
    for _ in 0..300 {
        let made = params.example(&mut rng, &clips, &[vec![0]], &[], 0, 1);
        gains.push(ratio_db(made.samples.iter().copied().fold(0.0, f32::max), peak));
        places.push(made.samples.iter().position(|&x| x != 0.0).unwrap_or(0));
    }
    gains.sort_by(f32::total_cmp);
    assert!(gains[0] > -12.01 && gains[0] < -11.0 && gains[299] < 6.01 && gains[299] > 5.0, "{gains:?}");
    assert!((gains[150] + 3.0).abs() < 2.0, "{}", gains[150]);
    places.sort_unstable();
    assert!(places[30] < N / 5 && places[270] > N * 4 / 5, "{places:?}");
}

#[test]
fn the_same_seed_makes_the_same_example() {
    let params = AugmentParams::default();
    let clips = [burst(4096, 0.5), burst(N, 0.1), burst(900, 0.9)];
    let targets = [vec![0], vec![1], vec![2]];
    let make = |seed: u64| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..8).map(|i| params.example(&mut rng, &clips, &targets, &[], i % 3, 3)).collect::<Vec<_>>()
    };
    assert_eq!(make(1), make(1));
    assert_ne!(make(1), make(2));
}

#[test]
fn nothing_asked_is_nothing_done() {
    let params = AugmentParams::none();
    let clips = [burst(4096, 0.5)];
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let made = params.example(&mut rng, &clips, &[vec![1]], &[], 0, 2);
    assert_eq!(made, Example { samples: clips[0].clone(), targets: vec![0.0, 1.0] });
    let mut feats = vec![1.0; 60];
    params.mask_features(&mut rng, &mut feats, 6, 0.0);
    assert!(feats.iter().all(|&f| f == 1.0));
}

#[test]
fn masks_are_whole_frames_and_whole_bands_and_not_too_many() {
    let params = AugmentParams::default();
    let (n_frames, n_mels) = (250, 64);
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut masked_share = 0.0;
    for _ in 0..200 {
        let mut feats = vec![1.0; n_frames * n_mels];
        params.mask_features(&mut rng, &mut feats, n_mels, -3.0);
        assert!(feats.iter().all(|&f| f == 1.0 || f == -3.0));
        let bands: Vec<usize> = (0..n_mels).filter(|&m| (0..n_frames).all(|t| feats[t * n_mels + m] == -3.0)).collect();
        let frames: Vec<usize> =
            (0..n_frames).filter(|&t| feats[t * n_mels..][..n_mels].iter().all(|&f| f == -3.0)).collect();
        assert!(bands.len() <= 16 && frames.len() <= 80, "{} {}", bands.len(), frames.len());
        // Whatever is masked lies in a masked frame or a masked band.
        for (i, &f) in feats.iter().enumerate() {
            assert_eq!(f == -3.0, frames.contains(&(i / n_mels)) || bands.contains(&(i % n_mels)));
        }
        masked_share += (frames.len() as f64) / (200.0 * n_frames as f64);
    }
    // Two masks of 20 frames in the mean are 16 % of 250, less where they overlap.
    assert!((0.12..0.17).contains(&masked_share), "{masked_share}");
    // Fewer frames than the longest mask: no panic, and no frames at all either.
    params.mask_features(&mut rng, &mut [1.0; 12], 4, 0.0);
    params.mask_features(&mut rng, &mut [], 4, 0.0);
}

#[test]
fn windows_hold_their_sound_and_many_end_just_after_it_began() {
    const WINDOW: usize = 8_192;
    let params = AugmentParams { window: Some(WINDOW), ..AugmentParams::none() };
    // A ramp, so that each sample says where it comes from; its loud part begins at 6000 and ends at 14000.
    let clip: Vec<f32> =
        (0..N).map(|i| if (6_000..14_000).contains(&i) { 0.5 + i as f32 * 1e-5 } else { i as f32 * 1e-7 }).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let (mut lasted, mut left) = (Vec::new(), 0);
    for _ in 0..400 {
        let made = params.example(&mut rng, std::slice::from_ref(&clip), &[vec![0]], &[], 0, 1);
        assert_eq!((made.samples.len(), made.targets[0]), (WINDOW, 1.0));
        let loud: Vec<usize> = (0..WINDOW).filter(|&i| made.samples[i] >= 0.5).collect();
        assert!(loud.len() >= ENOUGH_BLOCKS / 2 * LEVEL_BLOCK, "{} samples of sound", loud.len());
        // What sounds is one piece of the clip, in its place.
        let from = |i: usize| ((made.samples[i] - 0.5) * 1e5).round() as usize;
        assert_eq!(from(loud[loud.len() - 1]) - from(loud[0]), loud.len() - 1);
        if loud[loud.len() - 1] == WINDOW - 1 {
            lasted.push(loud.len());
        } else {
            left += 1;
        }
    }
    let early = lasted.iter().filter(|n| **n <= WINDOW / 2).count();
    assert!(early > 160 && lasted.len() - early > 20 && left > 40, "{early} of {}, {left} ended", lasted.len());
    // Nothing to hear in silence, and no panic.
    assert_eq!(params.example(&mut rng, &[vec![0.0; N]], &[vec![0]], &[], 0, 1).samples, vec![0.0; WINDOW]);
}

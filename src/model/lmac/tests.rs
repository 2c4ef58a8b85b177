use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::model::causal::CausalConfig;
use crate::model::vgg::VggConfig;

fn random(rng: &mut ChaCha8Rng, shape: &[usize], size: f32) -> Tensor {
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(-size..size)).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// A decoder of random weights, with the taps and the input of one segment.
fn setting(net: TapShapes, n_frames: usize) -> (LmacNet, Vec<Tensor>, Tensor) {
    let rng = &mut ChaCha8Rng::seed_from_u64(5);
    let config = LmacConfig { net, channels: 8, conditioned: true };
    let tensors = config.arrays().into_iter().map(|(name, shape)| (name, random(rng, &shape, 0.2))).collect();
    let tap = |tap: TapShape| random(rng, &[1, n_frames / tap.size.frames, tap.size.bands, tap.channels], 1.0);
    let taps = config.net.taps.map(tap).to_vec();
    let features = random(rng, &[1, n_frames, config.net.n_mels], 1.0);
    (LmacNet::from_tensors(&config, &tensors).unwrap(), taps, features)
}

fn values(mask: &Tensor) -> Vec<f32> {
    mask.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn some_frames_get_the_mask_that_they_have_in_the_whole() {
    let causal = CausalConfig::standard(64, 5);
    let vgg =
        VggConfig { n_mels: 32, input_pool: 2, widths: vec![8, 8, 8, 8], time_pools: vec![2, 2, 1], n_classes: 5 };
    let causal = TapShapes::causal(&causal, &causal.taps()).unwrap();
    for (net, n_frames) in [(causal, 160), (TapShapes::vgg(&vgg).unwrap(), 240)] {
        let n_mels = net.n_mels;
        let (decoder, taps, features) = setting(net, n_frames);
        let whole = values(&decoder.forward(&taps, &features, &[3]).unwrap());
        let inner = n_frames / 2;
        for frames in [0..n_frames, inner..inner + 24, inner + 3..inner + 4, 0..16, 5..70, n_frames - 1..n_frames] {
            let some = values(&decoder.forward_in(&taps, &features, &[3], frames.clone()).unwrap());
            let want = &whole[frames.start * n_mels..frames.end * n_mels];
            assert_eq!(some.len(), want.len());
            assert!(some.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-5), "frames {frames:?} of {n_frames}");
        }
        // Otherwise nothing would be saved.
        let widest = &decoder.windows(&(inner..inner + 1), n_frames)[0].frames;
        assert!(widest.len() < n_frames, "{widest:?}");
        assert!(decoder.forward_in(&taps, &features, &[3], 4..4).is_err());
        assert!(decoder.forward_in(&taps, &features, &[3], 4..n_frames + 1).is_err());
    }
}

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
            let some = values(&decoder.forward_in(&taps, &features, &[3], frames.clone(), None).unwrap());
            let want = &whole[frames.start * n_mels..frames.end * n_mels];
            assert_eq!(some.len(), want.len());
            assert!(some.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-5), "frames {frames:?} of {n_frames}");
        }
        // Otherwise nothing would be saved.
        assert!(first_window(&decoder, inner..inner + 1, n_frames, &MaskMemory::default()) < n_frames);
        assert!(decoder.forward_in(&taps, &features, &[3], 4..4, None).is_err());
        assert!(decoder.forward_in(&taps, &features, &[3], 4..n_frames + 1, None).is_err());
    }
}

/// Frames that the first layer must compute.
fn first_window(decoder: &LmacNet, frames: std::ops::Range<usize>, n_frames: usize, memory: &MaskMemory) -> usize {
    decoder.frames_to_compute(frames, n_frames, memory)
}

#[test]
fn a_stream_gets_the_masks_that_its_segments_get_and_a_stride_costs_a_stride() {
    let causal = CausalConfig::standard(64, 5);
    let net = TapShapes::causal(&causal, &causal.taps()).unwrap();
    // 20 strides of 16 frames, of which a segment has the last 128: the stream's own rows, whatever the segment.
    let (decoder, taps, features) = setting(net, 320);
    let (n_frames, stride) = (128, 16);
    let mut memory = MaskMemory::default();
    // At 240 the class was not asked for: the memory has a gap.
    for end in (128..=320).step_by(stride).filter(|end| *end != 240) {
        let of = |map: &Tensor, row: usize| map.narrow(1, (end - n_frames) / row, n_frames / row).unwrap();
        let taps: Vec<Tensor> = taps.iter().map(|tap| of(tap, 4)).collect();
        let features = of(&features, 1);
        let frames = n_frames - 3 * stride..n_frames - stride - 8;
        let again = first_window(&decoder, frames.clone(), n_frames, &MaskMemory::default());
        let mut at = memory.clone();
        at.begin(end as u64, n_frames);
        let now = first_window(&decoder, frames.clone(), n_frames, &at);
        let want = values(&decoder.forward_in(&taps, &features, &[2], frames.clone(), None).unwrap());
        let got = decoder.forward_in(&taps, &features, &[2], frames, Some((&mut memory, end as u64))).unwrap();
        assert!(values(&got).iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-5), "segment to {end}");
        assert!(now <= if [128, 256].contains(&end) { again } else { stride + 8 }, "{now} of {again} frames at {end}");
    }
}

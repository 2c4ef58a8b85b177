//! Operations in plain candle, for devices that have no kernels of ours.

use candle_core::{Result, Tensor};

/// As [`super::conv2d`] without bias and ReLU, on any device, with weights in PyTorch's layout `[c_out, c_in, kh, kw]`:
/// `x[batch, height, width, c_in]` gives `[batch, height, width, c_out]`. Forward only.
///
/// # Errors
/// If shapes do not fit.
pub fn plain_conv2d(x: &Tensor, w: &Tensor) -> Result<Tensor> {
    let (_, _, kh, kw) = w.dims4()?;
    // The padding is done here because candle's is the same on all sides, and a kernel may be long and narrow.
    let x = x.permute((0, 3, 1, 2))?.pad_with_zeros(2, kh / 2, kh / 2)?.pad_with_zeros(3, kw / 2, kw / 2)?;
    x.contiguous()?.conv2d(w, 0, 1, 1, 1)?.permute((0, 2, 3, 1))?.contiguous()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::conv2d;
    use super::*;
    use crate::model::kernels::conv::pack_weights;
    use candle_core::Device;

    #[test]
    fn it_equals_our_own() {
        let values = |n: usize| (0..n).map(|i| ((i * 53 % 97) as f32 - 48.0) / 48.0).collect::<Vec<f32>>();
        for (kh, kw, width) in [(3, 3, 6), (5, 1, 1), (1, 3, 4), (1, 1, 2)] {
            let (batch, height, c_in, c_out) = (2, 7, 3, 4);
            let x = Tensor::from_vec(values(batch * height * width * c_in), (batch, height, width, c_in), &Device::Cpu);
            let x = x.unwrap();
            let w = values(c_out * c_in * kh * kw);
            let packed = pack_weights(c_out, c_in, kh * kw, &w);
            let packed = Tensor::from_vec(packed, (kh, kw, c_in, c_out), &Device::Cpu).unwrap();
            let want = conv2d(&x, &packed, None, false).unwrap();
            let got = plain_conv2d(&x, &Tensor::from_vec(w, (c_out, c_in, kh, kw), &Device::Cpu).unwrap()).unwrap();
            assert_eq!(got.dims(), want.dims());
            let flat = |t: Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert!(flat(got).iter().zip(flat(want)).all(|(g, w)| (g - w).abs() < 1e-5), "{kh}×{kw}");
        }
    }
}

//! Matrix products of small layers.

use candle_core::{Device, Result, Tensor};

use super::conv2d;

/// The product of `x[rows, k]` and `w[k, n]`, with gradients for both. On the CPU it is a convolution with a kernel of one
/// pixel: candle's own product asks the system for the number of cores, by way of a file, at every call, which takes longer
/// than the small products of these networks.
///
/// # Errors
/// If the shapes do not fit.
pub fn matmul(x: &Tensor, w: &Tensor) -> Result<Tensor> {
    if !matches!(x.device(), Device::Cpu) {
        return x.matmul(w);
    }
    let ((rows, k), (inner, n)) = (x.dims2()?, w.dims2()?);
    let w = w.contiguous()?.reshape((1, 1, inner, n))?;
    conv2d(&x.contiguous()?.reshape((1, rows, 1, k))?, &w, None, false)?.reshape((rows, n))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use candle_core::Var;

    #[test]
    fn products_and_gradients_are_candles() {
        let values = |n: usize, step: f32| (0..n).map(|i| (i as f32 * step).sin()).collect::<Vec<_>>();
        let var = |n: usize, shape: (usize, usize), step| {
            Var::from_tensor(&Tensor::from_vec(values(n, step), shape, &Device::Cpu).unwrap()).unwrap()
        };
        let (x, w) = (var(21, (7, 3), 0.7), var(15, (3, 5), 1.3));
        let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let of = |y: &Tensor| {
            let weights = Tensor::from_vec(values(35, 0.3), (7, 5), &Device::Cpu).unwrap();
            let grads = (y * weights).unwrap().sum_all().unwrap().backward().unwrap();
            [flat(y), flat(grads.get(&x).unwrap()), flat(grads.get(&w).unwrap())]
        };
        for (got, want) in of(&matmul(&x, &w).unwrap()).iter().zip(of(&x.matmul(&w).unwrap())) {
            assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-5), "{got:?} is not {want:?}");
        }
        assert!(matmul(&x, &x).is_err());
    }
}

//! Linear interpolation over time, as a matrix.

/// Linear interpolation from `from` to `to` values with the ends kept (PyTorch's `align_corners=True`), as a matrix
/// `[to, from]`.
pub(super) fn interpolation(from: usize, to: usize) -> Vec<f32> {
    let mut matrix = vec![0.0_f32; to * from];
    for (i, row) in matrix.chunks_exact_mut(from.max(1)).enumerate() {
        let at = if to > 1 { i as f32 * (from - 1) as f32 / (to - 1) as f32 } else { 0.0 };
        let left = (at as usize).min(from - 1);
        let right = (left + 1).min(from - 1);
        row[left] += 1.0 - (at - left as f32);
        row[right] += at - left as f32;
    }
    matrix
}

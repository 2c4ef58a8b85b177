//! Safe matrix product on strided slices over the `gemm` crate. The only place of the crate with `unsafe`: every index
//! the product can touch is checked against the slices first.
#![allow(unsafe_code)]

use gemm::Parallelism;

/// A matrix inside a slice: element (r, c) lies at `offset + r * row_stride + c * col_stride`. Rows may overlap (a
/// sliding view), which only a matrix that is read may have.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// Index of element (0, 0).
    pub offset: usize,
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// Distance between rows.
    pub row_stride: usize,
    /// Distance between columns.
    pub col_stride: usize,
}

impl View {
    /// A dense row-major `[rows, cols]` matrix at the start of its slice.
    #[must_use]
    pub const fn dense(rows: usize, cols: usize) -> Self {
        Self { offset: 0, rows, cols, row_stride: cols, col_stride: 1 }
    }

    /// The same matrix, transposed.
    #[must_use]
    pub const fn t(self) -> Self {
        Self { rows: self.cols, cols: self.rows, row_stride: self.col_stride, col_stride: self.row_stride, ..self }
    }

    /// The same matrix, `by` elements further on.
    #[must_use]
    pub const fn at(self, by: usize) -> Self {
        Self { offset: self.offset + by, ..self }
    }

    /// One past the last index touched; `usize::MAX`, which no slice reaches, where that overflows.
    fn end(&self) -> usize {
        if self.rows == 0 || self.cols == 0 {
            return self.offset;
        }
        let last_row = (self.rows - 1).checked_mul(self.row_stride);
        let last_col = (self.cols - 1).checked_mul(self.col_stride);
        let last = last_row.zip(last_col).and_then(|(r, c)| r.checked_add(c)?.checked_add(self.offset)?.checked_add(1));
        last.unwrap_or(usize::MAX)
    }

    /// Whether two different elements can share an index.
    fn overlaps_itself(&self) -> bool {
        let rows_apart = self.row_stride > (self.cols.max(1) - 1) * self.col_stride;
        let cols_apart = self.col_stride > (self.rows.max(1) - 1) * self.row_stride;
        !(rows_apart || cols_apart)
    }
}

/// `dst = a · b` or, with `accumulate`, `dst += a · b`, on the calling thread.
///
/// # Panics
/// If the shapes do not fit, a view leaves its slice, or `dst` overlaps itself: defects of the caller.
pub fn matmul(dst: &mut [f32], dv: View, a: &[f32], av: View, b: &[f32], bv: View, accumulate: bool) {
    run(dst, dv, a, av, b, bv, accumulate, Parallelism::None);
}

/// As [`matmul`], on all threads of the pool: for one big product with nothing else to do.
///
/// # Panics
/// As [`matmul`].
pub fn matmul_parallel(dst: &mut [f32], dv: View, a: &[f32], av: View, b: &[f32], bv: View, accumulate: bool) {
    run(dst, dv, a, av, b, bv, accumulate, Parallelism::Rayon(0));
}

#[allow(clippy::too_many_arguments)]
fn run(
    dst: &mut [f32],
    dv: View,
    a: &[f32],
    av: View,
    b: &[f32],
    bv: View,
    accumulate: bool,
    parallelism: Parallelism,
) {
    assert!(av.rows == dv.rows && bv.cols == dv.cols && av.cols == bv.rows, "matmul: shapes do not fit");
    assert!(dv.end() <= dst.len() && av.end() <= a.len() && bv.end() <= b.len(), "matmul: a view leaves its slice");
    assert!(!dv.overlaps_itself(), "matmul: the destination overlaps itself");
    if dv.rows == 0 || dv.cols == 0 {
        return;
    }
    // SAFETY: the three views lie inside their slices (asserted through `end`), `dst` is borrowed mutably and so shares
    // nothing with `a` and `b`, its elements are distinct (asserted), and all strides fit in isize because they index
    // slices. The sliding views of `a` and `b` are only read.
    unsafe {
        gemm::gemm(
            dv.rows,
            dv.cols,
            av.cols,
            dst.as_mut_ptr().add(dv.offset),
            dv.col_stride as isize,
            dv.row_stride as isize,
            accumulate,
            a.as_ptr().add(av.offset),
            av.col_stride as isize,
            av.row_stride as isize,
            b.as_ptr().add(bv.offset),
            bv.col_stride as isize,
            bv.row_stride as isize,
            1.0_f32,
            1.0_f32,
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(a: &[f32], av: View, b: &[f32], bv: View) -> Vec<f32> {
        let at = |s: &[f32], v: View, r: usize, c: usize| s[v.offset + r * v.row_stride + c * v.col_stride];
        let mut out = vec![0.0; av.rows * bv.cols];
        for r in 0..av.rows {
            for c in 0..bv.cols {
                out[r * bv.cols + c] = (0..av.cols).map(|k| at(a, av, r, k) * at(b, bv, k, c)).sum();
            }
        }
        out
    }

    #[test]
    fn products_of_dense_transposed_and_sliding_views_are_right() {
        let a: Vec<f32> = (0..200).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
        let b: Vec<f32> = (0..300).map(|i| ((i * 53 % 97) as f32 - 48.0) / 48.0).collect();
        let sliding = View { offset: 3, rows: 20, cols: 6, row_stride: 2, col_stride: 1 };
        for (av, bv) in [
            (View::dense(7, 9), View::dense(9, 11)),
            (View::dense(9, 7).t(), View::dense(9, 11)),
            (sliding, View::dense(6, 17)),
            (sliding.t(), View::dense(20, 5)),
        ] {
            let want = naive(&a, av, &b, bv);
            let mut got = vec![0.5; want.len()];
            matmul(&mut got, View::dense(av.rows, bv.cols), &a, av, &b, bv, false);
            assert!(got.iter().zip(&want).all(|(g, w)| (g - w).abs() < 1e-4));
            matmul_parallel(&mut got, View::dense(av.rows, bv.cols), &a, av, &b, bv, true);
            assert!(got.iter().zip(&want).all(|(g, w)| (g - 2.0 * w).abs() < 2e-4));
        }
    }

    #[test]
    #[should_panic(expected = "leaves its slice")]
    fn a_view_outside_its_slice_is_refused() {
        let mut dst = [0.0; 4];
        matmul(&mut dst, View::dense(2, 2), &[0.0; 3], View::dense(2, 2), &[0.0; 4], View::dense(2, 2), false);
    }

    #[test]
    #[should_panic(expected = "overlaps itself")]
    fn a_destination_that_overlaps_itself_is_refused() {
        let mut dst = [0.0; 4];
        let dv = View { offset: 0, rows: 2, cols: 2, row_stride: 1, col_stride: 1 };
        matmul(&mut dst, dv, &[0.0; 4], View::dense(2, 2), &[0.0; 4], View::dense(2, 2), false);
    }
}

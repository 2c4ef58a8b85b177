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

    /// One past the last index touched; `usize::MAX`, which no slice reaches, where that overflows or a stride is beyond
    /// what pointers can step (a single row or column may have any).
    fn end(&self) -> usize {
        if isize::try_from(self.row_stride).is_err() || isize::try_from(self.col_stride).is_err() {
            return usize::MAX;
        }
        if self.rows == 0 || self.cols == 0 {
            return self.offset;
        }
        let last_row = (self.rows - 1).checked_mul(self.row_stride);
        let last_col = (self.cols - 1).checked_mul(self.col_stride);
        let last = last_row.zip(last_col).and_then(|(r, c)| r.checked_add(c)?.checked_add(self.offset)?.checked_add(1));
        last.unwrap_or(usize::MAX)
    }

    /// Whether two different elements can share an index, of a view that passed [`Self::end`].
    fn overlaps_itself(&self) -> bool {
        let (rows, cols) = (self.rows.max(1), self.cols.max(1));
        let steps = (rows == 1 || self.row_stride > 0) && (cols == 1 || self.col_stride > 0);
        let rows_apart = rows == 1 || self.row_stride > (cols - 1) * self.col_stride;
        let cols_apart = cols == 1 || self.col_stride > (rows - 1) * self.row_stride;
        !(steps && (rows_apart || cols_apart))
    }
}

/// `dst = a · b` or, with `accumulate`, `dst += a · b`, on the calling thread.
///
/// # Panics
/// If the shapes do not fit, a view leaves its slice, or `dst` overlaps itself: defects of the caller.
pub fn matmul(dst: &mut [f32], dv: View, a: &[f32], av: View, b: &[f32], bv: View, accumulate: bool) {
    assert!(av.rows == dv.rows && bv.cols == dv.cols && av.cols == bv.rows, "matmul: shapes do not fit");
    assert!(dv.end() <= dst.len() && av.end() <= a.len() && bv.end() <= b.len(), "matmul: a view leaves its slice");
    if dv.rows == 0 || dv.cols == 0 {
        return;
    }
    assert!(!dv.overlaps_itself(), "matmul: the destination overlaps itself");
    // SAFETY: the three views lie inside their slices (asserted through `end`), `dst` is borrowed mutably and so shares
    // nothing with `a` and `b`, its elements are distinct (asserted), and all strides fit in isize (asserted through
    // `end`). The sliding views of `a` and `b` are only read.
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
            Parallelism::None,
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
            matmul(&mut got, View::dense(av.rows, bv.cols), &a, av, &b, bv, true);
            assert!(got.iter().zip(&want).all(|(g, w)| (g - 2.0 * w).abs() < 2e-4));
        }
    }

    /// Whatever was in the destination before must not show: 0 · NaN is NaN. The sizes take every path of the `gemm` crate
    /// (nothing to sum, outer products, matrix times vector both ways, few columns, packed blocks, more than one block).
    #[test]
    fn only_the_destination_is_written_and_its_old_values_are_forgotten() {
        let numbers: Vec<f32> = (0..40_000_u64).map(|i| ((i * 7_919 % 1_009) as f32 - 504.0) / 504.0).collect();
        for (m, n) in [(1, 1), (1, 7), (7, 1), (1, 70), (70, 1), (3, 5), (16, 16), (17, 33), (70, 65), (300, 3)] {
            for k in [0, 1, 2, 3, 9, 64, 130] {
                for (av, bv) in [
                    (View::dense(m, k), View::dense(k, n)),
                    (View::dense(k, m).t(), View::dense(n, k).t()),
                    (View { offset: 5, rows: m, cols: k, row_stride: 2, col_stride: 1 }, View::dense(k, n).at(9)),
                ] {
                    let want = naive(&numbers, av, &numbers, bv);
                    let gaps = View { offset: 2, rows: m, cols: n, row_stride: n + 3, col_stride: 1 };
                    let columns = View { offset: 0, rows: m, cols: n, row_stride: 2, col_stride: 2 * m + 1 };
                    for dv in [View::dense(m, n), View::dense(n, m).t(), gaps, columns] {
                        let mut got = vec![f32::NAN; dv.end() + 4];
                        matmul(&mut got, dv, &numbers, av, &numbers, bv, false);
                        for (i, want) in want.iter().enumerate() {
                            let got = std::mem::replace(
                                &mut got[dv.offset + i / n * dv.row_stride + i % n * dv.col_stride],
                                f32::NAN,
                            );
                            assert!((got - want).abs() < 1e-4, "{av:?} {bv:?} {dv:?}: {got} is not {want}");
                        }
                        assert!(got.iter().all(|v| v.is_nan()), "{dv:?}: wrote between or behind its elements");
                    }
                }
            }
        }
    }

    /// Runs the product of a view of 4 values with itself, and a destination like it, or another destination.
    fn product_of(v: View, dv: Option<View>) {
        let mut dst = [0.0; 4];
        matmul(&mut dst, dv.unwrap_or(v), &[0.0; 4], v, &[0.0; 4], v, false);
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
        product_of(View::dense(2, 2), Some(View { row_stride: 1, ..View::dense(2, 2) }));
    }

    /// On several threads, writing one element twice is a data race.
    #[test]
    #[should_panic(expected = "overlaps itself")]
    fn a_destination_whose_columns_are_all_the_same_is_refused() {
        product_of(View::dense(2, 2), Some(View { row_stride: 1, col_stride: 0, ..View::dense(2, 2) }));
    }

    #[test]
    #[should_panic(expected = "overlaps itself")]
    fn a_destination_whose_rows_are_all_the_same_is_refused() {
        product_of(View::dense(2, 2), Some(View { row_stride: 0, ..View::dense(2, 2) }));
    }

    #[test]
    #[should_panic(expected = "shapes do not fit")]
    fn shapes_that_do_not_fit_are_refused() {
        product_of(View::dense(1, 3), None);
    }

    #[test]
    #[should_panic(expected = "leaves its slice")]
    fn an_offset_behind_the_slice_is_refused() {
        product_of(View::dense(2, 2).at(1), Some(View::dense(2, 2)));
    }

    #[test]
    #[should_panic(expected = "leaves its slice")]
    fn an_index_that_wraps_around_is_refused() {
        // 2 · (usize::MAX / 2 + 1) wraps to 0.
        let v = View { rows: 3, cols: 1, row_stride: usize::MAX / 2 + 1, ..View::dense(3, 1) };
        let mut dst = [0.0; 3];
        matmul(&mut dst, View::dense(3, 1), &[0.0; 4], v, &[0.0; 4], View::dense(1, 1), false);
    }

    #[test]
    #[should_panic(expected = "leaves its slice")]
    fn a_stride_that_pointers_cannot_step_is_refused_even_for_one_row() {
        let v = View { rows: 1, cols: 1, row_stride: usize::MAX, ..View::dense(1, 1) };
        product_of(v, Some(View::dense(1, 1)));
    }

    #[test]
    fn one_element_or_none_needs_no_strides() {
        let one = View { offset: 3, rows: 1, cols: 1, row_stride: 0, col_stride: 0 };
        let mut dst = [1.0; 4];
        matmul(&mut dst, one, &[3.0; 4], one, &[5.0; 4], one, true);
        assert_eq!(dst, [1.0, 1.0, 1.0, 16.0]);
        matmul(&mut dst[..0], View::dense(0, 0), &[], View::dense(0, 0), &[], View::dense(0, 0), false);
    }
}

//! A stretch of a stream in memory: rows of equal length under the indices they have in the stream.

use std::ops::Range;

/// Less than one in so many of the values in memory is waste: each value is moved so often at most, and many inputs each
/// remember half a minute.
const WASTE: usize = 8;

/// Rows are appended at the end and forgotten at the beginning; what is held is one slice, so a segment needs no copying.
#[derive(Debug, Clone)]
pub struct Rows<T> {
    row_len: usize,
    /// Stream index of the first row held.
    first: u64,
    /// The rows held are `values[begin..]`.
    values: Vec<T>,
    begin: usize,
}

impl<T: Copy> Rows<T> {
    /// No rows; the first to come has index 0. A row has `row_len` values, at least 1.
    #[must_use]
    pub fn new(row_len: usize) -> Self {
        Self { row_len: row_len.max(1), first: 0, values: Vec::new(), begin: 0 }
    }

    /// Appends rows: as many as `values` has whole ones.
    pub fn push(&mut self, values: &[T]) {
        let whole = values.len() - values.len() % self.row_len;
        if self.values.capacity() - self.values.len() < whole {
            // Not twice as much, as a vector would take by itself: what is held stays about as long as it is.
            self.values.reserve_exact(whole.max(self.values.len() / WASTE));
        }
        self.values.extend_from_slice(&values[..whole]);
    }

    /// Index of the first row held.
    #[must_use]
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// One past the index of the last row.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first + self.n_held() as u64
    }

    /// Rows held.
    #[must_use]
    pub fn n_held(&self) -> usize {
        (self.values.len() - self.begin) / self.row_len
    }

    /// Row `index`, where it is held.
    #[must_use]
    pub fn row(&self, index: u64) -> Option<&[T]> {
        self.slice(index..index.checked_add(1)?)
    }

    /// The rows of a range, one after the other, where all of them are held.
    #[must_use]
    pub fn slice(&self, rows: Range<u64>) -> Option<&[T]> {
        if rows.start < self.first || rows.end > self.end() || rows.start > rows.end {
            return None;
        }
        let from = self.begin + usize::try_from(rows.start - self.first).ok()? * self.row_len;
        let len = usize::try_from(rows.end - rows.start).ok()? * self.row_len;
        self.values.get(from..from + len)
    }

    /// As much of a range as is held.
    #[must_use]
    pub fn clamp(&self, rows: Range<u64>) -> Range<u64> {
        let start = rows.start.clamp(self.first, self.end());
        start..rows.end.clamp(start, self.end())
    }

    /// Forgets the rows before `index`.
    pub fn forget_before(&mut self, index: u64) {
        let n = index.saturating_sub(self.first).min(self.n_held() as u64);
        self.first += n;
        self.begin += n as usize * self.row_len;
        // Moving the rest to the front costs as much as appending it did, so it waits until there is some waste.
        if self.begin > self.values.len() / WASTE {
            self.values.copy_within(self.begin.., 0);
            self.values.truncate(self.values.len() - self.begin);
            self.begin = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_indices_while_others_are_forgotten() {
        let mut rows = Rows::new(2);
        for i in 0..100_u16 {
            rows.push(&[i, 1000 + i]);
            rows.forget_before(u64::from(i).saturating_sub(9));
            assert!(rows.n_held() <= 10 && rows.values.len() <= 24, "{i}");
            assert_eq!(rows.row(u64::from(i)), Some([i, 1000 + i].as_slice()));
        }
        assert_eq!((rows.first(), rows.end()), (90, 100));
        assert_eq!(rows.slice(90..92), Some([90, 1090, 91, 1091].as_slice()));
        assert_eq!(rows.slice(89..92), None);
        assert_eq!(rows.slice(99..101), None);
        assert_eq!(rows.slice(95..95), Some([].as_slice()));
        assert_eq!(rows.clamp(0..95), 90..95);
        assert_eq!(rows.clamp(200..300), 100..100);
    }

    #[test]
    fn forgetting_more_than_there_is_leaves_an_end() {
        let mut rows = Rows::new(1);
        rows.push(&[1.0, 2.0]);
        rows.forget_before(50);
        assert_eq!((rows.first(), rows.end(), rows.n_held()), (2, 2, 0));
    }
}

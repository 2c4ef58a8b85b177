//! The list: a window of rows around the selected one, out of as many as there are.

use crate::archive::{Filter, Index, Page, Row};
use crate::error::Result;

/// Rows held at a time.
const WINDOW: u64 = 400;

/// What the list shows.
#[derive(Debug, Default)]
pub(super) struct List {
    filter: Filter,
    n_rows: u64,
    selected: u64,
    /// Place of the first of `rows` in the whole list.
    first: u64,
    rows: Vec<Row>,
}

impl List {
    pub(super) fn n_rows(&self) -> u64 {
        self.n_rows
    }

    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }

    pub(super) fn selected_idx(&self) -> u64 {
        self.selected
    }

    pub(super) fn selected(&self) -> Option<&Row> {
        self.row(self.selected)
    }

    /// The row at `idx`, if it lies in the window: up to half of it from the selected one.
    pub(super) fn row(&self, idx: u64) -> Option<&Row> {
        self.rows.get(usize::try_from(idx.checked_sub(self.first)?).ok()?)
    }

    /// Takes another filter; the newest event that it wants is selected, or the one that was, if it wants that.
    pub(super) fn set_filter(&mut self, index: &Index, filter: Filter) -> Result<()> {
        let dir = self.selected().map(|row| row.dir.clone());
        self.filter = filter;
        self.selected = 0;
        self.reload(index)?;
        self.find(dir.as_deref());
        Ok(())
    }

    /// Reads the list again, and stays with the selected event where it is still there.
    pub(super) fn refresh(&mut self, index: &Index) -> Result<()> {
        let dir = self.selected().map(|row| row.dir.clone());
        let before = self.n_rows;
        self.reload(index)?;
        // What came is newer, and stands above.
        if self.selected > 0 && self.n_rows > before {
            self.selected += self.n_rows - before;
            self.read(index)?;
        }
        self.find(dir.as_deref());
        Ok(())
    }

    /// Selects the row at `idx`, or the last one.
    pub(super) fn select(&mut self, index: &Index, idx: u64) -> Result<()> {
        self.selected = idx.min(self.n_rows.saturating_sub(1));
        let margin = WINDOW / 4;
        let end = self.first + self.rows.len() as u64;
        let near_start = self.first > 0 && self.selected < self.first + margin;
        let near_end = end < self.n_rows && self.selected + margin >= end;
        if near_start || near_end { self.read(index) } else { Ok(()) }
    }

    /// Changes the selected row in place: what it is now may not fit the filter any more, but it stays in sight until the
    /// list is read again.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Row)) {
        let at = self.selected.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some(row) = at.and_then(|at| self.rows.get_mut(at)) {
            change(row);
        }
    }

    fn reload(&mut self, index: &Index) -> Result<()> {
        self.n_rows = index.count(&self.filter)?;
        self.selected = self.selected.min(self.n_rows.saturating_sub(1));
        self.read(index)
    }

    fn read(&mut self, index: &Index) -> Result<()> {
        self.first = self.selected.saturating_sub(WINDOW / 2);
        self.rows = index.query(&self.filter, Page { skip: self.first, limit: WINDOW })?;
        Ok(())
    }

    /// Selects the event `dir`, if it lies in the window.
    fn find(&mut self, dir: Option<&str>) {
        if let Some(at) = dir.and_then(|dir| self.rows.iter().position(|row| row.dir == dir)) {
            self.selected = self.first + at as u64;
        }
    }
}

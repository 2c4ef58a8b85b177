//! Just enough CSV for label files: a header, quoted fields, both line endings, a byte-order mark.

use std::path::Path;

use crate::checked_file::{self, Links};
use crate::error::{Error, Result};

/// Longest table, in bytes.
const MAX_BYTES: u64 = 256 << 20;

/// A parsed table: the header's names and the rows below it, each as long as the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// Column names, trimmed.
    pub(crate) header: Vec<String>,
    /// `(line number in the file, from 1; its fields)`.
    pub(crate) rows: Vec<(usize, Vec<String>)>,
}

impl Table {
    /// Reads the CSV file at `path`.
    ///
    /// # Errors
    /// When the file cannot be read, is not UTF-8, is empty, or a row has another number of fields than the header.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = checked_file::read_text(path, Links::Follow, MAX_BYTES).map_err(|e| {
            Error::input(format!(
                "cannot read the label file {}: {e}; check that it is a UTF-8 CSV file",
                path.display()
            ))
            .with_source(e)
        })?;
        Self::parse(&text, path)
    }

    /// Parses `text`; `path` only names the file in errors.
    fn parse(text: &str, path: &Path) -> Result<Self> {
        let mut records = records(text.trim_start_matches('\u{feff}')).into_iter();
        let Some((_, header)) = records.next() else {
            return Err(Error::input(format!("the label file {} is empty; it needs a header line", path.display())));
        };
        let mut rows = Vec::new();
        for (line, fields) in records {
            if fields.len() != header.len() {
                return Err(Error::input(format!(
                    "line {line} of {} has {} fields where the header has {}; mend that line",
                    path.display(),
                    fields.len(),
                    header.len()
                )));
            }
            rows.push((line, fields));
        }
        Ok(Self { header, rows })
    }

    /// The index of a column that has to be there; `path` names the file in the error.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn needed(&self, name: &str, path: &Path) -> Result<usize> {
        self.column(name)
            .ok_or_else(|| Error::input(format!("{} has no column \"{name}\"; add it to the header", path.display())))
    }

    /// The index of the column called `name`.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|h| h == name)
    }
}

/// Splits `text` into records of trimmed fields with the line number each begins on; blank lines are left out.
fn records(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut all = Vec::new();
    let mut fields = Vec::new();
    let mut field = String::new();
    let (mut quoted, mut line, mut first_line) = (false, 1, 1);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(take_trimmed(&mut field)),
            '\n' if !quoted => {
                fields.push(take_trimmed(&mut field));
                push_record(&mut all, first_line, &mut fields);
                first_line = line + 1;
            }
            _ => field.push(c),
        }
        if c == '\n' {
            line += 1;
        }
    }
    fields.push(take_trimmed(&mut field));
    push_record(&mut all, first_line, &mut fields);
    all
}

/// Empties `field`, without the blanks around it (a carriage return is one).
fn take_trimmed(field: &mut String) -> String {
    std::mem::take(field).trim().to_owned()
}

/// Moves `fields` to `all` unless they are a blank line.
fn push_record(all: &mut Vec<(usize, Vec<String>)>, line: usize, fields: &mut Vec<String>) {
    let fields = std::mem::take(fields);
    if fields.iter().any(|f| !f.is_empty()) {
        all.push((line, fields));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn quotes_line_endings_and_blank_lines() {
        let text = "\u{feff}filename, fold\r\n\"a, \"\"b\"\".wav\",1\r\n\r\nc.wav , 2";
        let table = Table::parse(text, Path::new("x.csv")).unwrap();
        assert_eq!(table.header, ["filename", "fold"]);
        assert_eq!(
            table.rows,
            [(2, vec!["a, \"b\".wav".to_owned(), "1".to_owned()]), (4, vec!["c.wav".to_owned(), "2".to_owned()])]
        );
        assert_eq!(table.column("fold"), Some(1));
        assert_eq!(table.column("Fold"), None);
    }

    #[test]
    fn a_ragged_row_names_its_line() {
        let error = Table::parse("a,b\n1,2\n3\n", Path::new("x.csv")).unwrap_err();
        assert!(error.to_string().contains("line 3 of x.csv has 1 fields"), "{error}");
    }

    #[test]
    fn nothing_is_no_table() {
        assert!(Table::parse(" \n\n", Path::new("x.csv")).is_err());
    }
}

//! What goes to stdout and stderr.

use std::borrow::Cow;
use std::io::{ErrorKind as IoErrorKind, Write, stderr, stdout};
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};

/// Prints `text` to stdout, as [`printable`]. A reader that has gone away (`earwitness … | head -1`) has seen enough: no error.
///
/// # Errors
/// [`ErrorKind::Output`] if stdout cannot be written, as on a full disk.
pub(super) fn print(text: &str) -> Result<()> {
    print_styled(&printable(text))
}

/// As [`print`], for text of our own that may hold escape sequences.
///
/// # Errors
/// As [`print`].
pub(super) fn print_styled(text: &str) -> Result<()> {
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != IoErrorKind::BrokenPipe => {
            Err(io_error(ErrorKind::Output, "writing to stdout", "send the output somewhere with room", e))
        }
        _ => Ok(()),
    }
}

/// `value` as JSON for people and programs, with a newline at the end; `what` it is, for the error.
///
/// # Errors
/// [`ErrorKind::Bug`] where it cannot be written as JSON.
pub(super) fn json(what: &str, value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| Error::bug(format!("{what} cannot be written as JSON ({e}); please report this")))?;
    Ok(text + "\n")
}

/// Whether a file can be written to `path`, as far as can be known without writing: for what takes long to find out.
///
/// # Errors
/// [`ErrorKind::Output`] where there is no folder for it, or a folder has its name.
pub(super) fn check_place(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if path.is_dir() {
        return Err(Error::output(format!("{} is a folder; name a file in it", path.display())));
    }
    if !folder.is_dir() {
        return Err(Error::output(format!("there is no folder {} to write into; make it first", folder.display())));
    }
    Ok(())
}

/// Makes the folder that the flag `flag` names, with its parents, unless it is there.
///
/// # Errors
/// [`ErrorKind::Output`] where it cannot be made.
pub(super) fn make_folder(dir: &Path, flag: &str) -> Result<()> {
    std::fs::create_dir_all(dir).map_err(|e| {
        Error::output(format!("cannot make the folder {} ({e}); choose another {flag}", dir.display())).with_source(e)
    })
}

/// An error about reading or writing `what`, of the given kind.
pub(super) fn io_error(kind: ErrorKind, what: &str, remedy: &str, e: std::io::Error) -> Error {
    Error::new(kind, format!("{what} failed ({e}); {remedy}")).with_source(e)
}

/// Tells a person what went wrong, on one line of stderr.
pub(super) fn error_sentence(sentence: &str) {
    let one_line = sentence.split_whitespace().collect::<Vec<_>>().join(" ");
    // Where even stderr is gone there is nobody left to tell.
    let _ = writeln!(stderr(), "earwitness: {}", printable(&one_line));
}

/// Tells a person something on stderr that is neither output nor an error.
pub(super) fn note(sentence: &str) {
    let _ = writeln!(stderr(), "earwitness: {}", one_line(sentence));
}

/// `text` with the characters spelled out (as in `\u{1b}`) that a terminal takes for commands, or that show text in another
/// order than it has. Names, labels and descriptions come from files that anyone may have written. Lines stay lines.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_printable) {
        return Cow::Borrowed(text);
    }
    let spelled = |c: char| if is_printable(c) { c.to_string() } else { c.escape_default().to_string() };
    Cow::Owned(text.chars().map(spelled).collect())
}

/// As [`printable`], with line breaks spelled out as well.
pub(super) fn one_line(text: &str) -> String {
    printable(text).replace('\n', "\\n")
}

fn is_printable(c: char) -> bool {
    let reorders = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    matches!(c, '\n' | '\t') || !(c.is_control() || reorders)
}

/// Rows as columns, each as wide as its longest cell; the last is not padded.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| one_line(cell)).collect()).collect();
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..n_columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, &w)| format!("{cell:<w$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// A progress bar on stderr, which is silent where stderr is no terminal; `template` is indicatif's.
pub(super) fn progress(template: &str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_spelled_out() {
        assert!(matches!(printable("a dog\n\tbarks: \u{1f415} é\n"), Cow::Borrowed(_)));
        let hostile = "x\u{1b}]0;pwned\u{7}\u{1b}[2J\r\u{9b}1m\u{202e}gnp\u{7f}";
        assert_eq!(printable(hostile), "x\\u{1b}]0;pwned\\u{7}\\u{1b}[2J\\r\\u{9b}1m\\u{202e}gnp\\u{7f}");
    }
}

//! Writes thresholds into a settings file and leaves all else in it as it is: order, comments, blank lines.

use std::fmt::Write as _;

use crate::error::{Error, Result};

/// The table that holds thresholds by label; they come before those of `[class.…]` tables.
const TABLE: &str = "[detector.thresholds]";

/// A threshold to write, and what is said beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The label.
    pub label: String,
    /// Its threshold.
    pub threshold: f64,
    /// What is said of it, on one line.
    pub comment: String,
}

/// The text of a settings file with these thresholds: a line of a label that is there is replaced, others are put at the
/// end of the table, and the table at the end of a file that has none.
///
/// # Errors
/// [`crate::ErrorKind::Usage`] where the text's thresholds are written in another form than a table of lines.
pub fn with_thresholds(text: &str, lines: &[Line]) -> Result<String> {
    let mut rest: Vec<&Line> = lines.iter().collect();
    let mut out: Vec<String> = Vec::new();
    let mut inside = false;
    // Behind the last line of the table that says anything.
    let mut end = None;
    for line in text.lines() {
        let bare = line.trim();
        let header = header(bare);
        if header.starts_with('[') && header.ends_with(']') && !header.contains('=') {
            inside = header == TABLE;
            if inside {
                end = Some(out.len() + 1);
            }
        } else if inside && !bare.is_empty() && !bare.starts_with('#') {
            end = Some(out.len() + 1);
            if let Some(at) = rest.iter().position(|wanted| key_of(bare).as_deref() == Some(wanted.label.as_str())) {
                out.push(written(rest.remove(at)));
                continue;
            }
        }
        out.push(line.to_owned());
    }
    let new = rest.into_iter().map(written);
    match end {
        Some(end) => drop(out.splice(end..end, new)),
        None => {
            if out.last().is_some_and(|line| !line.is_empty()) {
                out.push(String::new());
            }
            out.push(TABLE.to_owned());
            out.extend(new);
        }
    }
    let text = out.join("\n") + "\n";
    let parsed: toml::Table = toml::from_str(&text).map_err(|_| another_form())?;
    let read = |label: &str| parsed.get("detector")?.get("thresholds")?.get(label)?.as_float();
    let all_there = lines.iter().all(|line| read(&line.label).is_some_and(|t| (t - line.threshold).abs() < 1e-9));
    if all_there { Ok(text) } else { Err(another_form()) }
}

fn another_form() -> Error {
    Error::usage(format!(
        "the thresholds of the settings file cannot be changed as they are written; write them as lines under {TABLE}"
    ))
}

/// A line without blanks, quotes and comment: of a header, `[detector.thresholds]`.
fn header(bare: &str) -> String {
    let upto = bare.split('#').next().unwrap_or_default();
    upto.chars().filter(|c| !c.is_whitespace() && *c != '"' && *c != '\'').collect()
}

/// The label that a line sets, if it sets one.
fn key_of(bare: &str) -> Option<String> {
    let table: toml::Table = toml::from_str(bare).ok()?;
    table.keys().next().cloned()
}

fn written(line: &Line) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let bare = !line.label.is_empty() && line.label.chars().all(plain);
    let key = if bare { line.label.clone() } else { toml::Value::String(line.label.clone()).to_string() };
    let mut text = format!("{key} = {:?}", line.threshold);
    // Writing to a String cannot fail.
    let _ = write!(text, " # {}", line.comment.split_whitespace().collect::<Vec<_>>().join(" "));
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn line(label: &str, threshold: f64) -> Line {
        Line { label: label.into(), threshold, comment: "expected recall 0.90".into() }
    }

    #[test]
    fn what_is_there_is_replaced_and_what_is_new_stands_behind_it() {
        let text = "# mine\n[detector] # yes\nonly = [\n  \"dog\",\n]\n\n[ detector . thresholds ] # by ear\n# loud ones\nrain = 0.2\n\
                    dog = 0.3 # old\n\n# the rest\n[ui]\nascii = true\n";
        let got = with_thresholds(text, &[line("dog", 0.65), line("crying baby", 0.5)]).unwrap();
        let want = "# mine\n[detector] # yes\nonly = [\n  \"dog\",\n]\n\n[ detector . thresholds ] # by ear\n# loud ones\nrain = 0.2\n\
                    dog = 0.65 # expected recall 0.90\n\"crying baby\" = 0.5 # expected recall 0.90\n\n# the rest\n[ui]\n\
                    ascii = true\n";
        assert_eq!(got, want);
        assert_eq!(with_thresholds(&got, &[line("dog", 0.65), line("crying baby", 0.5)]).unwrap(), want, "and again");
    }

    #[test]
    fn a_file_without_the_table_gets_one() {
        assert_eq!(
            with_thresholds("", &[line("dog", 0.7)]).unwrap(),
            "[detector.thresholds]\ndog = 0.7 # expected recall 0.90\n"
        );
        let got = with_thresholds("[ui]\nascii = true", &[line("dog", 0.7)]).unwrap();
        assert_eq!(got, "[ui]\nascii = true\n\n[detector.thresholds]\ndog = 0.7 # expected recall 0.90\n");
        let got = with_thresholds("[detector.thresholds]\n\n[ui]\n", &[line("dog", 0.7)]).unwrap();
        assert_eq!(got, "[detector.thresholds]\ndog = 0.7 # expected recall 0.90\n\n[ui]\n");
    }

    #[test]
    fn another_form_is_refused_and_not_mangled() {
        for text in ["[detector]\nthresholds = { dog = 0.5 }\n", "detector.thresholds.dog = 0.5\n", "detector = 3\n"] {
            let e = with_thresholds(text, &[line("dog", 0.7)]).unwrap_err();
            assert!(e.to_string().contains("[detector.thresholds]"), "{text}: {e}");
        }
        let dotted = "[detector]\nthresholds.dog = 0.5\n";
        assert!(with_thresholds(dotted, &[line("dog", 0.7)]).is_err());
    }
}

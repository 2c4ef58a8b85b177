//! Strict TOML whose errors say where: file, line, key, value and remedy in one sentence.
//!
//! The manifest of a model and the config file are both read through here. Bottom layer: knows only `error`.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Error, ErrorKind};

/// A TOML text with the name to call it by in errors, and the kind those errors have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TomlText<'a> {
    /// What a person knows the text by, usually the file's path.
    pub(crate) name: &'a str,
    /// The text.
    pub(crate) text: &'a str,
    /// Kind of every error about it.
    pub(crate) kind: ErrorKind,
}

/// A value that was read but is not allowed, before it is known where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BadValue {
    /// Dotted key with indices, as in `front_end.hop` or `labels[2].name`.
    pub(crate) key: String,
    /// The value as written.
    pub(crate) value: String,
    /// What would be right.
    pub(crate) remedy: String,
}

impl BadValue {
    /// `key` has `value`; `remedy` says what would be right.
    pub(crate) fn new(key: impl Into<String>, value: impl ToString, remedy: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.to_string(), remedy: remedy.into() }
    }
}

impl TomlText<'_> {
    /// Reads the text into `T`, whose serde attributes decide what is allowed.
    ///
    /// # Errors
    /// Of this text's kind: bad syntax, an unknown or missing key, a value of the wrong type.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        toml::from_str(self.text).map_err(|e| self.syntax_error(&e))
    }

    /// A top-level integer, if the text is TOML and has it; lets a version be judged before anything else.
    pub(crate) fn peek_integer(&self, key: &str) -> Option<i64> {
        let table = DeTable::parse(self.text).ok()?;
        match table.get_ref().get(key)?.get_ref() {
            DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).ok(),
            _ => None,
        }
    }

    /// The sentence for a value that was read but is not allowed.
    pub(crate) fn value_error(&self, bad: &BadValue) -> Error {
        let place = match self.span_of(&bad.key) {
            Some(span) => format!("{}, line {}", self.name, self.line(span.start)),
            None => self.name.to_string(),
        };
        Error::new(self.kind, format!("{place}: {} = {} cannot be used; {}", bad.key, bad.value, bad.remedy))
    }

    fn syntax_error(&self, e: &toml::de::Error) -> Error {
        let message = plain(e.message());
        let Some(span) = e.span() else {
            return Error::new(self.kind, format!("{}: {message}; correct the file", self.name));
        };
        let line = self.line(span.start);
        // What serde says of a bad value names neither key nor value: add them from the text.
        // (An empty span stands for the whole text.)
        let key = self.key_at(span.start).filter(|k| !k.is_empty() && !span.is_empty());
        let written = self.text.get(span).unwrap_or_default();
        let (what, remedy) = if message.starts_with("unknown key") {
            (message, "correct or remove it")
        } else if message.starts_with("missing key") {
            (key.map_or_else(|| message.clone(), |k| format!("{message} in [{k}]")), "add it")
        } else if let Some(k) = key.filter(|_| !written.contains('\n') && !written.is_empty()) {
            (format!("{k} = {written} cannot be used ({message})"), "correct the value")
        } else {
            (message, "correct the line")
        };
        Error::new(self.kind, format!("{}, line {line}: {what}; {remedy}", self.name))
    }

    /// Line number, from 1, of a byte.
    fn line(&self, byte: usize) -> usize {
        self.text.bytes().take(byte).filter(|&b| b == b'\n').count() + 1
    }

    /// Where the value of a dotted key stands; the nearest table above it where the key itself is absent.
    fn span_of(&self, key: &str) -> Option<Range<usize>> {
        let table = DeTable::parse(self.text).ok()?;
        let mut table_at = table.get_ref();
        let mut rest = key;
        let mut span = None;
        // Names may hold dots themselves (file names do), so each step takes a name that the table has
        // (the longest one, where one name begins another).
        let fits = |k: &str, rest: &str| starts_with_key(rest, k).then_some(k.len());
        while let Some((name, mut value)) = table_at
            .iter()
            .filter(|(k, _)| fits(k.get_ref(), rest).is_some())
            .max_by_key(|(k, _)| fits(k.get_ref(), rest))
        {
            span = Some(name.span());
            rest = &rest[name.get_ref().len()..];
            if let Some((index, after)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
                let DeValue::Array(items) = value.get_ref() else { break };
                let Some(item) = index.parse::<usize>().ok().and_then(|i| items.get(i)) else { break };
                value = item;
                span = Some(item.span());
                rest = after;
            }
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let DeValue::Table(inner) = value.get_ref() else { break };
            table_at = inner;
        }
        span
    }

    /// The dotted key whose key or value covers a byte.
    fn key_at(&self, byte: usize) -> Option<String> {
        let table = DeTable::parse(self.text).ok()?;
        let mut path = Vec::new();
        descend(table.get_ref(), byte, &mut path);
        Some(path.concat())
    }
}

/// Whether the dotted key `path` begins with the name `name`.
fn starts_with_key(path: &str, name: &str) -> bool {
    path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Appends the parts of the key that covers `byte`; whether one did.
fn descend(table: &DeTable<'_>, byte: usize, path: &mut Vec<String>) -> bool {
    for (key, value) in table {
        let depth = path.len();
        let dot = if depth == 0 { "" } else { "." };
        path.push(format!("{dot}{}", key.get_ref()));
        if descend_value(value, byte, path) || key.span().contains(&byte) || value.span().contains(&byte) {
            return true;
        }
        path.truncate(depth);
    }
    false
}

fn descend_value(value: &Spanned<DeValue<'_>>, byte: usize, path: &mut Vec<String>) -> bool {
    match value.get_ref() {
        DeValue::Table(inner) => descend(inner, byte, path),
        DeValue::Array(items) => items.iter().enumerate().any(|(i, item)| {
            let depth = path.len();
            path.push(format!("[{i}]"));
            let found = descend_value(item, byte, path) || item.span().contains(&byte);
            if !found {
                path.truncate(depth);
            }
            found
        }),
        _ => false,
    }
}

/// Serde's words in ours, on one line.
fn plain(message: &str) -> String {
    message
        .replace('`', "'")
        .replace("unknown field", "unknown key")
        .replace("missing field", "missing key")
        .replace("duplicate field", "duplicate key")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Doc {
        format: u32,
        part: Part,
        #[serde(default)]
        items: Vec<Part>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Part {
        size: u32,
    }

    fn text(text: &str) -> TomlText<'_> {
        TomlText { name: "a.toml", text, kind: ErrorKind::Model }
    }

    fn error(s: &str) -> String {
        text(s).parse::<Doc>().unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let e = error("format = 1\n[part]\nsize = 3\nsiez = 4\n");
        assert_eq!(e, "a.toml, line 4: unknown key 'siez', expected 'size'; correct or remove it");
    }

    #[test]
    fn a_missing_key_is_named_with_its_table() {
        assert_eq!(error("format = 1\n\n[part]\n"), "a.toml, line 3: missing key 'size' in [part]; add it");
        assert_eq!(error("format = 1\n"), "a.toml, line 1: missing key 'part'; add it");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_quoted() {
        let e = error("format = 1\n[part]\nsize = \"big\"\n");
        assert_eq!(
            e,
            "a.toml, line 3: part.size = \"big\" cannot be used (invalid type: string \"big\", expected u32); correct the value"
        );
        let e = error("format = 1\npart = { size = 1 }\n[[items]]\nsize = 1\n[[items]]\nsize = -2\n");
        assert!(e.starts_with("a.toml, line 6: items[1].size = -2 cannot be used"), "{e}");
    }

    #[test]
    fn broken_syntax_is_located() {
        let e = error("format = 1\n[part\nsize = 1\n");
        assert!(e.starts_with("a.toml, line 2: ") && e.ends_with("; correct the line"), "{e}");
    }

    #[test]
    fn a_forbidden_value_is_located() {
        let t = text("format = 1\n[part]\nsize = 0\n[[items]]\nsize = 1\n[[items]]\nsize = 0\n");
        let at = |key: &str| t.value_error(&BadValue::new(key, 0, "give at least 1")).to_string();
        assert_eq!(at("part.size"), "a.toml, line 3: part.size = 0 cannot be used; give at least 1");
        assert_eq!(at("items[1].size"), "a.toml, line 7: items[1].size = 0 cannot be used; give at least 1");
        assert!(at("part.other").starts_with("a.toml, line 2: part.other"), "{}", at("part.other"));
        let t = text("[files]\na = 1\n\"a.safetensors\" = 2\n");
        let e = t.value_error(&BadValue::new("files.a.safetensors", 2, "mend it")).to_string();
        assert!(e.starts_with("a.toml, line 3: "), "{e}");
        assert!(at("nowhere").starts_with("a.toml: nowhere"), "{}", at("nowhere"));
    }

    #[test]
    fn an_integer_can_be_peeked_at_in_a_text_that_does_not_fit() {
        assert_eq!(text("format = 0x10\nfuture = true\n").peek_integer("format"), Some(16));
        assert_eq!(text("format = \"1\"\n").peek_integer("format"), None);
        assert_eq!(text("format = ").peek_integer("format"), None);
    }
}

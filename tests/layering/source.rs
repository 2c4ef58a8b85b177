//! The sources as the checks read them: tokens with their lines, the part under test alone, a module path for each file.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A name or a punctuation mark, with its line.
pub(crate) type Token = (usize, String);

/// One file of `src/`, without its tests.
pub(crate) struct Source {
    /// `dsp/stft.rs` is `["dsp", "stft"]`; `lib.rs` is `[]`.
    pub(crate) modules: Vec<String>,
    /// Below `src/`, for messages.
    pub(crate) name: String,
    pub(crate) tokens: Vec<Token>,
    /// Lines, comments and blanks included.
    pub(crate) n_lines: usize,
    /// Children that are only compiled for tests.
    test_files: Vec<String>,
}

impl Source {
    /// The file `name` (below `src/`) with this text.
    pub(crate) fn of(name: &str, text: &str) -> Self {
        let (tokens, tests) = without_tests(tokens(text));
        let n_test_lines: usize = tests.iter().map(|item| item.n_lines).sum();
        let test_files = tests.into_iter().filter_map(|item| item.module).collect();
        let n_lines = text.lines().count() - n_test_lines;
        Self { modules: module_path(Path::new(name)), name: name.into(), tokens, n_lines, test_files }
    }

    fn tests(&self) -> impl Iterator<Item = Vec<String>> {
        self.test_files.iter().map(|name| [self.modules.as_slice(), std::slice::from_ref(name)].concat())
    }
}

/// Every file of `src/` that is not a test, but for `main.rs`.
pub(crate) fn library() -> Vec<Source> {
    let src = src();
    let below = |path: &Path| path.strip_prefix(&src).unwrap().display().to_string();
    let read = |path: &PathBuf| Source::of(&below(path), &fs::read_to_string(path).unwrap());
    let mut found: Vec<Source> = files(&src).iter().filter(|path| below(path) != "main.rs").map(read).collect();
    let tests: HashSet<Vec<String>> = found.iter().flat_map(Source::tests).collect();
    // A file of tests may be named by `#[path]`, which is a string and no token.
    found.retain(|s| {
        let of_tests = (1..=s.modules.len()).any(|n| tests.contains(&s.modules[..n]));
        !of_tests && !s.modules.last().is_some_and(|m| m.ends_with("_tests"))
    });
    assert!(found.len() > 300, "only {} files were read", found.len());
    found
}

/// An item under `#[cfg(test)]`.
pub(crate) struct TestItem {
    pub(crate) n_lines: usize,
    /// The name of a module that is a file of its own.
    pub(crate) module: Option<String>,
}

/// Splits `tokens` into the program and what is only compiled for tests.
pub(crate) fn without_tests(tokens: Vec<Token>) -> (Vec<Token>, Vec<TestItem>) {
    let is =
        |i: usize, what: &[&str]| what.iter().enumerate().all(|(k, w)| tokens.get(i + k).is_some_and(|t| t.1 == *w));
    let mut program = Vec::new();
    let mut tests = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        if !is(i, &["#", "[", "cfg", "(", "test", ")", "]"]) {
            program.push(tokens[i].clone());
            i += 1;
            continue;
        }
        let start = i;
        while is(i, &["#"]) {
            i = closing(&tokens, i + 1) + 1;
        }
        let item = i;
        while i < tokens.len() && !is(i, &["{"]) && !is(i, &[";"]) && !is(i, &[","]) {
            i = if is(i, &["("]) || is(i, &["["]) { closing(&tokens, i) } else { i } + 1;
        }
        let named = (item..i).find(|&k| is(k, &["mod"])).filter(|_| is(i, &[";"]));
        let module = named.map(|k| tokens[k + 1].1.clone());
        if is(i, &["{"]) {
            i = closing(&tokens, i);
        }
        let last = tokens.get(i).map_or(tokens[start].0, |t| t.0);
        tests.push(TestItem { n_lines: last - tokens[start].0 + 1, module });
        i += 1;
    }
    (program, tests)
}

/// The index of the bracket that closes the one at `open`, or of the last token.
pub(crate) fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (i, (_, token)) in tokens.iter().enumerate().skip(open) {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return i;
        }
    }
    tokens.len() - 1
}

/// Names and punctuation with their lines, without comments, strings, characters and lifetimes.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = Vec::new();
    let mut line = 1;
    let mut i = 0;
    while i < chars.len() {
        let start = i;
        let c = at(i);
        if c == '/' && at(i + 1) == '/' {
            while i < chars.len() && at(i) != '\n' {
                i += 1;
            }
        } else if c == '/' && at(i + 1) == '*' {
            let mut depth = 0;
            while i < chars.len() {
                match (at(i), at(i + 1)) {
                    ('/', '*') => (depth, i) = (depth + 1, i + 2),
                    ('*', '/') => (depth, i) = (depth - 1, i + 2),
                    _ => i += 1,
                }
                if depth == 0 {
                    break;
                }
            }
        } else if c == 'r' && (at(i + 1) == '"' || at(i + 1) == '#' && ['"', '#'].contains(&at(i + 2))) {
            let n = (i + 1..).take_while(|&j| at(j) == '#').count();
            i += 2 + n;
            while i < chars.len() && !(at(i) == '"' && (1..=n).all(|k| at(i + k) == '#')) {
                i += 1;
            }
            i += 1 + n;
        } else if c == '"' {
            i += 1;
            while i < chars.len() && at(i) != '"' {
                i += if at(i) == '\\' { 2 } else { 1 };
            }
            i += 1;
        } else if c == '\'' {
            // A character literal closes soon; anything else is a lifetime.
            if at(i + 1) == '\\' {
                i += 3;
                while i < chars.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
            } else if at(i + 2) == '\'' {
                i += 3;
            } else {
                i += 1;
                while is_name(at(i)) {
                    i += 1;
                }
            }
        } else if is_name(c) {
            while is_name(at(i)) {
                i += 1;
            }
            out.push((line, chars[start..i].iter().collect()));
        } else if c == ':' && at(i + 1) == ':' {
            i += 2;
            out.push((line, "::".into()));
        } else {
            i += 1;
            if !c.is_whitespace() {
                out.push((line, c.to_string()));
            }
        }
        line += chars[start..i.min(chars.len())].iter().filter(|&&c| c == '\n').count();
    }
    out
}

/// The folder of the library.
pub(crate) fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every Rust file below `dir`.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

/// `dsp/stft.rs` is `["dsp", "stft"]`; `lib.rs` and `main.rs` are no room.
pub(crate) fn module_path(file: &Path) -> Vec<String> {
    let mut parts: Vec<String> = file.with_extension("").iter().map(|p| p.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|p| p == "mod") || parts == ["lib"] || parts == ["main"] {
        parts.pop();
    }
    parts
}

//! Bounds on what one has to read at once: files, functions and structs.

use super::source::{Source, Token, closing, library};

/// Lines of a file without its tests.
const FILE_LINES: usize = 450;
/// Nine of ten files are no longer.
const MOST_FILES_LINES: usize = 300;
/// Lines of a function, from `fn` to its closing brace.
const FUNCTION_LINES: usize = 60;
const STRUCT_FIELDS: usize = 20;

#[test]
fn files_are_short() {
    let library = library();
    let mut lines: Vec<usize> = library.iter().map(|s| s.n_lines).collect();
    lines.sort_unstable();
    let p90 = lines[lines.len() * 9 / 10];
    let long: Vec<String> =
        library.iter().filter(|s| s.n_lines > FILE_LINES).map(|s| format!("{}: {}", s.name, s.n_lines)).collect();
    assert!(long.is_empty(), "longer than {FILE_LINES} lines without tests:\n{}", long.join("\n"));
    assert!(p90 <= MOST_FILES_LINES, "nine of ten files have up to {p90} lines");
}

/// Longer functions that are still there. Take a line away when one is divided; add none.
const LONG_FUNCTIONS: &[(&str, &str)] = &[
    ("cli/explain.rs", "run"),
    ("cli/monitor.rs", "run"),
    // One line a flag.
    ("cli/settings.rs", "layer"),
    ("cli/train/baseline.rs", "run"),
    // One arm a kind of layer.
    ("model/sequential/spec.rs", "stages"),
    // One arm an opcode.
    ("model/torch_file/pickle.rs", "run"),
    ("train/by_design.rs", "train"),
    ("train/classifier.rs", "train"),
    ("train/lmac/mod.rs", "train"),
];

/// Larger structs that are still there.
const LARGE_STRUCTS: &[(&str, &str)] = &[
    // What a recorded event holds, as it is read and as it is looked for.
    ("archive/event.rs", "RawEvent"),
    ("archive/event.rs", "StoredEvent"),
    ("archive/index/row.rs", "Row"),
    // One field a flag.
    ("cli/settings.rs", "SettingsArgs"),
    ("cli/train/classifier_args.rs", "Args"),
    ("cli/train/l2i.rs", "Args"),
    ("cli/train/lmac.rs", "Args"),
    ("engine/input.rs", "Input"),
    ("engine/snapshot.rs", "Snapshot"),
    // One field a figure that is written.
    ("eval/stream_score.rs", "StreamScore"),
];

#[test]
fn functions_are_short() {
    check("functions", "lines", functions, FUNCTION_LINES, LONG_FUNCTIONS);
}

#[test]
fn structs_are_small() {
    check("structs", "fields", structs, STRUCT_FIELDS, LARGE_STRUCTS);
}

/// Clippy counts parameters (at most 7); here, nobody turns that off.
#[test]
fn parameters_are_few() {
    let is_allowed = |source: &&Source| source.tokens.iter().any(|(_, token)| token == "too_many_arguments");
    let names: Vec<String> = library().iter().filter(is_allowed).map(|source| source.name.clone()).collect();
    // Still to be mended.
    assert_eq!(names, ["train/by_design.rs"]);
}

/// Name, line and size of each thing of a kind.
type Measure = fn(&[Token]) -> Vec<(String, usize, usize)>;

fn check(things: &str, unit: &str, measure: Measure, bound: usize, known: &[(&str, &str)]) {
    let mut new = Vec::new();
    let mut found = Vec::new();
    for source in library() {
        for (name, line, size) in measure(&source.tokens).into_iter().filter(|(_, _, size)| *size > bound) {
            match known.iter().find(|known| **known == (source.name.as_str(), name.as_str())) {
                Some(known) => found.push(*known),
                None => new.push(format!("{}:{line}: {name} has {size}", source.name)),
            }
        }
    }
    assert!(new.is_empty(), "{things} of more than {bound} {unit}:\n{}", new.join("\n"));
    let mended: Vec<_> = known.iter().filter(|known| !found.contains(known)).collect();
    assert!(mended.is_empty(), "these {things} are no longer too large: take them out of the list: {mended:?}");
}

#[test]
fn sizes_are_measured() {
    let text = "\
/// fn doc() {\n}
pub fn one() -> fn(u8) { let s = \"}\"; }

async fn five<T: Fn(u8) -> [u8; 2]>(
    a: T,
) -> T {
    a // }
}

trait Shape {
    fn declared(&self);
}

pub(crate) struct Three<F: Fn(u8)> {
    #[serde(default)]
    pub a: std::string::String,
    b: Vec<(u8, fn(u8) -> u8)>,
    c: F,
}

struct Pair(u8, u8);

#[cfg(test)]
mod tests {
    fn none() {}
}
";
    let source = Source::of("a.rs", text);
    let sizes =
        |measure: Measure| measure(&source.tokens).into_iter().map(|(name, _, n)| (name, n)).collect::<Vec<_>>();
    assert_eq!(sizes(functions), [("one".to_owned(), 1), ("five".to_owned(), 5)]);
    assert_eq!(sizes(structs), [("Three".to_owned(), 3), ("Pair".to_owned(), 2)]);
    assert_eq!(source.n_lines, text.lines().count() - 4, "the tests do not count");
}

/// Each function's name, line, and number of lines.
fn functions(tokens: &[Token]) -> Vec<(String, usize, usize)> {
    let at = |i: usize| tokens.get(i).map_or("", |t| t.1.as_str());
    let mut found = Vec::new();
    for start in (0..tokens.len()).filter(|&i| at(i) == "fn" && at(i + 1) != "(") {
        let mut i = start;
        while i < tokens.len() && at(i) != "{" && at(i) != ";" {
            i = if at(i) == "(" || at(i) == "[" { closing(tokens, i) } else { i } + 1;
        }
        if at(i) == "{" {
            let last = tokens[closing(tokens, i)].0;
            found.push((at(start + 1).into(), tokens[start].0, last + 1 - tokens[start].0));
        }
    }
    found
}

/// Each struct's name, line, and number of fields.
fn structs(tokens: &[Token]) -> Vec<(String, usize, usize)> {
    let at = |i: usize| tokens.get(i).map_or("", |t| t.1.as_str());
    let mut found = Vec::new();
    for start in (0..tokens.len()).filter(|&i| at(i) == "struct") {
        let mut open = start + 2;
        // Bounds of a parameter may have brackets.
        let mut angles = 0_i32;
        while open < tokens.len() && (angles > 0 || !["{", "(", ";"].contains(&at(open))) {
            angles += i32::from(at(open) == "<") - i32::from(at(open) == ">" && at(open - 1) != "-");
            open += 1;
        }
        // A field's colon, or the comma between two, stands directly in the brackets.
        let (mark, end) = (if at(open) == "{" { ":" } else { "," }, closing(tokens, open));
        let mut fields = usize::from(at(open) == "(" && end > open + 1 && at(end - 1) != ",");
        let mut i = open + 1;
        while at(open) != ";" && i < end {
            fields += usize::from(at(i) == mark);
            i = if ["(", "[", "{"].contains(&at(i)) { closing(tokens, i) } else { i } + 1;
        }
        found.push((at(start + 1).into(), tokens[start].0, fields));
    }
    found
}

//! No two files import each other, neither directly nor through others: what is read first stands on nothing that is
//! read later.
//!
//! A file imports another where its program (not its tests, not its comments) names an item of it, by `use` or by a
//! path. The item counts, not the way to it: a name that `mod.rs` re-exports is an import of the file that defines it.
//! So a parent that declares its children and re-exports from them imports nothing, and they may import each other
//! through it. A parent that itself uses what a child defines imports that child, and then that child, and whatever the
//! child needs, must not use what the parent defines: what both need moves into a file of its own.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::source::{Source, Token, closing, library};

/// Files in circles that are still there, one of each. Take a line away when its circle is broken; add none.
const KNOWN: &[&str] = &[];

#[test]
fn no_files_import_in_a_circle() {
    let circles = circles(&library());
    let is_known = |circle: &&Circle| circle.members.iter().any(|member| KNOWN.contains(&member.as_str()));
    let (known, new): (Vec<&Circle>, Vec<&Circle>) = circles.iter().partition(is_known);
    let text: Vec<&str> = new.iter().map(|circle| circle.text.as_str()).collect();
    assert!(new.is_empty(), "{} circles of imports:\n{}", new.len(), text.join("\n"));
    assert_eq!(known.len(), KNOWN.len(), "circles that are known have been broken: take them out of KNOWN");
}

#[test]
fn circles_are_caught_and_nothing_else() {
    let circles_of = |files: &[(&str, &str)]| {
        let sources: Vec<Source> = files.iter().map(|(name, text)| Source::of(name, text)).collect();
        circles(&sources).into_iter().map(|circle| circle.members).collect::<Vec<_>>()
    };
    let pair =
        |a, b| circles_of(&[("a/mod.rs", "mod b; mod c; pub use b::B; pub use c::C;"), ("a/b.rs", a), ("a/c.rs", b)]);
    let circle = vec![vec!["a/b.rs".to_owned(), "a/c.rs".to_owned()]];
    let c_uses_b = "use super::b::B; pub struct C(B);";
    assert_eq!(pair("use super::c::C; pub struct B(C);", c_uses_b), circle);
    assert_eq!(pair("pub struct B(super::c::C);", c_uses_b), circle, "a path is an import");
    assert_eq!(pair("use crate::a::{C as D}; pub struct B(D);", c_uses_b), circle, "through a re-export");
    assert_eq!(
        pair("use super::*; pub struct B(C);", c_uses_b),
        Vec::<Vec<String>>::new(),
        "of a parent that defines nothing"
    );
    assert_eq!(
        pair("pub struct B; /// [`super::c::C`]\n// super::c::C\nconst S: &str = \"super::c::C\";", c_uses_b),
        [[""; 0]; 0]
    );
    assert_eq!(pair("pub struct B; #[cfg(test)] mod tests { use super::super::c::C; }", c_uses_b), [[""; 0]; 0]);
    assert_eq!(pair("pub struct B; impl B { fn c(&self) { self.c.b::<u8>() } }", c_uses_b), [[""; 0]; 0]);
    let parent = "mod b; use b::B; pub struct A(B);";
    assert_eq!(circles_of(&[("a/mod.rs", parent), ("a/b.rs", "pub struct B;")]), [[""; 0]; 0]);
    let both = circles_of(&[("a/mod.rs", parent), ("a/b.rs", "use super::A; pub struct B(Box<A>);")]);
    assert_eq!(both, [["a/b.rs", "a/mod.rs"]], "a parent that uses its child is used by it");
}

/// Files that import each other.
struct Circle {
    members: Vec<String>,
    /// For people: the imports that close it.
    text: String,
}

/// What a name of a file's scope stands for.
struct Import {
    line: usize,
    /// From the crate's root.
    target: Vec<String>,
    /// The name in this file; `*` for all names of the target.
    name: String,
    /// `pub use`, and as much as `pub(crate)`.
    handed_on: bool,
}

/// What is known of a file.
struct File {
    name: String,
    defined: HashSet<String>,
    imports: Vec<Import>,
    /// Paths in the program, as they are written, and the names that stand alone.
    used: Vec<(usize, Vec<String>)>,
}

/// All files by module path.
type Files = HashMap<Vec<String>, File>;

/// Each circle with the imports that close it.
fn circles(sources: &[Source]) -> Vec<Circle> {
    let modules: HashSet<&[String]> = sources.iter().map(|s| s.modules.as_slice()).collect();
    let files: Files = sources.iter().map(|s| (s.modules.clone(), read(s, &modules))).collect();
    let edges = edges(&files);
    let reach: HashMap<&str, HashSet<&str>> = edges.keys().map(|&from| (from, reachable(from, &edges))).collect();
    let in_circle =
        |a: &str, b: &str| reach.get(a).is_some_and(|r| r.contains(b)) && reach.get(b).is_some_and(|r| r.contains(a));
    let mut told = HashSet::new();
    let mut out = Vec::new();
    for &file in edges.keys() {
        if !in_circle(file, file) || told.contains(file) {
            continue;
        }
        let members: Vec<&str> = edges.keys().copied().filter(|&other| in_circle(file, other)).collect();
        let mut text = format!("{} files:", members.len());
        for &from in &members {
            for (to, why) in edges[from].iter().filter(|(to, _)| in_circle(from, to)) {
                let why: Vec<String> = why.iter().map(|(name, line)| format!("{name} (line {line})")).collect();
                text += &format!("\n    {from} imports {to}: {}", why.join(", "));
            }
        }
        out.push(Circle { members: members.iter().map(ToString::to_string).collect(), text });
        told.extend(members);
    }
    out
}

type Edges<'a> = BTreeMap<&'a str, BTreeMap<&'a str, BTreeMap<String, usize>>>;

/// Which file imports which, and for what.
fn edges(files: &Files) -> Edges<'_> {
    let mut edges = Edges::new();
    for (modules, file) in files {
        let own = edges.entry(&file.name).or_default();
        let mut add = |line: usize, target: &[String]| {
            if let Some(to) = defined_in(files, target, 0)
                && to != modules
            {
                let name = target.last().cloned().unwrap_or_default();
                own.entry(&files[to].name).or_default().entry(name).or_insert(line);
            }
        };
        for import in file.imports.iter().filter(|i| !i.handed_on) {
            add(import.line, &import.target);
        }
        for (line, path) in &file.used {
            if let Some(target) = absolute(files, modules, path) {
                add(*line, &target);
            }
        }
    }
    edges
}

/// What can be reached from `start` in one step or more.
fn reachable<'a>(start: &str, edges: &Edges<'a>) -> HashSet<&'a str> {
    let mut found = HashSet::new();
    let mut open = vec![start];
    while let Some(file) = open.pop() {
        for &next in edges.get(file).into_iter().flat_map(BTreeMap::keys) {
            if found.insert(next) {
                open.push(next);
            }
        }
    }
    found
}

/// The path from the crate's root that `path` stands for in the file `modules`; `None` for what is not this crate's.
fn absolute(files: &Files, modules: &[String], path: &[String]) -> Option<Vec<String>> {
    let first = path[0].as_str();
    if ["crate", "self", "super"].contains(&first) {
        return Some(from_root(modules, path));
    }
    if let Some(import) = files[modules].imports.iter().find(|i| i.name == first) {
        return Some([&import.target, &path[1..]].concat());
    }
    let child = [modules, &path[..1]].concat();
    (files.contains_key(&child) && path.len() > 1).then(|| [&child, &path[1..]].concat())
}

/// `path`, which begins with `crate`, `self` or `super`, from the crate's root.
fn from_root(modules: &[String], path: &[String]) -> Vec<String> {
    let mut base = if path[0] == "crate" { Vec::new() } else { modules.to_vec() };
    let mut rest = path;
    while let Some(step) = rest.first().filter(|s| ["crate", "self", "super"].contains(&s.as_str())) {
        if step == "super" {
            base.pop();
        }
        rest = &rest[1..];
    }
    [&base, rest].concat()
}

/// The file that defines what `target` names, through any re-exports; `None` for a module as such and for what is not
/// this crate's.
fn defined_in<'a>(files: &'a Files, target: &[String], depth: usize) -> Option<&'a Vec<String>> {
    // The longest part of the path that is a file.
    let n = (0..=target.len()).rev().find(|&n| files.contains_key(&target[..n]))?;
    let (modules, file) = files.get_key_value(&target[..n])?;
    let item = target.get(n)?;
    if item == "*" || file.defined.contains(item) || depth > 8 {
        return Some(modules);
    }
    if let Some(import) = file.imports.iter().find(|i| &i.name == item) {
        return defined_in(files, &[&import.target, &target[n + 1..]].concat(), depth + 1);
    }
    let through = file.imports.iter().filter(|i| i.name == "*").find_map(|all| {
        let found = defined_in(files, &[&all.target[..all.target.len() - 1], &target[n..]].concat(), depth + 1)?;
        files[found].defined.contains(item).then_some(found)
    });
    // What a macro or an inline module defines is the file's own.
    through.or_else(|| (!modules.is_empty()).then_some(modules))
}

/// Reads one file: what it defines, imports and uses.
fn read(source: &Source, modules: &HashSet<&[String]>) -> File {
    let tokens = &source.tokens;
    let at = |i: usize| tokens.get(i).map_or("", |t| t.1.as_str());
    let before = |i: usize| i.checked_sub(1).map_or("", at);
    let mut file = File { name: source.name.clone(), defined: HashSet::new(), imports: Vec::new(), used: Vec::new() };
    // The inline modules that are open, each by the brace that opened it.
    let mut inline = Vec::new();
    let mut depth = 0_usize;
    let mut i = 0;
    while i < tokens.len() {
        match at(i) {
            "{" => depth += 1,
            "}" => {
                inline.retain(|&d| d < depth);
                depth = depth.saturating_sub(1);
            }
            "mod" if at(i + 2) == "{" => inline.push(depth + 1),
            "use" if before(i) != "." => {
                let end = (i..tokens.len()).find(|&k| at(k) == ";").unwrap_or(tokens.len());
                // `pub`, or the bracket of `pub(crate)`.
                let handed_on = ["pub", ")"].contains(&before(i));
                file.imports.extend(imports(source, modules, inline.len(), &tokens[i + 1..end], handed_on));
                i = end;
            }
            name if is_name(name) && before(i) != "." => {
                let start = i;
                let mut path = vec![name.to_string()];
                while at(i + 1) == "::" && is_name(at(i + 2)) {
                    path.push(at(i + 2).into());
                    i += 2;
                }
                let defines = ["fn", "struct", "enum", "trait", "type", "const", "static", "union", "mod", "!"];
                if defines.contains(&before(start)) && depth == inline.len() {
                    file.defined.insert(name.into());
                } else if before(start) != "::" {
                    file.used.push((tokens[start].0, path));
                }
            }
            _ => {}
        }
        i += 1;
    }
    file
}

/// What one `use` brings into a file, of what is this crate's. `inline` inline modules are open around it.
fn imports(
    source: &Source,
    modules: &HashSet<&[String]>,
    inline: usize,
    tree: &[Token],
    handed_on: bool,
) -> Vec<Import> {
    let mut names = Vec::new();
    use_tree(tree, &[], &mut names);
    let one = |(line, mut path, name): (usize, Vec<String>, String)| {
        if is_child(&source.modules, modules, &path[0]) {
            path.insert(0, "self".into());
        } else if !["crate", "self", "super"].contains(&path[0].as_str()) {
            return None;
        }
        // In an inline module, `super` is this file.
        let here = [source.modules.clone(), vec![String::new(); inline]].concat();
        let target = from_root(&here, &path).into_iter().filter(|step| !step.is_empty()).collect();
        Some(Import { line, target, name, handed_on })
    };
    names.into_iter().filter_map(one).collect()
}

/// Whether `name` is a child of the file `parent`.
fn is_child(parent: &[String], modules: &HashSet<&[String]>, name: &str) -> bool {
    modules.contains([parent, &[name.to_string()]].concat().as_slice())
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Each name that a `use` brings: its line, its path as written, and the name here.
fn use_tree(tokens: &[Token], prefix: &[String], out: &mut Vec<(usize, Vec<String>, String)>) {
    let mut i = 0;
    let mut path = prefix.to_vec();
    while i < tokens.len() {
        let (line, token) = &tokens[i];
        match token.as_str() {
            "::" => {}
            "{" => {
                let end = closing(tokens, i);
                let mut start = i + 1;
                let mut k = start;
                while k <= end {
                    if k == end || tokens[k].1 == "," {
                        use_tree(&tokens[start..k], &path, out);
                        start = k + 1;
                    }
                    k = if tokens.get(k).is_some_and(|t| t.1 == "{") { closing(tokens, k) } else { k } + 1;
                }
                return;
            }
            "as" => {
                let name = tokens.get(i + 1).map_or("_", |t| t.1.as_str());
                out.push((*line, path, name.into()));
                return;
            }
            "self" if !path.is_empty() => {}
            name => path.push(name.into()),
        }
        i += 1;
    }
    if let (Some(name), Some((line, _))) = (path.last().cloned(), tokens.first()) {
        out.push((*line, path, name));
    }
}

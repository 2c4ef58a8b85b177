//! Tests that run themselves again in a process of their own.

/// The full name of a test, as this program's `--exact` wants it. `module` is `module_path!()` where the test stands.
pub(crate) fn full_name(module: &str, test: &str) -> String {
    // The program's own name is no part of it.
    match module.split_once("::") {
        Some((_, module)) => format!("{module}::{test}"),
        None => test.to_owned(),
    }
}

//! What the pages in a browser have in common: the live page and the page of a review.

/// The look of both: colours, buttons, lists.
pub(crate) const LOOK: &str = include_str!("look.css");

/// In this order: what a part does when it is read uses earlier ones.
const SCRIPTS: [&str; 5] = [
    include_str!("make.js"),
    include_str!("player.js"),
    include_str!("evidence.js"),
    include_str!("reading.js"),
    include_str!("help.js"),
];

/// A page's program: the common scripts and its `own` behind them. Its names are its own.
pub(crate) fn program(own: &[&str]) -> String {
    format!("\"use strict\";\n(() => {{\n{}{}}})();\n", SCRIPTS.concat(), own.concat())
}

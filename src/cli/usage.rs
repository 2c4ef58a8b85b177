//! What clap says of a wrong command line, in one sentence.

use std::io::{IsTerminal, stdout};

use clap::error::{Error, ErrorKind};

/// The sentence for a wrong command line; `None` where help or the version was asked for.
pub(super) fn sentence(e: &Error) -> Option<String> {
    match e.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return None,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            let text = e.render().to_string();
            let command = usage_line(&text);
            return Some(format!("{command} needs a command to do; '{command} --help' lists them"));
        }
        _ => {}
    }
    let text = e.render().to_string();
    let parts: Vec<String> = text
        .split("\n\n")
        .filter(|p| !p.starts_with("Usage:") && !p.starts_with("For more information"))
        .map(|p| p.split_whitespace().collect::<Vec<_>>().join(" "))
        .map(|p| p.strip_prefix("error: ").map_or(p.clone(), str::to_string))
        .filter(|p| !p.is_empty())
        .collect();
    Some(format!("{}; '{} --help' tells more", parts.join("; "), usage_line(&text)))
}

/// The help or version that was asked for, coloured for a terminal.
pub(super) fn help(e: &Error) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    if stdout().is_terminal() && !plain { e.render().ansi().to_string() } else { e.render().to_string() }
}

/// The command that clap's usage line is about, as in `earwitness train classifier`.
fn usage_line(text: &str) -> String {
    let words = text.lines().find_map(|l| l.trim().strip_prefix("Usage:")).unwrap_or("earwitness");
    words.split_whitespace().take_while(|w| !w.starts_with(['[', '<', '-'])).collect::<Vec<_>>().join(" ")
}

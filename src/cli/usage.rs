//! What clap says of a wrong command line, in one sentence.

use std::ffi::OsString;
use std::io::{IsTerminal, stdout};

use clap::Command;
use clap::error::{Error, ErrorKind};

/// The sentence for what clap says of a wrong command line, `args` for `command`; `None` where help or the version was asked for.
pub(super) fn sentence(e: &Error, args: &[OsString], command: Command) -> Option<String> {
    let command = named_command(args, command);
    match e.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return None,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
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
    Some(format!("{}; '{command} --help' tells more", parts.join("; ")))
}

/// The help or version that was asked for, coloured for a terminal.
pub(super) fn help(e: &Error) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    if stdout().is_terminal() && !plain { e.render().ansi().to_string() } else { e.render().to_string() }
}

/// The command that the arguments name, as in `earwitness train classifier`; clap does not always say.
fn named_command(args: &[OsString], mut command: Command) -> String {
    let mut name = command.get_name().to_owned();
    for word in args.iter().skip(1) {
        let Some(next) = command.find_subcommand(word).cloned() else { break };
        name = format!("{name} {}", next.get_name());
        command = next;
    }
    name
}

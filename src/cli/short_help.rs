//! What `-h` shows: one line an option. `--help` explains them.

use std::ffi::OsString;

use clap::{Arg, Command};

/// Longest description, in characters: with the longest option, a line of a wide terminal.
const MAX_CHARS: usize = 60;
/// Where a sentence may end early.
const ENDS: [&str; 6] = ["; ", ": ", ". ", ", ", " (", " – "];

/// Whether the command line asks for the short help.
pub(super) fn is_asked_for(args: &[OsString]) -> bool {
    args.iter().skip(1).take_while(|arg| *arg != "--").any(|arg| arg == "-h")
}

/// The command with short help; the program itself keeps its examples.
pub(super) fn short(command: Command) -> Command {
    command.mut_args(short_arg).mut_subcommands(|sub| {
        let more = format!(
            "'earwitness {} --help' explains every option, names its variable and shows examples.",
            sub.get_name()
        );
        deep(sub, &more)
    })
}

/// A command and those below it.
fn deep(command: Command, more: &str) -> Command {
    command.mut_args(short_arg).after_help(more.to_owned()).mut_subcommands(|sub| deep(sub, more))
}

fn short_arg(arg: Arg) -> Arg {
    let help = arg.get_help().map(|help| beginning(&help.to_string()).to_owned());
    let mut arg = arg.hide_env(true);
    if arg.get_action().takes_values() {
        arg = arg.hide_possible_values(true).hide_default_value(true);
    }
    match help {
        Some(help) => arg.help(help).long_help(None::<&str>),
        None => arg,
    }
}

/// As much of a description as fits a line, up to the end of a part of a sentence; where no part fits, up to a word.
fn beginning(text: &str) -> &str {
    // What it is by default stands in brackets at the end.
    let text = text.split(" [default").next().unwrap_or(text);
    if text.chars().count() <= MAX_CHARS {
        return text;
    }
    let fits = |at: &usize| text[..*at].chars().count() <= MAX_CHARS;
    let ends = ENDS.iter().flat_map(|end| text.match_indices(end).map(|(at, _)| at));
    let words = || text.match_indices(' ').map(|(at, _)| at).filter(fits).max();
    let at = ends.filter(fits).max().or_else(words).unwrap_or(text.len());
    &text[..at]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_description_ends_where_a_part_of_its_sentence_does() {
        assert_eq!(
            beginning("Report no further event of a class for this long after one"),
            "Report no further event of a class for this long after one"
        );
        assert_eq!(
            beginning("Where to run the networks: cpu, cuda:N, or auto, which takes a GPU if there is one"),
            "Where to run the networks: cpu, cuda:N, or auto"
        );
        assert_eq!(
            beginning("Only the newest N events [default: 50 in a page, all in an export]"),
            "Only the newest N events"
        );
        let long = "word ".repeat(30);
        assert!(beginning(&long).len() <= MAX_CHARS && beginning(&long).ends_with("word"));
    }

    #[test]
    fn the_short_help_is_asked_for_before_what_is_no_flag() {
        let asked = |args: &[&str]| is_asked_for(&args.iter().map(OsString::from).collect::<Vec<_>>());
        assert!(asked(&["earwitness", "monitor", "-h"]) && asked(&["earwitness", "-h"]));
        assert!(!asked(&["earwitness", "monitor", "--help"]) && !asked(&["earwitness", "explain", "--", "-h"]));
    }

    #[test]
    fn every_option_takes_one_line_and_keeps_its_name() {
        let mut command = short(crate::cli::command());
        command.build();
        let mut commands = vec![command];
        while let Some(mut command) = commands.pop() {
            let help = command.render_help().to_string();
            let name = command.get_name().to_owned();
            assert!(!help.contains("[env:"), "{name}: {help}");
            for line in help.lines() {
                assert!(line.chars().count() <= 110, "{name}: {line}");
            }
            for arg in command.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(help.contains(&format!("--{arg}")), "{name} --{arg}: {help}");
            }
            commands.extend(command.get_subcommands().filter(|sub| sub.get_name() != "help").cloned());
        }
    }
}

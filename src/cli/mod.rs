//! The command line: one small file a command, and what they share.
//!
//! stdout carries only what was asked for; logs go to stderr or a file; an error is one sentence on stderr and an
//! exit code. Nothing in the library imports this room.

mod blocks;
mod clips;
mod completions;
mod config;
mod daily;
mod devices;
mod enroll;
pub mod evaluate;
pub mod explain;
mod globals;
mod inputs;
mod learn;
mod left_out;
mod level_day;
mod levels;
mod live_page;
mod logging;
mod man;
mod methods;
mod model;
pub mod monitor;
mod outlet;
mod output;
mod outside;
mod panics;
mod parse;
mod privacy;
pub mod probe;
mod reload;
pub mod review;
mod service;
pub mod settings;
mod short_help;
mod signals;
mod summary;
mod taken;
mod time_zone;
mod told;
pub mod train;
mod tune;
mod usage;
mod yesterday;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use globals::Globals;

use crate::error::{Error, Result};

/// Help is no wider, however wide the terminal is.
const MAX_HELP_WIDTH: usize = 100;

const AFTER_HELP: &str = "\
Examples:
  earwitness monitor                       listen to the default microphone, in the terminal
  earwitness monitor --input demo          a scene that the program makes: no sound card needed
  earwitness explain bark.wav --out why    what the classifier heard in a recording
  earwitness review events                 listen to what was recorded, and mark it
  earwitness model list                    which models there are
  earwitness devices                       which microphones there are
  earwitness config init                   write the documented settings file

Every flag has a variable: --log-level is EARWITNESS_LOG_LEVEL. Flags win over variables,
variables over the settings file, the file over the defaults.

Exit codes: 0 done or stopped by a signal, 2 usage or settings, 3 input device or file,
4 model, 5 output, 70 a defect of the program.";

/// Listens for sound events and lets people hear the evidence.
#[derive(Debug, Parser)]
#[command(name = "earwitness", version, after_help = AFTER_HELP, infer_long_args = false, max_term_width = MAX_HELP_WIDTH)]
struct Cli {
    /// What every command takes.
    #[command(flatten)]
    globals: Globals,
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

/// The commands.
// There is one value of this a process: its size does not matter.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Subcommand)]
enum Command {
    /// Listen for sound events.
    Monitor(Box<monitor::Args>),
    /// Explain recordings offline.
    Explain(explain::Args),
    /// Browse recorded events: listen, mark, export, one web page.
    Review(review::Args),
    /// Measure a model on a data set.
    Evaluate(evaluate::Args),
    /// Make a model package from a data set.
    #[command(subcommand)]
    Train(train::TrainCommand),
    /// Learn a label of your own from a few recordings.
    Enroll(Box<enroll::Args>),
    /// Show what a day was like: events by label and hour, loudest minutes, outages.
    Daily(daily::Args),
    /// Show sound levels that a monitor kept: a day's strip, CSV or JSON.
    Levels(levels::Args),
    /// Learn from events that were marked right or wrong.
    Learn(learn::Args),
    /// Choose thresholds for a wanted number of false alarms an hour.
    Tune(Box<tune::Args>),
    /// List the capture and playback devices.
    Devices(devices::Args),
    /// List, show and verify model packages.
    #[command(subcommand)]
    Model(model::ModelCommand),
    /// Write, show and check the settings file.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Print the completion script for a shell.
    Completions(completions::Args),
    /// Print the manual page, or write all of them.
    Man(man::Args),
}

/// Runs the program on this process's arguments: parses, dispatches, and turns every outcome into an exit code.
#[must_use]
pub fn main() -> ExitCode {
    signals::survive_limits();
    ExitCode::from(guard(|| parse_and_run(std::env::args_os().collect())))
}

/// Runs `work` and gives its exit code (contract: the command line). An error, and a panic on any thread, is told as one
/// sentence on stderr, once `work` has returned and the terminal is itself again.
pub fn guard(work: impl FnOnce() -> Result<()>) -> u8 {
    panics::install();
    let outcome = catch_unwind(AssertUnwindSafe(work));
    // A panic decides, on whichever thread: whatever else failed after it is its consequence.
    let error = match (panics::first(), outcome) {
        (Some(sentence), _) => Error::bug(sentence),
        (None, Ok(Ok(()))) => return 0,
        (None, Ok(Err(e))) => e,
        (None, Err(_)) => Error::bug("a defect of the program stopped it; please report this"),
    };
    output::error_sentence(&error.to_string());
    error.kind().exit_code()
}

fn parse_and_run(args: Vec<OsString>) -> Result<()> {
    let shown = if short_help::is_asked_for(&args) { short_help::short(command()) } else { command() };
    let parsed = shown.try_get_matches_from(&args).and_then(|matches| Cli::from_arg_matches(&matches));
    match parsed {
        Ok(cli) => run(cli),
        Err(e) => match usage::sentence(&e, &args, command()) {
            Some(sentence) => Err(Error::usage(sentence)),
            None => output::print_styled(&usage::help(&e)),
        },
    }
}

/// The whole command line as clap knows it, for parsing, completions and manual pages.
#[must_use]
pub fn command() -> clap::Command {
    without_values(Cli::command())
}

/// Help and manual pages name the variables but not what this shell has set them to.
fn without_values(command: clap::Command) -> clap::Command {
    command.mut_args(|a| a.hide_env_values(true)).mut_subcommands(without_values)
}

fn run(cli: Cli) -> Result<()> {
    let globals = cli.globals;
    match cli.command {
        Command::Monitor(args) => monitor::run(&args, &globals),
        Command::Explain(args) => {
            globals.start_log()?;
            time_zone::warn(false, false);
            explain::run(&args, &globals)
        }
        Command::Review(args) => review::run(&args, &globals),
        Command::Evaluate(args) => evaluate::run(&args, &globals),
        Command::Train(command) => train::run(&command),
        Command::Enroll(args) => enroll::run(&args, &globals),
        Command::Daily(args) => daily::run(&args, &globals),
        Command::Levels(args) => levels::run(&args, &globals),
        Command::Learn(args) => learn::run(&args, &globals),
        Command::Tune(args) => tune::run(&args, &globals),
        Command::Devices(args) => devices::run(&args, &globals),
        Command::Model(command) => model::run(command, &globals),
        Command::Config(command) => config::run(command, &globals),
        Command::Completions(args) => completions::run(&args, command()),
        Command::Man(args) => man::run(&args, command()),
    }
}

#[cfg(test)]
mod tests;

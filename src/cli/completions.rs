//! `earwitness completions`.

use clap_complete::Shell;

use super::output;
use crate::error::Result;

const AFTER_HELP: &str = "\
Examples:
  earwitness completions bash > ~/.local/share/bash-completion/completions/earwitness
  earwitness completions zsh  > ~/.zfunc/_earwitness
  earwitness completions fish > ~/.config/fish/completions/earwitness.fish";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script for `command`, which is the whole command line.
pub(super) fn run(args: &Args, mut command: clap::Command) -> Result<()> {
    // Into memory first: clap_complete panics where its writer fails, as a closed pipe does.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "earwitness", &mut script);
    output::print(&String::from_utf8_lossy(&script))
}

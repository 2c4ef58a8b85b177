//! `earwitness man`.

use std::fs;
use std::path::{Path, PathBuf};

use clap_mangen::Man;

use super::output;
use crate::error::{ErrorKind, Result};

const AFTER_HELP: &str = "\
Examples:
  earwitness man | man -l -
  earwitness man --out ~/.local/share/man/man1";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Write one page for each command into this folder, instead of printing the main page
    #[arg(long, value_name = "DIR", env = "EARWITNESS_OUT")]
    out: Option<PathBuf>,
}

/// Prints or writes the pages of `command`, which is the whole command line.
pub(super) fn run(args: &Args, mut command: clap::Command) -> Result<()> {
    command.build();
    match &args.out {
        None => output::print(&String::from_utf8_lossy(&page(command)?)),
        Some(dir) => {
            fs::create_dir_all(dir).map_err(|e| failed(dir, e))?;
            write_pages(&command, dir)
        }
    }
}

fn write_pages(command: &clap::Command, dir: &Path) -> Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let path = dir.join(format!("{name}.1"));
    fs::write(&path, page(command.clone())?).map_err(|e| failed(&path, e))?;
    command.get_subcommands().filter(|c| c.get_name() != "help").try_for_each(|c| write_pages(c, dir))
}

fn page(command: clap::Command) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    Man::new(command)
        .render(&mut text)
        .map_err(|e| output::io_error(ErrorKind::Bug, "making the manual page", "please report this", e))?;
    Ok(text)
}

fn failed(path: &Path, e: std::io::Error) -> crate::error::Error {
    output::io_error(ErrorKind::Output, &format!("writing {}", path.display()), "choose another folder", e)
}

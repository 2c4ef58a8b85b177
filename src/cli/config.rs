//! `earwitness config`: write, show and check the settings file.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use clap::builder::FalseyValueParser;

use super::settings::SettingsArgs;
use super::{Globals, output, privacy};
use crate::config::{Config, ConfigFile, Loaded, standard_path};
use crate::error::{Error, ErrorKind, Result};
use crate::local_zone::trouble;

const AFTER_HELP: &str = "\
Examples:
  earwitness config init                   write the settings file, every setting explained
  earwitness config init -                 print it instead
  earwitness config show --input demo      what a run with this flag would use
  earwitness config check my.toml          whether a file is right, and if not, where";

/// What to do with the settings file.
#[derive(Debug, Subcommand)]
#[command(after_help = AFTER_HELP)]
pub(super) enum ConfigCommand {
    /// Write a settings file with the defaults, every setting explained
    Init(InitArgs),
    /// Print the settings that a run would use: defaults, settings file, variables, flags
    Show(Box<ShowArgs>),
    /// Check a settings file
    Check(CheckArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct InitArgs {
    /// File to write, - for stdout [default: --config, or the standard file]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long, env = "EARWITNESS_FORCE", value_parser = FalseyValueParser::new())]
    force: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Show webhooks' addresses and headers in full, which may hold passwords
    #[arg(long, env = "EARWITNESS_SECRETS", value_parser = FalseyValueParser::new())]
    secrets: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// File to check [default: --config, or the standard file]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

pub(super) fn run(command: ConfigCommand, globals: &Globals) -> Result<()> {
    globals.start_log()?;
    match command {
        ConfigCommand::Init(args) => init(&args, globals),
        ConfigCommand::Show(args) => {
            let config = globals.settings(args.settings.layer())?;
            let shown = if args.secrets { config } else { config.without_secrets() };
            output::print(&shown.to_toml()?)
        }
        ConfigCommand::Check(args) => {
            let file = chosen(args.file.as_deref(), globals)?;
            let loaded = Loaded::of_file(ConfigFile::read(&file)?)?;
            check_labels(&loaded, globals)?;
            let trouble = trouble(!loaded.config.quiet.hours.is_empty());
            trouble.iter().for_each(|sentence| output::note(sentence));
            output::print(&format!("{}: ok\n", file.display()))
        }
    }
}

/// Whether the labels and groups that the settings speak of are there, where the model is.
fn check_labels(loaded: &Loaded, globals: &Globals) -> Result<()> {
    match globals.open_model(&loaded.config.monitor.model) {
        Ok(package) => {
            let (model, labels) = (&package.manifest().name, &package.manifest().labels);
            loaded.detector(model, labels)?;
            privacy::trouble(&loaded.config, model, labels).iter().for_each(|sentence| output::note(sentence));
            Ok(())
        }
        Err(e) => {
            output::note(&format!("the labels were not checked, because the model cannot be used: {e}"));
            Ok(())
        }
    }
}

fn init(args: &InitArgs, globals: &Globals) -> Result<()> {
    let text = Config::default().to_toml()?;
    if args.file.as_deref() == Some(Path::new("-")) {
        return output::print(&text);
    }
    let file = chosen(args.file.as_deref(), globals)?;
    let failed =
        |e| output::io_error(ErrorKind::Output, &format!("writing {}", file.display()), "choose another file", e);
    if let Some(dir) = file.parent().filter(|d| !d.as_os_str().is_empty()) {
        fs::create_dir_all(dir).map_err(failed)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(!args.force).create(true).truncate(args.force);
    match options.open(&file) {
        Ok(mut out) => out.write_all(text.as_bytes()).map_err(failed)?,
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Error::output(format!(
                "{} is there already; --force replaces it, and `earwitness config init -` only prints",
                file.display()
            )));
        }
        Err(e) => return Err(failed(e)),
    }
    output::note(&format!("wrote {}", file.display()));
    Ok(())
}

/// The file named, or the one that a run would use.
fn chosen(named: Option<&Path>, globals: &Globals) -> Result<PathBuf> {
    let file = named.map(Path::to_path_buf).or_else(|| globals.config.clone()).or_else(standard_path);
    file.ok_or_else(|| Error::usage("this user has no home folder for a settings file; name a file"))
}

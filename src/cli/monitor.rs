//! `earwitness monitor`: listen, name what is heard, keep the evidence.

use super::Globals;
use super::settings::SettingsArgs;
use crate::config::Config;
use crate::error::Result;

const AFTER_HELP: &str = "\
Examples:
  earwitness monitor                                      the default microphone
  earwitness monitor --input demo                         a scene that the program makes
  earwitness monitor --record events --threshold dog=0.7  record events; the dog if it is sure
  earwitness monitor --input file:yard.wav --fast --ui jsonl
  arecord -t raw -f S16_LE -r 48000 | earwitness monitor --input stdin:48000x1:s16le

Each setting lies in the settings file too; `earwitness config init` writes one.";

/// Listen for sound events.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The settings.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

impl Args {
    /// The settings of this run: defaults, settings file, variables, flags.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`], naming what cannot be used.
    pub fn config(&self, globals: &Globals) -> Result<Config> {
        globals.settings(self.settings.layer())
    }
}

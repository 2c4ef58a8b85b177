//! `earwitness devices`: what can be listened to.

mod calibrate;

use clap::builder::FalseyValueParser;
use serde_json::json;

use super::{Globals, output};
use crate::audio::devices::{DeviceInfo, list_devices};
use crate::error::Result;

const AFTER_HELP: &str = "\
Examples:
  earwitness devices
  earwitness devices --json
  earwitness monitor --input device:ID     with an id from the first column
  earwitness devices calibrate --input device:ID --level 94

The program's own scene needs no device: --input demo.";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long, env = "EARWITNESS_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
    /// What to do instead of listing.
    #[command(subcommand)]
    command: Option<DevicesCommand>,
}

#[derive(Debug, clap::Subcommand)]
enum DevicesCommand {
    /// Measure what calibrates an input, with a tone of known level.
    Calibrate(calibrate::Args),
}

pub(super) fn run(args: &Args, globals: &Globals) -> Result<()> {
    globals.start_log()?;
    if let Some(DevicesCommand::Calibrate(args)) = &args.command {
        return calibrate::run(args);
    }
    let devices = list_devices()?;
    if args.json {
        let rows: Vec<_> = devices.iter().map(device_json).collect();
        return output::print(&format!("{:#}\n", serde_json::Value::from(rows)));
    }
    if devices.is_empty() {
        output::note("no sound device was found; --input demo, file: and stdin: need none");
        return Ok(());
    }
    output::print(&output::columns(&devices.iter().map(row).collect::<Vec<_>>()))
}

fn device_json(d: &DeviceInfo) -> serde_json::Value {
    json!({
        "id": d.id, "name": d.name, "direction": d.direction.as_str(), "default": d.is_default,
        "min_channels": d.channels.0, "max_channels": d.channels.1,
        "min_rate_hz": d.rates.0, "max_rate_hz": d.rates.1, "formats": d.formats, "host": d.host,
    })
}

fn row(d: &DeviceInfo) -> Vec<String> {
    let span = |(low, high): (u32, u32)| if low == high { low.to_string() } else { format!("{low}-{high}") };
    vec![
        d.id.clone(),
        format!("{}{}", d.direction.as_str(), if d.is_default { " (default)" } else { "" }),
        format!("{} channels", span((d.channels.0.into(), d.channels.1.into()))),
        format!("{} Hz", span(d.rates)),
        d.formats.join(" "),
        d.name.clone(),
    ]
}

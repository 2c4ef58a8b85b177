//! The live page of a monitor, where it is asked for.

use std::sync::Arc;

use super::told::Told;
use crate::config::Config;
use crate::engine::snapshot_slot::SnapshotSlot;
use crate::engine::worker::Worker;
use crate::error::Result;
use crate::model::package::Package;
use crate::web::{About, Monitored, start as serve};

/// Serves it, and tells whether it is served: it is completed by what the recorder says, then.
///
/// # Errors
/// As [`Config::web`] and [`crate::web::start`].
pub(super) fn start(
    config: &Config,
    (package, method): (&Package, &str),
    worker: &Worker,
    slot: &Arc<SnapshotSlot>,
    told: &Told,
) -> Result<bool> {
    let Some(options) = config.web()? else { return Ok(false) };
    let records = !config.record.dir.is_empty();
    let about = About {
        model: package.manifest().name.clone(),
        method: method.to_owned(),
        inputs: worker.input_names(),
        n_classes: worker.n_classes(),
        record_dir: records.then(|| config.record.dir.as_path().to_path_buf()),
        sample_rate: worker.sample_rate(),
        levels: records && config.record.levels,
        in_real_time: !config.monitor.fast,
    };
    let monitored =
        Monitored { slot: Arc::clone(slot), controls: worker.controls(), broadcasts: worker.broadcasts(), about };
    serve(&options, monitored)?;
    told.say(format!("the live page is at http://{}/", options.listen));
    Ok(true)
}

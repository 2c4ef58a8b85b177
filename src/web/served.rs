//! What all answers are made of.

use std::path::PathBuf;
use std::sync::Arc;

use super::access::Access;
use super::answers::Failure;
use super::options::Monitored;

/// Shared by all requests.
#[derive(Clone)]
pub(super) struct Served(Arc<Parts>);

struct Parts {
    access: Access,
    monitored: Monitored,
}

impl Served {
    pub(super) fn new(access: Access, monitored: Monitored) -> Self {
        Self(Arc::new(Parts { access, monitored }))
    }

    pub(super) fn access(&self) -> &Access {
        &self.0.access
    }

    pub(super) fn monitored(&self) -> &Monitored {
        &self.0.monitored
    }

    /// The name of the input of that index, if it was open when the monitor began.
    pub(super) fn input_name(&self, index: usize) -> Option<String> {
        self.monitored().about.inputs.get(index).cloned()
    }

    /// The folder of the event `id`. Only folders that the recorder has named are opened: nothing of a request becomes a path.
    pub(super) fn folder(&self, id: &str) -> Result<PathBuf, Failure> {
        let folder = self.monitored().slot.folder_of(id);
        folder.map(PathBuf::from).ok_or_else(|| {
            Failure::gone("this event is not recorded, or long ago; `earwitness review` shows everything that is kept")
        })
    }
}

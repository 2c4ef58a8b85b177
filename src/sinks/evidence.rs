//! Files of a recorded event that a sink sends along. An event's message goes out before its folder is written, so whoever wants
//! a file waits for it, on the sink's own thread, and sends the rest without it where it does not come.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::message::Message;
use crate::checked_file::{self, Links};
use crate::record::{CLIP, INTERPRETATION, SPECTROGRAM};

/// How long a folder is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Longest file that is sent, in bytes.
const MAX_BYTES: u64 = 32 << 20;

/// Which file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evidence {
    /// What was heard and what decided, as a picture.
    Picture,
    /// What was heard.
    Clip,
    /// What decided, as sound.
    Interpretation,
}

impl Evidence {
    /// What `text` asks for, as in `@picture`; none where it is another text.
    pub(super) fn named(text: &str) -> Option<Self> {
        match text.strip_prefix('@')? {
            "picture" => Some(Self::Picture),
            "clip" => Some(Self::Clip),
            "interpretation" => Some(Self::Interpretation),
            _ => None,
        }
    }

    /// The file's name in an event's folder.
    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::Picture => SPECTROGRAM,
            Self::Clip => CLIP,
            Self::Interpretation => INTERPRETATION,
        }
    }

    /// Its media type.
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Picture => "image/png",
            Self::Clip | Self::Interpretation => "audio/wav",
        }
    }

    /// Waits for the folder of the message's event and reads the file. None if the file is not kept, or the folder does not
    /// appear in time.
    pub(super) fn wait_for(self, message: &Message) -> Option<Vec<u8>> {
        let folder = folder(message)?;
        let deadline = message.born + PATIENCE;
        loop {
            match self.look(&folder) {
                Look::There(bytes) => return Some(bytes),
                Look::NotKept => return None,
                Look::NotYet if Instant::now() >= deadline => return None,
                Look::NotYet => std::thread::sleep(PAUSE),
            }
        }
    }

    /// Whether the file is there. A folder appears whole: what is not in it then is not kept.
    pub(super) fn look(self, folder: &Path) -> Look {
        if !folder.is_dir() {
            return Look::NotYet;
        }
        match checked_file::read(&folder.join(self.file()), Links::Refuse, MAX_BYTES) {
            Ok(bytes) => Look::There(bytes),
            Err(_) => Look::NotKept,
        }
    }
}

/// What became of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// It is there.
    There(Vec<u8>),
    /// Its folder is not.
    NotYet,
    /// Its folder is, and it is not.
    NotKept,
}

/// The folder that will hold the event's evidence; none where it is not recorded.
pub(super) fn folder(message: &Message) -> Option<PathBuf> {
    message.json.get("files")?.get("dir")?.as_str().map(PathBuf::from)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::super::message::Kind;
    use super::super::message::tests::message;
    use super::*;

    #[test]
    fn a_folder_is_waited_for_and_what_it_does_not_hold_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("event");
        let mut message = message(Kind::Event, "A", "dog", 0.5);
        Arc::make_mut(&mut message.json).insert("files".into(), json!({"dir": folder}));
        assert_eq!(Evidence::Picture.look(&folder), Look::NotYet);
        let waiting =
            std::thread::spawn(move || (Evidence::Picture.wait_for(&message), Evidence::Clip.wait_for(&message)));
        let whole = dir.path().join("temporary");
        std::fs::create_dir(&whole).unwrap();
        std::fs::write(whole.join("spectrogram.png"), b"picture").unwrap();
        std::fs::rename(&whole, &folder).unwrap();
        assert_eq!(waiting.join().unwrap(), (Some(b"picture".to_vec()), None));
    }

    #[test]
    fn an_event_that_is_not_recorded_has_no_files() {
        let mut message = message(Kind::Event, "A", "dog", 0.5);
        Arc::make_mut(&mut message.json).remove("files");
        assert_eq!(Evidence::Picture.wait_for(&message), None);
        assert_eq!(Evidence::named("@clip"), Some(Evidence::Clip));
        assert_eq!((Evidence::named("@nothing"), Evidence::named("picture")), (None, None));
    }
}

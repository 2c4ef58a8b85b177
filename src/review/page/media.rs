//! Sounds and pictures of an event, as a page has them.

use std::collections::BTreeSet;
use std::io::ErrorKind;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

use crate::archive::StoredEvent;
use crate::archive::files::read_bounded;

/// Longest sound or picture that goes into the page, in bytes: ten minutes of sound at 22 050 Hz.
pub(super) const MAX_FILE_BYTES: u64 = 32 << 20;

/// Most components of an event whose sound goes into the page; a monitor keeps a few.
pub(super) const MAX_SOUNDS: usize = 64;

/// The length of an event's sounds and picture in the page, as far as it can be known without reading them.
pub(super) fn media_bytes(event: &StoredEvent, with_components: bool) -> u64 {
    let length = |name: &str| event.folder.join(name).symlink_metadata().map_or(0, |about| about.len());
    let wanted = Wanted::of(event, with_components);
    wanted.names().map(length).filter(|bytes| *bytes <= MAX_FILE_BYTES).map(in_base64).sum()
}

/// The length of so many bytes in base64.
const fn in_base64(bytes: u64) -> u64 {
    bytes.div_ceil(3) * 4
}

/// Which files of an event go into the page, each once.
struct Wanted<'a> {
    heard: Option<&'a str>,
    why: Option<&'a str>,
    picture: Option<&'a str>,
    components: Vec<(u64, &'a str)>,
    /// Files that the record names once more, or that are too many.
    left_out: Vec<&'a str>,
}

impl<'a> Wanted<'a> {
    fn of(event: &'a StoredEvent, with_components: bool) -> Self {
        let mut seen = BTreeSet::new();
        let mut left_out = Vec::new();
        let mut once = |name: &'a Option<String>| {
            let name = name.as_deref()?;
            let is_new = seen.insert(name);
            if !is_new {
                left_out.push(name);
            }
            is_new.then_some(name)
        };
        let (heard, why) = (once(&event.files.clip), once(&event.files.interpretation));
        let picture = once(&event.files.spectrogram);
        let with_sound = event.components.iter().filter(|_| with_components);
        let mut components: Vec<_> = with_sound.filter_map(|c| Some((c.index, once(&c.file)?))).collect();
        left_out.extend(components.drain(components.len().min(MAX_SOUNDS)..).map(|(_, name)| name));
        Self { heard, why, picture, components, left_out }
    }

    fn names(&self) -> impl Iterator<Item = &'a str> {
        let of_event = [self.heard, self.why, self.picture].into_iter().flatten();
        of_event.chain(self.components.iter().map(|(_, name)| *name))
    }
}

/// Sounds and picture of an event.
#[derive(Default, Serialize)]
pub(super) struct Media {
    #[serde(skip_serializing_if = "Option::is_none")]
    heard: Option<Base64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Base64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    components: Vec<ComponentMedia>,
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<Base64>,
}

#[derive(Serialize)]
struct ComponentMedia {
    index: u64,
    audio: Base64,
}

/// Bytes that are written in base64.
struct Base64(Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(&self.0, &STANDARD))
    }
}

impl Media {
    /// What is there, and a sentence on what should be there and is not. `left` is how much of it may still go into the page.
    pub(super) fn read(
        event: &StoredEvent,
        with_components: bool,
        left: &mut u64,
    ) -> std::io::Result<(Self, Option<String>)> {
        let wanted = Wanted::of(event, with_components);
        let mut missing = Vec::new();
        let mut get = |name: &str| -> std::io::Result<Option<Base64>> {
            let path = event.folder.join(name);
            match read_bounded(&path, MAX_FILE_BYTES) {
                Ok(bytes) => {
                    let more = in_base64(bytes.len() as u64);
                    let too_large = || std::io::Error::new(ErrorKind::FileTooLarge, "the page is too large");
                    *left = left.checked_sub(more).ok_or_else(too_large)?;
                    Ok(Some(Base64(bytes)))
                }
                Err(e) => {
                    tracing::warn!("{} is left out of the page ({e})", path.display());
                    missing.push(name.to_owned());
                    Ok(None)
                }
            }
        };
        let mut optional = |name: Option<&str>| name.map_or(Ok(None), &mut get);
        let mut media = Self {
            heard: optional(wanted.heard)?,
            why: optional(wanted.why)?,
            components: Vec::new(),
            picture: optional(wanted.picture)?,
        };
        for (index, name) in &wanted.components {
            if let Some(audio) = get(name)? {
                media.components.push(ComponentMedia { index: *index, audio });
            }
        }
        let mut trouble = Vec::new();
        if !missing.is_empty() {
            trouble.push(format!("Not readable when this page was made: {}.", missing.join(", ")));
        }
        if !wanted.left_out.is_empty() {
            let n = wanted.left_out.len();
            trouble.push(format!("Left out, because the record names too many files or one twice: {n}."));
        }
        if trouble.is_empty() && wanted.heard.is_none() {
            trouble.push("No sound was kept of this event.".to_owned());
        }
        Ok((media, (!trouble.is_empty()).then(|| trouble.join(" "))))
    }
}

//! Sounds and pictures of an event, as a page has them: sounds as Opus, which takes a tenth of what was recorded.

use std::collections::BTreeSet;
use std::io::ErrorKind;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde::{Serialize, Serializer};

use crate::archive::StoredEvent;
use crate::archive::files::read_bounded;
use crate::dsp::resample;
use crate::error::Result;
use crate::media::ogg_opus;
use crate::review::clip::{Sample, read_sound};

/// Longest picture that goes into the page, in bytes.
const MAX_PICTURE_BYTES: u64 = 8 << 20;

/// Most components of an event whose sound goes into the page; a monitor keeps a few.
pub(super) const MAX_SOUNDS: usize = 64;

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
}

/// Sounds and picture of an event.
#[derive(Default, Serialize)]
pub(super) struct Media {
    #[serde(skip_serializing_if = "Option::is_none")]
    heard: Option<Base64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Base64>,
    /// What was heard without what decided. It cannot be told from the two above: what the coding adds to them would be left.
    #[serde(skip_serializing_if = "Option::is_none")]
    rest: Option<Base64>,
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

/// What is read of an event's files, and what cannot be.
struct Reading<'a> {
    event: &'a StoredEvent,
    missing: Vec<String>,
    /// How much may still go into the page, in bytes.
    left: &'a mut u64,
}

impl Reading<'_> {
    fn sound(&mut self, name: Option<&str>) -> Option<Sample> {
        let name = name?;
        read_sound(&self.event.folder.join(name)).map_err(|e| self.is_missing(name, &e)).ok()
    }

    fn is_missing(&mut self, name: &str, why: &dyn std::fmt::Display) {
        tracing::warn!("{} is left out of the page ({why})", self.event.folder.join(name).display());
        self.missing.push(name.to_owned());
    }

    /// Takes a sound that was encoded, the one in the file `name`.
    fn opus(&mut self, name: &str, encoded: Result<Vec<u8>>) -> std::io::Result<Option<Base64>> {
        match encoded {
            Ok(bytes) => self.take(bytes).map(Some),
            Err(e) => {
                self.is_missing(name, &e);
                Ok(None)
            }
        }
    }

    fn picture(&mut self, name: Option<&str>) -> std::io::Result<Option<Base64>> {
        let Some(name) = name else { return Ok(None) };
        match read_bounded(&self.event.folder.join(name), MAX_PICTURE_BYTES) {
            Ok(bytes) => self.take(bytes).map(Some),
            Err(e) => {
                self.is_missing(name, &e);
                Ok(None)
            }
        }
    }

    fn take(&mut self, bytes: Vec<u8>) -> std::io::Result<Base64> {
        let too_large = || std::io::Error::new(ErrorKind::FileTooLarge, "the page is too large");
        *self.left = self.left.checked_sub(in_base64(bytes.len() as u64)).ok_or_else(too_large)?;
        Ok(Base64(bytes))
    }
}

fn encode(sound: &Sample) -> Result<Vec<u8>> {
    ogg_opus::encode(&resample(&sound.samples, sound.rate, ogg_opus::RATE)?)
}

/// What is left of `heard` without `why`: both have one phase, so that the difference is what the mask took away.
fn remainder(heard: &Sample, why: &Sample) -> Option<Sample> {
    let fits = heard.rate == why.rate && heard.samples.len() == why.samples.len();
    let difference = || heard.samples.iter().zip(&*why.samples).map(|(heard, why)| heard - why).collect();
    fits.then(|| Sample { rate: heard.rate, samples: difference() })
}

impl Media {
    /// What is there, and a sentence on what should be there and is not. `left` is how much of it may still go into the page.
    pub(super) fn read(
        event: &StoredEvent,
        with_components: bool,
        left: &mut u64,
    ) -> std::io::Result<(Self, Option<String>)> {
        let wanted = Wanted::of(event, with_components);
        let mut reading = Reading { event, missing: Vec::new(), left };
        let mut media = Self::default();
        let (heard, why) = (reading.sound(wanted.heard), reading.sound(wanted.why));
        let rest = heard.as_ref().zip(why.as_ref()).and_then(|(heard, why)| remainder(heard, why));
        let of_event = [(wanted.heard, heard), (wanted.why, why), (wanted.why, rest)];
        let components = wanted.components.iter().map(|(_, name)| (Some(*name), reading.sound(Some(name))));
        let sounds: Vec<(Option<&str>, Option<Sample>)> = of_event.into_iter().chain(components).collect();
        let encode = |(name, sound): (Option<&'_ str>, Option<Sample>)| Some((name?.to_owned(), encode(&sound?)));
        let encoded: Vec<_> = sounds.into_par_iter().map(encode).collect();
        let mut taken = Vec::with_capacity(encoded.len());
        for sound in encoded {
            taken.push(sound.map_or(Ok(None), |(name, encoded)| reading.opus(&name, encoded))?);
        }
        let mut taken = taken.into_iter();
        [media.heard, media.why, media.rest] = std::array::from_fn(|_| taken.next().flatten());
        let with_index = wanted.components.iter().zip(taken);
        media.components = with_index
            .filter_map(|((index, _), audio)| Some(ComponentMedia { index: *index, audio: audio? }))
            .collect();
        media.picture = reading.picture(wanted.picture)?;
        let trouble = trouble(&reading.missing, &wanted);
        Ok((media, trouble))
    }
}

/// What is not in the page, and why.
fn trouble(missing: &[String], wanted: &Wanted<'_>) -> Option<String> {
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
    (!trouble.is_empty()).then(|| trouble.join(" "))
}

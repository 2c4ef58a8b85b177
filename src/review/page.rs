//! One web page with everything in it: events, sounds, pictures, and the program that shows them. It asks nothing of any
//! network, and may be sent by mail or opened years later.
//!
//! Text from events is untrusted. It enters the page only as JSON inside data blocks in which `<`, `>` and `&` are escaped,
//! and leaves them only as text nodes; a content policy allows the page's own script and style by their hashes, and
//! nothing else.

mod escaping;
mod media;

use std::io::{ErrorKind, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use self::escaping::Escaping;
use self::media::Media;

use super::entry::{Entry, rfc3339};
use crate::archive::{Marks, Verdict};
use crate::error::{Error, Result};
use crate::page_parts::{LOOK, program};
use crate::units::EvidenceVerdict;

const TEMPLATE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
/// Behind those that all pages have, in this order: what a part does when it is read uses earlier ones.
const SCRIPTS: &[&str] = &[
    include_str!("page/base.js"),
    include_str!("page/listen.js"),
    include_str!("page/guess.js"),
    include_str!("page/list.js"),
    include_str!("page/event.js"),
    include_str!("page/marks.js"),
    include_str!("page/keys.js"),
];

/// All sounds and pictures of a page together, in bytes as the page has them: no browser shows a larger one.
const MAX_PAGE_BYTES: u64 = 512 << 20;

/// What goes into a page.
#[derive(Debug, Clone)]
pub struct PageOptions {
    /// Whether each component's sound is in it; most of its size.
    pub components: bool,
    /// Events that fit the filters but are not in the page: the page says so.
    pub left_out: u64,
    /// Labels to choose from for what an event really was, besides those of the events.
    pub labels: Vec<String>,
    /// When the page is made.
    pub made: Timestamp,
}

/// Writes the page of `entries`, newest first as they come.
///
/// A file of an event that is missing, too long or unreadable is left out, and the page says so where the event is shown.
///
/// # Errors
/// [`crate::ErrorKind::Output`] where `out` cannot be written, [`crate::ErrorKind::Usage`] where the page would be too large
/// for any browser.
pub fn write_page(out: &mut impl Write, entries: &[Entry], options: &PageOptions) -> Result<()> {
    write_parts(out, entries, options).map_err(|e| match e.kind() {
        ErrorKind::FileTooLarge if e.get_ref().is_some() => too_large(options),
        _ => {
            Error::output(format!("the page could not be written ({e}); check the folder and its disk")).with_source(e)
        }
    })
}

fn too_large(options: &PageOptions) -> Error {
    let remedy = if options.components { ", or leave out sounds with --no-components" } else { "" };
    Error::usage(format!(
        "the page would be larger than {} MB, which no browser shows; choose fewer events with --limit or filters{remedy}",
        MAX_PAGE_BYTES >> 20
    ))
}

fn write_parts(out: &mut impl Write, entries: &[Entry], options: &PageOptions) -> std::io::Result<()> {
    let (style, script) = ([LOOK, STYLE].concat(), program(SCRIPTS));
    let policy = policy(&style, &script);
    let mut rest = TEMPLATE;
    // What is put in is never searched for marks again.
    while let Some((before, after)) = rest.split_once("@@") {
        out.write_all(before.as_bytes())?;
        let Some((name, after)) = after.split_once("@@") else { break };
        match name {
            "policy" => out.write_all(policy.as_bytes())?,
            "style" => out.write_all(style.as_bytes())?,
            "script" => out.write_all(script.as_bytes())?,
            _ => write_data(out, entries, options)?,
        }
        rest = after;
    }
    out.write_all(rest.as_bytes())?;
    out.flush()
}

/// What the page may do: run its own script, use its own style, show pictures that are in it.
fn policy(style: &str, script: &str) -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())));
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; connect-src 'none'; base-uri 'none'; \
         form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        hash(script),
        hash(style)
    )
}

/// The events' facts in one block, and each event's sounds and picture in a block of its own: a browser decodes only what is
/// looked at.
fn write_data(out: &mut impl Write, entries: &[Entry], options: &PageOptions) -> std::io::Result<()> {
    let mut events = Vec::with_capacity(entries.len());
    let mut left = MAX_PAGE_BYTES;
    for (i, entry) in entries.iter().enumerate() {
        let (media, missing) = Media::read(&entry.event, options.components, &mut left)?;
        block(out, &format!("media-{i}"), &media)?;
        events.push(EventJson::new(entry, missing));
    }
    let data = DataJson {
        version: env!("CARGO_PKG_VERSION"),
        made: rfc3339(options.made),
        left_out: options.left_out,
        labels: &options.labels,
        events,
    };
    block(out, "data", &data)
}

/// A block of data that nothing in it can end.
fn block(out: &mut impl Write, id: &str, value: &impl Serialize) -> std::io::Result<()> {
    write!(out, "<script type=\"application/json\" id=\"{id}\">")?;
    serde_json::to_writer(Escaping(&mut *out), value)?;
    out.write_all(b"</script>\n")
}

#[derive(Serialize)]
struct DataJson<'a> {
    version: &'static str,
    made: String,
    left_out: u64,
    labels: &'a [String],
    events: Vec<EventJson<'a>>,
}

#[derive(Serialize)]
struct EventJson<'a> {
    id: &'a str,
    dir: &'a str,
    label: &'a str,
    groups: &'a [String],
    score: Option<f64>,
    onset: String,
    offset: String,
    duration_s: f64,
    offset_in_file_s: Option<f64>,
    local_offset: Option<String>,
    source: &'a str,
    model: ModelJson<'a>,
    method: &'a str,
    components: Vec<ComponentJson<'a>>,
    faithfulness: Option<FaithfulnessJson>,
    latency_s: Option<f64>,
    pre_roll_s: Option<f64>,
    marks: MarksJson<'a>,
    trouble: Option<String>,
}

#[derive(Serialize)]
struct ModelJson<'a> {
    name: &'a str,
    sha256: &'a str,
}

#[derive(Serialize)]
struct ComponentJson<'a> {
    index: u64,
    relevance: Option<f64>,
    name: &'a str,
}

#[derive(Serialize)]
struct FaithfulnessJson {
    agrees: bool,
    verdict: Option<&'static str>,
    prob: Option<f64>,
    prob_in: Option<f64>,
    prob_out: Option<f64>,
}

/// What is not said is left out: the page tells "not said" from "said no" by that.
#[derive(Serialize)]
struct MarksJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    starred: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    note: &'a str,
    /// When it was said: what a reader's browser keeps is newer or of no use.
    #[serde(skip_serializing_if = "Option::is_none")]
    marked: Option<String>,
}

impl<'a> From<&'a Marks> for MarksJson<'a> {
    fn from(marks: &'a Marks) -> Self {
        let Marks { verdict, label, starred, note, marked, .. } = marks;
        let marked = marked.map(rfc3339);
        Self { verdict: verdict.map(Verdict::word), label: label.as_deref(), starred: *starred, note, marked }
    }
}

impl<'a> EventJson<'a> {
    fn new(entry: &'a Entry, trouble: Option<String>) -> Self {
        let event = &entry.event;
        Self {
            id: &event.id,
            dir: &entry.key,
            label: &event.label,
            groups: &event.groups,
            score: event.score,
            onset: rfc3339(event.onset),
            offset: rfc3339(event.offset),
            duration_s: event.duration_secs(),
            offset_in_file_s: event.in_file_secs,
            local_offset: event.local_offset.map(offset_text),
            source: &event.source,
            model: ModelJson { name: &event.model.name, sha256: &event.model.sha256 },
            method: &event.method,
            components: event
                .components
                .iter()
                .map(|c| ComponentJson { index: c.index, relevance: c.relevance, name: &c.name })
                .collect(),
            faithfulness: event.faithfulness.as_ref().map(|f| FaithfulnessJson {
                agrees: f.agrees,
                verdict: event.verdict.map(EvidenceVerdict::word),
                prob: f.prob,
                prob_in: f.prob_in,
                prob_out: f.prob_out,
            }),
            latency_s: event.latency_secs,
            pre_roll_s: event.clip.as_ref().and_then(|clip| clip.pre_roll_s),
            marks: (&entry.marks).into(),
            trouble,
        }
    }
}

/// An offset as `+01:00`.
fn offset_text(offset: jiff::tz::Offset) -> String {
    let secs = offset.seconds();
    format!("{}{:02}:{:02}", if secs < 0 { '-' } else { '+' }, secs.abs() / 3600, secs.abs() / 60 % 60)
}

#[cfg(test)]
pub(super) mod tests;

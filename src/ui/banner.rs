//! The lines below the header that nobody must overlook: an input that is lost, deaf, or over; work that is shed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::keys::{Action, first_key};
use super::over::is_over;
use super::text::{clip, wrap};
use super::theme::Theme;
use crate::engine::health::Health;
use crate::engine::snapshot::{InputSummary, Phase, Snapshot};

/// Lines of the longest banner.
const MAX_LINES: usize = 3;

/// From this width on the text keeps off the edges.
const MARGIN_FROM: u16 = 20;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// Something is not heard.
    Alarm,
    /// Something is not as it should be, but all is heard.
    Warning,
    /// As it should be.
    Notice,
}

impl Tone {
    fn style(self, theme: Theme) -> Style {
        match self {
            Self::Alarm => theme.alarm(),
            Self::Warning => theme.warning(),
            Self::Notice => theme.notice(),
        }
    }
}

/// What one banner says. Its first word says it all: more may not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Banner {
    text: String,
    tone: Tone,
}

impl Banner {
    fn new(tone: Tone, text: String) -> Self {
        Self { text, tone }
    }
}

/// All banners, most urgent first.
pub(super) fn banners(snapshot: &Snapshot) -> Vec<Banner> {
    let all = [shown(snapshot), others(snapshot), recording(snapshot), listening(snapshot), shed(snapshot)];
    all.into_iter().flatten().collect()
}

/// Of the input that is shown.
fn shown(snapshot: &Snapshot) -> Option<Banner> {
    let quit = first_key(Action::Quit);
    let then = if is_over(snapshot) { format!("Press {quit} to quit.") } else { "The other inputs go on.".to_owned() };
    match &snapshot.phase {
        Phase::Waiting => None,
        Phase::Ended(reason) => Some(Banner::new(Tone::Notice, format!("ENDED: {reason}. {then}"))),
        Phase::Failed(sentence) => {
            let sentence = sentence.trim_end_matches('.');
            Some(Banner::new(Tone::Alarm, format!("FAILED: {sentence}. {then}")))
        }
        Phase::Running => {
            let deaf = || snapshot.health.is_deaf().then(|| snapshot.health.sentence(&snapshot.source));
            let sentence = snapshot.trouble.clone().or_else(deaf)?;
            let word = match snapshot.health {
                Health::Hearing => "TROUBLE",
                Health::Lost => "LOST",
                Health::DigitalSilence | Health::ConstantOffset | Health::Stalled | Health::Repeating => "DEAF",
            };
            Some(Banner::new(Tone::Alarm, format!("{word}: {sentence}")))
        }
    }
}

/// What is wrong with an input that is not shown.
fn trouble(input: &InputSummary) -> Option<&str> {
    match &input.phase {
        Phase::Failed(_) => Some("has failed"),
        Phase::Running if input.health == Health::Lost => Some("is lost"),
        Phase::Running if input.health.is_deaf() => Some(input.health.as_str()),
        Phase::Running | Phase::Waiting | Phase::Ended(_) => None,
    }
}

/// Of the inputs that are not shown: all about one, or a list of them.
fn others(snapshot: &Snapshot) -> Option<Banner> {
    let others = snapshot.inputs.iter().enumerate().filter(|(index, _)| *index != snapshot.focus);
    let troubled: Vec<(usize, &InputSummary, &str)> =
        others.filter_map(|(index, input)| Some((index + 1, input, trouble(input)?))).collect();
    let text = match troubled[..] {
        [] => return None,
        [(number, input, _)] => match &input.phase {
            Phase::Failed(sentence) if sentence.contains(&input.source) => format!("INPUT {number}: {sentence}"),
            Phase::Failed(sentence) => format!("INPUT {number} FAILED: {}: {sentence}", input.source),
            Phase::Running | Phase::Waiting | Phase::Ended(_) => {
                format!("INPUT {number}: {}", input.health.sentence(&input.source))
            }
        },
        _ => {
            let each = troubled.iter().map(|(number, input, what)| format!("{number} {} ({what})", input.source));
            format!("{} OTHER INPUTS: {}", troubled.len(), each.collect::<Vec<_>>().join(", "))
        }
    };
    Some(Banner::new(Tone::Alarm, text))
}

/// Evidence is not kept.
fn recording(snapshot: &Snapshot) -> Option<Banner> {
    let sentence = snapshot.recording_fails.as_ref()?;
    Some(Banner::new(Tone::Alarm, format!("NOT RECORDED: {sentence}")))
}

fn listening(snapshot: &Snapshot) -> Option<Banner> {
    let trouble = snapshot.listen.as_ref()?.trouble.as_ref()?;
    Some(Banner::new(Tone::Warning, format!("LISTENING: {trouble}")))
}

/// Work that is left out, and what comes of it.
fn shed(snapshot: &Snapshot) -> Option<Banner> {
    let last = snapshot.shed.last()?;
    let meaning = match *last {
        "jobs" => ": work on demand waits",
        "interpretation" => ": only events are explained",
        "every second stride" => ": labels come half as often",
        "three of four strides" => ": labels come a quarter as often",
        _ => "",
    };
    Some(Banner::new(Tone::Warning, format!("SHEDDING {}{meaning}", snapshot.shed.join(", "))))
}

/// The banners' lines on a screen `cells` wide, at most `max` of them: each banner has its first line before any has a
/// second.
pub(super) fn lines(banners: &[Banner], cells: u16, max: u16) -> Vec<(String, Tone)> {
    let room = usize::from(cells - 2 * margin(cells));
    let n = banners.len().min(max.into());
    let mut spare = usize::from(max) - n;
    let mut lines = Vec::new();
    for Banner { text, tone } in &banners[..n] {
        let mut wrapped = wrap(text, room);
        let n_lines = wrapped.len().min(MAX_LINES).min(1 + spare);
        spare -= n_lines - 1;
        // What does not fit is seen to be missing.
        let rest = wrapped.split_off(n_lines - 1).join(" ");
        wrapped.push(clip(&rest, room));
        lines.extend(wrapped.into_iter().map(|line| (line, *tone)));
    }
    lines
}

fn margin(cells: u16) -> u16 {
    u16::from(cells >= MARGIN_FROM)
}

/// Draws `lines`, one below the other, over the whole width.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, lines: &[(String, Tone)], theme: Theme) {
    for (y, (line, tone)) in (area.y..area.bottom()).zip(lines) {
        let style = tone.style(theme);
        buffer.set_string(area.x, y, " ".repeat(area.width.into()), style);
        buffer.set_stringn(area.x + margin(area.width), y, line, area.width.into(), style);
    }
}

//! The selected event: two waterfalls, one above the other on one time axis, and what is known of it in words.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::app::App;
use super::draw_list::{local_time, sign};
use super::evidence::Evidence;
use crate::archive::{Row, StoredEvent, Verdict};
use crate::engine::report::ComponentShare;
use crate::ui::View;
use crate::ui::components::draw_rows;
use crate::ui::frames::pane;
use crate::ui::text::{clip, in_file, number, wrap};
use crate::ui::theme::Theme;
use crate::ui::waterfall::{Look, draw_clip, picture_cells};

/// Lines that the words below the pictures get at least.
const LEAST_WORDS: u16 = 8;

pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &mut App, theme: Theme) {
    let Some(row) = app.list.selected().cloned() else { return };
    let (range_db, playing) = (app.range_db(), app.playing().clone());
    let Some(evidence) = app.evidence.as_mut().filter(|evidence| evidence.dir == row.dir) else {
        let inner = pane(buffer, area, &row.label, theme);
        buffer.set_string(inner.x, inner.y, "…", theme.dim());
        return;
    };
    let picture_height = (area.height.saturating_sub(LEAST_WORDS) * 2 / 5).min(14);
    let mut rest = area;
    if picture_height >= 4 {
        let what = match evidence.component() {
            Some(component) => format!("component · {}", component_name(&component.name, component.index)),
            None => format!("why · what decided for {}", row.label),
        };
        let event_secs = evidence.entry.as_ref().ok().and_then(|entry| event_secs(&entry.event));
        let pictures = evidence.pictures(picture_cells(area.width));
        let parts =
            [(View::Heard, "heard · the microphone".to_owned(), &pictures.heard), (View::Why, what, &pictures.why)];
        for (view, title, picture) in parts {
            let place = Rect { height: picture_height, ..rest };
            rest = Rect { y: place.bottom(), height: rest.height - picture_height, ..rest };
            let position = playing.position_secs.filter(|_| playing.why == (view == View::Why));
            match picture {
                Some(picture) => {
                    let look = Look { view, range_db, theme };
                    draw_clip(buffer, place, &title, picture, event_secs, position, look);
                }
                None => {
                    let inner = pane(buffer, place, &title, theme);
                    buffer.set_string(inner.x, inner.y, "no sound", theme.dim());
                }
            }
        }
    }
    draw_words(buffer, rest, &row, evidence, theme);
}

/// Onset and offset in seconds from the clip's beginning.
fn event_secs(event: &StoredEvent) -> Option<(f64, f64)> {
    let from = event.clip.as_ref()?.pre_roll_s?;
    Some((from, from + event.duration_secs()))
}

fn component_name(name: &str, index: u64) -> String {
    if name.is_empty() { format!("#{index}") } else { name.to_owned() }
}

/// What the decision rests on, in words.
fn faith(label: &str, event: &StoredEvent) -> String {
    let figure = |value: Option<f64>| number(value.unwrap_or(f64::NAN), 2);
    let (Some(f), Some(verdict)) = (&event.faithfulness, event.verdict) else {
        return "the evidence was not measured".to_owned();
    };
    let (inside, outside, prob) = (figure(f.prob_in), figure(f.prob_out), figure(f.prob));
    format!("evidence {}: alone it gives {label} {inside}, removing it leaves {outside} of {prob}", verdict.words())
}

fn marks(row: &Row) -> Option<String> {
    let marks = &row.marks;
    let verdict = match (marks.verdict, &marks.label) {
        (Some(Verdict::Wrong), Some(label)) => format!("wrong, it was {label}"),
        (Some(verdict), _) => verdict.word().to_owned(),
        (None, _) => String::new(),
    };
    let star = if marks.starred { "starred".to_owned() } else { String::new() };
    let words: Vec<String> = [verdict, star, marks.note.clone()].into_iter().filter(|word| !word.is_empty()).collect();
    (!words.is_empty()).then(|| words.join(" · "))
}

fn draw_words(buffer: &mut Buffer, area: Rect, row: &Row, evidence: &Evidence, theme: Theme) {
    if area.height < 2 {
        return;
    }
    let title = format!("{} {}", row.label, number(row.score.unwrap_or(f64::NAN), 2));
    let inner = pane(buffer, area, &title, theme);
    let cells = usize::from(inner.width);
    let mut lines: Vec<(String, Style)> = Vec::new();
    let mut say = |text: &str, style: Style| lines.extend(wrap(text, cells).into_iter().map(|line| (line, style)));
    if let Some(marks) = marks(row) {
        say(&marks, theme.active());
    }
    let when = local_time(row, "%Y-%m-%d %H:%M:%S%.3f %:z");
    let at = row.in_file_secs.map(|secs| format!(" at {}", in_file(secs))).unwrap_or_default();
    say(&format!("{when} · {} s · {}{at}", number(row.duration_secs, 2), row.source), Style::new());
    let mut components = Vec::new();
    match &evidence.entry {
        Err(why) => say(why, theme.bad()),
        Ok(entry) => {
            let event = &entry.event;
            let style = row.evidence.map_or(theme.dim(), |evidence| theme.verdict(evidence));
            say(&format!("{} {}", sign(row.evidence), faith(&row.label, event)), style);
            if !row.has_clip {
                say("no sound was kept of this event", theme.warn());
            }
            components = shares(event);
        }
    }
    for missing in &evidence.clips.missing {
        say(missing, theme.bad());
    }
    let facts = match &evidence.entry {
        Ok(entry) => format!("{} · {} · {}", entry.event.method, entry.event.model.name, row.dir),
        Err(_) => row.dir.clone(),
    };
    let mut y = inner.y;
    for (line, style) in lines.into_iter().take(inner.height.into()) {
        buffer.set_string(inner.x, y, clip(&line, cells), style);
        y += 1;
    }
    let n_rows = (components.len() as u16).min(inner.bottom().saturating_sub(y + 1));
    draw_rows(buffer, Rect { y, height: n_rows, ..inner }, &components, theme);
    y += n_rows;
    if y < inner.bottom() {
        buffer.set_string(inner.x, y, clip(&facts, cells), theme.dim());
    }
}

/// The components as the monitor's screen draws them.
fn shares(event: &StoredEvent) -> Vec<ComponentShare> {
    let share = |c: &crate::archive::event::StoredComponent| ComponentShare {
        index: usize::try_from(c.index).unwrap_or(usize::MAX),
        relevance: c.relevance.unwrap_or(f64::NAN) as f32,
        name: c.name.clone(),
    };
    event.components.iter().map(share).collect()
}

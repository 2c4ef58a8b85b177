//! The lines at the top: what is listened to and when; how loud it is; what is played live, if anything is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::app::App;
use super::text::{clip, clip_start, count, format_time, local_time, number, pad_start, stream_time, width};
use super::theme::Theme;
use crate::engine::snapshot::{ListenSummary, Snapshot};

/// Level at the left end of the meter, in dB full scale; the right end is 0.
const METER_FLOOR_DBFS: f32 = -60.0;
/// From here up the meter warns.
const LOUD_DBFS: f32 = -6.0;
/// From here up samples are at, or a hair below, full scale.
const SATURATED_DBFS: f32 = -0.1;
/// No microphone is this quiet: nothing but zeros arrives.
const SILENT_DBFS: f32 = -119.0;

/// Lines that it takes.
pub(super) fn height(app: &App) -> u16 {
    let listens = app.snapshot.as_ref().is_some_and(|snapshot| snapshot.listen.is_some());
    2 + u16::from(listens)
}

pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, theme: Theme) {
    let snapshot = app.snapshot.as_deref();
    draw_source(buffer, Rect { height: 1, ..area }, app, snapshot, theme);
    if let Some(snapshot) = snapshot {
        draw_level(buffer, Rect { y: area.y + 1, height: 1, ..area }, snapshot, theme);
        if let Some(listen) = &snapshot.listen {
            draw_listening(buffer, Rect { y: area.y + 2, height: 1, ..area }, listen, snapshot, theme);
        }
    }
}

fn draw_source(buffer: &mut Buffer, row: Rect, app: &App, snapshot: Option<&Snapshot>, theme: Theme) {
    let clock = snapshot.map_or(String::new(), |snapshot| {
        let local = local_time(&snapshot.clock, snapshot.position, &app.options.time_zone);
        let stream = stream_time(snapshot.clock.secs(snapshot.position));
        format!("{}  {stream}", format_time(local.as_ref(), "%H:%M:%S %Z"))
    });
    let clock_x = row.right().saturating_sub(width(&clock) as u16 + 1);
    buffer.set_stringn(clock_x, row.y, &clock, clock.len(), theme.strong());
    let mut room_end = clock_x.saturating_sub(1);
    if app.frozen {
        let tag = " FROZEN ";
        room_end = room_end.saturating_sub(tag.len() as u16 + 1);
        buffer.set_string(room_end, row.y, tag, theme.notice());
    }
    let (x, _) = buffer.set_stringn(row.x + 1, row.y, "earwitness", row.width.into(), theme.title());
    let source = snapshot.map_or("", |snapshot| &snapshot.source);
    let mut x = x;
    if let Some(snapshot) = snapshot.filter(|snapshot| snapshot.inputs.len() > 1) {
        let place = format!("{}/{}", snapshot.focus.saturating_add(1), snapshot.inputs.len());
        x = buffer.set_stringn(x + 2, row.y, place, row.width.into(), theme.strong()).0;
    }
    let room = usize::from(room_end.saturating_sub(x + 3));
    buffer.set_string(x + 2, row.y, clip_start(source, room), Style::new());
}

fn draw_level(buffer: &mut Buffer, row: Rect, snapshot: &Snapshot, theme: Theme) {
    let cells = (row.width / 4).clamp(12, 40);
    let meter = Rect { x: row.x + 8, width: cells, ..row };
    buffer.set_string(row.x + 1, row.y, "level", theme.dim());
    draw_meter(buffer, meter, snapshot.level_dbfs, snapshot.peak_dbfs, theme);
    let level = pad_start(&number(snapshot.level_dbfs.into(), 1), 6);
    let (x, _) = buffer.set_stringn(meter.right() + 1, row.y, format!("{level} dBFS"), 13, theme.strong());
    let peak = pad_start(&number(snapshot.peak_dbfs.into(), 1), 5);
    let (mut x, _) = buffer.set_stringn(x, row.y, format!("  peak {peak}"), 14, Style::new());
    let tag = if snapshot.peak_dbfs >= SATURATED_DBFS {
        " SATURATED "
    } else if snapshot.peak_dbfs <= SILENT_DBFS {
        " DIGITAL SILENCE "
    } else {
        ""
    };
    if !tag.is_empty() {
        x = buffer.set_stringn(x + 1, row.y, tag, row.right().saturating_sub(x + 1).into(), theme.alarm()).0;
    }
    let names = format!("{} · {}", snapshot.model, snapshot.method);
    let names = clip(&names, row.right().saturating_sub(x + 3).into());
    let names_x = row.right().saturating_sub(width(&names) as u16 + 1);
    buffer.set_string(names_x.max(x), row.y, names, theme.dim());
}

/// What is played live, where to, and how much later.
fn draw_listening(buffer: &mut Buffer, row: Rect, listen: &ListenSummary, snapshot: &Snapshot, theme: Theme) {
    let underruns = match listen.underruns {
        0 => String::new(),
        n => format!("underruns {}", count(n)),
    };
    let room = usize::from(row.width).saturating_sub(4 + width(&underruns));
    let silent = listen.mode == "silence";
    let later = if silent { String::new() } else { format!(", {} s later", number(listen.delay_secs, 1)) };
    let mut what = format!("♪ {} → {}{later}", listen.mode, listen.output);
    // Only the first input can be listened to.
    if let Some(first) = snapshot.inputs.first().filter(|_| snapshot.inputs.len() > 1 && !silent) {
        let named = format!("♪ {} of {} → {}{later}", listen.mode, first.source, listen.output);
        if width(&named) <= room {
            what = named;
        }
    }
    let style = if silent { theme.dim() } else { theme.good() };
    let (x, _) = buffer.set_stringn(row.x + 1, row.y, clip(&what, room), room, style);
    buffer.set_stringn(x + 2, row.y, underruns, usize::from(row.right().saturating_sub(x + 2)), theme.warn());
}

/// RMS level as a bar, the peak as a tick.
pub(super) fn draw_meter(buffer: &mut Buffer, row: Rect, level_dbfs: f32, peak_dbfs: f32, theme: Theme) {
    let part = |dbfs: f32| ((dbfs - METER_FLOOR_DBFS) / -METER_FLOOR_DBFS).clamp(0.0, 1.0);
    let cells = f32::from(row.width);
    let full = if level_dbfs.is_nan() { 0 } else { (part(level_dbfs) * cells).round() as u16 };
    for x in 0..row.width {
        let loud = f32::from(x) / cells >= part(LOUD_DBFS);
        let (symbol, style) = match (x < full, loud) {
            (true, true) => ("█", theme.warn()),
            (true, false) => ("█", theme.good()),
            (false, _) => ("·", theme.dim()),
        };
        buffer.set_string(row.x + x, row.y, symbol, style);
    }
    if peak_dbfs > METER_FLOOR_DBFS {
        let x = ((part(peak_dbfs) * cells) as u16).min(row.width.saturating_sub(1));
        let style = if peak_dbfs >= LOUD_DBFS { theme.warn() } else { theme.strong() };
        let style = if x < full { style.add_modifier(Modifier::REVERSED) } else { style };
        buffer.set_string(row.x + x, row.y, "│", style);
    }
}

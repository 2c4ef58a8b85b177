//! What the mouse does, and what it must not do while it is the terminal's.

use earwitness::ui::{App, Command, Overlay, UiOptions};
use ratatui::crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;

use crate::sample::{app, options, press, screen, several, snapshot, text};

const AREA: Rect = Rect { x: 0, y: 0, width: 120, height: 40 };

fn mouse(kind: MouseEventKind, column: u16, row: u16) -> MouseEvent {
    MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }
}

fn with_mouse(snapshot: earwitness::engine::snapshot::Snapshot) -> App {
    app(UiOptions { mouse: true, ..options() }, snapshot)
}

/// Where `word` stands on the screen, as column and row; of several, the `nth` from above.
fn place(app: &App, word: &str, nth: usize) -> (u16, u16) {
    let lines = text(&screen(app, AREA.width, AREA.height));
    let mut found = lines.iter().enumerate().filter_map(|(y, line)| {
        let at = line.find(word)?;
        Some((line[..at].chars().count() as u16, y as u16))
    });
    found.nth(nth).unwrap()
}

fn click(app: &mut App, (column, row): (u16, u16)) -> bool {
    app.on_mouse(mouse(MouseEventKind::Down(MouseButton::Left), column, row), AREA)
}

#[test]
fn a_click_selects_an_event_and_a_second_one_opens_it() {
    let mut app = with_mouse(snapshot());
    assert_eq!(app.selected_idx(), Some(0));
    let third = place(&app, "16:00:42", 0);
    assert!(click(&mut app, third));
    assert_eq!((app.selected_idx(), app.overlay()), (Some(3), Overlay::None));
    assert!(click(&mut app, third));
    assert_eq!(app.overlay(), Overlay::Detail);
    assert!(click(&mut app, (0, 0)));
    assert_eq!(app.overlay(), Overlay::None, "a click closes what lies on top");
}

#[test]
fn a_click_goes_to_an_input() {
    let mut app = with_mouse(several(4, 0));
    let third = place(&app, "CARD=USB#2", 0);
    assert!(click(&mut app, third));
    assert_eq!(app.take_commands(), [Command::Focus(2)]);
}

#[test]
fn the_wheel_moves_the_selection() {
    let mut app = with_mouse(snapshot());
    assert!(app.on_mouse(mouse(MouseEventKind::ScrollDown, 80, 30), AREA));
    assert_eq!(app.selected_idx(), Some(3));
    assert!(app.on_mouse(mouse(MouseEventKind::ScrollUp, 80, 30), AREA));
    assert_eq!(app.selected_idx(), Some(0));
}

#[test]
fn nothing_happens_beside_the_lists_and_while_the_mouse_is_the_terminal_s() {
    let mut app = with_mouse(several(2, 0));
    let title = place(&app, "events ·", 0);
    let heading = place(&app, "score", 1);
    for nowhere in [(0, 0), title, heading, (119, 39), (500, 500)] {
        assert!(!click(&mut app, nowhere), "{nowhere:?}");
    }
    let event = place(&app, "16:00:42", 0);
    press(&mut app, "M");
    assert!(!app.takes_mouse());
    assert!(!click(&mut app, event));
    press(&mut app, "M");
    assert!(click(&mut app, event));
}

#[test]
fn a_click_on_a_screen_too_small_for_panes_does_nothing() {
    let mut app = with_mouse(snapshot());
    let area = Rect { width: 40, height: 10, ..AREA };
    assert!(!app.on_mouse(mouse(MouseEventKind::Down(MouseButton::Left), 20, 5), area));
}

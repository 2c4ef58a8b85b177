//! No size of terminal and no snapshot makes drawing panic.

use earwitness::engine::snapshot::{Phase, Snapshot};
use earwitness::ui::{App, MIN_HEIGHT, MIN_WIDTH, UiOptions};

use crate::sample::{app, heard_live, nonsense, options, press, screen, several, snapshot, text};

/// All small sizes, and larger ones with steps that share no factor with the layout.
fn sizes() -> impl Iterator<Item = (u16, u16)> {
    let widths = (1..=6).chain((MIN_WIDTH - 2)..=(MIN_WIDTH + 12)).chain((75..=200).step_by(13)).chain([200]);
    let heights = || (1..=3).chain((MIN_HEIGHT - 1)..=(MIN_HEIGHT + 12)).chain((31..=60).step_by(7)).chain([60]);
    widths.flat_map(move |width| heights().map(move |height| (width, height)))
}

/// Every overlay and view over `snapshot`.
fn states(options: &UiOptions, snapshot: &Snapshot) -> Vec<App> {
    let keys = ["", "w?", "⏎", "tG+]"];
    let state = |keys: &&str| {
        let mut app = app(options.clone(), snapshot.clone());
        press(&mut app, keys);
        app
    };
    keys.iter().map(state).collect()
}

#[test]
fn no_size_makes_drawing_panic() {
    let plain = UiOptions { no_color: true, ascii: true, ..options() };
    let mut apps = vec![App::new(options())];
    apps.extend(states(&options(), &snapshot()));
    apps.extend(states(&options(), &nonsense()));
    apps.extend(states(&plain, &nonsense()));
    let long = "a sentence that goes on ".repeat(30);
    apps.extend(states(&options(), &Snapshot { listen: heard_live("input").listen, ..several(64, 40) }));
    apps.push(app(options(), Snapshot { shed: &["jobs"], trouble: Some(long.clone()), ..several(3, 1) }));
    apps.push(app(options(), Snapshot { phase: Phase::Failed(long), ..snapshot() }));
    for (width, height) in sizes() {
        for app in &apps {
            let lines = text(&screen(app, width, height));
            let fits = width >= MIN_WIDTH && height >= MIN_HEIGHT;
            assert_eq!(lines[0].contains("earwitness"), fits, "{width}x{height}: {}", lines[0]);
        }
    }
}

#[test]
fn a_terminal_that_changes_its_size_is_drawn_anew() {
    let app = app(options(), snapshot());
    let mut terminal = ratatui::Terminal::new(ratatui::backend::TestBackend::new(80, 24)).unwrap();
    for (width, height) in [(80, 24), (200, 60), (20, 3), (1, 1), (81, 25)] {
        terminal.backend_mut().resize(width, height);
        terminal.draw(|frame| earwitness::ui::draw(frame, &app)).unwrap();
        assert_eq!(*terminal.backend(), screen(&app, width, height), "{width}x{height}");
    }
}

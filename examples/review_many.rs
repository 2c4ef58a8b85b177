//! How quickly a review of very many events opens and scrolls.
//!
//! ```sh
//! cargo run --release --example many_events -- /tmp/many 100000
//! cargo run --release --example review_many -- /tmp/many
//! ```
//!
//! Says how long it takes to open the review and draw it, to go through the list key by key, and to filter it.

//! Needs the feature `tui`.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::path::Path;
use std::time::Instant;

use earwitness::archive::{Filter, Index};
use earwitness::audio::listen_spec::ListenSpec;
use earwitness::review::sound::Sound;
use earwitness::review::tui::App;
use earwitness::ui::UiOptions;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

fn main() {
    let dir = std::env::args().nth(1).expect("give the folder that many_events made");
    let dir = Path::new(&dir);
    let index = timed("the index is there, or built", || Index::open(dir).unwrap());
    println!("{} events", index.totals().unwrap().events);
    drop(index);

    for turn in ["first", "second", "third"] {
        let mut app = None;
        timed(&format!("review opens and draws ({turn})"), || {
            let index = Index::open(dir).unwrap();
            let sound = Sound::new(ListenSpec::Off).unwrap();
            let mut opened = App::new(index, Filter::default(), sound, UiOptions::default()).unwrap();
            draw(&mut opened);
            app = Some(opened);
        });
        let mut app = app.unwrap();
        if turn == "third" {
            scroll(&mut app, KeyCode::Down, 2000);
            scroll(&mut app, KeyCode::PageDown, 2000);
            scroll(&mut app, KeyCode::End, 1);
            scroll(&mut app, KeyCode::Up, 2000);
            for filter in [
                Filter { labels: vec!["dog".into()], ..Filter::default() },
                Filter { min_score: Some(0.9), agrees: Some(false), ..Filter::default() },
                Filter { text: Some("siren".into()), ..Filter::default() },
            ] {
                let index = Index::open(dir).unwrap();
                let options = UiOptions::default();
                let what = format!("a filter: {filter:?}").replace("None", "");
                let what: String = what.chars().take(40).collect();
                timed(&what, || {
                    let sound = Sound::new(ListenSpec::Off).unwrap();
                    draw(&mut App::new(index, filter, sound, options).unwrap());
                });
            }
        }
    }
}

fn scroll(app: &mut App, key: KeyCode, times: u32) {
    let begun = Instant::now();
    let mut worst = 0.0_f64;
    for _ in 0..times {
        let one = Instant::now();
        app.on_key(KeyEvent::new(key, KeyModifiers::NONE));
        draw(app);
        worst = worst.max(one.elapsed().as_secs_f64());
    }
    let mean = begun.elapsed().as_secs_f64() / f64::from(times);
    println!("{key:?} ×{times}: {:.2} ms a key and redraw on average, {:.1} ms at worst", mean * 1e3, worst * 1e3);
}

fn draw(app: &mut App) {
    let mut terminal = Terminal::new(TestBackend::new(160, 48)).unwrap();
    terminal.draw(|frame| app.draw(frame)).unwrap();
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = work();
    println!("{what}: {:.3} s", begun.elapsed().as_secs_f64());
    result
}

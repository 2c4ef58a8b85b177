//! How quickly a review of very many events opens and scrolls.
//!
//! `cargo run --release --example many_events -- DIR [N]` makes N (100 000) event folders below DIR, unless they are there, and
//! says how long it takes to build the index, to open the review with the index at hand, to go through the list, and to filter
//! it. Folders hold facts only: sound is read for one event at a time, however many there are.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::time::Instant;

use earwitness::archive::{Filter, Index, IndexOptions};
use earwitness::audio::listen_spec::ListenSpec;
use earwitness::review::sound::Sound;
use earwitness::review::tui::App;
use earwitness::ui::UiOptions;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

const LABELS: [&str; 5] = ["dog", "cat", "clock_alarm", "siren", "crying_baby"];

fn main() {
    let mut args = std::env::args().skip(1);
    let dir = args.next().expect("give a folder");
    let n: u64 = args.next().map_or(100_000, |n| n.parse().expect("give a number"));
    let dir = Path::new(&dir);
    make(dir, n);

    let index_file = dir.join(".index.sqlite");
    for name in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{name}", index_file.display()));
    }
    let built =
        timed("the index is built from the folders", || Index::open_with(dir, IndexOptions::default()).unwrap());
    drop(built);

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

/// 500 events a day, as a busy place has them.
fn make(dir: &Path, n: u64) {
    let first: jiff::civil::Date = "2026-01-01".parse().unwrap();
    for i in 0..n {
        let day = first.checked_add(jiff::Span::new().days((i / 500) as i64)).unwrap();
        let of_day = i % 500 * 172;
        let (h, m, s) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        let label = LABELS[(i * 7 % 5) as usize];
        let folder = dir.join(day.to_string()).join(format!("{h:02}{m:02}{s:02}Z-{label}-{i:026}"));
        if folder.is_dir() {
            continue;
        }
        fs::create_dir_all(&folder).unwrap();
        let at = format!("{day}T{h:02}:{m:02}:{s:02}");
        let (score, agrees) = ((i * 37 % 100) as f64 / 100.0, i % 9 != 0);
        let record = format!(
            r#"{{"type":"event","id":"{i:026}","label":"{label}","class":0,"score":{score},"onset_s":{i}.0,"offset_s":{i}.5,
"onset":"{at}.000Z","offset":"{at}.500Z","source":"device:yard","model":{{"name":"esc13","sha256":"00"}},"method":"l2i",
"components":[{{"index":17,"relevance":1.0}}],"faithfulness":{{"agrees":{agrees},"prob":0.9,"prob_in":0.9,"prob_out":0.1}},
"latency_s":1.0,"files":{{}},"local_offset":"+01:00","version":"0.1.0"}}"#
        );
        fs::write(folder.join("event.json"), record).unwrap();
    }
}

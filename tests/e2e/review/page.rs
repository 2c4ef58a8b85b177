//! The page in Chromium: it plays, filters, takes keys, keeps marks, collects ratings, and asks nothing of any network.

use serde_json::{Value, json};

use super::browser::Browser;
use crate::support::review::{CLIP_SECS, EVIL, HEARD_HZ, PART_HZ, Recorded, WHY_HZ};

const N_LISTED: &str = "document.querySelectorAll('#list [role=option]').length";

fn near(hz: f32) -> String {
    format!("Math.abs(probe.hears() - {hz}) < 30")
}

/// The page in a browser, with the event of this label selected.
fn open(label: &str) -> Option<(Recorded, Browser)> {
    let mut browser = Browser::open(1280, 900)?;
    let recorded = Recorded::new();
    browser.load(&recorded.page(&[]));
    browser.eval(&format!(
        "[...document.querySelectorAll('#list [role=option]')].find((e) => e.querySelector('.name').textContent === {}).click()",
        json!(label)
    ));
    browser.until(DECODED);
    Some((recorded, browser))
}

/// Whether the sounds of the selected event are there: the browser decodes them when the event is looked at.
const DECODED: &str = "document.querySelectorAll('#tracks button').length === 3";

/// The page as a phone shows it: 390 cells of 844, with a finger in place of a mouse.
fn on_a_phone(recorded: &Recorded) -> Option<Browser> {
    let mut browser = Browser::open(1280, 900)?;
    let phone = json!({"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": true});
    browser.call("Emulation.setDeviceMetricsOverride", phone);
    browser.call("Emulation.setTouchEmulationEnabled", json!({"enabled": true}));
    browser.load(&recorded.page(&[]));
    Some(browser)
}

/// Touches the middle of what `find` gives.
fn tap(browser: &mut Browser, find: &str) {
    let at = browser.eval(&format!(
        "(() => {{ const r = ({find}).getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
    ));
    let points = json!([{"x": at[0], "y": at[1]}]);
    browser.call("Input.dispatchTouchEvent", json!({"type": "touchStart", "touchPoints": points}));
    browser.call("Input.dispatchTouchEvent", json!({"type": "touchEnd", "touchPoints": []}));
}

fn set(browser: &mut Browser, id: &str, value: &str) {
    browser.eval(&format!(
        "(() => {{ const e = document.getElementById('{id}'); e.value = {}; e.dispatchEvent(new Event('input', {{bubbles: true}})); \
         e.dispatchEvent(new Event('change', {{bubbles: true}})); }})()",
        json!(value)
    ));
}

#[test]
fn it_plays_and_switches_at_the_same_position() {
    let Some((_recorded, mut browser)) = open("dog") else { return };
    // No sample more or less than were recorded.
    assert_eq!(browser.eval("Number(document.getElementById('seek').max)").as_f64(), Some(CLIP_SECS));
    assert_eq!(browser.eval("document.getElementById('player').dataset.playing"), json!(""));
    browser.press(" ");
    browser.until("document.getElementById('player').dataset.playing === 'heard'");
    browser.until(&near(HEARD_HZ));
    browser.until("Number(document.getElementById('seek').value) > 0.2");
    let before = browser.eval("Number(document.getElementById('seek').value)").as_f64().unwrap();
    browser.press("b");
    browser.until(&near(WHY_HZ));
    let after = browser.eval("Number(document.getElementById('seek').value)").as_f64().unwrap();
    assert!(after > before, "from {before} s on it played at {after} s");
    browser.press("c");
    browser.until(&near(PART_HZ));
    // Pausing keeps the position, and it goes on from there.
    browser.click("play");
    browser.until("probe.hears() === 0");
    let paused = browser.eval("Number(document.getElementById('seek').value)").as_f64().unwrap();
    assert!(paused >= after && paused < CLIP_SECS, "{paused}");
    browser.click("play");
    browser.press("a");
    browser.until(&near(HEARD_HZ));
    // It ends by itself, at its end.
    browser.until("document.getElementById('player').dataset.playing === ''");
    assert_eq!(browser.eval("Number(document.getElementById('seek').value)"), json!(0));
    browser.press("w");
    browser.until(&near(WHY_HZ));
    browser.press("j");
    browser.until("probe.hears() === 0");
    browser.check_harmless();
}

#[test]
fn filters_and_keys_move_through_the_list() {
    let Some((_recorded, mut browser)) = open("cat") else { return };
    let mut shows = |id: &str, value: &str, n: u64| {
        set(&mut browser, id, value);
        assert_eq!(browser.eval(N_LISTED), json!(n), "{id} = {value}");
        browser.eval("document.getElementById('filters').reset()");
        browser.until(&format!("{N_LISTED} === 4"));
    };
    shows("f-label", "dog", 1);
    shows("f-score", "0.6", 2);
    shows("f-since", "2026-11-21", 2);
    shows("f-until", "2026-11-20", 2);
    shows("f-evidence", "not_enough", 1);
    shows("f-evidence", "none", 1);
    shows("f-marked", "yes", 0);
    shows("f-text", "CAT", 1);
    shows("f-text", EVIL, 1);
    let label = "document.getElementById('d-title').textContent";
    browser.eval("document.activeElement.blur()");
    browser.press("G");
    assert_eq!(browser.eval(label), json!("dog 0.91"), "the oldest is the last");
    browser.press("k");
    assert_eq!(browser.eval(label), json!("cat 0.55"));
    browser.press("j");
    assert_eq!(browser.eval(label), json!("dog 0.91"));
    let words = browser.eval("document.getElementById('d-faith').textContent");
    assert!(
        words
            .as_str()
            .unwrap()
            .starts_with("Evidence enough and needed: alone, it gives dog 0.95; removing it leaves 0.11"),
        "{words}"
    );
    assert_eq!(
        browser.eval("document.getElementById('d-when').textContent.slice(0, 26)"),
        json!("2026-11-20 11:00:00 +01:00")
    );
    browser.until("document.getElementById('d-picture').naturalWidth === 60");
    browser.press("?");
    assert_eq!(browser.eval("document.getElementById('help').open"), json!(true));
    browser.press("?");
    assert_eq!(browser.eval("document.getElementById('help').open"), json!(false));
    browser.press("/");
    for key in ["c", "a", "t"] {
        browser.press(key);
    }
    assert_eq!(browser.eval(N_LISTED), json!(1), "keys write while something is written");
    // An event without sound says so.
    browser.eval("document.activeElement.blur(); document.getElementById('filters').reset()");
    browser.until(&format!("{N_LISTED} === 4"));
    browser.press("g");
    assert_eq!(browser.eval("document.getElementById('player').hidden"), json!(true));
    assert_eq!(
        browser.eval("document.getElementById('d-trouble').textContent"),
        json!("No sound was kept of this event.")
    );
    browser.check_harmless();
}

#[test]
fn markup_in_an_event_is_text() {
    let Some((_recorded, mut browser)) = open(EVIL) else { return };
    assert_eq!(browser.eval("document.getElementById('d-title').textContent"), json!(format!("{EVIL} 0.42")));
    assert_eq!(browser.eval("document.querySelectorAll('img').length"), json!(1), "the page's own picture");
    browser.press("x");
    set(&mut browser, "m-note", EVIL);
    set(&mut browser, "m-label", EVIL);
    assert_eq!(browser.eval("document.querySelectorAll('img').length"), json!(1));
    browser.check_harmless();
}

#[test]
fn marks_come_back_into_the_folders() {
    let Some((recorded, mut browser)) = open("dog") else { return };
    // Wrong asks what it was; Escape leaves that open.
    for key in ["r", "k", "r", "x", "Escape", "s"] {
        browser.press(key);
    }
    set(&mut browser, "m-label", "fox");
    set(&mut browser, "m-note", "=HYPERLINK(\"x\")");
    browser.click("export");
    let file = browser.downloaded("marks");
    let (code, stdout, stderr) = recorded.review(&["--import", file.to_str().unwrap()]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("2 events marked"), "{stdout}");
    assert_eq!(recorded.marks("2026-11-20/100000Z-dog-01A")["verdict"], json!("right"));
    let cat = recorded.marks("2026-11-20/110000Z-cat-01B");
    assert_eq!((&cat["verdict"], &cat["label"], &cat["starred"]), (&json!("wrong"), &json!("fox"), &json!(true)));
    let (_, table, _) = recorded.review(&["--export", "csv", "--marked", "wrong"]);
    assert!(table.contains("\"'=HYPERLINK(\"\"x\"\")\""), "{table}");
    // The next page knows them, and nothing is changed twice.
    let (_, again, _) = recorded.review(&["--import", file.to_str().unwrap()]);
    assert!(again.contains("2 events marked"), "{again}");
    browser.load(&recorded.page(&["--starred"]));
    assert_eq!(browser.eval(N_LISTED), json!(1));
    assert_eq!(browser.eval("document.getElementById('m-label').value"), json!("fox"));
    assert_eq!(browser.eval(UNEXPORTED), json!("Export marks"), "what has come back is nothing new");
    browser.check_harmless();
}

const UNEXPORTED: &str = "document.getElementById('export').textContent";

#[test]
fn marks_survive_a_reload_and_are_exported_once() {
    let Some((recorded, mut browser)) = open("dog") else { return };
    browser.press("x");
    for key in ["f", "o", "x", "Enter"] {
        browser.press(key);
    }
    set(&mut browser, "m-label", "fox");
    set(&mut browser, "m-note", "at night");
    let page = recorded.path().join("page.html");
    let reload = |browser: &mut Browser| {
        browser.load(&page);
        browser.press("G");
        browser.until(DECODED);
    };
    let said = |browser: &mut Browser| {
        let said =
            "['m-right', 'm-wrong'].map((id) => document.getElementById(id).getAttribute('aria-pressed') === 'true')";
        let (verdict, label) = (browser.eval(said), browser.eval("document.getElementById('m-label').value"));
        (verdict, label, browser.eval("document.getElementById('m-note').value"), browser.eval(UNEXPORTED))
    };
    let wrong = json!([false, true]);
    for _ in 0..2 {
        reload(&mut browser);
        assert_eq!(said(&mut browser), (wrong.clone(), json!("fox"), json!("at night"), json!("Export marks (1)")));
    }
    browser.click("export");
    let file = browser.downloaded("marks");
    reload(&mut browser);
    assert_eq!(said(&mut browser), (wrong.clone(), json!("fox"), json!("at night"), json!("Export marks")));
    // What the folder says later is newer than what the browser keeps.
    assert_eq!(recorded.review(&["--import", file.to_str().unwrap()]).0, 0);
    let marks = recorded.path().join("2026-11-20/100000Z-dog-01A/marks.json");
    let later = json!({"verdict": "right", "marked": "2099-01-01T00:00:00Z"});
    std::fs::write(marks, later.to_string()).unwrap();
    recorded.page(&[]);
    reload(&mut browser);
    assert_eq!(said(&mut browser), (json!([true, false]), json!(""), json!(""), json!("Export marks")));
    // What others keep in the same place is no mark.
    browser.eval(
        "localStorage.setItem('earwitness-review', JSON.stringify({'01A': {mark: {verdict: 'evil', marked: '2100-01-01T00:00:00Z', note: 7}}, '01B': 3}))",
    );
    reload(&mut browser);
    assert_eq!(said(&mut browser).0, json!([false, false]));
    browser.check_harmless();
}

#[test]
fn a_rating_is_what_its_word_says_wherever_it_is_touched() {
    let recorded = Recorded::new();
    for width in [1440, 390] {
        let Some(mut browser) = Browser::open(width, 900) else { return };
        let screen = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        browser.call("Emulation.setDeviceMetricsOverride", screen);
        browser.load(&recorded.page(&[]));
        browser.click("open-listen");
        set(&mut browser, "l-rater", "anna");
        browser.eval("document.getElementById('l-form').requestSubmit()");
        browser.until("document.querySelectorAll('#l-conditions .condition').length === 3");
        let lengths = "[...document.querySelectorAll('#l-conditions .slider')].map((e) => \
             [e.querySelector('input').getBoundingClientRect(), e.querySelector('.scale').getBoundingClientRect()]\
             .map((r) => [r.left, r.right]))";
        for pair in browser.eval(lengths).as_array().unwrap() {
            let edge = |which: usize, side: usize| pair[which][side].as_f64().unwrap();
            let (slider, scale) = (edge(0, 1) - edge(0, 0), edge(1, 1) - edge(1, 0));
            assert!(slider > 250.0, "{width}: the slider is {slider} px long");
            // A thumb of 24 px stays within the slider: its middle goes from 12 px to 12 px before the end.
            assert!((slider - scale - 24.0).abs() < 1.0, "{width}: slider {slider} px, scale {scale} px");
            assert!((edge(1, 0) - edge(0, 0) - 12.0).abs() < 1.0, "{width}: they do not begin together");
        }
        for (i, want) in [10, 30, 50, 70, 90].into_iter().enumerate() {
            let at = browser.eval(&format!(
                "(() => {{ const slider = document.querySelector('#l-conditions input'); slider.scrollIntoView({{block: 'center'}}); \
                 const word = document.querySelectorAll('#l-conditions .scale span')[{i}].getBoundingClientRect(); \
                 const line = slider.getBoundingClientRect(); return [word.x + word.width / 2, line.y + line.height / 2]; }})()"
            ));
            for kind in ["mousePressed", "mouseReleased"] {
                let click = json!({"type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1});
                browser.call("Input.dispatchMouseEvent", click);
            }
            let rated = browser.eval("Number(document.querySelector('#l-conditions input').value)").as_i64().unwrap();
            assert!((rated - want).abs() <= 1, "{width}: touched in the middle of word {i}, it is {rated}");
        }
    }
}

/// Takes the listening test as `rater`, giving 80 to the second sound and 20 to the others; its ratings.
fn listen(browser: &mut Browser, rater: &str) -> Vec<Value> {
    browser.click("open-listen");
    set(browser, "l-rater", rater);
    browser.eval("document.getElementById('l-form').requestSubmit()");
    // Training and three events with sound.
    for page in 0..4 {
        let wanted =
            if page == 0 { "Training: this sample does not count".to_owned() } else { format!("Sample {page} of 3") };
        browser.until(&format!("document.getElementById('l-progress').textContent === {}", json!(wanted)));
        browser.until("!document.getElementById('l-trial').hidden && document.getElementById('l-next').disabled");
        let shown = browser.eval("document.getElementById('l-conditions').textContent").as_str().unwrap().to_owned();
        assert!(!shown.contains("interpretation") && !shown.contains("rest"), "the order is told: {shown}");
        let n = browser.eval("document.querySelectorAll('#l-conditions input').length");
        assert_eq!(n, json!(3));
        browser.eval(
            "document.querySelectorAll('#l-conditions input').forEach((e, i) => { e.value = i === 1 ? 80 : 20; e.dispatchEvent(new Event('input')); })",
        );
        assert_eq!(browser.eval("document.getElementById('l-next').disabled"), json!(true), "nothing was heard yet");
        for key in ["0", "1", "2", "3"] {
            browser.press(key);
            browser.until("probe.hears() > 0");
        }
        browser.until("!document.getElementById('l-next').disabled");
        browser.click("l-next");
    }
    browser.until("!document.getElementById('l-end').hidden");
    browser.click("l-json");
    let file = browser.downloaded("ratings");
    let text = std::fs::read(&file).unwrap();
    let ratings = serde_json::from_slice::<Value>(&text).unwrap()["ratings"].as_array().unwrap().clone();
    browser.click("l-csv");
    let table = std::fs::read_to_string(browser.downloaded("ratings")).unwrap();
    assert_eq!(table.lines().next().unwrap().split(',').next(), Some("rater"));
    assert_eq!(table.lines().count(), ratings.len() + 1);
    std::fs::rename(file, browser.downloads().parent().unwrap().join(format!("{rater}.json"))).unwrap();
    browser.click("l-back");
    ratings
}

#[test]
fn ratings_are_blind_reproducible_and_summed_up() {
    let Some((recorded, mut browser)) = open("dog") else { return };
    let anna = listen(&mut browser, "anna");
    let again = listen(&mut browser, "anna");
    let ben = listen(&mut browser, "ben");
    assert_eq!(anna.len(), 9, "three sounds of each event with sound");
    let order = |ratings: &[Value]| -> Vec<String> {
        ratings.iter().map(|r| format!("{} {}", r["event"], r["condition"])).collect()
    };
    assert_eq!(order(&anna), order(&again), "a rater's order is the same each time");
    assert_ne!(order(&anna), order(&ben), "and another's is another");
    for event in ["01A", "01B", "01C"] {
        let mut conditions: Vec<&str> =
            anna.iter().filter(|r| r["event"] == event).map(|r| r["condition"].as_str().unwrap()).collect();
        conditions.sort_unstable();
        assert_eq!(conditions, ["interpretation", "reference", "rest"]);
    }
    assert!(anna.iter().all(|r| (r["place"] == 2) == (r["score"] == 80) && r["plays"].as_u64() >= Some(1)));
    let files = ["anna", "ben"].map(|rater| browser.downloads().parent().unwrap().join(format!("{rater}.json")));
    let files = files.each_ref().map(|file| file.to_str().unwrap());
    let (code, summary, stderr) = recorded.review(&["--ratings", files[0], files[1]]);
    assert_eq!(code, 0, "{stderr}");
    let cells: Vec<Vec<&str>> = summary.lines().map(|line| line.split_whitespace().collect()).collect();
    let all = cells.iter().find(|row| row.starts_with(&["(all)", "interpretation", "l2i"])).unwrap();
    assert_eq!(all[3..5], ["6", "2"], "six ratings of two people: {summary}");
    // The same from the folders, once they are there.
    assert_eq!(recorded.review(&["--import", files[0], "--import", files[1]]).0, 0);
    assert_eq!(recorded.review(&["--ratings"]).1, summary);
    browser.check_harmless();
}

#[test]
fn a_tap_on_a_phone_shows_the_event_its_players_and_the_verdict() {
    let recorded = Recorded::new();
    let Some(mut browser) = on_a_phone(&recorded) else { return };
    let is_seen = |browser: &mut Browser, id: &str| {
        let seen = format!(
            "(() => {{ const r = document.getElementById('{id}').getBoundingClientRect(); \
             return r.width > 0 && r.left >= 0 && r.top >= 0 && r.right <= innerWidth && r.bottom <= innerHeight; }})()"
        );
        browser.eval(&seen) == json!(true)
    };
    let row = "[...document.querySelectorAll('#list [role=option]')].find((e) => e.querySelector('.name').textContent === 'dog')";
    assert!(is_seen(&mut browser, "list") && !is_seen(&mut browser, "detail"), "at first, the list");
    tap(&mut browser, row);
    browser.until(DECODED);
    for id in ["d-title", "m-right", "m-wrong", "m-star", "tracks", "wave", "play", "d-back"] {
        assert!(is_seen(&mut browser, id), "{id} is out of sight");
    }
    tap(&mut browser, "document.getElementById('play')");
    browser.until(&near(HEARD_HZ));
    tap(&mut browser, "document.querySelector('[data-track=why]')");
    browser.until(&near(WHY_HZ));
    tap(&mut browser, "document.getElementById('m-right')");
    browser.until("document.getElementById('m-right').getAttribute('aria-pressed') === 'true'");
    tap(&mut browser, "document.getElementById('d-newer')");
    browser.until("document.getElementById('d-title').textContent.startsWith('cat')");
    // The phone's own way back leads to the list, and so does the page's.
    browser.eval("history.back()");
    browser.until("document.getElementById('list').getBoundingClientRect().width > 0");
    assert!(!is_seen(&mut browser, "detail"));
    tap(&mut browser, row);
    browser.until("document.getElementById('list').getBoundingClientRect().width === 0");
    tap(&mut browser, "document.getElementById('d-back')");
    browser.until("document.getElementById('list').getBoundingClientRect().width > 0");
    // The filters stand behind a button.
    assert!(!is_seen(&mut browser, "f-label"));
    tap(&mut browser, "document.getElementById('open-filters')");
    browser.until("document.getElementById('f-label').getBoundingClientRect().width > 0");
    browser.check_harmless();
}

#[test]
fn it_fits_a_phone() {
    let Some(mut browser) = Browser::open(1280, 900) else { return };
    let recorded = Recorded::new();
    let phone = json!({"width": 360, "height": 720, "deviceScaleFactor": 1, "mobile": true});
    browser.call("Emulation.setDeviceMetricsOverride", phone);
    browser.load(&recorded.page(&[]));
    browser.click("open-filters");
    browser.call("Accessibility.enable", json!({}));
    let n_in_list = named_controls(&mut browser);
    browser.eval("document.querySelector('#list [role=option]:last-child').click()");
    browser.until(DECODED);
    assert_eq!(
        browser.eval("document.documentElement.scrollWidth <= 360"),
        json!(true),
        "nothing hangs out at the side"
    );
    // Dark where the reader's system is.
    let dark = json!({"features": [{"name": "prefers-color-scheme", "value": "dark"}]});
    let back = "getComputedStyle(document.body).backgroundColor";
    assert_eq!(browser.eval(back), json!("rgb(251, 251, 250)"));
    browser.call("Emulation.setEmulatedMedia", dark);
    assert_eq!(browser.eval(back), json!("rgb(20, 22, 28)"));
    let n_controls = n_in_list + named_controls(&mut browser);
    assert!(n_controls > 25, "only {n_controls} controls were seen");
    if let Some(folder) = std::env::var_os("EARWITNESS_TEST_SCREENSHOTS") {
        browser.screenshot(&std::path::Path::new(&folder).join("phone.png"));
    }
    browser.check_harmless();
}

/// Whoever hears the page in place of seeing it is told what each control is; how many there are.
fn named_controls(browser: &mut Browser) -> usize {
    let controls = ["button", "textbox", "searchbox", "slider", "combobox", "checkbox", "radio", "listbox", "option"];
    let tree = browser.call("Accessibility.getFullAXTree", json!({}));
    let mut n_controls = 0;
    for node in tree["nodes"].as_array().unwrap() {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        if node["ignored"] == json!(false) && controls.contains(&role) {
            n_controls += 1;
            let name = node["name"]["value"].as_str().unwrap_or_default();
            assert!(!name.trim().is_empty(), "a {role} has no name: {node}");
        }
    }
    n_controls
}

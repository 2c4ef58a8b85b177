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
    Some((recorded, browser))
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
    browser.press("1");
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
    assert_eq!(
        browser
            .eval("document.getElementById('d-picture').complete && document.getElementById('d-picture').naturalWidth"),
        json!(60)
    );
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
    browser.press("m");
    browser.press("m");
    set(&mut browser, "m-note", EVIL);
    set(&mut browser, "m-label", EVIL);
    assert_eq!(browser.eval("document.querySelectorAll('img').length"), json!(1));
    browser.check_harmless();
}

#[test]
fn marks_come_back_into_the_folders() {
    let Some((recorded, mut browser)) = open("dog") else { return };
    for key in ["m", "k", "m", "m", "s"] {
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
    browser.check_harmless();
}

/// Takes the listening test as `rater`, giving 80 to the second sound and 20 to the others; its ratings.
fn listen(browser: &mut Browser, rater: &str) -> Vec<Value> {
    browser.click("open-listen");
    set(browser, "l-rater", rater);
    browser.eval("document.getElementById('l-form').requestSubmit()");
    // Training and three events with sound.
    for page in 0..4 {
        browser.until("!document.getElementById('l-trial').hidden && document.getElementById('l-next').disabled");
        let progress = browser.eval("document.getElementById('l-progress').textContent");
        let wanted =
            if page == 0 { "Training: this sample does not count".to_owned() } else { format!("Sample {page} of 3") };
        assert_eq!(progress, json!(wanted));
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
fn it_fits_a_phone() {
    let Some(mut browser) = Browser::open(1280, 900) else { return };
    let recorded = Recorded::new();
    let phone = json!({"width": 360, "height": 720, "deviceScaleFactor": 1, "mobile": true});
    browser.call("Emulation.setDeviceMetricsOverride", phone);
    browser.load(&recorded.page(&[]));
    browser.press("G");
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
    // Whoever hears the page in place of seeing it is told what each control is.
    browser.call("Accessibility.enable", json!({}));
    let tree = browser.call("Accessibility.getFullAXTree", json!({}));
    let controls = ["button", "textbox", "searchbox", "slider", "combobox", "checkbox", "radio", "listbox", "option"];
    let mut n_controls = 0;
    for node in tree["nodes"].as_array().unwrap() {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        if node["ignored"] == json!(false) && controls.contains(&role) {
            n_controls += 1;
            let name = node["name"]["value"].as_str().unwrap_or_default();
            assert!(!name.trim().is_empty(), "a {role} has no name: {node}");
        }
    }
    assert!(n_controls > 20, "only {n_controls} controls were seen");
    if let Some(folder) = std::env::var_os("EARWITNESS_TEST_SCREENSHOTS") {
        browser.screenshot(&std::path::Path::new(&folder).join("phone.png"));
    }
    browser.check_harmless();
}

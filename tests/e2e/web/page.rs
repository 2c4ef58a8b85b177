//! The live page in Chromium, against a running monitor.

use serde_json::json;

use super::http::get;
use super::{TOKEN, served};
use crate::review::browser::Browser;
use crate::support::e2e::*;
use crate::support::service::*;

/// Listens to the demo scene and opens the page; one event has been reported.
fn open(width: u32, height: u32) -> Option<(u16, Live, Browser)> {
    let mut browser = Browser::open(width, height)?;
    let (port, run) = served();
    let command = run
        .command(&["monitor", "--config", "c.toml", "--input", "demo", "--ui", "jsonl", "--record", "r", "--levels"]);
    let mut live = Live::start(command);
    live.up_to("start");
    wait_for("the page", || get(port, "/api/info").ok());
    browser.visit(&format!("http://127.0.0.1:{port}/"));
    live.up_to("event");
    // The home of the run is there until the monitor ends.
    std::mem::forget(run);
    Some((port, live, browser))
}

#[test]
fn what_is_heard_comes_up_and_can_be_opened_heard_and_marked() {
    let Some((port, live, mut browser)) = open(1440, 900) else { return };
    let first = "document.querySelector('#list [role=option]')";
    browser.until(&format!("{first} !== null"));
    browser.until("document.getElementById('connection').textContent.includes('live')");
    // Something is drawn.
    let drawn = "(() => { const c = document.getElementById('waterfall'); const d = c.getContext('2d').getImageData(0, 0, c.width, \
         c.height).data; const seen = new Set(); for (let i = 0; i < d.length; i += 4) seen.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]); \
         return seen.size > 30; })()";
    browser.until(drawn);
    browser.eval(&format!("{first}.click()"));
    browser.until("document.querySelectorAll('#tracks button').length >= 2");
    browser.click("play");
    browser.until("probe.hears() > 0");
    // A mark needs the token, and is kept.
    browser.eval("document.getElementById('m-right').click()");
    browser.until("document.querySelector('dialog[open] input[type=password]') !== null");
    browser.eval(&format!(
        "(() => {{ const e = document.querySelector('dialog[open] input[type=password]'); e.value = {}; \
         e.form.requestSubmit(); }})()",
        json!(TOKEN)
    ));
    browser.until("document.getElementById('m-right').getAttribute('aria-pressed') === 'true'");
    assert_eq!(browser.eval("probe.violations"), json!([]));
    let errors: Vec<&String> = browser.errors.iter().filter(|error| !error.contains("401")).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let origin = format!("http://127.0.0.1:{port}/");
    let own = |url: &&String| url.starts_with(&origin) || url.starts_with("blob:") || url.as_str() == "about:blank";
    let outside: Vec<&String> = browser.requests.iter().filter(|url| !own(url)).collect();
    assert!(outside.is_empty(), "the page asked for {outside:?}");
    live.signal("TERM");
    assert_eq!(live.finish().code, Some(0));
}

#[test]
fn the_input_is_heard_and_a_lost_monitor_is_shown() {
    let Some((_, live, mut browser)) = open(390, 844) else { return };
    browser.until("!document.getElementById('listening').hidden");
    browser.eval("document.getElementById('hear-input').click()");
    browser.until("probe.hears() > 0");
    browser.eval("document.getElementById('hear-nothing').click()");
    // It fits a phone.
    assert_eq!(browser.eval("document.documentElement.scrollWidth <= window.innerWidth"), json!(true));
    live.signal("TERM");
    assert_eq!(live.finish().code, Some(0));
    browser.until("!document.getElementById('connection').textContent.includes('live')");
}

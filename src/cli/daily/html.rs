//! A day as a web page without scripts, for a mail or a browser.

use std::fmt::Write as _;

use super::figures::{Daily, Input, Label};

const STYLE: &str = "\
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#222;background:#fff}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.2rem .6rem .2rem 0;border-bottom:1px solid #ddd}\
td.n{text-align:right}svg{display:block;width:100%;min-width:12rem;height:1.4rem}rect{fill:#2a6f97}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}th,td{border-color:#333}rect{fill:#61a5c2}}";

/// The page.
pub(super) fn page(daily: &Daily) -> String {
    let most = daily.most();
    let labels: String = daily.events.iter().map(|label| row(label, most)).collect();
    let table = if labels.is_empty() {
        String::new()
    } else {
        format!(
            "<table><tr><th>Label</th><th>Events</th><th>Marked wrong</th><th>First</th><th>Last</th>\
             <th>By hour, 0 to 24</th></tr>{labels}</table>"
        )
    };
    let levels: String = daily.inputs.iter().map(input).collect();
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{day}: {n} events</title><style>{STYLE}</style></head><body>\
         <h1>{day}</h1><p>{n} events</p>{table}{levels}</body></html>\n",
        day = daily.day,
        n = daily.n_events
    )
}

fn row(label: &Label, most: usize) -> String {
    let Label { n, wrong, first, last, .. } = label;
    let mut bars = String::new();
    for (hour, count) in label.by_hour.iter().enumerate().filter(|(_, count)| **count > 0) {
        let height = 20.0 * *count as f64 / most as f64;
        // Writing to a String cannot fail.
        let _ = write!(
            bars,
            "<rect x=\"{}\" y=\"{:.1}\" width=\"9\" height=\"{height:.1}\"><title>{hour}:00: {count}</title></rect>",
            hour * 10,
            20.0 - height
        );
    }
    format!(
        "<tr><td>{}</td><td class=\"n\">{n}</td><td class=\"n\">{wrong}</td><td>{first}</td><td>{last}</td>\
         <td><svg viewBox=\"0 0 240 20\" preserveAspectRatio=\"none\" role=\"img\">{bars}</svg></td></tr>",
        escaped(&label.label)
    )
}

fn input(input: &Input) -> String {
    let Input { unit, laeq_db, lafmax_db, l90_db, .. } = input;
    let minutes: String = input.loudest.iter().map(|m| format!("<li>{}: {:.1} dB</li>", m.time, m.laeq_db)).collect();
    let outages: String = input.outages.iter().map(|o| format!("<li>{}: {} s</li>", o.from, o.seconds)).collect();
    let outages = if outages.is_empty() { "<p>No outage.</p>".to_owned() } else { format!("<ul>{outages}</ul>") };
    format!(
        "<h2>{}</h2><p>LAeq {laeq_db:.1}, LAFmax {lafmax_db:.1}, L90 {l90_db:.1} ({unit})</p>\
         <h3>Loudest minutes</h3><ul>{minutes}</ul><h3>Outages</h3>{outages}",
        escaped(&input.input)
    )
}

/// Text, with what HTML would take for markup escaped.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_and_not_markup() {
        let label = Label {
            label: "<script>\"a\" & b".to_owned(),
            n: 3,
            wrong: 1,
            by_hour: std::array::from_fn(|hour| usize::from(hour == 7) * 3),
            first: "07:00:00".to_owned(),
            last: "07:59:00".to_owned(),
        };
        let daily = Daily { day: "2026-11-30".to_owned(), n_events: 3, events: vec![label], inputs: Vec::new() };
        let page = page(&daily);
        assert!(page.contains("&lt;script&gt;&quot;a&quot; &amp; b") && !page.contains("<script"), "{page}");
        assert!(page.contains("<title>7:00: 3</title>") && page.contains("height=\"20.0\""), "{page}");
    }
}

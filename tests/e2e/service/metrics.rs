//! The figures for Prometheus.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::support::e2e::*;
use crate::support::service::*;

/// Head and body of what `path` gives.
fn get(port: u16, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// Figures by name and labels, after checking the text's form: each metric has help and type, and nothing comes twice.
fn figures(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with("# EOF\n"), "{text}");
    let mut figures = BTreeMap::new();
    let mut types = BTreeMap::new();
    for line in text.lines() {
        if let Some(about) = line.strip_prefix("# TYPE ") {
            let (name, kind) = about.split_once(' ').unwrap();
            assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} is declared twice");
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let bare = name.split('{').next().unwrap();
            let family = bare.strip_suffix("_total").unwrap_or(bare);
            let kind = &types[family];
            assert_eq!(kind == "counter", bare.ends_with("_total"), "{line}");
            assert!(figures.insert(name.to_owned(), value.parse().unwrap()).is_none(), "{name} comes twice");
        }
    }
    figures
}

#[test]
fn figures_are_those_of_the_lines() {
    let port = free_port();
    let (hook, _requests) = server(|_| Answer::Status(404));
    let run =
        run_with(&format!("[[webhook]]\nname = \"phone\"\nurl = \"http://127.0.0.1:{hook}/\"\nper_label_secs = 0\n"));
    let (mut live, mut stdin) = on_stdin(&run, &["--metrics", &format!("127.0.0.1:{port}"), "--record", "r"]);
    let [first, second] = halves();
    stdin.write_all(&first).unwrap();
    let mut lines = live.up_to("start");
    let source = text(&lines[0], "source").to_owned();
    let of = |name: &str| format!("earwitness_{name}{{source=\"{source}\"}}");
    // Even before there is anything to tell.
    wait_for("the first figures", || figures(&get(port, "/metrics").1).get(&of("input_running")).copied());
    stdin.write_all(&second).unwrap();
    lines.extend(live.up_to("status"));
    lines.extend(live.up_to("status"));
    let status = lines[lines.len() - 1].clone();
    // What is read is at least as new as the line.
    let found = wait_for("the figures", || {
        let found = figures(&get(port, "/metrics").1);
        (found.get(&of("input_captured_samples_total"))? >= &number(&status, "captured_samples")).then_some(found)
    });
    let (head, _) = get(port, "/metrics");
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("content-type: application/openmetrics-text"), "{head}");
    assert!(get(port, "/").0.starts_with("HTTP/1.1 404"));
    assert_eq!((found[&of("input_running")], found[&of("input_hearing")]), (1.0, 1.0));
    assert!((-200.0..=0.0).contains(&found[&of("input_level_dbfs")]));
    for name in ["dropped_samples", "analysed_samples", "away_samples", "invalid_samples", "xruns", "shed_strides"] {
        assert!(found[&of(&format!("input_{name}_total"))] >= number(&status, name), "{name}");
    }
    assert_eq!(found[&of("input_sample_rate_hertz")], f64::from(RATE_HZ));
    assert!(found["earwitness_load_ratio"] > 0.0);
    assert_eq!(found["earwitness_shed{work=\"interpretation\"}"], 0.0);
    assert!(found["process_start_time_seconds"] > 1.7e9);
    assert!(found.keys().any(|k| k.starts_with("earwitness_build_info{version=\"") && k.contains("model_sha256=")));
    drop(stdin);
    let mut last = figures(&get(port, "/metrics").1);
    while let Some(line) = live.next() {
        lines.push(line);
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
            let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            let mut answer = String::new();
            if stream.read_to_string(&mut answer).is_ok()
                && let Some((_, body)) = answer.split_once("\r\n\r\n")
                && body.ends_with("# EOF\n")
            {
                last = figures(body);
            }
        }
    }
    // Never more than was told in the end, and what is counted is counted by label.
    let events = of_type(&lines, "event");
    let counted: f64 = last.iter().filter(|(k, _)| k.starts_with("earwitness_events_total{")).map(|(_, v)| v).sum();
    assert!(counted > 0.0 && counted <= events.len() as f64, "{counted} of {}", events.len());
    assert!(last["earwitness_events_recorded_total"] <= events.len() as f64);
    assert!(last["earwitness_sink_failed_messages_total{sink=\"webhook phone\"}"] > 0.0, "{last:?}");
    assert_eq!(last["earwitness_recording_working"], 1.0);
    assert_eq!(last["earwitness_sink_working{sink=\"webhook phone\"}"], 0.0);
    assert!(last.contains_key("earwitness_event_latency_seconds{quantile=\"0.99\"}"));
}

#[test]
fn a_port_that_is_taken_is_told_at_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let run = run_with("");
    let sentence = run.fails(5, &[DEMO, &["--metrics", &address]].concat());
    assert!(sentence.contains(&address) && sentence.contains("listen in [metrics]"), "{sentence}");
    let sentence = run.fails(2, &[DEMO, &["--metrics", "everywhere"]].concat());
    assert!(sentence.contains("metrics.listen = \"everywhere\" cannot be used"), "{sentence}");
}

/// Clients that begin a request and never end it take neither the figures from whoever asks nor the descriptors from recording.
#[test]
fn clients_that_say_nothing_are_let_go() {
    let port = free_port();
    let run = run_with("");
    let (mut live, mut stdin) = on_stdin(&run, &["--metrics", &format!("127.0.0.1:{port}"), "--record", "r"]);
    stdin.write_all(&halves().concat()).unwrap();
    live.up_to("start");
    let silent: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost:").unwrap();
            stream
        })
        .collect();
    assert!(figures(&get(port, "/metrics").1).contains_key("earwitness_events_recorded_total"));
    let open = std::fs::read_dir(format!("/proc/{}/fd", live.id())).unwrap().count();
    assert!(open < 100, "{open} descriptors are open");
    drop((stdin, silent));
    let ending = live.finish();
    assert_eq!(ending.code, Some(0), "{}", ending.stderr);
}

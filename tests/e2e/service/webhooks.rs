//! Webhooks: what is sent, and servers that fail, refuse and hang.

use std::io::Write;
use std::time::Instant;

use crate::support::e2e::*;
use crate::support::service::*;

#[test]
fn every_event_is_sent_as_its_line_and_failures_are_tried_again() {
    // Fails twice, then works; a proxy of this machine must not come between.
    let (port, requests) = server(|i| Answer::Status(if i < 2 { 503 } else { 200 }));
    let run = run_with(&format!("[[webhook]]\nurl = \"http://127.0.0.1:{port}/hook?x=1\"\nper_label_secs = 0\n"));
    // Pauses take seconds: the pipe stays open until all has arrived.
    let (mut live, mut stdin) = on_stdin(&run, &[]);
    stdin.write_all(&halves()[0]).unwrap();
    let first = live.up_to("event").pop().unwrap();
    let sent: Vec<Request> = (0..3).map(|_| requests.recv_timeout(PATIENCE).unwrap()).collect();
    for request in &sent {
        assert_eq!(request.json(), first, "the same event each time");
        assert_eq!(request.line, "POST /hook?x=1 HTTP/1.1");
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert!(request.header("user-agent").unwrap().starts_with("earwitness/"));
    }
    drop(stdin);
    let ending = live.finish();
    assert_eq!(ending.code, Some(0), "{}", ending.stderr);
    let rest = requests.try_iter().map(|request| request.json()["id"].as_str().unwrap().to_owned());
    assert_eq!(rest.collect::<Vec<_>>(), event_ids(&ending.lines));
    // Whatever a line has, a template may name.
    let all: Vec<String> = keys(&first).iter().map(|key| format!("{{{{ {key} }}}}")).collect();
    let hook = format!("[[webhook]]\nurl = \"http://x/\"\ntemplate = \"{}\"\n", all.join(" "));
    std::fs::write(run.home().join("c.toml"), hook).unwrap();
    run.ok(&["config", "check", "c.toml"]);
    assert!(ending.stderr.contains("webhook 1: the server answers 503"), "{}", ending.stderr);
    assert!(ending.stderr.contains("webhook 1 works again"), "{}", ending.stderr);
}

#[test]
fn templates_make_the_body_and_the_headers_and_a_token_comes_from_a_file() {
    let (port, requests) = server(|_| Answer::Status(200));
    let run = run_with(&format!(
        "[[webhook]]\nname = \"phone\"\nurl = \"http://127.0.0.1:{port}/topic\"\nmethod = \"PUT\"\ntoken_file = \"token\"\n\
         headers = [\"Title: {{{{ label | upper }}}} heard\"]\nper_label_secs = 0\nmin_score = 0.5\n\
         template = \"{{{{ label }}}} from {{{{ source }}}}, {{{{ score }}}}\"\n"
    ));
    std::fs::write(run.home().join("token"), "tk_secret\n").unwrap();
    let (lines, stderr) = finish(run.command(DEMO));
    let events: Vec<_> = of_type(&lines, "event").into_iter().filter(|e| number(e, "score") >= 0.5).collect();
    assert!(!events.is_empty());
    for event in events {
        let request = requests.recv_timeout(PATIENCE).unwrap();
        assert!(request.line.starts_with("PUT /topic "), "{}", request.line);
        assert_eq!(request.body, format!("{} from demo, {}", text(event, "label"), event["score"]));
        assert_eq!(request.header("title"), Some(&*format!("{} heard", text(event, "label").to_uppercase())));
        assert_eq!(request.header("authorization"), Some("Bearer tk_secret"));
        assert!(request.header("content-type").unwrap().starts_with("text/plain"));
    }
    assert!(!stderr.contains("tk_secret"), "{stderr}");
}

#[test]
fn labels_and_the_rate_limit_keep_messages_back_and_the_next_one_says_how_many() {
    let (port, requests) = server(|_| Answer::Status(200));
    let hook = format!("[[webhook]]\nurl = \"http://127.0.0.1:{port}/\"\n");
    // Within the seconds that this takes, each label is told once.
    let run = run_with(&format!("{hook}per_label_secs = 86400\n"));
    let (lines, _) = finish(run.command(DEMO));
    let mut labels: Vec<_> = requests.try_iter().map(|r| r.json()["label"].as_str().unwrap().to_owned()).collect();
    let mut heard: Vec<_> = of_type(&lines, "event").into_iter().map(|e| text(e, "label").to_owned()).collect();
    heard.sort_unstable();
    heard.dedup();
    let chosen = heard[0].clone();
    labels.sort_unstable();
    assert_eq!(labels, heard);
    let run = run_with(&format!("{hook}per_label_secs = 0\nlabels = [\"{chosen}\"]\ntell = \"both\"\n"));
    let (lines, _) = finish(run.command(DEMO));
    assert!(of_type(&lines, "onset").is_empty(), "nobody asked for these lines");
    let told: Vec<_> = requests.try_iter().map(|r| r.json()).collect();
    assert!(told.iter().all(|m| m["label"] == chosen.as_str()), "{told:?}");
    let ids = |kind: &str| of_type(&told, kind).into_iter().map(|m| text(m, "id").to_owned()).collect::<Vec<_>>();
    let events: Vec<_> = of_type(&lines, "event").into_iter().filter(|e| e["label"] == chosen.as_str()).collect();
    assert_eq!(ids("event"), events.iter().map(|e| text(e, "id").to_owned()).collect::<Vec<_>>());
    assert!(ids("event").iter().all(|id| ids("onset").contains(id)), "{told:?}");
}

/// The server takes the request and never answers; the time-out of the settings is longer than this test waits.
#[test]
fn a_webhook_that_hangs_holds_up_neither_lines_nor_the_end() {
    let (port, requests) = server(|_| Answer::Never);
    let run = run_with(&format!("[[webhook]]\nurl = \"http://127.0.0.1:{port}/\"\ntimeout_secs = 600\n"));
    let mut live = Live::start(run.command(DEMO));
    let mut lines = live.up_to("stop");
    let ended = Instant::now();
    let ending = live.finish();
    assert!(ended.elapsed().as_secs() < 60, "the end took {:?}", ended.elapsed());
    assert_eq!(ending.code, Some(0), "{}", ending.stderr);
    lines.extend(ending.lines);
    assert!(check_lines(&lines).len() > 2);
    assert_eq!(requests.try_iter().count(), 1, "the others wait behind it");
    assert!(ending.stderr.contains("webhook 1 did not end in time"), "{}", ending.stderr);
    let status = of_type(&lines, "status").pop().unwrap();
    assert_eq!(text(&status["sinks"][0], "name"), "webhook 1");
    assert!(count(&status["sinks"][0], "waiting") > 0, "{status}");
}

/// A broken file changes nothing; a right one changes where events go, while the monitor listens.
#[test]
fn sinks_change_at_a_reload_and_stay_where_the_file_is_wrong() {
    let (old, old_requests) = server(|_| Answer::Status(200));
    let (new, new_requests) = server(|_| Answer::Status(200));
    let hook = |port: u16| format!("[[webhook]]\nurl = \"http://127.0.0.1:{port}/\"\nper_label_secs = 0\n");
    let run = run_with(&hook(old));
    let (mut live, mut stdin) = on_stdin(&run, &["--log-file", "log"]);
    let log = || std::fs::read_to_string(run.home().join("log")).unwrap_or_default();
    let [first, second] = halves();
    let quarter = first.len() / 4 * 2;
    stdin.write_all(&first[..quarter]).unwrap();
    let mut lines = live.up_to("event");
    old_requests.recv_timeout(PATIENCE).unwrap();
    std::fs::write(run.home().join("c.toml"), hook(new) + "template = \"{{ label\"\n").unwrap();
    live.signal("HUP");
    wait_for("the refusal", || log().contains("nothing has changed").then_some(()));
    assert!(log().contains("webhook[0].template"), "{}", log());
    std::fs::write(run.home().join("c.toml"), hook(new)).unwrap();
    live.signal("HUP");
    wait_for("the change", || log().contains("applied: webhook").then_some(()));
    stdin.write_all(&first[quarter..]).unwrap();
    stdin.write_all(&second).unwrap();
    drop(stdin);
    let ending = live.finish();
    assert_eq!(ending.code, Some(0), "{}", ending.stderr);
    lines.extend(ending.lines);
    let told = new_requests.try_iter().count();
    assert!(told > 0, "{lines:?}");
    // What was on its way at the change may have gone either way, but nothing twice and nothing is lost.
    assert_eq!(1 + old_requests.try_iter().count() + told, event_ids(&lines).len());
}

#[test]
fn what_cannot_be_sent_is_found_before_anything_is_heard() {
    let cases = [
        ("url = \"ntfy.sh/x\"", "webhook[0].url = …"),
        (
            "url = \"http://x/\"\ntemplate = \"{{ lable }}\"",
            "webhook[0].template = \"{{ lable }}\" cannot be used; the template is wrong in line 1",
        ),
        ("url = \"http://x/\"\nheaders = [\"Title {{ label }}\"]", "webhook[0].headers"),
        ("url = \"http://x/\"\nmethod = \"SHOUT\"", "webhook[0].method = \"SHOUT\""),
        ("url = \"http://x/\"\nmax_age_secs = 0", "webhook[0].max_age_secs = 0"),
    ];
    for (settings, begins) in cases {
        let run = run_with(&format!("[[webhook]]\n{settings}\n"));
        for command in [&["config", "check", "c.toml"][..], DEMO] {
            let sentence = run.fails(2, command);
            assert!(sentence.contains("c.toml, line ") && sentence.contains(begins), "{sentence}");
        }
    }
    let run = run_with("[[webhook]]\nurl = \"http://x/\"\ntoken_file = \"nowhere\"\n");
    assert!(run.fails(2, DEMO).contains("token_file in [[webhook]]"));
}

/// Files of the event, as the body or as a part of a form. They are waited for; what is not kept is left out.
#[test]
fn files_of_the_event_are_sent_along() {
    let (port, requests) = server(|_| Answer::Status(200));
    let (plain, plain_requests) = server(|_| Answer::Status(200));
    let run = run_with(&format!(
        "[[webhook]]\nname = \"ntfy\"\nurl = \"http://127.0.0.1:{port}/topic\"\nmethod = \"PUT\"\ntemplate = \"@picture\"\n\
         headers = [\"Message: {{{{ label }}}} heard\", \"Filename: {{{{ label }}}}.png\"]\nper_label_secs = 0\n\
         [[webhook]]\nname = \"apprise\"\nurl = \"http://127.0.0.1:{plain}/notify/x\"\nper_label_secs = 0\n\
         form = [\"body={{{{ label }}}} heard\", \"attach=@interpretation\"]\n"
    ));
    let mut command = run.command(DEMO);
    command.args(["--record", "r"]);
    let (lines, _) = finish(command);
    let event = of_type(&lines, "event")[0].clone();
    let dir = run.home().join(text(&event["files"], "dir"));
    let request = requests.recv_timeout(PATIENCE).unwrap();
    assert_eq!(request.header("content-type"), Some("image/png"));
    assert_eq!(request.header("message"), Some(&*format!("{} heard", text(&event, "label"))));
    assert_eq!(request.bytes, std::fs::read(dir.join("spectrogram.png")).unwrap());
    let request = plain_requests.recv_timeout(PATIENCE).unwrap();
    let kind = request.header("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let parts: Vec<&str> = request.body.split(&format!("--{boundary}")).collect();
    assert_eq!(parts.len(), 4, "nothing before, two parts, the end: {kind}");
    assert!(parts[1].contains("name=\"body\"") && parts[1].ends_with(&format!("{} heard\r\n", text(&event, "label"))));
    assert!(parts[2].contains("name=\"attach\"; filename=\"interpretation.wav\"\r\nContent-Type: audio/wav"));
    let sound = std::fs::read(dir.join("interpretation.wav")).unwrap();
    assert!(request.bytes.windows(sound.len()).any(|window| window == sound), "the sound is in it, to the byte");
    // An event whose picture is not kept is sent without it.
    let mut command = run.command(DEMO);
    command.args(["--record", "figures", "--clips=false"]);
    let (lines, _) = finish(command);
    let rest: Vec<Request> = requests.try_iter().collect();
    let of_figures = &rest[rest.len() - of_type(&lines, "event").len()..];
    assert!(of_figures.iter().all(|request| request.body.ends_with("(spectrogram.png is not kept)")), "{of_figures:?}");
}

#[test]
fn a_body_that_cannot_be_made_is_refused() {
    for (what, key) in [
        ("template = \"@video\"", "template"),
        ("form = [\"attach\"]", "form"),
        ("form = [\"a b=x\"]", "form"),
        ("form = [\"x=@video\"]", "form"),
        ("form = [\"x={{ nothing }}\"]", "form"),
        ("template = \"x\"\nform = [\"x=y\"]", "form"),
    ] {
        let run = run_with(&format!("[[webhook]]\nurl = \"http://127.0.0.1:1/\"\n{what}\n"));
        let sentence = run.fails(2, &["config", "check", "c.toml"]);
        assert!(sentence.contains(&format!("webhook[0].{key}")), "{what}: {sentence}");
    }
}

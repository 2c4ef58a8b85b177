//! A real Mosquitto: events, states, discovery; a broker that is down, dies and comes back; our own death.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;

use crate::support::e2e::*;
use crate::support::run::Run;
use crate::support::service::*;

/// A broker of this test's own. Killed with it.
struct Broker {
    child: Child,
    port: u16,
}

impl Broker {
    /// Starts one on `port`; `None` where there is no Mosquitto.
    fn start(dir: &Path, port: u16, access: &str) -> Option<Self> {
        let (Some(mosquitto), Some(_)) = (program("mosquitto"), program("mosquitto_sub")) else {
            eprintln!("skipped: there is no mosquitto");
            return None;
        };
        let settings = dir.join("mosquitto.conf");
        std::fs::write(&settings, format!("listener {port} 127.0.0.1\n{access}\npersistence false\n")).unwrap();
        let mut command = Command::new(mosquitto);
        command.arg("-c").arg(settings).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        wait_for("the broker", || TcpStream::connect(("127.0.0.1", port)).ok());
        Some(Self { child, port })
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Someone who hears all topics.
struct Subscriber {
    child: Child,
    messages: Receiver<Message>,
    heard: Vec<Message>,
}

#[derive(Debug, Clone, PartialEq)]
struct Message {
    topic: String,
    /// Whether the broker had kept it from before.
    retained: bool,
    text: String,
}

impl Subscriber {
    fn of(broker: &Broker, login: &[&str]) -> Self {
        let port = broker.port.to_string();
        let mut child = Command::new("mosquitto_sub")
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &port,
                "-t",
                "#",
                "-t",
                "$SYS/broker/version",
                "-q",
                "1",
                "-F",
                "%t\t%r\t%p",
            ])
            .args(login)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut parts = line.splitn(3, '\t').map(str::to_owned);
                let (Some(topic), Some(retained), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
                    continue;
                };
                let _ = sender.send(Message { topic, retained: retained == "1", text });
            }
        });
        let mut subscriber = Self { child, messages, heard: Vec::new() };
        // It is subscribed once it hears what every broker tells.
        subscriber.up_to("the broker's version", |m| m.topic.starts_with("$SYS"));
        subscriber.heard.retain(|m| !m.topic.starts_with("$SYS"));
        subscriber
    }

    /// Listens until such a message has come; all are kept.
    fn up_to(&mut self, what: &str, is: impl Fn(&Message) -> bool) -> Message {
        if let Some(found) = self.heard.iter().find(|m| is(m)) {
            return found.clone();
        }
        loop {
            let message =
                self.messages.recv_timeout(PATIENCE).unwrap_or_else(|e| panic!("{what}: {e}: {:?}", self.heard));
            self.heard.push(message.clone());
            if is(&message) {
                return message;
            }
        }
    }

    /// Listens until there is one more than `n` messages.
    fn next_after(&mut self, n: usize) {
        let heard = self.messages.recv_timeout(PATIENCE).unwrap_or_else(|e| panic!("{e}: {:?}", &self.heard[..n]));
        self.heard.push(heard);
    }

    fn up_to_text(&mut self, topic: &str, text: &str) {
        self.up_to(&format!("{topic} {text}"), |m| m.topic == topic && m.text == text);
    }

    fn of_topic(&self, topic: &str) -> Vec<&Message> {
        self.heard.iter().filter(|m| m.topic == topic).collect()
    }

    fn events(&self) -> Vec<Value> {
        self.of_topic("ear/event").into_iter().map(|m| json_line(&m.text)).collect()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const OPEN: &str = "allow_anonymous true";

fn home(port: u16, more: &str) -> Run {
    run_with(&format!(
        "[mqtt]\nhost = \"127.0.0.1\"\nport = {port}\nbase_topic = \"ear\"\noff_delay_secs = 0.5\n{more}\n"
    ))
}

fn by_id(events: &[Value]) -> BTreeMap<String, Value> {
    events.iter().map(|event| (text(event, "id").to_owned(), event.clone())).collect()
}

#[test]
fn events_states_and_discovery_reach_the_broker() {
    let run = home(free_port(), "");
    let settings = std::fs::read_to_string(run.home().join("c.toml")).unwrap();
    let port = settings.lines().find_map(|l| l.strip_prefix("port = ")).unwrap().parse().unwrap();
    let Some(broker) = Broker::start(run.home(), port, OPEN) else { return };
    let mut subscriber = Subscriber::of(&broker, &[]);
    let (mut live, mut stdin) = on_stdin(&run, &[]);
    subscriber.up_to_text("ear/availability", "online");
    stdin.write_all(&halves().concat()).unwrap();
    // Long enough for the lines to tell all that is in the scene but what waits for its end.
    let mut lines = live.up_to("event");
    let label = text(&lines[lines.len() - 1], "label").to_owned();
    let slug = label.replace(' ', "_");
    subscriber.up_to_text(&format!("ear/label/{slug}/state"), "ON");
    subscriber.up_to("the event", |m| m.topic == "ear/event");
    subscriber.up_to_text(&format!("ear/label/{slug}/state"), "OFF");
    drop(stdin);
    let ending = live.finish();
    assert_eq!(ending.code, Some(0), "{}", ending.stderr);
    assert!(!ending.stderr.contains("WARN"), "{}", ending.stderr);
    lines.extend(ending.lines);
    subscriber.up_to_text("ear/availability", "offline");
    let told = subscriber.events();
    let expected: Vec<Value> = check_lines(&lines).into_iter().cloned().collect();
    assert_eq!(by_id(&told), by_id(&expected), "each event's line");
    assert_eq!(told.len(), expected.len(), "once");
    let onsets = subscriber.of_topic("ear/onset");
    assert!(onsets.len() >= expected.len(), "{} onsets of {} events", onsets.len(), expected.len());
    assert!(subscriber.heard.iter().filter(|m| m.topic == "ear/event").all(|m| !m.retained));

    let newest_here = json_line(&subscriber.up_to("the input's event", |m| m.topic == "ear/input/stdin/event").text);
    assert_eq!(newest_here["source"], "stdin");

    // Every label and the input begin and end OFF.
    let states = || subscriber.heard.iter().filter(|m| m.topic.ends_with("/state"));
    let (of_labels_here, labels): (Vec<&Message>, Vec<&Message>) =
        states().partition(|m| m.topic.contains("/label/") && m.topic.contains("/input/"));
    let mut last = BTreeMap::new();
    for message in &labels {
        assert!(message.text == "ON" || message.text == "OFF");
        let before = last.insert(&message.topic, &message.text);
        assert!(before.is_some() || message.text == "OFF", "{message:?}");
    }
    assert!(last.values().all(|text| *text == "OFF"), "{last:?}");
    assert!(last.contains_key(&"ear/input/stdin/state".to_owned()), "{last:?}");
    // A label's state at an input appears once it sounds there.
    let here: Vec<&str> = of_labels_here
        .iter()
        .filter(|m| m.topic == format!("ear/input/stdin/label/{slug}/state"))
        .map(|m| m.text.as_str())
        .collect();
    assert_eq!((here.first(), here.last()), (Some(&"ON"), Some(&"OFF")), "{here:?}");

    // Who comes later finds the announcements, and that nobody is there.
    let mut later = Subscriber::of(&broker, &[]);
    later.up_to_text("ear/availability", "offline");
    let announced: Vec<&Message> = later.heard.iter().filter(|m| m.topic.starts_with("homeassistant/")).collect();
    assert!(announced.iter().all(|m| m.retained && m.topic.ends_with("/config")));
    let (triggers, announced): (Vec<&Message>, Vec<&Message>) =
        announced.into_iter().partition(|m| m.topic.contains("/device_automation/"));
    let about: Vec<Value> = announced.iter().map(|m| json_line(&m.text)).collect();
    // A trigger for each label: its events, and nothing that Home Assistant does not take there.
    assert_eq!(triggers.len() + 1, last.len(), "each label, and not the input");
    for trigger in &triggers {
        let trigger = json_line(&trigger.text);
        assert_eq!((text(&trigger, "topic"), text(&trigger, "automation_type")), ("ear/event", "trigger"));
        assert_eq!((&trigger["payload"], &trigger["device"]), (&trigger["subtype"], &about[0]["device"]));
        assert!(trigger.get("unique_id").is_none() && trigger.get("availability_topic").is_none());
    }
    let mut ids: Vec<&str> = about.iter().map(|a| text(a, "unique_id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), about.len());
    assert_eq!(
        about.len(),
        last.len() + 1 + 2,
        "each label and the input, the newest event, the input's level and trouble"
    );
    for entity in &about {
        assert_eq!(text(entity, "availability_topic"), "ear/availability");
        assert_eq!(entity["device"], about[0]["device"]);
        // What is announced is there, but for labels that were not heard.
        let topic = text(entity, "state_topic");
        assert!(later.heard.iter().any(|m| m.topic == topic && m.retained), "{topic}");
    }
    let level = about.iter().find(|a| text(a, "unique_id").contains("_level_")).unwrap();
    let status = json_line(&later.up_to("the status", |m| m.topic == text(level, "state_topic")).text);
    assert_eq!(status["type"], "status");
    let newest = json_line(&later.up_to("the newest event", |m| m.topic == "ear/last_event").text);
    assert_eq!(newest["id"], expected[expected.len() - 1]["id"]);
}

/// A monitor that records says what yesterday was like, also where it begins today.
#[test]
fn yesterday_is_kept_by_the_broker() {
    let port = free_port();
    let run = home(port, "").env("TZ", "UTC");
    let Some(broker) = Broker::start(run.home(), port, OPEN) else { return };
    let yesterday = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24);
    let at = yesterday.strftime("%Y-%m-%dT12:00:00Z").to_string();
    let folder = run.home().join("r").to_string_lossy().into_owned();
    // What has no broker says nothing yet.
    let plain = run_with("");
    let mut command = plain.command(DEMO);
    command.args(["--record", &folder, "--start-time", &at]);
    let (lines, _) = finish(command);
    let day = yesterday.strftime("%Y-%m-%d").to_string();
    let shown = run.ok(&["daily", "r", "--day", &day, "--json"]).stdout;
    let mut subscriber = Subscriber::of(&broker, &[]);
    let (live, stdin) = on_stdin(&run, &["--record", "r"]);
    let daily = json_line(&subscriber.up_to("the day", |m| m.topic == "ear/daily" && m.text.contains(&day)).text);
    assert_eq!(daily, serde_json::from_str::<Value>(&shown).unwrap());
    assert_eq!(count(&daily, "n_events") as usize, of_type(&lines, "event").len());
    subscriber.up_to("its sensor", |m| m.topic == "homeassistant/sensor/earwitness_ear_daily/config");
    drop(stdin);
    assert_eq!(live.finish().code, Some(0));
}

/// Each recorded event's picture follows it: the newest of all, and the newest of the input.
#[test]
fn pictures_follow_their_events() {
    let port = free_port();
    let run = home(port, "pictures = true");
    let Some(broker) = Broker::start(run.home(), port, OPEN) else { return };
    let mut waiting: Vec<Child> = ["ear/picture", "ear/input/stdin/picture"]
        .map(|topic| {
            let mut command = Command::new("mosquitto_sub");
            command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-q", "1", "-C", "1", "-N", "-t", topic]);
            command.stdout(Stdio::piped()).spawn().unwrap()
        })
        .into();
    let mut announced = Subscriber::of(&broker, &[]);
    let (mut live, mut stdin) = on_stdin(&run, &["--record", "r"]);
    for topic in ["earwitness_ear_picture", "earwitness_ear_picture_stdin"] {
        let topic = format!("homeassistant/image/{topic}/config");
        stdin.write_all(&s16le(&[0.0; 2000])).unwrap();
        let about = json_line(&announced.up_to(&topic, |m| m.topic == topic).text);
        assert_eq!(text(&about, "content_type"), "image/png");
        assert!(text(&about, "image_topic").ends_with("/picture"));
    }
    stdin.write_all(&halves().concat()).unwrap();
    let event = live.up_to("event").pop().unwrap();
    let pictures: Vec<Vec<u8>> = waiting.drain(..).map(|child| child.wait_with_output().unwrap().stdout).collect();
    let dir = Path::new(text(&event["files"], "dir")).to_owned();
    let kept = std::fs::read(run.home().join(dir).join("spectrogram.png")).unwrap();
    assert!(pictures.iter().all(|picture| *picture == kept), "the first event's picture");
    drop(stdin);
    let ending = live.finish();
    assert_eq!(ending.code, Some(0), "{}", ending.stderr);
}

/// No broker at the start; then one; it is killed while events come, and comes back.
#[test]
fn a_broker_that_is_down_or_dies_holds_no_one_up_and_gets_what_is_not_too_old() {
    let port = free_port();
    let run = home(port, "");
    if program("mosquitto").is_none() {
        eprintln!("skipped: there is no mosquitto");
        return;
    }
    let [first, second] = halves();
    let (mut live, mut stdin) = on_stdin(&run, &[]);
    stdin.write_all(&first).unwrap();
    let mut lines = live.up_to("event");
    let Some(broker) = Broker::start(run.home(), port, OPEN) else { return };
    let mut subscriber = Subscriber::of(&broker, &[]);
    let id = event_ids(&lines)[0].clone();
    subscriber.up_to("the event from before the broker", |m| m.topic == "ear/event" && m.text.contains(&id));
    broker.kill();
    drop(subscriber);
    stdin.write_all(&second).unwrap();
    // Lines go on while there is no broker; the last status is at the end of the scene.
    let until = scene_at(RATE_HZ).0.len() as u64 / u64::from(RATE_HZ) / 10 * 10;
    loop {
        let line = live.next().unwrap();
        let over = line["type"] == "status" && number(&line, "t_s") > until as f64 - 1.0;
        lines.push(line);
        if over {
            break;
        }
    }
    let status = of_type(&lines, "status").pop().unwrap();
    assert_eq!(text(&status["sinks"][0], "name"), format!("mqtt 127.0.0.1:{port}"));
    let Some(broker) = Broker::start(run.home(), port, OPEN) else { return };
    let mut subscriber = Subscriber::of(&broker, &[]);
    subscriber.up_to_text("ear/availability", "online");
    drop(stdin);
    let ending = live.finish();
    assert_eq!(ending.code, Some(0), "{}", ending.stderr);
    lines.extend(ending.lines);
    subscriber.up_to_text("ear/availability", "offline");
    // All of the second half waited for the broker, and none is lost.
    let ids: Vec<String> = subscriber.events().iter().map(|e| text(e, "id").to_owned()).collect();
    let newest = event_ids(&lines).pop().unwrap();
    assert!(ids.contains(&newest), "{newest} is not among {ids:?}");
    assert!(ending.stderr.matches("the broker cannot be reached").count() >= 1, "{}", ending.stderr);
    assert!(ending.stderr.matches("works again").count() >= 2, "{}", ending.stderr);
    // Said when it begins, and not again and again.
    assert!(ending.stderr.matches("WARN").count() <= 4, "{}", ending.stderr);
}

#[test]
fn our_death_is_told_by_the_broker() {
    let port = free_port();
    let run = home(port, "");
    let Some(broker) = Broker::start(run.home(), port, OPEN) else { return };
    let mut subscriber = Subscriber::of(&broker, &[]);
    let (live, _stdin) = on_stdin(&run, &[]);
    subscriber.up_to_text("ear/availability", "online");
    live.signal("KILL");
    subscriber.up_to_text("ear/availability", "offline");
}

/// Two monitors share the topics of one broker. However one of them ends, the other is there, and the broker says so.
#[test]
fn a_monitor_that_goes_on_is_online_whatever_becomes_of_another() {
    for end in ["INT", "KILL"] {
        let port = free_port();
        let (ours, another) = (home(port, ""), home(port, ""));
        let Some(broker) = Broker::start(ours.home(), port, OPEN) else { return };
        let mut subscriber = Subscriber::of(&broker, &[]);
        let (live, stdin) = on_stdin(&ours, &[]);
        subscriber.up_to_text("ear/availability", "online");
        let (second, _its_stdin) = on_stdin(&another, &[]);
        let times_online =
            |s: &Subscriber| s.of_topic("ear/availability").iter().filter(|m| m.text == "online").count();
        while times_online(&subscriber) < 2 {
            let n = subscriber.heard.len();
            subscriber.next_after(n);
        }
        second.signal(end);
        subscriber.up_to_text("ear/availability", "offline");
        let n = subscriber.heard.iter().position(|m| m.text == "offline").unwrap();
        while !subscriber.heard[n..].iter().any(|m| m.topic == "ear/availability" && m.text == "online") {
            let n = subscriber.heard.len();
            subscriber.next_after(n);
        }
        let mut later = Subscriber::of(&broker, &[]);
        later.up_to_text("ear/availability", "online");
        drop(stdin);
        assert_eq!(live.finish().code, Some(0));
    }
}

#[test]
fn a_password_is_read_from_a_file_and_a_wrong_one_is_told_without_it() {
    let port = free_port();
    let run = home(port, "user = \"ear\"\npassword_file = \"secret\"\n");
    let (Some(passwd), Some(_)) = (program("mosquitto_passwd"), program("mosquitto")) else {
        eprintln!("skipped: there is no mosquitto");
        return;
    };
    let users = run.home().join("users");
    let made = Command::new(passwd).args(["-b", "-c"]).arg(&users).args(["ear", "right-one"]).output().unwrap();
    assert!(made.status.success());
    // The broker gives up its rights where it is started by root, and must read the file all the same.
    let open = |path: &Path, mode| {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    open(run.home(), 0o755);
    open(&users, 0o644);
    let access = format!("allow_anonymous false\npassword_file {}", users.display());
    let Some(broker) = Broker::start(run.home(), port, &access) else { return };
    std::fs::write(run.home().join("secret"), "wrong-one\n").unwrap();
    let (mut live, mut stdin) = on_stdin(&run, &[]);
    stdin.write_all(&halves()[0]).unwrap();
    let failing = |line: &Value| line["sinks"][0]["error"].as_str().is_some_and(|e| e.contains("refuses the user"));
    // The scene is over before the broker has answered, perhaps.
    drop(stdin);
    let mut seen = false;
    while let Some(line) = live.next() {
        seen |= failing(&line);
    }
    let ending = live.finish();
    assert!(seen || ending.stderr.contains("the broker refuses the user or the password"), "{}", ending.stderr);
    assert!(!ending.stderr.contains("wrong-one"), "{}", ending.stderr);
    std::fs::write(run.home().join("secret"), "right-one\n").unwrap();
    let mut subscriber = Subscriber::of(&broker, &["-u", "ear", "-P", "right-one"]);
    let (live, stdin) = on_stdin(&run, &[]);
    subscriber.up_to_text("ear/availability", "online");
    drop(stdin);
    let ending = live.finish();
    assert_eq!(ending.code, Some(0), "{}", ending.stderr);
    assert!(!ending.stderr.contains("right-one"), "{}", ending.stderr);
}

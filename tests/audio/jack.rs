//! Real captures through a real JACK server on the dummy backend. libjack finds its server through the environment, so each test
//! runs in a child process: this same binary.
#![cfg(all(feature = "jack", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout)]

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use crate::support::process::{alone, full_name};
use earwitness::audio::devices::{Direction, list_devices};
use earwitness::audio::jack_out::JackOut;
use earwitness::audio::source::{Capture, CaptureOptions, CaptureState, ChannelChoice, InputSpec, open};
use jack::{AsyncClient, AudioOut, Client, ClientOptions, Control, Port, ProcessScope};

/// The child's part, if this is the child.
const PART: &str = "EARWITNESS_TEST_JACK_PART";

/// How long anything may take. Nothing here should take a tenth of it, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `body` in a child process whose libjack knows the server `name`. Says so where there is no jackd.
fn in_child(test: &str, body: impl FnOnce()) {
    if std::env::var_os(PART).is_some() {
        body();
        println!("the child is done");
        return;
    }
    if let Err(e) = Command::new("jackd").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status() {
        eprintln!("skipped: cannot run jackd ({e})");
        return;
    }
    let child = apart()
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &full_name(module_path!(), test), "--nocapture"])
        .env(PART, "1")
        .env("JACK_DEFAULT_SERVER", server_name(test))
        .env("JACK_NO_START_SERVER", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("the child is done"), "the child failed:\n{text}");
    // libjack likes to write to stderr itself, where a terminal UI is on the screen or one plain sentence is expected.
    for chatter in ["Cannot connect", "jack server is not running", "JackShm", "Cannot open"] {
        assert!(!text.contains(chatter), "libjack's words are on the terminal:\n{text}");
    }
}

/// Runs what is put behind it, with a shared memory of its own where the system allows that. A machine's shared memory has room
/// for eight servers of all kinds, and one that was killed keeps its room until a server of the same name ends well.
fn apart() -> Command {
    let own_memory = "mount -t tmpfs tmpfs /dev/shm";
    let works = |flags: &str| {
        let mut attempt = Command::new("unshare");
        attempt.args([flags, "sh", "-c", own_memory]).stdout(Stdio::null()).stderr(Stdio::null());
        attempt.status().is_ok_and(|status| status.success())
    };
    if let Some(flags) = ["-m", "-rm"].into_iter().find(|flags| works(flags)) {
        let mut command = Command::new("unshare");
        command.args([flags, "sh", "-c", &format!("{own_memory}; exec \"$@\""), "apart"]);
        return command;
    }
    Command::new("env")
}

/// A name for each test of each checkout: where memory is shared after all, a new name each time would use it up.
fn server_name(test: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (env!("CARGO_MANIFEST_DIR"), test).hash(&mut hasher);
    format!("earwitness-test-{:08x}", hasher.finish() as u32)
}

/// A server that ends with this value.
struct Server(Child);

impl Server {
    /// `mode`: `-S` for a server that waits for its clients, so that nothing is ever skipped; nothing for one that does not.
    fn start(mode: &[&str]) -> Self {
        let name = std::env::var("JACK_DEFAULT_SERVER").unwrap();
        let child = Command::new("jackd")
            .args(mode)
            .args(["-r", "-n", &name, "-d", "dummy", "-r", "48000", "-p", "512"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut server = Self(child);
        until("the server answers", || {
            if server.0.try_wait().unwrap().is_some() {
                let mut words = String::new();
                server.0.stderr.take().unwrap().read_to_string(&mut words).unwrap();
                panic!("jackd does not start: {words}");
            }
            Client::new("probe", ClientOptions::NO_START_SERVER).is_ok()
        });
        server
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap().success());
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            // Ends well, unless it hangs.
            self.signal("-CONT");
            self.signal("-TERM");
            let deadline = Instant::now() + Duration::from_secs(5);
            while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < deadline {
                sleep(Duration::from_millis(5));
            }
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "waited for a minute until {what}");
        sleep(Duration::from_millis(5));
    }
}

/// What sounds at a frame of the server's counter: never 0, and exact in 24 bits.
fn sound(frame: u32) -> f32 {
    ((frame & 0x003f_ffff) + 1) as f32 / f32::from_bits(0x4b00_0000)
}

/// The frame that sounds so, as far as 22 bits tell.
fn frame_of(sample: f32) -> u32 {
    (f64::from(sample) * 8_388_608.0) as u32 - 1
}

/// Plays the frame counter on its first and third port, the same upside down on its second one.
struct Player(Vec<Port<AudioOut>>);

impl jack::ProcessHandler for Player {
    fn process(&mut self, _: &Client, scope: &ProcessScope) -> Control {
        let first = scope.last_frame_time();
        for (port, sign) in self.0.iter_mut().zip([1.0, -1.0, 1.0]) {
            for (frame, out) in (0..).zip(port.as_mut_slice(scope)) {
                *out = sign * sound(first.wrapping_add(frame));
            }
        }
        Control::Continue
    }
}

fn play(name: &str, ports: &[&str]) -> AsyncClient<(), Player> {
    let (client, _) = Client::new(name, ClientOptions::NO_START_SERVER).unwrap();
    let ports = ports.iter().map(|port| client.register_port(port, AudioOut::default()).unwrap()).collect();
    client.activate_async((), Player(ports)).unwrap()
}

fn spec(pattern: &str) -> InputSpec {
    InputSpec::Jack(Some(pattern.to_owned()))
}

/// What was read, with where in the stream it was.
#[derive(Default)]
struct Reader {
    position: u64,
    /// Samples that were not silence.
    sounding: u64,
    gaps: u64,
    /// Frame counter minus position, of the last sample that sounded.
    offset: Option<u32>,
}

impl Reader {
    /// Reads what is there, and checks that samples stand where the frame counter says: any that are lost are gaps of just
    /// their length, and none is altered.
    fn read(&mut self, capture: &mut Capture, sign: f32) {
        let mut out = [0.0; 3000];
        loop {
            let n = capture.read(&mut out);
            if n == 0 {
                return;
            }
            self.position += capture.gap_before();
            self.gaps += capture.gap_before();
            for sample in &out[..n] {
                if *sample != 0.0 {
                    let offset = frame_of(sample * sign).wrapping_sub(self.position as u32) & 0x003f_ffff;
                    assert_eq!(sound(frame_of(sample * sign)), sample * sign, "not altered");
                    assert_eq!(*self.offset.get_or_insert(offset), offset, "at position {}", self.position);
                    self.sounding += 1;
                } else {
                    assert!(self.sounding == 0 || self.offset.is_none(), "silence at position {}", self.position);
                }
                self.position += 1;
            }
            let account = capture.account();
            assert_eq!(account.captured, account.read + account.dropped + account.pending);
        }
    }
}

#[test]
fn two_ports_are_captured_bit_for_bit_at_their_positions() {
    in_child("two_ports_are_captured_bit_for_bit_at_their_positions", || {
        let _server = Server::start(&["-S"]);
        let player = play("player", &["left", "right", "twin"]);
        let _other = play("another", &["left"]);
        let before = SystemTime::now();
        let options = CaptureOptions { channels: ChannelChoice::Each, ..CaptureOptions::default() };
        let mut captures = open(&spec("^player:(left|right)"), options).unwrap();
        let names: Vec<_> = captures.iter().map(|capture| capture.info().name.clone()).collect();
        assert_eq!(names, ["jack:^player:(left|right)#1", "jack:^player:(left|right)#2"]);
        assert_eq!((captures[0].info().sample_rate.hz(), captures[0].info().channels), (48_000, 2));
        let mut readers = [Reader::default(), Reader::default()];
        until("two seconds have come", || {
            for ((capture, reader), sign) in captures.iter_mut().zip(&mut readers).zip([1.0, -1.0]) {
                reader.read(capture, sign);
            }
            readers.iter().all(|reader| reader.sounding >= 96_000)
        });
        assert!(readers[0].offset.is_some() && readers[0].offset == readers[1].offset, "both stand at one position");
        let started = captures[0].info().started;
        assert!(started >= before && started <= SystemTime::now(), "{started:?}");
        for capture in &captures {
            assert_eq!((capture.account().dropped, capture.lost()), (0, None));
        }

        // The third port has nothing to listen to.
        let options = CaptureOptions { channels: ChannelChoice::Only(vec![3]), ..CaptureOptions::default() };
        let mut third = open(&spec("^player:(left|right)"), options).unwrap().remove(0);
        // The mean of two that are alike is themselves; until the second one is connected, it is half of that.
        let mut mean = open(&spec("^player:(left|twin)"), CaptureOptions::default()).unwrap().remove(0);
        assert_eq!((third.info().channels, mean.info().channels), (3, 2));
        let mut out = vec![0.0; 4096];
        let (mut silent, mut reader) = (0, Reader::default());
        until("a second has come", || {
            let n = third.read(&mut out);
            assert!(out[..n].iter().all(|sample| *sample == 0.0));
            silent += n;
            if silent > 24_000 {
                reader.read(&mut mean, 1.0);
            } else {
                mean.read(&mut out);
            }
            reader.sounding > 24_000
        });

        // A capture that stops has an end.
        captures.iter_mut().for_each(Capture::stop);
        for capture in &mut captures {
            while capture.read(&mut out) > 0 {}
            assert_eq!(capture.state(), CaptureState::Ended);
            assert_eq!(capture.account().pending, 0);
        }
        drop(player);
    });
}

#[test]
fn ports_that_come_later_or_come_back_are_connected() {
    in_child("ports_that_come_later_or_come_back_are_connected", || {
        let _server = Server::start(&["-S"]);
        let mut capture = open(&spec("late:out"), CaptureOptions::default()).unwrap().remove(0);
        assert_eq!(capture.info().channels, 1);
        let mut out = [0.0; 4096];
        for round in 0..3 {
            // Twice under its own name, then as another client that matches as well.
            let player = play(if round < 2 { "late" } else { "too-late" }, &["out"]);
            let mut reader = Reader::default();
            until("half a second of it is heard", || {
                reader.read(&mut capture, 1.0);
                reader.sounding > 24_000
            });
            drop(player);
            until("it is silent again", || {
                let n = capture.read(&mut out);
                n > 0 && out[..n].iter().all(|sample| *sample == 0.0)
            });
            assert_eq!((capture.state(), capture.account().dropped), (CaptureState::Running, 0));
        }
    });
}

/// A pattern that matches everything does not make the program hear itself.
#[test]
fn no_client_of_ours_listens_to_another() {
    in_child("no_client_of_ours_listens_to_another", || {
        let _server = Server::start(&["-S"]);
        let _player = play("player", &["out"]);
        let out = || Some(Arc::new(JackOut::new(Arc::default())));
        let options = || CaptureOptions { jack_out: out(), ..CaptureOptions::default() };
        let captures = [(); 2].map(|()| open(&spec(".*:(out|interpretation)"), options()).unwrap().remove(0));
        let (client, _) = Client::new("looker", ClientOptions::NO_START_SERVER).unwrap();
        let sources = |port: &str| client.port_by_name(port).map(|port| port.get_connections());
        let only_the_player = Some(vec!["player:out".to_owned()]);
        until("both hear the player", || {
            ["earwitness:in_1", "earwitness-01:in_1"].iter().all(|port| sources(port) == only_the_player)
        });
        // The second client's ports have told the first one to look again by now.
        sleep(Duration::from_millis(500));
        for client in ["earwitness", "earwitness-01"] {
            assert_eq!(sources(&format!("{client}:in_1")), only_the_player);
            assert_eq!(sources(&format!("{client}:interpretation")), Some(Vec::new()));
        }
        assert!(captures.iter().all(|capture| capture.info().channels == 1));
    });
}

/// This process stands still for a second, while a server that waits for no one goes on.
#[test]
fn frames_that_the_server_skips_are_gaps_of_their_length() {
    let _alone = alone();
    in_child("frames_that_the_server_skips_are_gaps_of_their_length", || {
        let _server = Server::start(&[]);
        // The player must not stand still, too.
        let player = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &full_name(module_path!(), "a_player_for_another_test"), "--nocapture"])
            .env(PART, "player")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut player = PlayerProcess(player);
        let mut capture = open(&spec("^player:"), CaptureOptions::default()).unwrap().remove(0);
        let mut out = [0.0; 4096];
        until("it plays", || capture.read(&mut out) > 0 && out[0] != 0.0);
        let own = std::process::id();
        let nap = format!("kill -STOP {own}; sleep 1; kill -CONT {own}");
        // Where the player itself misses a cycle on a busy machine, its port repeats a buffer or is silent: only gaps are looked at.
        let (mut position, mut offsets, mut gaps) = (0_u64, Vec::new(), Vec::new());
        let mut napped = false;
        until("a second behind the gap has come", || {
            if !napped && position > 48_000 {
                assert!(Command::new("sh").args(["-c", &nap]).status().unwrap().success());
                napped = true;
            }
            let n = capture.read(&mut out);
            if n > 0 && capture.gap_before() > 0 {
                gaps.push(capture.gap_before());
            }
            position += capture.gap_before();
            for sample in out[..n].iter() {
                if *sample > 0.0 {
                    offsets.push(frame_of(*sample).wrapping_sub(position as u32) & 0x003f_ffff);
                }
                position += 1;
            }
            napped && position > 144_000
        });
        println!("gaps {gaps:?}, xruns {}", capture.account().xruns);
        assert!(gaps.iter().any(|gap| (40_000..96_000).contains(gap)), "{gaps:?}");
        assert_eq!(capture.account().dropped, gaps.iter().sum::<u64>());
        let first = offsets[0];
        let moved = offsets.iter().filter(|offset| **offset != first).count();
        assert!(offsets.len() > 90_000 && moved * 20 < offsets.len(), "{moved} of {} samples moved", offsets.len());
        assert_eq!(offsets.last(), Some(&first), "positions are true behind the gap");
        drop(capture);
        drop(player.0.stdin.take());
    });
}

struct PlayerProcess(Child);

impl Drop for PlayerProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Plays until its standard input closes; part of the test above.
#[test]
fn a_player_for_another_test() {
    if std::env::var(PART).as_deref() == Ok("player") {
        let _player = play("player", &["out"]);
        let _ = std::io::stdin().lines().count();
    }
}

#[test]
fn a_server_that_is_killed_is_told_and_its_successor_is_used() {
    in_child("a_server_that_is_killed_is_told_and_its_successor_is_used", || {
        let server = Server::start(&["-S"]);
        let player = play("player", &["out"]);
        let mut capture = open(&spec("^player:"), CaptureOptions::default()).unwrap().remove(0);
        let mut reader = Reader::default();
        until("half a second has come", || {
            reader.read(&mut capture, 1.0);
            reader.sounding > 24_000
        });
        server.kill();
        let killed = Instant::now();
        let mut out = [0.0; 4096];
        until("the loss is told", || {
            while capture.read(&mut out) > 0 {}
            capture.lost().is_some()
        });
        let sentence = capture.lost().unwrap().sentence;
        assert!(sentence.contains("has lost its JACK server"), "{sentence}");
        assert_eq!(capture.state(), CaptureState::Lost);
        println!("told after {:?}: {sentence}", killed.elapsed());
        drop(player);
        until("two attempts have failed", || capture.lost().is_some_and(|lost| lost.attempts >= 2));

        let _server = Server::start(&["-S"]);
        let _player = play("player", &["out"]);
        // Silence from before the player is connected is no sound of it.
        let mut gap = 0;
        until("it is heard again", || {
            let n = capture.read(&mut out[..1]);
            gap += capture.gap_before();
            n > 0 && out[0] != 0.0
        });
        assert!(gap > 24_000, "the time without a server is part of the stream: {gap}");
        let mut reader = Reader::default();
        until("half a second has come", || {
            reader.read(&mut capture, 1.0);
            reader.sounding > 24_000
        });
        assert_eq!((capture.state(), capture.lost()), (CaptureState::Running, None));
        capture.stop();
    });
}

/// Threads and open files of this process.
fn resources() -> (usize, usize) {
    let count = |dir: &str| std::fs::read_dir(dir).unwrap().count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}

/// What they are once they have been the same for a while: threads that have done their work are about to end.
fn settled() -> (usize, usize) {
    let mut last = (resources(), Instant::now());
    until("threads have ended", || {
        let now = resources();
        if now != last.0 {
            last = (now, Instant::now());
        }
        last.1.elapsed() > Duration::from_millis(500)
    });
    last.0
}

/// Waits until there are no more of them than `before`: on a busy machine, the end of a thread may take long.
fn no_more_than(before: (usize, usize), why: &str) {
    let deadline = Instant::now() + PATIENCE;
    while resources().0 > before.0 || resources().1 > before.1 {
        assert!(Instant::now() < deadline, "{why}: threads and files {:?} instead of {before:?}", resources());
        sleep(Duration::from_millis(5));
    }
}

/// Opens a source; a server that many clients come to at once, those of other tests, may be too busy to answer the first time.
fn open_patiently(spec: &InputSpec) -> Vec<Capture> {
    for _ in 0..2 {
        match open(spec, CaptureOptions::default()) {
            Err(e) if e.to_string().contains("does not answer") => sleep(Duration::from_millis(500)),
            opened => return opened.unwrap(),
        }
    }
    open(spec, CaptureOptions::default()).unwrap()
}

#[test]
fn opening_and_losing_servers_leaves_no_thread_and_no_file_behind() {
    in_child("opening_and_losing_servers_leaves_no_thread_and_no_file_behind", || {
        let no_server = || {
            let error = open(&spec("^player:"), CaptureOptions::default()).map(|_| ()).unwrap_err();
            assert_eq!(error.kind(), earwitness::ErrorKind::Input);
            assert!(error.to_string().contains("is not running; start it"), "{error}");
        };
        no_server();
        let before = settled();
        for _ in 0..30 {
            no_server();
        }
        no_more_than(before, "the failed attempts have left nothing");
        for _ in 0..3 {
            let mut server = Some(Server::start(&["-S"]));
            for round in 0..4 {
                let mut capture = open_patiently(&spec("^player:")).remove(0);
                let mut out = [0.0; 4096];
                until("something comes", || capture.read(&mut out) > 0);
                // Closed with the server alive; closed when its end has been noticed; further down, closed at once.
                if let Some(server) = server.take_if(|_| round == 3) {
                    server.kill();
                    until("the loss is told", || capture.lost().is_some());
                }
                capture.stop();
            }
            let last = Server::start(&["-S"]);
            let capture = open(&spec("^player:"), CaptureOptions::default()).unwrap();
            last.kill();
            drop(capture);
            // Gives back the room of the one that was killed.
            drop(Server::start(&["-S"]));
            no_more_than(before, "the clients have left nothing");
        }
        println!("threads and files: {:?}", resources());
    });
}

/// A server that hangs holds its clients up, and nothing else.
#[test]
fn a_server_that_hangs_is_told_and_can_be_left() {
    in_child("a_server_that_hangs_is_told_and_can_be_left", || {
        let server = Server::start(&["-S"]);
        let before = settled();
        let mut capture = open(&spec("^player:"), CaptureOptions::default()).unwrap().remove(0);
        let mut out = [0.0; 4096];
        until("something comes", || capture.read(&mut out) > 0);
        server.signal("-STOP");
        capture.stop();
        assert_eq!(list_devices().unwrap().iter().filter(|device| device.host == "jack").count(), 0);
        let error = open(&spec("^player:"), CaptureOptions::default()).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("does not answer; restart it"), "{error}");
        server.signal("-CONT");
        until("it can be opened again", || open(&spec("^player:"), CaptureOptions::default()).is_ok());
        drop(capture);
        no_more_than(before, "nothing is left of the held-up client");
    });
}

#[test]
fn clients_are_listed_and_opened_by_their_id() {
    in_child("clients_are_listed_and_opened_by_their_id", || {
        let jack_of = |devices: Vec<_>| {
            let jack = |device: &earwitness::audio::devices::DeviceInfo| device.host == "jack";
            devices.into_iter().filter(jack).collect::<Vec<_>>()
        };
        assert_eq!(jack_of(list_devices().unwrap_or_default()), [], "nothing without a server");
        let _server = Server::start(&["-S"]);
        let _player = play("a (b)", &["out 1", "out 2"]);
        let _decoy = play("a b", &["out"]);
        let devices = jack_of(list_devices().unwrap());
        let ids: Vec<_> = devices.iter().map(|d| (d.id.as_str(), d.channels, d.rates, d.direction)).collect();
        let expected = |id, n| (id, (1, n), (48_000, 48_000), Direction::Capture);
        let ids_expected = [(r"jack:^a \(b\):", 2), ("jack:^a b:", 1), ("jack:^system:", 2)];
        assert_eq!(ids, ids_expected.map(|(id, n)| expected(id, n)));
        for spec in [devices[0].id.clone(), format!("device:{}", devices[0].id)] {
            let options = CaptureOptions { channels: ChannelChoice::Each, ..CaptureOptions::default() };
            let mut captures = open(&spec.parse().unwrap(), options).unwrap();
            assert_eq!(captures.len(), 2, "{spec}");
            let mut reader = Reader::default();
            until("it is heard", || {
                reader.read(&mut captures[0], 1.0);
                reader.sounding > 4096
            });
        }
        // What the sound card captures: silence, on the dummy backend.
        let mut capture = open(&"jack".parse().unwrap(), CaptureOptions::default()).unwrap().remove(0);
        assert_eq!((capture.info().name.as_str(), capture.info().channels), ("jack", 2));
        let mut out = [0.0; 4096];
        until("something comes", || capture.read(&mut out) > 0);
    });
}

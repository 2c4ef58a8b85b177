//! A headless Chromium, driven through its own pipe: no driver, no port, no crate.
//!
//! Chromium reads commands from descriptor 3 and writes answers to descriptor 4, each a JSON object that ends with a zero
//! byte. A shell puts two named pipes there.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longest wait for anything: the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(120);

/// Runs before the page's own script, in every page: what it plays, what its policy forbade, what it asked for.
const PROBE: &str = r#"
window.probe = { violations: [], analysers: [] };
document.addEventListener("securitypolicyviolation", (e) => probe.violations.push(`${e.violatedDirective}: ${e.blockedURI}`));
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (to, ...rest) {
  if (to instanceof AudioDestinationNode) {
    const analyser = new AnalyserNode(this.context, { fftSize: 4096, smoothingTimeConstant: 0 });
    probe.context = this.context;
    probe.analysers.push(analyser);
    connect.call(this, analyser);
    connect.call(analyser, to);
    return to;
  }
  return connect.call(this, to, ...rest);
};
// Loudest frequency of what goes to the loudspeaker now, in Hz; 0 where nothing does.
probe.hears = () => {
  let best = [1e-6, 0];
  for (const analyser of probe.analysers) {
    const time = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(time);
    const power = time.reduce((sum, x) => sum + x * x, 0) / time.length;
    if (power <= best[0]) continue;
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    best = [power, bins.indexOf(Math.max(...bins)) * probe.context.sampleRate / analyser.fftSize];
  }
  return best[1];
};
"#;

/// A browser with one page.
pub(crate) struct Browser {
    child: Child,
    commands: File,
    answers: Receiver<Value>,
    session: String,
    next_id: u64,
    /// Addresses that the page asked for.
    pub(crate) requests: Vec<String>,
    /// Errors of the page's script.
    pub(crate) errors: Vec<String>,
    profile: tempfile::TempDir,
}

impl Browser {
    /// `None`, said aloud, where there is no Chromium.
    pub(crate) fn open(width: u32, height: u32) -> Option<Self> {
        let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
        let found = std::env::var_os("PATH").and_then(|path| {
            let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
            names.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file()))
        });
        let Some(program) = found else {
            eprintln!("skipped: there is no Chromium here");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let (to, from) = (profile.path().join("to"), profile.path().join("from"));
        assert!(Command::new("mkfifo").arg(&to).arg(&from).status().unwrap().success());
        let flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--autoplay-policy=no-user-gesture-required",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "--remote-debugging-pipe",
        ];
        let child = Command::new("sh")
            .args(["-c", "to=$1; from=$2; shift 2; exec \"$@\" 3<\"$to\" 4>\"$from\"", "sh"])
            .args([&to, &from])
            .arg(program)
            .args(flags)
            .arg(format!("--user-data-dir={}", profile.path().join("profile").display()))
            .arg(format!("--window-size={width},{height}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // In this order the shell opens them, too.
        let commands = File::options().write(true).open(&to).unwrap();
        let mut reader = BufReader::new(File::open(&from).unwrap());
        let (sender, answers) = channel();
        thread::spawn(move || {
            let mut line = Vec::new();
            while reader.read_until(0, &mut line).is_ok_and(|n| n > 0) {
                line.pop();
                if serde_json::from_slice(&line).is_ok_and(|message: Value| sender.send(message).is_err()) {
                    break;
                }
                line.clear();
            }
        });
        let mut browser = Self {
            child,
            commands,
            answers,
            session: String::new(),
            next_id: 0,
            requests: Vec::new(),
            errors: Vec::new(),
            profile,
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        let attached = browser.call("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        browser.session = attached["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Network", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.call("Page.addScriptToEvaluateOnNewDocument", json!({"source": PROBE}));
        let downloads = browser.downloads();
        std::fs::create_dir(&downloads).unwrap();
        let behaviour = json!({"behavior": "allow", "downloadPath": downloads});
        browser.call("Browser.setDownloadBehavior", behaviour);
        Some(browser)
    }

    /// Where downloads come to.
    pub(crate) fn downloads(&self) -> PathBuf {
        self.profile.path().join("downloads")
    }

    /// Sends a command and waits for its answer.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        self.next_id += 1;
        let id = self.next_id;
        let mut command = json!({"id": id, "method": method, "params": params});
        if !self.session.is_empty() && !method.starts_with("Browser.") && !method.starts_with("Target.") {
            command["sessionId"] = json!(self.session);
        }
        self.commands.write_all(format!("{command}\0").as_bytes()).unwrap();
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.answers.recv_timeout(left) {
                Ok(message) if message["id"] == json!(id) => {
                    assert!(message.get("error").is_none(), "{method}: {message}");
                    return message["result"].clone();
                }
                Ok(message) => self.note(&message),
                Err(RecvTimeoutError::Timeout) => panic!("{method} got no answer"),
                Err(RecvTimeoutError::Disconnected) => panic!("the browser has gone ({method})"),
            }
        }
    }

    fn note(&mut self, message: &Value) {
        let params = &message["params"];
        match message["method"].as_str().unwrap_or_default() {
            "Network.requestWillBeSent" => {
                self.requests.push(params["request"]["url"].as_str().unwrap_or_default().to_owned());
            }
            "Runtime.exceptionThrown" => self.errors.push(params["exceptionDetails"].to_string()),
            "Log.entryAdded" if params["entry"]["level"] == "error" => self.errors.push(params["entry"].to_string()),
            "Page.javascriptDialogOpening" => self.errors.push(format!("a dialog: {}", params["message"])),
            _ => {}
        }
    }

    /// Opens a file, and waits until its script has run.
    pub(crate) fn load(&mut self, file: &Path) {
        let url = format!("file://{}", file.display());
        let outcome = self.call("Page.navigate", json!({"url": url}));
        assert!(outcome.get("errorText").is_none(), "{outcome}");
        self.until("document.readyState === 'complete' && document.getElementById('summary')?.textContent !== ''");
    }

    /// Opens a page that a server gives.
    pub(crate) fn visit(&mut self, url: &str) {
        let outcome = self.call("Page.navigate", json!({"url": url}));
        assert!(outcome.get("errorText").is_none(), "{outcome}");
        self.until("document.readyState === 'complete'");
    }

    /// What `script` evaluates to in the page; promises are waited for.
    pub(crate) fn eval(&mut self, script: &str) -> Value {
        let params = json!({"expression": script, "returnByValue": true, "awaitPromise": true, "userGesture": true});
        let outcome = self.call("Runtime.evaluate", params);
        assert!(outcome.get("exceptionDetails").is_none(), "{script}: {outcome}");
        outcome["result"]["value"].clone()
    }

    /// Waits until `script` is true.
    pub(crate) fn until(&mut self, script: &str) {
        let deadline = Instant::now() + DEADLINE;
        while self.eval(script) != json!(true) {
            assert!(Instant::now() < deadline, "this did not come true: {script}\nerrors: {:?}", self.errors);
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Presses and releases a key, as the keyboard would.
    pub(crate) fn press(&mut self, key: &str) {
        let text = if key.chars().count() == 1 { key } else { "" };
        let mut params =
            json!({"type": if text.is_empty() { "rawKeyDown" } else { "keyDown" }, "key": key, "text": text});
        if key == "Escape" {
            params["windowsVirtualKeyCode"] = json!(27);
        }
        self.call("Input.dispatchKeyEvent", params.clone());
        params["type"] = json!("keyUp");
        self.call("Input.dispatchKeyEvent", params);
    }

    /// Clicks the element with the id.
    pub(crate) fn click(&mut self, id: &str) {
        self.eval(&format!("document.getElementById('{id}').click()"));
    }

    /// Waits for a download whose name contains `part`, and takes it out of the downloads.
    pub(crate) fn downloaded(&mut self, part: &str) -> PathBuf {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let files = std::fs::read_dir(self.downloads()).unwrap().filter_map(|entry| Some(entry.ok()?.path()));
            let done = files.filter(|file| {
                let name = file.file_name().unwrap().to_string_lossy();
                // The browser reserves the name with an empty file, and renames what it has written onto that.
                let is_written = file.metadata().is_ok_and(|about| about.len() > 0);
                name.contains(part) && !name.ends_with(".crdownload") && is_written
            });
            if let Some(file) = done.max() {
                let kept = self.profile.path().join(format!(
                    "{}-{}",
                    self.next_id,
                    file.file_name().unwrap().to_string_lossy()
                ));
                std::fs::rename(&file, &kept).unwrap();
                return kept;
            }
            assert!(Instant::now() < deadline, "no download of {part}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Checks that the page asked for nothing but itself and did nothing that it may not.
    pub(crate) fn check_harmless(&mut self) {
        assert_eq!(self.eval("probe.violations"), json!([]));
        assert_eq!(self.eval("typeof window.evil"), json!("undefined"), "markup from an event was run");
        assert_eq!(self.errors, Vec::<String>::new());
        let outside: Vec<&String> = self
            .requests
            .iter()
            .filter(|url| !["file:", "data:", "blob:"].iter().any(|own| url.starts_with(own)))
            .collect();
        assert!(outside.is_empty(), "the page asked for {outside:?}");
        let files = self.requests.iter().filter(|url| url.starts_with("file:")).count();
        assert!(files >= 1, "requests are seen at all");
        assert!(self.requests.iter().filter(|url| url.starts_with("file:")).all(|url| url.ends_with(".html")));
    }

    /// A picture of the page.
    pub(crate) fn screenshot(&mut self, file: &Path) {
        use base64::Engine as _;
        let data = self.call("Page.captureScreenshot", json!({"format": "png"}))["data"].clone();
        let png = base64::engine::general_purpose::STANDARD.decode(data.as_str().unwrap()).unwrap();
        std::fs::write(file, png).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.commands.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

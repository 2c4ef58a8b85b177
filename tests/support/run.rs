//! Running the program as a person would, in a home of its own and without this shell's variables.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// The model where a test names none: small, with everything that a model can have, and the one that the tests' expectations
/// were made with.
pub(crate) const MODEL: &str = "esc13";

/// A fresh home and environment.
pub(crate) struct Run {
    home: TempDir,
    env: Vec<(String, String)>,
    model: Option<&'static str>,
}

/// What a run that succeeded printed.
pub(crate) struct Printed {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), env: Vec::new(), model: Some(MODEL) }
    }

    /// With the default model.
    pub(crate) fn with_default_model(mut self) -> Self {
        self.model = None;
        self
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_earwitness"));
        command.args(args).current_dir(self.home()).env_clear().env("HOME", self.home());
        command.envs(self.model.map(|model| ("EARWITNESS_MODEL", model)));
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        command
    }

    pub(crate) fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs and expects success.
    pub(crate) fn ok(&self, args: &[&str]) -> Printed {
        let output = self.output(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {stderr}");
        Printed { stdout: String::from_utf8(output.stdout).unwrap(), stderr }
    }

    /// Runs, expects the exit code, nothing on stdout and one sentence on stderr, and gives that.
    pub(crate) fn fails(&self, code: i32, args: &[&str]) -> String {
        let output = self.output(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "", "{args:?}");
        assert!(stderr.starts_with("earwitness: ") && stderr.lines().count() == 1, "{args:?}: {stderr}");
        stderr
    }
}

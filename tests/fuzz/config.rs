//! Settings files.

use earwitness::config::{Config, ConfigFile};

use crate::harness::fuzz;

#[test]
fn settings() {
    let plain = Config::default().to_toml().unwrap();
    // The file's examples as settings, too.
    let lively: String = plain
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|l| l.contains(" = ") || l.starts_with('[')).unwrap_or(line))
        .map(|l| format!("{l}\n"))
        .collect();
    let seeds = [
        plain.into_bytes(),
        lively.into_bytes(),
        b"[[input]]\nspec = \"demo\"\n[detector.thresholds]\ndog = 0.5\n".to_vec(),
    ];
    let words = [
        "[[input]]",
        "[detector]",
        "[class.dog]",
        "[groups]",
        "[quiet]",
        "[record]",
        "hours = [\"22:00-06:30\"]",
        " = ",
        "\"dog\"",
    ];
    fuzz("config", &seeds, &words, |case| {
        let text = String::from_utf8_lossy(case).into_owned();
        let config = ConfigFile::from_text("case.toml".into(), text).config()?;
        // What is accepted can be written down, and is the same when it is read again.
        let written = config.to_toml()?;
        let again = ConfigFile::from_text("again.toml".into(), written.clone()).config();
        assert!(again.as_ref().is_ok_and(|again| *again == config), "{again:?}\n{written}");
        Ok(())
    });
}

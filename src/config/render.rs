//! Settings as a documented TOML file.

use std::fmt::Write as _;

use super::settings::{
    ABOUT_GROUPS, ClassConfig, Config, DetectorConfig, Entry, ExecConfig, InputConfig, LogConfig, MetricsConfig,
    MonitorConfig, MqttConfig, QuietConfig, RecordConfig, UiConfig, WebConfig, WebhookConfig,
};
use crate::error::{Error, Result};

const HEAD: &str = "\
# Settings of earwitness. Flags come first, then EARWITNESS_* variables, then this file, then the defaults.
# `earwitness config check FILE` checks a file; `earwitness config show` prints what a run would use.
";

impl Config {
    /// The settings as a documented TOML file that reads back as the same settings.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Bug`] if a value cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String> {
        let sections: [(&str, &[&str], Vec<Entry>); 9] = [
            ("monitor", MonitorConfig::ABOUT, self.monitor.entries()),
            ("detector", DetectorConfig::ABOUT, self.detector.entries()),
            ("quiet", QuietConfig::ABOUT, self.quiet.entries()),
            ("record", RecordConfig::ABOUT, self.record.entries()),
            ("mqtt", MqttConfig::ABOUT, self.mqtt.entries()),
            ("metrics", MetricsConfig::ABOUT, self.metrics.entries()),
            ("web", WebConfig::ABOUT, self.web.entries()),
            ("ui", UiConfig::ABOUT, self.ui.entries()),
            ("log", LogConfig::ABOUT, self.log.entries()),
        ];
        let mut text = HEAD.to_string();
        let not_text = self.not_text();
        if !not_text.is_empty() {
            line(&mut text, &format!("# Not UTF-8, so that no settings file can hold it: {}.", not_text.join(", ")));
            line(&mut text, "# U+FFFD stands for what is not; give such names as flags or variables.");
        }
        for (name, about, entries) in sections {
            text.push('\n');
            comment(&mut text, about);
            line(&mut text, &format!("[{name}]"));
            let mut tables = String::new();
            for entry in entries {
                let value = entry.value.map_err(|e| {
                    Error::bug(format!("the setting {name}.{} cannot be written as TOML: {e}", entry.name))
                })?;
                match value {
                    toml::Value::Table(table) => {
                        tables.push('\n');
                        comment(&mut tables, entry.doc);
                        line(&mut tables, &format!("[{name}.{}]", entry.name));
                        tables.push_str(&table.to_string());
                    }
                    value => {
                        comment(&mut text, entry.doc);
                        line(&mut text, &format!("{} = {value}", entry.name));
                    }
                }
            }
            text.push_str(&tables);
            match name {
                "monitor" => {
                    let inputs = self.input.iter().map(InputConfig::entries).collect();
                    write_tables(&mut text, "input", InputConfig::ABOUT, inputs, InputConfig::default().entries())?;
                }
                "detector" => self.write_classes(&mut text)?,
                "mqtt" => {
                    let webhooks = self.webhook.iter().map(WebhookConfig::entries).collect();
                    let example = WebhookConfig::default().entries();
                    write_tables(&mut text, "webhook", WebhookConfig::ABOUT, webhooks, example)?;
                    let execs = self.exec.iter().map(ExecConfig::entries).collect();
                    write_tables(&mut text, "exec", ExecConfig::ABOUT, execs, ExecConfig::default().entries())?;
                }
                _ => {}
            }
        }
        Ok(text)
    }
}

impl Config {
    /// The settings whose names TOML cannot hold.
    fn not_text(&self) -> Vec<String> {
        let inputs = self.input.iter().enumerate().map(|(i, input)| (format!("input[{i}].spec"), &input.spec));
        let others = [
            ("monitor.input", &self.monitor.input),
            ("monitor.model", &self.monitor.model),
            ("record.dir", &self.record.dir),
            ("log.file", &self.log.file),
        ];
        let all = others.into_iter().map(|(key, name)| (key.to_owned(), name)).chain(inputs);
        all.filter(|(_, name)| !name.is_text()).map(|(key, _)| key).collect()
    }
}

/// The `[[name]]` tables; where there are none, how one would look.
fn write_tables(
    text: &mut String,
    name: &str,
    about: &[&str],
    tables: Vec<Vec<Entry>>,
    example: Vec<Entry>,
) -> Result<()> {
    text.push('\n');
    comment(text, about);
    let (tables, mark) = if tables.is_empty() { (vec![example], "# ") } else { (tables, "") };
    for (i, entries) in tables.into_iter().enumerate() {
        if i > 0 {
            text.push('\n');
        }
        line(text, &format!("{mark}[[{name}]]"));
        for entry in entries {
            let value = entry
                .value
                .map_err(|e| Error::bug(format!("the setting {name}.{} cannot be written as TOML: {e}", entry.name)))?;
            if i == 0 {
                comment(text, entry.doc);
            }
            line(text, &format!("{mark}{} = {value}", entry.name));
        }
    }
    Ok(())
}

impl Config {
    /// `[groups]` and the `[class.…]` tables; where there are none, how one would look.
    fn write_classes(&self, text: &mut String) -> Result<()> {
        let unwritable =
            |what: &str, e: &toml::ser::Error| Error::bug(format!("{what} cannot be written as TOML: {e}"));
        text.push('\n');
        comment(text, ABOUT_GROUPS);
        line(text, "[groups]");
        text.push_str(&toml::to_string(&self.groups).map_err(|e| unwritable("the groups", &e))?);
        text.push('\n');
        comment(text, ClassConfig::ABOUT);
        if self.class.is_empty() {
            line(text, "# [class.dog]");
            for (example, doc) in ClassConfig::EXAMPLE {
                if !doc.is_empty() {
                    comment(text, &[doc]);
                }
                line(text, &format!("# {example}"));
            }
            return Ok(());
        }
        let tables = std::collections::BTreeMap::from([("class", &self.class)]);
        text.push_str(&toml::to_string(&tables).map_err(|e| unwritable("the tables of classes", &e))?);
        Ok(())
    }
}

/// Doc comments begin with the blank after `///`.
fn comment(text: &mut String, lines: &[&str]) {
    for doc in lines {
        line(text, &format!("#{doc}"));
    }
}

fn line(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

//! Which settings differ between two configurations.

use super::settings::Config;
use crate::error::{Error, Result};

impl Config {
    /// The dotted keys whose values differ in `other`, in order, as in `detector.cooldown_secs` or `class.dog.threshold`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Bug`] if a value cannot be written as TOML.
    pub fn changes(&self, other: &Self) -> Result<Vec<String>> {
        let (before, after) = (self.table()?, other.table()?);
        let mut keys = Vec::new();
        compare("", &before, &after, &mut keys);
        keys.sort_unstable();
        Ok(keys)
    }

    fn table(&self) -> Result<toml::Table> {
        toml::from_str(&self.to_toml()?).map_err(|e| Error::bug(format!("the settings do not read back ({e})")))
    }
}

fn compare(path: &str, before: &toml::Table, after: &toml::Table, keys: &mut Vec<String>) {
    let empty = toml::Table::new();
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let key = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match (before.get(name), after.get(name)) {
            (Some(toml::Value::Table(a)), Some(toml::Value::Table(b))) => compare(&key, a, b, keys),
            (Some(toml::Value::Table(a)), None) => compare(&key, a, &empty, keys),
            (None, Some(toml::Value::Table(b))) => compare(&key, &empty, b, keys),
            (a, b) if a != b => keys.push(key),
            _ => {}
        }
    }
}

//! Home Assistant's MQTT discovery: what the monitor announces of itself.

use serde_json::{Value, json};

use super::message::Kind;
use super::options::MqttOptions;
use super::topics::Topics;

/// An entity's announcement, retained.
#[derive(Debug)]
pub(super) struct Entity {
    pub(super) topic: String,
    pub(super) text: String,
}

/// `name` as it may stand in topics and ids: lower-case letters, digits and `_`.
pub(super) fn slug(name: &str) -> String {
    let slug: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    if slug.chars().all(|c| c == '_') { "unnamed".to_owned() } else { slug }
}

/// A label: whether it sounds.
pub(super) fn label(options: &MqttOptions, topics: &Topics, label: &str, slug: &str) -> Entity {
    let about = json!({
        "name": capital(label),
        "device_class": "sound",
        "state_topic": topics.label_state(slug),
        "payload_on": "ON",
        "payload_off": "OFF",
        "json_attributes_topic": topics.label_event(slug),
    });
    entity(options, topics, "binary_sensor", &format!("label_{slug}"), about)
}

/// The newest event.
pub(super) fn last_event(options: &MqttOptions, topics: &Topics) -> Entity {
    let about = json!({
        "name": "Last event",
        "icon": "mdi:ear-hearing",
        "state_topic": topics.last_event(),
        "value_template": "{{ value_json.label }}",
        "json_attributes_topic": topics.last_event(),
    });
    entity(options, topics, "sensor", "last_event", about)
}

/// How many events yesterday had, and what else it was like.
pub(super) fn daily(options: &MqttOptions, topics: &Topics) -> Entity {
    let about = json!({
        "name": "Events yesterday",
        "icon": "mdi:calendar-today",
        "state_topic": topics.daily(),
        "value_template": "{{ value_json.n_events }}",
        "json_attributes_topic": topics.daily(),
    });
    entity(options, topics, "sensor", "daily", about)
}

/// An input: whether anything sounds there, its level, and whether something is wrong with it.
pub(super) fn input(options: &MqttOptions, topics: &Topics, source: &str, slug: &str) -> [Entity; 3] {
    let sound = json!({
        "name": format!("Sound at {source}"),
        "device_class": "sound",
        "state_topic": topics.input_state(slug),
        "payload_on": "ON",
        "payload_off": "OFF",
        "json_attributes_topic": topics.input_event(slug),
    });
    let level = json!({
        "name": format!("Level of {source}"),
        "icon": "mdi:volume-medium",
        "unit_of_measurement": "dBFS",
        "state_class": "measurement",
        "state_topic": topics.input_status(slug),
        "value_template": "{{ value_json.level_dbfs }}",
    });
    let problem = json!({
        "name": format!("Problem of {source}"),
        "device_class": "problem",
        "entity_category": "diagnostic",
        "state_topic": topics.input_status(slug),
        "value_template": "{{ 'ON' if value_json.health != 'hearing' else 'OFF' }}",
        "json_attributes_topic": topics.input_status(slug),
    });
    [
        entity(options, topics, "binary_sensor", &format!("sound_{slug}"), sound),
        entity(options, topics, "sensor", &format!("level_{slug}"), level),
        entity(options, topics, "binary_sensor", &format!("problem_{slug}"), problem),
    ]
}

/// The picture of the newest recorded event, of all inputs or of one, which has a name and a slug.
pub(super) fn picture(options: &MqttOptions, topics: &Topics, input: Option<(&str, &str)>) -> Entity {
    let (name, topic, id) = match input {
        None => ("Picture of the last event".to_owned(), topics.picture(), "picture".to_owned()),
        Some((source, slug)) => {
            (format!("Picture of the last event at {source}"), topics.input_picture(slug), format!("picture_{slug}"))
        }
    };
    entity(options, topics, "image", &id, json!({"name": name, "image_topic": topic, "content_type": "image/png"}))
}

/// A trigger of the device, for automations: an event of a label. It has no state, so neither id nor availability.
pub(super) fn trigger(options: &MqttOptions, topics: &Topics, label: &str, slug: &str) -> Entity {
    let about = json!({
        "automation_type": "trigger",
        "type": "heard",
        "subtype": label,
        "topic": topics.message(Kind::Event),
        "value_template": "{{ value_json.label }}",
        "payload": label,
        "device": device(options),
        "origin": origin(),
    });
    let id = id(options, &format!("heard_{slug}"));
    Entity { topic: format!("{}/device_automation/{id}/config", options.discovery_topic), text: about.to_string() }
}

/// Adds what all entities have: id, availability, and the device that they belong to.
fn entity(options: &MqttOptions, topics: &Topics, component: &str, name: &str, mut about: Value) -> Entity {
    let id = id(options, name);
    about["unique_id"] = id.clone().into();
    about["availability_topic"] = topics.availability().into();
    about["device"] = device(options);
    about["origin"] = origin();
    Entity { topic: format!("{}/{component}/{id}/config", options.discovery_topic), text: about.to_string() }
}

fn id(options: &MqttOptions, name: &str) -> String {
    match slug(&options.base_topic).as_str() {
        "earwitness" => format!("earwitness_{name}"),
        device => format!("earwitness_{device}_{name}"),
    }
}

fn device(options: &MqttOptions) -> Value {
    let device = slug(&options.base_topic);
    json!({
        "identifiers": [format!("earwitness_{device}")],
        "name": if device == "earwitness" { "earwitness".to_owned() } else { format!("earwitness {}", options.base_topic) },
        "manufacturer": "earwitness",
        "model": options.model,
        "sw_version": env!("CARGO_PKG_VERSION"),
    })
}

fn origin() -> Value {
    json!({"name": "earwitness", "sw_version": env!("CARGO_PKG_VERSION")})
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_safe_for_topics() {
        assert_eq!(slug("Crying baby"), "crying_baby");
        assert_eq!(slug("device:alsa:hw:CARD=USB#1"), "device_alsa_hw_card_usb_1");
        assert_eq!(slug("+/#"), "unnamed");
        assert_eq!(capital("dog"), "Dog");
    }
}

//! The schemas of `docs/schema`, for lines and records: as much of JSON Schema (draft 2020-12) as they use. A word that is not
//! known here fails, so that nothing in them goes unchecked.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;
use serde_json::Value;

/// Asserts that `value` is what `docs/schema/NAME.json` says, and has no field that it does not name, at any depth: whoever
/// adds a field adds it there.
#[track_caller]
pub(crate) fn assert_fits(name: &str, value: &Value) {
    let errors = errors(name, value);
    assert!(errors.is_empty(), "{name}: {errors:?} in {value}");
}

/// What is wrong with `value`.
pub(crate) fn errors(name: &str, value: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    whole(&read(&format!("{name}.json")), value, "", &mut errors);
    errors
}

fn read(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema").join(file);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A value by itself: what a schema says of it, and that it names all fields.
fn whole(schema: &Value, value: &Value, at: &str, errors: &mut Vec<String>) {
    let mut named = BTreeSet::new();
    check(schema, value, at, &mut named, errors);
    let unnamed = value.as_object().into_iter().flatten().filter(|(field, _)| !named.contains(*field));
    errors.extend(unnamed.map(|(field, _)| format!("{at}/{field} is not named")));
}

/// `named` gets the fields that the schema names.
fn check(schema: &Value, value: &Value, at: &str, named: &mut BTreeSet<String>, errors: &mut Vec<String>) {
    for (word, says) in schema.as_object().unwrap() {
        let fits = match word.as_str() {
            "$schema" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let (file, pointer) = says.as_str().unwrap().split_once('#').unwrap();
                check(read(file).pointer(pointer).unwrap(), value, at, named, errors);
                true
            }
            "allOf" => {
                says.as_array().unwrap().iter().for_each(|schema| check(schema, value, at, named, errors));
                true
            }
            "type" => match says {
                Value::Array(types) => types.iter().any(|one| is(one, value)),
                one => is(one, value),
            },
            "const" => value == says,
            "enum" => says.as_array().unwrap().contains(value),
            "pattern" => value.as_str().is_none_or(|text| Regex::new(says.as_str().unwrap()).unwrap().is_match(text)),
            "minimum" => value.as_f64().is_none_or(|n| n >= says.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|n| n <= says.as_f64().unwrap()),
            "required" => {
                let has = |field: &Value| value.get(field.as_str().unwrap()).is_some();
                !value.is_object() || says.as_array().unwrap().iter().all(has)
            }
            "properties" => {
                for (field, schema) in says.as_object().unwrap() {
                    named.insert(field.clone());
                    if let Some(value) = value.get(field) {
                        whole(schema, value, &format!("{at}/{field}"), errors);
                    }
                }
                true
            }
            "items" => {
                for (i, value) in value.as_array().into_iter().flatten().enumerate() {
                    whole(says, value, &format!("{at}/{i}"), errors);
                }
                true
            }
            _ => panic!("the schemas use {word:?}, which is not checked here"),
        };
        if !fits {
            errors.push(format!("{at} is {value}, and {word} says {says}"));
        }
    }
}

/// Whether `value` is of a type.
fn is(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other:?} is no type"),
    }
}

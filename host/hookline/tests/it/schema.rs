//! The JSON schema of items: made of the field tables, published as docs/item.schema.json, and what the goldens are checked with.

use crate::support::{compare, root};
use hookline_dissect::protocols;
use hookline_item::{Field, ITEM_FIELDS, Kind};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

#[test]
fn generated_item_schema() {
    let text = serde_json::to_string_pretty(&item_schema()).unwrap() + "\n";
    compare(&root().join("docs/item.schema.json"), &text);
}

/// The schema (JSON Schema 2020-12): the envelope, and for each protocol what its sides have.
fn item_schema() -> Value {
    let of_protocols: Vec<Value> = protocols()
        .map(|p| {
            let sides = [("request", p.request), ("response", p.response), ("data", p.data)];
            let properties: Map<_, _> = sides.into_iter().map(|(side, fields)| (side.to_owned(), object(fields))).collect();
            json!({
                "if": {"properties": {"protocol": {"properties": {"name": {"const": p.name}}}}},
                "then": {"properties": properties},
            })
        })
        .collect();
    let mut schema = object(ITEM_FIELDS);
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Hookline item",
        "description": "One line of `hookline read --format ndjson`. Written by `cargo xtask gen` from the tables of docs/fields.md.",
    });
    let Value::Object(mut all) = head else { unreachable!() };
    all.append(schema.as_object_mut().unwrap());
    all.insert("allOf".to_owned(), of_protocols.into());
    all.into()
}

fn object(fields: &[Field]) -> Value {
    let properties: Map<_, _> = fields.iter().map(|f| (f.name.to_owned(), field(f))).collect();
    json!({"type": ["object", "null"], "properties": properties, "additionalProperties": false})
}

fn field(field: &Field) -> Value {
    let mut schema = match (field.kind, field.below) {
        (Kind::Bool, _) => json!({"type": ["boolean", "null"]}),
        (Kind::U64, _) => json!({"type": ["integer", "null"], "minimum": 0}),
        (Kind::I64, _) => json!({"type": ["integer", "null"]}),
        (Kind::F64, _) => json!({"type": ["number", "null"]}),
        (Kind::Str, _) => json!({"type": ["string", "null"]}),
        (Kind::Bytes, _) => json!({"type": ["string", "null"], "contentEncoding": "base64"}),
        (Kind::List, None) => json!({"type": ["array", "null"]}),
        (Kind::List, Some(below)) => json!({"type": ["array", "null"], "items": object(below)}),
        (Kind::Object, Some(below)) => object(below),
        // Names from the wire, or a value of any type.
        (Kind::Object, None) => json!({}),
    };
    schema["description"] = field.doc.into();
    schema
}

/// What in `item` does not follow the published schema.
pub(crate) fn violations(item: &Value) -> Vec<String> {
    static SCHEMA: LazyLock<Value> = LazyLock::new(item_schema);
    let schema = &*SCHEMA;
    let mut found = Vec::new();
    check(schema, item, "item", &mut found);
    let name = &item["protocol"]["name"];
    let mut of_protocol = schema["allOf"].as_array().unwrap().iter();
    match of_protocol.find(|s| s["if"]["properties"]["protocol"]["properties"]["name"]["const"] == *name) {
        Some(rule) => check(&rule["then"], item, "item", &mut found),
        None => found.push(format!("there is no protocol {name}")),
    }
    found
}

/// The part of JSON Schema that the schema uses.
fn check(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let is = |kind: &Value| match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        kind => panic!("the schema has a type {kind}"),
    };
    if schema["type"].as_array().is_some_and(|kinds| !kinds.iter().any(is)) {
        found.push(format!("{path} is {value}"));
    }
    if schema["minimum"].is_u64() && value.is_i64() && !value.is_u64() {
        found.push(format!("{path} is negative"));
    }
    for (n, one) in value.as_array().into_iter().flatten().enumerate() {
        check(&schema["items"], one, &format!("{path}[{n}]"), found);
    }
    for (name, one) in value.as_object().into_iter().flatten() {
        match schema["properties"].get(name) {
            Some(below) => check(below, one, &format!("{path}.{name}"), found),
            None if schema["additionalProperties"] == false => found.push(format!("{path} has a field {name}")),
            None => {}
        }
    }
}

#[test]
fn what_is_wrong_is_found() {
    let item = json!({"protocol": {"name": "redis"}, "index": "1", "request": {"command": 7, "odd": 1}});
    let found = violations(&item);
    assert_eq!(found, ["item.index is \"1\"", "item.request.command is 7", "item.request has a field odd"]);
}

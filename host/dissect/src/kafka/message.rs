//! What Kafka items say: made from the bytes when somebody asks.

use super::{
    apis, codes,
    wire::{Header, SIZE_LEN},
};
use crate::{exchange, made::Made};
use hookline_item::{Value, object};
use std::borrow::Cow;

/// A request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) key: i16,
    pub(super) version: i16,
    correlation: i32,
    client_id: String,
    /// Bytes after the size field, on the wire.
    size: u64,
    body: Box<[u8]>,
}

/// A response; with the API of its request, if that was seen.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) correlation: i32,
    size: u64,
    pub(super) api: Option<(i16, i16)>,
    body: Box<[u8]>,
}

object! {
    Request as r, REQUEST_FIELDS {
        "apiKey": I64, "API key" => i64::from(r.key);
        "apiKeyName": Str, "Its name" => Value::Str(codes::api_name(r.key));
        "apiVersion": I64, "Version of the API" => i64::from(r.version);
        "correlationID": I64, "By which the response is matched" => i64::from(r.correlation);
        "clientID": Str, "The client's name for itself" => r.client_id.as_str();
        "size": U64, "Bytes of the message, as its size field says" => r.size;
        "topics": List, "Names of the topics in it, or their ids where it has no names" => Value::MadeList(Box::new(topics(&r.payload())));
        "payload": Object, "The body, by the names of Kafka's message definitions; record batches as records and recordBatches" => r.payload().into_value();
    }
}

object! {
    Response as r, RESPONSE_FIELDS {
        "correlationID": I64, "That of the request" => i64::from(r.correlation);
        "size": U64, "Bytes of the message, as its size field says" => r.size;
        "errorCode": I64, "The first error code in it that is not 0, else 0; absent where it has none, or its request was not seen" => r.error();
        "errorName": Str, "Its name" => r.error().map_or(Value::Absent, |code| Value::Str(codes::error_name(code)));
        "topics": List, "Names of the topics in it, or their ids where it has no names" => Value::MadeList(Box::new(topics(&r.payload())));
        "payload": Object, "The body, by the names of Kafka's message definitions; absent where the request was not seen" => r.payload().into_value();
    }
}

impl Request {
    pub(super) fn new(header: &Header<'_>, wire_len: u64) -> Self {
        Self {
            key: header.key,
            version: header.version,
            correlation: header.correlation,
            client_id: String::from_utf8_lossy(header.client_id.unwrap_or_default()).into_owned(),
            size: wire_len.saturating_sub(SIZE_LEN as u64),
            body: header.body.into(),
        }
    }

    fn payload(&self) -> Made {
        apis::get(self.key).map_or(Made::Fields(Vec::new()), |api| api.read_request(self.version, &self.body))
    }

    /// Whether no response comes: it produces, and wants no acknowledgment.
    pub(super) fn is_one_way(&self) -> bool {
        const PRODUCE: i16 = 0;
        let acks = || apis::get(self.key)?.peek_request(self.version, &self.body, "acks");
        self.key == PRODUCE && acks() == Some(Made::Signed(0))
    }
}

impl Response {
    pub(super) fn new(correlation: i32, wire_len: u64, api: Option<(i16, i16)>, body: &[u8]) -> Self {
        Self { correlation, size: wire_len.saturating_sub(SIZE_LEN as u64), api, body: body.into() }
    }

    fn payload(&self) -> Made {
        let api = self.api.and_then(|(key, version)| apis::get(key).map(|api| (api, version)));
        api.map_or(Made::Fields(Vec::new()), |(api, version)| api.read_response(version, &self.body))
    }

    fn error(&self) -> Option<i64> {
        let mut codes = Vec::new();
        error_codes(&self.payload(), &mut codes);
        codes.iter().find(|code| **code != 0).or(codes.first()).copied()
    }
}

fn get<'a>(made: &'a Made, name: &str) -> Option<&'a Made> {
    match made {
        Made::Fields(fields) => fields.iter().find(|(n, _)| *n == name).map(|(_, value)| value),
        _ => None,
    }
}

/// All error codes in a body, in their order.
fn error_codes(made: &Made, codes: &mut Vec<i64>) {
    match made {
        Made::Fields(fields) => fields.iter().for_each(|(name, value)| match value {
            Made::Signed(code) if *name == "errorCode" => codes.push(*code),
            // Records are the users' own.
            Made::List(_) | Made::Fields(_) if *name != "records" => error_codes(value, codes),
            _ => {}
        }),
        Made::List(list) => list.iter().for_each(|value| error_codes(value, codes)),
        _ => {}
    }
}

/// The topics that a body names, in its lists of topics.
fn topics(payload: &Made) -> Vec<String> {
    let mut names = Vec::new();
    for list in ["topics", "topicNames", "topicData", "responses", "groups"] {
        let Some(Made::List(list)) = get(payload, list) else { continue };
        for entry in list {
            if let Made::Text(name) = entry {
                names.push(name.clone());
            }
            let named = ["name", "topic", "topicId"].into_iter().filter_map(|field| get(entry, field));
            names.extend(named.filter_map(|name| if let Made::Text(name) = name { Some(name.clone()) } else { None }).take(1));
            names.extend(topics(entry));
        }
    }
    names
}

impl exchange::Request for Request {
    /// The first topic, or the client.
    fn summary(&self) -> Cow<'_, str> {
        topics(&self.payload()).into_iter().next().map_or_else(|| self.client_id.as_str().into(), Cow::Owned)
    }
    fn method(&self) -> Cow<'_, str> {
        codes::api_name(self.key)
    }
}

impl exchange::Response for Response {
    fn status(&self) -> Option<i64> {
        self.error()
    }
    fn method(&self) -> Cow<'_, str> {
        self.api.map_or("".into(), |(key, _)| codes::api_name(key))
    }
}

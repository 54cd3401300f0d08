//! Items for the tests of other crates.

use crate::{Completeness, Endpoint, Item, Message, Origin, Protocol, Timestamp};
use std::{borrow::Cow, sync::Arc};

/// A protocol that does not exist.
pub static PROTOCOL: Protocol = Protocol {
    name: "test",
    version: "",
    abbr: "TEST",
    long_name: "",
    macro_name: "",
    layer3: "ip",
    layer4: "tcp",
    ports: &[],
    reference: "",
};

/// A message that says nothing.
#[derive(Debug)]
pub struct Nothing;

impl Message for Nothing {
    fn summary(&self) -> Cow<'_, str> {
        "nothing".into()
    }
    fn method(&self) -> Cow<'_, str> {
        "GET".into()
    }
    fn status(&self) -> Option<i64> {
        Some(204)
    }
}

/// The item of this index in stream 1: one a second, between two hosts.
#[must_use]
pub fn item(index: u64, protocol: &'static Protocol, message: Box<dyn Message>) -> Arc<Item> {
    Arc::new(Item {
        index,
        stream: 1,
        protocol,
        tls: false,
        src: Endpoint::new([10, 0, 0, 1].into(), 50_000),
        dst: Endpoint::new([10, 0, 0, 2].into(), 80),
        start: Timestamp::new(1_000 + index, 0),
        elapsed: None,
        request_size: index,
        response_size: 20,
        error: None,
        anomalies: Vec::new(),
        completeness: Completeness::default(),
        origin: Arc::new(Origin::default()),
        request_frames: None,
        response_frames: None,
        message,
    })
}

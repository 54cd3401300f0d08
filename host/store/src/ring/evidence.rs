//! From items to their packets: which streams they are of, what their addresses are called, and which items a stream has.

use super::{Kept, PacketQuery, to_pcapng};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// Bytes of what is said of a stream.
const COMMENT_MAX: usize = 1000;

/// What items say of the packets that they were made of.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    streams: BTreeSet<u64>,
    names: BTreeMap<IpAddr, String>,
    /// The items of each stream, for people.
    comments: BTreeMap<u64, String>,
}

impl Evidence {
    /// Adds an item, as the store has it; one that names no stream adds nothing.
    pub fn add(&mut self, item: &Map<String, Value>) {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(stream) = item.get("stream").and_then(Value::as_str).and_then(stream_of) else { return };
        self.streams.insert(stream);
        for side in ["src", "dst"] {
            let (ip, name) = (text(item[side].get("ip")), text(item[side].get("name")));
            if let (Ok(ip), false) = (ip.parse(), name.is_empty()) {
                self.names.insert(ip, name);
            }
        }
        let comment = self.comments.entry(stream).or_default();
        let said =
            format!("{}{} {}", if comment.is_empty() { "hookline items: " } else { "; " }, text(item.get("id")), text(item.get("summary")));
        if comment.len() + said.len() <= COMMENT_MAX {
            comment.push_str(&said);
        }
    }

    /// How many streams there are.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// The packets of these streams, whole, with their handshakes.
    #[must_use]
    pub fn query(&self) -> PacketQuery {
        PacketQuery { streams: Some(self.streams.iter().copied().collect()), ..PacketQuery::default() }
    }

    /// The packets as a file, with what is known of them.
    #[must_use]
    pub fn to_pcapng(&self, packets: &[Kept]) -> Vec<u8> {
        to_pcapng(packets, &self.names, &|stream| self.comments.get(&stream).cloned())
    }
}

/// The number of a stream, as items have it (hexadecimal).
#[must_use]
pub fn stream_of(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

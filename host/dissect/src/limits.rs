//! What one flow may cost, each limit with its reason.

use crate::{Dissector, Follow, Redaction, protocols};
use hookline_item::Protocol;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// What is set for all conversations: their limits, which are per flow and side unless they say otherwise, and what the user wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes kept of one side while it is not known which protocol it speaks: a request line with the longest URI that servers take (8 KiB), twice.
    pub probe_bytes: usize,
    /// Segments or datagrams that are probed at their start in a flow that was picked up in its middle, before it is left alone.
    pub probe_tries: u32,
    /// Bytes of a message kept while its end has not come: a 64 KiB DNS message, a header block, a chunk line.
    pub pending_bytes: usize,
    /// Bytes kept of one message of a protocol whose messages have their length before them; what is beyond is counted (`cut`).
    pub message_max: usize,
    /// Bytes kept of one body; what is beyond is counted (`cut`). As Kubeshark.
    pub body_max: usize,
    /// Whether somebody reads what bodies say. If not, bodies of HTTP are counted, and kept only where they tell what an exchange is.
    pub contents: bool,
    /// Bytes that decoding one body may give, several times `body_max` because text packs well.
    pub decoded_max: usize,
    /// Bytes of one header block: Apache takes 100 fields of 8 KiB, nginx 32 KiB; beyond this it is an attack or not HTTP.
    pub head_max: usize,
    /// Header fields in one block: ten times what browsers send.
    pub fields_max: usize,
    /// Requests waiting for their responses (pipelining) before the oldest is given up.
    pub requests_max: usize,
    /// Bytes that waiting requests may hold together.
    pub requests_bytes_max: usize,
    /// Interim (1xx) responses kept of one exchange.
    pub interim_max: usize,
    /// How long a request waits for its response while its connection stays open: long polls and slow queries take minutes.
    pub request_timeout: Duration,
    /// DNS queries waiting for answers: a resolver's shared socket has hundreds.
    pub queries_max: usize,
    /// How long a DNS query waits for its answer: resolvers give up after 5 to 30 s (RFC 1035 §7.3, glibc: 5 s, 3 tries).
    pub query_timeout: Duration,
    /// Names of oddities kept per item.
    pub anomalies_max: usize,
    /// What is masked.
    pub redaction: Redaction,
    /// Server ports and the names of the protocols that are spoken there, whatever the bytes look like.
    pub port_mapping: Vec<(u16, &'static str)>,
    /// Which protocols somebody wants items of; absent if all.
    pub wanted: Option<Wanted>,
}

/// The protocols that somebody wants items of. What leads to no such item is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    names: BTreeSet<String>,
    /// The limits of flows that are only followed.
    followed: Arc<Limits>,
}

impl Wanted {
    /// Whether items of this protocol are wanted.
    #[must_use]
    pub fn has(&self, protocol: &Protocol) -> bool {
        self.names.contains(protocol.name) || self.names.contains(protocol.abbr)
    }
}

/// How much of a protocol's flow is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Whole,
    WithoutBodies,
    Nothing,
}

impl Limits {
    /// The same with items of these protocols only, given by name (`http`) or by what a row shows (`HTTP/2`).
    #[must_use]
    pub fn wanting(self, names: BTreeSet<String>) -> Self {
        let only = |names, followed| Some(Wanted { names, followed });
        let whole = Self { wanted: None, ..self };
        let nothing_kept = Self { body_max: 0, decoded_max: 0, ..whole.clone() };
        let followed = Self { wanted: only(names.clone(), Arc::new(nothing_kept.clone())), ..nothing_kept };
        Self { wanted: only(names, Arc::new(followed)), ..whole }
    }

    /// How much of a flow is read in which `dissector` has been recognised, and which `sum` will sum up. Numbers of items count what nobody
    /// wants too, so that an item is called the same whoever looks on: a flow whose sum is wanted is read.
    pub(crate) fn reading(&self, dissector: &Dissector, sum: Option<&Protocol>) -> Reading {
        let Some(wanted) = &self.wanted else { return Reading::Whole };
        let wants = |dissector: &Dissector| dissector.protocols.iter().any(|p| wanted.has(p));
        match dissector.follow {
            _ if wants(dissector) || sum.is_some_and(|sum| wanted.has(sum)) => Reading::Whole,
            Follow::Others { in_bodies } if protocols().any(|d| in_bodies.contains(&d.name) && wants(d)) => Reading::Whole,
            Follow::Others { .. } => Reading::WithoutBodies,
            Follow::Nothing => Reading::Nothing,
        }
    }

    /// The limits of a flow of which so much is read.
    pub(crate) fn of(&self, reading: Reading) -> &Self {
        match &self.wanted {
            Some(wanted) if reading == Reading::WithoutBodies => &wanted.followed,
            _ => self,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            probe_bytes: 16 << 10,
            probe_tries: 64,
            pending_bytes: 256 << 10,
            message_max: 256 << 10,
            body_max: 1 << 20,
            contents: true,
            decoded_max: 4 << 20,
            head_max: 128 << 10,
            fields_max: 1000,
            requests_max: 512,
            requests_bytes_max: 4 << 20,
            interim_max: 8,
            request_timeout: Duration::from_secs(600),
            queries_max: 1024,
            query_timeout: Duration::from_secs(30),
            anomalies_max: 8,
            redaction: Redaction::default(),
            port_mapping: Vec::new(),
            wanted: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_in_bodies_has_them_read_under_either_of_its_names() {
        let reading = |dissector: &str, wanted: &str| {
            let limits = Limits::default().wanting(BTreeSet::from([wanted.to_owned()]));
            let dissector = protocols().find(|d| d.name == dissector).unwrap();
            limits.reading(dissector, crate::totals::protocol(hookline_item::Transport::Tcp))
        };
        assert_eq!(["sse", "SSE", "HTTP/2", "http"].map(|name| reading("http", name)), [Reading::Whole; 4]);
        assert_eq!(["dns", "WS"].map(|name| reading("http", name)), [Reading::WithoutBodies; 2]);
        assert_eq!(["http", "redis", "tcp"].map(|name| reading("redis", name)), [Reading::Nothing, Reading::Whole, Reading::Whole]);
    }
}

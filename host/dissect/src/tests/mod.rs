//! Properties of the whole crate (cuts do not matter, nothing panics, nothing grows without bound), and what the protocols' tests share.

mod amqp;
mod diameter;
mod dns;
mod http;
mod http2;
mod icmp;
mod kafka;
mod ldap;
mod memcached;
mod mongodb;
mod mqtt;
mod mysql;
mod nats;
mod postgresql;
mod quic;
mod radius;
mod redis;
mod sse;
mod tls;
mod totals;
mod ws;

use crate::{Close, Conversation, Flow, Limits, Transport, fuzz, protocols};
use hookline_item::{Item, Seen, Sender, Timestamp, json};
use proptest::{collection::vec, prelude::*};

pub(crate) const CLIENT: Sender = Sender::Client;
pub(crate) const SERVER: Sender = Sender::Server;

/// What is said in a conversation, turn by turn.
pub(crate) type Turns<'a> = &'a [(Sender, &'a [u8])];

pub(crate) fn tcp(port: u16) -> Conversation {
    tcp_within(port, Limits::default())
}

fn tcp_within(port: u16, limits: Limits) -> Conversation {
    let flow = Flow::new(7, Transport::Tcp, "10.0.0.1:40000".parse().unwrap(), format!("10.0.0.2:{port}").parse().unwrap());
    Conversation::new(flow, limits.into())
}

pub(crate) fn udp(port: u16) -> Conversation {
    let flow = Flow::new(7, Transport::Udp, "10.0.0.1:40000".parse().unwrap(), format!("10.0.0.2:{port}").parse().unwrap());
    Conversation::new(flow, Limits::default().into())
}

pub(crate) fn at(ms: u64) -> Seen {
    Seen { at: Timestamp(ms * 1_000_000), frame: ms }
}

pub(crate) fn shown(items: &[Item]) -> Vec<serde_json::Value> {
    items.iter().map(|i| serde_json::from_str(&json::to_string(i)).unwrap()).collect()
}

/// Runs turns of talk, each cut into pieces of the sizes that `cuts` gives in turn.
pub(crate) fn talk(port: u16, turns: Turns<'_>, cuts: &[usize]) -> Vec<Item> {
    talk_to(tcp(port), turns, cuts)
}

fn talk_to(mut conversation: Conversation, turns: Turns<'_>, cuts: &[usize]) -> Vec<Item> {
    let (mut out, mut cuts) = (Vec::new(), cuts.iter().cycle());
    for (n, (from, bytes)) in (1..).zip(turns) {
        let mut rest = *bytes;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((*cuts.next().unwrap()).clamp(1, rest.len()));
            conversation.bytes(*from, at(n), piece, &mut out);
            rest = after;
        }
    }
    conversation.close(Close::Fin, at(99), &mut out);
    out
}

pub(crate) fn whole(port: u16, turns: Turns<'_>) -> Vec<serde_json::Value> {
    shown(&talk(port, turns, &[usize::MAX]))
}

/// That the items of `turns` are the same however each turn is cut into segments.
pub(crate) fn assert_cuts_do_not_matter(port: u16, turns: Turns<'_>) {
    let want = whole(port, turns);
    assert!(!want.is_empty());
    for size in [1, 2, 3, 5, 7, 16, 60] {
        assert_eq!(shown(&talk(port, turns, &[size])), want, "in pieces of {size}");
    }
    assert_contents_are_all_that_is_left_out(port, turns, &want);
    proptest!(ProptestConfig::with_cases(32), |(cuts in vec(1usize..60, 1..40))| {
        prop_assert_eq!(&shown(&talk(port, turns, &cuts)), &want);
    });
}

/// That the items of `turns` say the same where nobody reads contents, but for the contents.
fn assert_contents_are_all_that_is_left_out(port: u16, turns: Turns<'_>, want: &[serde_json::Value]) {
    let limits = Limits { contents: false, ..Limits::default() };
    let got = shown(&talk_to(tcp_within(port, limits), turns, &[usize::MAX]));
    assert_eq!(got.iter().map(without_contents).collect::<Vec<_>>(), want.iter().map(without_contents).collect::<Vec<_>>());
}

/// Those fields of HTTP in which contents stand, by the names at which a filter's plan says that it reads contents.
fn without_contents(item: &serde_json::Value) -> serde_json::Value {
    let mut item = item.clone();
    for half in ["request", "response"] {
        if let Some(half) = item.get_mut(half).and_then(|half| half.as_object_mut()) {
            half.retain(|name, _| !["content", "body", "postData", "graphql"].contains(&name.as_str()));
        }
    }
    item
}

/// That `turns` with bytes changed are survived.
pub(crate) fn assert_damage_is_survived(port: u16, turns: Turns<'_>) {
    proptest!(ProptestConfig::with_cases(128), |(damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), cuts in vec(1usize..60, 1..10))| {
        let mut turns: Vec<(Sender, Vec<u8>)> = turns.iter().map(|(from, bytes)| (*from, bytes.to_vec())).collect();
        for (at, to) in &damage {
            let all: usize = turns.iter().map(|(_, b)| b.len()).sum();
            let mut bytes = turns.iter_mut().flat_map(|(_, b)| b.iter_mut());
            if let Some(byte) = bytes.nth(at.index(all)) {
                *byte = *to;
            }
        }
        let turns: Vec<(Sender, &[u8])> = turns.iter().map(|(from, bytes)| (*from, &bytes[..])).collect();
        shown(&talk(port, &turns, &cuts));
    });
}

/// `turns` as owned bytes, borrowed.
pub(crate) fn borrowed(turns: &[(Sender, Vec<u8>)]) -> Vec<(Sender, &[u8])> {
    turns.iter().map(|(from, bytes)| (*from, &bytes[..])).collect()
}

proptest! {
    #[test]
    fn any_bytes_are_survived(data in vec(any::<u8>(), 0..600)) {
        for protocol in protocols() {
            fuzz(protocol.name, &data);
        }
    }
}

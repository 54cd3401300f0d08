//! Redis: RESP2 and RESP3 (redis.io, "Redis serialization protocol specification") and inline commands, over TCP.
//!
//! Usual port 6379; commands in arrays are recognised on any port, inline commands and what a server says first only there. Responses come
//! in the order of the commands; pushes (RESP3 `>`, published messages, MONITOR's lines) answer nothing. After a replica was accepted
//! (PSYNC, SYNC) the stream is a replication log and is not read. Not read: cluster bus, TLS.
//!
//! Limits: nesting of 16, 1,024 elements shown of one command or reply, lines of 64 KiB; of longer values what comes first is kept
//! ([`crate::Limits`] `message_max`), where their length is known from their last element.

mod message;
mod resp;
mod session;

use crate::{Dissector, Probe, Transport, Verdict, framed::Framed, macros::protocol_versions};
use hookline_item::Sender;
use resp::Extent;

pub(crate) static DISSECTOR: Dissector = Dissector {
    name: "redis",
    doc: "Redis (RESP2, RESP3 and inline commands) over TCP",
    protocols: &[&REDIS],
    transports: &[Transport::Tcp],
    ports: &[6379],
    begins_late: false,
    follow: crate::Follow::Nothing,
    probe,
    new_session: |flow, _| Box::new(Framed::new(session::Redis::default(), flow)),
    request: message::REQUEST_FIELDS,
    response: message::RESPONSE_FIELDS,
    data: &[],
    anomalies: anomaly::ALL,
};

protocol_versions! { "redis", "tcp", ["6379"]; REDIS = "", "REDIS", "Redis Serialization Protocol", "https://redis.io/docs/latest/develop/reference/protocol-spec/"; }

/// A command in an array of bulk strings is certain; a reply is believed where its sender has Redis's port, or waits for the other side.
fn probe(probe: &Probe<'_>) -> Verdict {
    let usual = probe.flow.uses_port(DISSECTOR.ports);
    let Some(first) = probe.bytes.first() else { return Verdict::Maybe };
    if !resp::is_type(*first) {
        let inline = usual && probe.from == Sender::Client && resp::is_inline(probe.bytes);
        return if inline { Verdict::Yes(Sender::Client) } else { Verdict::No };
    }
    match resp::command_start(probe.bytes) {
        Some(true) => return Verdict::Yes(sender_of_strings(probe)),
        None => return Verdict::Maybe,
        Some(false) => {}
    }
    match resp::extent(probe.bytes) {
        Extent::Broken => Verdict::No,
        Extent::Whole(_) if usual || (probe.flow.mid_stream && *first != b'+' && *first != b'-') => Verdict::Yes(Sender::Server),
        _ => Verdict::Maybe,
    }
}

/// Who sent an array of strings: a command, or a reply that looks like one.
fn sender_of_strings(probe: &Probe<'_>) -> Sender {
    if !probe.flow.roles_guessed || probe.flow.server.port() == 6379 {
        return probe.from;
    }
    let name = resp::strings(probe.bytes).first().map(|w| w.to_ascii_uppercase()).unwrap_or_default();
    if message::is_command(&name) { Sender::Client } else { Sender::Server }
}

/// The oddities that Redis items name.
mod anomaly {
    use crate::macros::anomalies;

    anomalies! {
        CUT = "value-incomplete", "The command or reply is longer than what is kept, or breaks off";
    }
}

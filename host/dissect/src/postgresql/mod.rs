//! PostgreSQL: the frontend/backend protocol 3.0 and 3.2 (PostgreSQL documentation, chapter 54 "Frontend/Backend Protocol"), over TCP.
//!
//! Usual port 5432; recognised on any port by its startup packet, in its middle by whole messages of known form. One item per message of the
//! client that asks something, with what the server says to it; a batch of the extended query protocol gives one item per step, and Execute
//! and Bind show the statement's text where its Parse was seen. COPY's data is counted, not kept. After an accepted SSLRequest the stream is
//! probed anew (TLS); after an accepted GSSENCRequest it is opaque. Not read: protocol 2.0, what a replication stream (CopyBoth) carries.
//!
//! Limits: statements and portals as in `remembered.rs`; per response 64 results, 64 parameters and 16 notices are kept, each up to 16 KiB.

mod codes;
mod message;
mod response;
mod session;
mod wire;

use crate::{Dissector, Probe, Transport, Verdict, framed::Framed, macros::protocol_versions};
use hookline_item::Sender;

pub(crate) static DISSECTOR: Dissector = Dissector {
    name: "postgresql",
    doc: "PostgreSQL's frontend/backend protocol 3 over TCP; TLS behind SSLRequest",
    protocols: &[&POSTGRESQL],
    transports: &[Transport::Tcp],
    ports: &[5432],
    begins_late: false,
    follow: crate::Follow::Others { in_bodies: &[] },
    probe,
    new_session: |flow, _| Box::new(Framed::new(session::Postgres::default(), flow)),
    request: message::REQUEST_FIELDS,
    response: response::RESPONSE_FIELDS,
    data: &[],
    anomalies: anomaly::ALL,
};

protocol_versions! { "postgresql", "tcp", ["5432"]; POSTGRESQL = "3", "PGSQL", "PostgreSQL Frontend/Backend Protocol", "https://www.postgresql.org/docs/current/protocol.html"; }

/// A startup packet is certain. Typed messages are believed where the flow's start was not seen and all of them have their form.
fn probe(probe: &Probe<'_>) -> Verdict {
    match wire::startup(probe.bytes) {
        Some(true) => return Verdict::Yes(probe.from),
        None => return Verdict::Maybe,
        Some(false) => {}
    }
    let (from, other) = (probe.from, probe.from.other());
    let is = |role| wire::is_chain(role, probe.bytes);
    match (is(from), is(other)) {
        (true, _) => Verdict::Yes(from),
        (false, true) if probe.flow.roles_guessed => Verdict::Yes(other),
        _ => waits(probe),
    }
}

/// A server's first bytes on the usual port, before its client's came.
fn waits(probe: &Probe<'_>) -> Verdict {
    let usual = probe.flow.uses_port(DISSECTOR.ports) && probe.from == Sender::Server;
    let known = matches!(wire::measure(Sender::Server, probe.bytes), crate::framed::Measure::Len(_) | crate::framed::Measure::Need(_));
    if usual && known { Verdict::Maybe } else { Verdict::No }
}

/// The oddities that PostgreSQL items name.
mod anomaly {
    use crate::macros::anomalies;

    anomalies! {
        CUT = "message-incomplete", "A message is longer than what is kept, or breaks off";
        SKIPPED = "skipped-after-error", "The server passed over this message: an earlier one of its batch failed";
        UNFINISHED = "cycle-ended", "The server was ready for the next query before it had answered this message";
    }
}

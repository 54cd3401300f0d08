//! Apache Kafka (kafka.apache.org, "Kafka protocol guide" and the message definitions of Kafka 4.1) over TCP.
//!
//! Usual port 9092; requests are recognised on any port by their header, responses only there. The header of every API is read; the bodies are
//! those of the tables in [`apis`], in classic and flexible versions: producing, fetching, offsets, metadata, groups, topics, log-in. Record
//! batches of all formats (magic 0 to 2), plain or in gzip, snappy, LZ4, zstd. A response is read by the version of its request, so one whose
//! request was not seen has its header only. Tokens of a log-in are not shown. Not read: Kafka over TLS, bodies of the other APIs.
//!
//! Limits: messages are kept as far as [`crate::Limits`] `message_max`; [`schema::VALUES_MAX`] values, [`records::RECORDS_MAX`] records and 1 MiB
//! of decompressed records are shown of one.

mod apis;
mod codes;
mod message;
mod records;
mod schema;
mod session;
mod wire;

use crate::{Dissector, Probe, Transport, Verdict, framed::Framed, macros::protocol_versions};
use hookline_item::Sender;
use wire::Looks;

pub(crate) static DISSECTOR: Dissector = Dissector {
    name: "kafka",
    doc: "Apache Kafka over TCP",
    protocols: &[&KAFKA],
    transports: &[Transport::Tcp],
    ports: &[9092],
    begins_late: false,
    follow: crate::Follow::Nothing,
    probe,
    new_session: |flow, _| Box::new(Framed::new(session::Kafka::new(flow), flow)),
    request: message::REQUEST_FIELDS,
    response: message::RESPONSE_FIELDS,
    data: &[],
    anomalies: anomaly::ALL,
};

protocol_versions! { "kafka", "tcp", ["9092"]; KAFKA = "", "KAFKA", "Apache Kafka Protocol", "https://kafka.apache.org/protocol"; }

/// A request's header with a client's name; on Kafka's port, a response that fills its segment.
fn probe(probe: &Probe<'_>) -> Verdict {
    let from_usual = DISSECTOR.ports.contains(&probe.flow.port(probe.from));
    match wire::looks(probe.bytes) {
        Looks::Request { named: true } => Verdict::Yes(Sender::Client),
        Looks::Request { named: false } if probe.flow.uses_port(DISSECTOR.ports) && !from_usual => Verdict::Yes(Sender::Client),
        _ if from_usual && wire::fills(probe.bytes) => Verdict::Yes(Sender::Server),
        Looks::Short => Verdict::Maybe,
        _ => Verdict::No,
    }
}

/// The oddities that Kafka items name.
mod anomaly {
    use crate::macros::anomalies;

    anomalies! {
        CUT = "message-incomplete", "The message is longer than what is kept, or breaks off";
        UNKNOWN = "api-unknown", "An API key that is not known: the message's body is not read";
    }
}

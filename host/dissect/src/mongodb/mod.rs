//! MongoDB's wire protocol (mongodb.com, "MongoDB Wire Protocol") over TCP: OP_MSG with both kinds of sections, OP_COMPRESSED (snappy, zlib,
//! zstd), and the opcodes of old: OP_QUERY, OP_REPLY, OP_INSERT, OP_UPDATE, OP_DELETE, OP_GET_MORE, OP_KILL_CURSORS.
//!
//! Usual port 27017; recognised on any port by its header and what follows. Replies are matched by the id that they respond to; what a server
//! goes on sending (exhaust) answers nothing. Checksums are not verified. Not read: MongoDB over TLS.
//!
//! Limits: messages are kept as far as [`crate::Limits`] `message_max`, decompressed to 1 MiB; documents nested 32 deep, 1,000 elements and
//! 64 KiB shown of one.

mod bson;
mod message;
mod session;
mod wire;

use crate::{Dissector, Probe, Transport, Verdict, framed::Framed, macros::protocol_versions};
use hookline_item::Sender;

pub(crate) static DISSECTOR: Dissector = Dissector {
    name: "mongodb",
    doc: "MongoDB's wire protocol over TCP",
    protocols: &[&MONGODB],
    transports: &[Transport::Tcp],
    ports: &[27017],
    begins_late: false,
    follow: crate::Follow::Nothing,
    probe,
    new_session: |flow, _| Box::new(Framed::new(session::Mongo::default(), flow)),
    request: message::REQUEST_FIELDS,
    response: message::RESPONSE_FIELDS,
    data: &[],
    anomalies: anomaly::ALL,
};

protocol_versions! { "mongodb", "tcp", ["27017"]; MONGODB = "", "MONGODB", "MongoDB Wire Protocol", "https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/"; }

/// A header whose opcode is known, and what must stand behind it. Whether it responds to something says who speaks.
fn probe(probe: &Probe<'_>) -> Verdict {
    match wire::start(probe.bytes) {
        Some(Some(header)) => Verdict::Yes(if header.is_reply() { Sender::Server } else { Sender::Client }),
        Some(None) => Verdict::No,
        None => Verdict::Maybe,
    }
}

/// The oddities that MongoDB items name.
mod anomaly {
    use crate::macros::anomalies;

    anomalies! {
        CUT = "message-incomplete", "The message is longer than what is kept, or breaks off";
        COMPRESSION = "message-undecompressable", "A compressed message that cannot be read: damaged, or by a compressor that is not known";
        MALFORMED = "document-malformed", "A document that does not follow BSON; what came before is there";
    }
}

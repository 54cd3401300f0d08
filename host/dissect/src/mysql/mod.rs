//! MySQL and MariaDB: the client/server protocol (dev.mysql.com, "MySQL Client/Server Protocol", page_protocol_basics; mariadb.com/kb,
//! "Clients & Utilities: protocol"), over TCP.
//!
//! Usual port 3306; recognised on any port by the server's handshake version 10, in its middle by a command whose text or form is no accident.
//! One item for the handshake, one for the login with its outcome, one per command with its response: all result sets of it. Statements are
//! remembered by id, so that an execution shows its query and parameters. Compressed connections (zlib, zstd) are read where the login was
//! seen. After SSLRequest the stream is probed anew (TLS); a binary log that is sent is not read. Not read: handshake version 9, results
//! without metadata (CLIENT_OPTIONAL_RESULTSET_METADATA), the X protocol.
//!
//! Limits: statements as in `remembered.rs`; 256 columns of a response and 1,024 parameters of a statement are shown; of payloads of 16 MiB and more what comes first
//! is kept; a compressed packet gives at most 16 MiB (its length field's range) and [`crate::Limits`] `message_max` of each packet in it.

mod codes;
mod compress;
mod message;
mod response;
mod session;
mod values;
mod wire;

use crate::{Dissector, Probe, Transport, Verdict, framed::Framed, macros::protocol_versions};
use hookline_item::Sender;

pub(crate) static DISSECTOR: Dissector = Dissector {
    name: "mysql",
    doc: "MySQL and MariaDB client/server protocol over TCP, compressed or not; TLS behind SSLRequest",
    protocols: &[&MYSQL],
    transports: &[Transport::Tcp],
    ports: &[3306],
    begins_late: false,
    follow: crate::Follow::Others { in_bodies: &[] },
    probe,
    new_session: |flow, _| Box::new(Framed::new(session::Mysql::default(), flow)),
    request: message::REQUEST_FIELDS,
    response: response::RESPONSE_FIELDS,
    data: &[],
    anomalies: anomaly::ALL,
};

protocol_versions! { "mysql", "tcp", ["3306"]; MYSQL = "10", "MYSQL", "MySQL Client/Server Protocol", "https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html"; }

/// The server's handshake is certain, and so are a query in its packet and a result's first packets.
fn probe(probe: &Probe<'_>) -> Verdict {
    match wire::is_greeting(probe.bytes) {
        Some(true) => return Verdict::Yes(Sender::Server),
        None => return Verdict::Maybe,
        Some(false) => {}
    }
    let usual = probe.flow.uses_port(DISSECTOR.ports);
    if wire::is_command(probe.bytes, usual) {
        return role(probe, Sender::Client);
    }
    if wire::is_response(probe.bytes, false) { role(probe, Sender::Server) } else { Verdict::No }
}

/// Whoever sent these bytes has `role`, if that may be.
fn role(probe: &Probe<'_>, role: Sender) -> Verdict {
    if probe.from == role || probe.flow.roles_guessed { Verdict::Yes(role) } else { Verdict::No }
}

/// The oddities that MySQL items name.
mod anomaly {
    use crate::macros::anomalies;

    anomalies! {
        CUT = "message-incomplete", "A packet is longer than what is kept, or breaks off";
    }
}

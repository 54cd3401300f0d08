//! Diameter (RFC 6733) over TCP and SCTP, with the applications that have a name here: NASREQ, Mobile IPv4, accounting, credit control and
//! those of 3GPP.
//!
//! Usual port 3868; recognised on any port by its header and the AVP after it. Either side asks; answers are matched by the hop-by-hop
//! identifier (RFC 6733 §3). Not read: Diameter over TLS or DTLS.
//!
//! Limits: AVPs nested 8 deep, 512 shown of one message; longer messages are kept as far as [`crate::Limits`] `message_max`.

mod avp;
mod dictionary;
mod message;

use crate::{
    Close, Context, Dissector, Half, Probe, Transport, Verdict,
    exchange::{Pairing, Part},
    framed::{After, Framed, Framing, Measure},
    macros::protocol_versions,
};
use hookline_item::Sender;
use message::{HEADER_LEN, Message};

pub(crate) static DISSECTOR: Dissector = Dissector {
    name: "diameter",
    doc: "Diameter over TCP and SCTP",
    protocols: &[&DIAMETER],
    transports: &[Transport::Tcp, Transport::Sctp],
    ports: &[3868],
    begins_late: false,
    follow: crate::Follow::Nothing,
    probe,
    new_session: |flow, _| Box::new(Framed::new(Messages::default(), flow)),
    request: message::MESSAGE_FIELDS,
    response: message::MESSAGE_FIELDS,
    data: &[],
    anomalies: anomaly::ALL,
};

protocol_versions! { "diameter", "tcp", ["3868"]; DIAMETER = "", "DIAMETER", "Diameter", "https://www.rfc-editor.org/rfc/rfc6733"; }

/// A header and the one of the first AVP: 28 bytes that agree with each other. Who sent it is said by no byte: it stays as it is.
fn probe(probe: &Probe<'_>) -> Verdict {
    match message::is_start(probe.bytes) {
        Some(true) => Verdict::Yes(probe.from),
        Some(false) => Verdict::No,
        None => Verdict::Maybe,
    }
}

/// The messages of two peers.
#[derive(Default)]
struct Messages {
    exchanges: Pairing<u32, Message, Message>,
}

impl Framing for Messages {
    fn measure(&self, _: Sender, bytes: &[u8]) -> Measure {
        match message::is_start(bytes) {
            Some(false) => Measure::Broken("no Diameter header where one should begin"),
            _ if bytes.len() < HEADER_LEN => Measure::Need(HEADER_LEN),
            _ => Measure::Len(message::len(bytes)),
        }
    }

    fn begins(&self, _: Sender, bytes: &[u8]) -> bool {
        message::is_start(bytes) == Some(true)
    }

    fn message(&mut self, cx: &mut Context<'_>, bytes: &[u8], half: Half) -> After {
        let Some(message) = Message::parse(bytes) else { return After::Message };
        let (id, is_request) = (message.hop_by_hop(), message.is_request());
        let sound = !half.is_whole() || message.is_sound();
        let part = Part::new(message, half).noting(!half.is_whole(), anomaly::CUT).noting(!sound, anomaly::AVP);
        if is_request {
            self.exchanges.request(cx, &DIAMETER, id, part);
        } else {
            self.exchanges.response(cx, &DIAMETER, id, part);
        }
        After::Message
    }

    /// Answers name their requests: nothing is mixed up.
    fn lost(&mut self, _: &mut Context<'_>) {}

    fn close(&mut self, cx: &mut Context<'_>, why: Close) {
        self.exchanges.close(cx, why);
    }
}

/// The oddities that Diameter items name.
mod anomaly {
    use crate::macros::anomalies;

    anomalies! {
        AVP = "avp-malformed", "An AVP whose length goes beyond what it is in; those before are there";
        CUT = "message-incomplete", "The message is longer than what is kept, or breaks off";
    }
}

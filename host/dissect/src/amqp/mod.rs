//! AMQP 0-9-1 (amqp.org, 2008) with RabbitMQ's extensions, over TCP.
//!
//! Usual port 5672; recognised on any port by its protocol header, or by a method's frame with its end. A method that asks is one item with
//! its `-ok`; one that does not (publish, deliver, ack) is an item without a response. A message is part of the method that carries it,
//! when its last body frame has come. Not read: AMQP 1.0, which shares port and name only, and AMQP over TLS. Heartbeats give no item.
//!
//! Limits: frames are kept as far as [`crate::Limits`] `message_max`, bodies to `body_max`; 256 channels with an unfinished message a side;
//! tables nested 8 deep, 256 entries shown.

mod message;
mod method;
mod session;
mod wire;

use crate::{Dissector, Probe, Transport, Verdict, framed::Framed, macros::protocol_versions};
use hookline_item::Sender;
use wire::Start;

pub(crate) static DISSECTOR: Dissector = Dissector {
    name: "amqp",
    doc: "AMQP 0-9-1 over TCP",
    protocols: &[&AMQP],
    transports: &[Transport::Tcp],
    ports: &[5672],
    begins_late: false,
    follow: crate::Follow::Nothing,
    probe,
    new_session: |flow, _| Box::new(Framed::new(session::Amqp::default(), flow)),
    request: message::REQUEST_FIELDS,
    response: message::RESPONSE_FIELDS,
    data: &[],
    anomalies: anomaly::ALL,
};

protocol_versions! { "amqp", "tcp", ["5672"]; AMQP = "0-9-1", "AMQP", "Advanced Message Queuing Protocol 0-9-1", "https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf"; }

/// A protocol header, or the frame of a known method.
fn probe(probe: &Probe<'_>) -> Verdict {
    match wire::start(probe.bytes) {
        Start::Header => Verdict::Yes(Sender::Client),
        Start::Method(method) => Verdict::Yes(method.sender.unwrap_or(probe.from)),
        Start::Content | Start::Need => Verdict::Maybe,
        Start::None => Verdict::No,
    }
}

/// The oddities that AMQP items name.
mod anomaly {
    use crate::macros::anomalies;

    anomalies! {
        CUT = "frame-incomplete", "A frame of this message is longer than what is kept, or breaks off";
        BODY = "body-incomplete", "The message's body is not whole: frames of it are missing, or another method came before its end";
        MALFORMED = "arguments-malformed", "Arguments that do not follow the method's definition; those before are there";
    }
}

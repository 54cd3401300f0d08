//! MQTT 3.1, 3.1.1 (OASIS, 2014) and 5.0 (OASIS, 2019) over TCP.
//!
//! Usual port 1883; a CONNECT is recognised on any port, other packets only there. What is acknowledged is one item with its
//! acknowledgement (`request`, `response`): CONNECT, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, PUBLISH of QoS 1 and 2, PUBREL. What is not is an item
//! of its own (`data`): PUBLISH of QoS 0, DISCONNECT, AUTH. In a connection picked up in its middle the version is taken for 3.1.1.
//! Not read: MQTT over TLS and WebSocket, MQTT-SN.
//!
//! Limits: 256 topics and 64 properties shown of one packet; longer packets are kept as far as [`crate::Limits`] `message_max`.

mod codes;
mod message;
mod property;
mod wire;

use crate::{
    Close, Context, Dissector, Half, Probe, Transport, Verdict,
    exchange::{self, Pairing, Part},
    framed::{After, Framed, Framing, Measure},
    macros::protocol_versions,
};

use hookline_item::{Protocol, Sender};
use message::Packet;

pub(crate) static DISSECTOR: Dissector = Dissector {
    name: "mqtt",
    doc: "MQTT 3.1, 3.1.1 and 5.0 over TCP",
    protocols: &[&V3, &V4, &V5],
    transports: &[Transport::Tcp],
    ports: &[1883],
    begins_late: false,
    follow: crate::Follow::Nothing,
    probe,
    new_session: |flow, _| Box::new(Framed::new(Packets::default(), flow)),
    request: message::PACKET_FIELDS,
    response: message::PACKET_FIELDS,
    data: message::PACKET_FIELDS,
    anomalies: anomaly::ALL,
};

protocol_versions! { "mqtt", "tcp", ["1883"];
    V3 = "3.1", "MQTT", "MQ Telemetry Transport 3.1", "https://public.dhe.ibm.com/software/dw/webservices/ws-mqtt/mqtt-v3r1.html";
    V4 = "3.1.1", "MQTT", "MQTT 3.1.1", "https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/mqtt-v3.1.1.html";
    V5 = "5.0", "MQTT", "MQTT 5.0", "https://docs.oasis-open.org/mqtt/mqtt/v5.0/mqtt-v5.0.html";
}

/// A CONNECT names the protocol. Other packets are believed on the usual port, where they fill the segment.
fn probe(probe: &Probe<'_>) -> Verdict {
    match wire::is_connect(probe.bytes) {
        Some(true) => Verdict::Yes(Sender::Client),
        None => Verdict::Maybe,
        Some(false) if !probe.flow.uses_port(DISSECTOR.ports) => Verdict::No,
        Some(false) if !wire::fill(probe.bytes) => Verdict::No,
        Some(false) if probe.flow.mid_stream => wire::sender(probe.bytes, probe.from),
        Some(false) => Verdict::Maybe,
    }
}

/// One connection.
#[derive(Default)]
struct Packets {
    /// By the type of packet that acknowledges, and the packet identifier.
    exchanges: Pairing<(u8, u16), Packet, Packet>,
    /// Protocol level of the CONNECT; 0 before.
    level: u8,
}

impl Packets {
    fn protocol(&self) -> &'static Protocol {
        match self.level {
            3 => &V3,
            5 => &V5,
            _ => &V4,
        }
    }
}

impl Framing for Packets {
    fn measure(&self, _: Sender, bytes: &[u8]) -> Measure {
        match wire::header(bytes) {
            Some(Ok(header)) => Measure::Len(header.whole()),
            Some(Err(what)) => Measure::Broken(what),
            None => Measure::Need(bytes.len() + 1),
        }
    }

    fn begins(&self, _: Sender, bytes: &[u8]) -> bool {
        wire::fill(bytes)
    }

    fn message(&mut self, cx: &mut Context<'_>, bytes: &[u8], half: Half) -> After {
        if let Some(level) = wire::level(bytes) {
            self.level = level;
        }
        let Some(packet) = Packet::parse(bytes, self.level) else { return After::Message };
        let sound = !half.is_whole() || packet.is_sound();
        let part = Part::new(packet, half).noting(!half.is_whole(), anomaly::CUT).noting(!sound, anomaly::MALFORMED);
        let (kind, id, protocol) = (part.what.kind(), part.what.id().unwrap_or(0), self.protocol());
        match part.what.acknowledged_by() {
            Some(by) => self.exchanges.request(cx, protocol, (by, id), part),
            None if codes::acknowledges(kind) => self.exchanges.response(cx, protocol, (kind, id), part),
            None => exchange::single(cx, protocol, part),
        }
        After::Message
    }

    /// Acknowledgements name what they acknowledge: nothing is mixed up.
    fn lost(&mut self, _: &mut Context<'_>) {}

    fn close(&mut self, cx: &mut Context<'_>, why: Close) {
        self.exchanges.close(cx, why);
    }
}

/// The oddities that MQTT items name.
mod anomaly {
    use crate::macros::anomalies;

    anomalies! {
        CUT = "packet-incomplete", "The packet is longer than what is kept, or breaks off";
        MALFORMED = "packet-malformed", "The packet does not follow its version of MQTT; what could be read is there";
    }
}

//! One connection: which messages belong together, and what comes after StartTLS and SASL.

use super::{
    CLDAP, LDAP, anomaly, codes,
    message::{self, Answer, Operation},
};
use crate::{
    Close, Context, Half, Next, Transport,
    exchange::{Pairing, Part},
    framed::{After, Framing, Measure},
};
use hookline_item::{Protocol, Sender};

/// The length before each buffer once a SASL mechanism protects the stream (RFC 4422 §3.7).
const SASL_LEN: usize = 4;
/// The longest such buffer that is believed; both sides negotiate 16 MiB at most.
const SASL_MAX: u64 = 16 << 20;
/// What stands before the message in a buffer that is signed and not encrypted: NTLM's signature ([MS-NLMP] §2.2.2.9) and the header of
/// a Kerberos wrap token (RFC 4121 §4.2.6.2) have 16 bytes.
const SIGNATURE_LEN: usize = 16;

/// One connection, or two sockets.
#[derive(Default)]
pub(super) struct Ldap {
    exchanges: Pairing<u32, Operation, Answer>,
    /// The client has bound by SASL: what follows may be wrapped.
    sasl: bool,
}

impl Framing for Ldap {
    fn measure(&self, _: Sender, bytes: &[u8]) -> Measure {
        if self.sasl && bytes.first() == Some(&0) {
            return match bytes.first_chunk::<SASL_LEN>() {
                None => Measure::Need(SASL_LEN),
                Some(len) => match u64::from(u32::from_be_bytes(*len)) {
                    len if len <= SASL_MAX => Measure::Len(SASL_LEN as u64 + len),
                    _ => Measure::Broken("a SASL buffer longer than any"),
                },
            };
        }
        match message::start(bytes) {
            None => Measure::Need(bytes.len() + 1),
            Some(None) => Measure::Broken("no LDAP message where one should begin"),
            Some(Some(_)) => message::len(bytes).map_or(Measure::Need(bytes.len() + 1), |len| Measure::Len(len as u64)),
        }
    }

    fn begins(&self, from: Sender, bytes: &[u8]) -> bool {
        message::start(bytes).flatten().is_some_and(|operation| codes::is_request(operation) == (from == Sender::Client))
    }

    fn message(&mut self, cx: &mut Context<'_>, bytes: &[u8], half: Half) -> After {
        if bytes.first() == Some(&0) {
            self.wrapped(cx, bytes.get(SASL_LEN + SIGNATURE_LEN..).unwrap_or_default(), half);
            return After::Message;
        }
        self.operation(cx, bytes, half)
    }

    /// Responses name their requests: nothing is mixed up.
    fn lost(&mut self, _: &mut Context<'_>) {}

    fn close(&mut self, cx: &mut Context<'_>, why: Close) {
        self.exchanges.close(cx, why);
    }
}

impl Ldap {
    /// The messages in a buffer that is only signed; an encrypted one begins with none.
    fn wrapped(&mut self, cx: &mut Context<'_>, mut bytes: &[u8], half: Half) {
        while message::start(bytes).flatten().is_some()
            && let Some((message, rest)) = message::len(bytes).and_then(|len| bytes.split_at_checked(len))
        {
            self.operation(cx, message, Half { size: message.len() as u64, ..half });
            bytes = rest;
        }
    }

    fn operation(&mut self, cx: &mut Context<'_>, bytes: &[u8], half: Half) -> After {
        let Some(operation) = Operation::parse(bytes) else { return After::Message };
        let sound = !half.is_whole() || operation.is_sound();
        let part = Part::new(operation, half).noting(!half.is_whole(), anomaly::CUT).noting(!sound, anomaly::MALFORMED);
        let protocol = protocol(cx);
        if codes::is_request(part.what.number) {
            self.request(cx, protocol, part);
            return After::Message;
        }
        self.response(cx, protocol, part)
    }

    fn request(&mut self, cx: &mut Context<'_>, protocol: &'static Protocol, part: Part<Operation>) {
        match part.what.number {
            // These have no response (RFC 4511 §4.3, §4.11).
            codes::UNBIND_REQUEST | codes::ABANDON_REQUEST => Pairing::<u32, _, Answer>::one_way(cx, protocol, part),
            _ => {
                self.sasl |= part.what.is_sasl();
                self.exchanges.request(cx, protocol, part.what.id, part);
            }
        }
    }

    fn response(&mut self, cx: &mut Context<'_>, protocol: &'static Protocol, part: Part<Operation>) -> After {
        let (id, number) = (part.what.id, part.what.number);
        let begun = self.exchanges.begun(&id).and_then(Option::take);
        let answer = match begun {
            Some(mut begun) => {
                begun.what.add(part.what);
                begun.half.extend(part.half);
                part.anomalies.iter().fold(begun, |begun, name| begun.noting(true, name))
            }
            None => Part { what: Answer::new(part.what), half: part.half, anomalies: part.anomalies },
        };
        if id == 0 {
            // A notice that nobody asked for (RFC 4511 §4.4).
            Pairing::<u32, Operation, _>::unasked(cx, protocol, answer);
            return After::Message;
        }
        let goes_on = matches!(number, codes::SEARCH_ENTRY | codes::SEARCH_REFERENCE | codes::INTERMEDIATE_RESPONSE);
        if goes_on && let Some(begun) = self.exchanges.begun(&id) {
            *begun = Some(answer);
            return After::Message;
        }
        let asks_for_tls = self.exchanges.waiting(&id).is_some_and(|w| w.what.oid().as_deref() == Some(codes::START_TLS));
        let starts_tls = asks_for_tls && answer.what.result_code() == Some(0);
        self.exchanges.response(cx, protocol, id, answer);
        if starts_tls { After::Switched(Next::Unknown) } else { After::Message }
    }
}

fn protocol(cx: &Context<'_>) -> &'static Protocol {
    if cx.flow.transport == Transport::Udp { &CLDAP } else { &LDAP }
}

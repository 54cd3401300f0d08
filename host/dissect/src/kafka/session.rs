//! One connection: responses are matched by their correlation ids.

use super::{
    KAFKA, anomaly, codes,
    message::{Request, Response},
    wire::{self, Header, Looks, SIZE_LEN},
};
use crate::{
    Close, Context, Flow, Half,
    cursor::Cursor,
    exchange::{Pairing, Part},
    framed::{After, Framing, Measure},
};
use hookline_item::Sender;

/// The log-in of old: what follows it on the connection are bare tokens.
const SASL_HANDSHAKE: i16 = 17;

/// One connection.
pub(super) struct Kafka {
    exchanges: Pairing<i32, Request, Response>,
    /// Whether the server has Kafka's port, so that a message that fills its segment is believed after a loss.
    usual: bool,
    /// Whether the client sends bare tokens (SaslHandshake version 0), which are secrets.
    tokens: bool,
    /// Tokens that the server has not answered yet.
    unanswered: u32,
}

impl Kafka {
    pub(super) fn new(flow: &Flow) -> Self {
        Self { exchanges: Pairing::default(), usual: flow.uses_port(super::DISSECTOR.ports), tokens: false, unanswered: 0 }
    }
}

impl Framing for Kafka {
    fn measure(&self, _: Sender, bytes: &[u8]) -> Measure {
        match wire::len(bytes) {
            None => Measure::Need(SIZE_LEN),
            Some(Ok(len)) => Measure::Len(len),
            Some(Err(())) => Measure::Broken("an impossible size"),
        }
    }

    fn begins(&self, from: Sender, bytes: &[u8]) -> bool {
        match from {
            Sender::Client => matches!(wire::looks(bytes), Looks::Request { .. }),
            Sender::Server => {
                let correlation = bytes.get(SIZE_LEN..).and_then(|rest| Cursor::new(rest).i32_be());
                let awaited = correlation.is_some_and(|id| self.exchanges.awaits(&id));
                matches!(wire::len(bytes), Some(Ok(_))) && (awaited || (self.usual && wire::fills(bytes)))
            }
        }
    }

    fn message(&mut self, cx: &mut Context<'_>, bytes: &[u8], half: Half) -> After {
        let message = bytes.get(SIZE_LEN..).unwrap_or_default();
        match cx.from {
            Sender::Client => self.request(cx, message, half),
            Sender::Server => self.response(cx, message, half),
        }
        After::Message
    }

    /// Responses name what they respond to: nothing is mixed up.
    fn lost(&mut self, _: &mut Context<'_>) {}

    fn close(&mut self, cx: &mut Context<'_>, why: Close) {
        self.exchanges.close(cx, why);
    }
}

impl Kafka {
    fn request(&mut self, cx: &mut Context<'_>, message: &[u8], half: Half) {
        let header = wire::header(message);
        if self.tokens && !header.as_ref().is_some_and(Header::is_plausible) {
            self.unanswered = self.unanswered.saturating_add(1);
            return;
        }
        let Some(header) = header else { return };
        self.tokens = header.key == SASL_HANDSHAKE && header.version == 0;
        let part = Part::new(Request::new(&header, half.size), half)
            .noting(!half.is_whole(), anomaly::CUT)
            .noting(codes::version_max(header.key).is_none(), anomaly::UNKNOWN);
        if part.what.is_one_way() {
            Pairing::<i32, _, Response>::one_way(cx, &KAFKA, part);
        } else {
            self.exchanges.request(cx, &KAFKA, header.correlation, part);
        }
    }

    fn response(&mut self, cx: &mut Context<'_>, message: &[u8], half: Half) {
        let correlation = Cursor::new(message).i32_be();
        let asked = correlation.and_then(|id| self.exchanges.waiting(&id)).map(|q| (q.what.key, q.what.version));
        if asked.is_none() && self.unanswered > 0 {
            self.unanswered -= 1;
            return;
        }
        let Some(correlation) = correlation else { return };
        let response = Response::new(correlation, half.size, asked, message.get(SIZE_LEN..).unwrap_or_default());
        let part = Part::new(response, half).noting(!half.is_whole(), anomaly::CUT);
        self.exchanges.response(cx, &KAFKA, correlation, part);
    }
}

//! One connection: which reply answers which message.

use super::{
    MONGODB, anomaly,
    message::{Command, Message, Reply},
    wire::{self, HEADER_LEN},
};
use crate::{
    Close, Context, Half,
    exchange::{Pairing, Part},
    framed::{After, Framing, Measure},
};
use hookline_item::Sender;

/// One connection.
#[derive(Default)]
pub(super) struct Mongo {
    /// By the id of the request.
    exchanges: Pairing<i32, Command, Reply>,
    /// Id of a reply after which others come without being asked for (exhaust): they respond to it.
    exhaust: Option<i32>,
}

impl Framing for Mongo {
    fn measure(&self, _: Sender, bytes: &[u8]) -> Measure {
        match wire::start(bytes) {
            None => Measure::Need(bytes.len().max(HEADER_LEN) + 1),
            Some(None) => Measure::Broken("no MongoDB message where one should begin"),
            Some(Some(header)) => Measure::Len(u64::from(header.len.unsigned_abs())),
        }
    }

    fn begins(&self, _: Sender, bytes: &[u8]) -> bool {
        wire::start(bytes).flatten().is_some()
    }

    fn message(&mut self, cx: &mut Context<'_>, bytes: &[u8], half: Half) -> After {
        let Ok((body, header)) = wire::header(bytes) else { return After::Message };
        if header.is_reply() {
            let mut reply = Message::new(header, body);
            reply.secrets = self.exchanges.waiting(&header.response_to).is_some_and(|w| w.what.0.secrets);
            let (more, anomalies) = (reply.content().more_to_come(), anomalies(&reply, half));
            let part = Part { what: Reply(reply), half, anomalies };
            let asked = self.exhaust != Some(header.response_to);
            self.exhaust = more.then_some(header.id);
            if asked {
                self.exchanges.response(cx, &MONGODB, header.response_to, part);
            } else {
                Pairing::<i32, Command, _>::unasked(cx, &MONGODB, part);
            }
            return After::Message;
        }
        let command = Command::new(header, body);
        let (one_way, anomalies) = (command.is_one_way(), anomalies(&command.0, half));
        let part = Part { what: command, half, anomalies };
        if one_way {
            Pairing::<i32, _, Reply>::one_way(cx, &MONGODB, part);
        } else {
            self.exchanges.request(cx, &MONGODB, header.id, part);
        }
        After::Message
    }

    /// Replies name what they respond to: nothing is mixed up.
    fn lost(&mut self, _: &mut Context<'_>) {}

    fn close(&mut self, cx: &mut Context<'_>, why: Close) {
        self.exchanges.close(cx, why);
    }
}

fn anomalies(message: &Message, half: Half) -> Vec<&'static str> {
    let cut = half.missing > 0 || half.cut > 0;
    let found =
        [(cut, anomaly::CUT), (message.unreadable && !cut, anomaly::COMPRESSION), (!cut && !message.is_sound(), anomaly::MALFORMED)];
    found.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect()
}

//! Commands and replies of one connection.

use super::{
    REDIS, anomaly,
    message::{Command, Reply, is_command},
    resp::{self, Extent},
};
use crate::{
    Close, Context, Half, Next,
    exchange::{Pairing, Part},
    framed::{After, Framing, Measure},
};
use hookline_item::Sender;

/// One connection.
#[derive(Default)]
pub(super) struct Redis {
    waiting: Pairing<(), Command, Reply>,
    /// MONITOR was accepted: every line of the server is a push.
    monitors: bool,
    /// A replica asked for the stream of changes.
    replicates: bool,
}

impl Framing for Redis {
    fn measure(&self, from: Sender, bytes: &[u8]) -> Measure {
        let first = bytes.first().copied().unwrap_or_default();
        if from == Sender::Client && !resp::is_type(first) {
            return inline(bytes);
        }
        match resp::extent(bytes) {
            Extent::Whole(len) => Measure::Len(len),
            Extent::Need(need) => Measure::Need(need),
            Extent::Broken => Measure::Broken("no RESP value where one should begin"),
        }
    }

    fn begins(&self, from: Sender, bytes: &[u8]) -> bool {
        match from {
            Sender::Client => {
                resp::command_start(bytes) == Some(true)
                    && matches!(resp::strings(bytes).first(), Some(w) if is_command(&w.to_ascii_uppercase()))
            }
            Sender::Server => {
                bytes.first().is_some_and(|b| resp::is_type(*b))
                    && matches!(resp::extent(bytes), Extent::Whole(n) if n <= bytes.len() as u64)
            }
        }
    }

    fn message(&mut self, cx: &mut Context<'_>, bytes: &[u8], half: Half) -> After {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            // An empty line is a keep-alive of old clients.
            return After::Message;
        }
        let anomalies = if half.is_whole() { Vec::new() } else { vec![anomaly::CUT] };
        match cx.from {
            // A client says nothing but commands: other values are somebody's test of the server.
            Sender::Client if matches!(bytes.first(), Some(b) if resp::is_type(*b) && !matches!(b, b'*' | b'|')) => After::Message,
            Sender::Client => {
                let command = Command(bytes.into());
                let name = command.name();
                self.replicates |= matches!(name.as_str(), "PSYNC" | "SYNC");
                self.monitors |= name == "MONITOR";
                self.waiting.request(cx, &REDIS, (), Part { what: command, half, anomalies });
                After::Message
            }
            Sender::Server => self.reply(cx, Part { what: Reply(bytes.into()), half, anomalies }),
        }
    }

    fn lost(&mut self, cx: &mut Context<'_>) {
        self.waiting.give_up_all(cx);
    }

    fn close(&mut self, cx: &mut Context<'_>, why: Close) {
        self.waiting.close(cx, why);
    }
}

impl Redis {
    fn reply(&mut self, cx: &mut Context<'_>, reply: Part<Reply>) -> After {
        let asked = self.waiting.waiting(&()).map(|q| q.what.name());
        let subscription = reply.what.is_subscription() && !asked.as_deref().is_some_and(|name| name.ends_with("SUBSCRIBE"));
        let monitored = self.monitors && asked.is_none();
        if (reply.what.is_push() && !reply.what.is_subscription()) || subscription || monitored {
            Pairing::<(), Command, Reply>::unasked(cx, &REDIS, reply);
            return After::Message;
        }
        let synchronised = self.replicates && matches!(asked.as_deref(), Some("PSYNC" | "SYNC"));
        self.waiting.response(cx, &REDIS, (), reply);
        // What follows is the data set and the log of changes.
        if synchronised { After::Switched(Next::Opaque) } else { After::Message }
    }
}

fn inline(bytes: &[u8]) -> Measure {
    /// Longer lines are refused by Redis (PROTO_INLINE_MAX_SIZE).
    const LINE_MAX: usize = 64 << 10;
    match memchr::memchr(b'\n', bytes) {
        Some(end) => Measure::Len(end as u64 + 1),
        None if bytes.len() < LINE_MAX => Measure::Need(bytes.len() + 1),
        None => Measure::Broken("an inline command without end"),
    }
}

//! One connection: which response answers which command.

use super::{
    BINARY, TEXT, anomaly,
    binary::{self, HEADER_LEN, Packet},
    message::{Command, Reply},
    text::{self, LINE_MAX},
};
use crate::{
    Close, Context, Half,
    exchange::{Pairing, Part},
    framed::{After, Framing, Measure},
};
use hookline_item::Sender;

/// One connection, or two sockets.
#[derive(Default)]
pub(super) struct Memcached {
    /// By what a binary packet names (opaque), and over UDP the frame header; 0 for text over TCP.
    exchanges: Pairing<u32, Command, Reply>,
    /// A response of several lines or packets that is coming, and what it is matched by.
    open: Option<(u32, Part<Reply>)>,
    /// What messages are matched by where they do not say it.
    key: u32,
}

impl Memcached {
    /// What the messages that come next are matched by: over UDP, each datagram says it.
    pub(super) fn set_key(&mut self, key: u32) {
        self.key = key;
    }

    fn command(&mut self, cx: &mut Context<'_>, bytes: &[u8], half: Half) {
        // Of a value only its length is shown: a long one is whole enough.
        let part = Part::new(Command(bytes.into()), half).noting(half.missing > 0, anomaly::CUT);
        let (protocol, key) = match Packet::parse(bytes).filter(|p| p.is_request && bytes.first() == Some(&0x80)) {
            Some(packet) => (&BINARY, packet.opaque),
            None => (&TEXT, self.key),
        };
        if part.what.is_silent() {
            Pairing::<u32, _, Reply>::one_way(cx, protocol, part);
        } else {
            self.exchanges.request(cx, protocol, key, part);
        }
    }

    fn reply(&mut self, cx: &mut Context<'_>, bytes: &[u8], half: Half) {
        if let Some(packet) = Packet::parse(bytes).filter(|_| bytes.first() == Some(&0x81)) {
            // The end of a list, after entries that each are a packet.
            let list = packet.opcode == 0x10 && !packet.key.is_empty();
            return self.lines(cx, bytes, half, list, packet.opaque);
        }
        let line = text::line(bytes).unwrap_or(bytes);
        self.lines(cx, bytes, half, text::goes_on(line), self.key);
    }

    /// One line or packet of a response, which is out with its last one.
    fn lines(&mut self, cx: &mut Context<'_>, bytes: &[u8], half: Half, goes_on: bool, key: u32) {
        let part = match self.open.take() {
            Some((_, mut open)) => {
                open.what.add(bytes);
                open.half.extend(half);
                open
            }
            None => Part::new(Reply::new(bytes), half),
        };
        let part = part.noting(half.missing > 0, anomaly::CUT);
        if goes_on {
            self.open = Some((key, part));
            return;
        }
        // Commands that wanted silence before the one that is answered have it.
        self.exchanges.pass_over(cx, None, |command| command.is_quiet() && !part.what.answers(command));
        self.answer(cx, key, part);
    }
}

impl Memcached {
    /// A response whose end is not seen goes out as far as it came.
    fn flush(&mut self, cx: &mut Context<'_>) {
        if let Some((key, open)) = self.open.take() {
            let from = std::mem::replace(&mut cx.from, Sender::Server);
            self.answer(cx, key, open.noting(true, anomaly::CUT));
            cx.from = from;
        }
    }

    fn answer(&mut self, cx: &mut Context<'_>, key: u32, reply: Part<Reply>) {
        let protocol = if reply.what.is_binary() { &BINARY } else { &TEXT };
        self.exchanges.response(cx, protocol, key, reply);
    }
}

impl Framing for Memcached {
    fn measure(&self, from: Sender, bytes: &[u8]) -> Measure {
        match binary::start(bytes) {
            None => return Measure::Need(HEADER_LEN),
            Some(Some(sender)) if sender == from => return binary::len(bytes).map_or(Measure::Need(HEADER_LEN), Measure::Len),
            Some(Some(_)) => return Measure::Broken("a packet from the wrong side"),
            Some(None) => {}
        }
        let Some(line) = text::line(bytes) else {
            return if bytes.len() < LINE_MAX { Measure::Need(bytes.len() + 1) } else { Measure::Broken("a line without an end") };
        };
        let printable = line.iter().all(|b| !b.is_ascii_control());
        let data = match from {
            _ if !printable => return Measure::Broken("no memcached command where one should begin"),
            Sender::Client => text::command_data(line),
            Sender::Server => text::reply_data(line).map_or(0, |n| n + 2),
        };
        let end = memchr::memchr(b'\n', bytes).unwrap_or(line.len()) + 1;
        Measure::Len(end as u64 + data)
    }

    fn begins(&self, from: Sender, bytes: &[u8]) -> bool {
        let line = || text::line(bytes);
        binary::start(bytes).flatten() == Some(from)
            || match from {
                Sender::Client => line().is_some_and(text::is_command),
                Sender::Server => line().is_some_and(text::is_reply),
            }
    }

    fn message(&mut self, cx: &mut Context<'_>, bytes: &[u8], half: Half) -> After {
        // What is not kept of a value nobody misses.
        let half = Half { cut: 0, ..half };
        match cx.from {
            Sender::Client => self.command(cx, bytes, half),
            Sender::Server => self.reply(cx, bytes, half),
        }
        After::Message
    }

    /// Of text only the order tells what belongs together.
    fn lost(&mut self, cx: &mut Context<'_>) {
        self.flush(cx);
        self.exchanges.give_up_all(cx);
    }

    fn close(&mut self, cx: &mut Context<'_>, why: Close) {
        self.flush(cx);
        self.exchanges.pass_over(cx, None, Command::is_quiet);
        self.exchanges.close(cx, why);
    }
}

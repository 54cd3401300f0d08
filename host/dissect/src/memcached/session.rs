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
    /// A response of several lines that is coming.
    open: Option<Part<Reply>>,
    /// What messages are matched by where they do not say it.
    key: u32,
}

impl Memcached {
    /// What the messages that come next are matched by: over UDP, each datagram says it.
    pub(super) fn set_key(&mut self, key: u32) {
        self.key = key;
    }

    fn command(&mut self, cx: &mut Context<'_>, bytes: &[u8], half: Half) {
        let part = Part { what: Command(bytes.into()), half, anomalies: cut(half) };
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
            Some(mut open) => {
                open.what.add(bytes);
                open.half.last = half.last;
                open.half.size = open.half.size.saturating_add(half.size);
                open.half.gaps = open.half.gaps.saturating_add(half.gaps);
                open.half.missing = open.half.missing.saturating_add(half.missing);
                if open.anomalies.is_empty() {
                    open.anomalies = cut(half);
                }
                open
            }
            None => Part { what: Reply::new(bytes), half, anomalies: cut(half) },
        };
        if goes_on {
            self.open = Some(part);
            return;
        }
        let protocol = if bytes.first() == Some(&0x81) { &BINARY } else { &TEXT };
        // Commands that wanted silence before the one that is answered have it.
        self.exchanges.pass_over(cx, None, |command| command.is_quiet() && !part.what.answers(command));
        self.exchanges.response(cx, protocol, key, part);
    }
}

fn cut(half: Half) -> Vec<&'static str> {
    // Of a value only its length is shown: a long one is whole enough.
    if half.missing > 0 { vec![anomaly::CUT] } else { Vec::new() }
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
        self.exchanges.give_up_all(cx);
        self.open = None;
    }

    fn close(&mut self, cx: &mut Context<'_>, why: Close) {
        if let Some(open) = self.open.take() {
            cx.from = Sender::Server;
            self.exchanges.response(cx, &TEXT, self.key, open);
        }
        self.exchanges.pass_over(cx, None, Command::is_quiet);
        self.exchanges.close(cx, why);
    }
}

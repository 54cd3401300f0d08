//! One connection: frames to methods with their messages, and what answers what.

use super::{
    AMQP, anomaly,
    message::{Answer, Call, Content},
    method::{self, Does},
    wire::{self, HEADER, Start, frame},
};
use crate::{
    Close, Context, Half,
    exchange::{Pairing, Part},
    framed::{After, Framing, Measure},
};
use hookline_item::Sender;

/// Channels of one side with a message that is not whole: RabbitMQ's clients share a connection between tens of them.
const OPEN_MAX: usize = 256;

/// One connection.
#[derive(Default)]
pub(super) struct Amqp {
    /// By channel, class and the number of the answer.
    exchanges: Pairing<(u16, u16, u16), Call, Answer>,
    /// Methods whose messages are not whole, per side.
    open: [Vec<Part<Call>>; 2],
}

impl Framing for Amqp {
    fn measure(&self, _: Sender, bytes: &[u8]) -> Measure {
        if bytes.starts_with(b"A") {
            return match wire::start(bytes) {
                Start::Header => Measure::Len(HEADER.len() as u64),
                Start::Need => Measure::Need(HEADER.len()),
                _ => Measure::Broken("a protocol header of another version"),
            };
        }
        match (bytes.first(), wire::len(bytes)) {
            (Some(&(frame::METHOD..=frame::BODY | frame::HEARTBEAT)), Some(len)) => Measure::Len(len),
            (Some(&(frame::METHOD..=frame::BODY | frame::HEARTBEAT)), None) => Measure::Need(wire::FRAME_HEADER_LEN),
            _ => Measure::Broken("no AMQP frame where one should begin"),
        }
    }

    fn begins(&self, _: Sender, bytes: &[u8]) -> bool {
        matches!(wire::start(bytes), Start::Header | Start::Method(_) | Start::Content)
    }

    fn message(&mut self, cx: &mut Context<'_>, bytes: &[u8], half: Half) -> After {
        let Some((kind, channel, payload)) = wire::parts(bytes).filter(|_| !bytes.starts_with(b"A")) else { return After::Message };
        match kind {
            frame::METHOD => self.method(cx, channel, payload, half),
            frame::HEADER => self.header(cx, channel, payload, half),
            frame::BODY => self.body(cx, channel, payload, half),
            _ => {}
        }
        After::Message
    }

    /// Answers on a channel come in order: which one is lost nobody can tell. Messages that were coming are not whole.
    fn lost(&mut self, cx: &mut Context<'_>) {
        for part in std::mem::take(self.side(cx.from)) {
            self.cut_off(cx, part);
        }
        self.exchanges.give_up_all(cx);
    }

    fn close(&mut self, cx: &mut Context<'_>, why: Close) {
        for from in [Sender::Client, Sender::Server] {
            cx.from = from;
            for part in std::mem::take(self.side(from)) {
                self.cut_off(cx, part);
            }
        }
        self.exchanges.close(cx, why);
    }
}

impl Amqp {
    fn side(&mut self, from: Sender) -> &mut Vec<Part<Call>> {
        let [client, server] = &mut self.open;
        match from {
            Sender::Client => client,
            Sender::Server => server,
        }
    }

    /// Takes out the method of a channel whose message is coming.
    fn take(&mut self, from: Sender, channel: u16) -> Option<Part<Call>> {
        let side = self.side(from);
        side.iter().position(|p| p.what.channel == channel).map(|at| side.swap_remove(at))
    }

    fn method(&mut self, cx: &mut Context<'_>, channel: u16, payload: &[u8], half: Half) {
        if let Some(before) = self.take(cx.from, channel) {
            self.cut_off(cx, before);
        }
        let call = Call { channel, payload: payload.into(), content: None };
        let sound = !half.is_whole() || call.is_sound();
        let part = Part::new(call, half).noting(!half.is_whole(), anomaly::CUT).noting(!sound, anomaly::MALFORMED);
        if !matches!(method::find(payload).map(|m| m.does), Some(Does::Carry | Does::Bring(_))) {
            return self.done(cx, part);
        }
        if self.side(cx.from).len() >= OPEN_MAX {
            let oldest = self.side(cx.from).remove(0);
            self.cut_off(cx, oldest);
        }
        self.side(cx.from).push(part);
    }

    fn header(&mut self, cx: &mut Context<'_>, channel: u16, payload: &[u8], half: Half) {
        let Some(part) = self.take(cx.from, channel) else { return };
        let mut part = part.noting(half.missing > 0, anomaly::CUT);
        part.half.extend(half);
        part.what.content = Some(Content { header: payload.into(), body: Vec::new(), seen: 0 });
        self.next(cx, part);
    }

    fn body(&mut self, cx: &mut Context<'_>, channel: u16, payload: &[u8], half: Half) {
        let Some(part) = self.take(cx.from, channel) else { return };
        let mut part = part.noting(half.missing > 0, anomaly::CUT);
        // What is not kept of the frame is part of what is not kept of the body.
        part.half.extend(Half { cut: 0, ..half });
        if let Some(content) = &mut part.what.content {
            let room = cx.limits.body_max.saturating_sub(content.body.len()).min(payload.len());
            content.body.extend_from_slice(payload.get(..room).unwrap_or_default());
            // The frame's end byte is none of the body's.
            let len = half.size.saturating_sub(wire::FRAME_HEADER_LEN as u64 + 1).saturating_add(half.missing);
            content.seen = content.seen.saturating_add(len);
            part.half.cut = part.half.cut.saturating_add(len.saturating_sub(half.missing).saturating_sub(room as u64));
        }
        self.next(cx, part);
    }

    /// The message goes on, or is whole.
    fn next(&mut self, cx: &mut Context<'_>, part: Part<Call>) {
        let whole = part.what.content.as_ref().is_some_and(|c| wire::body_size(&c.header).is_none_or(|size| c.seen >= size));
        if whole { self.done(cx, part) } else { self.side(cx.from).push(part) }
    }

    /// A method whose message will not be whole.
    fn cut_off(&mut self, cx: &mut Context<'_>, part: Part<Call>) {
        self.done(cx, part.noting(true, anomaly::BODY));
    }

    fn done(&mut self, cx: &mut Context<'_>, part: Part<Call>) {
        let Some(method) = part.what.method() else { return };
        let (channel, class) = (part.what.channel, method.class);
        match method.does {
            Does::Ask(reply) if !part.what.is_no_wait() => self.exchanges.request(cx, &AMQP, (channel, class, reply), part),
            Does::Answer(reply) | Does::Bring(reply) => {
                let answer = Part { what: Answer(part.what), half: part.half, anomalies: part.anomalies };
                self.exchanges.response(cx, &AMQP, (channel, class, reply), answer);
            }
            Does::Ask(_) | Does::Tell | Does::Carry => Pairing::<(u16, u16, u16), _, Answer>::one_way(cx, &AMQP, part),
        }
    }
}

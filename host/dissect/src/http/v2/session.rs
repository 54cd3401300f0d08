//! One HTTP/2 connection, frame by frame.

use super::{
    super::{
        anomaly,
        frame::{Head, StartLine},
        message::{H2, Part},
        pair::Waiting,
    },
    codes::{self, error_name},
    frame::{self, HEADER_LEN, Header, PREFACE, PRIORITY_LEN, Run, flag, kind},
    hpack::{Block, Decoder, Max},
    streams::Streams,
};
use crate::{
    Close, Context, Half,
    framed::{After, Framing, Measure},
};
use hookline_item::{Sender, Timestamp};

/// One connection.
pub(in super::super) struct Http2 {
    sides: [Side; 2],
    streams: Streams,
    /// Whether bytes were not seen, so that streams may be open whose heads were not.
    unsure: bool,
}

struct Side {
    decoder: Decoder,
    /// The header block that is coming.
    block: Option<Open>,
}

/// A header block that goes on in CONTINUATION frames.
struct Open {
    stream: u32,
    /// Of PUSH_PROMISE: the stream that it promises.
    promised: Option<u32>,
    end_stream: bool,
    bytes: Vec<u8>,
    half: Half,
}

impl Http2 {
    /// A connection that was seen from its start, or not.
    pub(in super::super) fn new(mid_stream: bool) -> Self {
        let side = || Side { decoder: Decoder::new(mid_stream), block: None };
        Self { sides: [side(), side()], streams: Streams::default(), unsure: mid_stream }
    }

    /// A connection that began as HTTP/1.1: the request that asked for it is that of stream 1 (RFC 7540 §3.2).
    pub(in super::super) fn upgraded(cx: &mut Context<'_>, asked: Waiting) -> Self {
        let mut this = Self::new(false);
        if let Some(request) = asked.exchange.request {
            let waiting = this.streams.request(cx, 1, request.part);
            waiting.anomalies = asked.anomalies;
            waiting.interim = asked.interim;
            waiting.request_done = true;
        }
        this
    }

    fn side(&mut self, from: Sender) -> &mut Side {
        let [client, server] = &mut self.sides;
        match from {
            Sender::Client => client,
            Sender::Server => server,
        }
    }
}

impl Framing for Http2 {
    fn measure(&self, from: Sender, bytes: &[u8]) -> Measure {
        if from == Sender::Client && bytes.first() == PREFACE.first() {
            return match bytes.get(..PREFACE.len()) {
                Some(start) if start == PREFACE => Measure::Len(PREFACE.len() as u64),
                None if PREFACE.starts_with(bytes) => Measure::Need(PREFACE.len()),
                _ => Measure::Broken("no frame where one should begin"),
            };
        }
        let Some(header) = Header::read(bytes) else { return Measure::Need(HEADER_LEN) };
        if !header.has_length() {
            // The peer closes the connection (FRAME_SIZE_ERROR), or where frames begin is not known any more.
            return Measure::Broken("a frame that has not the length of its type");
        }
        Measure::Len(HEADER_LEN as u64 + u64::from(header.len))
    }

    fn begins(&self, _from: Sender, bytes: &[u8]) -> bool {
        match frame::run(bytes) {
            Run::Frames => true,
            // One frame that goes on in the next segment, on a stream that is there.
            Run::Unsure => Header::read(bytes)
                .is_some_and(|h| matches!(h.kind, kind::DATA | kind::HEADERS) && h.is_regular() && self.streams.contains(h.stream)),
            Run::Other => false,
        }
    }

    fn message(&mut self, cx: &mut Context<'_>, bytes: &[u8], half: Half) -> After {
        if !bytes.starts_with(PREFACE)
            && let Some(header) = Header::read(bytes)
        {
            self.frame(cx, header, bytes.get(HEADER_LEN..).unwrap_or_default(), half);
        }
        After::Message
    }

    fn lost(&mut self, cx: &mut Context<'_>) {
        self.unsure = true;
        self.lose_block(cx);
        self.side(cx.from).decoder.lose();
        self.streams.lost(cx);
    }

    fn close(&mut self, cx: &mut Context<'_>, why: Close) {
        self.streams.close(cx, why);
    }

    fn advance(&mut self, cx: &mut Context<'_>, now: Timestamp) {
        self.streams.expire(cx, now);
    }
}

impl Http2 {
    fn frame(&mut self, cx: &mut Context<'_>, header: Header, payload: &[u8], half: Half) {
        let continued = self.side(cx.from).block.as_ref().is_some_and(|b| header.kind == kind::CONTINUATION && b.stream == header.stream);
        if !continued {
            // RFC 9113 §6.10: nothing else may come between the frames of a block.
            self.lose_block(cx);
        }
        match header.kind {
            kind::DATA => self.data(cx, header, payload, half),
            kind::HEADERS => self.headers(cx, header, payload, half),
            kind::PUSH_PROMISE => self.push_promise(cx, header, payload, half),
            kind::CONTINUATION if continued => self.continuation(cx, header, payload, half),
            kind::CONTINUATION => self.side(cx.from).decoder.lose(),
            kind::RST_STREAM => {
                if let Some(code) = payload.first_chunk().map(|code| u32::from_be_bytes(*code)) {
                    let harmless = matches!(code, codes::NO_ERROR | codes::CANCEL);
                    self.streams.reset(cx, header.stream, &error_name(code), harmless);
                }
            }
            kind::GOAWAY => {
                if let Some((last, rest)) = frame::stream_id(payload) {
                    let code = rest.first_chunk().map_or(codes::NO_ERROR, |code| u32::from_be_bytes(*code));
                    self.streams.go_away(cx, last, &error_name(code));
                }
            }
            // SETTINGS bind the peer's encoder, which says in its blocks what it makes of them; the rest is no matter of messages.
            _ => {}
        }
    }

    fn data(&mut self, cx: &mut Context<'_>, header: Header, payload: &[u8], half: Half) {
        self.headless(cx, header.stream, half);
        let data = frame::unpadded(header, payload).unwrap_or(payload);
        self.streams.data(cx, header.stream, data);
        let Some(part) = self.streams.get(header.stream).and_then(|w| w.part(cx.from)) else { return };
        count(part, half);
        part.body.size = part.body.size.saturating_add(half.cut);
        part.body.cut = part.body.cut.saturating_add(half.cut);
        if !half.is_whole() {
            part.hole();
        }
        if header.has(flag::END_STREAM) {
            self.streams.end(cx, header.stream);
        }
    }

    /// Makes a message for data whose head was not seen.
    fn headless(&mut self, cx: &mut Context<'_>, stream: u32, half: Half) {
        let known = self.streams.get(stream).is_some_and(|w| w.part(cx.from).is_some());
        if known || !self.unsure || stream == 0 || self.streams.was_closed(stream) {
            return;
        }
        let first = Half { size: 0, ..half };
        self.start(cx, stream, Block::unseen(), first).anomalies.push(anomaly::HEAD_CUT);
    }

    fn headers(&mut self, cx: &mut Context<'_>, header: Header, payload: &[u8], half: Half) {
        let block = frame::unpadded(header, payload).unwrap_or(payload);
        let skip = if header.has(flag::PRIORITY) { PRIORITY_LEN } else { 0 };
        let open = Open {
            stream: header.stream,
            promised: None,
            end_stream: header.has(flag::END_STREAM),
            bytes: block.get(skip..).unwrap_or_default().to_vec(),
            half,
        };
        self.block(cx, open, header);
    }

    fn push_promise(&mut self, cx: &mut Context<'_>, header: Header, payload: &[u8], half: Half) {
        let block = frame::unpadded(header, payload).unwrap_or(payload);
        let (promised, block) = frame::stream_id(block).unwrap_or_default();
        let open = Open { stream: header.stream, promised: Some(promised), end_stream: true, bytes: block.to_vec(), half };
        self.block(cx, open, header);
    }

    fn continuation(&mut self, cx: &mut Context<'_>, header: Header, payload: &[u8], half: Half) {
        let Some(mut open) = self.side(cx.from).block.take() else { return };
        open.half.extend(half);
        let room = cx.limits.head_max.saturating_sub(open.bytes.len()).min(payload.len());
        open.half.cut = open.half.cut.saturating_add((payload.len() - room) as u64);
        open.bytes.extend_from_slice(payload.get(..room).unwrap_or_default());
        self.block(cx, open, header);
    }

    /// A block as far as it has come: it waits for more, or is read.
    fn block(&mut self, cx: &mut Context<'_>, open: Open, header: Header) {
        let whole = header.has(flag::END_HEADERS) || open.half.missing > 0;
        let side = self.side(cx.from);
        if !whole {
            side.block = Some(open);
            return;
        }
        let max = Max { bytes: cx.limits.head_max, fields: cx.limits.fields_max };
        let mut block = side.decoder.decode(&open.bytes, max);
        if !open.half.is_whole() {
            side.decoder.lose();
            block.broken = true;
        }
        self.read(cx, open, block);
    }

    /// The rest of a block will not come.
    fn lose_block(&mut self, cx: &mut Context<'_>) {
        if let Some(mut open) = self.side(cx.from).block.take() {
            open.half.missing = open.half.missing.saturating_add(1);
            let header = Header { flags: flag::END_HEADERS, ..Header::default() };
            self.block(cx, open, header);
        }
    }

    /// A block that was read: a head or trailers.
    fn read(&mut self, cx: &mut Context<'_>, open: Open, block: Block) {
        let Open { stream, promised, end_stream, half, .. } = open;
        if let Some(promised) = promised {
            if promised != 0 && promised % 2 == 0 && !self.streams.contains(promised) {
                self.promise(cx, promised, block, half);
            }
            return;
        }
        if stream == 0 || self.streams.was_closed(stream) {
            return;
        }
        let begun = self.streams.get(stream).is_some_and(|w| w.part(cx.from).is_some());
        let trailers = !begun && self.unsure && end_stream && block.are_trailers();
        if begun || trailers {
            self.headless(cx, stream, half);
            self.trailers(cx, stream, block, half);
        } else {
            self.start(cx, stream, block, half);
        }
        if end_stream {
            self.streams.end(cx, stream);
        }
    }

    fn trailers(&mut self, cx: &mut Context<'_>, stream: u32, mut block: Block, half: Half) {
        block.head.redact(&cx.limits.redaction);
        let Some(waiting) = self.streams.get(stream) else { return };
        waiting.anomalies.extend(block.oddities());
        let Some(part) = waiting.part(cx.from) else { return };
        count(part, half);
        if let Some(h2) = &mut part.h2 {
            h2.unknown = h2.unknown.saturating_add(block.unknown);
        }
        self.streams.trailers(cx.from, stream, block.head);
    }

    /// A message begins.
    fn start(&mut self, cx: &mut Context<'_>, stream: u32, block: Block, half: Half) -> &mut Waiting {
        let oddities = block.oddities();
        let h2 = H2 { stream, unknown: block.unknown, pushed: false };
        let waiting = match cx.from {
            Sender::Client => self.streams.request(cx, stream, part(cx, block.head.start_request(), h2, half)),
            Sender::Server => {
                let head = block.head.start_response();
                let interim = matches!(head.start, Some(StartLine::Status { status: 100..=199, .. }));
                let part = part(cx, head, h2, half);
                if interim { self.streams.interim(cx, stream, part) } else { self.streams.response(cx, stream, part) }
            }
        };
        waiting.anomalies.extend(oddities);
        waiting
    }

    /// PUSH_PROMISE: the server says what would have been asked (RFC 9113 §8.4).
    fn promise(&mut self, cx: &mut Context<'_>, stream: u32, block: Block, half: Half) {
        let oddities = block.oddities();
        let h2 = H2 { stream, unknown: block.unknown, pushed: true };
        let waiting = self.streams.request(cx, stream, part(cx, block.head.start_request(), h2, half));
        waiting.request_done = true;
        waiting.anomalies.extend(oddities);
    }
}

fn part(cx: &Context<'_>, mut head: Head, h2: H2, half: Half) -> Part {
    head.redact(&cx.limits.redaction);
    let mut part = Part::new(cx, head, 0);
    (part.h2, part.head_len, part.first) = (Some(h2), half.size, half.first);
    count(&mut part, half);
    part
}

/// Counts a frame.
fn count(part: &mut Part, half: Half) {
    part.wire = part.wire.saturating_add(half.size);
    part.last = half.last;
    part.gaps = part.gaps.saturating_add(half.gaps);
    part.missing = part.missing.saturating_add(half.missing);
}

impl Block {
    /// Of a head that was not seen.
    fn unseen() -> Self {
        Self { head: Head::default(), unknown: 0, broken: false, cut: false }
    }

    /// Whether a block that ends a stream is no head: heads begin with a pseudo-header field (RFC 9113 §8.3).
    fn are_trailers(&self) -> bool {
        self.head.fields().next().is_some_and(|(name, _)| !name.starts_with(b":"))
            && self.head.value(":status").is_none()
            && self.unknown == 0
    }

    fn oddities(&self) -> impl Iterator<Item = &'static str> + use<> {
        let all = [(self.unknown > 0, anomaly::HPACK_UNSEEN), (self.broken, anomaly::HPACK_BROKEN), (self.cut, anomaly::FIELDS_CUT)];
        all.into_iter().filter_map(|(is, name)| is.then_some(name))
    }
}

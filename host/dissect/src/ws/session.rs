//! The frames of one connection, and the messages that they make.

use super::{
    Agreed, Opening, WS, anomaly,
    frame::{self, Header, opcode},
    inflate::{Failed, Inflate},
    message::{Frame, Message},
};
use crate::{
    Close, Context, Half,
    exchange::{self, Part},
    framed::{After, Framing, Measure},
    redact,
};
use hookline_item::Sender;

/// One connection.
pub(super) struct WebSocket {
    agreed: Agreed,
    sides: [Side; 2],
}

#[derive(Default)]
struct Side {
    /// The message whose last frame has not come.
    open: Option<Open>,
    inflate: Inflate,
}

/// A message as far as it has come.
struct Open {
    opcode: u8,
    compressed: bool,
    fragments: u64,
    bytes: Vec<u8>,
    /// Bytes of its frames.
    size: u64,
    /// Whether bytes are not in `bytes`: over the limit, or lost.
    cut: bool,
}

impl WebSocket {
    pub(super) fn new(opening: Opening) -> Self {
        Self { agreed: opening.into(), sides: Default::default() }
    }

    fn side(&mut self, from: Sender) -> &mut Side {
        let [client, server] = &mut self.sides;
        if from == Sender::Client { client } else { server }
    }
}

impl Framing for WebSocket {
    fn measure(&self, _from: Sender, bytes: &[u8]) -> Measure {
        match Header::read(bytes).map(|header| header.frame_len()) {
            Ok(Some(len)) => Measure::Len(len),
            Ok(None) => Measure::Broken("a frame with an impossible length"),
            Err(need) => Measure::Need(need),
        }
    }

    fn begins(&self, from: Sender, bytes: &[u8]) -> bool {
        frame::are_frames(from, bytes)
    }

    fn message(&mut self, cx: &mut Context<'_>, bytes: &[u8], half: Half) -> After {
        let Ok(header) = Header::read(bytes) else { return After::Message };
        let mut anomalies = Vec::new();
        let mut note = |is: bool, name| anomalies.extend(is.then_some(name));
        note(!half.is_whole(), anomaly::CUT);
        note(header.mask.is_some() != (cx.from == Sender::Client), anomaly::MASKING);
        note(self.breaks_reservations(&header), anomaly::RESERVED);
        let payload = header.payload(bytes);
        let (mut payload, message) =
            if header.is_control() { (payload, None) } else { self.fragment(cx, header, payload, half, &mut anomalies) };
        redact::json_message(cx.limits.redaction.json_rules().as_ref(), &mut payload);
        let frame = Frame { header, from: cx.from, payload, message, agreed: self.agreed.clone() };
        exchange::single(cx, &WS, Part { what: frame, half, anomalies });
        After::Message
    }

    fn lost(&mut self, cx: &mut Context<'_>) {
        let side = self.side(cx.from);
        side.inflate.lose();
        if let Some(open) = &mut side.open {
            open.cut = true;
        }
    }

    fn close(&mut self, _cx: &mut Context<'_>, _why: Close) {}
}

impl WebSocket {
    fn breaks_reservations(&self, header: &Header) -> bool {
        let [first, second, third] = header.reserved;
        let compresses = self.agreed.deflate.is_some() && matches!(header.opcode, opcode::TEXT | opcode::BINARY);
        second || third || (first && !compresses) || opcode::name(header.opcode) == "Reserved"
    }

    /// A frame of a message: what it shows, and the message that it ends.
    fn fragment(
        &mut self,
        cx: &Context<'_>,
        header: Header,
        payload: Vec<u8>,
        half: Half,
        anomalies: &mut Vec<&'static str>,
    ) -> (Vec<u8>, Option<Message>) {
        let compressed = header.says_compressed() && self.agreed.deflate.is_some();
        let side = self.side(cx.from);
        let continues = header.opcode == opcode::CONTINUATION;
        if continues != side.open.is_some() {
            anomalies.push(anomaly::FRAGMENTS);
        }
        let begun = side.open.take().filter(|_| continues);
        if header.fin && begun.is_none() && !continues && !compressed {
            // The common case: a message in one frame, as it is.
            let message = Message { opcode: header.opcode, fragments: 1, size: header.payload_len, compressed: false };
            return (payload, Some(message));
        }
        let mut open = begun.unwrap_or_else(|| Open {
            opcode: header.opcode,
            compressed,
            fragments: 0,
            bytes: Vec::new(),
            size: 0,
            // A continuation of nothing: its beginning was lost.
            cut: continues,
        });
        open.take(&payload, header.payload_len, half, cx.limits.body_max);
        if !header.fin {
            side.open = Some(open);
            return (payload, None);
        }
        self.end(cx, open, anomalies)
    }

    fn end(&mut self, cx: &Context<'_>, open: Open, anomalies: &mut Vec<&'static str>) -> (Vec<u8>, Option<Message>) {
        let mut message = Message { opcode: open.opcode, fragments: open.fragments, size: open.size, compressed: open.compressed };
        let forgets = self.agreed.deflate.is_some_and(|deflate| deflate.forgets(cx.from));
        let inflate = &mut self.side(cx.from).inflate;
        if open.cut {
            anomalies.push(anomaly::MESSAGE_CUT);
        }
        if !open.compressed {
            return (open.bytes, Some(message));
        }
        if open.cut {
            inflate.lose();
            return (open.bytes, Some(message));
        }
        match inflate.message(&open.bytes, cx.limits.decoded_max, forgets) {
            Ok(inflated) => {
                if inflated.cut {
                    anomalies.push(anomaly::MESSAGE_CUT);
                }
                message.size = inflated.bytes.len() as u64;
                (inflated.bytes, Some(message))
            }
            Err(failed) => {
                anomalies.push(if failed == Failed::Lost { anomaly::CONTEXT_LOST } else { anomaly::DEFLATE_INVALID });
                (open.bytes, Some(message))
            }
        }
    }
}

impl Open {
    fn take(&mut self, payload: &[u8], len: u64, half: Half, max: usize) {
        let room = max.saturating_sub(self.bytes.len()).min(payload.len());
        self.bytes.extend_from_slice(payload.get(..room).unwrap_or_default());
        self.cut |= room < payload.len() || !half.is_whole();
        self.size = self.size.saturating_add(len);
        self.fragments += 1;
    }
}

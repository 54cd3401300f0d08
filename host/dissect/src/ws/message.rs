//! What WebSocket items say.

use super::{Agreed, frame::Header, frame::opcode};
use crate::exchange;
use hookline_item::{Sender, Value, object};
use std::borrow::Cow;

/// A frame, and with the last of a message the message.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) header: Header,
    pub(super) from: Sender,
    /// What it carries, in clear; of a message's last frame the whole message.
    pub(super) payload: Vec<u8>,
    pub(super) message: Option<Message>,
    pub(super) agreed: Agreed,
}

/// A message that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    /// Text or Binary.
    pub(super) opcode: u8,
    /// Frames that it came in.
    pub(super) fragments: u64,
    /// Bytes of it, those not kept included; of a compressed one as far as it was inflated.
    pub(super) size: u64,
    pub(super) compressed: bool,
}

object! {
    Frame as f, FRAME_FIELDS {
        "fin": Bool, "Whether it ends a message (RFC 6455 §5.2)" => f.header.fin;
        "rsv1": Bool, "Reserved bit 1: the message is compressed (RFC 7692 §6)" => f.reserved(0);
        "rsv2": Bool, "Reserved bit 2" => f.reserved(1);
        "rsv3": Bool, "Reserved bit 3" => f.reserved(2);
        "opCode": Str, "Continuation, Text, Binary, Close, Ping, Pong or Reserved" => opcode::name(f.header.opcode);
        "opCodeId": U64, "The opcode" => u64::from(f.header.opcode);
        "payloadLength": U64, "Bytes of this frame's payload" => f.header.payload_len;
        "masked": Bool, "Whether the payload was masked, as a client's must be" => f.header.mask.is_some();
        "direction": Str, "Who sent it: client or server" => f.direction();
        "payload": Str, "The payload, unmasked; of the frame that ends a message the whole message, joined and inflated. Text as it is, else base64" => f.shown();
        "encoding": Str, "base64, or absent where payload is text" => if std::str::from_utf8(&f.payload).is_ok() { Value::Absent } else { Value::from("base64") };
        "messageType": Str, "Of the frame that ends a message: Text or Binary" => f.message.map(|m| opcode::name(m.opcode));
        "messageLength": U64, "Of the frame that ends a message: bytes of it, inflated" => f.message.map(|m| m.size);
        "fragments": U64, "Of the frame that ends a message: the frames that it came in" => f.message.map(|m| m.fragments);
        "compressed": Bool, "Of the frame that ends a message: whether that was compressed" => f.message.map(|m| m.compressed);
        "closeCode": U64, "Of Close: the status code (RFC 6455 §7.4); absent without one" => f.close_code();
        "closeReason": Str, "Of Close: the reason; absent without one" => f.close_reason();
        "host": Str, "Host of the handshake" => f.agreed.host.as_str();
        "path": Str, "Path of the handshake" => f.agreed.path.as_str();
        "subprotocol": Str, "The subprotocol that was agreed on (RFC 6455 §1.9); absent without one" => Value::text(&f.agreed.subprotocol);
    }
}

impl Frame {
    fn reserved(&self, bit: usize) -> bool {
        self.header.reserved.get(bit).copied().unwrap_or_default()
    }

    fn direction(&self) -> &'static str {
        if self.from == Sender::Client { "client" } else { "server" }
    }

    fn shown(&self) -> Value<'_> {
        std::str::from_utf8(&self.payload).map_or(Value::Bytes(&self.payload), Value::from)
    }

    fn close_code(&self) -> Option<u64> {
        let code = self.payload.first_chunk().filter(|_| self.header.opcode == opcode::CLOSE)?;
        Some(u64::from(u16::from_be_bytes(*code)))
    }

    fn close_reason(&self) -> Value<'_> {
        self.close_code().and_then(|_| self.payload.get(2..)).filter(|r| !r.is_empty()).map_or(Value::Absent, Value::lossy)
    }
}

impl exchange::Request for Frame {
    /// What rows show: the start of what is said.
    fn summary(&self) -> Cow<'_, str> {
        if self.header.opcode == opcode::CLOSE {
            return self.close_code().map_or("".into(), |code| code.to_string().into());
        }
        match std::str::from_utf8(&self.payload) {
            Ok(text) => text.char_indices().nth(SUMMARY_MAX).map_or(text, |(end, _)| text.get(..end).unwrap_or(text)).into(),
            Err(_) => format!("{} bytes", self.payload.len()).into(),
        }
    }

    fn method(&self) -> Cow<'_, str> {
        opcode::name(self.message.map_or(self.header.opcode, |m| m.opcode)).into()
    }
}

/// Characters of a message that a row has room for.
const SUMMARY_MAX: usize = 100;

//! Where messages begin and end, and the headers of requests.

use super::codes;
use crate::cursor::Cursor;

/// The size field before each message.
pub(super) const SIZE_LEN: usize = 4;
/// No message is longer: brokers take 100 MiB (socket.request.max.bytes), and answer with less than 256 MiB unless told otherwise.
const SIZE_MAX: i32 = 256 << 20;
/// Versions beyond those that are known which an API key may have and still be believed: brokers are newer than dissectors.
const VERSIONS_AHEAD: i16 = 2;
/// The longest name of a client that is believed.
const CLIENT_ID_MAX: usize = 255;

/// A request's header (protocol guide, "Request Header v1" and v2; a v2 header's tagged fields are read with the body).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) key: i16,
    pub(super) version: i16,
    pub(super) correlation: i32,
    pub(super) client_id: Option<&'a [u8]>,
    /// What follows.
    pub(super) body: &'a [u8],
}

/// Bytes of the message that `bytes` begin with, its size field included.
pub(super) fn len(bytes: &[u8]) -> Option<Result<u64, ()>> {
    let size = Cursor::new(bytes).i32_be()?;
    Some(if (0..=SIZE_MAX).contains(&size) { Ok(u64::from(size.unsigned_abs()) + SIZE_LEN as u64) } else { Err(()) })
}

/// Whether `bytes` are one message from their first to their last.
pub(super) fn fills(bytes: &[u8]) -> bool {
    bytes.len() > 2 * SIZE_LEN && len(bytes) == Some(Ok(bytes.len() as u64))
}

/// The header of a request, without its size field. `None` where it breaks off, or the client's name has an impossible length.
pub(super) fn header(message: &[u8]) -> Option<Header<'_>> {
    let mut cursor = Cursor::new(message);
    let (key, version, correlation) = (cursor.i16_be()?, cursor.i16_be()?, cursor.i32_be()?);
    let client_id = match cursor.i16_be()? {
        -1 => None,
        len => Some(cursor.take(usize::try_from(len).ok()?)?),
    };
    Some(Header { key, version, correlation, client_id, body: cursor.rest })
}

impl Header<'_> {
    /// Whether a client would send it.
    pub(super) fn is_plausible(&self) -> bool {
        let known = codes::version_max(self.key).is_some_and(|max| (0..=max.saturating_add(VERSIONS_AHEAD)).contains(&self.version));
        known && self.client_id.is_none_or(|id| id.len() <= CLIENT_ID_MAX && is_printable(id))
    }
}

fn is_printable(id: &[u8]) -> bool {
    std::str::from_utf8(id).is_ok_and(|id| !id.chars().any(char::is_control))
}

/// What the start of a segment looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looks {
    /// A request; whether it names its client, which makes it certain.
    Request {
        named: bool,
    },
    /// It could become one.
    Short,
    Other,
}

/// What `bytes`, the size field first, look like.
pub(super) fn looks(bytes: &[u8]) -> Looks {
    /// Size, key, version, correlation id, length of the client's name.
    const LEAST: usize = 14;
    let Some(Ok(len)) = len(bytes) else { return if bytes.len() < SIZE_LEN { Looks::Short } else { Looks::Other } };
    if len < LEAST as u64 {
        return Looks::Other;
    }
    match bytes.get(SIZE_LEN..).and_then(header) {
        Some(header) if header.is_plausible() && (bytes.len() - header.body.len()) as u64 <= len => {
            Looks::Request { named: header.client_id.is_some_and(|id| !id.is_empty()) }
        }
        Some(_) => Looks::Other,
        // The name is still to come: what is before it decides whether that is worth waiting for.
        None => match bytes.get(SIZE_LEN..LEAST - 2).map(|fixed| [fixed, &[0xff, 0xff]].concat()) {
            Some(fixed) if !header(&fixed).is_some_and(|h| h.is_plausible()) => Looks::Other,
            _ if bytes.len() < LEAST + CLIENT_ID_MAX => Looks::Short,
            _ => Looks::Other,
        },
    }
}

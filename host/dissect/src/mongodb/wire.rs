//! Headers and opcodes, and what is in a message.

use super::bson;
use nom::{IResult, bytes::complete::take, number::complete::le_i32};
use std::{borrow::Cow, io::Read as _};

pub(super) const HEADER_LEN: usize = 16;
/// The longest message (maxMessageSizeBytes).
const MESSAGE_MAX: i32 = 48_000_000;
/// Bytes that decompressing one message may give.
const DECOMPRESSED_MAX: usize = 1 << 20;

/// Opcodes.
pub(super) mod op {
    pub(crate) const REPLY: i32 = 1;
    pub(crate) const UPDATE: i32 = 2001;
    pub(crate) const INSERT: i32 = 2002;
    pub(crate) const QUERY: i32 = 2004;
    pub(crate) const GET_MORE: i32 = 2005;
    pub(crate) const DELETE: i32 = 2006;
    pub(crate) const KILL_CURSORS: i32 = 2007;
    pub(crate) const COMPRESSED: i32 = 2012;
    pub(crate) const MSG: i32 = 2013;
}

/// The sender sends more without being asked (OP_MSG `moreToCome`): no response is expected, or others follow.
const MORE_TO_COME: u32 = 2;
/// A CRC-32C stands at the end (OP_MSG `checksumPresent`).
const CHECKSUM_PRESENT: u32 = 1;
/// The low half of OP_MSG's flags must be understood: only two are.
const FLAGS_REQUIRED: u32 = 0xffff;

/// A message's header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) len: i32,
    pub(super) id: i32,
    pub(super) response_to: i32,
    pub(super) opcode: i32,
}

impl Header {
    /// Whether it is a server's.
    pub(super) fn is_reply(self) -> bool {
        self.responds() || self.opcode == op::REPLY
    }

    /// Whether it names a message that it responds to. Old drivers say -1 where others say 0.
    fn responds(self) -> bool {
        !matches!(self.response_to, 0 | -1)
    }
}

/// What an opcode is called.
pub(super) fn opcode_name(opcode: i32) -> Cow<'static, str> {
    Cow::Borrowed(match opcode {
        op::REPLY => "OP_REPLY",
        op::UPDATE => "OP_UPDATE",
        op::INSERT => "OP_INSERT",
        op::QUERY => "OP_QUERY",
        op::GET_MORE => "OP_GET_MORE",
        op::DELETE => "OP_DELETE",
        op::KILL_CURSORS => "OP_KILL_CURSORS",
        op::COMPRESSED => "OP_COMPRESSED",
        op::MSG => "OP_MSG",
        n => return Cow::Owned(format!("OP {n}")),
    })
}

pub(super) fn header(i: &[u8]) -> IResult<&[u8], Header> {
    let (i, len) = le_i32(i)?;
    let (i, id) = le_i32(i)?;
    let (i, response_to) = le_i32(i)?;
    let (i, opcode) = le_i32(i)?;
    Ok((i, Header { len, id, response_to, opcode }))
}

/// The header that `bytes` begin with; `Some(None)` if they begin no message, `None` if that cannot be said yet.
pub(super) fn start(bytes: &[u8]) -> Option<Option<Header>> {
    let Ok((body, header)) = header(bytes) else {
        let len = le_i32::<_, nom::error::Error<_>>(bytes).map(|(_, len)| len);
        return if len.is_ok_and(|len| !(HEADER_LEN as i32..=MESSAGE_MAX).contains(&len)) { Some(None) } else { None };
    };
    if !(HEADER_LEN as i32 + 4..=MESSAGE_MAX).contains(&header.len) {
        return Some(None);
    }
    let word = body.first_chunk::<4>().map(|b| i32::from_le_bytes(*b));
    let sound = match header.opcode {
        op::MSG => word? as u32 & FLAGS_REQUIRED & !(MORE_TO_COME | CHECKSUM_PRESENT) == 0 && *body.get(4)? <= 1,
        // Flags, then a collection's name: database, dot, collection.
        op::QUERY | op::INSERT | op::UPDATE | op::DELETE | op::GET_MORE => !header.responds() && is_namespace(body.get(4..)?)?,
        op::REPLY => header.responds() && (0..16).contains(&word?) && header.len >= 36,
        op::COMPRESSED => matches!(word?, op::REPLY | op::UPDATE..=op::MSG) && *body.get(8)? <= 3,
        op::KILL_CURSORS => word? == 0 && !header.responds(),
        _ => false,
    };
    Some(sound.then_some(header))
}

/// Whether a collection's full name stands here; `None` if its end is not there yet.
fn is_namespace(bytes: &[u8]) -> Option<bool> {
    let end = bytes.iter().position(|b| *b == 0);
    let name = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
    let sound = name.len() <= 255 && std::str::from_utf8(name).is_ok_and(|n| !n.chars().any(char::is_control));
    match end {
        _ if !sound => Some(false),
        Some(_) => Some(name.contains(&b'.')),
        None => None,
    }
}

/// A message without its compression: the opcode, and what follows the header.
pub(super) fn open<'a>(header: Header, body: &'a [u8]) -> Option<(i32, Cow<'a, [u8]>)> {
    if header.opcode != op::COMPRESSED {
        return Some((header.opcode, Cow::Borrowed(body)));
    }
    let (i, opcode) = le_i32::<_, nom::error::Error<_>>(body).ok()?;
    let (i, size) = le_i32::<_, nom::error::Error<_>>(i).ok()?;
    let (compressor, data) = i.split_first()?;
    let size = usize::try_from(size).ok().filter(|size| *size <= DECOMPRESSED_MAX)?;
    Some((opcode, Cow::Owned(decompress(*compressor, data, size)?)))
}

fn decompress(compressor: u8, data: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(size);
    match compressor {
        0 => out.extend_from_slice(data),
        1 => {
            // What the data say of themselves must not be more than what the header says.
            let len = snap::raw::decompress_len(data).ok().filter(|len| *len <= size)?;
            out.resize(len, 0);
            snap::raw::Decoder::new().decompress(data, &mut out).ok()?;
        }
        2 => drop(flate2::read::ZlibDecoder::new(data).take(size as u64).read_to_end(&mut out).ok()?),
        3 => drop(zstd::Decoder::new(data).ok()?.take(size as u64).read_to_end(&mut out).ok()?),
        _ => return None,
    }
    Some(out)
}

/// What a message says.
#[derive(Clone, Debug, Default)]
pub(super) struct Content<'a> {
    pub(super) flags: u32,
    /// The full name of the collection, in opcodes of old.
    pub(super) namespace: &'a [u8],
    /// The main document; the first one of a reply.
    pub(super) document: &'a [u8],
    /// OP_MSG: sequences of documents by their names; OP_INSERT, OP_REPLY: `documents`.
    pub(super) sequences: Vec<(&'a [u8], &'a [u8])>,
    /// OP_REPLY: documents returned.
    pub(super) returned: Option<i32>,
}

/// Takes a message apart; of a cut one what is there.
pub(super) fn content(opcode: i32, body: &[u8]) -> Content<'_> {
    let mut content = Content::default();
    // Where something is missing, what came before stays.
    let _ = match opcode {
        op::MSG => msg(&mut content, body),
        op::REPLY => reply(&mut content, body),
        // Numbers to skip and to return; flags.
        op::QUERY => collection(&mut content, body).map(|i| content.document = bson::one(i.get(8..).unwrap_or_default())),
        op::UPDATE | op::DELETE => collection(&mut content, body).map(|i| content.document = bson::one(i.get(4..).unwrap_or_default())),
        op::INSERT => collection(&mut content, body).map(|i| content.sequences.push((b"documents", i))),
        op::GET_MORE => collection(&mut content, body).map(drop),
        _ => Ok(()),
    };
    content
}

/// What reading gives that has no value of its own.
type Read<'a, T> = Result<T, nom::Err<nom::error::Error<&'a [u8]>>>;

fn msg<'a>(content: &mut Content<'a>, i: &'a [u8]) -> Read<'a, ()> {
    let (mut i, flags) = le_i32(i)?;
    content.flags = flags as u32;
    if content.flags & CHECKSUM_PRESENT != 0 {
        i = i.get(..i.len().saturating_sub(4)).unwrap_or_default();
    }
    while let Some((kind, rest)) = i.split_first() {
        let (_, size) = le_i32(rest)?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        // Of a section that is cut, what is there.
        let (section, after) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        match kind {
            0 => content.document = section,
            _ => {
                let named = section.get(4..).unwrap_or_default();
                let end = named.iter().position(|b| *b == 0).unwrap_or(named.len());
                content.sequences.push((named.get(..end).unwrap_or_default(), named.get(end + 1..).unwrap_or_default()));
            }
        }
        i = after;
    }
    Ok(())
}

fn reply<'a>(content: &mut Content<'a>, i: &'a [u8]) -> Read<'a, ()> {
    let (i, _flags) = le_i32(i)?;
    let (i, _cursor_id) = take(8usize)(i)?;
    let (i, _starting_from) = le_i32(i)?;
    let (i, returned) = le_i32(i)?;
    content.returned = Some(returned);
    content.document = bson::one(i);
    content.sequences.push((b"documents", i));
    Ok(())
}

/// Flags and the full name of a collection.
fn collection<'a>(content: &mut Content<'a>, i: &'a [u8]) -> Read<'a, &'a [u8]> {
    let (i, _flags) = le_i32(i)?;
    let end = i.iter().position(|b| *b == 0).unwrap_or(i.len());
    content.namespace = i.get(..end).unwrap_or_default();
    Ok(i.get(end + 1..).unwrap_or_default())
}

impl Content<'_> {
    pub(super) fn more_to_come(&self) -> bool {
        self.flags & MORE_TO_COME != 0
    }
}

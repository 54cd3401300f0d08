//! Messages on the wire (PostgreSQL documentation §54.7): a type byte, a length that counts itself, a body; the first of a client has no type.

use crate::{cursor::Cursor, framed::Measure};
use hookline_item::Sender;

/// The longest startup packet (MAX_STARTUP_PACKET_LENGTH).
const STARTUP_MAX: usize = 10_000;
/// The longest message that a server sends of kinds that are not long (libpq's VALID_LONG_MESSAGE_TYPE; fe-protocol3.c).
const SHORT_MAX: u32 = 30_000;
/// The longest of all (PQ_LARGE_MESSAGE_LIMIT, 1 GiB).
const LONG_MAX: u32 = 0x3fff_ffff;

/// Request codes that stand where a startup packet has its version (§54.7).
pub(super) const CANCEL: u32 = 80_877_102;
pub(super) const SSL: u32 = 80_877_103;
pub(super) const GSSENC: u32 = 80_877_104;

/// Bytes of a typed message before its body.
pub(super) const HEADER_LEN: usize = 5;
/// Bytes of a startup packet before its parameters.
pub(super) const STARTUP_HEADER_LEN: usize = 8;

/// Length of the message that `bytes` begin with.
pub(super) fn measure(from: Sender, bytes: &[u8]) -> Measure {
    let mut cursor = Cursor::new(bytes);
    if from == Sender::Client && bytes.first() == Some(&0) {
        return match cursor.u32_be().map(|len| len as usize) {
            Some(len) if (STARTUP_HEADER_LEN..=STARTUP_MAX).contains(&len) => Measure::Len(len as u64),
            Some(_) => Measure::Broken("no startup packet where one should begin"),
            None => Measure::Need(4),
        };
    }
    let Some(max) = cursor.u8().and_then(|kind| len_max(from, kind)) else { return Measure::Broken("no message of a known type") };
    match cursor.u32_be() {
        Some(len) if (4..=max).contains(&len) => Measure::Len(u64::from(len) + 1),
        Some(_) => Measure::Broken("a message's length is out of range"),
        None => Measure::Need(HEADER_LEN),
    }
}

/// The greatest length that a message of this type may have; `None` for types that do not exist.
fn len_max(from: Sender, kind: u8) -> Option<u32> {
    match (from, kind) {
        (Sender::Client, b'H' | b'S' | b'X' | b'c') => Some(4),
        (Sender::Client, b'Q' | b'P' | b'B' | b'E' | b'D' | b'C' | b'F' | b'd' | b'f' | b'p') => Some(LONG_MAX),
        (Sender::Server, b'1' | b'2' | b'3' | b'I' | b'n' | b's' | b'c') => Some(4),
        (Sender::Server, b'Z') => Some(5),
        (Sender::Server, b'T' | b'D' | b'd' | b'V' | b'E' | b'N' | b'A' | b't') => Some(LONG_MAX),
        (Sender::Server, b'R' | b'S' | b'K' | b'C' | b'G' | b'H' | b'W' | b'v') => Some(SHORT_MAX),
        _ => None,
    }
}

/// Whether `bytes` begin a connection; `None` if that cannot be said yet.
pub(super) fn startup(bytes: &[u8]) -> Option<bool> {
    if bytes.first().is_some_and(|b| *b != 0) {
        return Some(false);
    }
    let mut cursor = Cursor::new(bytes);
    let len = cursor.u32_be()? as usize;
    if !(STARTUP_HEADER_LEN..=STARTUP_MAX).contains(&len) {
        return Some(false);
    }
    match (cursor.u32_be()?, len) {
        (SSL | GSSENC, 8) => Some(true),
        (CANCEL, 16..=268) => Some(true),
        // 3.0, 3.2 and what may come.
        (version, _) if version >> 16 == 3 && version & 0xffff < 10 => {
            if cursor.rest.first().is_some_and(|b| !b.is_ascii_graphic()) {
                return Some(false);
            }
            let parameters = cursor.take(len - STARTUP_HEADER_LEN)?;
            // "user" is the one that must be there.
            Some(parameters.ends_with(&[0, 0]) && pairs(parameters).any(|(name, _)| name == b"user"))
        }
        _ => Some(false),
    }
}

/// Whether `bytes` are whole messages, each of the form of its type, and one of them has a form that is no accident; the last may break off.
pub(super) fn is_chain(from: Sender, bytes: &[u8]) -> bool {
    let (mut rest, mut proof) = (bytes, false);
    while !rest.is_empty() {
        let Measure::Len(len) = measure(from, rest) else { break };
        let Some((message, after)) = usize::try_from(len).ok().and_then(|len| rest.split_at_checked(len)) else { return proof };
        match message.split_first().map(|(kind, _)| form(from, *kind, message.get(HEADER_LEN..).unwrap_or_default())) {
            Some(Form::Strong) => proof = true,
            Some(Form::Weak) => {}
            Some(Form::Wrong) | None => return false,
        }
        rest = after;
    }
    proof && (rest.is_empty() || matches!(measure(from, rest), Measure::Need(_)))
}

/// What a message's body says of its type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// It is as this type's are, which other bytes hardly are.
    Strong,
    /// Any bytes would do, or few tell.
    Weak,
    Wrong,
}

fn form(from: Sender, kind: u8, body: &[u8]) -> Form {
    let mut cursor = Cursor::new(body);
    let strong = match (from, kind) {
        (_, b'd')
        | (Sender::Client, b'p' | b'F' | b'S' | b'H' | b'X' | b'c')
        | (Sender::Server, b'V' | b'v' | b'1' | b'2' | b'3' | b'I' | b'n' | b's' | b'c') => {
            return Form::Weak;
        }
        (Sender::Client, b'Q') => cursor.cstr().is_some_and(is_text) && cursor.is_empty(),
        (Sender::Client, b'P') => parse(&mut cursor).is_some() && cursor.is_empty(),
        (Sender::Client, b'B') => bind(&mut cursor).is_some() && cursor.is_empty(),
        (Sender::Client, b'E') => cursor.cstr().is_some() && cursor.u32_be().is_some() && cursor.is_empty(),
        (Sender::Client, b'D' | b'C') => matches!(cursor.u8(), Some(b'S' | b'P')) && cursor.cstr().is_some() && cursor.is_empty(),
        (Sender::Client, b'f') => cursor.cstr().is_some() && cursor.is_empty(),
        (Sender::Server, b'R') => cursor.u32_be().is_some_and(|code| code <= 12),
        (Sender::Server, b'S') => cursor.cstr().is_some_and(is_text) && cursor.cstr().is_some() && cursor.is_empty(),
        (Sender::Server, b'K') => (8..=260).contains(&body.len()),
        (Sender::Server, b'Z') => matches!(body, [b'I' | b'T' | b'E']),
        (Sender::Server, b'C') => {
            cursor.cstr().is_some_and(|tag| is_text(tag) && tag.first().is_some_and(u8::is_ascii_uppercase)) && cursor.is_empty()
        }
        (Sender::Server, b'E' | b'N') => fields(body).next().is_some() && body.last() == Some(&0),
        (Sender::Server, b'A') => {
            cursor.u32_be().is_some() && cursor.cstr().is_some_and(is_text) && cursor.cstr().is_some() && cursor.is_empty()
        }
        (Sender::Server, b'T') => columns(body).count() == usize::from(cursor.u16_be().unwrap_or(u16::MAX)),
        (Sender::Server, b'D') => row(&mut cursor).is_some() && cursor.is_empty(),
        (Sender::Server, b't') => cursor.u16_be().is_some_and(|n| cursor.rest.len() == usize::from(n) * 4),
        (Sender::Server, b'G' | b'H' | b'W') => {
            cursor.u8().is_some_and(|format| format < 2) && cursor.u16_be().is_some_and(|n| cursor.rest.len() == usize::from(n) * 2)
        }
        _ => false,
    };
    if strong { Form::Strong } else { Form::Wrong }
}

/// Printable, as names and queries are.
fn is_text(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|b| *b >= 0x20 && *b != 0x7f || matches!(b, b'\t' | b'\n' | b'\r'))
}

/// Name, query and the types that are given, of a Parse.
pub(super) fn parse<'a>(cursor: &mut Cursor<'a>) -> Option<(&'a [u8], &'a [u8], &'a [u8])> {
    let (name, query) = (cursor.cstr()?, cursor.cstr()?);
    let count = usize::from(cursor.u16_be()?);
    Some((name, query, cursor.take(count * 4)?))
}

/// What a Bind says.
pub(super) struct Bind<'a> {
    /// Format codes of the parameters, two bytes each: none (all are text), one for all, or one for each.
    formats: &'a [u8],
    pub(super) values: Vec<Option<&'a [u8]>>,
}

impl Bind<'_> {
    pub(super) fn is_binary(&self, index: usize) -> bool {
        let (codes, _) = self.formats.as_chunks::<2>();
        let code = if codes.len() == 1 { codes.first() } else { codes.get(index) };
        code.is_some_and(|code| *code == [0, 1])
    }
}

pub(super) fn bind<'a>(cursor: &mut Cursor<'a>) -> Option<Bind<'a>> {
    let (_portal, _statement) = (cursor.cstr()?, cursor.cstr()?);
    let count = usize::from(cursor.u16_be()?);
    let formats = cursor.take(count * 2)?;
    let values = row(cursor)?;
    let count = usize::from(cursor.u16_be()?);
    cursor.take(count * 2)?;
    Some(Bind { formats, values })
}

/// Values after their number, each after its length; -1 is NULL.
fn row<'a>(cursor: &mut Cursor<'a>) -> Option<Vec<Option<&'a [u8]>>> {
    let count = cursor.u16_be()?;
    let value = |_| match cursor.i32_be()? {
        -1 => Some(None),
        len => cursor.take(usize::try_from(len).ok()?).map(Some),
    };
    (0..count).map(value).collect()
}

/// Names and types of the columns in a RowDescription.
pub(super) fn columns(body: &[u8]) -> impl Iterator<Item = (&[u8], u32)> {
    let mut cursor = Cursor::new(body);
    let count = cursor.u16_be().unwrap_or(0);
    (0..count).map_while(move |_| {
        let name = cursor.cstr()?;
        cursor.take(6)?;
        let oid = cursor.u32_be()?;
        cursor.take(8)?;
        Some((name, oid))
    })
}

/// Fields of an ErrorResponse or NoticeResponse: a letter and a text each.
pub(super) fn fields(body: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut cursor = Cursor::new(body);
    std::iter::from_fn(move || {
        let kind = cursor.u8().filter(u8::is_ascii_alphabetic)?;
        Some((kind, cursor.cstr()?))
    })
}

/// Names and values, as a startup packet has them.
pub(super) fn pairs(body: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut cursor = Cursor::new(body);
    std::iter::from_fn(move || {
        let name = cursor.cstr().filter(|name| !name.is_empty())?;
        Some((name, cursor.cstr()?))
    })
}

//! Packets on the wire (page_protocol_basic_packets): a length of three bytes, a sequence number, a payload; and what payloads are made of.

use crate::{cursor::Cursor, framed::Measure};

/// Bytes of a packet before its payload.
pub(super) const HEADER_LEN: usize = 4;
/// A payload of this length goes on in the next packet.
pub(super) const PAYLOAD_MAX: u64 = 0xff_ffff;

/// Capability flags (page_protocol_basic_capabilities, `group__group__cs__capabilities__flags`).
pub(super) mod capability {
    pub(in super::super) const CONNECT_WITH_DB: u32 = 1 << 3;
    pub(in super::super) const COMPRESS: u32 = 1 << 5;
    pub(in super::super) const PROTOCOL_41: u32 = 1 << 9;
    pub(in super::super) const SSL: u32 = 1 << 11;
    pub(in super::super) const SECURE_CONNECTION: u32 = 1 << 15;
    pub(in super::super) const PLUGIN_AUTH: u32 = 1 << 19;
    pub(in super::super) const CONNECT_ATTRS: u32 = 1 << 20;
    pub(in super::super) const LENENC_AUTH: u32 = 1 << 21;
    pub(in super::super) const DEPRECATE_EOF: u32 = 1 << 24;
    pub(in super::super) const ZSTD: u32 = 1 << 26;
    pub(in super::super) const QUERY_ATTRIBUTES: u32 = 1 << 27;
}

/// Length of the packet that `bytes` begin with.
pub(super) fn measure(bytes: &[u8]) -> Measure {
    match header(bytes) {
        Some((len, _)) => Measure::Len(len + HEADER_LEN as u64),
        None => Measure::Need(HEADER_LEN),
    }
}

/// Length of the payload, and the sequence number.
pub(super) fn header(bytes: &[u8]) -> Option<(u64, u8)> {
    let ([a, b, c, sequence], _) = bytes.split_first_chunk()?;
    Some((u64::from(u32::from_le_bytes([*a, *b, *c, 0])), *sequence))
}

/// A length-encoded integer (page_protocol_basic_dt_integers).
pub(super) fn lenenc(cursor: &mut Cursor<'_>) -> Option<u64> {
    match cursor.u8()? {
        n @ 0..=0xfa => Some(n.into()),
        0xfc => cursor.u16_le().map(u64::from),
        0xfd => cursor.array().map(|[a, b, c]| u64::from(u32::from_le_bytes([a, b, c, 0]))),
        0xfe => cursor.u64_le(),
        _ => None,
    }
}

/// A length-encoded string.
pub(super) fn lenenc_bytes<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let len = usize::try_from(lenenc(cursor)?).ok()?;
    cursor.take(len)
}

/// What a server says first (page_protocol_connection_phase_packets_protocol_handshake_v10).
pub(super) struct Greeting<'a> {
    pub(super) version: &'a [u8],
    pub(super) connection: u32,
    pub(super) capabilities: u32,
    pub(super) plugin: Option<&'a [u8]>,
}

pub(super) fn greeting(payload: &[u8]) -> Option<Greeting<'_>> {
    let mut cursor = Cursor::new(payload);
    cursor.u8().filter(|version| *version == 10)?;
    let (version, connection) = (cursor.cstr()?, cursor.u32_le()?);
    cursor.take(9)?;
    let low = cursor.u16_le()?;
    // Servers before 4.1 end here.
    let rest = (|| {
        cursor.take(3)?;
        let high = cursor.u16_le()?;
        let data = usize::from(cursor.u8()?);
        cursor.take(10)?;
        cursor.take(13.max(data.saturating_sub(8)))?;
        Some((high, cursor.cstr().unwrap_or(cursor.rest)))
    })();
    let capabilities = u32::from(low) | u32::from(rest.map_or(0, |(high, _)| high)) << 16;
    Some(Greeting { version, connection, capabilities, plugin: rest.map(|(_, plugin)| plugin).filter(|p| !p.is_empty()) })
}

/// Whether `bytes` begin with a server's handshake; `None` if that cannot be said yet.
pub(super) fn is_greeting(bytes: &[u8]) -> Option<bool> {
    // Longer ones do not exist: the version is some dozen bytes.
    const LEN_MAX: u64 = 512;
    let Some((len, sequence)) = header(bytes) else { return Some(false).filter(|_| bytes.get(1).is_some_and(|b| *b > 1)) };
    if sequence != 0 || !(28..LEN_MAX).contains(&len) || bytes.get(HEADER_LEN).is_some_and(|b| *b != 10) {
        return Some(false);
    }
    let payload = bytes.get(HEADER_LEN..HEADER_LEN + usize::try_from(len).ok()?)?;
    let text = |b: &u8| b.is_ascii_graphic() || *b == b' ';
    Some(greeting(payload).is_some_and(|g| g.version.first().is_some_and(u8::is_ascii_digit) && g.version.iter().all(text)))
}

/// What a client logs in with (page_protocol_connection_phase_packets_protocol_handshake_response).
pub(super) struct Login<'a> {
    pub(super) capabilities: u32,
    /// Whether it stops before the user: it is an SSLRequest.
    pub(super) is_ssl: bool,
    pub(super) user: &'a [u8],
    pub(super) database: Option<&'a [u8]>,
    pub(super) plugin: Option<&'a [u8]>,
    pub(super) attributes: &'a [u8],
}

pub(super) fn login(payload: &[u8]) -> Option<Login<'_>> {
    use capability as c;
    let mut cursor = Cursor::new(payload);
    let low = cursor.u16_le()?;
    if u32::from(low) & c::PROTOCOL_41 == 0 {
        return old_login(cursor, low.into());
    }
    let capabilities = u32::from(low) | u32::from(cursor.u16_le()?) << 16;
    let has = |flag| capabilities & flag != 0;
    cursor.take(4 + 1 + 23)?;
    let mut login =
        Login { capabilities, is_ssl: has(c::SSL) && cursor.is_empty(), user: b"", database: None, plugin: None, attributes: b"" };
    if login.is_ssl {
        return Some(login);
    }
    login.user = cursor.cstr()?;
    // The rest may be missing where clients are old; what is there is shown.
    (|| {
        if has(c::LENENC_AUTH) {
            lenenc_bytes(&mut cursor)?;
        } else if has(c::SECURE_CONNECTION) {
            let len = cursor.u8()?;
            cursor.take(len.into())?;
        } else {
            cursor.cstr()?;
        }
        if has(c::CONNECT_WITH_DB) {
            login.database = Some(cursor.cstr().unwrap_or(cursor.rest));
        }
        if has(c::PLUGIN_AUTH) {
            login.plugin = cursor.cstr();
        }
        if has(c::CONNECT_ATTRS) {
            login.attributes = lenenc_bytes(&mut cursor)?;
        }
        Some(())
    })();
    Some(login)
}

/// HandshakeResponse320.
fn old_login(mut cursor: Cursor<'_>, capabilities: u32) -> Option<Login<'_>> {
    cursor.take(3)?;
    let is_ssl = capabilities & capability::SSL != 0 && cursor.is_empty();
    let user = if is_ssl { b"" } else { cursor.cstr()? };
    let has_database = capabilities & capability::CONNECT_WITH_DB != 0;
    let database = has_database.then(|| (cursor.cstr(), cursor.cstr())).and_then(|(_, database)| database);
    Some(Login { capabilities, is_ssl, user, database, plugin: None, attributes: b"" })
}

/// Whether `bytes` are a command in its packet. `usual`: on a port where there is little else.
pub(super) fn is_command(bytes: &[u8], usual: bool) -> bool {
    let (Some((len, 0)), Some((command, body))) = (header(bytes), bytes.get(HEADER_LEN..).and_then(<[u8]>::split_first)) else {
        return false;
    };
    let whole = len == 1 + body.len() as u64;
    match command {
        // A query is long and may come in several segments.
        3 | 0x16 if len > 8 && (whole || (usual && len > body.len() as u64)) => {
            let text = body.strip_prefix(&[0, 1]).unwrap_or(body);
            let start = text.iter().position(|b| !b.is_ascii_whitespace() && *b != b'(').and_then(|at| text.get(at..)).unwrap_or_default();
            let word = start.iter().take_while(|b| b.is_ascii_alphabetic()).count();
            (start.starts_with(b"/*") || (word >= 2 && start.get(word).is_none_or(|b| b" \t\r\n(`*;@'\"".contains(b)))) && is_text(text)
        }
        0x17 => whole && body.len() >= 9 && body.get(4).is_some_and(|flags| *flags < 16) && body.get(5..9) == Some(&[1, 0, 0, 0]),
        0x19 | 0x1a => usual && whole && body.len() == 4,
        2 | 4 => usual && whole && is_text(body.get(..body.len().min(4)).unwrap_or_default()),
        1 | 0x0e | 0x1f => usual && whole && body.is_empty(),
        _ => false,
    }
}

fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().take(64).all(|b| *b >= 0x20 && *b != 0x7f || b.is_ascii_whitespace())
}

/// Whether `bytes` begin a response to a command: an error, or a result's number of columns with the first of them; where `weak`, OK too.
pub(super) fn is_response(bytes: &[u8], weak: bool) -> bool {
    let (Some((len, 1)), Some(payload)) = (header(bytes), bytes.get(HEADER_LEN..)) else { return false };
    match payload {
        [0xff, _, _, b'#', state @ ..] => (9..1024).contains(&len) && state.iter().take(5).all(u8::is_ascii_alphanumeric),
        // The next packet defines a column of the catalog "def".
        [1..=250, _, _, _, 2, 3, b'd', b'e', b'f', ..] => len == 1,
        [0, ..] => weak && (7..1024).contains(&len),
        _ => false,
    }
}

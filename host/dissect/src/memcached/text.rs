//! The text protocol: lines, some with data behind them.

use memchr::memchr;

/// The longest line: memcached takes 2,048 bytes of a command, and 100 keys of 250 bytes are more than that in a `get`.
pub(super) const LINE_MAX: usize = 32 << 10;
/// The longest value that is believed: `-I` can be set to 1 GiB.
const VALUE_MAX: u64 = 1 << 30;
/// The longest key.
const KEY_MAX: usize = 250;

/// Commands with a key that store the data behind them.
const STORAGE: &[&[u8]] = &[b"set", b"add", b"replace", b"append", b"prepend", b"cas"];
/// Commands that ask for values.
pub(super) const RETRIEVAL: &[&[u8]] = &[b"get", b"gets", b"gat", b"gats"];
/// Other commands.
const OTHERS: &[&[u8]] = &[
    b"delete",
    b"incr",
    b"decr",
    b"touch",
    b"stats",
    b"flush_all",
    b"version",
    b"verbosity",
    b"quit",
    b"shutdown",
    b"slabs",
    b"lru",
    b"lru_crawler",
    b"watch",
    b"cache_memlimit",
    b"misbehave",
    b"mg",
    b"md",
    b"ma",
    b"me",
    b"mn",
    b"ms",
];
/// First words of responses; numbers answer incr and decr.
const REPLIES: &[&[u8]] = &[
    b"STORED",
    b"NOT_STORED",
    b"EXISTS",
    b"NOT_FOUND",
    b"DELETED",
    b"TOUCHED",
    b"OK",
    b"END",
    b"ERROR",
    b"CLIENT_ERROR",
    b"SERVER_ERROR",
    b"VERSION",
    b"STAT",
    b"VALUE",
    b"RESET",
    b"BUSY",
    b"HD",
    b"VA",
    b"EN",
    b"NF",
    b"NS",
    b"EX",
    b"MN",
    b"ME",
];

/// The line that `bytes` begin with, without its end; `None` if that is not there.
pub(super) fn line(bytes: &[u8]) -> Option<&[u8]> {
    let line = bytes.get(..memchr(b'\n', bytes)?)?;
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

/// The words of a line.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|b| *b == b' ').filter(|w| !w.is_empty())
}

pub(super) fn number(word: &[u8]) -> Option<u64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// Whether a line is a command.
pub(super) fn is_command(line: &[u8]) -> bool {
    let name = words(line).next().unwrap_or_default();
    stores(line) || RETRIEVAL.contains(&name) || OTHERS.contains(&name)
}

/// Whether a line stores the data behind it: a key, flags, expiry and length stand where they must.
pub(super) fn stores(line: &[u8]) -> bool {
    let mut words = words(line);
    let known = words.next().is_some_and(|name| STORAGE.contains(&name));
    let key = words.next().is_some_and(|key| key.len() <= KEY_MAX);
    let signed = |word: &[u8]| number(word.strip_prefix(b"-").unwrap_or(word)).is_some();
    known && key && [words.next(), words.next(), words.next()].iter().all(|word| word.is_some_and(signed))
}

/// Whether a line announces a value.
pub(super) fn is_value(line: &[u8]) -> bool {
    line.starts_with(b"VALUE ") && reply_data(line).is_some()
}

/// Whether a line is a response.
pub(super) fn is_reply(line: &[u8]) -> bool {
    words(line).next().is_some_and(|word| REPLIES.contains(&word) || number(word).is_some())
}

/// Whether more bytes could make a line of these.
pub(super) fn could_begin(bytes: &[u8]) -> bool {
    let known = |name: &&[u8]| name.iter().zip(bytes).all(|(a, b)| a == b);
    bytes.len() < LINE_MAX
        && (STORAGE.iter().chain(RETRIEVAL).chain(OTHERS).chain(REPLIES).any(known) || bytes.first().is_none_or(u8::is_ascii_digit))
}

/// Bytes of data behind a command, their end included.
pub(super) fn command_data(line: &[u8]) -> u64 {
    let at = match words(line).next() {
        Some(b"ms") => 2,
        _ if stores(line) => 4,
        _ => return 0,
    };
    data(line, at).map_or(0, |n| n + 2)
}

/// Bytes of the value behind a response, their end not included.
pub(super) fn reply_data(line: &[u8]) -> Option<u64> {
    match words(line).next()? {
        b"VALUE" => data(line, 3),
        b"VA" => data(line, 1),
        _ => None,
    }
}

fn data(line: &[u8], at: usize) -> Option<u64> {
    words(line).nth(at).and_then(number).filter(|n| *n <= VALUE_MAX)
}

/// Whether other lines of the same response follow this one.
pub(super) fn goes_on(line: &[u8]) -> bool {
    matches!(words(line).next(), Some(b"VALUE" | b"STAT"))
}

/// Whether the client wants no response to this line: `noreply`, or the quiet flag of a meta command.
pub(super) fn is_quiet(line: &[u8]) -> bool {
    let mut words = words(line);
    match words.next() {
        Some(b"quit") => true,
        Some([b'm', b'g' | b's' | b'd' | b'a']) => words.skip(1).any(|flag| flag == b"q"),
        _ => words.last() == Some(b"noreply"),
    }
}

/// Whether a response may answer this command.
pub(super) fn fits(command: &[u8], reply: &[u8]) -> bool {
    let meta = |word: &[u8]| word.len() == 2 && word != b"OK";
    match (words(command).next().unwrap_or_default(), words(reply).next().unwrap_or_default()) {
        (_, b"ERROR" | b"CLIENT_ERROR" | b"SERVER_ERROR") => true,
        (b"mn", reply) => reply == b"MN",
        (command, reply) => meta(command) == meta(reply) && reply != b"MN",
    }
}

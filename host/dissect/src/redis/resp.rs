//! RESP values: where they end, and what they say.

use crate::made::Made;
use memchr::memchr;

/// How deep aggregates may stand in each other.
const DEPTH_MAX: usize = 16;
/// Elements that are shown of one aggregate.
pub(super) const ELEMENTS_MAX: usize = 1024;
/// The longest line: Redis refuses inline requests beyond it (PROTO_INLINE_MAX_SIZE).
const LINE_MAX: usize = 64 << 10;
/// The longest string (proto-max-bulk-len's default) and the most elements that are believed.
const LEN_MAX: u64 = 512 << 20;

/// Where a value ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// After so many bytes, there or not.
    Whole(u64),
    /// That takes so many bytes.
    Need(usize),
    /// It is none.
    Broken,
}

/// Whether a value may start with this byte.
pub(super) fn is_type(byte: u8) -> bool {
    matches!(byte, b'+' | b'-' | b':' | b'$' | b'*' | b'_' | b',' | b'#' | b'!' | b'=' | b'(' | b'%' | b'~' | b'>' | b'|')
}

/// The next line without its end, and what follows; `None` if its end is not there.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr(b'\n', bytes)?;
    let line = bytes.get(..end)?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), bytes.get(end + 1..)?))
}

fn number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Whether these bytes begin an array of bulk strings, as clients send commands; `None` if that cannot be said yet.
pub(super) fn command_start(bytes: &[u8]) -> Option<bool> {
    let Some((b'*', rest)) = bytes.split_first() else { return Some(false) };
    match line(rest) {
        Some((count, after)) => match (number(count), after.first()) {
            (Some(n), Some(b'$')) if n > 0 => Some(after.get(1).is_none_or(u8::is_ascii_digit)),
            (Some(n), None) if n > 0 => None,
            _ => Some(false),
        },
        None if rest.iter().all(|b| b.is_ascii_digit() || *b == b'\r') && rest.len() < 12 => None,
        None => Some(false),
    }
}

/// Whether a client's bytes are a line that Redis takes for a command: a word, and printable text after it.
pub(super) fn is_inline(bytes: &[u8]) -> bool {
    let Some((line, _)) = line(bytes) else { return false };
    line.first().is_some_and(u8::is_ascii_alphabetic) && line.iter().all(|b| b.is_ascii_graphic() || *b == b' ')
}

/// Where the value ends that `bytes` begin with, attributes before it included.
pub(super) fn extent(bytes: &[u8]) -> Extent {
    // What is still to come of each aggregate; `None` where a streamed one ends with a dot.
    let mut open: Vec<Option<u64>> = vec![Some(1)];
    let mut at = 0_usize;
    loop {
        while open.last() == Some(&Some(0)) {
            open.pop();
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(top) = open.last_mut() else { return Extent::Whole(at as u64) };
        let Some((text, after)) = line(rest) else {
            let known = rest.first().is_none_or(|b| is_type(*b) || *b == b'.' || *b == b';');
            return if known && rest.len() < LINE_MAX { Extent::Need(bytes.len() + 1) } else { Extent::Broken };
        };
        let Some((kind, head)) = text.split_first() else { return Extent::Broken };
        at = bytes.len() - after.len();
        if *kind != b'|' {
            *top = top.map(|n| n.saturating_sub(1));
        }
        let count = number(head).unwrap_or(-2);
        let children = match (*kind, head) {
            (b'.', _) => {
                if open.pop() != Some(None) {
                    return Extent::Broken;
                }
                continue;
            }
            (b'$' | b'=' | b'!', b"?") => None,
            (b'*' | b'~' | b'>' | b'%', b"?") => None,
            (b';', b"0") => {
                open.pop();
                continue;
            }
            (b'$' | b'=' | b'!' | b';', _) => match u64::try_from(count) {
                Ok(len) if len <= LEN_MAX => {
                    let end = at as u64 + len + 2;
                    let last = open.iter().all(|n| *n == Some(0));
                    match usize::try_from(end).ok().filter(|end| *end <= bytes.len()) {
                        Some(end) => at = end,
                        None if last => return Extent::Whole(end),
                        None => return Extent::Need(usize::try_from(end).unwrap_or(usize::MAX)),
                    }
                    continue;
                }
                _ if count == -1 => continue,
                _ => return Extent::Broken,
            },
            (b'*' | b'~' | b'>', _) if count >= -1 => Some(count.max(0)),
            (b'%' | b'|', _) if count >= 0 => Some(count.saturating_mul(2)),
            (b'+' | b'-', _) => continue,
            (b':', _) if count != -2 || head == b"-2" => continue,
            (b'_' | b',' | b'#' | b'(', _) => continue,
            _ => return Extent::Broken,
        };
        let children = children.map(|n| u64::try_from(n).unwrap_or(0));
        if open.len() >= DEPTH_MAX || children.is_some_and(|n| n > LEN_MAX) {
            return Extent::Broken;
        }
        open.push(children);
    }
}

/// The strings of a command's array, as far as they are there.
pub(super) fn strings(bytes: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    let Some((head, mut rest)) = line(behind_attributes(bytes)) else { return all };
    if !head.starts_with(b"*") && !head.starts_with(b">") {
        return head.split(|b| *b == b' ').filter(|w| !w.is_empty()).take(ELEMENTS_MAX).collect();
    }
    while let Some((head, after)) = line(rest)
        && all.len() < ELEMENTS_MAX
    {
        let Some(len) = head.strip_prefix(b"$").and_then(number).and_then(|n| usize::try_from(n).ok()) else { break };
        all.push(after.get(..len).unwrap_or(after));
        rest = after.get(len.saturating_add(2)..).unwrap_or_default();
    }
    all
}

/// The value that `bytes` begin with, and its type; attributes before it are passed over.
pub(super) fn value(bytes: &[u8]) -> (u8, Made) {
    let rest = behind_attributes(bytes);
    let made = read(rest, 0).map(|(made, _)| made).unwrap_or_default();
    (rest.first().copied().unwrap_or(b'_'), made)
}

/// What follows the attributes that may stand before a value.
fn behind_attributes(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let (Some(b'|'), Some((head, after))) = (rest.first(), line(rest)) {
        rest = after;
        for _ in 0..number(head.get(1..).unwrap_or_default()).unwrap_or(0).clamp(0, ELEMENTS_MAX as i64) * 2 {
            rest = read(rest, 0).map_or(&[][..], |(_, rest)| rest);
        }
    }
    rest
}

/// One value and what follows it; strings that break off are given as far as they go.
fn read(bytes: &[u8], depth: usize) -> Option<(Made, &[u8])> {
    let (text, rest) = line(bytes)?;
    let (kind, head) = text.split_first()?;
    let simple = |made| Some((made, rest));
    match kind {
        b'+' | b'-' | b'(' => simple(Made::lossy(head)),
        b':' => simple(number(head).map_or_else(|| Made::lossy(head), Made::Signed)),
        b',' => simple(std::str::from_utf8(head).ok().and_then(|t| t.parse::<f64>().ok()).map_or_else(|| Made::lossy(head), Made::Float)),
        b'#' => simple(Made::Bool(head == b"t")),
        b'_' => simple(Made::Null),
        b'$' | b'=' | b'!' if head == b"?" => streamed_string(rest),
        b'$' | b'=' | b'!' => {
            let Ok(len) = usize::try_from(number(head)?) else { return simple(Made::Null) };
            let text = rest.get(..len).unwrap_or(rest);
            // A verbatim string has its format before it: txt:, mkd:.
            let text = if *kind == b'=' { text.get(4..).unwrap_or(text) } else { text };
            Some((Made::lossy(text), rest.get(len.saturating_add(2)..).unwrap_or_default()))
        }
        b'*' | b'~' | b'>' | b'%' if depth < DEPTH_MAX => aggregate(*kind, head, rest, depth),
        _ => None,
    }
}

fn streamed_string(mut rest: &[u8]) -> Option<(Made, &[u8])> {
    let mut all = Vec::new();
    while let Some((head, after)) = line(rest) {
        let len = usize::try_from(number(head.strip_prefix(b";")?)?).ok()?;
        rest = after;
        if len == 0 {
            break;
        }
        all.extend_from_slice(rest.get(..len).unwrap_or(rest));
        rest = rest.get(len.saturating_add(2)..).unwrap_or_default();
    }
    Some((Made::lossy(&all), rest))
}

fn aggregate<'a>(kind: u8, head: &[u8], mut rest: &'a [u8], depth: usize) -> Option<(Made, &'a [u8])> {
    let streamed = head == b"?";
    let count = if streamed { i64::MAX } else { number(head)? };
    if count < 0 {
        return Some((Made::Null, rest));
    }
    let is_map = kind == b'%';
    let mut left = if is_map { count.saturating_mul(2) } else { count };
    let mut all = Vec::new();
    while left > 0 {
        if streamed && rest.starts_with(b".") {
            rest = line(rest).map_or(&[][..], |(_, rest)| rest);
            break;
        }
        let Some((made, after)) = read(rest, depth + 1) else { break };
        rest = after;
        left -= 1;
        if all.len() < ELEMENTS_MAX {
            all.push(made);
        }
    }
    let made = if is_map { Made::Map(pairs(all)) } else { Made::List(all) };
    Some((made, rest))
}

fn pairs(all: Vec<Made>) -> Vec<(String, Made)> {
    let mut all = all.into_iter();
    let mut pairs = Vec::new();
    while let (Some(key), Some(value)) = (all.next(), all.next()) {
        let key = match key {
            Made::Text(text) => text,
            Made::Signed(n) => n.to_string(),
            other => format!("{other:?}"),
        };
        pairs.push((key, value));
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extents() {
        for whole in [
            &b"+OK\r\n"[..],
            b":-2\r\n",
            b"$-1\r\n",
            b"*-1\r\n",
            b"*0\r\n",
            b"$3\r\nabc\r\n",
            b"*2\r\n$1\r\na\r\n*1\r\n:1\r\n",
            b"%1\r\n+k\r\n~2\r\n:1\r\n#t\r\n",
            b"|1\r\n+a\r\n:1\r\n*1\r\n_\r\n",
            b"$?\r\n;2\r\nab\r\n;0\r\n",
            b"*?\r\n:1\r\n:2\r\n.\r\n",
        ] {
            assert_eq!(extent(whole), Extent::Whole(whole.len() as u64), "{}", String::from_utf8_lossy(whole));
            for n in 0..whole.len() {
                assert!(!matches!(extent(&whole[..n]), Extent::Broken), "{} bytes of {}", n, String::from_utf8_lossy(whole));
            }
        }
        assert_eq!(extent(b"*2\r\n+a\r\n$9999999\r\nab"), Extent::Whole(8 + 10 + 9_999_999 + 2));
        for broken in [&b"$x\r\n"[..], b"*-5\r\n", b"hello\r\n", b"$99999999999\r\n", b".\r\n"] {
            assert_eq!(extent(broken), Extent::Broken);
        }
        assert_eq!(extent(&b"*1\r\n".repeat(40)), Extent::Broken);
    }

    #[test]
    fn values() {
        assert_eq!(value(b"*2\r\n$1\r\na\r\n:7\r\n").1, Made::List(vec!["a".into(), Made::Signed(7)]));
        assert_eq!(value(b"|1\r\n+ttl\r\n:5\r\n%1\r\n+k\r\n,1.5\r\n").1, Made::Map(vec![("k".into(), Made::Float(1.5))]));
        assert_eq!(value(b"=7\r\ntxt:abc\r\n").1, "abc".into());
        assert_eq!(value(b"$?\r\n;2\r\nab\r\n;1\r\nc\r\n;0\r\n").1, "abc".into());
        assert_eq!(strings(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"), [b"GET".as_slice(), b"k"]);
        assert_eq!(strings(b"SET  k v\r\n"), [b"SET".as_slice(), b"k", b"v"]);
    }
}

//! The head of an HTTP/1 message: start line and header fields (RFC 9112 §2-5), found line by line without reading any byte twice.

use crate::Redaction;
use memchr::{memchr, memmem, memrchr};

/// A part of a header block: start and end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span(u32, u32);

impl Span {
    fn new(start: usize, end: usize) -> Self {
        let short = |n| u32::try_from(n).unwrap_or(u32::MAX);
        Self(short(start), short(end.max(start)))
    }

    /// The bytes of `block` that it spans.
    pub(super) fn of(self, block: &[u8]) -> &[u8] {
        block.get(self.0 as usize..self.1 as usize).unwrap_or_default()
    }

    /// The bytes of `block` after it.
    pub(super) fn after(self, block: &[u8]) -> &[u8] {
        block.get(self.1 as usize..).unwrap_or_default()
    }
}

/// `HTTP/major.minor` (RFC 9110 §2.5); 0.9 for requests that have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) major: u8,
    pub(super) minor: u8,
}

impl Version {
    pub(super) const V0_9: Self = Self { major: 0, minor: 9 };
    pub(super) const V1_0: Self = Self { major: 1, minor: 0 };
    pub(super) const V2_0: Self = Self { major: 2, minor: 0 };
    /// A request line that names none, or not as it should.
    pub(super) const UNKNOWN: Self = Self { major: 0, minor: 0 };

    /// `HTTP/` DIGIT `.` DIGIT, nothing before and nothing after.
    fn parse(text: &[u8]) -> Option<Self> {
        match text {
            [b'H', b'T', b'T', b'P', b'/', major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] => {
                Some(Self { major: major - b'0', minor: minor - b'0' })
            }
            _ => None,
        }
    }
}

/// The first line of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StartLine {
    /// `method SP target SP version`
    Request { method: Span, target: Span, version: Version },
    /// `version SP status SP reason`; the status is 0 where it is not known.
    Status { version: Version, status: u16, reason: Span },
}

/// One header field; a folded value spans its line breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FieldSpan {
    pub(super) name: Span,
    pub(super) value: Span,
}

/// A message's head: its bytes, once, and where things stand in them.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    pub(super) block: Box<[u8]>,
    pub(super) start: Option<StartLine>,
    pub(super) fields: Vec<FieldSpan>,
}

impl Head {
    /// Names and values in their order; values without surrounding white space, folds as they are.
    pub(super) fn fields(&self) -> impl DoubleEndedIterator<Item = (&[u8], &[u8])> + ExactSizeIterator {
        self.fields.iter().map(|f| (f.name.of(&self.block), f.value.of(&self.block)))
    }

    /// Masks what is secret: the values are overwritten, and what is shown instead stands behind the block.
    pub(super) fn redact(&mut self, redaction: &Redaction) {
        for at in 0..self.fields.len() {
            let Some(masked) = self.field(at).and_then(|(name, value)| redaction.header(name, value)) else { continue };
            let Some(field) = self.fields.get_mut(at) else { continue };
            let mut block = std::mem::take(&mut self.block).into_vec();
            block.get_mut(field.value.0 as usize..field.value.1 as usize).unwrap_or_default().fill(b'*');
            field.value = Span::new(block.len(), block.len() + masked.len());
            block.extend(masked);
            self.block = block.into();
        }
    }

    /// The field at `index`.
    pub(super) fn field(&self, index: usize) -> Option<(&[u8], &[u8])> {
        self.fields.get(index).map(|f| (f.name.of(&self.block), f.value.of(&self.block)))
    }

    /// The values of the fields called `name`, in any case.
    pub(super) fn values<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.fields().filter(move |(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, v)| v)
    }

    /// The first value of `name`.
    pub(super) fn value(&self, name: &str) -> Option<&[u8]> {
        self.values(name).next()
    }
}

/// Makes a head of fields that come one by one, as in HTTP/2.
#[derive(Default)]
pub(super) struct HeadBuilder {
    block: Vec<u8>,
    fields: Vec<FieldSpan>,
}

impl HeadBuilder {
    /// How many fields there are.
    pub(super) fn fields(&self) -> usize {
        self.fields.len()
    }

    /// Bytes of their names and values.
    pub(super) fn len(&self) -> usize {
        self.block.len()
    }

    /// Adds a field.
    pub(super) fn field(&mut self, name: &[u8], value: &[u8]) {
        let name = self.append(name);
        let value = self.append(value);
        self.fields.push(FieldSpan { name, value });
    }

    fn append(&mut self, text: &[u8]) -> Span {
        let start = self.block.len();
        self.block.extend_from_slice(text);
        Span::new(start, self.block.len())
    }

    /// A head without a start line.
    pub(super) fn build(self) -> Head {
        Head { block: self.block.into(), start: None, fields: self.fields }
    }
}

impl Head {
    /// What an HTTP/2 request has in the place of a start line (RFC 9113 §8.3.1, RFC 8441 §4): pseudo-header fields.
    pub(super) fn start_request(mut self) -> Self {
        let method = self.span(":method");
        let connect = method.of(&self.block) == b"CONNECT" && self.value(":path").is_none();
        let target = self.span(if connect { ":authority" } else { ":path" });
        self.start = Some(StartLine::Request { method, target, version: Version::V2_0 });
        self
    }

    /// As [`Head::start_request`], of a response (RFC 9113 §8.3.2).
    pub(super) fn start_response(mut self) -> Self {
        let digits = self.value(":status").and_then(|v| v.first_chunk::<3>()).filter(|d| d.iter().all(u8::is_ascii_digit));
        let status = digits.map_or(0, |d| status_code(*d));
        self.start = Some(StartLine::Status { version: Version::V2_0, status, reason: Span::default() });
        self
    }

    fn span(&self, name: &str) -> Span {
        self.fields.iter().find(|f| f.name.of(&self.block) == name.as_bytes()).map(|f| f.value).unwrap_or_default()
    }
}

/// The number that three digits make.
fn status_code(digits: [u8; 3]) -> u16 {
    digits.iter().fold(0, |n, d| n * 10 + u16::from(d - b'0'))
}

/// What a scan came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scanned {
    /// The head ends after so many bytes.
    Head(usize),
    /// Its end is not there yet.
    Need,
    /// This is no head.
    Bad,
}

/// Where a scan stands: it goes on there when more bytes have come.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// 0 <= line <= look <= bytes: start of the line being read, and up to where there is no line end in it.
    line: usize,
    look: usize,
    start: Option<StartLine>,
    fields: Vec<FieldSpan>,
    /// Trailers have no start line.
    trailers: bool,
    /// Lines that are neither a field nor part of one.
    pub(super) odd_lines: bool,
    /// There were more fields than are kept.
    pub(super) cut: bool,
    /// The last field is one of those.
    skips: bool,
}

impl Scan {
    /// A scan for the trailer fields after the last chunk (RFC 9112 §7.1.2).
    pub(super) fn for_trailers() -> Self {
        Self { trailers: true, ..Self::default() }
    }

    /// Whether a start line was found.
    pub(super) fn started(&self) -> bool {
        self.start.is_some()
    }

    /// Reads on in `bytes`, which begin where the head begins and are at least those of the last call.
    pub(super) fn run(&mut self, bytes: &[u8], fields_max: usize) -> Scanned {
        loop {
            let Some(found) = bytes.get(self.look..).and_then(|rest| memchr(b'\n', rest)) else {
                self.look = bytes.len();
                return if !self.trailers && self.start.is_none() && !could_start(bytes.get(self.line..).unwrap_or_default()) {
                    Scanned::Bad
                } else {
                    Scanned::Need
                };
            };
            let end = self.look + found;
            let (from, next) = (self.line, end + 1);
            (self.line, self.look) = (next, next);
            let line = bytes.get(from..end).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if let Some(done) = self.line(line, from, next, fields_max) {
                return done;
            }
        }
    }

    /// One line, which starts at `from` and whose successor starts at `next`.
    fn line(&mut self, line: &[u8], from: usize, next: usize, fields_max: usize) -> Option<Scanned> {
        match line.first() {
            // RFC 9112 §2.2: empty lines before a request line are skipped.
            None if !self.trailers && self.start.is_none() => return None,
            None => return Some(Scanned::Head(next)),
            Some(_) if !self.trailers && self.start.is_none() => match start_line(line, from) {
                Some(start) => {
                    self.start = Some(start);
                    let simple = matches!(start, StartLine::Request { version: Version::V0_9, .. });
                    return simple.then_some(Scanned::Head(next));
                }
                None => return Some(Scanned::Bad),
            },
            // RFC 9112 §5.2: obs-fold, a value that goes on in the next line.
            Some(b' ' | b'\t') if self.skips => {}
            Some(b' ' | b'\t') if !self.fields.is_empty() => {
                if let Some(last) = self.fields.last_mut() {
                    last.value.1 = Span::new(0, from + line.trim_ascii_end().len()).1.max(last.value.0);
                }
            }
            Some(_) => self.field(line, from, fields_max),
        }
        None
    }

    /// Beyond `fields_max` only those are kept, at most as many again, that say how the message goes on: who hides a Content-Length behind
    /// many other fields must not hide what follows.
    fn field(&mut self, line: &[u8], from: usize, fields_max: usize) {
        let Some(colon) = memchr(b':', line).filter(|&c| c > 0) else {
            self.odd_lines = true;
            return;
        };
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let name = name.trim_ascii();
        self.odd_lines |= name.len() != colon;
        let value = value.get(1..).unwrap_or_default();
        let start = from + colon + 1 + (value.len() - value.trim_ascii_start().len());
        let name_at = from + (colon - line.get(..colon).unwrap_or_default().trim_ascii_start().len());
        let kept = self.fields.len();
        self.skips = kept >= fields_max && !(frames_message(name) && kept < fields_max.saturating_mul(2));
        if self.skips {
            self.cut = true;
            return;
        }
        if self.fields.capacity() == 0 {
            self.fields.reserve(FIELDS_USUAL);
        }
        self.fields.push(FieldSpan {
            name: Span::new(name_at, name_at + name.len()),
            value: Span::new(start, from + line.trim_ascii_end().len()),
        });
    }

    /// The head whose block is `bytes`, without what is secret; the scan starts anew.
    pub(super) fn take(&mut self, bytes: &[u8], redaction: &Redaction) -> Head {
        let scan = std::mem::take(self);
        let mut head = Head { block: bytes.into(), start: scan.start, fields: scan.fields };
        head.redact(redaction);
        head
    }
}

/// Whether a field of this name tells where the message ends, or what follows it.
fn frames_message(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 6] = [b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"content-encoding", b"content-type"];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether the beginning of a line could become a start line: a method or `HTTP/`.
fn could_start(line: &[u8]) -> bool {
    let method = line.iter().position(|b| !is_token(*b)).unwrap_or(line.len());
    match line.get(method) {
        None | Some(b'\r') => method <= METHOD_MAX,
        Some(b' ') => (1..=METHOD_MAX).contains(&method),
        Some(b'/') => line.starts_with(b"HTTP/"),
        _ => false,
    }
}

/// A start line without its line end, which stands at `from`.
fn start_line(line: &[u8], from: usize) -> Option<StartLine> {
    if line.starts_with(b"HTTP/") { status_line(line, from) } else { request_line(line, from) }
}

/// `HTTP/1.1 200 OK`; a missing reason, and a missing space before it, are taken.
fn status_line(line: &[u8], from: usize) -> Option<StartLine> {
    let (version, rest) = line.split_at_checked(8)?;
    let version = Version::parse(version).filter(|v| v.major == 1)?;
    let spaces = rest.iter().take_while(|b| **b == b' ').count();
    let rest = rest.get(spaces..).filter(|_| spaces > 0)?;
    let digits = rest.first_chunk::<3>().filter(|d| d.iter().all(u8::is_ascii_digit))?;
    let status = status_code(*digits);
    match rest.get(3) {
        None | Some(b' ' | b'\t') => {}
        Some(_) => return None,
    }
    let reason = rest.get(4..).unwrap_or_default().trim_ascii();
    let start = from + line.len() - rest.get(4..).unwrap_or_default().trim_ascii_start().len();
    Some(StartLine::Status { version, status, reason: Span::new(start, start + reason.len()) })
}

/// `GET / HTTP/1.1`; the target may contain spaces, as careless clients send it. `GET /` is HTTP/0.9 (RFC 1945 §4.1).
/// After a method that is defined anything is taken, but the version of another protocol.
fn request_line(line: &[u8], from: usize) -> Option<StartLine> {
    let line = line.trim_ascii_end();
    let space = memchr(b' ', line).unwrap_or(line.len());
    let method = line.get(..space)?;
    if method.is_empty() || method.len() > METHOD_MAX || !method.iter().all(|b| is_token(*b)) {
        return None;
    }
    let last = memrchr(b' ', line).unwrap_or(space);
    let (version, end) = request_version(line, method, (space, last))?;
    let rest = line.get(space..end).unwrap_or_default();
    let target = rest.trim_ascii_start();
    let start = from + space + rest.len() - target.len();
    let target = Span::new(start, start + target.trim_ascii_end().len());
    Some(StartLine::Request { method: Span::new(from, from + space), target, version })
}

/// A request line's version, and where its target ends. `space` and `last` are the first and the last space.
fn request_version(line: &[u8], method: &[u8], (space, last): (usize, usize)) -> Option<(Version, usize)> {
    let word = line.get(last + 1..).unwrap_or_default();
    match Version::parse(word) {
        Some(version) if version.major == 1 && last > space => return Some((version, last)),
        Some(version) if version.major != 1 => return None,
        _ => {}
    }
    let http = word.starts_with(b"HTTP/");
    let other = !http && last > space && memchr(b'/', word).is_some_and(|at| at > 0) && word.last().is_some_and(u8::is_ascii_digit);
    if method == b"GET" && last == space && word.first() == Some(&b'/') && memmem::find(word, b"HTTP/").is_none() {
        return Some((Version::V0_9, line.len()));
    }
    (METHODS.contains(&method) && !other).then_some((Version::UNKNOWN, if http && last > space { last } else { line.len() }))
}

/// RFC 9110 §5.6.2: what methods and field names are made of.
pub(super) const fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(b, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
}

/// What a stream's first bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    Request,
    Response,
    /// A line as in HTTP/0.9, which other protocols have too.
    Simple,
    /// A method that is defined, in a line that is not: the other side will tell.
    Odd,
    Unsure,
    Other,
}

/// Judges bytes that would be the start of a message. Stricter than a scan: methods must be in capitals, as all that are defined,
/// or the words of any text would be taken for one.
pub(super) fn opening(bytes: &[u8]) -> Opening {
    let skip = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let Some(bytes) = bytes.get(skip..).filter(|_| skip <= BLANK_MAX) else { return Opening::Other };
    if bytes.iter().take_while(|b| is_token(**b)).any(u8::is_ascii_lowercase) {
        return Opening::Other;
    }
    let line = match memchr(b'\n', bytes) {
        Some(end) => bytes.get(..end).unwrap_or_default(),
        None if bytes.starts_with(b"HTTP/1.") && bytes.len() >= 12 => bytes,
        None => return if could_start(bytes) { Opening::Unsure } else { Opening::Other },
    };
    match start_line(line.strip_suffix(b"\r").unwrap_or(line), 0) {
        Some(StartLine::Request { version: Version::UNKNOWN, .. }) => Opening::Odd,
        Some(StartLine::Request { version: Version::V0_9, .. }) => Opening::Simple,
        Some(StartLine::Request { .. }) => Opening::Request,
        Some(StartLine::Status { .. }) => Opening::Response,
        None => Opening::Other,
    }
}

/// The methods of RFC 9110 §9, RFC 5789, WebDAV and its extensions (RFC 3253, 3648, 3744, 4791, 4918, 5323), UPnP, and some products'.
const METHODS: &[&[u8]] = &[
    b"GET",
    b"HEAD",
    b"POST",
    b"PUT",
    b"DELETE",
    b"CONNECT",
    b"OPTIONS",
    b"TRACE",
    b"PATCH",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"POLL",
    b"BCOPY",
    b"BMOVE",
    b"SEARCH",
    b"BDELETE",
    b"BPROPFIND",
    b"BPROPPATCH",
    b"LABEL",
    b"MERGE",
    b"REPORT",
    b"UPDATE",
    b"CHECKIN",
    b"CHECKOUT",
    b"UNCHECKOUT",
    b"MKACTIVITY",
    b"MKWORKSPACE",
    b"VERSION-CONTROL",
    b"BASELINE-CONTROL",
    b"ACL",
    b"MKCALENDAR",
    b"ORDERPATCH",
    b"NOTIFY",
    b"SUBSCRIBE",
    b"UNSUBSCRIBE",
    b"M-SEARCH",
    b"BITS_POST",
    b"CCM_POST",
    b"RPC_CONNECT",
    b"RPC_IN_DATA",
    b"RPC_OUT_DATA",
];
/// The longest method: WebDAV's longest, BASELINE-CONTROL and UPDATEREDIRECTREF, have 16 and 17; servers take up to 32.
const METHOD_MAX: usize = 32;
/// Blank bytes taken before a start line; clients of the last century sent CRLF after a POST.
const BLANK_MAX: usize = 8;
/// Fields that there is room for at first.
const FIELDS_USUAL: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str) -> Head {
        let mut scan = Scan::default();
        assert_eq!(scan.run(text.as_bytes(), 100), Scanned::Head(text.len()));
        scan.take(text.as_bytes(), &Redaction::default())
    }

    #[test]
    fn reads_request_lines() {
        let ok = [
            ("GET / HTTP/1.1\r\n\r\n", "GET", "/", 1),
            ("\r\n\nOPTIONS * HTTP/1.0\n\n", "OPTIONS", "*", 0),
            ("CONNECT a:443 HTTP/1.1\r\n\r\n", "CONNECT", "a:443", 1),
            ("M-X a b HTTP/1.1\r\n\r\n", "M-X", "a b", 1),
            ("GET /old\r\n", "GET", "/old", 9),
            ("GET / HTTP/1.\r\n\r\n", "GET", "/", 0),
            ("OPTIONS HTTP/1.1\r\n\r\n", "OPTIONS", "HTTP/1.1", 0),
            ("HEAD\r\n\r\n", "HEAD", "", 0),
        ];
        for (text, want_method, want_target, want_minor) in ok {
            let head = scan(text);
            let Some(StartLine::Request { method, target, version }) = head.start else { panic!("{text}") };
            assert_eq!((method.of(&head.block), target.of(&head.block)), (want_method.as_bytes(), want_target.as_bytes()));
            assert_eq!(version.minor, want_minor);
        }
        for text in
            ["OPTIONS rtsp://x RTSP/1.0\r\n", "PRI * HTTP/2.0\r\n", "XGET\r\n", "(a b HTTP/1.1\r\n", "\x16\x03\x01", "SSH-2.0-x y\r\n"]
        {
            assert!(matches!(Scan::default().run(text.as_bytes(), 100), Scanned::Bad), "{text}");
        }
    }

    #[test]
    fn reads_status_lines() {
        for (text, code, want) in
            [("HTTP/1.1 200 OK\r\n\r\n", 200, "OK"), ("HTTP/1.0 404\n\n", 404, ""), ("HTTP/1.1 500 a b \r\n\r\n", 500, "a b")]
        {
            let head = scan(text);
            let Some(StartLine::Status { status, reason, .. }) = head.start else { panic!("{text}") };
            assert_eq!((status, reason.of(&head.block)), (code, want.as_bytes()));
        }
    }

    #[test]
    fn keeps_fields_with_their_case_order_and_folds() {
        let head = scan("GET / HTTP/1.1\r\nA: 1\r\nb:2 \r\n\tthree\r\nA : 3\r\nnonsense\r\nempty:\r\n\r\n");
        let fields: Vec<_> = head.fields().collect();
        assert_eq!(fields, [(&b"A"[..], &b"1"[..]), (b"b", b"2 \r\n\tthree"), (b"A", b"3"), (b"empty", b"")]);
        assert_eq!(head.values("a").count(), 2);
    }

    #[test]
    fn goes_on_where_it_stopped() {
        let text = b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\nrest";
        let mut scan = Scan::default();
        for n in 0..text.len() - 5 {
            assert_eq!(scan.run(&text[..n], 100), Scanned::Need, "{n}");
        }
        assert_eq!(scan.run(text, 100), Scanned::Head(text.len() - 4));
        assert_eq!(scan.take(text, &Redaction::default()).fields.len(), 2);
    }

    #[test]
    fn judges_openings() {
        assert_eq!(opening(b"GET / HT"), Opening::Unsure);
        assert_eq!(opening(b"HTTP/1.1 200"), Opening::Response);
        assert_eq!(opening(b"GET key\r\n"), Opening::Odd);
        assert_eq!(opening(b"GET /key\r\n"), Opening::Simple);
        assert_eq!(opening(b"OPTIONS sip:a@b SIP/2.0\r\n"), Opening::Other);
        assert_eq!(opening(b"\r\nPOST /x HTTP/1.0\r\n"), Opening::Request);
        assert_eq!(opening(b"220 mail ready\r\n"), Opening::Other);
        assert_eq!(opening(b"\0\0\0\x01"), Opening::Other);
    }
}

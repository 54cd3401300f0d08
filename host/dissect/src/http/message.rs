//! What HTTP items say: made from the bytes when somebody asks.

use super::{
    body::Body,
    content::{CONTENT_FIELDS, Content, POST_DATA_FIELDS, PostData, REQUEST_BODY_FIELDS, RequestBody},
    frame::{Head, Span, StartLine, Version, is_token},
    graphql::{self, ANSWERED_FIELDS, ASKED_FIELDS, Answered, Asked},
    grpc::{CALL_FIELDS, Call, OUTCOME_FIELDS, Outcome},
    sub::{Sub, is_grpc},
    target::{self, Target},
};
use crate::{
    Context, Half,
    map::{Map, Repeats},
    redact::JsonRules,
    sse::Events,
};
use hookline_item::{List, Message, Object, Seen, Sender, Value, lossy, object};
use std::borrow::Cow;

/// A request or a response, as it came.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) head: Head,
    pub(super) trailers: Option<Box<Head>>,
    pub(super) body: Body,
    /// Bytes seen on the wire, framing included.
    pub(super) wire: u64,
    pub(super) head_len: u64,
    pub(super) first: Seen,
    pub(super) last: Seen,
    pub(super) gaps: u32,
    pub(super) missing: u64,
    /// What only HTTP/2 has.
    pub(super) h2: Option<H2>,
    /// What is spoken inside HTTP.
    pub(super) sub: Sub,
    /// The events in the body of an event stream, as they come.
    pub(super) events: Option<Box<Events>>,
    /// Cap for decoding.
    pub(super) decoded_max: usize,
    /// What is masked in it if it is JSON.
    pub(super) json_rules: Option<JsonRules>,
}

/// What HTTP/2 messages have besides.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct H2 {
    pub(super) stream: u32,
    /// Header fields that refer to HPACK entries that were not seen.
    pub(super) unknown: u32,
    /// Whether the server promised the response unasked.
    pub(super) pushed: bool,
}

impl Part {
    /// A message whose head has `len` bytes, seen now.
    pub(super) fn new(cx: &Context<'_>, head: Head, len: u64) -> Self {
        let (decoded_max, json_rules) = (cx.limits.decoded_max, cx.limits.redaction.json_rules());
        Self { head, wire: len, head_len: len, first: cx.first, last: cx.last, decoded_max, json_rules, ..Self::default() }
    }

    /// The next bytes of its body; `coming` more are expected, `max` are kept.
    pub(super) fn push_body(&mut self, cx: &mut Context<'_>, bytes: &[u8], coming: u64, max: usize) {
        if cx.limits.contents || self.tells_what_it_is(cx.from) {
            self.body.push(bytes, coming, max);
        } else {
            self.body.pass(bytes);
        }
        if let Some(events) = &mut self.events {
            events.bytes(cx, bytes);
        }
    }

    /// Whether the body is needed though nobody reads it: GraphQL is told by what is asked, gRPC's messages are counted.
    fn tells_what_it_is(&self, from: Sender) -> bool {
        let content_type = self.head.value("content-type").unwrap_or_default();
        is_grpc(content_type) || (from == Sender::Client && graphql::may_be_in(graphql::mime_type(self)))
    }

    /// Bytes of its body are missing here.
    pub(super) fn hole(&mut self) {
        self.body.hole();
        if let Some(events) = &mut self.events {
            events.hole();
        }
    }

    /// Looks for events in the body of a response to a request for `path`, if it is an event stream that can be read as it comes.
    pub(super) fn listen(&mut self, path: impl FnOnce() -> String) {
        if graphql::mime_type(self).eq_ignore_ascii_case(b"text/event-stream") && self.head.value("content-encoding").is_none() {
            self.events = Some(Box::new(Events::new(path(), self.json_rules.clone())));
        }
    }

    pub(super) fn half(&self) -> Half {
        Half { first: self.first, last: self.last, size: self.wire, gaps: self.gaps, missing: self.missing, cut: self.body.cut }
    }

    /// Bytes that it holds.
    pub(super) fn cost(&self) -> usize {
        self.head.block.len() + self.body.bytes.len()
    }

    fn text(&self, span: Span) -> Cow<'_, str> {
        lossy(span.of(&self.head.block))
    }

    fn http_version(&self) -> Version {
        match self.head.start {
            Some(StartLine::Request { version, .. } | StartLine::Status { version, .. }) => version,
            None => Version::V0_9,
        }
    }

    fn stream_id(&self) -> Option<u64> {
        self.h2.map(|h2| u64::from(h2.stream))
    }

    fn unknown_headers(&self) -> Option<u64> {
        self.h2.filter(|h2| h2.unknown > 0).map(|h2| u64::from(h2.unknown))
    }

    pub(super) fn mime_type(&self) -> Value<'_> {
        self.head.value("content-type").map_or(Value::Absent, Value::lossy)
    }

    fn content(&self) -> Content<'_> {
        Content::new(self)
    }

    fn headers(&self) -> Value<'_> {
        Value::MadeObject(Box::new(Headers(&self.head)))
    }

    fn header_list(&self) -> Value<'_> {
        Value::MadeList(Box::new(HeaderList(&self.head)))
    }

    fn trailers(&self) -> Value<'_> {
        self.trailers.as_deref().map_or(Value::Absent, |head| Value::MadeObject(Box::new(Headers(head))))
    }
}

/// The client's part.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) part: Part,
}

/// The server's part.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) part: Part,
    pub(super) interim: Vec<Interim>,
}

/// A 1xx response before the final one.
#[derive(Debug)]
pub(super) struct Interim(pub(super) Part);

/// A request and its response.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    pub(super) request: Option<Request>,
    pub(super) response: Option<Response>,
}

impl Exchange {
    /// The request's method; empty without a request.
    pub(super) fn method(&self) -> &[u8] {
        self.request.as_ref().map_or(&[], Request::method)
    }

    /// Both parts, as far as they were seen.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Part> {
        self.request.iter().map(|r| &r.part).chain(self.response.iter().map(|r| &r.part))
    }

    /// The request's version, or the response's; HTTP/2 if the request was upgraded to it.
    pub(super) fn version(&self) -> Option<Version> {
        self.response.as_ref().filter(|r| r.part.h2.is_some()).map(|r| &r.part).or(self.parts().next()).map(Part::http_version)
    }

    /// Says what is spoken inside.
    pub(super) fn set_sub(&mut self, sub: Sub) {
        self.request.iter_mut().for_each(|r| r.part.sub = sub);
        self.response.iter_mut().for_each(|r| r.part.sub = sub);
    }

    /// The host that the request names, without its port.
    pub(super) fn server_name(&self) -> String {
        let host = self.request.as_ref().map_or(Cow::Borrowed(""), Request::host);
        lossy(target::host_only(host.as_bytes())).into_owned()
    }

    /// The path that is asked for; empty without a request.
    pub(super) fn path(&self) -> String {
        self.request.as_ref().map(|r| lossy(r.target().path).into_owned()).unwrap_or_default()
    }
}

impl Message for Exchange {
    fn request(&self) -> Option<&dyn Object> {
        self.request.as_ref().map(|r| r as _)
    }
    fn response(&self) -> Option<&dyn Object> {
        self.response.as_ref().map(|r| r as _)
    }
    fn summary(&self) -> Cow<'_, str> {
        match &self.request {
            Some(r) if r.method() == b"CONNECT" => lossy(r.target().authority),
            Some(r) => lossy(r.target().path),
            None => Cow::Borrowed(""),
        }
    }
    fn method(&self) -> Cow<'_, str> {
        lossy(Self::method(self))
    }
    fn status(&self) -> Option<i64> {
        self.response.as_ref().and_then(Response::status).map(i64::from)
    }
    fn sub_protocol(&self) -> &'static str {
        self.parts().next().map_or("", |part| part.sub.name())
    }
}

impl Request {
    fn line(&self) -> (Span, Span) {
        match self.part.head.start {
            Some(StartLine::Request { method, target, .. }) => (method, target),
            _ => Default::default(),
        }
    }

    pub(super) fn method(&self) -> &[u8] {
        self.line().0.of(&self.part.head.block)
    }

    pub(super) fn target(&self) -> Target<'_> {
        let target = self.line().1.of(&self.part.head.block);
        target::split(target, self.method() == b"CONNECT" && !target.starts_with(b"/"))
    }

    /// Who is asked: the authority of the target, which wins (RFC 9112 §3.2.2), HTTP/2's `:authority`, or the Host field.
    fn host(&self) -> Cow<'_, str> {
        let (authority, head) = (self.target().authority, &self.part.head);
        if !authority.is_empty() {
            return lossy(authority);
        }
        // Pseudo-header fields come first (RFC 9113 §8.3): without one there is no need to look for more.
        let has_pseudo = head.fields().next().is_some_and(|(name, _)| name.starts_with(b":"));
        let named = has_pseudo.then(|| head.value(":authority")).flatten().or_else(|| head.value("host"));
        lossy(named.unwrap_or_default())
    }

    fn path_segments(&self) -> Value<'_> {
        let path = self.target().path;
        let path = path.strip_prefix(b"/").unwrap_or(path);
        Value::MadeList(Box::new(path.split(|b| *b == b'/').map(|s| lossy(s).into_owned()).collect::<Vec<_>>()))
    }

    fn cookies(&self) -> Value<'_> {
        let one = |pair: &[u8]| {
            let equals = pair.iter().position(|b| *b == b'=')?;
            Some((show(pair.get(..equals)?), show(pair.get(equals + 1..)?)))
        };
        let pairs = self.part.head.values("cookie").flat_map(|v| v.split(|b| *b == b';')).filter_map(one);
        Value::MadeObject(Box::new(Map::new(Repeats::Joined, pairs)))
    }
}

impl Request {
    fn grpc(&self) -> Value<'_> {
        if self.part.sub != Sub::Grpc {
            return Value::Absent;
        }
        Value::MadeObject(Box::new(Call::new(&self.part, self.target().path)))
    }

    fn graphql(&self) -> Value<'_> {
        let asked = (self.part.sub == Sub::GraphQl).then(|| Asked::of(self)).flatten();
        asked.map_or(Value::Absent, |asked| Value::MadeObject(Box::new(asked)))
    }
}

impl Response {
    fn grpc(&self) -> Value<'_> {
        if self.part.sub == Sub::Grpc { Value::MadeObject(Box::new(Outcome(&self.part))) } else { Value::Absent }
    }

    fn graphql(&self) -> Value<'_> {
        let answered = (self.part.sub == Sub::GraphQl).then(|| Answered::of(&self.part)).flatten();
        answered.map_or(Value::Absent, |answered| Value::MadeObject(Box::new(answered)))
    }

    /// The status code; HTTP/0.9 has none.
    fn status(&self) -> Option<u16> {
        status(&self.part)
    }

    /// The part of Set-Cookie before its attributes (RFC 6265 §4.1.1).
    fn cookies(&self) -> Value<'_> {
        let one = |v: &[u8]| {
            let pair = v.split(|b| *b == b';').next()?;
            let equals = pair.iter().position(|b| *b == b'=')?;
            Some((show(pair.get(..equals)?), show(pair.get(equals + 1..)?)))
        };
        Value::MadeObject(Box::new(Map::new(Repeats::Joined, self.part.head.values("set-cookie").filter_map(one))))
    }

    fn interim(&self) -> Value<'_> {
        if self.interim.is_empty() { Value::Absent } else { Value::List(&self.interim) }
    }
}

fn status(part: &Part) -> Option<u16> {
    match part.head.start {
        Some(StartLine::Status { status, .. }) => (status != 0).then_some(status),
        _ => None,
    }
}

fn status_text(part: &Part) -> Cow<'_, str> {
    match part.head.start {
        Some(StartLine::Status { reason, .. }) => part.text(reason),
        _ => Cow::Borrowed(""),
    }
}

fn show(bytes: &[u8]) -> String {
    lossy(bytes.trim_ascii()).into_owned()
}

fn version_text(part: &Part) -> String {
    match part.http_version() {
        Version::UNKNOWN => odd_version(part),
        v => format!("HTTP/{}.{}", v.major, v.minor),
    }
}

/// What stands after the target in a request line that has no proper version.
fn odd_version(part: &Part) -> String {
    let Some(StartLine::Request { target, .. }) = part.head.start else { return String::new() };
    show(target.after(&part.head.block).split(|b| *b == b'\n').next().unwrap_or_default())
}

/// A field's value with its folds made single spaces (RFC 9112 §5.2).
fn unfolded(value: &[u8]) -> Value<'_> {
    if !value.contains(&b'\n') {
        return Value::lossy(value);
    }
    let lines: Vec<_> = value.split(|b| *b == b'\n').map(show).collect();
    Value::from(lines.join(" "))
}

/// Header fields by name: Go's canonical case, repeats joined with a comma.
struct Headers<'a>(&'a Head);

impl Object for Headers<'_> {
    fn get(&self, name: &str) -> Value<'_> {
        let mut values = self.0.values(name).map(unfolded);
        match (values.next(), values.next()) {
            (None, _) => Value::Absent,
            (Some(one), None) => one,
            (Some(_), Some(_)) => Value::from(joined(self.0.values(name))),
        }
    }

    fn each(&self, f: &mut dyn FnMut(&str, Value<'_>)) {
        for (at, (name, value)) in self.0.fields().enumerate() {
            let same = |(n, _): &(&[u8], &[u8])| n.eq_ignore_ascii_case(name);
            if self.0.fields().take(at).any(|field| same(&field)) {
                continue;
            }
            let repeated = self.0.fields().skip(at + 1).any(|field| same(&field));
            let value = if repeated { Value::from(joined(self.0.fields().filter(same).map(|(_, v)| v))) } else { unfolded(value) };
            f(&canonical(name), value);
        }
    }
}

/// Header fields as they were sent.
struct HeaderList<'a>(&'a Head);

impl List for HeaderList<'_> {
    fn len(&self) -> usize {
        self.0.fields.len()
    }
    fn at(&self, index: usize) -> Value<'_> {
        self.0.field(index).map_or(Value::Absent, |(name, value)| Value::MadeList(Box::new(HeaderPair { name, value })))
    }
}

struct HeaderPair<'a> {
    name: &'a [u8],
    value: &'a [u8],
}

impl List for HeaderPair<'_> {
    fn len(&self) -> usize {
        2
    }
    fn at(&self, index: usize) -> Value<'_> {
        match index {
            0 => Value::lossy(self.name),
            1 => unfolded(self.value),
            _ => Value::Absent,
        }
    }
}

fn joined<'a>(values: impl Iterator<Item = &'a [u8]>) -> String {
    let texts: Vec<_> = values.map(|v| unfolded(v).as_str().unwrap_or_default().to_owned()).collect();
    texts.join(",")
}

/// Go's `textproto.CanonicalMIMEHeaderKey`: a capital at the start and after each hyphen; names that are no token stay.
fn canonical(name: &[u8]) -> Cow<'_, str> {
    if !name.iter().all(|b| is_token(*b)) {
        return lossy(name);
    }
    let mut upper = true;
    let canonical = name.iter().map(|b| {
        let c = if upper { b.to_ascii_uppercase() } else { b.to_ascii_lowercase() };
        upper = *b == b'-';
        char::from(c)
    });
    Cow::Owned(canonical.collect())
}

impl Request {
    fn body(&self) -> Value<'_> {
        if self.part.body.size == 0 { Value::Absent } else { Value::MadeObject(Box::new(RequestBody(self.part.content()))) }
    }

    fn post_data(&self) -> Value<'_> {
        if self.part.body.size == 0 {
            return Value::Absent;
        }
        Value::MadeObject(Box::new(PostData::new(self.part.content())))
    }
}

object! {
    Request as r, REQUEST_FIELDS {
        "method": Str, "Request method (RFC 9110 §9)" => Value::lossy(r.method());
        "url": Str, "Request target as it stands in the request line (RFC 9112 §3.2); :path in HTTP/2" => r.part.text(r.line().1).into_owned();
        "path": Str, "Path of the target; * in asterisk form, empty in authority form" => Value::lossy(r.target().path);
        "pathSegments": List, "The path's segments as texts" => r.path_segments();
        "queryString": Object, "Query parameters, decoded; a repeated name has a list" => Value::MadeObject(Box::new(Map::new(Repeats::Listed, target::pairs(r.target().query))));
        "httpVersion": Str, "HTTP/0.9, HTTP/1.0, HTTP/1.1 or HTTP/2.0; as it stands there if it is none of these" => version_text(&r.part);
        "host": Str, "Authority of the target, or the Host field (RFC 9110 §7.2)" => Value::Str(r.host());
        "headers": Object, "Header fields by name, in Go's canonical case; repeats are joined with a comma" => r.part.headers();
        "headerList": List, "Header fields as [name, value], order, case and repeats as sent" => r.part.header_list();
        "cookies": Object, "Cookies by name" => r.cookies();
        "postData": Object(POST_DATA_FIELDS), "The body as HAR has it; absent without one" => r.post_data();
        "headersSize": U64, "Bytes of the request line and the header fields" => r.part.head_len;
        "bodySize": U64, "Bytes of the body after transfer coding, before content coding" => r.part.body.size;
        "body": Object(REQUEST_BODY_FIELDS), "The body; absent without one" => r.body();
        "trailers": Object, "Trailer fields by name, after a chunked body or in HTTP/2" => r.part.trailers();
        "streamId": U64, "HTTP/2: the stream (RFC 9113 §5)" => r.part.stream_id();
        "pushed": Bool, "HTTP/2: there if the server promised the response unasked (RFC 9113 §8.4)" => r.part.h2.filter(|h2| h2.pushed).map(|h2| h2.pushed);
        "unknownHeaders": U64, "HTTP/2: header fields left out because what they refer to was sent before the capture began, or lost" => r.part.unknown_headers();
        "grpc": Object(CALL_FIELDS), "gRPC: the call and its messages" => r.grpc();
        "graphql": Object(ASKED_FIELDS), "GraphQL: what is asked for" => r.graphql();
    }
}

object! {
    Response as r, RESPONSE_FIELDS {
        "status": U64, "Status code (RFC 9110 §15); absent in HTTP/0.9" => r.status();
        "statusText": Str, "Reason phrase" => Value::Str(status_text(&r.part));
        "httpVersion": Str, "HTTP/0.9, HTTP/1.0, HTTP/1.1 or HTTP/2.0" => version_text(&r.part);
        "headers": Object, "Header fields by name, in Go's canonical case; repeats are joined with a comma" => r.part.headers();
        "headerList": List, "Header fields as [name, value], order, case and repeats as sent" => r.part.header_list();
        "cookies": Object, "Cookies that are set, by name" => r.cookies();
        "content": Object(CONTENT_FIELDS), "The body" => Value::MadeObject(Box::new(r.part.content()));
        "redirectURL": Str, "Location field, or empty" => r.part.head.value("location").map_or(Value::from(""), Value::lossy);
        "headersSize": U64, "Bytes of the status line and the header fields" => r.part.head_len;
        "bodySize": U64, "Bytes of the body after transfer coding, before content coding" => r.part.body.size;
        "trailers": Object, "Trailer fields by name, after a chunked body or in HTTP/2" => r.part.trailers();
        "streamId": U64, "HTTP/2: the stream (RFC 9113 §5)" => r.part.stream_id();
        "unknownHeaders": U64, "HTTP/2: header fields left out because what they refer to was sent before the capture began, or lost" => r.part.unknown_headers();
        "interim": List(INTERIM_FIELDS), "1xx responses before this one: status, statusText, headers" => r.interim();
        "grpc": Object(OUTCOME_FIELDS), "gRPC: how the call ended, and its messages" => r.grpc();
        "graphql": Object(ANSWERED_FIELDS), "GraphQL: errors, which come with a status of 200" => r.graphql();
    }
}

object! {
    Interim as i, INTERIM_FIELDS {
        "status": U64, "Status code, 100 to 199" => status(&i.0);
        "statusText": Str, "Reason phrase" => Value::Str(status_text(&i.0));
        "headers": Object, "Header fields by name" => i.0.headers();
    }
}

//! Bodies: decoded when somebody asks, at most once however many of their fields are asked for.

use super::{
    message::Part,
    params::{self, PARAM_FIELDS, Param},
};
use crate::{
    decode::{self, Decoded},
    redact,
};
use hookline_item::{Value, object};
use std::cell::OnceCell;

/// A body, decoded at most once however many of its fields are asked for.
pub(super) struct Content<'a> {
    part: &'a Part,
    decoded: OnceCell<Option<Decoded<'a>>>,
    masked: OnceCell<Vec<u8>>,
}

impl<'a> Content<'a> {
    pub(super) fn new(part: &'a Part) -> Self {
        Self { part, decoded: OnceCell::new(), masked: OnceCell::new() }
    }
}

impl<'a> PostData<'a> {
    pub(super) fn new(content: Content<'a>) -> Self {
        let params = content.part.head.value("content-type").map(|t| params::parse(t, content.bytes())).unwrap_or_default();
        Self { content, params }
    }
}

impl Content<'_> {
    fn decoded(&self) -> Option<&Decoded<'_>> {
        let decode = || {
            let codings: Vec<_> = self.part.head.values("content-encoding").collect();
            decode::decode(self.part.body.decodable(), &codings.join(&b','), self.part.decoded_max)
        };
        self.decoded.get_or_init(decode).as_ref()
    }

    /// The body without its content codings, as it came where they cannot be undone; what is to be masked in JSON is masked.
    pub(super) fn bytes(&self) -> &[u8] {
        let bytes = self.decoded().map_or(&*self.part.body.bytes, |d| &d.bytes);
        match &self.part.json_rules {
            Some(rules) if self.is_json() => self.masked.get_or_init(|| redact::json(Some(rules), bytes).into_owned()),
            _ => bytes,
        }
    }

    /// `application/json`, and what is written in it: `application/problem+json` (RFC 6839 §3.1).
    fn is_json(&self) -> bool {
        let mime_type = self.part.head.value("content-type").and_then(|t| t.split(|b| *b == b';').next()).unwrap_or_default();
        let ends = |end: &[u8]| mime_type.trim_ascii().to_ascii_lowercase().ends_with(end);
        ends(b"/json") || ends(b"+json")
    }

    /// Size without content codings: of bodies without any, it is the size on the wire.
    fn decoded_size(&self) -> Option<u64> {
        let coded = self.part.head.value("content-encoding").is_some();
        if coded { self.decoded().map(|d| d.size) } else { Some(self.part.body.size) }
    }

    fn cut(&self) -> u64 {
        self.part.body.cut + self.decoded.get().and_then(Option::as_ref).map_or(0, |d| d.cut)
    }

    fn base64(&self) -> Value<'_> {
        let bytes = self.bytes();
        if bytes.is_empty() { Value::from("") } else { Value::Bytes(bytes) }
    }

    /// Text as it is, anything else as bytes.
    fn text(&self) -> Value<'_> {
        std::str::from_utf8(self.bytes()).map_or_else(|_| self.base64(), Value::from)
    }

    fn encoding(&self) -> Value<'_> {
        if std::str::from_utf8(self.bytes()).is_ok() { Value::Absent } else { Value::from("base64") }
    }
}

/// A request's body.
pub(super) struct RequestBody<'a>(pub(super) Content<'a>);

/// A request's body as HAR has it.
pub(super) struct PostData<'a> {
    content: Content<'a>,
    params: Vec<Param>,
}

object! {
    PostData<'_> as p, POST_DATA_FIELDS {
        "mimeType": Str, "Content-Type" => p.content.part.mime_type();
        "params": List(PARAM_FIELDS), "Form fields (name, value, fileName, contentType) of urlencoded and multipart bodies" => Value::List(&p.params);
        "text": Str, "The body without content coding; base64 if it is not UTF-8; empty for forms, whose params are listed" => if p.params.is_empty() { p.content.text() } else { Value::from("") };
        "encoding": Str, "base64, or absent where text is plain" => if p.params.is_empty() { p.content.encoding() } else { Value::Absent };
    }
}

object! {
    RequestBody<'_> as b, REQUEST_BODY_FIELDS {
        "size": U64, "Bytes after transfer coding" => b.0.part.body.size;
        "decodedSize": U64, "Bytes after content coding; absent if that cannot be undone" => b.0.decoded_size();
        "mimeType": Str, "Content-Type" => b.0.part.mime_type();
        "text": Str, "The body without content coding; base64 if it is not UTF-8" => b.0.text();
        "encoding": Str, "base64, or absent where text is plain" => b.0.encoding();
        "cut": U64, "Bytes that were seen and are not in text, being over the limit" => b.0.cut();
    }
}

object! {
    Content<'_> as c, CONTENT_FIELDS {
        "size": U64, "Bytes after transfer coding" => c.part.body.size;
        "decodedSize": U64, "Bytes after content coding; absent if that cannot be undone" => c.decoded_size();
        "mimeType": Str, "Content-Type" => c.part.mime_type();
        "text": Bytes, "The body without content coding, always in base64 (Kubeshark's scripts expect that)" => c.base64();
        "encoding": Str, "Always base64" => "base64";
        "cut": U64, "Bytes that were seen and are not in text, being over the limit" => c.cut();
    }
}

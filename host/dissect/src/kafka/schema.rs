//! Message definitions as tables, and the one reader for all of them.
//!
//! A table says of each field its name, the versions that have it, and its kind, as Kafka's own definitions do. From an API's first flexible
//! version on, lengths are variable integers and every structure ends with tagged fields (KIP-482), which are skipped.

use super::records;
use crate::{
    cursor::Cursor,
    made::{Made, REDACTED, text_or_base64},
};

/// A field of a message.
#[derive(Debug)]
pub(super) struct Field {
    name: &'static str,
    first: i16,
    last: i16,
    kind: Kind,
}

impl Field {
    fn is_in(&self, version: i16) -> bool {
        (self.first..=self.last).contains(&version)
    }
}

/// What a field is.
#[derive(Debug)]
pub(super) enum Kind {
    Bool,
    I8,
    I16,
    I32,
    I64,
    Uuid,
    /// A string, which may be null.
    Text,
    Bytes,
    /// Bytes by which somebody proves who he is: not shown.
    Secret,
    /// Record batches.
    Records,
    /// An array, which may be null.
    Each(&'static Kind),
    Struct(&'static [Field]),
}

/// A field of all versions.
pub(super) const fn all(name: &'static str, kind: Kind) -> Field {
    Field { name, first: 0, last: i16::MAX, kind }
}

/// A field of version `first` and those after it.
pub(super) const fn from(first: i16, name: &'static str, kind: Kind) -> Field {
    Field { name, first, last: i16::MAX, kind }
}

/// A field of version `last` and those before it.
pub(super) const fn until(last: i16, name: &'static str, kind: Kind) -> Field {
    Field { name, first: 0, last, kind }
}

/// A field of the versions `first` to `last`.
pub(super) const fn between(first: i16, last: i16, name: &'static str, kind: Kind) -> Field {
    Field { name, first, last, kind }
}

/// An API whose bodies are read.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) key: i16,
    /// The first flexible version; `i16::MAX` if there is none.
    pub(super) flexible: i16,
    pub(super) request: &'static [Field],
    pub(super) response: &'static [Field],
    /// Whether the response's header is the classic one in all versions: clients read it before they know what the broker speaks.
    pub(super) classic_response: bool,
}

/// Values made of one message: a metadata response for a thousand partitions has 10,000.
pub(super) const VALUES_MAX: u32 = 50_000;

impl Api {
    /// The body of a request in `version`, as far as it can be read.
    pub(super) fn read_request(&self, version: i16, body: &[u8]) -> Made {
        let mut reader = Reader::new(self, version, body);
        if reader.flexible {
            reader.skip_tags();
        }
        Made::Fields(reader.fields(self.request))
    }

    /// One field at the root of a request in `version`; what stands behind it is not read.
    pub(super) fn peek_request(&self, version: i16, body: &[u8], name: &str) -> Option<Made> {
        let mut reader = Reader::new(self, version, body);
        if reader.flexible {
            reader.skip_tags();
        }
        for field in self.request.iter().filter(|f| f.is_in(version)) {
            let value = reader.value(&field.kind)?;
            if field.name == name {
                return Some(value);
            }
        }
        None
    }

    /// The body of a response, its header's tagged fields before it.
    pub(super) fn read_response(&self, version: i16, body: &[u8]) -> Made {
        let mut reader = Reader::new(self, version, body);
        if reader.flexible && !self.classic_response {
            reader.skip_tags();
        }
        Made::Fields(reader.fields(self.response))
    }
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    version: i16,
    flexible: bool,
    /// Values that may still be made.
    budget: u32,
    /// The bytes do not follow the table, or break off: nothing more is read.
    broken: bool,
}

impl<'a> Reader<'a> {
    fn new(api: &Api, version: i16, body: &'a [u8]) -> Self {
        Self { cursor: Cursor::new(body), version, flexible: version >= api.flexible, budget: VALUES_MAX, broken: false }
    }

    /// The fields of a structure, as far as they can be read.
    fn fields(&mut self, fields: &'static [Field]) -> Vec<(&'static str, Made)> {
        let (version, mut out) = (self.version, Vec::new());
        for field in fields.iter().filter(|f| f.is_in(version)) {
            let Some(value) = self.value(&field.kind) else {
                self.broken = true;
                break;
            };
            match (&field.kind, value) {
                (Kind::Records, Made::List(mut both)) => {
                    let records = both.pop().unwrap_or_default();
                    out.push(("recordBatches", both.pop().unwrap_or_default()));
                    out.push((field.name, records));
                }
                (_, value) => out.push((field.name, value)),
            }
            if self.broken {
                return out;
            }
        }
        if self.flexible && !self.broken {
            self.skip_tags();
        }
        out
    }

    /// A value; a list of two, batches and records, for records.
    fn value(&mut self, kind: &'static Kind) -> Option<Made> {
        self.budget = self.budget.checked_sub(1)?;
        Some(match kind {
            Kind::Bool => Made::Bool(self.cursor.u8()? != 0),
            Kind::I8 => Made::Signed(i8::from_be_bytes(self.cursor.array()?).into()),
            Kind::I16 => Made::Signed(self.cursor.i16_be()?.into()),
            Kind::I32 => Made::Signed(self.cursor.i32_be()?.into()),
            Kind::I64 => Made::Signed(self.cursor.i64_be()?),
            Kind::Uuid => Made::Text(uuid(self.cursor.array()?)),
            Kind::Text => self.delimited(2)?.map_or(Made::Null, Made::lossy),
            Kind::Bytes => self.delimited(4)?.map_or(Made::Null, |bytes| Made::Text(text_or_base64(bytes).0)),
            Kind::Secret => self.delimited(4)?.map_or(Made::Null, |_| Made::Text(REDACTED.into())),
            Kind::Records => {
                let (batches, records) = records::read(self.delimited(4)?.unwrap_or_default());
                Made::List(vec![Made::List(batches), Made::List(records)])
            }
            Kind::Each(kind) => self.each(kind)?,
            Kind::Struct(fields) => Made::Fields(self.fields(fields)),
        })
    }

    fn each(&mut self, kind: &'static Kind) -> Option<Made> {
        let count = if self.flexible { self.compact()? } else { usize::try_from(self.cursor.i32_be()?).ok() };
        let Some(count) = count else { return Some(Made::Null) };
        let mut list = Vec::new();
        for _ in 0..count {
            match self.value(kind) {
                Some(value) => list.push(value),
                None => self.broken = true,
            }
            if self.broken {
                break;
            }
        }
        Some(Made::List(list))
    }

    /// Bytes with their length before them, in so many bytes in classic versions; `None` inside for null. What breaks off is given as far as
    /// it came.
    #[allow(clippy::option_option)]
    fn delimited(&mut self, width: usize) -> Option<Option<&'a [u8]>> {
        let len = if self.flexible {
            self.compact()?
        } else if width == 2 {
            usize::try_from(self.cursor.i16_be()?).ok()
        } else {
            usize::try_from(self.cursor.i32_be()?).ok()
        };
        let Some(len) = len else { return Some(None) };
        self.broken |= len > self.cursor.rest.len();
        Some(self.cursor.take(len.min(self.cursor.rest.len())))
    }

    /// A compact length: 0 is null, else one more than it is.
    #[allow(clippy::option_option)]
    fn compact(&mut self) -> Option<Option<usize>> {
        Some(usize::try_from(varint(&mut self.cursor)?).ok()?.checked_sub(1))
    }

    fn skip_tags(&mut self) {
        let mut skip = || {
            for _ in 0..varint(&mut self.cursor)? {
                varint(&mut self.cursor)?;
                let len = varint(&mut self.cursor)?;
                self.cursor.take(usize::try_from(len).ok()?)?;
            }
            Some(())
        };
        if skip().is_none() {
            self.broken = true;
        }
    }
}

/// An unsigned variable integer, seven bits a byte, the lowest first.
pub(super) fn varint(cursor: &mut Cursor<'_>) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = cursor.u8()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A topic's id as Kafka's tools print it: URL-safe base64 without padding.
fn uuid(bytes: [u8; 16]) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes)
}

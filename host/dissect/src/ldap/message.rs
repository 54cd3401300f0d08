//! One message, and what its item says.

use super::{
    ber::{self, any, context, each, element, text},
    codes::{self, CHANGES, OPERATIONS, RESULTS, SCOPES},
    filter,
};
use crate::{
    exchange::{Request, Response},
    made::{Made, REDACTED, text_or_base64},
    names::name_of,
};
use hookline_item::{Value, object};
use nom::IResult;
use std::borrow::Cow;

/// Attributes that hold passwords (RFC 4519 §2.41, [MS-ADA3]).
const SECRETS: &[&str] = &["userpassword", "unicodepwd", "dbcspwd", "ntpwdhistory", "lmpwdhistory", "supplementalcredentials"];

/// The longest message that is believed: OpenLDAP's and Active Directory's limits are below it.
pub(super) const MESSAGE_MAX: usize = 64 << 20;

/// The operation of the message that `bytes` begin with; `Some(None)` if they begin none, `None` if that cannot be said yet.
pub(super) fn start(bytes: &[u8]) -> Option<Option<u8>> {
    let fits = |at: usize, ok: fn(&u8) -> bool| bytes.get(at).is_none_or(ok);
    if !fits(0, |b| *b == ber::SEQUENCE) || !fits(1, |b| (5..=0x84).contains(b) && *b != 0x80) {
        return Some(None);
    }
    let (i, (_, len)) = ber::header(bytes).ok()?;
    let [kind, id_len, rest @ ..] = i else { return None };
    if *kind != ber::INTEGER || !(1..=5).contains(id_len) || !(5..=MESSAGE_MAX).contains(&len) {
        return Some(None);
    }
    let tag = *rest.get(usize::from(*id_len))?;
    let number = tag & 0x1f;
    // [APPLICATION n], constructed but for three operations (RFC 4511 §4.2).
    let primitive = matches!(number, codes::UNBIND_REQUEST | codes::DEL_REQUEST | codes::ABANDON_REQUEST);
    let known = OPERATIONS.iter().any(|(n, _)| *n == u32::from(number));
    Some((known && tag == if primitive { 0x40 | number } else { 0x60 | number }).then_some(number))
}

/// Bytes of the message whose header `bytes` begin with.
pub(super) fn len(bytes: &[u8]) -> Option<usize> {
    ber::header(bytes).ok().map(|(i, (_, len))| bytes.len() - i.len() + len)
}

/// A message: its id, its operation and the contents of that.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) id: u32,
    pub(super) number: u8,
    contents: Box<[u8]>,
}

/// The entries and references of a search.
#[derive(Debug, Default)]
pub(super) struct Found {
    entries: u64,
    references: u64,
    kept: Vec<Box<[u8]>>,
    kept_bytes: usize,
}

/// Entries kept of one search, and their bytes: enough to see what was asked for, not a copy of the directory.
const ENTRIES_MAX: usize = 100;
const ENTRIES_BYTES_MAX: usize = 64 << 10;

impl Operation {
    /// Reads a message as far as it is there; `None` if not even its operation is.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (i, _) = ber::header(bytes).ok()?;
        let (i, id) = element(ber::INTEGER)(i).ok()?;
        let (i, (tag, len)) = ber::header(i).ok()?;
        let contents = i.get(..len).unwrap_or(i).into();
        let id = u32::try_from(ber::unsigned(id)).unwrap_or(u32::MAX);
        Some(Self { id, number: tag & 0x1f, contents })
    }

    fn name(&self) -> Cow<'static, str> {
        name_of(OPERATIONS, self.number.into(), "operation")
    }

    fn is(&self, number: u8) -> bool {
        self.number == number
    }

    /// Whether what every operation of its kind has can be read.
    pub(super) fn is_sound(&self) -> bool {
        match self.number {
            codes::BIND_REQUEST => self.bind().is_some(),
            codes::SEARCH_REQUEST => self.search().is_some(),
            codes::UNBIND_REQUEST | codes::DEL_REQUEST | codes::ABANDON_REQUEST | codes::INTERMEDIATE_RESPONSE => true,
            number if codes::is_request(number) || matches!(number, codes::SEARCH_ENTRY | codes::SEARCH_REFERENCE) => {
                any(&self.contents).is_ok()
            }
            _ => self.result().is_some(),
        }
    }
}

impl Found {
    /// Adds an entry or a reference.
    fn add(&mut self, found: Operation) {
        match found.number {
            codes::SEARCH_ENTRY => self.entries = self.entries.saturating_add(1),
            codes::SEARCH_REFERENCE => self.references = self.references.saturating_add(1),
            _ => {}
        }
        let bytes = self.kept_bytes.saturating_add(found.contents.len());
        if found.is(codes::SEARCH_ENTRY) && self.kept.len() < ENTRIES_MAX && bytes <= ENTRIES_BYTES_MAX {
            self.kept_bytes = bytes;
            self.kept.push(found.contents);
        }
    }
}

// Requests.
impl Operation {
    fn bind(&self) -> Option<Bind> {
        self.is(codes::BIND_REQUEST).then(|| bind(&self.contents).ok().map(|(_, b)| b)).flatten()
    }

    fn search(&self) -> Option<Search<'_>> {
        self.is(codes::SEARCH_REQUEST).then(|| search(&self.contents).ok().map(|(_, s)| s)).flatten()
    }

    /// The entry that is worked on.
    fn dn(&self) -> Option<String> {
        match self.number {
            codes::DEL_REQUEST => Some(String::from_utf8_lossy(&self.contents).into_owned()),
            codes::SEARCH_REQUEST | codes::MODIFY_REQUEST | codes::ADD_REQUEST | codes::MODIFY_DN_REQUEST | codes::COMPARE_REQUEST => {
                text(&self.contents).ok().map(|(_, dn)| dn)
            }
            _ => None,
        }
    }

    /// Names of the attributes that are asked for, added, changed or compared.
    fn attributes(&self) -> Option<Vec<String>> {
        let (list, _) = text(&self.contents).ok()?;
        let first = |list: &[u8]| each(list).filter_map(|(_, a)| text(a).ok()).map(|(_, name)| name).collect();
        match self.number {
            codes::SEARCH_REQUEST => self.search().map(|s| ber::texts(s.attributes)),
            codes::ADD_REQUEST => element(ber::SEQUENCE)(list).ok().map(|(_, list)| first(list)),
            codes::COMPARE_REQUEST => Some(first(list)),
            _ => None,
        }
    }

    /// What a modification changes (RFC 4511 §4.6).
    fn changes(&self) -> Option<Made> {
        if !self.is(codes::MODIFY_REQUEST) {
            return None;
        }
        let (list, _) = text(&self.contents).ok()?;
        let (_, list) = element(ber::SEQUENCE)(list).ok()?;
        Some(Made::List(each(list).filter_map(|(_, c)| change(c).ok().map(|(_, made)| made)).collect()))
    }

    /// The object identifier of an extended operation or response.
    pub(super) fn oid(&self) -> Option<String> {
        let number = match self.number {
            codes::EXTENDED_REQUEST => 0,
            codes::EXTENDED_RESPONSE => 10,
            _ => return None,
        };
        each(&self.contents).find(|(tag, _)| *tag == context(number, false)).map(|(_, oid)| String::from_utf8_lossy(oid).into_owned())
    }

    /// Whether the client proves who it is by SASL.
    pub(super) fn is_sasl(&self) -> bool {
        self.bind().is_some_and(|b| b.mechanism.is_some())
    }
}

struct Bind {
    version: u64,
    name: String,
    mechanism: Option<String>,
}

/// `BindRequest` (RFC 4511 §4.2); the credentials are not read.
fn bind(i: &[u8]) -> IResult<&[u8], Bind> {
    let (i, version) = element(ber::INTEGER)(i)?;
    let (i, name) = text(i)?;
    let (i, (tag, credentials)) = any(i)?;
    let mechanism = if tag == context(3, true) { Some(text(credentials)?.1) } else { None };
    Ok((i, Bind { version: ber::unsigned(version), name, mechanism }))
}

struct Search<'a> {
    base: &'a [u8],
    scope: u32,
    size_limit: u64,
    time_limit: u64,
    types_only: bool,
    filter: &'a [u8],
    attributes: &'a [u8],
}

/// `SearchRequest` (RFC 4511 §4.5.1)
fn search(i: &[u8]) -> IResult<&[u8], Search<'_>> {
    let (i, base) = ber::string(i)?;
    let (i, scope) = element(ber::ENUMERATED)(i)?;
    let (i, _deref) = element(ber::ENUMERATED)(i)?;
    let (i, size) = element(ber::INTEGER)(i)?;
    let (i, time) = element(ber::INTEGER)(i)?;
    let (filter, types_only) = element(ber::BOOLEAN)(i)?;
    let (attributes, _) = any(filter)?;
    let (i, (_, attributes)) = any(attributes)?;
    let (size_limit, time_limit) = (ber::unsigned(size), ber::unsigned(time));
    let scope = u32::try_from(ber::unsigned(scope)).unwrap_or(u32::MAX);
    Ok((i, Search { base, scope, size_limit, time_limit, types_only: types_only != [0], filter, attributes }))
}

fn change(i: &[u8]) -> IResult<&[u8], Made> {
    let (i, kind) = element(ber::ENUMERATED)(i)?;
    let (i, attribute) = element(ber::SEQUENCE)(i)?;
    let (_, (name, values)) = attribute_of(attribute)?;
    let kind = name_of(CHANGES, u32::try_from(ber::unsigned(kind)).unwrap_or(u32::MAX), "change").into_owned();
    Ok((i, Made::Fields(vec![("operation", kind.into()), ("attribute", name.into()), ("values", values)])))
}

/// `PartialAttribute` (RFC 4511 §4.1.7): a name and its values. Passwords are not shown.
fn attribute_of(i: &[u8]) -> IResult<&[u8], (String, Made)> {
    let (i, name) = text(i)?;
    let (i, (_, set)) = any(i)?;
    let secret = SECRETS.contains(&name.split(';').next().unwrap_or_default().to_ascii_lowercase().as_str());
    let shown = |value: &[u8]| if secret { REDACTED.to_owned() } else { text_or_base64(value).0 };
    let values = Made::Texts(each(set).map(|(_, value)| shown(value)).collect());
    Ok((i, (name, values)))
}

/// `SearchResultEntry` (RFC 4511 §4.5.2)
fn entry(i: &[u8]) -> IResult<&[u8], Made> {
    let (i, dn) = text(i)?;
    let (i, list) = element(ber::SEQUENCE)(i)?;
    let attributes = each(list).filter_map(|(_, a)| attribute_of(a).ok()).map(|(_, attribute)| attribute).collect();
    Ok((i, Made::Fields(vec![("dn", dn.into()), ("attributes", Made::Map(attributes))])))
}

object! {
    Operation as m, REQUEST_FIELDS {
        "messageId": U64, "Message id, which the response repeats" => m.id;
        "operation": Str, "bindRequest, searchRequest, modifyRequest, …" => Value::Str(m.name());
        "operationId": U64, "Its number (RFC 4511 §4.2)" => m.number;
        "version": U64, "Bind: protocol version" => m.bind().map(|b| b.version);
        "bindName": Str, "Bind: who the client says it is" => m.bind().map(|b| b.name);
        "authentication": Str, "Bind: simple or sasl" => m.bind().map(|b| if b.mechanism.is_some() { "sasl" } else { "simple" });
        "mechanism": Str, "Bind: SASL mechanism" => m.bind().and_then(|b| b.mechanism);
        "baseDn": Str, "Search: where it starts" => m.search().map(|s| Value::lossy(s.base));
        "dn": Str, "Name of the entry that is added, changed, moved, compared or deleted" => if m.is(codes::SEARCH_REQUEST) { None } else { m.dn() };
        "scope": Str, "Search: baseObject, singleLevel or wholeSubtree" => m.search().map(|s| name_of(SCOPES, s.scope, "scope").into_owned());
        "filter": Str, "Search: the filter in its textual form (RFC 4515)" => m.search().map(|s| filter::text(s.filter));
        "attributes": List, "Names of the attributes that are asked for, added or compared" => m.attributes().map_or(Value::Absent, |a| Value::MadeList(Box::new(a)));
        "sizeLimit": U64, "Search: most entries that the client wants; 0 for no limit" => m.search().map(|s| s.size_limit);
        "timeLimit": U64, "Search: most seconds that the client waits; 0 for no limit" => m.search().map(|s| s.time_limit);
        "typesOnly": Bool, "Search: whether only names of attributes are wanted" => m.search().map(|s| s.types_only);
        "changes": List, "Modify: operation, attribute and values of each change; passwords read REDACTED" => m.changes().map_or(Value::Absent, Made::into_value);
        "newRdn": Str, "Modify DN: the new relative name" => if m.is(codes::MODIFY_DN_REQUEST) { ber::texts(&m.contents).into_iter().nth(1) } else { None };
        "abandonId": U64, "Abandon: message id of the operation that the client gives up" => m.is(codes::ABANDON_REQUEST).then(|| ber::unsigned(&m.contents));
        "oid": Str, "Extended operation: its object identifier" => m.oid();
        "oidName": Str, "Extended operation: its name" => m.oid().and_then(|oid| codes::extension(&oid));
    }
}

impl Request for Operation {
    fn summary(&self) -> Cow<'_, str> {
        let named = || self.bind().map(|b| b.name).or_else(|| self.dn());
        let extended = || self.oid().map(|oid| codes::extension(&oid).map_or(oid, str::to_owned));
        named().or_else(extended).unwrap_or_default().into()
    }
    fn method(&self) -> Cow<'_, str> {
        self.name()
    }
}

/// A response: its last message so far, and what a search has found.
#[derive(Debug)]
pub(super) struct Answer {
    last: Operation,
    found: Found,
}

/// `LDAPResult` (RFC 4511 §4.1.9)
struct Outcome {
    code: u32,
    matched: String,
    message: String,
}

fn outcome(i: &[u8]) -> IResult<&[u8], Outcome> {
    let (i, code) = element(ber::ENUMERATED)(i)?;
    let (i, matched) = text(i)?;
    let (i, message) = text(i)?;
    Ok((i, Outcome { code: u32::try_from(ber::unsigned(code)).unwrap_or(u32::MAX), matched, message }))
}

impl Operation {
    fn result(&self) -> Option<Outcome> {
        let has_result = !matches!(self.number, codes::SEARCH_ENTRY | codes::SEARCH_REFERENCE | codes::INTERMEDIATE_RESPONSE);
        has_result.then(|| outcome(&self.contents).ok().map(|(_, o)| o)).flatten()
    }

    /// The result code of a response.
    pub(super) fn result_code(&self) -> Option<u32> {
        self.result().map(|r| r.code)
    }
}

impl Answer {
    /// With the first message of a response.
    pub(super) fn new(first: Operation) -> Self {
        let last = Operation { id: first.id, number: first.number, contents: Box::default() };
        let mut answer = Self { last, found: Found::default() };
        answer.add(first);
        answer
    }

    /// The next message: entries and references are gathered, any other is what the response comes to.
    pub(super) fn add(&mut self, next: Operation) {
        self.last.number = next.number;
        if matches!(next.number, codes::SEARCH_ENTRY | codes::SEARCH_REFERENCE) {
            self.found.add(next);
        } else {
            self.last = next;
        }
    }

    pub(super) fn result_code(&self) -> Option<u32> {
        self.last.result_code()
    }

    fn entries(&self) -> Value<'static> {
        let entries: Vec<_> = self.found.kept.iter().filter_map(|e| entry(e).ok()).map(|(_, made)| made).collect();
        if entries.is_empty() { Value::Absent } else { Made::List(entries).into_value() }
    }

    fn of_search(&self, count: u64) -> Option<u64> {
        matches!(self.last.number, codes::SEARCH_DONE | codes::SEARCH_ENTRY | codes::SEARCH_REFERENCE).then_some(count)
    }
}

object! {
    Answer as a, RESPONSE_FIELDS {
        "messageId": U64, "Message id of the request" => a.last.id;
        "operation": Str, "bindResponse, searchResDone, …" => Value::Str(a.last.name());
        "operationId": U64, "Its number (RFC 4511 §4.2)" => a.last.number;
        "resultCode": U64, "Result code (RFC 4511 appendix A)" => a.result_code();
        "resultName": Str, "Its name: success, invalidCredentials, …" => a.result_code().map(|c| name_of(RESULTS, c, "result").into_owned());
        "matchedDn": Str, "The part of the name that was found, where an entry was not" => a.last.result().map(|r| r.matched).filter(|t| !t.is_empty());
        "errorMessage": Str, "The server's diagnostic message" => a.last.result().map(|r| r.message).filter(|t| !t.is_empty());
        "entryCount": U64, "Search: entries found" => a.of_search(a.found.entries);
        "referenceCount": U64, "Search: references to other servers" => a.of_search(a.found.references);
        "entries": List, "Search: dn and attributes of the first entries (up to 100 and 64 KiB); passwords read REDACTED" => a.entries();
        "oid": Str, "Extended response: its object identifier" => a.last.oid();
        "oidName": Str, "Extended response: its name" => a.last.oid().and_then(|oid| codes::extension(&oid));
    }
}

impl Response for Answer {
    fn status(&self) -> Option<i64> {
        self.last.result_code().map(i64::from)
    }
    fn method(&self) -> Cow<'_, str> {
        self.last.name()
    }
}

//! GraphQL over HTTP (graphql.org, "GraphQL over HTTP"; the specification of October 2021 for documents): in JSON, in queries, in batches.

use super::{
    content::Content,
    message::{Part, Request},
    target,
};
use crate::made::Made;
use hookline_item::{Value, object};
use memchr::memmem;
use serde_json::Value as Json;

/// One operation that is asked for.
#[derive(Debug)]
pub(super) struct Operation {
    /// query, mutation or subscription; empty where only the hash of a document is sent.
    kind: &'static str,
    name: String,
    query: String,
    fields: Vec<String>,
    variables: Made,
    hash: String,
}

/// A request: one operation, or a batch of them.
pub(super) struct Asked(Vec<Operation>);

/// What a response says about how it went.
pub(super) struct Answered {
    errors: Vec<Problem>,
    has_data: bool,
}

/// An error in a response (specification §7.1.2).
pub(super) struct Problem {
    message: String,
    path: String,
    code: String,
}

object! {
    Operation as o, OPERATION_FIELDS {
        "operation": Str, "query, mutation or subscription; absent where only a document's hash is sent" => Value::text(o.kind);
        "name": Str, "The operation's name; absent without one" => Value::text(&o.name);
        "query": Str, "The document" => o.query.as_str();
        "fields": List, "Names of the fields that the operation selects at its root" => Value::List(&o.fields);
        "variables": Object, "Variables by name; absent without any" => if o.variables == Made::Null { Value::Absent } else { o.variables.value() };
        "persistedQueryHash": Str, "SHA-256 of a document that the server knows (persisted queries); absent without one" => Value::text(&o.hash);
    }
}

object! {
    Asked as a, ASKED_FIELDS {
        "operation": Str, "Of the first operation: query, mutation or subscription" => a.first("operation");
        "name": Str, "Of the first operation: its name" => a.first("name");
        "query": Str, "Of the first operation: the document" => a.first("query");
        "fields": List, "Of the first operation: names of the fields at its root" => a.first("fields");
        "variables": Object, "Of the first operation: variables by name" => a.first("variables");
        "persistedQueryHash": Str, "Of the first operation: SHA-256 of a document that the server knows" => a.first("persistedQueryHash");
        "batch": List(OPERATION_FIELDS), "All operations, where there is more than one" => if a.0.len() > 1 { Value::List(&a.0) } else { Value::Absent };
    }
}

object! {
    Answered as a, ANSWERED_FIELDS {
        "errorCount": U64, "Errors, of all operations of a batch; a status of 200 says nothing about them" => a.errors.len() as u64;
        "errors": List(PROBLEM_FIELDS), "The errors" => Value::List(&a.errors);
        "hasData": Bool, "Whether there is data beside them" => a.has_data;
    }
}

object! {
    Problem as p, PROBLEM_FIELDS {
        "message": Str, "What went wrong" => p.message.as_str();
        "path": Str, "Where in the data, joined with dots; absent without it" => Value::text(&p.path);
        "code": Str, "extensions.code, as most servers give it; absent without it" => Value::text(&p.code);
    }
}

impl Asked {
    fn first(&self, name: &'static str) -> Value<'_> {
        self.0.first().map_or(Value::Absent, |o| hookline_item::Object::get(o, name))
    }

    /// The operations of `request`, if it asks for any: GET with `query`, or a body of JSON or of a document.
    pub(super) fn of(request: &Request) -> Option<Self> {
        if !may_ask(request) {
            return None;
        }
        let mime_type = mime_type(&request.part);
        if mime_type.is_empty() {
            return Self::of_url(request.target().query);
        }
        let content = Content::new(&request.part);
        if mime_type.eq_ignore_ascii_case(b"application/graphql") {
            let query = String::from_utf8(content.bytes().to_vec()).ok()?;
            return Operation::new(query, "", Made::Null, String::new()).map(|o| Self(vec![o]));
        }
        let operations = match serde_json::from_slice(content.bytes()).ok()? {
            Json::Array(batch) => batch.into_iter().take(BATCH_MAX).map(Operation::of_json).collect::<Option<Vec<_>>>()?,
            one => vec![Operation::of_json(one)?],
        };
        (!operations.is_empty()).then_some(Self(operations))
    }

    fn of_url(query: &[u8]) -> Option<Self> {
        let pairs: Vec<_> = target::pairs(query).collect();
        let get = |name: &str| pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let json = |name| get(name).and_then(|text| serde_json::from_str::<Json>(text).ok());
        let variables = json("variables").map(Made::from).unwrap_or_default();
        let hash = json("extensions").map(|e| hash(&e)).unwrap_or_default();
        let query = get("query").unwrap_or_default().to_owned();
        Operation::new(query, get("operationName").unwrap_or_default(), variables, hash).map(|o| Self(vec![o]))
    }
}

/// Whether a look at the bytes allows that `request` is GraphQL, so that parsing them may be worth it.
fn may_ask(request: &Request) -> bool {
    let (method, part) = (request.method(), &request.part);
    let mime_type = mime_type(part);
    if method == b"GET" && mime_type.is_empty() {
        let query = request.target().query;
        return memmem::find(query, b"query=").is_some() || memmem::find(query, b"persistedQuery").is_some();
    }
    if method != b"POST" || !part.half().is_whole() {
        return false;
    }
    if mime_type.eq_ignore_ascii_case(b"application/graphql") {
        return true;
    }
    if !may_be_in(mime_type) {
        return false;
    }
    // A coded body is only decoded for this where the path says that it is worth it.
    let coded = part.head.value("content-encoding").is_some();
    let body = part.body.decodable();
    let named = |name: &[u8]| memmem::find(body, name).is_some();
    if coded { memmem::find(request.target().path, b"graphql").is_some() } else { named(b"\"query\"") || named(b"\"persistedQuery\"") }
}

/// Whether what is asked for may stand in a body of this type.
pub(super) fn may_be_in(mime_type: &[u8]) -> bool {
    ["application/graphql", "application/json", "application/graphql+json"].iter().any(|t| mime_type.eq_ignore_ascii_case(t.as_bytes()))
}

pub(super) fn mime_type(part: &Part) -> &[u8] {
    let value = part.head.value("content-type").unwrap_or_default();
    value.split(|b| *b == b';').next().unwrap_or_default().trim_ascii()
}

fn hash(extensions: &Json) -> String {
    text(extensions.pointer("/persistedQuery/sha256Hash"))
}

fn text(json: Option<&Json>) -> String {
    json.and_then(Json::as_str).unwrap_or_default().to_owned()
}

impl Operation {
    fn of_json(mut json: Json) -> Option<Self> {
        let (name, hash) = (text(json.get("operationName")), json.get("extensions").map(hash).unwrap_or_default());
        let variables = json.get_mut("variables").map(Json::take).unwrap_or_default();
        Self::new(text(json.get("query")), &name, variables.into(), hash)
    }

    /// `wanted`: the name of the operation to run, where the document has several.
    fn new(query: String, wanted: &str, variables: Made, hash: String) -> Option<Self> {
        let document = Document::parse(&query);
        let chosen = document.and_then(|d| d.operations.into_iter().find(|o| wanted.is_empty() || o.name == wanted));
        match chosen {
            Some(Definition { kind, name, fields }) => Some(Self { kind, name, query, fields, variables, hash }),
            None if query.is_empty() && !hash.is_empty() => {
                Some(Self { kind: "", name: wanted.to_owned(), query, fields: Vec::new(), variables, hash })
            }
            None => None,
        }
    }
}

impl Answered {
    /// What `response` says, if it is a GraphQL response (specification §7.1): an object with `data` or `errors`, or a list of such.
    pub(super) fn of(response: &Part) -> Option<Self> {
        let content = Content::new(response);
        let results = match serde_json::from_slice(content.bytes()).ok()? {
            Json::Array(results) => results,
            one => vec![one],
        };
        let has_data = results.iter().any(|r| r.get("data").is_some_and(|d| !d.is_null()));
        let errors: Vec<_> =
            results.iter().filter_map(|r| r.get("errors")?.as_array()).flatten().take(ERRORS_MAX).map(Problem::of).collect();
        (has_data || !errors.is_empty()).then_some(Self { errors, has_data })
    }
}

impl Problem {
    fn of(error: &Json) -> Self {
        let step = |step: &Json| step.as_str().map_or_else(|| step.to_string(), str::to_owned);
        let path = error.get("path").and_then(Json::as_array).map(|p| p.iter().map(step).collect::<Vec<_>>().join(".")).unwrap_or_default();
        Self { message: text(error.get("message")), path, code: text(error.pointer("/extensions/code")) }
    }
}

/// The operations of a document (specification §2.2), as far as their heads and the fields at their roots.
struct Document {
    operations: Vec<Definition>,
}

#[derive(Debug, PartialEq, Eq)]
struct Definition {
    kind: &'static str,
    name: String,
    fields: Vec<String>,
}

/// The tokens of §2.1.6 that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Name(&'a str),
    Open(u8),
    Close(u8),
    /// A colon: what stood before it was an alias.
    Colon,
    /// `...`, which begins a fragment.
    Spread,
    /// `@`, which begins a directive.
    At,
    /// Values and other punctuation.
    Other,
}

impl Document {
    fn parse(text: &str) -> Option<Self> {
        let mut tokens = Tokens { text };
        let mut operations = Vec::new();
        while let Some(token) = tokens.next()? {
            let definition = match token {
                Token::Open(b'{') => Definition { kind: "query", name: String::new(), fields: tokens.selection()? },
                Token::Name("fragment") => {
                    tokens.head()?;
                    tokens.selection()?;
                    continue;
                }
                Token::Name(word) => {
                    let kind = ["query", "mutation", "subscription"].into_iter().find(|kind| *kind == word)?;
                    let name = tokens.head()?;
                    Definition { kind, name, fields: tokens.selection()? }
                }
                _ => return None,
            };
            operations.push(definition);
        }
        Some(Self { operations })
    }
}

struct Tokens<'a> {
    text: &'a str,
}

impl<'a> Tokens<'a> {
    /// The next token; `Some(None)` at the end, `None` where there can be none.
    #[allow(clippy::option_option)]
    fn next(&mut self) -> Option<Option<Token<'a>>> {
        let ignored = |c: char| c.is_whitespace() || c == ',' || c == '\u{feff}';
        loop {
            self.text = self.text.trim_start_matches(ignored);
            let Some(comment) = self.text.strip_prefix('#') else { break };
            self.text = comment.find(['\n', '\r']).and_then(|end| comment.get(end..)).unwrap_or_default();
        }
        let Some(first) = self.text.bytes().next() else { return Some(None) };
        let token = match first {
            b'{' | b'(' | b'[' => self.take(1, Token::Open(first)),
            b'}' | b')' | b']' => self.take(1, Token::Close(first)),
            b':' => self.take(1, Token::Colon),
            b'.' => self.text.starts_with("...").then(|| self.take(3, Token::Spread))?,
            b'"' => self.string()?,
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                let len = self.text.bytes().take_while(|b| *b == b'_' || b.is_ascii_alphanumeric()).count();
                let name = self.text.get(..len)?;
                self.take(len, Token::Name(name))
            }
            b'@' => self.take(1, Token::At),
            b'!' | b'$' | b'&' | b'=' | b'|' => self.take(1, Token::Other),
            b'-' | b'0'..=b'9' => {
                let len = self.text.bytes().take_while(|b| matches!(b, b'-' | b'+' | b'.' | b'0'..=b'9' | b'e' | b'E')).count();
                self.take(len, Token::Other)
            }
            _ => return None,
        };
        Some(Some(token))
    }

    fn take(&mut self, len: usize, token: Token<'a>) -> Token<'a> {
        self.text = self.text.get(len..).unwrap_or_default();
        token
    }

    /// A string or a block string (§2.9.4).
    fn string(&mut self) -> Option<Token<'a>> {
        if let Some(block) = self.text.strip_prefix("\"\"\"") {
            let mut from = 0;
            loop {
                let end = from + block.get(from..)?.find("\"\"\"")?;
                if !block.get(..end)?.ends_with('\\') {
                    self.text = block.get(end + 3..)?;
                    return Some(Token::Other);
                }
                from = end + 3;
            }
        }
        let mut escaped = false;
        for (at, byte) in self.text.bytes().enumerate().skip(1) {
            match byte {
                b'\n' | b'\r' => return None,
                b'"' if !escaped => return Some(self.take(at + 1, Token::Other)),
                _ => escaped = byte == b'\\' && !escaped,
            }
        }
        None
    }

    /// What stands between a definition's first word and its `{`: a name, variables, directives. The name, or nothing.
    fn head(&mut self) -> Option<String> {
        let mut name = None;
        let mut depth = 0u32;
        loop {
            match self.next()?? {
                Token::Open(b'{') if depth == 0 => return Some(name.unwrap_or_default()),
                Token::Open(_) => depth += 1,
                Token::Close(_) => depth = depth.checked_sub(1)?,
                Token::Name(word) if name.is_none() && depth == 0 => name = Some(word.to_owned()),
                // Whatever comes first and is no name: there is none.
                _ => name = name.or_else(|| Some(String::new())),
            }
            // Variables stand before a name only where there is none.
            if depth > 0 && name.is_none() {
                name = Some(String::new());
            }
        }
    }

    /// The rest of a selection set, to its `}`: names of its own fields, without aliases, arguments and fragments.
    fn selection(&mut self) -> Option<Vec<String>> {
        let mut fields: Vec<String> = Vec::new();
        // Braces that are open, and brackets of arguments: values stand only within these.
        let (mut depth, mut arguments) = (1u32, 0u32);
        let (mut fragment, mut directive) = (false, false);
        loop {
            let token = self.next()??;
            match token {
                Token::Open(b'{') if arguments == 0 => depth += 1,
                Token::Open(_) => arguments += 1,
                Token::Close(_) if arguments > 0 => arguments -= 1,
                Token::Close(b'}') if depth == 1 => return Some(fields),
                Token::Close(b'}') => depth -= 1,
                _ if arguments > 0 => {}
                Token::Close(_) | Token::Other => return None,
                _ if depth > 1 => {}
                Token::Colon => drop(fields.pop()),
                Token::Spread => fragment = true,
                Token::Name("on") if fragment => continue,
                Token::Name(_) if fragment || directive => fragment = false,
                Token::Name(name) if fields.len() < FIELDS_MAX => fields.push(name.to_owned()),
                Token::Name(_) | Token::At => {}
            }
            directive = token == Token::At;
        }
    }
}

/// Operations read of one batch: servers that take batches allow tens.
const BATCH_MAX: usize = 100;
/// Errors shown of one response.
const ERRORS_MAX: usize = 100;
/// Fields at a root that are named.
const FIELDS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<Vec<(&'static str, String, Vec<String>)>> {
        Document::parse(text).map(|d| d.operations.into_iter().map(|o| (o.kind, o.name, o.fields)).collect())
    }

    #[test]
    fn names_operations_and_what_they_ask_for() {
        let table = [
            ("{ me { name } }", "query", "", &["me"][..]),
            (
                "query Q($id: ID! = \"}\") @live { user(id: $id) { id ...F } you: them @skip(if: true) { id } }\nfragment F on User { x }",
                "query",
                "Q",
                &["user", "them"],
            ),
            ("# a comment {\nmutation($x: In = {a: [1, -2.5e3]}) { add(x: $x, s: \"\"\"a \\\"\"\" b\"\"\") }", "mutation", "", &["add"]),
            ("subscription S { ticks, ... on Query { other } ...G @include(if: false) last }", "subscription", "S", &["ticks", "last"]),
            ("query @dir { a }", "query", "", &["a"]),
        ];
        for (text, kind, name, fields) in table {
            let operations = parsed(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(operations[0], (kind, name.to_owned(), fields.iter().map(|f| (*f).to_owned()).collect()), "{text}");
        }
    }

    #[test]
    fn what_is_no_document_is_none() {
        for text in [
            "select * from users",
            "query",
            "query Q",
            "{ a",
            "{ \"a }",
            "red shoes",
            "{ a } b",
            "{job=\"api\"}",
            "query Q { a(x: \"\n\") }",
        ] {
            assert!(parsed(text).is_none(), "{text}");
        }
        assert!(parsed("").is_some_and(|o| o.is_empty()));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in "[{}()\\[\\]\"\\\\a-c:.@$!#\n ]{0,60}") {
            let _ = Document::parse(&text);
        }
    }
}

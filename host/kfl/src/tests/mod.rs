//! KFL1, and what both languages share.

mod cel;
mod compat;
mod more;

use super::*;
use proptest::prelude::*;

const ITEM: &str = r#"{
  "protocol":{"name":"http","abbr":"HTTP","version":"1.1"},"tls":false,"timestamp":1678675066172,"elapsedTime":1500,"error":null,
  "src":{"ip":"10.0.0.1","port":"50000"},"dst":{"ip":"10.0.0.2","port":"80","name":"shop"},
  "request":{"method":"GET","path":"/api/cart","headers":{"User-Agent":"go-http","X-N":"7"},"pathSegments":["api","cart"]},
  "response":{"status":204,"content":{"text":"eyJhIjp7ImIiOlsxLDJdfX0="}},"anomalies":[]
}"#;

fn item() -> serde_json::Map<String, serde_json::Value> {
    serde_json::from_str(ITEM).unwrap()
}

fn holds(filter: &str) -> bool {
    Filter::parse(filter).unwrap_or_else(|e| panic!("{}", e.render(filter))).matches(&item(), Timestamp::new(1_678_675_066, 0))
}

#[test]
fn filters_that_hold() {
    for filter in [
        "",
        "http",
        "http and response.status == 204",
        "response.status == \"204\"",
        "dst.port == 80",
        "dst.port > 79.5",
        "dst.port != 443",
        "timestamp == 1678675066172",
        "response.status == r\"2..\"",
        "request.path == r\"cart\"",
        "request.headers[\"User-Agent\"].contains(\"go\") and http",
        "request.pathSegments == \"cart\"",
        "request.pathSegments[1] == \"cart\"",
        "request.headers.* == 7",
        "request..path == \"x\" or true",
        "missing == 1 or true".replace("missing", "request.missing").as_str(),
        "!(request.missing == 1)",
        "!request.missing",
        "error == nil",
        "response != nil",
        "request.missing == nil",
        "not dns",
        "response.content.text.json().a.b[1] == 2",
        "response.content.text.json()..b == 1",
        "tls == false",
        "!tls",
        "timestamp > seconds(-60)",
        "timestamp < datetime(\"3/13/2099, 2:37:00 AM\")",
        "timestamp >= now()",
        "http // a comment\n and /* more */ true",
        "-1 < elapsedTime",
        "(response.status) == 204",
        "request.method == 'GET'",
        "limit(3)",
        "anomalies == nil or !anomalies",
        "request.path.startsWith(\"/api\") and request.path.endsWith(\"cart\")",
    ] {
        assert!(holds(filter), "{filter}");
    }
}

#[test]
fn filters_that_do_not_hold() {
    for filter in [
        "dns",
        "response.status == r\"4.*\"",
        "request.missing == 1",
        "request.missing != 1",
        "response.status >= 500",
        "request.pathSegments != \"cart\"",
        "1234567 == 1234568",
        "error",
        "false and http or false",
        "http2",
        "grpc",
        "request.path.contains(\"zzz\")",
        "request.path > 5",
        "\"\"",
        "0",
    ] {
        assert!(!holds(filter), "{filter}");
    }
}

#[test]
fn and_binds_tighter_than_or() {
    assert!(holds("false and false or true"));
    assert!(holds("true or false and false"));
    assert!(!holds("(true or false) and false"));
}

#[test]
fn errors_say_where_and_what_to_do() {
    let shown = |source: &str| Filter::parse(source).unwrap_err().to_string();
    assert_eq!(shown("a ? b"), "1:3: unexpected token \"?\"");
    assert_eq!(shown("httpx"), "1:1: unknown field `httpx` (did you mean `http`?)");
    assert_eq!(shown("respnse.status == 1"), "1:1: unknown field `respnse` (did you mean `response`?)");
    assert_eq!(shown("src.prt == 1"), "1:5: unknown field `prt` (did you mean `port`?)");
    assert_eq!(shown("http AND dns"), "1:6: unexpected token \"AND\" (`and` and `or` are written in small letters)");
    assert_eq!(shown("redat(\"a\")"), "1:1: unknown helper `redat` (did you mean `redact`?)");
    assert_eq!(shown("http and"), "1:9: unexpected end of filter (expected a field, a text or a number)");
    assert_eq!(shown("request.path == r\"(\""), "1:17: invalid regular expression: unclosed group");
    assert_eq!(shown("request.path == \"x"), "1:17: text is never closed (add a closing \")");
    assert_eq!(shown("http == 1"), "1:1: a condition has no value to compare (compare a field, or join conditions with `and` and `or`)");
    assert_eq!(shown("hours(\"x\")"), "1:1: wrong arguments for hours() (hours(NUMBER), counted from now: hours(-5))");
    assert!(shown(&"(".repeat(1000)).contains("nested deeper"));
    assert!(shown(&"!".repeat(100_000)).contains("nested deeper"));
}

#[test]
fn an_error_is_rendered_with_carets() {
    let source = "http and\n respnse.status == 500";
    let shown = Filter::parse(source).unwrap_err().render(source);
    assert_eq!(shown, "error: unknown field `respnse`\n  |\n2 |  respnse.status == 500\n  |  ^^^^^^^\n  = help: did you mean `response`?");
}

#[test]
fn scripts_may_name_any_field() {
    let object: serde_json::Map<_, _> = serde_json::from_str(r#"{"mine":{"n":3}}"#).unwrap();
    assert!(Filter::parse("mine.n == 3").is_err());
    assert!(Settings::default().parse_for_any("mine.n == 3").unwrap().matches(&object, Timestamp(0)));
}

#[test]
fn a_set_finds_what_each_filter_finds_alone() {
    let sources = [
        "",
        "http",
        "dns",
        "http and response.status == 204",
        "http and response.status == 500",
        "dst.port == 80",
        "dst.port == \"80\"",
        "response.status == \"204\"",
        "dns or http",
        "!dns",
        "request.pathSegments == \"cart\"",
        "tls == false",
        "200 == response.status",
    ];
    let mut set = FilterSet::default();
    for source in sources {
        set.add(Filter::parse(source).unwrap());
    }
    let mut hits = Vec::new();
    set.matches(&item(), Timestamp(0), &mut hits);
    hits.sort_unstable();
    let alone: Vec<usize> = (0..sources.len()).filter(|i| Filter::parse(sources[*i]).unwrap().matches(&item(), Timestamp(0))).collect();
    assert_eq!(hits, alone);
}

proptest! {
    #[test]
    fn any_text_is_a_filter_or_an_error(source in ".{0,200}") {
        if let Ok(f) = Settings::default().parse_for_any(&source) {
            let _ = f.matches(&item(), Timestamp(0));
        }
    }

    #[test]
    fn any_words_are_a_filter_or_an_error(words in prop::collection::vec(prop::sample::select(vec![
        "http", "and", "or", "!", "(", ")", "request", ".", "*", "..", "path", "[", "]", "\"x\"", "1", "-", "==", "!=", ">", "contains", "json", "now", ",", "r\"a\"", "nil", "limit",
    ]), 0..24)) {
        let source = words.join(" ");
        match Filter::parse(&source) {
            Ok(f) => drop(f.matches(&item(), Timestamp(0))),
            Err(e) => prop_assert!(e.render(&source).contains('^')),
        }
    }
}

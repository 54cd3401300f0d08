//! CEL: what holds, what is refused, and what the `cel` crate makes of the same filters.

use super::item;
use crate::Filter;
use hookline_item::Timestamp;
use proptest::prelude::*;

const NOW: u64 = 1_678_675_070_000;

fn holds(filter: &str) -> bool {
    let filter = Filter::parse(&format!("cel:{filter}")).unwrap_or_else(|e| panic!("{}", e.render(&format!("cel:{filter}"))));
    filter.matches(&item(), Timestamp::new(NOW / 1000, 0))
}

#[test]
fn what_holds() {
    for filter in [
        "",
        "http && status_code == 204",
        "http ? status_code < 300 : false",
        "status_code in [200, 204]",
        "status_code != 200 && !(status_code == 500)",
        "method == 'GET' && path.startsWith(\"/api\")",
        "path.matches(\"^/api/[a-z]+$\")",
        "path.matches(r\"cart$\")",
        "request.headers[\"User-Agent\"].contains(\"go\")",
        "\"User-Agent\" in request.headers",
        "has(request.headers.X) || true",
        "!has(request.headers.Missing)",
        "map_get(request.headers, \"Missing\", \"none\") == \"none\"",
        "map_get(request.headers, \"X-N\", \"0\") == \"7\"",
        "size(request.headers) == 2",
        "size(path) == 9 && path.size() == 9",
        "src.port == 50000 && dst.port < 100",
        "elapsed_time > 1000 && elapsed_time / 1000 == 1",
        "elapsed_time % 7 == 2",
        "1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && 7 / 2 == 3 && 7.0 / 2.0 == 3.5 && 10 - 4 - 3 == 3",
        "-elapsed_time < 0",
        "elapsed_time / 4.0 == 375.0 && (elapsed_time + 1.0) / 2.0 == 750.5",
        "src.ip + \":\" + path == \"10.0.0.1:/api/cart\"",
        "grpc_status == -1",
        "redis_key == \"\"",
        "mysql_error_code != 5",
        "timestamp < now() && now() - timestamp < duration(\"1m\")",
        "timestamp > timestamp(\"2023-03-13T02:37:46+00:00\")",
        "timestamp < timestamp(\"2023-03-13T03:37:47.000+01:00\")",
        "\"shop\" in dns_resolutions",
        "size(namespaces) == 2",
        "(status_code > 200 ? \"big\" : \"small\") == \"big\"",
        "true || request.headers[\"Missing\"] == \"x\"",
        "request.headers[\"Missing\"] == \"x\" || true",
        "http // a comment",
        "dns_questions == null || !dns",
        "error_type == \"\"",
    ] {
        assert!(holds(filter), "{filter}");
        let printed = Filter::parse(&format!("cel:{filter}")).unwrap().formatted();
        assert!(holds(&printed), "{filter} prints as {printed}");
    }
}

#[test]
fn numbers_without_end_are_refused() {
    for text in ["2222222122222222222222e022212", "cel:1e999 > 0", "seconds(1e308)", "cel:duration(\"1e9h\") > duration(\"1s\")"] {
        assert!(Filter::parse(text).is_err(), "{text}");
    }
}

#[test]
fn what_does_not_hold() {
    for filter in [
        "dns",
        "request.headers[\"Missing\"] == \"x\"",
        "request.headers[\"Missing\"] != \"x\"",
        "!(request.headers[\"Missing\"] == \"x\")",
        "elapsed_time / 0 == 1",
        "status_code in []",
        "dns_answers.size() > 0",
        "status_code > 300",
        "mongodb_success",
    ] {
        assert!(!holds(filter), "{filter}");
    }
}

#[test]
fn errors_are_found_when_it_is_compiled() {
    let shown = |source: &str| Filter::parse(source).unwrap_err().to_string();
    for (source, want) in [
        ("http && statuscode == 5", "1:9: unknown variable `statuscode` (did you mean `status_code`?)"),
        ("http && response.status == 5", "1:9: unknown variable `response.status` (did you mean `status_code`?)"),
        ("cel:status_code", "1:5: a condition is needed here, this is an int (compare it, as in `… > 0`)"),
        ("status_code == \"204\" && http", "1:1: cannot compare an int with a string (write the number without quotes)"),
        ("path.contain(\"x\") && http", "1:1: unknown method `contain` (did you mean `contains`?)"),
        ("http && path.matches(\"(\")", "1:22: invalid regular expression: unclosed group"),
        ("sizes(path) > 1 && http", "1:1: unknown function `sizes` (did you mean `size`?)"),
        ("http && path + 1 == \"x\"", "1:9: `+` cannot join a string and an int"),
        ("http && (dns", "1:13: unexpected end of filter (expected `)`)"),
        ("http && dns and tls", "1:13: unexpected token \"and\" (write `&&`)"),
        ("cel:timestamp > timestamp(\"yesterday\")", "1:27: this is no time (write it as \"2026-01-31T12:00:00Z\" (RFC 3339))"),
        (
            "dns_answers == [\"x\"] && dns",
            "1:1: lists and maps have no order, and are not compared whole (ask whether something is `in` it, or for its `size`)",
        ),
        (
            "cel:dns_answers.contains(\"x\")",
            "1:5: contains() is asked of a text, this is a list(string) (ask whether a text is `in` the list)",
        ),
        ("http && src.ip.nope == 1", "1:9: a string has no such entries"),
    ] {
        assert_eq!(shown(source), want, "{source}");
    }
    assert!(shown(&format!("cel:{}", "(".repeat(1000))).contains("nested deeper"));
    assert!(shown(&format!("cel:{}", "!".repeat(100_000))).contains("nested deeper"));
    assert!(Filter::parse(&format!("cel:status_code in [{}]", "1,".repeat(9000))).unwrap_err().to_string().contains("parts"));
}

#[test]
fn every_variable_can_be_read() {
    for variable in crate::VARIABLES {
        let (name, zero) = (variable.name, variable.zero());
        let filter = match zero {
            "false" => format!("cel:{name} || true"),
            "[]" | "{}" => format!("cel:size({name}) >= 0"),
            zero if name == "timestamp" => format!("cel:{name} > now() || {zero} == \"\""),
            zero => format!("cel:{name} == {zero} || true"),
        };
        assert!(Filter::parse(&filter).is_ok_and(|f| f.matches(&item(), Timestamp(0))), "{filter}: {:?}", Filter::parse(&filter).err());
    }
}

/// The same question to the `cel` crate, with the variables that the generated filters use.
fn of_crate(source: &str) -> Option<bool> {
    let program = cel::Program::compile(source).ok()?;
    let mut context = cel::Context::default();
    context.add_variable_from_value("http", true);
    context.add_variable_from_value("dns", false);
    context.add_variable_from_value("status_code", 204i64);
    context.add_variable_from_value("elapsed_time", 1500i64);
    context.add_variable_from_value("path", "/api/cart");
    context.add_variable_from_value("method", "GET");
    match program.execute(&context) {
        Ok(cel::Value::Bool(b)) => Some(b),
        // An error is not holding.
        _ => Some(false),
    }
}

fn number() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (0i64..300).prop_map(|n| n.to_string()),
        Just("status_code".to_owned()),
        Just("elapsed_time".to_owned()),
        Just("size(path)".to_owned())
    ];
    leaf.prop_recursive(2, 8, 2, |inner| {
        (inner.clone(), prop::sample::select(vec!["+", "-", "*", "/", "%"]), inner).prop_map(|(a, op, b)| format!("({a} {op} {b})"))
    })
}

fn condition() -> impl Strategy<Value = String> {
    let text = || prop::sample::select(vec!["path", "method", "\"/api\"", "\"GET\"", "\"\""]);
    let leaf = prop_oneof![
        Just("http".to_owned()),
        Just("dns".to_owned()),
        Just("true".to_owned()),
        (number(), prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]), number()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        (text(), prop::sample::select(vec!["==", "!="]), text()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        (
            text(),
            prop::sample::select(vec!["startsWith", "endsWith", "contains", "matches"]),
            prop::sample::select(vec!["/api", "cart", "G", "^/a"])
        )
            .prop_map(|(a, method, b)| format!("{a}.{method}(\"{b}\")")),
        number().prop_map(|n| format!("{n} in [1, 204, 1500]")),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), prop::sample::select(vec!["&&", "||"]), inner.clone()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("(({a}) ? ({b}) : ({c}))")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn agrees_with_the_cel_crate(source in condition()) {
        let ours = Filter::parse(&format!("cel:{source}")).map_err(|e| TestCaseError::fail(format!("{source}: {e}")))?;
        if let Some(theirs) = of_crate(&source) {
            prop_assert_eq!(ours.matches(&item(), Timestamp(0)), theirs, "{}", source);
        }
    }

    #[test]
    fn prints_what_it_parses(source in condition()) {
        let filter = Filter::parse(&format!("cel:{source}")).unwrap();
        let printed = filter.formatted();
        let again = Filter::parse(&format!("cel:{printed}")).map_err(|e| TestCaseError::fail(format!("{source} prints as {printed}: {e}")))?;
        prop_assert_eq!(again.formatted(), printed.clone());
        prop_assert_eq!(again.matches(&item(), Timestamp(0)), filter.matches(&item(), Timestamp(0)), "{} prints as {}", source, printed);
    }

    #[test]
    fn any_text_is_a_filter_or_an_error(text in "[a-z_.()\\[\\]!&|?:<>=+*/%,'\"0-9 -]{0,80}") {
        crate::fuzz(text.as_bytes());
    }
}

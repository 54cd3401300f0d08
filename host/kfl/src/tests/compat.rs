//! KFL1 as Kubeshark runs it: what was measured of its engine.

use super::item;
use crate::Settings;
use hookline_item::Timestamp;

fn holds(filter: &str) -> bool {
    let settings = Settings { compat: true, ..Settings::default() };
    let filter = settings.parse(filter).unwrap_or_else(|e| panic!("{}", e.render(filter)));
    filter.matches(&item(), Timestamp::new(1_678_675_066, 0))
}

#[test]
fn bugs_are_kept() {
    for (filter, want) in [
        // No precedence: all the rest is the right side.
        ("false and false or true", false),
        ("(false and false) or true", true),
        ("true or false and false", true),
        // Equality by texts, six digits of the filter's numbers.
        ("timestamp == 1678675066172", false),
        ("1234567 == 1234568", true),
        ("\"204\" == 204", true),
        ("response.status == 204", true),
        ("elapsedTime == 1500", true),
        // What is not there makes everything up to the nearest brackets false.
        ("request.missing == 1 or true", false),
        ("(request.missing == 1) or true", true),
        ("!request.missing", false),
        ("!(request.missing)", true),
        ("true or request.missing", true),
        ("nothing(1) or true", false),
        // Patterns are found anywhere.
        ("response.status == r\"4.*\"", true),
        ("response.status == r\"5.*\"", false),
        ("response.status != r\"5.*\"", true),
        // The rest is swallowed after a key's dot.
        ("request.headers[\"User-Agent\"].contains(\"go\") and http", false),
        ("(request.headers[\"User-Agent\"].contains(\"go\")) and http", true),
        ("request.headers[\"User-Agent\"] == \"go-http\" and http", true),
        ("request.pathSegments[1] == \"cart\"", true),
        // Truth, quotes, times.
        ("-5", false),
        ("5 and 1", true),
        ("\"\"", false),
        ("request.method == 'GET'", false),
        ("request.method == \"GET\"", true),
        ("timestamp > datetime(\"3/13/2099, 2:37:00 AM\")", true),
        ("timestamp > datetime(\"3/13/2099, 2:37:00.000 AM\")", false),
        ("timestamp > seconds(-60)", true),
        ("limit(5) and redact(\"a\")", true),
        // Lists and documents.
        ("request.pathSegments == \"cart\"", true),
        ("request.pathSegments != \"cart\"", false),
        ("request.headers.* == \"7\"", true),
        ("response.content.text.json().a.b[1] == 2", true),
        ("response.content.text.json()..b == \"[1,2]\"", true),
        ("http // a comment\n and /* more */ true", true),
        ("dns", false),
        ("", true),
    ] {
        assert_eq!(holds(filter), want, "{filter}");
    }
}

#[test]
fn what_is_no_filter_is_refused() {
    let settings = Settings { compat: true, ..Settings::default() };
    let error = |text: &str| settings.parse(text).unwrap_err().to_string();
    assert_eq!(error("a ? b"), "1:3: unexpected token \"?\"");
    assert_eq!(error("http and ?"), "1:10: unexpected token \"?\"");
    assert_eq!(error("http and"), "1:9: unexpected end of filter");
    assert!(error("http && dns").contains("unexpected token \"&\""));
    assert!(error("response.status == 5 AND http").contains("unexpected token \"A\""));
    assert!(error(&"(".repeat(1000)).contains("nested deeper"));
    assert!(error(&"a and ".repeat(1000)).contains("nested deeper"));
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_filter_or_an_error(text in "[a-z_.()\\[\\]!=<>\"'0-9 *-]{0,60}") {
        let settings = Settings { compat: true, ..Settings::default() };
        if let Ok(filter) = settings.parse(&text) {
            let _ = filter.matches(&item(), Timestamp(0));
        }
    }
}

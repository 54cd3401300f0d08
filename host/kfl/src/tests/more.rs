//! Documents, redaction, macros, printing, explaining, plans, completion, sets.

use super::item;
use crate::{Filter, FilterSet, Language, Settings, complete};
use hookline_item::Timestamp;
use serde_json::json;

fn holds_on(filter: &str, object: &serde_json::Value) -> bool {
    Filter::parse(filter).unwrap_or_else(|e| panic!("{}", e.render(filter))).matches(object.as_object().unwrap(), Timestamp(0))
}

#[test]
fn texts_are_read_as_xml() {
    let xml = r#"<?xml version="1.0"?><s:Envelope xmlns:s="x"><s:Body id="7"><item n="1">a &amp; b</item><item>two</item><empty/></s:Body></s:Envelope>"#;
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, xml);
    for text in [xml, &base64] {
        let object = json!({"request": {"body": {"text": text}}});
        for filter in [
            "request.body.text.xml().Envelope.Body.item == \"two\"",
            "request.body.text.xml()..item[0][\"#text\"] == \"a & b\"",
            "request.body.text.xml().Envelope.Body[\"-id\"] == 7",
            "request.body.text.xml()..empty == \"\"",
        ] {
            assert!(holds_on(filter, &object), "{filter}");
        }
        assert!(!holds_on("request.body.text.xml().Nothing", &object));
    }
    for broken in ["", "no xml", "<a><b></a>", &"<a>".repeat(1000)] {
        assert!(!holds_on("request.body.text.xml()..a", &json!({"request": {"body": {"text": broken}}})), "{broken}");
    }
}

#[test]
fn redact_hides_what_its_paths_name() {
    let filter = Filter::parse(
        r#"http and redact("request.headers.Cookie", "response..token", "request.body.text.json().user.password", "request.list[1]")"#,
    )
    .unwrap();
    assert!(filter.redacts() && !Filter::parse("http").unwrap().redacts());
    let mut object = json!({
        "request": {"headers": {"Cookie": "a=b", "Host": "h"}, "body": {"text": "{\"user\":{\"password\":\"p\",\"name\":\"n\"}}"}, "list": [1, 2]},
        "response": {"a": [{"token": 1}], "token": {"x": 2}},
    });
    filter.redact(&mut object);
    let want = json!({
        "request": {"headers": {"Cookie": "[REDACTED]", "Host": "h"}, "body": {"text": "{\"user\":{\"password\":\"[REDACTED]\",\"name\":\"n\"}}"}, "list": [1, "[REDACTED]"]},
        "response": {"a": [{"token": "[REDACTED]"}], "token": "[REDACTED]"},
    });
    assert_eq!(object, want);
    assert!(Filter::parse("redact()").is_err() && Filter::parse("redact(\"a..\")").is_err());
}

#[test]
fn users_have_their_own_macros() {
    let settings = Settings::with_macros(vec![
        ("shop".into(), "dst.name == \"shop\"".into()),
        ("slow_shop".into(), "shop and elapsedTime > 1000".into()),
        ("loop".into(), "loop or http".into()),
        ("bad".into(), "nothing == 1".into()),
    ]);
    let parse = |text: &str| settings.parse(text);
    assert!(parse("http and slow_shop").unwrap().matches(&item(), Timestamp(0)));
    assert_eq!(parse("slow_shop and !dns").unwrap().formatted(), "slow_shop and !dns");
    assert_eq!(parse("loop").unwrap_err().message.split(':').next().unwrap(), "in the macro `loop`");
    assert!(parse("http and bad").unwrap_err().to_string().starts_with("1:10: in the macro `bad`: 1:1: unknown field `nothing`"));
}

#[test]
fn the_language_is_told_by_the_operators() {
    for (source, language) in [
        ("http", Language::Kfl1),
        ("http and dns", Language::Kfl1),
        ("response.status == 204", Language::Kfl1),
        ("status_code == 204", Language::Cel),
        ("http && dns", Language::Cel),
        ("cel:http", Language::Cel),
        ("  kfl1: http", Language::Kfl1),
        ("path.matches(\"x\")", Language::Cel),
        ("method in [\"GET\"]", Language::Cel),
    ] {
        assert_eq!(Filter::parse(source).unwrap_or_else(|e| panic!("{source}: {e}")).language(), language, "{source}");
    }
    let error = Filter::parse("cel:http && nothing").unwrap_err();
    assert_eq!((error.column, error.span), (13, 12..19));
}

#[test]
fn filters_are_formatted() {
    for (source, want) in [
        ("http   and(response.status==204)", "http and response.status == 204"),
        ("(http or dns) and not tls", "(http or dns) and !tls"),
        ("http or dns and tls // why", "http or dns and tls"),
        ("!(a.b == 1)", "!(a.b == 1)"),
        ("request.headers['X Y']==r\"a+\"", "request.headers[\"X Y\"] == r\"a+\""),
        ("response.content.text.json().a[0]..b>5", "response.content.text.json().a[0]..b > 5"),
        ("timestamp>minutes(-5) and limit(3)", "timestamp > seconds(-300) and limit(3)"),
        ("datetime(\"3/13/2099, 2:37:00 AM\")>timestamp", "datetime(\"3/13/2099, 2:37:00 AM\") > timestamp"),
        ("((http))", "http"),
        ("redact('a.b.json().c')", "redact(\"a.b.json().c\")"),
        ("cel:http&&(status_code>=500||!(size(path)>3))", "http && (status_code >= 500 || !(size(path) > 3))"),
        ("cel:conn && src.port in [1, 2]", "conn && src.port in [1, 2]"),
        ("", ""),
    ] {
        let Ok(filter) = Settings::default().parse_for_any(source) else {
            assert_eq!(want, "", "{source}");
            continue;
        };
        assert_eq!(filter.formatted(), want, "{source}");
    }
}

#[test]
fn kfl1_is_translated_to_cel() {
    let cel = |source: &str| Filter::parse(source).unwrap().to_language(Language::Cel);
    for (source, want) in [
        ("dns and response.rcode != 0", "dns && dns_rcode != 0"),
        ("https or grpc", "https || grpc"),
        ("http", "protocol_abbr == \"HTTP\""),
        ("request.headers[\"User-Agent\"].contains(\"go\")", "request.headers[\"User-Agent\"].contains(\"go\")"),
        ("response.status == r\"5..\"", "status_code.matches(\"5..\")"),
        ("request.path", "path != \"\""),
        ("request.questions.name == \"a.b\"", "\"a.b\" in dns_questions"),
        ("timestamp > minutes(-1)", "timestamp > now() - duration(\"60000ms\")"),
        ("dst.name == nil", "dst.name == \"\""),
        ("request.headers.X != nil", "has(request.headers.X)"),
    ] {
        assert_eq!(cel(source).as_deref(), Ok(want), "{source}");
    }
    assert_eq!(cel("response..name == 1").unwrap_err().0, "response..name");
    assert!(cel("response.content.text.json().a == 1").is_err());
}

#[test]
fn each_part_is_explained() {
    let filter = Filter::parse("http and (response.status >= 500 or request.missing.x == 1)").unwrap();
    let want = "false http and (response.status >= 500 or request.missing.x == 1)
  true  http
    true  protocol.abbr == \"HTTP\"
      protocol.abbr = \"HTTP\"
  false response.status >= 500 or request.missing.x == 1
    false response.status >= 500
      response.status = 204
    false request.missing.x == 1
      request.missing.x = absent
";
    assert_eq!(filter.explain(&item(), Timestamp(0)).render(), want);
    let filter = Filter::parse("cel:request.headers[\"No\"] == \"x\" || http").unwrap();
    assert!(
        filter
            .explain(&item(), Timestamp(0))
            .render()
            .contains("error request.headers.No == \"x\"\n    request.headers.No = error: there is no such entry")
    );
}

#[test]
fn a_plan_says_what_a_filter_needs() {
    let plan = |source: &str| Filter::parse(source).unwrap().plan();
    let some = |values: &[&str]| Some(values.iter().map(|v| (*v).to_owned()).collect());
    let p = plan("http and dst.port == 80 and response.status == 500");
    assert_eq!((p.protocols, p.ports, p.addresses), (some(&["HTTP"]), some(&["80"]), None));
    assert_eq!(p.fields.iter().map(String::as_str).collect::<Vec<_>>(), ["dst.port", "protocol.abbr", "response.status"]);
    assert!(plan("request..token == 1").bodies && plan("request.* == 1").bodies);
    assert!(!p.bodies && plan("response.content.text.json().a == 1").bodies);
    assert_eq!(plan("(dns or kafka) and !tls").protocols, some(&["dns", "kafka"]));
    assert_eq!(plan("dns or request.path == \"/\"").protocols, None);
    assert_eq!(plan("cel:src.ip in [\"10.0.0.1\", \"10.0.0.2\"] && capture_source != \"\"").addresses, some(&["10.0.0.1", "10.0.0.2"]));
    let both = plan("dns").or(plan("http"));
    assert_eq!(both.protocols, some(&["HTTP", "dns"]));
    assert!(both.render().contains("protocols HTTP, dns"));
}

#[test]
fn what_may_follow_is_offered() {
    let texts = |source: &str| complete(source, source.len(), &[]).into_iter().map(|c| c.text).collect::<Vec<_>>();
    let has = |source: &str, text: &str| texts(source).iter().any(|t| t == text);
    assert!(has("ht", "http") && has("ht", "https") && !has("ht", "dns"));
    assert!(has("http and el", "elapsedTime") && has("", "request") && has("no", "now("));
    assert!(has("src.", "ip") && has("src.i", "ip") && !has("src.i", "name"));
    assert!(has("http ", "and") && has("response.status ", ">=") && !has("http and ", "and"));
    assert!(has("http && sta", "status_code") && has("cel:si", "size(") && has("http && path.st", "startsWith("));
    assert!(has("response.content.te", "contains(") || !has("response.content.te", "json()"));
    let first = &complete("http and src.i", 14, &[])[0];
    assert_eq!((first.start, first.kind, first.holds), (13, "field", "text"));
}

#[test]
fn a_set_of_both_languages_finds_what_each_finds_alone() {
    let sources = [
        "http && status_code == 204",
        "status_code in [200, 204]",
        "cel:redis_key == \"\"",
        "cel:status_code == 0",
        "cel:status_code != 0",
        "request.path.startsWith(\"/api\") or dns",
        "request.path.contains(\"cart\") and http",
        "request.path.endsWith(\"zzz\")",
        "request.path.contains(\"/\") and response.status == 204",
        "dst.name == \"shop\" or src.ip == \"10.0.0.1\"",
        "dst.name.startsWith(\"sh\")",
        "response.status.startsWith(\"2\")",
        "tls == false or tls == true",
        "cel:\"shop\" in dns_resolutions",
        "limit(1)",
    ];
    let mut set = FilterSet::default();
    sources.iter().for_each(|source| _ = set.add(Filter::parse(source).unwrap_or_else(|e| panic!("{source}: {e}"))));
    let mut hits = Vec::new();
    for _ in 0..2 {
        set.matches(&item(), Timestamp(0), &mut hits);
        hits.sort_unstable();
        let alone: Vec<usize> = (0..sources.len()).filter(|i| Filter::parse(sources[*i]).unwrap().matches(&item(), Timestamp(0))).collect();
        assert_eq!(hits, alone);
    }
}

/// What was known of one protocol is not taken for another, more of them than are remembered included.
#[test]
fn a_protocol_is_remembered_and_told_from_others() {
    use hookline_item::{Object, Protocol, Value};
    const fn protocol(abbr: &'static str) -> Protocol {
        Protocol { name: "x", version: "", abbr, long_name: "", macro_name: "", layer3: "", layer4: "", ports: &[], reference: "" }
    }
    static PROTOCOLS: [Protocol; 40] = {
        let mut all = [const { protocol("DNS") }; 40];
        all[3] = protocol("HTTP");
        all[19] = protocol("HTTP");
        all
    };
    struct Of(&'static Protocol);
    impl Object for Of {
        fn get(&self, name: &str) -> Value<'_> {
            if name == "protocol" { Value::Object(self.0) } else { Value::Absent }
        }
        fn protocol(&self) -> Option<&'static Protocol> {
            Some(self.0)
        }
        fn each(&self, _: &mut dyn FnMut(&str, Value<'_>)) {}
    }
    for (text, of_http) in [("http", true), ("not http", false), ("http2 or http", true)] {
        let filter = Filter::parse(text).unwrap();
        for (at, protocol) in PROTOCOLS.iter().enumerate().cycle().take(120) {
            assert_eq!(filter.matches(&Of(protocol), Timestamp(0)), of_http == [3, 19].contains(&at), "{text}: {at}");
        }
    }
}

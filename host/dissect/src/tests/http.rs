//! HTTP/1.x.

use super::{CLIENT, SERVER, Turns, assert_cuts_do_not_matter, assert_damage_is_survived, at, shown, tcp, whole};
use crate::{Close, Conversation, Flow, Limits, Redaction, Transport, fuzz};
use proptest::{collection::vec, prelude::*};

const HTTP: Turns<'_> = &[
    (CLIENT, b"POST /a/b?x=1&x=2&y=%20 HTTP/1.1\r\nHost: h.example:8080\r\nContent-Length: 5\r\nExpect: 100-continue\r\nCookie: a=1; b=2\r\nContent-Type: text/plain\r\n\r\n"),
    (SERVER, b"HTTP/1.1 100 Continue\r\n\r\n"),
    (CLIENT, b"helloGET /two HTTP/1.1\nHost: h\n\nHEAD /three HTTP/1.1\r\nHost: h\r\nX-Fold: a\r\n b\r\n\r\n\r\n"),
    (
        SERVER,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nSet-Cookie: s=1; Path=/\r\nset-cookie: t=2\r\n\r\n4;ext=1\r\nWiki\r\n5\r\npedia\r\n0\r\nX-Trailer: yes\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno!HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
    ),
    (CLIENT, b"GET /last HTTP/1.0\r\n\r\n"),
    (SERVER, b"HTTP/1.0 200 OK\r\nContent-Encoding: exotic\r\n\r\nuntil the end\r\n\r\n"),
];

#[test]
fn http_exchanges_have_the_documented_shape() {
    let items = whole(80, HTTP);
    assert_eq!(items.len(), 4);
    let first = &items[0];
    assert_eq!(first["request"]["method"], "POST");
    assert_eq!(first["request"]["queryString"], serde_json::json!({"x": ["1", "2"], "y": " "}));
    assert_eq!(first["request"]["pathSegments"], serde_json::json!(["a", "b"]));
    assert_eq!(first["request"]["cookies"], serde_json::json!({"a": "REDACTED", "b": "REDACTED"}));
    assert_eq!(first["request"]["postData"]["text"], "hello");
    assert_eq!(first["dst"]["name"], "h.example");
    assert_eq!(first["response"]["interim"][0]["status"], 100);
    assert_eq!(first["response"]["content"]["text"], "V2lraXBlZGlh");
    assert_eq!(first["response"]["headers"]["Set-Cookie"], "s=REDACTED; Path=/,t=REDACTED");
    assert_eq!(first["response"]["headerList"][2], serde_json::json!(["set-cookie", "t=REDACTED"]));
    assert_eq!(first["response"]["trailers"]["X-Trailer"], "yes");
    assert_eq!(items[2]["request"]["headers"]["X-Fold"], "a b");
    assert_eq!(items[2]["response"]["bodySize"], 0);
    assert_eq!(items[3]["protocol"]["version"], "1.0");
    assert_eq!(items[3]["response"]["bodySize"], 17);
    assert!(items.iter().all(|i| i["error"].is_null() && i["completeness"]["grade"] == "full"), "{items:#?}");
}

#[test]
fn halves_say_why_they_are_alone() {
    let (mut c, mut out) = (tcp(80), Vec::new());
    c.bytes(CLIENT, at(1), b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", &mut out);
    c.close(Close::Reset, at(2), &mut out);
    assert_eq!(shown(&out)[0]["error"]["type"], "connection");
    let alone = whole(80, &[(SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")]);
    assert_eq!((&alone[0]["error"]["type"], &alone[0]["request"]), (&"pair-not-found".into(), &serde_json::Value::Null));
    assert_eq!(whole(80, &[(CLIENT, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")])[0]["error"]["type"], "timeout");
}

#[test]
fn whoever_answers_is_the_server() {
    let items = whole(40_001, &[(SERVER, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"), (CLIENT, b"HTTP/1.1 204 No Content\r\n\r\n")]);
    assert_eq!((&items[0]["src"]["ip"], &items[0]["response"]["status"]), (&"10.0.0.2".into(), &204.into()));
}

#[test]
fn a_request_that_comes_after_its_response_finds_it() {
    let (mut c, mut out) = (tcp(80), Vec::new());
    c.bytes(SERVER, at(5), b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", &mut out);
    c.bytes(CLIENT, at(4), b"GET /held HTTP/1.1\r\nHost: h\r\n\r\n", &mut out);
    c.bytes(SERVER, at(6), b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", &mut out);
    c.bytes(CLIENT, at(7), b"GET /later HTTP/1.1\r\nHost: h\r\n\r\n", &mut out);
    c.close(Close::End, at(9), &mut out);
    let got: Vec<_> = out.iter().map(|i| (i.message.summary().into_owned(), i.message.status())).collect();
    assert_eq!(got, [("/held".into(), Some(200)), (String::new(), Some(201)), ("/later".into(), None)]);
}

#[test]
fn an_upgrade_to_an_unknown_protocol_ends_http() {
    let (mut c, mut out) = (tcp(80), Vec::new());
    c.bytes(CLIENT, at(1), b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n", &mut out);
    c.bytes(SERVER, at(2), b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nGET / HTTP/1.1\r\n\r\n", &mut out);
    assert!(c.is_done());
    assert_eq!((out.len(), shown(&out)[0]["error"].is_null()), (1, true));
}

/// What a proxy's tunnel carries is found out anew, also where the client did not wait for the proxy's answer.
#[test]
fn what_a_tunnel_carries_is_read() {
    let hello = super::tls::client_hello("inside.example");
    let connect = &b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"[..];
    let answer = [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &super::tls::server_hello(false)].concat();
    let (mut c, mut out) = (tcp(80), Vec::new());
    c.bytes(CLIENT, at(1), connect, &mut out);
    c.bytes(CLIENT, at(2), &hello, &mut out);
    c.bytes(SERVER, at(3), &answer, &mut out);
    c.close(Close::Fin, at(4), &mut out);
    let items = shown(&out);
    assert_eq!((items.len(), &items[0]["method"], &items[1]["data"]["sni"]), (2, &"CONNECT".into(), &"inside.example".into()));
    assert_eq!((&items[1]["index"], &items[1]["data"]["server"]["version"]), (&1.into(), &"TLS 1.3".into()));
}

/// Each switch of protocols is a step deeper into the same call: there must be an end to them.
#[test]
fn endless_tunnels_are_given_up() {
    let (mut c, mut out) = (tcp(80), Vec::new());
    let connects = b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n".repeat(2000);
    c.bytes(CLIENT, at(1), &connects, &mut out);
    for n in 0..2000 {
        c.bytes(SERVER, at(n), b"HTTP/1.1 200 OK\r\n\r\n", &mut out);
        c.bytes(CLIENT, at(n), &connects[..80], &mut out);
    }
    c.bytes(SERVER, at(9), &b"HTTP/1.1 101 X\r\nUpgrade: TLS/1.0\r\n\r\n".repeat(20_000), &mut out);
    c.close(Close::Fin, at(10), &mut out);
}

#[test]
fn bodies_are_decoded_when_asked_for() {
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0";
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", gzip.len());
    let items = whole(80, &[(CLIENT, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"), (SERVER, &[head.as_bytes(), gzip].concat())]);
    let want = serde_json::json!({"size": gzip.len(), "decodedSize": 5, "text": "aGVsbG8=", "encoding": "base64", "cut": 0});
    assert_eq!(items[0]["response"]["content"], want);
}

#[test]
fn forms_are_taken_apart() {
    let request = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\na=1&b=+";
    let item = &whole(80, &[(CLIENT, request)])[0]["request"];
    let params = serde_json::json!([{"name": "a", "value": "1"}, {"name": "b", "value": " "}]);
    assert_eq!((&item["postData"]["params"], &item["postData"]["text"], &item["body"]["text"]), (&params, &"".into(), &"a=1&b=+".into()));
}

#[test]
fn a_broken_chunk_ends_its_message_only() {
    let (mut c, mut out) = (tcp(80), Vec::new());
    c.bytes(CLIENT, at(1), b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n", &mut out);
    c.bytes(SERVER, at(2), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n", &mut out);
    c.bytes(CLIENT, at(3), b"GET /2 HTTP/1.1\r\nHost: h\r\n\r\n", &mut out);
    c.bytes(SERVER, at(4), b"HTTP/1.1 204 No Content\r\n\r\n", &mut out);
    let items = shown(&out);
    assert_eq!((&items[0]["anomalies"], &items[0]["response"]["bodySize"]), (&serde_json::json!(["chunk-invalid"]), &3.into()));
    assert_eq!((&items[1]["request"]["url"], &items[1]["response"]["status"]), (&"/2".into(), &204.into()));
}

#[test]
fn a_malformed_request_is_read_once_the_server_speaks_http() {
    let items = whole(80, &[(CLIENT, b"OPTIONS HTTP/1.1\r\nHost: h\r\n\r\n"), (SERVER, b"HTTP/1.0 400 Bad Request\r\n\r\nno")]);
    assert_eq!((&items[0]["method"], &items[0]["status"]), (&"OPTIONS".into(), &400.into()));
    assert_eq!(items[0]["anomalies"], serde_json::json!(["request-line-invalid"]));
    assert!(whole(6379, &[(CLIENT, b"GET key\r\n"), (SERVER, b"$1\r\nx\r\n")]).iter().all(|i| i["protocol"]["name"] == "redis"));
}

#[test]
fn holes_in_bodies_are_counted_and_later_messages_read() {
    let (mut c, mut out) = (tcp(80), Vec::new());
    c.bytes(CLIENT, at(1), b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n", &mut out);
    c.bytes(SERVER, at(2), b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", &mut out);
    c.gap(SERVER, at(3), 4, &mut out);
    c.bytes(SERVER, at(3), b"xyzHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", &mut out);
    let items = shown(&out);
    assert_eq!(
        items[0]["completeness"],
        serde_json::json!({"grade": "partial", "gaps": 1, "missingBytes": 4, "cutBytes": 0, "lostFrames": 0})
    );
    assert_eq!((&items[0]["response"]["bodySize"], &items[1]["response"]["status"]), (&6.into(), &201.into()));
}

#[test]
fn a_gap_over_a_boundary_resynchronises_at_the_next_start_line() {
    let (mut c, mut out) = (tcp(80), Vec::new());
    c.bytes(CLIENT, at(1), b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n", &mut out);
    c.bytes(SERVER, at(2), b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", &mut out);
    c.gap(SERVER, at(3), 100, &mut out);
    c.bytes(SERVER, at(3), b"some bytes of something", &mut out);
    c.bytes(CLIENT, at(4), b"GET /2 HTTP/1.1\r\nHost: h\r\n\r\n", &mut out);
    c.bytes(SERVER, at(5), b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", &mut out);
    let items = shown(&out);
    assert_eq!(items[0]["anomalies"], serde_json::json!(["body-incomplete"]));
    assert_eq!((&items[1]["request"]["url"], &items[1]["response"]["status"]), (&"/2".into(), &202.into()));
}

#[test]
fn http_0_9_is_read() {
    let items = whole(80, &[(CLIENT, b"GET /old\r\n"), (SERVER, b"<html>hello</html>")]);
    assert_eq!((&items[0]["protocol"]["version"], &items[0]["response"]["bodySize"]), (&"0.9".into(), &18.into()));
    assert!(whole(6379, &[(CLIENT, b"GET /key\r\n"), (SERVER, b"$1\r\nx\r\n")]).iter().all(|i| i["protocol"]["name"] == "redis"));
}

#[test]
fn flows_picked_up_inside_a_message_are_read_from_the_next() {
    let mut flow = Flow::new(1, Transport::Tcp, "10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap());
    (flow.mid_stream, flow.roles_guessed) = (true, true);
    let (mut c, mut out) = (Conversation::new(flow, Limits::default().into()), Vec::new());
    c.bytes(CLIENT, at(1), b"the middle of some body", &mut out);
    c.bytes(CLIENT, at(2), b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", &mut out);
    c.advance(at(60_000).at, &mut out);
    assert_eq!((&shown(&out)[0]["src"]["ip"], &shown(&out)[0]["completeness"]["grade"]), (&"10.0.0.2".into(), &"unknown".into()));
}

#[test]
fn memory_is_bounded() {
    let limits = Limits { requests_max: 4, ..Limits::default() };
    let flow = Flow::new(1, Transport::Tcp, "10.0.0.1:1".parse().unwrap(), "10.0.0.2:80".parse().unwrap());
    let (mut c, mut out) = (Conversation::new(flow, limits.into()), Vec::new());
    for _ in 0..10 {
        c.bytes(CLIENT, at(1), b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", &mut out);
    }
    assert_eq!(out.len(), 6);
    let (mut c, mut out) = (tcp(80), Vec::new());
    c.bytes(CLIENT, at(1), b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", &mut out);
    c.bytes(SERVER, at(2), b"HTTP/1.1 200 OK\r\n\r\n", &mut out);
    for _ in 0..40 {
        c.bytes(SERVER, at(2), &[b'x'; 65536], &mut out);
    }
    c.fin(SERVER, at(3), &mut out);
    assert_eq!((out[0].completeness.cut_bytes, &shown(&out)[0]["response"]["bodySize"]), (24 * 65536, &(40 * 65536).into()));
    let (mut c, mut out) = (tcp(80), Vec::new());
    c.bytes(CLIENT, at(1), b"GET / HTTP/1.1\r\nA: ", &mut out);
    for _ in 0..100 {
        c.bytes(CLIENT, at(1), &[b'x'; 65536], &mut out);
    }
    c.close(Close::End, at(2), &mut out);
}

#[test]
fn any_split_of_http_gives_the_same_items() {
    assert_cuts_do_not_matter(80, HTTP);
    assert_damage_is_survived(80, HTTP);
}

proptest! {
    #[test]
    fn any_mix_of_http_is_survived(parts in vec((any::<u8>(), 0usize..PARTS.len()), 0..30)) {
        fuzz("http", &program(&parts, PARTS));
    }
}

const PARTS: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\n",
    b"HEAD /x HTTP/1.0\r\n",
    b"CONNECT a:1 HTTP/1.1\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 101 X\r\n",
    b"HTTP/1.1 100 C\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Encoding: gzip\r\n",
    b" fold\r\n",
    b"\r\n",
    b"\n",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"hello",
    b"\x1f\x8b\x08\0",
    b":",
    b"GET /\r\n",
    b"\xff\xfe",
];

/// A program for the fuzz entry point: who sends which part.
fn program(parts: &[(u8, usize)], texts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|(what, n)| [&[*what, u8::try_from(texts[*n].len()).unwrap()], texts[*n]].concat()).collect()
}

#[test]
fn secrets_in_headers_are_masked_unless_nobody_wants_that() {
    let run = |redaction: Redaction| {
        let limits = Limits { redaction, ..Limits::default() };
        let flow = Flow::new(1, Transport::Tcp, "10.0.0.1:40000".parse().unwrap(), "10.0.0.2:80".parse().unwrap());
        let (mut c, mut out) = (Conversation::new(flow, limits.into()), Vec::new());
        c.bytes(
            CLIENT,
            at(1),
            b"GET / HTTP/1.1\r\nHost: h\r\nauthorization: Basic dTpwdw==\r\nCookie: sid=hush\r\nX-Key: quiet\r\n\r\n",
            &mut out,
        );
        c.bytes(SERVER, at(2), b"HTTP/1.1 204 No Content\r\nSet-Cookie: sid=hush; Path=/\r\n\r\n", &mut out);
        (shown(&out).remove(0), format!("{out:?}"))
    };
    let (item, debug) = run(Redaction::default().with_headers(["x-key"]));
    let headers = &item["request"]["headers"];
    assert_eq!((&headers["Authorization"], &headers["X-Key"]), (&"Basic REDACTED".into(), &"REDACTED".into()));
    assert_eq!((&item["request"]["cookies"]["sid"], &item["response"]["cookies"]["sid"]), (&"REDACTED".into(), &"REDACTED".into()));
    for secret in ["dTpwdw==", "hush", "quiet"] {
        // Not in what is kept of the bytes either.
        let bytes = secret.bytes().map(|b| b.to_string()).collect::<Vec<_>>().join(", ");
        assert!(!item.to_string().contains(secret) && !debug.contains(&bytes), "{debug}");
    }
    let (item, _) = run(Redaction::none());
    assert_eq!(
        (&item["request"]["headers"]["Authorization"], &item["response"]["cookies"]["sid"]),
        (&"Basic dTpwdw==".into(), &"hush".into())
    );
}

fn post(kind: &str, body: &str) -> Vec<u8> {
    format!("POST /api HTTP/1.1\r\nHost: h\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn answer(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[test]
fn graphql_says_what_is_asked_for_and_which_errors_a_200_has() {
    let asked = post(
        "application/json; charset=utf-8",
        r#"{"query": "mutation Pay($a: Int) { pay(amount: $a) { id } log }", "operationName": "Pay", "variables": {"a": 3}}"#,
    );
    let answered = answer(r#"{"data": null, "errors": [{"message": "declined", "path": ["pay", 0], "extensions": {"code": "NO_FUNDS"}}]}"#);
    let items = whole(80, &[(CLIENT, &asked), (SERVER, &answered)]);
    assert_eq!(
        (&items[0]["protocol"]["abbr"], &items[0]["subProtocol"], &items[0]["status"]),
        (&"GQL".into(), &"GraphQL".into(), &200.into())
    );
    let want = serde_json::json!({
        "operation": "mutation", "name": "Pay", "query": "mutation Pay($a: Int) { pay(amount: $a) { id } log }",
        "fields": ["pay", "log"], "variables": {"a": 3},
    });
    assert_eq!(items[0]["request"]["graphql"], want);
    let want =
        serde_json::json!({"errorCount": 1, "errors": [{"message": "declined", "path": "pay.0", "code": "NO_FUNDS"}], "hasData": false});
    assert_eq!(items[0]["response"]["graphql"], want);
}

#[test]
fn graphql_comes_in_urls_documents_batches_and_hashes() {
    let get = |query: &str| format!("GET /graphql?{query} HTTP/1.1\r\nHost: h\r\n\r\n").into_bytes();
    let table = [
        (get("query=%7Bme%7Bname%7D%7D&variables=%7B%22x%22%3A1%7D"), serde_json::json!(["query", null, ["me"]])),
        (
            get("extensions=%7B%22persistedQuery%22%3A%7B%22version%22%3A1%2C%22sha256Hash%22%3A%22ab%22%7D%7D&operationName=Q"),
            serde_json::json!([null, "Q", []]),
        ),
        (post("application/graphql", "subscription S { tick }"), serde_json::json!(["subscription", "S", ["tick"]])),
        (post("application/json", r#"[{"query": "{a}"}, {"query": "query B {b}"}]"#), serde_json::json!(["query", null, ["a"]])),
        // What other services call a query.
        (post("application/json", r#"{"query": {"match_all": {}}}"#), serde_json::Value::Null),
        (post("application/json", r#"{"query": "select 1"}"#), serde_json::Value::Null),
        (get("query=up%7Bjob%3D%22api%22%7D"), serde_json::Value::Null),
    ];
    for (asked, want) in table {
        let item = &whole(80, &[(CLIENT, &asked)])[0];
        let graphql = &item["request"]["graphql"];
        let seen = graphql.is_object().then(|| serde_json::json!([graphql["operation"], graphql["name"], graphql["fields"]]));
        assert_eq!(serde_json::Value::from(seen), want, "{}", String::from_utf8_lossy(&asked));
        assert_eq!(item["subProtocol"] == "GraphQL", !want.is_null());
    }
}

#[test]
fn plaintext_of_tls_gives_items_that_say_so() {
    let mut flow = Flow::new(3, Transport::Tcp, "10.0.0.1:40000".parse().unwrap(), "10.0.0.2:443".parse().unwrap());
    flow.tls = true;
    let (mut c, mut out) = (Conversation::new(flow, Limits::default().into()), Vec::new());
    c.bytes(CLIENT, at(1), b"GET /s HTTP/1.1\r\nHost: h\r\n\r\n", &mut out);
    c.bytes(SERVER, at(2), b"HTTP/1.1 204 No Content\r\n\r\n", &mut out);
    c.close(Close::Fin, at(3), &mut out);
    let items = shown(&out);
    assert_eq!((&items[0]["tls"], &items[0]["summary"]), (&true.into(), &"/s".into()));
}

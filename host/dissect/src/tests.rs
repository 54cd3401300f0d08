//! Properties of the whole crate: cuts do not matter, nothing panics, nothing grows without bound.

use crate::{Close, Conversation, Flow, Limits, Transport, fuzz_dns, fuzz_http};
use hookline_item::{Item, Seen, Sender, Timestamp, json};
use proptest::{collection::vec, prelude::*};

const CLIENT: Sender = Sender::Client;
const SERVER: Sender = Sender::Server;

fn tcp(port: u16) -> Conversation {
    let flow = Flow::new(7, Transport::Tcp, "10.0.0.1:40000".parse().unwrap(), format!("10.0.0.2:{port}").parse().unwrap());
    Conversation::new(flow, Limits::default().into())
}

fn udp(port: u16) -> Conversation {
    let flow = Flow::new(7, Transport::Udp, "10.0.0.1:40000".parse().unwrap(), format!("10.0.0.2:{port}").parse().unwrap());
    Conversation::new(flow, Limits::default().into())
}

fn at(ms: u64) -> Seen {
    Seen { at: Timestamp(ms * 1_000_000), frame: ms }
}

fn shown(items: &[Item]) -> Vec<serde_json::Value> {
    items.iter().map(|i| serde_json::from_str(&json::to_string(i)).unwrap()).collect()
}

/// Runs turns of talk, each cut into pieces of the sizes that `cuts` gives in turn.
fn talk(port: u16, turns: &[(Sender, &[u8])], cuts: &[usize]) -> Vec<Item> {
    let (mut conversation, mut out, mut cuts) = (tcp(port), Vec::new(), cuts.iter().cycle());
    for (n, (from, bytes)) in (1..).zip(turns) {
        let mut rest = *bytes;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((*cuts.next().unwrap()).clamp(1, rest.len()));
            conversation.bytes(*from, at(n), piece, &mut out);
            rest = after;
        }
    }
    conversation.close(Close::Fin, at(99), &mut out);
    out
}

fn whole(port: u16, turns: &[(Sender, &[u8])]) -> Vec<serde_json::Value> {
    shown(&talk(port, turns, &[usize::MAX]))
}

const HTTP: &[(Sender, &[u8])] = &[
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
    assert_eq!(first["request"]["cookies"], serde_json::json!({"a": "1", "b": "2"}));
    assert_eq!(first["request"]["postData"]["text"], "hello");
    assert_eq!(first["dst"]["name"], "h.example");
    assert_eq!(first["response"]["interim"][0]["status"], 100);
    assert_eq!(first["response"]["content"]["text"], "V2lraXBlZGlh");
    assert_eq!(first["response"]["headers"]["Set-Cookie"], "s=1; Path=/,t=2");
    assert_eq!(first["response"]["headerList"][2], serde_json::json!(["set-cookie", "t=2"]));
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
fn tunnels_and_upgrades_end_http() {
    for (request, response) in [
        (&b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"[..], &b"HTTP/1.1 200 OK\r\n\r\n\x16\x03\x01"[..]),
        (b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
    ] {
        let (mut c, mut out) = (tcp(80), Vec::new());
        c.bytes(CLIENT, at(1), request, &mut out);
        c.bytes(SERVER, at(2), response, &mut out);
        assert!(c.is_done());
        assert_eq!((out.len(), shown(&out)[0]["error"].is_null()), (1, true));
    }
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
    assert!(whole(6379, &[(CLIENT, b"GET key\r\n"), (SERVER, b"$1\r\nx\r\n")]).is_empty());
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
    assert!(whole(6379, &[(CLIENT, b"GET /key\r\n"), (SERVER, b"$1\r\nx\r\n")]).is_empty());
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

fn message(id: u8, response: bool, name: &str) -> Vec<u8> {
    let mut m = vec![0, id, if response { 0x81 } else { 1 }, 0, 0, 1, 0, u8::from(response), 0, 0, 0, 0];
    for label in name.split('.') {
        m.push(u8::try_from(label.len()).unwrap());
        m.extend_from_slice(label.as_bytes());
    }
    m.extend_from_slice(&[0, 0, 1, 0, 1]);
    if response {
        m.extend_from_slice(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x01\x02\x03\x04");
    }
    m
}

fn framed(messages: &[Vec<u8>]) -> Vec<u8> {
    messages.iter().flat_map(|m| [u16::try_from(m.len()).unwrap().to_be_bytes().to_vec(), m.clone()].concat()).collect()
}

#[test]
fn dns_pairs_by_id_and_question() {
    let (mut c, mut out) = (udp(53), Vec::new());
    c.bytes(CLIENT, at(1), &message(1, false, "a.example"), &mut out);
    c.bytes(CLIENT, at(2), &message(2, false, "b.example"), &mut out);
    c.bytes(CLIENT, at(3), &message(1, false, "a.example"), &mut out);
    c.bytes(SERVER, at(4), &message(2, true, "B.example"), &mut out);
    c.bytes(SERVER, at(5), &message(1, true, "a.example"), &mut out);
    c.bytes(SERVER, at(6), &message(9, true, "x.example"), &mut out);
    c.advance(at(60_000).at, &mut out);
    let items = shown(&out);
    assert_eq!(items.len(), 4);
    assert_eq!((&items[0]["summary"], &items[0]["elapsedTime"]), (&"b.example".into(), &2000.into()));
    assert_eq!(
        items[1]["response"]["answers"][0],
        serde_json::json!({"name": "a.example", "type": "A", "typeId": 1, "class": "IN", "classId": 1, "ttl": 60, "ip": "1.2.3.4"})
    );
    assert_eq!((&items[1]["request"]["opCode"], &items[1]["response"]["code"]), (&"Query".into(), &"No Error".into()));
    assert_eq!(items[2]["error"]["type"], "pair-not-found");
    assert_eq!((&items[3]["error"]["type"], &items[3]["anomalies"][0]), (&"timeout".into(), &"query-retransmitted".into()));
}

#[test]
fn multicast_halves_are_no_error() {
    let (mut c, mut out) = (udp(5353), Vec::new());
    c.bytes(CLIENT, at(1), &message(0, true, "a.local"), &mut out);
    c.bytes(CLIENT, at(2), &message(0, false, "a.local"), &mut out);
    let items = shown(&out);
    assert!(items.iter().all(|i| i["error"].is_null() && i["protocol"]["abbr"] == "mDNS" && i["src"]["ip"] == "10.0.0.1"));
    assert_eq!(items[0]["response"]["answers"][0]["cacheFlush"], false);
}

#[test]
fn dns_on_any_port_is_found_conservatively() {
    let run = |bytes: &[u8]| {
        let (mut c, mut out) = (udp(9999), Vec::new());
        c.bytes(CLIENT, at(1), bytes, &mut out);
        c.close(Close::End, at(2), &mut out);
        out.len()
    };
    assert_eq!(run(&message(1, false, "a.example")), 1);
    assert_eq!(run(&message(1, false, "a.\x01example")), 0);
    assert_eq!(run(&[message(1, false, "a.example"), vec![0]].concat()), 0);
    assert_eq!(run(&[0; 40]), 0);
}

proptest! {
    #[test]
    fn any_split_of_http_gives_the_same_items(cuts in vec(1usize..60, 1..40)) {
        prop_assert_eq!(shown(&talk(80, HTTP, &cuts)), whole(80, HTTP));
    }

    #[test]
    fn any_split_of_dns_gives_the_same_items(cuts in vec(1usize..60, 1..40)) {
        let queries = framed(&[message(1, false, "a.example"), message(2, false, "b.example")]);
        let answers = framed(&[message(2, true, "b.example"), message(1, true, "a.example"), message(3, true, "c.example")]);
        for port in [53, 5300] {
            let turns: &[(Sender, &[u8])] = &[(CLIENT, &queries), (SERVER, &answers)];
            let items = shown(&talk(port, turns, &cuts));
            prop_assert_eq!(items.len(), 3);
            prop_assert_eq!(items, whole(port, turns));
        }
    }

    #[test]
    fn any_bytes_are_survived(data in vec(any::<u8>(), 0..600)) {
        fuzz_http(&data);
        fuzz_dns(&data);
    }

    #[test]
    fn any_mix_of_http_is_survived(parts in vec((any::<u8>(), 0usize..PARTS.len()), 0..30)) {
        fuzz_http(&program(&parts, PARTS));
    }

    #[test]
    fn damaged_dns_is_survived(at in 0usize..60, to in any::<u8>(), kind in any::<u8>()) {
        let mut bytes = message(1, true, "a.example");
        if let Some(b) = bytes.get_mut(at) { *b = to; }
        fuzz_dns(&[vec![kind, 0, u8::try_from(bytes.len()).unwrap()], bytes].concat());
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

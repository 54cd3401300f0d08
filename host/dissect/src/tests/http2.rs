//! HTTP/2.

use super::{CLIENT, SERVER, assert_cuts_do_not_matter, assert_damage_is_survived, at, borrowed, shown, tcp, whole};
use crate::{Close, Conversation, Flow, Limits, Transport};
use hookline_item::Sender;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&len[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

/// A field that is added to the table; its name is the static entry at `index` (RFC 7541 §6.2.1).
fn field(index: u8, value: &str) -> Vec<u8> {
    [&[0x40 | index, u8::try_from(value.len()).unwrap()], value.as_bytes()].concat()
}

/// GET / of http://h
fn get() -> Vec<u8> {
    [&[0x82, 0x84, 0x86][..], &field(1, "h")].concat()
}

fn dialogue() -> Vec<(Sender, Vec<u8>)> {
    let settings = frame(4, 0, 0, &[0, 3, 0, 0, 0, 100]);
    let post = [&[0x83, 0x86][..], &field(4, "/b"), &[0xbf], &field(23, "Bearer hush")].concat();
    let (head, rest) = post.split_at(4);
    vec![
        (CLIENT, [PREFACE, &settings, &frame(1, END_STREAM | END_HEADERS, 1, &get())].concat()),
        (SERVER, [settings, frame(4, 1, 0, &[])].concat()),
        // A block in two frames, and a body with padding.
        (CLIENT, [frame(1, 0, 3, head), frame(9, END_HEADERS, 3, rest), frame(0, 8 | END_STREAM, 3, b"\x03hello\0\0\0")].concat()),
        (SERVER, [frame(1, END_HEADERS, 3, &[&[0x88][..], &field(31, "text/plain")].concat()), frame(0, 0, 3, b"by")].concat()),
        (
            SERVER,
            [
                frame(1, END_STREAM | END_HEADERS, 1, &[0x8d]),
                frame(0, 0, 3, b"e"),
                frame(1, END_STREAM | END_HEADERS, 3, &field(33, "now")),
            ]
            .concat(),
        ),
        (CLIENT, [frame(1, END_STREAM | END_HEADERS, 5, &[0x82, 0x84, 0x86, 0xc0]), frame(3, 0, 5, &[0, 0, 0, 8])].concat()),
    ]
}

#[test]
fn streams_are_exchanges() {
    let turns = dialogue();
    let items = whole(9000, &borrowed(&turns));
    let seen: Vec<_> =
        items.iter().map(|i| (i["method"].as_str().unwrap(), i["summary"].as_str().unwrap(), i["status"].as_i64())).collect();
    assert_eq!(seen, [("GET", "/", Some(404)), ("POST", "/b", Some(200)), ("GET", "/", None)], "{items:#?}");
    let post = &items[1];
    assert_eq!((&post["protocol"]["version"], &post["protocol"]["abbr"]), (&"2".into(), &"HTTP/2".into()));
    assert_eq!((&post["request"]["postData"]["text"], &post["request"]["host"]), (&"hello".into(), &"h".into()));
    assert_eq!((&post["response"]["content"]["text"], &post["response"]["trailers"]["Date"]), (&"Ynll".into(), &"now".into()));
    assert_eq!(post["request"]["headers"]["Authorization"], "Bearer REDACTED");
    assert!(!items[2]["error"].is_null());
}

#[test]
fn any_split_of_http2_gives_the_same_items() {
    let turns = dialogue();
    assert_cuts_do_not_matter(9000, &borrowed(&turns));
    assert_damage_is_survived(9000, &borrowed(&turns));
}

#[test]
fn what_refers_to_fields_that_were_not_seen_is_left_out() {
    let mut flow = Flow::new(1, Transport::Tcp, "10.0.0.1:6000".parse().unwrap(), "10.0.0.2:7000".parse().unwrap());
    flow.mid_stream = true;
    let (mut c, mut out) = (Conversation::new(flow, Limits::default().into()), Vec::new());
    c.bytes(CLIENT, at(1), b"the rest of a frame", &mut out);
    c.bytes(CLIENT, at(2), &frame(1, END_STREAM | END_HEADERS, 7, &[0x82, 0x84, 0x86, 0xc2]), &mut out);
    c.bytes(SERVER, at(3), &frame(1, END_STREAM | END_HEADERS, 7, &[0x88]), &mut out);
    c.close(Close::End, at(4), &mut out);
    let items = shown(&out);
    assert_eq!((&items[0]["method"], &items[0]["status"]), (&"GET".into(), &200.into()));
    assert!(items[0]["anomalies"].as_array().unwrap().contains(&"hpack-entries-unseen".into()));
}

#[test]
fn an_upgraded_request_is_that_of_stream_1() {
    let (mut c, mut out) = (tcp(8080), Vec::new());
    c.bytes(
        CLIENT,
        at(1),
        b"GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        &mut out,
    );
    c.bytes(SERVER, at(2), b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", &mut out);
    c.bytes(SERVER, at(3), &[frame(4, 0, 0, &[]), frame(1, END_STREAM | END_HEADERS, 1, &[0x89])].concat(), &mut out);
    c.bytes(CLIENT, at(4), PREFACE, &mut out);
    c.close(Close::End, at(5), &mut out);
    let items = shown(&out);
    assert!(items.iter().any(|i| i["summary"] == "/up" && i["status"] == 204), "{items:#?}");
}

/// A message with its prefix (PROTOCOL-HTTP2, "Length-Prefixed-Message").
fn message(compressed: bool, bytes: &[u8]) -> Vec<u8> {
    [&[u8::from(compressed)][..], &u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// A field with a name of its own (RFC 7541 §6.2.2).
fn named(name: &str, value: &str) -> Vec<u8> {
    let text = |t: &str| [&[u8::try_from(t.len()).unwrap()], t.as_bytes()].concat();
    [vec![0], text(name), text(value)].concat()
}

#[test]
fn grpc_has_calls_messages_and_a_status() {
    use std::io::Write as _;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&[0x08, 7]).unwrap();
    let gzip = gzip.finish().unwrap();
    let call = [
        &[0x83, 0x86][..],
        &field(4, "/shop.Cart/Add"),
        &field(1, "h"),
        &field(31, "application/grpc+proto"),
        &named("grpc-encoding", "gzip"),
    ]
    .concat();
    let sent = [message(false, &[0x0a, 3, b'a', b'b', b'c']), message(true, &gzip), message(false, b"")].concat();
    let trailers = [named("grpc-status", "5"), named("grpc-message", "no such%20cart")].concat();
    let turns = [
        (CLIENT, [PREFACE, &frame(4, 0, 0, &[]), &frame(1, END_HEADERS, 1, &call), &frame(0, END_STREAM, 1, &sent)].concat()),
        (SERVER, [frame(4, 0, 0, &[]), frame(1, END_HEADERS, 1, &[&[0x88][..], &field(31, "application/grpc")].concat())].concat()),
        (SERVER, [frame(0, 0, 1, &message(false, br#"{"left": 2}"#)), frame(1, END_STREAM | END_HEADERS, 1, &trailers)].concat()),
    ];
    let items = whole(50051, &borrowed(&turns));
    let (call, outcome) = (&items[0]["request"]["grpc"], &items[0]["response"]["grpc"]);
    assert_eq!((&items[0]["protocol"]["abbr"], &items[0]["subProtocol"]), (&"gRPC".into(), &"gRPC".into()));
    assert_eq!((&call["service"], &call["method"], &call["messageCount"]), (&"shop.Cart".into(), &"Add".into(), &3.into()));
    let want = serde_json::json!([
        {"size": 5, "compressed": false, "fields": {"1": "abc"}},
        {"size": gzip.len(), "compressed": true, "fields": {"1": 7}},
        {"size": 0, "compressed": false},
    ]);
    assert_eq!(call["messages"], want);
    assert_eq!((&outcome["status"], &outcome["statusName"], &outcome["message"]), (&5.into(), &"NOT_FOUND".into(), &"no such cart".into()));
    assert_eq!(outcome["messages"][0]["text"], r#"{"left": 2}"#);
    assert_cuts_do_not_matter(50051, &borrowed(&turns));
    assert_damage_is_survived(50051, &borrowed(&turns));
}

#[test]
fn a_grpc_call_may_fail_with_trailers_only() {
    let call = [&[0x83, 0x86][..], &field(4, "/a.B/C"), &field(31, "application/grpc")].concat();
    let answer = [&[0x88][..], &field(31, "application/grpc"), &named("grpc-status", "14")].concat();
    let turns = [
        (CLIENT, [PREFACE, &frame(4, 0, 0, &[]), &frame(1, END_STREAM | END_HEADERS, 1, &call)].concat()),
        (SERVER, [frame(4, 0, 0, &[]), frame(1, END_STREAM | END_HEADERS, 1, &answer)].concat()),
    ];
    let outcome = &whole(50051, &borrowed(&turns))[0]["response"]["grpc"];
    assert_eq!((&outcome["statusName"], &outcome["messages"]), (&"UNAVAILABLE".into(), &serde_json::json!([])));
}

#[test]
fn events_come_in_http2_too() {
    let turns = [
        (CLIENT, [PREFACE, &frame(4, 0, 0, &[]), &frame(1, END_STREAM | END_HEADERS, 1, &get())].concat()),
        (SERVER, [frame(4, 0, 0, &[]), frame(1, END_HEADERS, 1, &[&[0x88][..], &field(31, "text/event-stream")].concat())].concat()),
        (SERVER, [frame(0, 0, 1, b"data: a\n\nda"), frame(0, 0, 1, b"ta: b\n\n")].concat()),
    ];
    let items = whole(80, &borrowed(&turns));
    let data: Vec<_> = items.iter().filter(|i| i["protocol"]["name"] == "sse").map(|i| i["data"]["data"].clone()).collect();
    assert_eq!(data, ["a", "b"]);
}

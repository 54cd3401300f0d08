//! Server-sent events.

use super::{CLIENT, SERVER, assert_cuts_do_not_matter, assert_damage_is_survived, at, shown, tcp, whole};
use crate::Close;

const REQUEST: &[u8] = b"GET /feed HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n";
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n";

#[test]
fn events_are_items_as_they_come() {
    let body = "\u{feff}: hello\n\ndata: first\n\nevent: add\r\nid: 7\r\ndata: one\r\ndata:two\r\n\r\nretry: 500\rdata\r\rid\ndata:  x\n\ndata: lost";
    let items = whole(80, &[(CLIENT, REQUEST), (SERVER, HEAD), (SERVER, body.as_bytes())]);
    let seen: Vec<_> =
        items.iter().map(|i| (i["protocol"]["name"].as_str().unwrap(), i["method"].as_str().unwrap(), i["data"].clone())).collect();
    let data = |i: usize| &seen[i].2;
    assert_eq!(seen.len(), 5, "{items:#?}");
    assert_eq!((seen[0].1, &data(0)["data"], data(0).get("id")), ("message", &"first".into(), None));
    assert_eq!((seen[1].1, &data(1)["data"], &data(1)["id"], &data(1)["path"]), ("add", &"one\ntwo".into(), &"7".into(), &"/feed".into()));
    assert_eq!((&data(2)["data"], &data(2)["retry"], &data(2)["id"]), (&"".into(), &500.into(), &"7".into()));
    assert_eq!((&data(3)["data"], data(3).get("id")), (&" x".into(), None));
    assert_eq!(seen[4].0, "http");
}

#[test]
fn an_event_is_out_before_the_response_ends() {
    let (mut c, mut out) = (tcp(80), Vec::new());
    c.bytes(CLIENT, at(1), REQUEST, &mut out);
    c.bytes(SERVER, at(2), HEAD, &mut out);
    c.bytes(SERVER, at(3), b"data: a\n", &mut out);
    assert!(out.is_empty());
    c.bytes(SERVER, at(4), b"\nda", &mut out);
    let items = shown(&out);
    assert_eq!((&items[0]["src"]["ip"], &items[0]["frames"]["request"]), (&"10.0.0.2".into(), &serde_json::json!([3, 4])));
    // What lost bytes belonged to is not known before the next empty line.
    c.gap(SERVER, at(5), 10, &mut out);
    c.bytes(SERVER, at(6), b"ta: half\n\ndata: whole\n\n", &mut out);
    c.close(Close::End, at(7), &mut out);
    let items = shown(&out);
    assert_eq!((items.len(), &items[1]["data"]["data"]), (3, &"whole".into()));
}

#[test]
fn any_split_of_events_gives_the_same_items() {
    let body = b"event: a\r\ndata: 1\r\n\r\ndata: 2\r\rdata: 3\n\n";
    let turns = [(CLIENT, REQUEST), (SERVER, HEAD), (SERVER, &body[..])];
    assert_cuts_do_not_matter(80, &turns);
    assert_damage_is_survived(80, &turns);
}

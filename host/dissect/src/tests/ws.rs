//! WebSocket.

use super::{CLIENT, SERVER, assert_cuts_do_not_matter, assert_damage_is_survived, at, borrowed, shown, tcp, whole};
use crate::Close;
use hookline_item::Sender;

const ASK: &[u8] = b"GET /chat?x=1 HTTP/1.1\r\nHost: h.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA\r\n\r\n";

fn accept(more: &str) -> Vec<u8> {
    format!("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n{more}\r\n").into_bytes()
}

/// A frame whose first byte is `first`; masked as a client's.
fn frame(from: Sender, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = if from == CLIENT { 0x80 } else { 0 };
    let len = match payload.len() {
        n @ 0..=125 => vec![mask | u8::try_from(n).unwrap()],
        n => [&[mask | 126][..], &u16::try_from(n).unwrap().to_be_bytes()].concat(),
    };
    let key = [1, 2, 3, 4];
    let masked: Vec<u8> = payload.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k).collect();
    if from == CLIENT { [&[first][..], &len, &key, &masked].concat() } else { [&[first][..], &len, payload].concat() }
}

fn dialogue() -> Vec<(Sender, Vec<u8>)> {
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    vec![
        (CLIENT, ASK.to_vec()),
        (SERVER, accept("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=15\r\nSec-WebSocket-Protocol: chat\r\n")),
        (CLIENT, [frame(CLIENT, 0x81, b"hi"), frame(CLIENT, 0x02, b"\xff")].concat()),
        (CLIENT, [frame(CLIENT, 0x89, b"p"), frame(CLIENT, 0x80, &[b'x'; 200])].concat()),
        (SERVER, [frame(SERVER, 0xc1, &hello), frame(SERVER, 0xc1, &[0xf2, 0x00, 0x11, 0x00, 0x00])].concat()),
        (SERVER, [frame(SERVER, 0x41, &hello[..3]), frame(SERVER, 0x80, &hello[3..])].concat()),
        (SERVER, frame(SERVER, 0x88, b"\x03\xe8bye")),
    ]
}

#[test]
fn frames_are_items_and_the_last_says_the_message() {
    let turns = dialogue();
    let items = whole(80, &borrowed(&turns));
    assert_eq!(items[0]["protocol"]["name"], "http");
    let frames = &items[1..];
    let payloads: Vec<_> = frames.iter().map(|f| (f["method"].as_str().unwrap(), f["data"]["payload"].as_str().unwrap())).collect();
    let joined = [&b"\xff"[..], &[b'x'; 200]].concat();
    let joined = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, joined);
    let half = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [0xf2, 0x48, 0xcd]);
    let want = [
        ("Text", "hi"),
        ("Binary", "/w=="),
        ("Ping", "p"),
        ("Binary", &joined),
        ("Text", "Hello"),
        ("Text", "Hello"),
        ("Text", &half),
        ("Text", "Hello"),
        ("Close", "\u{3}\u{e8}bye"),
    ];
    assert_eq!(payloads[..8], want[..8]);
    let (first, last) = (&frames[0]["data"], &frames[8]["data"]);
    assert_eq!(
        (&first["host"], &first["path"], &first["subprotocol"], &first["masked"]),
        (&"h.example".into(), &"/chat".into(), &"chat".into(), &true.into())
    );
    assert_eq!((&last["closeCode"], &last["closeReason"], &last["direction"]), (&1000.into(), &"bye".into(), &"server".into()));
    assert_eq!((&frames[3]["data"]["fragments"], &frames[3]["data"]["messageLength"]), (&2.into(), &201.into()));
    assert!(frames.iter().all(|f| f["anomalies"].as_array().unwrap().is_empty()), "{frames:#?}");
    assert_eq!((&frames[0]["src"]["ip"], &last["compressed"]), (&"10.0.0.1".into(), &serde_json::Value::Null));
}

#[test]
fn any_split_of_frames_gives_the_same_items() {
    let turns = dialogue();
    assert_cuts_do_not_matter(80, &borrowed(&turns));
    assert_damage_is_survived(80, &borrowed(&turns));
}

#[test]
fn what_refers_to_lost_messages_is_shown_compressed() {
    let (mut c, mut out) = (tcp(80), Vec::new());
    c.bytes(CLIENT, at(1), ASK, &mut out);
    c.bytes(SERVER, at(2), &accept("Sec-WebSocket-Extensions: permessage-deflate\r\n"), &mut out);
    c.gap(SERVER, at(3), 100, &mut out);
    c.bytes(SERVER, at(4), b"the rest of a frame", &mut out);
    c.bytes(SERVER, at(5), &[frame(SERVER, 0xc1, &[0xf2, 0, 0x11, 0, 0]), frame(SERVER, 0x81, b"plain")].concat(), &mut out);
    c.bytes(SERVER, at(6), &[frame(CLIENT, 0x91, b"x"), frame(SERVER, 0x80, b"y")].concat(), &mut out);
    c.close(Close::End, at(7), &mut out);
    let items = shown(&out);
    let anomalies: Vec<_> = items[1..].iter().map(|i| i["anomalies"].clone()).collect();
    let want = serde_json::json!([
        ["compression-context-lost"],
        [],
        ["masking-wrong", "reserved-bits"],
        ["fragment-unexpected", "message-incomplete"]
    ]);
    assert_eq!(serde_json::Value::from(anomalies), want);
}

//! AMQP.

use super::{CLIENT, SERVER, assert_cuts_do_not_matter, assert_damage_is_survived, at, borrowed, shown, tcp, whole};
use crate::{Close, Conversation, Flow, Limits, Transport};
use hookline_item::Sender;
use serde_json::json;

fn frame(kind: u8, channel: u8, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[kind, 0, channel][..], &len, payload, &[0xce]].concat()
}

fn method(channel: u8, class: u8, id: u8, arguments: &[u8]) -> Vec<u8> {
    frame(1, channel, &[&[0, class, 0, id], arguments].concat())
}

fn short(t: &str) -> Vec<u8> {
    [&[u8::try_from(t.len()).unwrap()], t.as_bytes()].concat()
}

fn long(t: &[u8]) -> Vec<u8> {
    [&u32::try_from(t.len()).unwrap().to_be_bytes(), t].concat()
}

/// A header with a content type, a header table and a delivery mode.
fn header(channel: u8, size: u8) -> Vec<u8> {
    let headers = long(&[&short("k")[..], b"S", &long(b"v"), &short("n"), b"I", &7i32.to_be_bytes()].concat());
    frame(2, channel, &[&[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, size, 0xb0, 0][..], &short("text/plain"), &headers, &[2]].concat())
}

fn publish(channel: u8, key: &str) -> Vec<u8> {
    method(channel, 60, 40, &[&[0, 0][..], &short("ex"), &short(key), &[1]].concat())
}

fn dialogue() -> Vec<(Sender, Vec<u8>)> {
    let start = [&[0, 9][..], &long(&[]), &long(b"PLAIN"), &long(b"en_US")].concat();
    let start_ok = [&long(&[])[..], &short("PLAIN"), &long(b"\0user\0hush"), &short("en_US")].concat();
    let declare = [&[0, 0][..], &short("q"), &[2], &long(&[])].concat();
    let deliver = [&short("tag")[..], &[0, 0, 0, 0, 0, 0, 0, 9, 0], &short("ex"), &short("a")].concat();
    vec![
        (CLIENT, b"AMQP\0\0\x09\x01".to_vec()),
        (SERVER, method(0, 10, 10, &start)),
        (CLIENT, method(0, 10, 11, &start_ok)),
        (
            CLIENT,
            [
                method(1, 50, 10, &declare),
                publish(1, "a"),
                header(1, 5),
                publish(2, "b"),
                frame(3, 1, b"hel"),
                header(2, 0),
                frame(8, 0, b""),
                frame(3, 1, b"lo"),
            ]
            .concat(),
        ),
        (
            SERVER,
            [
                method(1, 50, 11, &[&short("q")[..], &[0, 0, 0, 3, 0, 0, 0, 0]].concat()),
                method(1, 60, 60, &deliver),
                header(1, 2),
                frame(3, 1, &[0xff, 0]),
            ]
            .concat(),
        ),
        (CLIENT, [method(1, 60, 80, &[0, 0, 0, 0, 0, 0, 0, 9, 0]), method(1, 60, 70, &[&[0, 0][..], &short("q"), &[1]].concat())].concat()),
        (
            SERVER,
            [method(1, 60, 72, &short("")), method(1, 20, 40, &[&[1, 0x94][..], &short("NOT_FOUND"), &[0, 60, 0, 40]].concat())].concat(),
        ),
        (CLIENT, method(1, 20, 41, &[])),
    ]
}

#[test]
fn methods_have_the_documented_shape() {
    let turns = dialogue();
    let items = whole(5672, &borrowed(&turns));
    let seen: Vec<_> = items.iter().map(|i| (i["method"].as_str().unwrap(), i["response"]["method"].as_str().unwrap_or("-"))).collect();
    assert_eq!(
        seen,
        [
            ("connection start", "connection start-ok"),
            ("basic publish", "-"),
            ("basic publish", "-"),
            ("queue declare", "queue declare-ok"),
            ("basic deliver", "-"),
            ("basic ack", "-"),
            ("basic get", "basic get-empty"),
            ("channel close", "channel close-ok"),
        ]
    );
    assert_eq!((&items[0]["src"]["ip"], &items[0]["response"]["arguments"]["response"]), (&"10.0.0.2".into(), &"REDACTED".into()));
    let published = items.iter().find(|i| i["request"]["routingKey"] == "a").unwrap();
    assert_eq!(
        published["request"],
        json!({"method": "basic publish", "classId": 60, "methodId": 40, "channel": 1, "exchange": "ex", "routingKey": "a", "flags": ["mandatory"],
            "properties": {"contentType": "text/plain", "deliveryMode": 2}, "headers": {"k": "v", "n": 7}, "body": "hello", "bodySize": 5})
    );
    assert_eq!((&items[3]["request"]["flags"], &items[3]["response"]["arguments"]["messageCount"]), (&json!(["durable"]), &3.into()));
    assert_eq!(
        (&items[4]["request"]["body"], &items[4]["request"]["encoding"], &items[4]["src"]["ip"]),
        (&"/wA=".into(), &"base64".into(), &"10.0.0.2".into())
    );
    assert_eq!((&items[7]["request"]["replyCode"], &items[7]["summary"]), (&404.into(), &"NOT_FOUND".into()));
    assert!(items.iter().all(|i| i["error"].is_null() && i["anomalies"] == json!([])), "{items:#?}");
    assert!(!format!("{:?}", shown_text(&items)).contains("hush"));
}

fn shown_text(items: &[serde_json::Value]) -> String {
    items.iter().map(ToString::to_string).collect()
}

#[test]
fn any_split_of_amqp_gives_the_same_items() {
    let turns = dialogue();
    assert_cuts_do_not_matter(5672, &borrowed(&turns));
    assert_damage_is_survived(5672, &borrowed(&turns));
}

#[test]
fn a_connection_picked_up_in_its_middle_is_recognised_on_any_port() {
    let mut flow = Flow::new(1, Transport::Tcp, "10.0.0.1:6000".parse().unwrap(), "10.0.0.2:7000".parse().unwrap());
    (flow.mid_stream, flow.roles_guessed) = (true, true);
    let (mut c, mut out) = (Conversation::new(flow, Limits::default().into()), Vec::new());
    c.bytes(SERVER, at(1), b"the rest of a body\xce", &mut out);
    c.bytes(SERVER, at(2), &[publish(1, "a"), header(1, 2), frame(3, 1, b"hi")].concat(), &mut out);
    let items = shown(&out);
    assert_eq!((&items[0]["request"]["body"], &items[0]["src"]["ip"]), (&"hi".into(), &"10.0.0.2".into()));
}

#[test]
fn messages_that_are_not_whole_say_so() {
    let (mut c, mut out) = (tcp(5672), Vec::new());
    c.bytes(CLIENT, at(1), b"AMQP\0\0\x09\x01", &mut out);
    c.bytes(CLIENT, at(1), &[publish(1, "a"), header(1, 9), frame(3, 1, b"hel"), publish(1, "b"), header(1, 9)].concat(), &mut out);
    c.gap(CLIENT, at(2), 50, &mut out);
    c.bytes(CLIENT, at(3), &[publish(1, "c"), header(1, 1), frame(3, 1, b"x")].concat(), &mut out);
    c.close(Close::Fin, at(4), &mut out);
    let items = shown(&out);
    let seen: Vec<_> = items
        .iter()
        .map(|i| (i["request"]["routingKey"].as_str().unwrap(), i["request"]["body"].as_str().unwrap(), i["anomalies"].clone()))
        .collect();
    assert_eq!(seen, [("a", "hel", json!(["body-incomplete"])), ("b", "", json!(["body-incomplete"])), ("c", "x", json!([]))]);
}

#[test]
fn other_versions_and_look_alikes_are_not_claimed() {
    for bytes in
        [&b"AMQP\0\x01\0\0"[..], b"AMQP\x03\x01\0\0", &[1, 0, 0, 0, 0, 0, 4, 0, 60, 0, 41, 0xce], &[1, 0, 0, 0, 0, 0, 4, 0, 60, 0, 40, 0]]
    {
        let (mut c, mut out) = (tcp(5672), Vec::new());
        c.bytes(CLIENT, at(1), bytes, &mut out);
        c.close(Close::Fin, at(2), &mut out);
        assert!(out.is_empty(), "{bytes:?}");
    }
}

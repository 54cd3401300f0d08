//! Redis.

use super::{CLIENT, SERVER, Turns, assert_cuts_do_not_matter, assert_damage_is_survived, at, shown, tcp, whole};
use crate::{Close, Conversation, Flow, Limits, Transport};
use serde_json::json;
use std::sync::Arc;

const TALK: Turns<'_> = &[
    (CLIENT, b"*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n*2\r\n$3\r\nGET\r\n$1\r\nx\r\n"),
    (SERVER, b"+OK\r\n+OK\r\n$-1\r\n"),
    (CLIENT, b"*2\r\n$9\r\nSUBSCRIBE\r\n$2\r\nch\r\n"),
    (SERVER, b"*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$2\r\nhi\r\n"),
    (CLIENT, b"PING\r\n*1\r\n$3\r\nFOO\r\n"),
    (SERVER, b"+PONG\r\n-ERR unknown command 'FOO'\r\n"),
];

#[test]
fn commands_and_replies_have_the_documented_shape() {
    let items = whole(6379, TALK);
    assert_eq!(items.len(), 7);
    assert_eq!((&items[0]["request"]["args"], &items[0]["request"]["value"]), (&json!(["REDACTED"]), &"REDACTED".into()));
    assert_eq!(
        items[1]["request"],
        json!({"type": "Array", "command": "SET", "key": "k", "args": ["k", "hello"], "value": "hello", "keyword": "SET"})
    );
    assert_eq!(items[1]["response"], json!({"type": "Simple String", "value": "OK", "keyword": "OK", "push": false}));
    assert_eq!((&items[2]["response"]["value"], &items[2]["summary"]), (&json!(null), &"x".into()));
    assert_eq!(items[3]["response"]["value"], json!(["subscribe", "ch", 1]));
    assert_eq!((&items[4]["response"]["push"], &items[4]["request"], &items[4]["method"]), (&true.into(), &json!(null), &"PUSH".into()));
    assert_eq!((&items[5]["request"]["type"], &items[6]["response"]["error"]), (&"Inline".into(), &"ERR unknown command 'FOO'".into()));
    assert!(items.iter().all(|i| i["error"].is_null()), "{items:#?}");
    assert!(!format!("{items:?}").contains("secret"));
}

#[test]
fn any_split_of_redis_gives_the_same_items() {
    assert_cuts_do_not_matter(6379, TALK);
    assert_damage_is_survived(6379, TALK);
}

#[test]
fn look_alikes_are_not_claimed() {
    let talks: [Turns<'_>; 4] = [
        &[(SERVER, b"+OK POP3 ready\r\n"), (CLIENT, b"USER a\r\n"), (SERVER, b"+OK\r\n")],
        &[(CLIENT, b"get key\r\n"), (SERVER, b"END\r\n")],
        &[(CLIENT, b"*3\r\nhello\r\n"), (SERVER, b"*1\r\n")],
        &[(CLIENT, b"PING\r\n"), (SERVER, b"PONG\r\n")],
    ];
    for turns in talks {
        assert!(whole(7000, turns).iter().all(|i| i["protocol"]["name"] != "redis"), "{turns:?}");
    }
}

#[test]
fn long_values_are_cut_and_counted() {
    let (mut c, mut out) = (tcp(6379), Vec::new());
    c.bytes(CLIENT, at(1), b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n", &mut out);
    for _ in 0..10 {
        c.bytes(CLIENT, at(2), &[b'v'; 100_000], &mut out);
    }
    c.bytes(CLIENT, at(3), b"\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", &mut out);
    c.bytes(SERVER, at(4), b"+OK\r\n$1\r\nv\r\n", &mut out);
    let items = shown(&out);
    assert_eq!((items.len(), &items[0]["request"]["key"], &items[0]["completeness"]["grade"]), (2, &"k".into(), &"partial".into()));
    assert_eq!((&items[0]["anomalies"], &items[0]["requestSize"]), (&json!(["value-incomplete"]), &1_000_032.into()));
}

#[test]
fn after_a_loss_the_next_command_is_read() {
    let (mut c, mut out) = (tcp(6379), Vec::new());
    c.bytes(CLIENT, at(1), b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n", &mut out);
    c.gap(CLIENT, at(2), 40, &mut out);
    c.bytes(CLIENT, at(2), b"lf of a value\r\n", &mut out);
    c.bytes(CLIENT, at(3), b"*2\r\n$3\r\nGET\r\n$1\r\nb\r\n", &mut out);
    c.bytes(SERVER, at(4), b"$1\r\n2\r\n", &mut out);
    c.close(Close::Fin, at(5), &mut out);
    let items = shown(&out);
    assert_eq!((&items[0]["error"]["type"], &items[1]["request"]["key"]), (&"timeout".into(), &"b".into()));
}

#[test]
fn a_flow_picked_up_in_its_middle_is_recognised() {
    let mut flow = Flow::new(1, Transport::Tcp, "10.0.0.1:6000".parse().unwrap(), "10.0.0.2:7000".parse().unwrap());
    (flow.mid_stream, flow.roles_guessed) = (true, true);
    let (mut c, mut out) = (Conversation::new(flow, Limits::default().into()), Vec::new());
    c.bytes(CLIENT, at(1), b"lue\r\n", &mut out);
    c.bytes(SERVER, at(2), b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n", &mut out);
    c.bytes(CLIENT, at(3), b"$1\r\n1\r\n", &mut out);
    let items = shown(&out);
    assert_eq!((&items[0]["src"]["ip"], &items[0]["response"]["value"]), (&"10.0.0.2".into(), &"1".into()));
}

#[test]
fn a_port_that_the_user_maps_wins_over_what_the_bytes_look_like() {
    let limits = Arc::new(Limits { port_mapping: vec![(7000, "redis")], ..Limits::default() });
    for (client, server, from) in [("10.0.0.1:40000", "10.0.0.2:7000", CLIENT), ("10.0.0.2:7000", "10.0.0.1:40000", SERVER)] {
        let flow = Flow::new(1, Transport::Tcp, client.parse().unwrap(), server.parse().unwrap());
        let (mut c, mut out) = (Conversation::new(flow, Arc::clone(&limits)), Vec::new());
        c.bytes(from, at(1), b"GET /key\r\n", &mut out);
        c.bytes(from.other(), at(2), b"$1\r\nv\r\n", &mut out);
        let items = shown(&out);
        assert_eq!((&items[0]["request"]["key"], &items[0]["dst"]["port"]), (&"/key".into(), &"7000".into()));
    }
}

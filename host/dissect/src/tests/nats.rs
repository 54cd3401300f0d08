//! NATS.

use super::{CLIENT, SERVER, Turns, assert_cuts_do_not_matter, assert_damage_is_survived, at, shown, tcp, whole};
use crate::Close;
use serde_json::json;

const TALK: Turns<'_> = &[
    (SERVER, b"INFO {\"server_id\":\"S\",\"version\":\"2.10\",\"headers\":true}\r\n"),
    (CLIENT, b"CONNECT {\"verbose\":false,\"user\":\"u\",\"pass\":\"hush\",\"lang\":\"go\"}\r\nPING\r\n"),
    (SERVER, b"PONG\r\n"),
    (CLIENT, b"SUB svc.> workers 1\r\nSUB _INBOX.1 2\r\nPUB ask _INBOX.1 2\r\nhi\r\npub news 5\r\nh\r\nlo\r\n"),
    (SERVER, b"MSG svc.add 1 _INBOX.9 3\r\n1+1\r\nHMSG _INBOX.1 2 28 28\r\nNATS/1.0 503\r\nK: a\r\nK: b\r\n\r\n\r\nPING\r\n"),
    (CLIENT, b"HPUB _INBOX.9 21 22\r\nNATS/1.0\r\nX: \xc3\xa9\xc3\xa9\r\n\r\n\xff\r\nPONG\r\nUNSUB 1 5\r\n"),
    (SERVER, b"-ERR 'Stale Connection'\r\n"),
];

#[test]
fn operations_have_the_documented_shape_and_replies_their_requests() {
    let items = whole(4222, TALK);
    let ops: Vec<_> = items.iter().map(|i| i["method"].as_str().unwrap()).collect();
    assert_eq!(ops, ["INFO", "CONNECT", "PING", "SUB", "SUB", "PUB", "PUB", "MSG", "PING", "UNSUB", "-ERR"], "{items:#?}");
    assert_eq!((&items[0]["src"]["ip"], &items[0]["request"]["options"]["version"]), (&"10.0.0.2".into(), &"2.10".into()));
    assert_eq!(items[1]["request"]["options"], json!({"verbose": false, "user": "u", "pass": "REDACTED", "lang": "go"}));
    assert_eq!((&items[2]["response"]["op"], &items[3]["request"]["queue"]), (&"PONG".into(), &"workers".into()));
    // The request that nobody listens to waits longer than the news after it.
    assert_eq!((&items[5]["request"]["payload"], &items[5]["request"]["payloadLength"]), (&"h\r\nlo".into(), &5.into()));
    assert_eq!((&items[6]["request"]["subject"], &items[6]["status"]), (&"ask".into(), &503.into()));
    assert_eq!(items[6]["response"]["headers"], json!({"K": ["a", "b"]}));
    let served = &items[7];
    assert_eq!(
        (&served["src"]["ip"], &served["request"]["payload"], &served["response"]["payload"]),
        (&"10.0.0.2".into(), &"1+1".into(), &"/w==".into())
    );
    assert_eq!(served["response"]["headers"], json!({"X": "éé"}));
    assert_eq!((&items[9]["request"]["maxMessages"], &items[10]["response"]["error"]), (&5.into(), &"Stale Connection".into()));
    assert!(items.iter().all(|i| i["error"].is_null()));
    assert!(!format!("{items:?}").contains("hush"));
}

#[test]
fn a_verbose_connection_is_answered_in_order() {
    let items = whole(
        4222,
        &[
            (CLIENT, b"CONNECT {\"verbose\":true}\r\nSUB a 1\r\nPUB b c 0\r\n\r\n"),
            (SERVER, b"+OK\r\n+OK\r\n-ERR 'Permissions Violation'\r\n"),
        ],
    );
    let answers: Vec<_> = items.iter().map(|i| (i["method"].as_str().unwrap(), i["response"]["op"].as_str().unwrap())).collect();
    assert_eq!(answers, [("CONNECT", "+OK"), ("SUB", "+OK"), ("PUB", "-ERR")]);
}

#[test]
fn a_clients_mistake_is_answered_and_what_follows_is_read() {
    let turns: Turns<'_> = &[
        (CLIENT, b"CONNECT {\"verbose\":true}\r\nPUBLISH x\r\n"),
        (SERVER, b"+OK\r\n-ERR 'Unknown Protocol Operation'\r\n"),
        (CLIENT, b"PUB a 1\r\nx\r\n"),
        (SERVER, b"+OK\r\n"),
    ];
    let items = whole(4222, turns);
    assert_eq!((&items[1]["request"]["op"], &items[1]["response"]["op"]), (&"PUBLISH".into(), &"-ERR".into()));
    assert_eq!((&items[1]["anomalies"], &items[2]["request"]["subject"]), (&json!(["operation-unknown"]), &"a".into()));
}

#[test]
fn any_split_of_nats_gives_the_same_items() {
    assert_cuts_do_not_matter(4222, TALK);
    assert_damage_is_survived(4222, TALK);
}

#[test]
fn only_what_names_nats_is_claimed_on_other_ports() {
    let msn: Turns<'_> = &[(SERVER, b"MSG a@b.c Name 3\r\nabc"), (CLIENT, b"PING\r\n")];
    assert!(whole(1863, msn).iter().all(|i| i["protocol"]["name"] != "nats"));
    let connect: Turns<'_> = &[(CLIENT, b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n")];
    assert_eq!(whole(4222, connect)[0]["protocol"]["name"], "http");
    assert_eq!(whole(9000, TALK).len(), whole(4222, TALK).len());
}

#[test]
fn a_loss_leaves_the_operations_around_it() {
    let (mut c, mut out) = (tcp(4222), Vec::new());
    c.bytes(CLIENT, at(1), b"PUB a 10\r\n12345", &mut out);
    c.gap(CLIENT, at(2), 3, &mut out);
    c.bytes(CLIENT, at(2), b"90\r\nPUB b 1\r\nx\r\n", &mut out);
    c.gap(CLIENT, at(3), 100, &mut out);
    c.bytes(CLIENT, at(3), b"the rest of a message\r\n", &mut out);
    c.bytes(CLIENT, at(4), b"PUB c 1\r\nx\r\n", &mut out);
    c.close(Close::Fin, at(5), &mut out);
    let subjects: Vec<_> = shown(&out).iter().map(|i| (i["request"]["subject"].clone(), i["anomalies"].clone())).collect();
    assert_eq!(subjects, [("a".into(), json!(["message-incomplete"])), ("b".into(), json!([])), ("c".into(), json!([]))]);
}

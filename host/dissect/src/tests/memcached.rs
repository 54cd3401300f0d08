//! memcached.

use super::{CLIENT, SERVER, Turns, assert_cuts_do_not_matter, assert_damage_is_survived, at, borrowed, shown, tcp, udp, whole};
use crate::Close;
use hookline_item::Sender;
use serde_json::json;

const TALK: Turns<'_> = &[
    (CLIENT, b"set k 5 60 5\r\nab\r\nc\r\nget k missing\r\nincr n 2\r\nset q 0 0 1 noreply\r\nx\r\n"),
    (SERVER, b"STORED\r\nVALUE k 5 5 77\r\nab\r\nc\r\nEND\r\n7\r\n"),
    (CLIENT, b"bogus\r\nstats\r\nversion\r\ntouch k 30\r\nquit\r\n"),
    (SERVER, b"ERROR\r\nSTAT pid 1\r\nSTAT uptime 2 s\r\nEND\r\nVERSION 1.6.1\r\nNOT_FOUND\r\n"),
];

const META: Turns<'_> =
    &[(CLIENT, b"mg a v q\r\nmg b v q k\r\nms c 2 q T0\r\nhi\r\nmn\r\nmd d\r\n"), (SERVER, b"VA 3 kb\r\nxyz\r\nMN\r\nHD\r\n")];

fn packet(magic: u8, opcode: u8, status: u8, opaque: u8, extras: &[u8], key: &[u8], value: &[u8]) -> Vec<u8> {
    let small = |n: usize| u8::try_from(n).unwrap();
    let body = small(extras.len() + key.len() + value.len());
    let head =
        [magic, opcode, 0, small(key.len()), small(extras.len()), 0, 0, status, 0, 0, 0, body, 0, 0, 0, opaque, 0, 0, 0, 0, 0, 0, 0, 9];
    [&head[..], extras, key, value].concat()
}

fn binary() -> Vec<(Sender, Vec<u8>)> {
    vec![
        (CLIENT, packet(0x80, 1, 0, 1, &[0, 0, 0, 5, 0, 0, 0, 60], b"k", b"hello")),
        (SERVER, packet(0x81, 1, 0, 1, &[], b"", b"")),
        // Two quiet gets, of which the first finds nothing, and what ends them.
        (
            CLIENT,
            [packet(0x80, 0x0d, 0, 2, &[], b"a", b""), packet(0x80, 0x0d, 0, 3, &[], b"b", b""), packet(0x80, 0x0a, 0, 4, &[], b"", b"")]
                .concat(),
        ),
        (SERVER, [packet(0x81, 0x0d, 0, 3, &[0, 0, 0, 1], b"b", b"vv"), packet(0x81, 0x0a, 0, 4, &[], b"", b"")].concat()),
        (CLIENT, packet(0x80, 0x10, 0, 5, &[], b"", b"")),
        (SERVER, [packet(0x81, 0x10, 0, 5, &[], b"pid", b"1"), packet(0x81, 0x10, 0, 5, &[], b"", b"")].concat()),
        (CLIENT, packet(0x80, 5, 0, 6, &[0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], b"n", b"")),
        (SERVER, packet(0x81, 5, 6, 6, &[], b"", b"Non-numeric")),
    ]
}

#[test]
fn commands_and_responses_have_the_documented_shape() {
    let items = whole(11211, TALK);
    let names: Vec<_> = items.iter().map(|i| (i["method"].as_str().unwrap(), i["response"]["status"].as_str().unwrap_or("-"))).collect();
    assert_eq!(
        names,
        [
            ("set", "-"),
            ("set", "STORED"),
            ("get", "END"),
            ("incr", "OK"),
            ("quit", "-"),
            ("bogus", "ERROR"),
            ("stats", "END"),
            ("version", "VERSION"),
            ("touch", "NOT_FOUND")
        ]
    );
    assert_eq!(items[1]["request"], json!({"command": "set", "keys": ["k"], "valueLength": 5, "flags": 5, "exptime": 60}));
    assert_eq!(items[2]["response"], json!({"status": "END", "values": [{"key": "k", "length": 5, "flags": 5, "cas": 77}]}),);
    assert_eq!(
        (&items[2]["request"]["keys"], &items[3]["request"]["delta"], &items[3]["response"]["number"]),
        (&json!(["k", "missing"]), &2.into(), &7.into())
    );
    assert_eq!((&items[5]["status"], &items[6]["response"]["statistics"]), (&1.into(), &json!({"pid": "1", "uptime": "2 s"})));
    assert_eq!((&items[7]["response"]["version"], &items[8]["request"]["exptime"]), (&"1.6.1".into(), &30.into()));
    assert!(items.iter().all(|i| i["error"].is_null()), "{items:#?}");
}

#[test]
fn meta_commands_may_be_answered_by_silence() {
    let items = whole(11211, META);
    let seen: Vec<_> = items.iter().map(|i| (i["summary"].as_str().unwrap(), i["response"]["status"].as_str().unwrap_or("-"))).collect();
    // Nobody can tell which of two quiet gets a value answers, without its key or an opaque: the first.
    assert_eq!(seen, [("a", "VA"), ("b", "-"), ("c", "-"), ("", "MN"), ("d", "HD")]);
    assert_eq!((&items[1]["request"]["metaFlags"], &items[2]["request"]["valueLength"]), (&json!(["v", "q", "k"]), &2.into()));
    assert!(items.iter().all(|i| i["error"].is_null()));
}

#[test]
fn binary_packets_name_what_they_answer() {
    let turns = binary();
    let items = whole(11311, &borrowed(&turns));
    let seen: Vec<_> = items.iter().map(|i| (i["method"].as_str().unwrap(), i["response"]["status"].as_str().unwrap_or("-"))).collect();
    assert_eq!(
        seen,
        [
            ("Set", "No error"),
            ("GetKQ", "-"),
            ("GetKQ", "No error"),
            ("No-op", "No error"),
            ("Stat", "No error"),
            ("Increment", "Incr/Decr on non-numeric value")
        ]
    );
    assert_eq!(
        items[0]["request"],
        json!({"command": "Set", "opcode": 1, "keys": ["k"], "valueLength": 5, "flags": 5, "exptime": 60, "opaque": 1})
    );
    assert_eq!(items[2]["response"]["values"], json!([{"key": "b", "length": 2, "flags": 1, "cas": 9}]));
    assert_eq!((&items[4]["response"]["statistics"], &items[5]["response"]["error"]), (&json!({"pid": "1"}), &"Non-numeric".into()));
    assert!(items.iter().all(|i| i["error"].is_null()), "{items:#?}");
}

#[test]
fn any_split_of_memcached_gives_the_same_items() {
    for turns in [TALK, META] {
        assert_cuts_do_not_matter(11211, turns);
        assert_damage_is_survived(11211, turns);
    }
    let turns = binary();
    assert_cuts_do_not_matter(11211, &borrowed(&turns));
    assert_damage_is_survived(11211, &borrowed(&turns));
}

#[test]
fn a_message_may_come_in_several_datagrams() {
    let frame = |id: u8, n: u8, of: u8, bytes: &[u8]| [&[0, id, 0, n, 0, of, 0, 0][..], bytes].concat();
    let (mut c, mut out) = (udp(11211), Vec::new());
    c.bytes(CLIENT, at(1), &frame(1, 0, 1, b"get a\r\n"), &mut out);
    c.bytes(CLIENT, at(1), &frame(2, 0, 1, b"get b\r\n"), &mut out);
    c.bytes(SERVER, at(2), &frame(2, 0, 1, b"END\r\n"), &mut out);
    c.bytes(SERVER, at(3), &frame(1, 0, 2, b"VALUE a 0 4\r\nab"), &mut out);
    c.bytes(SERVER, at(4), &frame(1, 1, 2, b"cd\r\nEND\r\n"), &mut out);
    let items = shown(&out);
    let seen: Vec<_> = items.iter().map(|i| (i["summary"].as_str().unwrap(), i["response"]["values"].as_array().unwrap().len())).collect();
    assert_eq!(seen, [("b", 0), ("a", 1)]);
    assert_eq!(items[1]["frames"]["response"], json!([3, 4]));
}

#[test]
fn long_values_are_counted_and_a_loss_is_survived() {
    let (mut c, mut out) = (tcp(11211), Vec::new());
    c.bytes(CLIENT, at(1), b"get big\r\n", &mut out);
    c.bytes(SERVER, at(2), b"VALUE big 0 1000000\r\n", &mut out);
    for _ in 0..10 {
        c.bytes(SERVER, at(3), &[b'v'; 100_000], &mut out);
    }
    c.bytes(SERVER, at(3), b"\r\nEND\r\n", &mut out);
    c.bytes(CLIENT, at(4), b"get lost\r\n", &mut out);
    c.gap(SERVER, at(5), 100, &mut out);
    c.bytes(CLIENT, at(6), b"get a\r\n", &mut out);
    c.bytes(SERVER, at(7), b"END\r\n", &mut out);
    c.close(Close::Fin, at(8), &mut out);
    let items = shown(&out);
    assert_eq!((&items[0]["response"]["values"][0]["length"], &items[0]["responseSize"]), (&1_000_000.into(), &1_000_028.into()));
    assert_eq!((&items[1]["error"]["type"], &items[2]["response"]["status"]), (&"timeout".into(), &"END".into()));
}

#[test]
fn what_came_of_a_response_is_not_lost_with_its_end() {
    let (mut c, mut out) = (tcp(11211), Vec::new());
    c.bytes(CLIENT, at(1), b"get a b\r\n", &mut out);
    c.bytes(SERVER, at(2), b"VALUE a 0 1\r\nx\r\n", &mut out);
    c.gap(SERVER, at(3), 100, &mut out);
    c.close(Close::Fin, at(4), &mut out);
    let frame = |id: u8, n: u8, of: u8, bytes: &[u8]| [&[0, id, 0, n, 0, of, 0, 0][..], bytes].concat();
    c = udp(11211);
    c.bytes(CLIENT, at(5), &frame(1, 0, 1, b"get c\r\n"), &mut out);
    c.bytes(SERVER, at(6), &frame(1, 0, 3, b"VALUE c 0 4\r\nab"), &mut out);
    c.bytes(SERVER, at(7), &frame(1, 2, 3, b"END\r\n"), &mut out);
    c.close(Close::End, at(8), &mut out);
    let items = shown(&out);
    for (item, key) in items.iter().zip(["a", "c"]) {
        assert_eq!((&item["response"]["values"][0]["key"], &item["anomalies"]), (&key.into(), &json!(["message-incomplete"])), "{item}");
    }
    assert_eq!(items.len(), 2);
}

#[test]
fn look_alikes_are_not_claimed() {
    let talks: [Turns<'_>; 3] = [
        &[(CLIENT, b"get key\r\n"), (SERVER, b"+OK\r\n")],
        &[(SERVER, b"OK ready\r\n"), (CLIENT, b"quit\r\n")],
        &[(CLIENT, &[0x80, 0x2e, 1, 3, 1, 0, 2, 0, 0, 0, 16, 1])],
    ];
    for turns in talks {
        assert!(whole(7000, turns).iter().all(|i| i["protocol"]["name"] != "memcached"), "{turns:?}");
    }
}

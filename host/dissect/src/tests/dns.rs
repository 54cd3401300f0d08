//! DNS.

use super::{CLIENT, SERVER, Turns, assert_cuts_do_not_matter, assert_damage_is_survived, at, shown, udp, whole};
use crate::{Close, fuzz};
use proptest::prelude::*;

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

#[test]
fn any_split_of_dns_gives_the_same_items() {
    let queries = framed(&[message(1, false, "a.example"), message(2, false, "b.example")]);
    let answers = framed(&[message(2, true, "b.example"), message(1, true, "a.example"), message(3, true, "c.example")]);
    for port in [53, 5300] {
        let turns: Turns<'_> = &[(CLIENT, &queries), (SERVER, &answers)];
        assert_eq!(whole(port, turns).len(), 3);
        assert_cuts_do_not_matter(port, turns);
        assert_damage_is_survived(port, turns);
    }
}

proptest! {
    #[test]
    fn damaged_dns_is_survived(at in 0usize..60, to in any::<u8>(), kind in any::<u8>()) {
        let mut bytes = message(1, true, "a.example");
        if let Some(b) = bytes.get_mut(at) { *b = to; }
        fuzz("dns", &[vec![kind, 0, u8::try_from(bytes.len()).unwrap()], bytes].concat());
    }
}

//! ICMP.

use super::{CLIENT, SERVER, at, shown};
use crate::{Close, Conversation, Flow, Limits, Transport};
use hookline_item::Item;

fn conversation(v6: bool) -> Conversation {
    let (a, b) = if v6 { ("[2001:db8::1]:0", "[2001:db8::2]:0") } else { ("10.0.0.1:0", "10.0.0.2:0") };
    Conversation::new(Flow::new(3, Transport::Icmp, a.parse().unwrap(), b.parse().unwrap()), Limits::default().into())
}

#[test]
fn an_echo_and_its_reply_are_one_item() {
    let (mut c, mut out) = (conversation(false), Vec::<Item>::new());
    c.bytes(SERVER, at(1), &[8, 0, 1, 1, 0, 7, 0, 1, b'x'], &mut out);
    c.bytes(SERVER, at(2), &[8, 0, 1, 1, 0, 7, 0, 2, b'x'], &mut out);
    c.bytes(CLIENT, at(5), &[0, 0, 1, 1, 0, 7, 0, 1, b'x'], &mut out);
    c.close(Close::End, at(9), &mut out);
    let items = shown(&out);
    assert_eq!(
        (&items[0]["request"]["typeName"], &items[0]["response"]["seq"], &items[0]["elapsedTime"]),
        (&"Echo".into(), &1.into(), &4000.into())
    );
    assert_eq!((&items[0]["src"]["ip"], &items[0]["summary"]), (&"10.0.0.2".into(), &"id 7, seq 1".into()));
    assert_eq!((&items[1]["request"]["seq"], &items[1]["error"]["type"]), (&2.into(), &"timeout".into()));
}

#[test]
fn errors_tell_what_they_are_about() {
    let (mut c, mut out) = (conversation(false), Vec::new());
    let quoted = [0x45, 0, 0, 40, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 2, 8, 8, 8, 8, 0x9c, 0x40, 0, 53, 0, 8, 0, 0];
    c.bytes(CLIENT, at(1), &[&[3, 3, 0, 0, 0, 0, 0, 0][..], &quoted].concat(), &mut out);
    let data = &shown(&out)[0]["data"];
    assert_eq!(
        (&data["codeName"], &data["quoted"]["dstIp"], &data["quoted"]["dstPort"]),
        (&"port unreachable".into(), &"8.8.8.8".into(), &53.into())
    );
    for n in 0..36 {
        c.bytes(CLIENT, at(2), &[&[3, 3, 0, 0, 0, 0, 0, 0][..], &quoted].concat()[..n], &mut out);
    }
}

#[test]
fn neighbours_are_asked_for_by_address() {
    let (mut c, mut out) = (conversation(true), Vec::new());
    let target = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
    c.bytes(CLIENT, at(1), &[&[135, 0, 0, 0, 0, 0, 0, 0][..], &target].concat(), &mut out);
    let item = &shown(&out)[0];
    assert_eq!(
        (&item["method"], &item["summary"], &item["protocol"]["abbr"]),
        (&"Neighbor Solicitation".into(), &"2001:db8::9".into(), &"ICMPv6".into())
    );
}

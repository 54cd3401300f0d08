//! LDAP.

use super::{CLIENT, SERVER, assert_cuts_do_not_matter, assert_damage_is_survived, at, borrowed, shown, tcp, udp, whole};
use crate::Close;
use hookline_item::Sender;
use serde_json::json;

fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let len = u16::try_from(contents.len()).unwrap().to_be_bytes();
    if len[0] == 0 && len[1] < 0x80 { [&[tag, len[1]], contents].concat() } else { [&[tag, 0x82, len[0], len[1]], contents].concat() }
}

fn message(id: u8, tag: u8, contents: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &[tlv(2, &[id]), tlv(tag, &contents.concat())].concat())
}

fn text(t: &str) -> Vec<u8> {
    tlv(4, t.as_bytes())
}

fn result(code: u8, message: &str) -> Vec<Vec<u8>> {
    vec![tlv(10, &[code]), text(""), text(message)]
}

fn search(id: u8) -> Vec<u8> {
    let head = [text("dc=x"), tlv(10, &[2]), tlv(10, &[0]), tlv(2, &[0]), tlv(2, &[30]), tlv(1, &[0])].concat();
    let filter = tlv(0xa3, &[text("cn"), text("a")].concat());
    message(id, 0x63, &[head, filter, tlv(0x30, &[text("cn"), text("mail")].concat())])
}

fn entry(id: u8, dn: &str) -> Vec<u8> {
    let attribute = |name: &str, value: &str| tlv(0x30, &[text(name), tlv(0x31, &text(value))].concat());
    message(id, 0x64, &[text(dn), tlv(0x30, &[attribute("cn", "a"), attribute("userPassword", "pw")].concat())])
}

fn dialogue() -> Vec<(Sender, Vec<u8>)> {
    let bind = message(1, 0x60, &[tlv(2, &[3]), text("cn=admin"), tlv(0x80, b"secret")]);
    let change = tlv(0x30, &[tlv(10, &[2]), tlv(0x30, &[text("mail"), tlv(0x31, &text("m@x"))].concat())].concat());
    vec![
        (CLIENT, bind),
        (SERVER, message(1, 0x61, &result(49, "no"))),
        (CLIENT, [search(2), message(3, 0x66, &[text("cn=a"), tlv(0x30, &change)])].concat()),
        (SERVER, [entry(2, "cn=a,dc=x"), message(3, 0x67, &result(0, "")), entry(2, "cn=b"), message(2, 0x65, &result(0, ""))].concat()),
        (CLIENT, message(4, 0x4a, &[b"cn=gone".to_vec()])),
        (SERVER, message(4, 0x6b, &result(32, ""))),
        (CLIENT, message(5, 0x42, &[])),
    ]
}

#[test]
fn operations_have_the_documented_shape() {
    let turns = dialogue();
    let items = whole(389, &borrowed(&turns));
    assert_eq!(items.len(), 5, "{items:#?}");
    let bind = json!({"messageId": 1, "operation": "bindRequest", "operationId": 0, "version": 3, "bindName": "cn=admin", "authentication": "simple"});
    assert_eq!((&items[0]["request"], &items[0]["status"]), (&bind, &49.into()));
    assert_eq!((&items[0]["response"]["resultName"], &items[0]["response"]["errorMessage"]), (&"invalidCredentials".into(), &"no".into()));
    assert_eq!(items[1]["request"]["changes"], json!([{"operation": "replace", "attribute": "mail", "values": ["m@x"]}]));
    assert_eq!(
        items[2]["request"],
        json!({"messageId": 2, "operation": "searchRequest", "operationId": 3, "baseDn": "dc=x", "scope": "wholeSubtree", "filter": "(cn=a)",
            "attributes": ["cn", "mail"], "sizeLimit": 0, "timeLimit": 30, "typesOnly": false})
    );
    assert_eq!(
        (&items[2]["response"]["entryCount"], &items[2]["response"]["entries"][0]),
        (&2.into(), &json!({"dn": "cn=a,dc=x", "attributes": {"cn": ["a"], "userPassword": ["REDACTED"]}}))
    );
    assert_eq!(
        (&items[3]["request"]["dn"], &items[4]["method"], &items[4]["error"]),
        (&"cn=gone".into(), &"unbindRequest".into(), &json!(null))
    );
    assert!(!format!("{items:?}").contains("secret"));
}

#[test]
fn any_split_of_ldap_gives_the_same_items() {
    let turns = dialogue();
    assert_cuts_do_not_matter(389, &borrowed(&turns));
    assert_damage_is_survived(389, &borrowed(&turns));
}

#[test]
fn start_tls_makes_room_for_tls() {
    let ask = message(1, 0x77, &[tlv(0x80, b"1.3.6.1.4.1.1466.20037")]);
    let (mut c, mut out) = (tcp(1389), Vec::new());
    c.bytes(CLIENT, at(1), &ask, &mut out);
    c.bytes(SERVER, at(2), &message(1, 0x78, &result(0, "")), &mut out);
    c.bytes(CLIENT, at(3), b"GET / HTTP/1.0\r\n\r\n", &mut out);
    c.close(Close::Fin, at(4), &mut out);
    let items = shown(&out);
    assert_eq!((&items[0]["request"]["oidName"], &items[1]["protocol"]["name"]), (&"StartTLS".into(), &"http".into()));
}

#[test]
fn signed_messages_are_read_and_encrypted_ones_are_not() {
    let sasl = tlv(0xa3, &[text("GSS-SPNEGO"), text("token")].concat());
    let wrap = |inner: &[u8]| [&u32::try_from(inner.len() + 16).unwrap().to_be_bytes()[..], &[1; 16], inner].concat();
    let (mut c, mut out) = (tcp(389), Vec::new());
    c.bytes(CLIENT, at(1), &message(1, 0x60, &[tlv(2, &[3]), text(""), sasl]), &mut out);
    c.bytes(SERVER, at(2), &message(1, 0x61, &result(0, "")), &mut out);
    c.bytes(CLIENT, at(3), &wrap(&search(2)), &mut out);
    c.bytes(SERVER, at(4), &wrap(&[entry(2, "cn=a"), message(2, 0x65, &result(0, ""))].concat()), &mut out);
    c.bytes(CLIENT, at(5), &wrap(&[9; 40]), &mut out);
    c.close(Close::Fin, at(6), &mut out);
    let items = shown(&out);
    assert_eq!((items.len(), &items[0]["request"]["mechanism"], &items[1]["response"]["entryCount"]), (2, &"GSS-SPNEGO".into(), &1.into()));
}

#[test]
fn a_datagram_may_hold_several_messages() {
    let (mut c, mut out) = (udp(389), Vec::new());
    c.bytes(CLIENT, at(1), &search(2), &mut out);
    c.bytes(SERVER, at(2), &[entry(2, "cn=a"), message(2, 0x65, &result(0, ""))].concat(), &mut out);
    let items = shown(&out);
    assert_eq!((&items[0]["protocol"]["abbr"], &items[0]["response"]["entryCount"]), (&"CLDAP".into(), &1.into()));
}

#[test]
fn a_search_whose_end_never_comes_shows_what_it_found() {
    let (mut c, mut out) = (tcp(389), Vec::new());
    c.bytes(CLIENT, at(1), &search(2), &mut out);
    c.bytes(SERVER, at(2), &entry(2, "cn=a"), &mut out);
    c.bytes(SERVER, at(3), &entry(2, "cn=b"), &mut out);
    c.close(Close::Reset, at(4), &mut out);
    c = tcp(389);
    c.bytes(SERVER, at(5), &entry(9, "cn=alone"), &mut out);
    c.close(Close::Fin, at(6), &mut out);
    let items = shown(&out);
    assert_eq!((&items[0]["response"]["entryCount"], &items[0]["response"]["entries"][1]["dn"]), (&2.into(), &"cn=b".into()));
    assert_eq!((&items[0]["error"]["msg"], &items[0]["frames"]["response"]), (&"the response breaks off".into(), &json!([2, 3])));
    assert_eq!((&items[1]["response"]["entries"][0]["dn"], &items[1]["error"]["type"]), (&"cn=alone".into(), &"pair-not-found".into()));
}

#[test]
fn look_alikes_are_not_claimed() {
    // SNMP's envelope, and a sequence without an operation.
    for bytes in [&[0x30, 11, 2, 1, 1, 4, 6, b'p', b'u', b'b', b'l', b'i', b'c'][..], &[0x30, 6, 2, 1, 1, 0x7f, 1, 0]] {
        let (mut c, mut out) = (udp(389), Vec::new());
        c.bytes(CLIENT, at(1), bytes, &mut out);
        c.close(Close::End, at(2), &mut out);
        assert!(out.is_empty(), "{bytes:?}");
    }
}

#[test]
fn a_loss_leaves_the_operations_around_it() {
    let (mut c, mut out) = (tcp(389), Vec::new());
    c.bytes(CLIENT, at(1), &search(2), &mut out);
    c.bytes(SERVER, at(2), &entry(2, "cn=a"), &mut out);
    c.gap(SERVER, at(3), 100, &mut out);
    c.bytes(SERVER, at(3), &message(2, 0x65, &result(0, "")), &mut out);
    let items = shown(&out);
    assert_eq!((&items[0]["response"]["entryCount"], &items[0]["status"]), (&1.into(), &0.into()));
}

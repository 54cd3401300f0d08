//! RADIUS.

use super::{CLIENT, SERVER, at, shown, udp};
use crate::Close;
use serde_json::json;

fn packet(code: u8, id: u8, authenticator: u8, attributes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(20 + attributes.len()).unwrap().to_be_bytes();
    [&[code, id, len[0], len[1]][..], &[authenticator; 16], attributes].concat()
}

const ASK: &[u8] = &[1, 5, b'b', b'o', b'b', 2, 6, 1, 2, 3, 4, 4, 6, 10, 0, 0, 1];

#[test]
fn a_request_and_its_answer_are_one_item_and_repetitions_are_counted() {
    let (mut c, mut out) = (udp(1812), Vec::new());
    c.bytes(CLIENT, at(1), &packet(1, 7, 1, ASK), &mut out);
    c.bytes(CLIENT, at(2), &packet(1, 7, 1, ASK), &mut out);
    c.bytes(CLIENT, at(3), &packet(1, 8, 2, ASK), &mut out);
    c.bytes(SERVER, at(4), &packet(3, 7, 9, &[18, 4, b'n', b'o']), &mut out);
    c.bytes(SERVER, at(5), &packet(5, 99, 9, &[]), &mut out);
    c.close(Close::End, at(60_000), &mut out);
    let items = shown(&out);
    assert_eq!(items.len(), 3);
    assert_eq!(
        items[0]["request"],
        json!({"code": 1, "codeName": "Access-Request", "id": 7, "user": "bob", "attributes": [
            {"type": 1, "name": "User-Name", "value": "bob"},
            {"type": 2, "name": "User-Password", "value": "REDACTED"},
            {"type": 4, "name": "NAS-IP-Address", "value": "10.0.0.1"}]})
    );
    assert_eq!(
        (&items[0]["response"]["message"], &items[0]["status"], &items[0]["anomalies"]),
        (&"no".into(), &3.into(), &json!(["request-repeated"]))
    );
    let errors: Vec<_> = items.iter().map(|i| i["error"]["type"].as_str()).collect();
    assert_eq!(errors, [None, Some("pair-not-found"), Some("timeout")]);
}

#[test]
fn only_packets_with_sound_attributes_are_claimed_on_other_ports() {
    for (port, bytes, want) in [
        (9000, packet(1, 1, 1, ASK), true),
        (9000, packet(1, 1, 1, &[]), false),
        (1813, packet(5, 1, 1, &[]), true),
        (1812, packet(99, 1, 1, ASK), false),
        (1812, packet(1, 1, 1, &[1, 9, 0]), false),
    ] {
        let (mut c, mut out) = (udp(port), Vec::new());
        c.bytes(CLIENT, at(1), &bytes, &mut out);
        c.close(Close::End, at(2), &mut out);
        assert_eq!(!out.is_empty(), want, "port {port}: {bytes:?}");
    }
}

//! TLS.

use super::{CLIENT, SERVER, assert_cuts_do_not_matter, assert_damage_is_survived, borrowed, whole};
use hookline_item::Sender;

fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3], &u16::try_from(payload.len()).unwrap().to_be_bytes()[..], payload].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &u32::try_from(body.len()).unwrap().to_be_bytes()[1..], body].concat()
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &u16::try_from(data.len()).unwrap().to_be_bytes(), data].concat()
}

fn hello(kind: u8, middle: &[u8], random: [u8; 32], extensions: &[u8]) -> Vec<u8> {
    let len = u16::try_from(extensions.len()).unwrap().to_be_bytes();
    record(22, &message(kind, &[&[3, 3][..], &random, &[0], middle, &len, extensions].concat()))
}

pub(super) fn client_hello(name: &str) -> Vec<u8> {
    let len = u8::try_from(name.len()).unwrap();
    let name = extension(0, &[&[0, len + 3, 0, 0, len], name.as_bytes()].concat());
    let extensions = [name, extension(16, b"\0\x03\x02h2"), extension(43, &[2, 3, 4])].concat();
    hello(1, &[0, 4, 0x13, 0x01, 0x0a, 0x0a, 1, 0], [7; 32], &extensions)
}

pub(super) fn server_hello(retry: bool) -> Vec<u8> {
    let random = if retry {
        *b"\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"
    } else {
        [8; 32]
    };
    hello(2, &[0x13, 0x01, 0], random, &extension(43, &[3, 4]))
}

/// A handshake with a retry, in which both sides send the ChangeCipherSpec that means nothing from TLS 1.3 on.
fn turns() -> Vec<(Sender, Vec<u8>)> {
    let ccs = record(20, &[1]);
    let data = record(23, &[9; 300]);
    vec![
        (CLIENT, client_hello("a.example")),
        (SERVER, [server_hello(true), ccs.clone()].concat()),
        (CLIENT, [ccs, client_hello("a.example")].concat()),
        (SERVER, [server_hello(false), data.clone()].concat()),
        (CLIENT, [data.clone(), data].concat()),
    ]
}

#[test]
fn tls_handshakes_have_the_documented_shape() {
    let turns = turns();
    let items = whole(443, &borrowed(&turns));
    assert_eq!(items.len(), 2);
    assert_eq!((&items[0]["data"]["retry"], &items[1]["data"]["retry"]), (&true.into(), &false.into()));
    let data = &items[1]["data"];
    assert_eq!(
        (&data["sni"], &data["alpn"][0], &data["server"]["cipherSuite"]),
        (&"a.example".into(), &"h2".into(), &"TLS_AES_128_GCM_SHA256".into())
    );
    assert_eq!((&data["cipherSuites"][1], &data["resumed"]), (&"GREASE".into(), &false.into()));
    assert_eq!((&items[1]["protocol"]["version"], &items[1]["dst"]["name"]), (&"1.3".into(), &"a.example".into()));
    assert!(items.iter().all(|i| i["error"].is_null()), "{items:#?}");
}

#[test]
fn a_refused_handshake_tells_the_alert() {
    let alert = record(21, &[2, 40]);
    let items = whole(443, &[(CLIENT, &client_hello("b.example")), (SERVER, &alert)]);
    let data = &items[0]["data"];
    assert_eq!(
        data["alerts"],
        serde_json::json!([{"from": "server", "level": "fatal", "description": "handshake_failure", "descriptionId": 40}])
    );
    assert_eq!((&items[0]["status"], &items[0]["error"]), (&40.into(), &serde_json::Value::Null));
    assert_eq!(whole(443, &[(CLIENT, &client_hello("c"))])[0]["error"]["type"], "timeout");
    assert_eq!(whole(443, &[(SERVER, &server_hello(false))])[0]["error"]["type"], "pair-not-found");
}

#[test]
fn any_split_of_tls_gives_the_same_items() {
    let turns = turns();
    assert_cuts_do_not_matter(443, &borrowed(&turns));
    assert_damage_is_survived(443, &borrowed(&turns));
}

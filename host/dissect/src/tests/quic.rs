//! QUIC.

use super::{CLIENT, SERVER, at, shown, udp};
use crate::{Close, quic::seal};
use hookline_item::{Item, Sender};
use proptest::prelude::*;
use serde_json::json;

const DCID: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8];
const SCID: &[u8] = &[9, 9];
const SERVER_ID: &[u8] = &[7, 7, 7, 7];
const V1: u32 = 1;
const V2: u32 = 0x6b33_43cf;

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind], &len[1..], body].concat()
}

fn client_hello(name: &str) -> Vec<u8> {
    let sized = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    let extension = |kind: u8, data: &[u8]| [&[0, kind][..], &sized(data)].concat();
    let sni = extension(0, &sized(&[&[0][..], &sized(name.as_bytes())].concat()));
    let alpn = extension(16, &sized(b"\x02h3"));
    let versions = extension(43, &[2, 3, 4]);
    let body = [&[3, 3][..], &[5; 32], &[0, 0, 2, 0x13, 1, 1, 0], &sized(&[sni, alpn, versions].concat())].concat();
    message(1, &body)
}

fn server_hello() -> Vec<u8> {
    message(2, &[&[3, 3][..], &[5; 32], &[0, 0x13, 1, 0, 0, 6, 0, 43, 0, 2, 3, 4]].concat())
}

fn crypto(offset: usize, data: &[u8]) -> Vec<u8> {
    let number = |n: usize| (u16::try_from(n).unwrap() | 0x4000).to_be_bytes();
    [&[6][..], &number(offset), &number(data.len()), data].concat()
}

/// Frames with padding, as clients send them.
fn padded(frames: &[u8]) -> Vec<u8> {
    let mut frames = frames.to_vec();
    frames.resize(frames.len().max(600), 0);
    frames
}

fn ask(version: u32, number: u8, frames: &[u8]) -> Vec<u8> {
    seal(version, CLIENT, DCID, [DCID, SCID], number, &padded(frames))
}

fn answer(version: u32, frames: &[u8]) -> Vec<u8> {
    seal(version, SERVER, DCID, [SCID, SERVER_ID], 0, &padded(frames))
}

fn run(datagrams: &[(Sender, Vec<u8>)]) -> Vec<Item> {
    let (mut c, mut out) = (udp(4433), Vec::new());
    for (n, (from, bytes)) in (1..).zip(datagrams) {
        c.bytes(*from, at(n), bytes, &mut out);
    }
    c.close(Close::End, at(99), &mut out);
    out
}

#[test]
fn a_handshake_is_one_item_whatever_the_order_of_its_pieces() {
    let hello = client_hello("example.org");
    let (a, b) = hello.split_at(40);
    let first = [&[1][..], &crypto(40, b)].concat();
    for version in [V1, V2] {
        let items = shown(&run(&[
            (CLIENT, ask(version, 0, &first)),
            (CLIENT, ask(version, 1, &crypto(0, a))),
            (SERVER, answer(version, &[&[2, 0, 0, 0, 0][..], &crypto(0, &server_hello())].concat())),
            (CLIENT, [&[0x40][..], &[0; 30]].concat()),
            (CLIENT, [&[0x40][..], &[0; 30]].concat()),
        ]));
        assert_eq!(items.len(), 1, "{items:#?}");
        let (item, data) = (&items[0], &items[0]["data"]);
        assert_eq!(
            (&data["sni"], &data["alpn"], &item["summary"], &item["dst"]["name"]),
            (&"example.org".into(), &json!(["h3"]), &"example.org".into(), &"example.org".into())
        );
        assert_eq!((&data["dcid"], &data["scid"], &data["retry"]), (&"0102030405060708".into(), &"0909".into(), &false.into()));
        assert!(data["ja4"].as_str().unwrap().starts_with("q13d0103h3_"), "{data}");
        assert_eq!(data["tls"]["server"]["cipherSuite"], "TLS_AES_128_GCM_SHA256");
        assert_eq!((&data["packets"]["client"]["initial"], &data["packets"]["server"]["initial"]), (&2.into(), &1.into()));
        assert_eq!((&item["protocol"]["version"], &item["elapsedTime"]), (&if version == V1 { "1" } else { "2" }.into(), &1000.into()));
        assert_eq!((&item["error"], &item["anomalies"]), (&json!(null), &json!([])));
    }
}

#[test]
fn an_empty_datagram_does_not_hold_the_lane_up() {
    // Found by fuzzing memcached.
    let items = run(&[(CLIENT, ask(V1, 0, &crypto(0, &client_hello("a")))), (SERVER, Vec::new()), (CLIENT, Vec::new())]);
    assert_eq!(items.len(), 1);
}

#[test]
fn a_refusal_tells_why() {
    let close = [&[0x1c, 0x41, 0x28, 6, 3][..], b"no!"].concat();
    let items = shown(&run(&[(CLIENT, ask(V1, 0, &crypto(0, &client_hello("a")))), (SERVER, answer(V1, &close))]));
    assert_eq!(
        items[0]["data"]["close"],
        json!({"from": "server", "errorCode": 296, "errorName": "CRYPTO_ERROR (handshake_failure)", "reason": "no!"})
    );
    assert_eq!(items[0]["status"], 296);
}

#[test]
fn after_a_version_negotiation_the_client_begins_anew() {
    let negotiation = [&[0x80, 0, 0, 0, 0, 2][..], SCID, &[8], DCID, &V2.to_be_bytes()].concat();
    let items = shown(&run(&[
        (CLIENT, ask(V1, 0, &crypto(0, &client_hello("a")))),
        (SERVER, negotiation),
        (CLIENT, ask(V2, 0, &crypto(0, &client_hello("b")))),
    ]));
    let seen: Vec<_> = items.iter().map(|i| (i["data"]["version"].as_str().unwrap(), i["data"]["sni"].as_str().unwrap())).collect();
    assert_eq!(seen, [("1", "a"), ("2", "b")]);
    assert_eq!((&items[0]["data"]["versionNegotiation"], &items[1]["error"]["type"]), (&json!(["2"]), &"timeout".into()));
}

#[test]
fn after_a_retry_the_keys_follow_from_the_servers_id() {
    let retry = [&[0xf0, 0, 0, 0, 1, 2][..], SCID, &[4], SERVER_ID, b"token", &[0; 16]].concat();
    let again = seal(V1, CLIENT, SERVER_ID, [SERVER_ID, SCID], 1, &padded(&crypto(0, &client_hello("a"))));
    let reply = seal(V1, SERVER, SERVER_ID, [SCID, SERVER_ID], 0, &padded(&crypto(0, &server_hello())));
    let items = shown(&run(&[(CLIENT, ask(V1, 0, &crypto(0, &client_hello("a")))), (SERVER, retry), (CLIENT, again), (SERVER, reply)]));
    assert_eq!((items.len(), &items[0]["data"]["retry"], &items[0]["anomalies"]), (1, &true.into(), &json!([])));
    assert_eq!(items[0]["data"]["tls"]["server"]["version"], "TLS 1.3");
}

#[test]
fn what_is_sealed_with_unknown_keys_is_said_to_be() {
    let sealed = seal(V1, CLIENT, &[4; 8], [DCID, SCID], 0, &padded(&crypto(0, &client_hello("a"))));
    let items = shown(&run(&[(CLIENT, sealed)]));
    assert_eq!((&items[0]["anomalies"], &items[0]["data"]["sni"]), (&json!(["initial-undecryptable"]), &json!(null)));
}

proptest! {
    #[test]
    fn any_frames_are_survived(frames in prop::collection::vec(any::<u8>(), 0..200), at_byte in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut packet = ask(V1, 0, &frames);
        run(&[(CLIENT, packet.clone()), (SERVER, answer(V1, &frames))]);
        let at_byte = at_byte.index(packet.len());
        packet[at_byte] = to;
        run(&[(CLIENT, packet)]);
    }
}

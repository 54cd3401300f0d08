//! MySQL.

use super::{CLIENT, SERVER, Turns, assert_cuts_do_not_matter, assert_damage_is_survived, at, borrowed, shown, talk, tcp, tls, whole};
use crate::{Close, Conversation, Flow, Limits, Transport};
use hookline_item::Sender;
use serde_json::json;
use std::io::Write;

const OLD: u32 = 0x0008_a20f;
const NEW: u32 = OLD | 1 << 24 | 1 << 27;
const COMPRESS: u32 = 1 << 5;
const SSL: u32 = 1 << 11;

fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
    [&u32::try_from(payload.len()).unwrap().to_le_bytes()[..3], &[sequence], payload].concat()
}

/// Packets with numbers from `first` on.
fn packets(first: u8, payloads: &[&[u8]]) -> Vec<u8> {
    (first..).zip(payloads).flat_map(|(n, payload)| packet(n, payload)).collect()
}

fn greeting(capabilities: u32) -> Vec<u8> {
    let [a, b, c, d] = (capabilities | 1 << 15).to_le_bytes();
    packet(
        0,
        &[b"\x0a8.0.33\0\x07\0\0\0abcdefgh\0", &[a, b, 0xff, 2, 0, c, d, 21][..], &[0; 10], b"abcdefghijkl\0mysql_native_password\0"]
            .concat(),
    )
}

fn login(capabilities: u32) -> Vec<u8> {
    packet(1, &[&capabilities.to_le_bytes()[..], &[0, 0, 0, 1, 255], &[0; 23], b"ann\0\x06secretshop\0mysql_native_password\0"].concat())
}

fn column(name: &[u8]) -> Vec<u8> {
    [b"\x03def\x04shop\x01t\x01t", &[u8::try_from(name.len()).unwrap()][..], name, b"\x02id\x0c\x3f\0\x0b\0\0\0\x03\0\0\0\0\0"].concat()
}

const OK: &[u8] = &[0, 1, 7, 2, 0, 0, 0];
const EOF: &[u8] = &[0xfe, 0, 0, 2, 0];
const EOF_MORE: &[u8] = &[0xfe, 0, 0, 10, 0];

fn start(capabilities: u32) -> Vec<(Sender, Vec<u8>)> {
    vec![
        (SERVER, greeting(capabilities)),
        (CLIENT, login(capabilities)),
        (SERVER, packet(2, b"\xfecaching_sha2_password\0abcd")),
        (CLIENT, packet(3, b"secret")),
        (SERVER, packet(4, &[1, 3])),
        (SERVER, packet(5, OK)),
    ]
}

fn query(text: &str) -> Vec<u8> {
    packet(0, &[&[3], text.as_bytes()].concat())
}

fn turns() -> Vec<(Sender, Vec<u8>)> {
    let id = column(b"id");
    let mut turns = start(OLD);
    turns.extend([
        (CLIENT, query("SELECT id FROM t; SELECT 2")),
        (SERVER, packets(1, &[&[1], &id, EOF, b"\x011", b"\x012", EOF_MORE, &[1], &id, EOF, b"\x013", EOF])),
        (CLIENT, query("SELEC")),
        (SERVER, packet(1, b"\xff\x28\x04#42000You have an error")),
        (CLIENT, packet(0, b"\x16SELECT ? , ?")),
        (SERVER, packets(1, &[&[0, 9, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0], &id, &id, EOF, &id, EOF])),
        (CLIENT, packet(0, &[&[0x17, 9, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 0, 253, 0, 0xfe, 0xff, 0xff, 0xff, 2][..], b"hi"].concat())),
        (SERVER, packets(1, &[&[1], &id, EOF, &[0, 0, 5, 0, 0, 0], EOF])),
        (CLIENT, packet(0, &[0x17, 9, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 5, 0, 0, 0])),
        (SERVER, packets(1, &[&[1], &id, EOF, EOF])),
        (CLIENT, packet(0, &[0x19, 9, 0, 0, 0])),
        (CLIENT, query("LOAD DATA LOCAL INFILE 'x' INTO TABLE t")),
        (SERVER, packet(1, b"\xfbx")),
        (CLIENT, packets(2, &[b"1,2,3", b""])),
        (SERVER, packet(4, OK)),
        (CLIENT, packet(0, &[1])),
    ]);
    turns
}

#[test]
fn commands_have_the_documented_shape() {
    let items = whole(3306, &borrowed(&turns()));
    let names: Vec<_> = items.iter().map(|i| i["method"].as_str().unwrap()).collect();
    let execute = "COM_STMT_EXECUTE";
    let want =
        ["Handshake", "Login", "COM_QUERY", "COM_QUERY", "COM_STMT_PREPARE", execute, execute, "COM_STMT_CLOSE", "COM_QUERY", "COM_QUIT"];
    assert_eq!(names, want);
    assert!(items.iter().all(|i| i["error"].is_null()), "{items:#?}");
    assert!(!format!("{items:?}").contains("secret"));
    assert_eq!(
        items[1]["request"],
        json!({"command": "Login", "user": "ann", "password": "REDACTED", "database": "shop", "serverVersion": "8.0.33", "authPlugin": "mysql_native_password"})
    );
    assert_eq!((&items[1]["response"]["success"], &items[1]["response"]["authPlugin"]), (&true.into(), &"caching_sha2_password".into()));
    assert_eq!(items[2]["request"], json!({"command": "COM_QUERY", "commandId": 3, "query": "SELECT id FROM t; SELECT 2"}));
    assert_eq!(
        items[2]["response"],
        json!({"success": true, "columns": [{"name": "id", "table": "t", "type": "LONG"}], "rows": 3, "results": 2})
    );
    let error = &items[3]["response"];
    assert_eq!((&error["errorCode"], &error["sqlState"], &error["message"]), (&1064.into(), &"42000".into(), &"You have an error".into()));
    assert_eq!((&items[4]["response"]["statementId"], &items[4]["response"]["parameterCount"]), (&9.into(), &2.into()));
    assert_eq!((&items[5]["request"]["query"], &items[5]["request"]["parameters"]), (&"SELECT ? , ?".into(), &json!([-2, "hi"])));
    assert_eq!((&items[6]["request"]["parameters"], &items[6]["response"]["rows"]), (&json!([5, null]), &0.into()));
    assert_eq!(items[7]["request"]["query"], "SELECT ? , ?");
    assert_eq!((&items[8]["response"]["infile"], &items[8]["request"]["infileBytes"]), (&"x".into(), &5.into()));
    assert_eq!((&items[8]["response"]["affectedRows"], &items[8]["response"]["lastInsertId"]), (&1.into(), &7.into()));
}

#[test]
fn any_split_of_mysql_gives_the_same_items() {
    assert_cuts_do_not_matter(3306, &borrowed(&turns()));
    assert_damage_is_survived(3306, &borrowed(&turns()));
}

#[test]
fn results_without_eof_and_queries_with_attributes_are_read() {
    let end = [0xfe, 0, 0, 2, 0, 0, 0];
    let mut turns = start(NEW);
    turns.push((CLIENT, packet(0, b"\x03\x01\x01\0\x01\xfd\0\x05trace\x02idSELECT 1")));
    turns.push((SERVER, packets(1, &[&[1], &column(b"1"), b"\x011", &end])));
    turns.push((CLIENT, packet(0, b"\x03\0\x01SELECT 2")));
    turns.push((SERVER, packets(1, &[&[1], &column(b"2"), &end])));
    let items = whole(3306, &borrowed(&turns));
    assert_eq!((&items[2]["request"]["query"], &items[2]["response"]["rows"]), (&"SELECT 1".into(), &1.into()));
    assert_eq!((&items[3]["request"]["query"], &items[3]["response"]["rows"]), (&"SELECT 2".into(), &0.into()));
}

#[test]
fn compressed_connections_are_read() {
    let zlib = |bytes: &[u8]| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let wrapped = |sequence: u8, len: usize, contents: &[u8]| {
        [
            &packet(sequence, b"")[..0],
            &u32::try_from(contents.len()).unwrap().to_le_bytes()[..3],
            &[sequence],
            &u32::try_from(len).unwrap().to_le_bytes()[..3],
            contents,
        ]
        .concat()
    };
    let response = packets(1, &[&[1], &column(b"id"), EOF, b"\x011", EOF]);
    let (first, second) = response.split_at(30);
    let zstd = zstd::encode_all(&query("SELECT 2")[..], 1).unwrap();
    let mut turns = start(OLD | COMPRESS);
    turns.push((CLIENT, wrapped(0, 0, &query("SELECT 1"))));
    turns.push((SERVER, [wrapped(1, first.len(), &zlib(first)), wrapped(2, second.len(), &zlib(second))].concat()));
    turns.push((CLIENT, wrapped(0, query("SELECT 2").len(), &zstd)));
    turns.push((SERVER, wrapped(1, 0, &packet(1, OK))));
    let items = whole(3306, &borrowed(&turns));
    assert_eq!((&items[2]["request"]["query"], &items[2]["response"]["rows"]), (&"SELECT 1".into(), &1.into()));
    assert_eq!((&items[3]["request"]["query"], &items[3]["response"]["affectedRows"]), (&"SELECT 2".into(), &1.into()));
    assert_cuts_do_not_matter(3306, &borrowed(&turns));
    assert_damage_is_survived(3306, &borrowed(&turns));
}

#[test]
fn behind_an_ssl_request_there_is_tls() {
    let capabilities = OLD | SSL;
    let ssl = packet(1, &[&capabilities.to_le_bytes()[..], &[0, 0, 0, 1, 255], &[0; 23]].concat());
    let turns = [(SERVER, greeting(capabilities)), (CLIENT, ssl), (CLIENT, tls::client_hello("db")), (SERVER, tls::server_hello(false))];
    let items = shown(&talk(7000, &borrowed(&turns), &[3]));
    assert_eq!((items.len(), &items[1]["request"]["command"], &items[2]["protocol"]["name"]), (3, &"SSLRequest".into(), &"tls".into()));
}

#[test]
fn look_alikes_are_not_claimed() {
    let talks: [Turns<'_>; 3] = [
        &[(SERVER, b"\x2a\0\0\0\x0bnot a version"), (CLIENT, b"\x05\0\0\0abcd")],
        &[(CLIENT, b"\x10\0\0\0\x03\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"), (SERVER, b"")],
        &[(SERVER, b"220 mail ESMTP\r\n"), (CLIENT, b"EHLO a\r\n")],
    ];
    for turns in talks {
        assert!(whole(7000, turns).iter().all(|i| i["protocol"]["name"] != "mysql"), "{turns:?}");
    }
}

#[test]
fn a_flow_picked_up_in_its_middle_is_recognised_and_read_over_losses() {
    let mut flow = Flow::new(1, Transport::Tcp, "10.0.0.1:6000".parse().unwrap(), "10.0.0.2:7000".parse().unwrap());
    (flow.mid_stream, flow.roles_guessed) = (true, true);
    let (mut c, mut out) = (Conversation::new(flow, Limits::default().into()), Vec::new());
    c.bytes(CLIENT, at(1), b"the end of a row", &mut out);
    c.bytes(SERVER, at(2), &query("SELECT id FROM t"), &mut out);
    c.bytes(CLIENT, at(3), &packets(1, &[&[1], &column(b"id"), EOF, b"\x011", EOF]), &mut out);
    c.bytes(SERVER, at(4), &query("SELECT lost FROM t"), &mut out);
    c.gap(CLIENT, at(5), 100, &mut out);
    c.bytes(CLIENT, at(5), b"end", &mut out);
    c.bytes(SERVER, at(6), &query("DELETE FROM t"), &mut out);
    c.bytes(CLIENT, at(7), &packet(1, OK), &mut out);
    c.close(Close::Fin, at(8), &mut out);
    let items = shown(&out);
    assert_eq!((&items[0]["src"]["ip"], &items[0]["response"]["rows"]), (&"10.0.0.2".into(), &1.into()));
    assert_eq!((&items[1]["error"]["type"], &items[2]["response"]["affectedRows"]), (&"timeout".into(), &1.into()));
}

#[test]
fn long_queries_are_cut_and_counted() {
    let (mut c, mut out) = (tcp(3306), Vec::new());
    for (from, bytes) in start(OLD) {
        c.bytes(from, at(1), &bytes, &mut out);
    }
    for piece in query(&format!("SELECT '{}'", "v".repeat(1_000_000))).chunks(1400) {
        c.bytes(CLIENT, at(2), piece, &mut out);
    }
    c.bytes(SERVER, at(3), &packet(1, OK), &mut out);
    let items = shown(&out);
    assert_eq!((&items[2]["anomalies"], &items[2]["requestSize"]), (&json!(["message-incomplete"]), &1_000_014.into()));
}

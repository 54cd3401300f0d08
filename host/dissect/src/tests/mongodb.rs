//! MongoDB.

use super::{CLIENT, SERVER, assert_cuts_do_not_matter, assert_damage_is_survived, at, borrowed, shown, tcp, whole};
use crate::{Close, Conversation, Flow, Limits, Transport};
use hookline_item::Sender;
use serde_json::json;

fn document(elements: &[Vec<u8>]) -> Vec<u8> {
    let body = elements.concat();
    [&i32::try_from(body.len() + 5).unwrap().to_le_bytes()[..], &body, &[0]].concat()
}

fn element(kind: u8, name: &str, value: &[u8]) -> Vec<u8> {
    [&[kind][..], name.as_bytes(), &[0], value].concat()
}

fn text(name: &str, t: &str) -> Vec<u8> {
    element(2, name, &[&i32::try_from(t.len() + 1).unwrap().to_le_bytes()[..], t.as_bytes(), &[0]].concat())
}

fn int(name: &str, n: i32) -> Vec<u8> {
    element(16, name, &n.to_le_bytes())
}

fn message(id: i32, to: i32, opcode: i32, body: &[u8]) -> Vec<u8> {
    let len = i32::try_from(16 + body.len()).unwrap();
    [&len.to_le_bytes()[..], &id.to_le_bytes(), &to.to_le_bytes(), &opcode.to_le_bytes(), body].concat()
}

fn msg(id: i32, to: i32, flags: u32, main: &[Vec<u8>]) -> Vec<u8> {
    message(id, to, 2013, &[&flags.to_le_bytes()[..], &[0], &document(main)].concat())
}

fn insert() -> Vec<u8> {
    let sequence = [b"documents\0".to_vec(), document(&[int("a", 1)]), document(&[element(7, "_id", &[1; 12])])].concat();
    let section = [&[1][..], &i32::try_from(sequence.len() + 4).unwrap().to_le_bytes(), &sequence].concat();
    message(2, 0, 2013, &[&0u32.to_le_bytes()[..], &[0], &document(&[text("insert", "c"), text("$db", "d")]), &section].concat())
}

fn dialogue() -> Vec<(Sender, Vec<u8>)> {
    let find = vec![
        text("find", "c"),
        element(3, "filter", &document(&[element(9, "at", &1_000i64.to_le_bytes()), element(8, "x", &[1])])),
        text("$db", "d"),
    ];
    let batch = element(4, "firstBatch", &document(&[element(3, "0", &document(&[int("a", 1)])), element(3, "1", &document(&[]))]));
    let found = vec![element(3, "cursor", &document(&[batch])), element(1, "ok", &1f64.to_le_bytes())];
    let failed =
        element(4, "writeErrors", &document(&[element(3, "0", &document(&[int("code", 11000), text("errmsg", "duplicate key")]))]));
    let login = vec![
        int("saslStart", 1),
        text("mechanism", "PLAIN"),
        element(5, "payload", &[&4i32.to_le_bytes()[..], &[0], b"hush"].concat()),
        text("$db", "admin"),
    ];
    let query = [&[0; 4][..], b"d.$cmd\0", &[0; 8], &document(&[int("isMaster", 1)])].concat();
    let reply = [
        &[8, 0, 0, 0][..],
        &[0; 8],
        &[0; 4],
        &[1, 0, 0, 0],
        &document(&[element(8, "ismaster", &[1]), element(1, "ok", &1f64.to_le_bytes())]),
    ]
    .concat();
    vec![
        (CLIENT, message(1, 0, 2004, &query)),
        (SERVER, message(9, 1, 1, &reply)),
        (CLIENT, [insert(), msg(3, 0, 0, &find), msg(4, 0, 2, &[text("update", "c"), text("$db", "d")])].concat()),
        (SERVER, [msg(10, 3, 0, &found), msg(11, 2, 0, &[failed, int("ok", 1)])].concat()),
        (CLIENT, msg(5, 0, 0, &login)),
        (
            SERVER,
            msg(
                12,
                5,
                0,
                &[element(1, "ok", &0f64.to_le_bytes()), text("errmsg", "no"), int("code", 18), text("codeName", "AuthenticationFailed")],
            ),
        ),
        (CLIENT, msg(6, 0, 1 << 16, &[int("hello", 1), text("$db", "admin")])),
        (SERVER, [msg(13, 6, 2, &[int("ok", 1)]), msg(14, 13, 0, &[int("ok", 1)])].concat()),
    ]
}

#[test]
fn commands_and_replies_have_the_documented_shape() {
    let turns = dialogue();
    let items = whole(27017, &borrowed(&turns));
    let seen: Vec<_> =
        items.iter().map(|i| (i["method"].as_str().unwrap(), i["summary"].as_str().unwrap(), i["status"].as_i64())).collect();
    assert_eq!(
        seen,
        [
            ("isMaster", "d", Some(0)),
            ("update", "d.c", None),
            ("find", "d.c", Some(0)),
            ("insert", "d.c", Some(11000)),
            ("saslStart", "admin", Some(18)),
            ("hello", "admin", Some(0)),
            ("", "", Some(0)),
        ]
    );
    assert_eq!(
        (&items[0]["request"]["opcode"], &items[0]["response"]["document"]),
        (&"OP_QUERY".into(), &json!({"ismaster": true, "ok": 1}))
    );
    assert_eq!(
        items[2]["request"],
        json!({"opcode": "OP_MSG", "opcodeId": 2013, "requestId": 3, "command": "find", "database": "d", "collection": "c",
            "document": {"find": "c", "filter": {"at": {"$date": "1970-01-01T00:00:01.000000000Z"}, "x": true}, "$db": "d"}})
    );
    assert_eq!((&items[2]["response"]["returned"], &items[2]["response"]["success"]), (&2.into(), &true.into()));
    assert_eq!(items[3]["request"]["document"]["documents"], json!([{"a": 1}, {"_id": {"$oid": "010101010101010101010101"}}]));
    assert_eq!((&items[3]["response"]["errorMessage"], &items[3]["response"]["success"]), (&"duplicate key".into(), &false.into()));
    assert_eq!(
        (&items[4]["request"]["document"]["payload"], &items[4]["response"]["errorCodeName"]),
        (&"REDACTED".into(), &"AuthenticationFailed".into())
    );
    assert!(items.iter().all(|i| i["error"].is_null() && i["anomalies"] == json!([])), "{items:#?}");
}

#[test]
fn any_split_of_mongodb_gives_the_same_items() {
    let turns = dialogue();
    assert_cuts_do_not_matter(27017, &borrowed(&turns));
    assert_damage_is_survived(27017, &borrowed(&turns));
}

#[test]
fn compressed_messages_are_opened() {
    use std::io::Write as _;
    let plain = msg(7, 0, 0, &[text("find", "c"), text("$db", "d")])[16..].to_vec();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    zlib.write_all(&plain).unwrap();
    let packed = [
        (0, plain.clone()),
        (1, snap::raw::Encoder::new().compress_vec(&plain).unwrap()),
        (2, zlib.finish().unwrap()),
        (3, zstd::encode_all(&plain[..], 1).unwrap()),
    ];
    for (id, data) in packed {
        let wrap = |size: usize, data: &[u8]| {
            let size = i32::try_from(size).unwrap();
            message(7, 0, 2012, &[&2013i32.to_le_bytes()[..], &size.to_le_bytes(), &[id], data].concat())
        };
        let items = whole(9000, &[(CLIENT, &wrap(plain.len(), &data))]);
        assert_eq!((&items[0]["summary"], &items[0]["request"]["compressed"]), (&"d.c".into(), &true.into()), "compressor {id}");
        let damaged = whole(9000, &[(CLIENT, &wrap(1 << 30, &data))]);
        assert_eq!(damaged[0]["anomalies"], json!(["message-undecompressable"]));
    }
}

#[test]
fn a_flow_picked_up_in_its_middle_is_recognised_and_a_loss_survived() {
    let mut flow = Flow::new(1, Transport::Tcp, "10.0.0.1:6000".parse().unwrap(), "10.0.0.2:7000".parse().unwrap());
    (flow.mid_stream, flow.roles_guessed) = (true, true);
    let (mut c, mut out) = (Conversation::new(flow, Limits::default().into()), Vec::new());
    c.bytes(CLIENT, at(1), b"the rest of a document", &mut out);
    c.bytes(SERVER, at(2), &msg(1, 0, 0, &[text("find", "c"), text("$db", "d")]), &mut out);
    c.gap(SERVER, at(3), 100, &mut out);
    c.bytes(CLIENT, at(3), &msg(2, 1, 0, &[int("ok", 1)]), &mut out);
    c.close(Close::Fin, at(4), &mut out);
    let items = shown(&out);
    assert_eq!((&items[0]["src"]["ip"], &items[0]["status"]), (&"10.0.0.2".into(), &0.into()));
}

#[test]
fn a_query_of_a_driver_that_responds_to_minus_one_is_read() {
    let query = [&[0; 4][..], b"d.$cmd\0", &[0; 8], &document(&[int("getnonce", 1)])].concat();
    assert_eq!(whole(30000, &[(CLIENT, &message(1, -1, 2004, &query))])[0]["method"], "getnonce");
}

#[test]
fn look_alikes_are_not_claimed() {
    for bytes in
        [&message(1, 0, 2013, &[4, 0, 0, 0, 0])[..], &message(1, 0, 2004, b"\0\0\0\0nodot\0"), &message(1, 0, 7, &[0; 20]), &[0xff; 40]]
    {
        let (mut c, mut out) = (tcp(27017), Vec::new());
        c.bytes(CLIENT, at(1), bytes, &mut out);
        c.close(Close::Fin, at(2), &mut out);
        assert!(out.is_empty(), "{bytes:?}");
    }
}

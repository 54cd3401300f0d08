//! PostgreSQL.

use super::{CLIENT, SERVER, Turns, assert_cuts_do_not_matter, assert_damage_is_survived, at, borrowed, shown, talk, tcp, tls, whole};
use crate::{Close, Conversation, Flow, Limits, Transport};
use hookline_item::Sender;
use serde_json::json;

fn msg(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &u32::try_from(body.len() + 4).unwrap().to_be_bytes(), body].concat()
}

fn startup() -> Vec<u8> {
    let body = b"\0\x03\0\0user\0ann\0database\0shop\0\0";
    [&u32::try_from(body.len() + 4).unwrap().to_be_bytes()[..], body].concat()
}

fn ssl() -> Vec<u8> {
    vec![0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]
}

fn bind(statement: &[u8], value: &[u8]) -> Vec<u8> {
    msg(b'B', &[b"\0", statement, b"\0\0\x01\0\x01\0\x01", &u32::try_from(value.len()).unwrap().to_be_bytes()[..], value, &[0, 0]].concat())
}

const COLUMN: &[u8] = b"\0\x01id\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0";
const IDLE: &[u8] = b"Z\0\0\0\x05I";
const SYNC: &[u8] = b"S\0\0\0\x04";

fn turns() -> Vec<(Sender, Vec<u8>)> {
    let done = |tag: &[u8]| msg(b'C', &[tag, b"\0"].concat());
    let row = msg(b'D', b"\0\x01\0\0\0\x011");
    let error = msg(b'E', b"SERROR\0VERROR\0C42601\0Msyntax error\0P1\0\0");
    let execute = msg(b'E', b"\0\0\0\0\0");
    vec![
        (CLIENT, ssl()),
        (SERVER, b"N".to_vec()),
        (CLIENT, startup()),
        (SERVER, msg(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0")),
        (CLIENT, msg(b'p', b"SCRAM-SHA-256\0\0\0\0\x06secret")),
        (SERVER, msg(b'R', b"\0\0\0\x0br=1")),
        (CLIENT, msg(b'p', b"c=secret")),
        (
            SERVER,
            [
                msg(b'R', b"\0\0\0\x0cv=x"),
                msg(b'R', &[0; 4]),
                msg(b'S', b"TimeZone\0UTC\0"),
                msg(b'K', &[0, 0, 0, 7, 1, 2, 3, 4]),
                IDLE.into(),
            ]
            .concat(),
        ),
        (CLIENT, msg(b'Q', b"SELECT 1; SELECT 2\0")),
        (
            SERVER,
            [msg(b'T', COLUMN), row.clone(), done(b"SELECT 1"), msg(b'T', COLUMN), row.clone(), done(b"SELECT 1"), IDLE.into()].concat(),
        ),
        (
            CLIENT,
            [msg(b'P', b"s1\0SELECT $1\0\0\x01\0\0\0\x17"), bind(b"s1", &[0, 0, 0, 42]), msg(b'D', b"P\0"), execute.clone(), SYNC.into()]
                .concat(),
        ),
        (SERVER, [msg(b'1', b""), msg(b'2', b""), msg(b'T', COLUMN), row, done(b"SELECT 1"), IDLE.into()].concat()),
        (CLIENT, [msg(b'P', b"\0SELEC\0\0\0"), execute, SYNC.into()].concat()),
        (SERVER, [error, IDLE.into(), msg(b'A', b"\0\0\0\x09jobs\0new\0")].concat()),
        (CLIENT, msg(b'Q', b"COPY t FROM STDIN\0")),
        (SERVER, msg(b'G', b"\0\0\x01\0\0")),
        (CLIENT, [msg(b'd', b"1\n"), msg(b'd', b"2\n"), msg(b'c', b"")].concat()),
        (SERVER, [done(b"COPY 2"), IDLE.into()].concat()),
        (CLIENT, msg(b'X', b"")),
    ]
}

#[test]
fn commands_have_the_documented_shape() {
    let turns = turns();
    let items = whole(5432, &borrowed(&turns));
    let of = |command: &str| items.iter().filter(|i| i["request"]["command"] == command).collect::<Vec<_>>();
    assert!(items.iter().all(|i| i["error"].is_null()), "{items:#?}");
    assert_eq!((&of("SSLRequest")[0]["response"]["accepted"], &of("Startup")[0]["request"]["user"]), (&false.into(), &"ann".into()));
    assert_eq!(of("Startup")[0]["response"]["mechanisms"], json!(["SCRAM-SHA-256"]));
    assert_eq!(of("SASLResponse")[0]["response"]["parameters"], json!({"TimeZone": "UTC"}));
    assert_eq!(
        of("SASLInitialResponse")[0]["request"],
        json!({"command": "SASLInitialResponse", "mechanism": "SCRAM-SHA-256", "password": "REDACTED"})
    );
    assert!(!format!("{items:?}").contains("secret"));
    let query = of("Query")[0];
    assert_eq!(query["request"], json!({"command": "Query", "query": "SELECT 1; SELECT 2"}));
    assert_eq!(
        query["response"],
        json!({"success": true, "tag": "SELECT 1", "tags": ["SELECT 1", "SELECT 1"], "rows": 2, "affectedRows": 1,
            "columns": [{"name": "id", "type": "int4"}], "transaction": "idle"})
    );
    assert_eq!((&of("Bind")[0]["request"]["parameters"], &of("Bind")[0]["request"]["query"]), (&json!([42]), &"SELECT $1".into()));
    let execute = of("Execute");
    assert_eq!((&execute[0]["request"]["query"], &execute[0]["response"]["rows"]), (&"SELECT $1".into(), &1.into()));
    assert_eq!((&execute[1]["anomalies"], execute[1].get("response")), (&json!(["skipped-after-error"]), None));
    let failed = of("Parse")[1];
    assert_eq!(
        (&failed["response"]["errorCode"], &failed["response"]["severity"], &failed["status"]),
        (&"42601".into(), &"ERROR".into(), &1.into())
    );
    let copy = of("Query")[1];
    assert_eq!(
        (&copy["request"]["copy"], &copy["response"]["tag"]),
        (&json!({"direction": "in", "messages": 2, "bytes": 4}), &"COPY 2".into())
    );
    let notified = items.iter().find(|i| i["method"] == "NotificationResponse").unwrap();
    assert_eq!((&notified["response"]["channel"], &notified["response"]["payload"]), (&"jobs".into(), &"new".into()));
}

#[test]
fn any_split_of_postgresql_gives_the_same_items() {
    let turns = turns();
    assert_cuts_do_not_matter(5432, &borrowed(&turns));
    assert_damage_is_survived(5432, &borrowed(&turns));
}

#[test]
fn behind_an_accepted_ssl_request_there_is_tls() {
    let turns = [(CLIENT, ssl()), (SERVER, b"S".to_vec()), (CLIENT, tls::client_hello("db")), (SERVER, tls::server_hello(false))];
    let items = shown(&talk(7000, &borrowed(&turns), &[3]));
    assert_eq!((&items[0]["request"]["command"], &items[0]["response"]["accepted"]), (&"SSLRequest".into(), &true.into()));
    assert_eq!((items.len(), &items[1]["protocol"]["name"]), (2, &"tls".into()));
}

#[test]
fn look_alikes_are_not_claimed() {
    let talks: [Turns<'_>; 4] = [
        &[(CLIENT, b"\0\0\0\x09\0\x03\0\0a"), (SERVER, b"R\0\0\0")],
        &[(CLIENT, b"\0\0\0\x14\0\x12\0\x02\0\0\0\x01\0\x01x"), (SERVER, b"")],
        &[(CLIENT, b"Q\0\0\0\x03SELECT 1"), (SERVER, b"Z\0\0\0\x05X")],
        &[(CLIENT, b"SSH-2.0-x\r\n"), (SERVER, b"SSH-2.0-y\r\n")],
    ];
    for turns in talks {
        assert!(whole(7000, turns).iter().all(|i| i["protocol"]["name"] != "postgresql"), "{turns:?}");
    }
}

#[test]
fn after_a_loss_the_next_query_is_read() {
    let (mut c, mut out) = (tcp(5432), Vec::new());
    c.bytes(CLIENT, at(1), &startup(), &mut out);
    c.bytes(SERVER, at(2), &[msg(b'R', &[0; 4]), IDLE.into()].concat(), &mut out);
    c.bytes(CLIENT, at(3), &msg(b'Q', b"SELECT 1\0"), &mut out);
    c.gap(SERVER, at(4), 100, &mut out);
    c.bytes(SERVER, at(4), b"of a row", &mut out);
    c.bytes(CLIENT, at(5), &msg(b'Q', b"SELECT 2\0"), &mut out);
    c.bytes(SERVER, at(6), &[msg(b'C', b"SELECT 0\0"), IDLE.into()].concat(), &mut out);
    c.close(Close::Fin, at(7), &mut out);
    let items = shown(&out);
    assert_eq!((&items[1]["error"]["type"], &items[2]["request"]["query"]), (&"timeout".into(), &"SELECT 2".into()));
    assert_eq!(items[2]["response"]["tag"], "SELECT 0");
}

#[test]
fn a_flow_picked_up_in_its_middle_is_recognised() {
    let mut flow = Flow::new(1, Transport::Tcp, "10.0.0.1:6000".parse().unwrap(), "10.0.0.2:7000".parse().unwrap());
    (flow.mid_stream, flow.roles_guessed) = (true, true);
    let (mut c, mut out) = (Conversation::new(flow, Limits::default().into()), Vec::new());
    c.bytes(CLIENT, at(1), b"rest of a row", &mut out);
    c.bytes(CLIENT, at(2), &[msg(b'C', b"SELECT 9\0"), IDLE.into()].concat(), &mut out);
    c.bytes(SERVER, at(3), &msg(b'Q', b"SELECT 1\0"), &mut out);
    c.bytes(CLIENT, at(4), &[msg(b'C', b"SELECT 1\0"), IDLE.into()].concat(), &mut out);
    c.close(Close::Fin, at(5), &mut out);
    let items = shown(&out);
    assert_eq!((items.len(), &items[0]["src"]["ip"]), (2, &"10.0.0.2".into()));
    assert!(items.iter().any(|i| i["request"]["query"] == "SELECT 1" && i["response"]["tag"] == "SELECT 1"), "{items:#?}");
}

#[test]
fn long_rows_are_counted_and_not_kept() {
    let (mut c, mut out) = (tcp(5432), Vec::new());
    c.bytes(CLIENT, at(1), &startup(), &mut out);
    c.bytes(SERVER, at(2), &[msg(b'R', &[0; 4]), IDLE.into()].concat(), &mut out);
    c.bytes(CLIENT, at(3), &msg(b'Q', b"SELECT big\0"), &mut out);
    let value = vec![b'v'; 1_000_000];
    let row = msg(b'D', &[&[0, 1, 0, 0x0f, 0x42, 0x40], &value[..]].concat());
    for piece in row.chunks(1400) {
        c.bytes(SERVER, at(4), piece, &mut out);
    }
    c.bytes(SERVER, at(5), &[msg(b'C', b"SELECT 1\0"), IDLE.into()].concat(), &mut out);
    let items = shown(&out);
    assert_eq!((&items[1]["response"]["rows"], &items[1]["completeness"]["grade"]), (&1.into(), &"full".into()));
}

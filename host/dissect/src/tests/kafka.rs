//! Kafka.

use super::{CLIENT, SERVER, assert_cuts_do_not_matter, assert_damage_is_survived, at, borrowed, shown, tcp, whole};
use crate::Close;
use hookline_item::Sender;
use serde_json::json;

/// A message with its size.
fn sized(message: &[u8]) -> Vec<u8> {
    [&u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat()
}

/// A compact string.
fn compact(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len() + 1).unwrap()], text.as_bytes()].concat()
}

fn request(key: u16, version: u16, correlation: u32, body: &[u8]) -> Vec<u8> {
    let head = [&key.to_be_bytes()[..], &version.to_be_bytes(), &correlation.to_be_bytes(), &text("client-1")].concat();
    sized(&[&head[..], body].concat())
}

fn response(correlation: u32, body: &[u8]) -> Vec<u8> {
    sized(&[&correlation.to_be_bytes()[..], body].concat())
}

/// One record, `key` and `value` at an offset in its batch.
fn record(offset: u8, key: &str, value: &str) -> Vec<u8> {
    let zigzag = |n: usize| u8::try_from(n * 2).unwrap();
    let body =
        [&[0, 0, offset * 2, zigzag(key.len())], key.as_bytes(), &[zigzag(value.len())], value.as_bytes(), &[2, 2, b'h', 2, b'v']].concat();
    [&[zigzag(body.len())], &body[..]].concat()
}

/// A batch of magic 2 whose records are `records`, compressed as `attributes` say.
fn batch(attributes: u8, count: u32, records: &[u8]) -> Vec<u8> {
    let fixed = [
        &[0, 0, 0, 0, 2, 0, 0, 0, 0, 0, attributes, 0, 0, 0, 1][..],
        &1_700_000_000_000u64.to_be_bytes(),
        &1_700_000_000_001u64.to_be_bytes(),
        &[0xff; 14],
        &count.to_be_bytes(),
        records,
    ]
    .concat();
    [&7u64.to_be_bytes()[..], &sized(&fixed)].concat()
}

fn produce(correlation: u32, acks: i16, batch: &[u8]) -> Vec<u8> {
    let body =
        [&[0xff, 0xff][..], &acks.to_be_bytes(), &[0, 0, 3, 0xe8, 0, 0, 0, 1], &text("orders"), &[0, 0, 0, 1, 0, 0, 0, 4], &sized(batch)]
            .concat();
    request(0, 7, correlation, &body)
}

fn produced(correlation: u32, error: i16) -> Vec<u8> {
    let body = [&[0, 0, 0, 1][..], &text("orders"), &[0, 0, 0, 1, 0, 0, 0, 4], &error.to_be_bytes(), &[0; 24], &[0, 0, 0, 0]].concat();
    response(correlation, &body)
}

fn dialogue() -> Vec<(Sender, Vec<u8>)> {
    let versions = [compact("librdkafka"), compact("2.6"), vec![0]].concat();
    let metadata = [&[0, 0, 0, 1][..], &text("orders"), &[1]].concat();
    let brokers = [
        &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5][..],
        &text("b.example"),
        &[0, 0, 0x23, 0x84, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 5, 0, 0, 0, 0],
    ]
    .concat();
    vec![
        (CLIENT, request(18, 3, 1, &[&[0][..], &versions].concat())),
        (SERVER, response(1, &[0, 0, 3, 0, 0, 0, 0, 0, 13, 0, 0, 1, 0, 4, 0, 17, 0, 0, 0, 0, 0, 0])),
        (
            CLIENT,
            [request(3, 4, 2, &metadata), produce(3, -1, &batch(0, 2, &[record(0, "k", "one"), record(1, "", "two")].concat()))].concat(),
        ),
        (SERVER, [response(2, &brokers), produced(3, 6)].concat()),
        (CLIENT, produce(4, 0, &batch(0, 1, &record(0, "k", "unanswered")))),
        (CLIENT, request(36, 1, 5, &sized(b"\0user\0hush"))),
        (SERVER, response(5, &[&[0, 0, 0xff, 0xff][..], &sized(b""), &[0; 8]].concat())),
    ]
}

#[test]
fn requests_and_responses_are_read_by_their_versions() {
    let turns = dialogue();
    let items = whole(5555, &borrowed(&turns));
    let seen: Vec<_> =
        items.iter().map(|i| (i["method"].as_str().unwrap(), i["summary"].as_str().unwrap(), i["status"].as_i64())).collect();
    let want = [
        ("ApiVersions", "client-1", Some(0)),
        ("Metadata", "orders", None),
        ("Produce", "orders", Some(6)),
        ("Produce", "orders", None),
        ("SaslAuthenticate", "client-1", Some(0)),
    ];
    assert_eq!(seen, want, "{items:#?}");
    let versions = &items[0];
    assert_eq!(versions["request"]["payload"], json!({"clientSoftwareName": "librdkafka", "clientSoftwareVersion": "2.6"}));
    let keys = json!([{"apiKey": 0, "minVersion": 0, "maxVersion": 13}, {"apiKey": 1, "minVersion": 4, "maxVersion": 17}]);
    assert_eq!(versions["response"]["payload"]["apiKeys"], keys);
    assert_eq!(items[1]["response"]["payload"]["brokers"], json!([{"nodeId": 5, "host": "b.example", "port": 9092, "rack": null}]));
    let produce = &items[2];
    assert_eq!((&produce["request"]["topics"], &produce["response"]["errorName"]), (&json!(["orders"]), &json!("NOT_LEADER_OR_FOLLOWER")));
    let partition = &produce["request"]["payload"]["topicData"][0]["partitionData"][0];
    let want = json!([
        {"offset": 7, "timestamp": 1_700_000_000_000u64, "key": "k", "value": "one", "headers": {"h": "v"}},
        {"offset": 8, "timestamp": 1_700_000_000_000u64, "key": "", "value": "two", "headers": {"h": "v"}},
    ]);
    assert_eq!((&partition["index"], &partition["records"]), (&4.into(), &want));
    assert_eq!((&partition["recordBatches"][0]["compression"], &partition["recordBatches"][0]["recordCount"]), (&"none".into(), &2.into()));
    assert!(items[3]["error"].is_null(), "acks=0: nobody answers");
    assert_eq!(items[4]["request"]["payload"], json!({"authBytes": "REDACTED"}));
    assert!(!shown_text(&items).contains("hush"));
}

fn shown_text(items: &[serde_json::Value]) -> String {
    items.iter().map(ToString::to_string).collect()
}

#[test]
fn any_split_of_kafka_gives_the_same_items() {
    let turns = dialogue();
    assert_cuts_do_not_matter(5555, &borrowed(&turns));
    assert_damage_is_survived(5555, &borrowed(&turns));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn snappy_java(bytes: &[u8]) -> Vec<u8> {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let block = |bytes| sized(&snap::raw::Encoder::new().compress_vec(bytes).unwrap());
    [&b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01"[..], &block(first), &block(second)].concat()
}

/// A frame with independent blocks, the first compressed and the second not; its checksum is wrong, as that of old clients.
fn lz4(bytes: &[u8]) -> Vec<u8> {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let packed = lz4_flex::block::compress(first);
    let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
    let blocks = [&size(&packed).to_le_bytes()[..], &packed, &(size(second) | 1 << 31).to_le_bytes(), second].concat();
    [&[0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0][..], &blocks, &[0; 4]].concat()
}

#[test]
fn records_are_decompressed() {
    let records = [record(0, "a", "first value"), record(1, "b", "second value")].concat();
    let snappy = snap::raw::Encoder::new().compress_vec(&records).unwrap();
    let zstd = zstd::bulk::compress(&records, 3).unwrap();
    let compressed = [
        (1, "gzip", gzip(&records)),
        (2, "snappy", snappy),
        (2, "snappy", snappy_java(&records)),
        (3, "lz4", lz4(&records)),
        (4, "zstd", zstd),
    ];
    for (attributes, name, bytes) in compressed {
        let items = whole(5555, &[(CLIENT, &produce(1, -1, &batch(attributes, 2, &bytes)))]);
        let partition = &items[0]["request"]["payload"]["topicData"][0]["partitionData"][0];
        assert_eq!(partition["recordBatches"][0]["compression"], name);
        assert_eq!(partition["records"][1]["value"], "second value", "{name}: {partition:#}");
    }
}

#[test]
fn message_sets_of_old_are_read() {
    let message = |magic: u8, attributes: u8, value: &[u8]| {
        let time: &[u8] = if magic == 1 { &[0, 0, 0, 0, 0, 0, 0, 9] } else { &[] };
        let message = [&[0, 0, 0, 0, magic, attributes][..], time, &[0xff; 4], &sized(value)].concat();
        [&[0; 8][..], &sized(&message)].concat()
    };
    let inner = message(0, 0, b"inner");
    let set = [message(0, 0, b"old"), message(1, 0, b"newer"), message(0, 1, &gzip(&inner))].concat();
    let items = whole(5555, &[(CLIENT, &produce(1, -1, &set))]);
    let records = &items[0]["request"]["payload"]["topicData"][0]["partitionData"][0]["records"];
    let values: Vec<_> = records.as_array().unwrap().iter().map(|r| (r["value"].as_str().unwrap(), r["timestamp"].as_i64())).collect();
    assert_eq!(values, [("old", None), ("newer", Some(9)), ("inner", None)]);
}

#[test]
fn flexible_versions_are_read() {
    // Fetch 12: compact lengths, tagged fields after each structure.
    let partition = [&[0, 0, 0, 1][..], &[0xff; 4], &[0, 0, 0, 0, 0, 0, 0, 9], &[0xff; 4], &[0; 8], &[0, 16, 0, 0, 0]].concat();
    let topics = [&[2][..], &compact("logs"), &[2], &partition, &[0], &[1], &compact(""), &[1, 3, 2, 0xaa, 0xbb]].concat();
    let body = [&[0, 0xff, 0xff, 0xff, 0xff, 0, 0, 1, 0xf4, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0][..], &topics].concat();
    let items = whole(5555, &[(CLIENT, &request(1, 12, 9, &body))]);
    let payload = &items[0]["request"]["payload"];
    assert_eq!(
        (&payload["topics"][0]["topic"], &payload["topics"][0]["partitions"][0]["fetchOffset"]),
        (&"logs".into(), &9.into()),
        "{payload:#}"
    );
    assert_eq!((&payload["isolationLevel"], &payload["rackId"], &items[0]["summary"]), (&1.into(), &"".into(), &"logs".into()));
}

#[test]
fn bare_tokens_of_a_login_are_not_shown() {
    let turns = [
        (CLIENT, request(17, 0, 1, &text("PLAIN"))),
        (SERVER, response(1, &[&[0, 0, 0, 0, 0, 1][..], &text("PLAIN")].concat())),
        (CLIENT, sized(b"\0user\0hush")),
        (SERVER, sized(b"")),
        (CLIENT, request(12, 0, 2, &[&text("g")[..], &[0, 0, 0, 1], &text("m")].concat())),
        (SERVER, response(2, &[0, 27])),
    ];
    let items = whole(9092, &borrowed(&turns));
    let seen: Vec<_> = items.iter().map(|i| (i["method"].as_str().unwrap(), i["status"].as_i64())).collect();
    assert_eq!(seen, [("SaslHandshake", Some(0)), ("Heartbeat", Some(27))]);
    assert!(!shown_text(&items).contains("hush"));
    assert_cuts_do_not_matter(9092, &borrowed(&turns));
}

#[test]
fn after_a_loss_responses_are_found_by_their_ids() {
    let (mut c, mut out) = (tcp(5555), Vec::new());
    c.bytes(CLIENT, at(1), &[request(12, 0, 7, &[0; 8]), request(12, 0, 8, &[0; 8])].concat(), &mut out);
    c.gap(SERVER, at(2), 300, &mut out);
    c.bytes(SERVER, at(3), &[0, 0, 0, 6, 0, 0, 0, 0x63, 0, 0], &mut out);
    c.bytes(SERVER, at(4), &response(8, &[0, 27]), &mut out);
    c.close(Close::End, at(5), &mut out);
    let items = shown(&out);
    let seen: Vec<_> = items.iter().map(|i| (i["request"]["correlationID"].as_i64(), i["response"]["errorName"].as_str())).collect();
    assert_eq!(seen, [(Some(8), Some("REBALANCE_IN_PROGRESS")), (Some(7), None)]);
}

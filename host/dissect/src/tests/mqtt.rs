//! MQTT.

use super::{CLIENT, SERVER, Turns, assert_cuts_do_not_matter, assert_damage_is_survived, at, shown, tcp, whole};
use crate::{Close, Conversation, Flow, Limits, Transport};
use serde_json::json;

const CONNECT: &[u8] = b"\x10\x1b\0\x04MQTT\x04\xc6\0\x3c\0\x01c\0\x01w\0\x02by\0\x01u\0\x02pw";

const TALK: Turns<'_> = &[
    (CLIENT, CONNECT),
    (SERVER, b"\x20\x02\x01\x00"),
    (CLIENT, b"\x82\x0a\0\x01\0\x01a\x01\0\x01#\x00\x30\x06\0\x02t/hi"),
    (SERVER, b"\x90\x04\0\x01\x01\x80\x32\x08\0\x01a\0\x07\xff\x00\x01"),
    (CLIENT, b"\x40\x02\0\x07\x34\x06\0\x01b\0\x09!\xc0\0"),
    (SERVER, b"\x50\x02\0\x09\xd0\0"),
    (CLIENT, b"\x62\x02\0\x09"),
    (SERVER, b"\x70\x02\0\x09"),
    (CLIENT, b"\xe0\0"),
];

#[test]
fn packets_have_the_documented_shape() {
    let items = whole(1883, TALK);
    let kinds: Vec<_> = items.iter().map(|i| i["method"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["CONNECT", "PUBLISH", "SUBSCRIBE", "PUBLISH", "PUBLISH", "PINGREQ", "PUBREL", "DISCONNECT"]);
    assert_eq!(
        items[0]["request"],
        json!({"packetType": "CONNECT", "packetTypeId": 1, "clientId": "c", "user": "u", "password": "REDACTED", "protocolName": "MQTT",
            "protocolVersion": 4, "keepAlive": 60, "cleanStart": true, "will": {"topic": "w", "payload": "by", "qos": 0, "retain": false}})
    );
    assert_eq!(
        (&items[0]["response"]["reasonName"], &items[0]["response"]["sessionPresent"]),
        (&"Connection Accepted".into(), &true.into())
    );
    assert_eq!(
        items[1]["data"],
        json!({"packetType": "PUBLISH", "packetTypeId": 3, "topic": "t/", "qos": 0, "retain": false, "dup": false, "payload": "hi", "payloadLength": 2})
    );
    assert_eq!(items[2]["request"]["topics"], json!([{"topic": "a", "qos": 1}, {"topic": "#", "qos": 0}]));
    assert_eq!(items[2]["response"]["reasonCodes"], json!([1, 128]));
    let server = &items[3];
    assert_eq!(
        (&server["src"]["ip"], &server["request"]["payload"], &server["request"]["encoding"], &server["response"]["packetType"]),
        (&"10.0.0.2".into(), &"/wAB".into(), &"base64".into(), &"PUBACK".into())
    );
    assert!(items.iter().all(|i| i["error"].is_null() && i["anomalies"] == json!([])), "{items:#?}");
    assert!(!format!("{items:?}").contains("\"pw\""));
}

#[test]
fn version_5_has_properties_and_reasons() {
    let items = whole(
        9001,
        &[
            (CLIENT, b"\x10\x13\0\x04MQTT\x05\x02\0\x3c\x05\x11\0\0\0\x0a\0\x01c"),
            (SERVER, b"\x20\x0a\x00\x87\x07\x1f\0\x04nope"),
            (CLIENT, b"\x30\x11\0\x01t\x09\x26\0\x01k\0\x03v\xc3\xa9abc!"),
            (CLIENT, b"\xe0\x01\x8e"),
        ],
    );
    assert_eq!(
        (&items[0]["protocol"]["version"], &items[0]["request"]["properties"]),
        (&"5.0".into(), &json!({"sessionExpiryInterval": 10}))
    );
    assert_eq!(
        (&items[0]["response"]["reasonName"], &items[0]["response"]["properties"]["reasonString"], &items[0]["status"]),
        (&"Not authorized".into(), &"nope".into(), &135.into())
    );
    assert_eq!(items[1]["data"]["properties"]["userProperties"], json!([["k", "vé"]]));
    assert_eq!((&items[1]["data"]["payload"], &items[2]["data"]["reasonName"]), (&"abc!".into(), &"Session taken over".into()));
}

#[test]
fn any_split_of_mqtt_gives_the_same_items() {
    assert_cuts_do_not_matter(1883, TALK);
    assert_damage_is_survived(1883, TALK);
}

#[test]
fn a_connection_picked_up_in_its_middle_is_recognised_on_its_port_only() {
    for (port, want) in [(1883, 1), (9000, 0)] {
        let mut flow = Flow::new(1, Transport::Tcp, "10.0.0.1:6000".parse().unwrap(), format!("10.0.0.2:{port}").parse().unwrap());
        (flow.mid_stream, flow.roles_guessed) = (true, true);
        let (mut c, mut out) = (Conversation::new(flow, Limits::default().into()), Vec::new());
        c.bytes(CLIENT, at(1), b"payload of before", &mut out);
        c.bytes(CLIENT, at(2), b"\x30\x05\0\x01ahi", &mut out);
        assert_eq!(out.len(), want, "port {port}");
    }
}

#[test]
fn long_messages_are_cut_and_a_loss_is_survived() {
    let (mut c, mut out) = (tcp(1883), Vec::new());
    c.bytes(CLIENT, at(1), CONNECT, &mut out);
    c.bytes(SERVER, at(1), b"\x20\x02\0\0", &mut out);
    c.bytes(CLIENT, at(2), b"\x30\x83\x80\x40\0\x01a", &mut out);
    for _ in 0..11 {
        c.bytes(CLIENT, at(3), &[b'x'; 95_325], &mut out);
    }
    c.gap(CLIENT, at(4), 1, &mut out);
    c.bytes(CLIENT, at(5), b"\x30\x05\0\x01ahi", &mut out);
    c.close(Close::Fin, at(6), &mut out);
    let items = shown(&out);
    assert_eq!((&items[1]["anomalies"], &items[1]["data"]["topic"]), (&json!(["packet-incomplete"]), &"a".into()));
    assert_eq!(items[2]["data"]["payload"], "hi");
}

#[test]
fn other_protocols_are_not_claimed() {
    // A DNS answer over TCP that begins as a CONNACK does, and a length without its name.
    for bytes in [&b"\x20\x02\x81\x80\0\x01"[..], b"\x10\x1d\0\x04MQXX\x04\xc6\0\x3c"] {
        let (mut c, mut out) = (tcp(9000), Vec::new());
        c.bytes(SERVER, at(1), bytes, &mut out);
        c.close(Close::Fin, at(2), &mut out);
        assert!(out.is_empty());
    }
}

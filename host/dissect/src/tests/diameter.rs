//! Diameter.

use super::{CLIENT, SERVER, assert_cuts_do_not_matter, assert_damage_is_survived, at, borrowed, shown, tcp, whole};
use crate::{Close, Conversation, Flow, Limits, Transport};
use hookline_item::Sender;
use serde_json::json;

fn avp(code: u32, value: &[u8]) -> Vec<u8> {
    let len = u32::try_from(8 + value.len()).unwrap();
    let mut bytes = [&code.to_be_bytes()[..], &[0x40], &len.to_be_bytes()[1..], value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn message(flags: u8, command: u32, id: u32, avps: &[Vec<u8>]) -> Vec<u8> {
    let body = avps.concat();
    let len = u32::try_from(20 + body.len()).unwrap();
    let head = [&[1][..], &len.to_be_bytes()[1..], &[flags], &command.to_be_bytes()[1..], &4u32.to_be_bytes(), &id.to_be_bytes()];
    [&head.concat()[..], &9u32.to_be_bytes(), &body].concat()
}

fn dialogue() -> Vec<(Sender, Vec<u8>)> {
    let user = avp(443, &[avp(450, &[0, 0, 0, 1]), avp(444, b"46701")].concat());
    vec![
        (CLIENT, [message(0x80, 272, 1, &[avp(263, b"s;1"), avp(264, b"gw"), user]), message(0x80, 280, 2, &[avp(264, b"gw")])].concat()),
        (SERVER, [message(0, 280, 2, &[avp(268, &2001u32.to_be_bytes())]), message(0x80, 258, 7, &[avp(263, b"s;1")])].concat()),
        (SERVER, message(0x20, 272, 1, &[avp(268, &3004u32.to_be_bytes()), avp(281, b"busy")])),
        (CLIENT, message(0, 258, 7, &[avp(268, &2001u32.to_be_bytes())])),
    ]
}

#[test]
fn messages_have_the_documented_shape_and_either_side_asks() {
    let turns = dialogue();
    let items = whole(3868, &borrowed(&turns));
    assert_eq!(items.len(), 3);
    let credit = &items[1];
    assert_eq!((&credit["method"], &credit["summary"], &credit["status"]), (&"Credit-Control-Request".into(), &"s;1".into(), &3004.into()));
    assert_eq!(
        credit["request"]["avps"][2],
        json!({"code": 443, "name": "Subscription-Id", "value": [
            {"code": 450, "name": "Subscription-Id-Type", "value": 1}, {"code": 444, "name": "Subscription-Id-Data", "value": "46701"}]})
    );
    assert_eq!(
        (&credit["response"]["resultName"], &credit["response"]["errorMessage"], &credit["response"]["error"]),
        (&"DIAMETER_TOO_BUSY".into(), &"busy".into(), &true.into())
    );
    assert_eq!((&items[2]["method"], &items[2]["src"]["ip"]), (&"Re-Auth-Request".into(), &"10.0.0.2".into()));
    assert!(items.iter().all(|i| i["error"].is_null() && i["anomalies"] == json!([])), "{items:#?}");
}

#[test]
fn any_split_of_diameter_gives_the_same_items() {
    let turns = dialogue();
    assert_cuts_do_not_matter(3868, &borrowed(&turns));
    assert_damage_is_survived(3868, &borrowed(&turns));
}

#[test]
fn it_is_found_on_any_port_in_the_middle_and_over_sctp() {
    let turns = dialogue();
    for (transport, mid_stream) in [(Transport::Sctp, false), (Transport::Tcp, true)] {
        let mut flow = Flow::new(1, transport, "10.0.0.1:4000".parse().unwrap(), "10.0.0.2:5000".parse().unwrap());
        flow.mid_stream = mid_stream;
        let (mut c, mut out) = (Conversation::new(flow, Limits::default().into()), Vec::new());
        c.bytes(CLIENT, at(1), &[0, 0, 1, 2, 3, 4, 5, 6, 7, 8], &mut out);
        for message in [&turns[0].1[..84], &turns[0].1[84..]] {
            c.bytes(CLIENT, at(2), message, &mut out);
        }
        c.bytes(SERVER, at(3), &turns[2].1, &mut out);
        let items = shown(&out);
        assert_eq!((items.len(), &items[0]["status"]), (1, &3004.into()), "{transport:?}");
    }
}

#[test]
fn a_loss_leaves_the_messages_around_it() {
    let turns = dialogue();
    let (mut c, mut out) = (tcp(3868), Vec::new());
    c.bytes(CLIENT, at(1), &turns[0].1[..30], &mut out);
    c.gap(CLIENT, at(2), turns[0].1.len() as u64 - 30, &mut out);
    c.bytes(CLIENT, at(3), &message(0x80, 280, 5, &[avp(264, b"gw")]), &mut out);
    c.bytes(SERVER, at(4), &message(0, 280, 5, &[avp(268, &2001u32.to_be_bytes())]), &mut out);
    c.close(Close::Fin, at(5), &mut out);
    let items = shown(&out);
    assert_eq!((&items[0]["status"], &items[1]["anomalies"]), (&2001.into(), &json!(["message-incomplete"])));
}

//! The item that sums up a flow.

use super::{CLIENT, SERVER, at, shown, tcp, udp};
use crate::{Close, Conversation};
use hookline_item::{RoundTrips, SideTotals, Totals};

fn totals() -> Totals {
    let client = SideTotals { packets: 3, bytes: 100, repeated_bytes: 20, retransmissions: 1, ..SideTotals::default() };
    let server = SideTotals { packets: 2, bytes: 900, zero_windows: 1, ..SideTotals::default() };
    let round_trips = RoundTrips { count: 2, p50: 10, p90: 20, p99: 20 };
    Totals { first: at(1000), last: at(3000), client, server, round_trips, established: true }
}

fn summed_up(conversation: Conversation) -> serde_json::Value {
    let mut out = Vec::new();
    conversation.sum_up(Close::Fin, &totals(), &mut out);
    shown(&out).remove(0)
}

#[test]
fn a_connection_is_summed_up() {
    let (mut c, mut out) = (tcp(80), Vec::new());
    c.bytes(CLIENT, at(1000), b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", &mut out);
    c.close(Close::Fin, at(3000), &mut out);
    let item = summed_up(c);
    assert_eq!(
        (&item["protocol"]["name"], &item["index"], &item["requestSize"], &item["responseSize"]),
        (&"tcp".into(), &1.into(), &100.into(), &900.into())
    );
    let data = &item["data"];
    assert_eq!(
        (&data["state"], &data["duration"], &data["goodput"], &data["l7"]),
        (&"closed".into(), &2_000_000.into(), &490.into(), &"http".into())
    );
    assert_eq!((&data["retransmissions"], &data["zeroWindows"], &data["rtt"]["p90"]), (&1.into(), &1.into(), &20.into()));
    assert_eq!(
        (&data["client"]["packets"], &data["server"]["bytes"], &data["firstBytes"]),
        (&3.into(), &900.into(), &serde_json::Value::Null)
    );
}

#[test]
fn what_nobody_knows_shows_its_first_bytes() {
    let (mut c, mut out) = (tcp(9), Vec::new());
    c.bytes(CLIENT, at(1), b"\x01\x02nonsense", &mut out);
    c.bytes(SERVER, at(2), &[7; 200], &mut out);
    c.close(Close::Fin, at(3), &mut out);
    let data = &summed_up(c)["data"];
    assert_eq!((&data["l7"], &data["firstBytes"]["client"]), (&"".into(), &"AQJub25zZW5zZQ==".into()));
    assert_eq!(data["firstBytes"]["server"].as_str().unwrap().len(), 88);
    let data = &summed_up(udp(9))["data"];
    assert_eq!(
        (&data["retransmissions"], &data["client"]["gaps"], &data["packets"]),
        (&serde_json::Value::Null, &serde_json::Value::Null, &5.into())
    );
}

#[test]
fn roles_that_turned_out_to_be_swapped_are_swapped_here_too() {
    let (mut c, mut out) = (tcp(40_001), Vec::new());
    c.bytes(SERVER, at(1), b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", &mut out);
    c.close(Close::Fin, at(2), &mut out);
    let item = summed_up(c);
    assert_eq!((&item["src"]["ip"], &item["data"]["client"]["bytes"]), (&"10.0.0.2".into(), &900.into()));
}

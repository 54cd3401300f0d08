//! Entry points for fuzzing: ordinary functions, called by the property tests and by libFuzzer alike.

use crate::{Close, Conversation, Flow, Limits, Transport};
use hookline_item::{Seen, Sender, Timestamp, json};
use std::net::{Ipv4Addr, SocketAddr};

/// Runs `data` as a program of calls on a TCP conversation on port 80: one byte says who sends how, the next how much.
pub fn fuzz_http(data: &[u8]) {
    run(Transport::Tcp, 80, data);
}

/// The same on port 53, over UDP or TCP as the first byte says.
pub fn fuzz_dns(data: &[u8]) {
    match data.split_first() {
        Some((kind, rest)) if kind & 1 == 1 => run(Transport::Tcp, 53, rest),
        Some((_, rest)) => run(Transport::Udp, 53, rest),
        None => {}
    }
}

fn run(transport: Transport, port: u16, mut data: &[u8]) {
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut flow = Flow::new(0, transport, at(40_000), at(port));
    flow.mid_stream = data.first().is_some_and(|b| b & 0x40 != 0);
    let mut conversation = Conversation::new(flow, Limits { body_max: 4096, ..Limits::default() }.into());
    let (mut out, mut seen, mut text) = (Vec::new(), Seen::default(), Vec::new());
    while let [what, len, rest @ ..] = data {
        let (bytes, after) = rest.split_at_checked(usize::from(*len)).unwrap_or((rest, &[]));
        data = after;
        seen = Seen { at: Timestamp(seen.at.0.saturating_add(1_000_000)), frame: seen.frame.saturating_add(1) };
        let from = if what & 1 == 0 { Sender::Client } else { Sender::Server };
        match what >> 4 {
            15 => conversation.gap(from, seen, u64::from(*len), &mut out),
            14 => conversation.fin(from, seen, &mut out),
            13 => conversation.advance(Timestamp(seen.at.0.saturating_add(60_000_000_000)), &mut out),
            _ => conversation.bytes(from, seen, bytes, &mut out),
        }
        for item in out.drain(..) {
            text.clear();
            json::write_object(&mut text, &item);
        }
    }
    conversation.close(Close::End, seen, &mut out);
    for item in &out {
        json::write_object(&mut text, item);
    }
}

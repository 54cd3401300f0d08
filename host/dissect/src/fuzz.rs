//! The entry point for fuzzing: an ordinary function, called by the property tests and by libFuzzer alike.

use crate::{Close, Conversation, Flow, Limits, Transport, registry};
use hookline_item::{Seen, Sender, Timestamp, json};
use std::net::{Ipv4Addr, SocketAddr};

/// Runs `data` as a program of calls on a conversation on the usual port of the protocol `name`: the first byte chooses among its
/// transports; then one byte says who sends how, the next how much. Nothing happens where there is no such protocol.
pub fn fuzz(name: &str, data: &[u8]) {
    let Some(dissector) = registry::protocols().find(|d| d.name == name) else { return };
    let Some((first, rest)) = data.split_first() else { return };
    let Some(transport) = dissector.transports.iter().cycle().nth(usize::from(first & 7)) else { return };
    run(*transport, dissector.ports.first().copied().unwrap_or(9), rest);
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

//! From frames to byte streams: link, IP and transport headers, the flow table and TCP reassembly.
//!
//! [`decode()`] reads the headers of one frame. [`Streams`] keeps the flows and hands what they carry to a [`Sink`]: TCP bytes in
//! order, each exactly once, with the holes that the capture has; UDP datagrams, SCTP user messages and ICMP messages as they come. IP
//! fragments are put together, tunnels are opened.
//!
//! What it does not do: it verifies no checksums (offloading makes most of them wrong where the packets were captured).
//!
//! Invariants: no I/O, no clock (time comes in with the packets), no threads, no panics on any input; every table and buffer has a
//! limit ([`Limits`]) and a counter ([`Stats`]); `frames = decoded + sum(dropped)`; nothing is allocated per packet that comes in order.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

mod association;
mod clock;
pub mod decode;
mod fragments;
mod fuzz;
mod key;
mod limits;
mod share;
mod sink;
mod stats;
mod streams;
mod table;
mod tcp;

#[cfg(test)]
mod tests;

pub use decode::{Packet, Payload, Reason, TUNNEL_PORTS, TcpFlags, decode};
pub use fragments::Unassembled;
pub use fuzz::fuzz;
pub use hookline_item::{Close, SideTotals, Totals, Transport};
pub use limits::Limits;
pub use share::lane_of;
pub use sink::{FlowStart, Sink};
pub use stats::Stats;
pub use streams::{Streams, Summary};

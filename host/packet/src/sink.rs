//! Where the streams go.

use hookline_item::{Close, Seen, Sender, Totals, Transport, Tunnel};
use std::net::SocketAddr;

/// What is known of a flow when its first packet is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowStart<'a> {
    /// The number of the flow's first frame where frames are numbered, else a running number from 1.
    pub stream: u64,
    /// What carries it.
    pub transport: Transport,
    /// The side that opened the conversation.
    pub client: SocketAddr,
    /// The other one.
    pub server: SocketAddr,
    /// Whether client and server were told apart by their port numbers alone.
    pub roles_guessed: bool,
    /// Whether the flow's first packet is not the first packet of a connection.
    pub mid_stream: bool,
    /// The innermost VLAN tag.
    pub vlan: Option<u16>,
    /// The tunnels around it, outermost first.
    pub tunnels: &'a [Tunnel],
    /// The interface of the flow's first frame.
    pub interface: u32,
    /// The flow's first frame.
    pub seen: Seen,
}

/// Takes what flows carry. For each flow: one `open`; then `bytes`, `gap` and `fin` in stream order; then one `close`.
pub trait Sink {
    /// What the sink wants to remember of a flow; kept in the flow table.
    type Flow;

    /// A flow begins.
    fn open(&mut self, start: &FlowStart<'_>) -> Self::Flow;

    /// The next bytes of one side (TCP), or one datagram (UDP, SCTP, ICMP; may be empty). `seen` is the frame that carried them, also when
    /// they had to wait for an earlier one.
    fn bytes(&mut self, flow: &mut Self::Flow, from: Sender, seen: Seen, bytes: &[u8]);

    /// `missing` bytes of one side were not captured and will not come. `seen` is the frame that carries what follows the hole.
    fn gap(&mut self, flow: &mut Self::Flow, from: Sender, seen: Seen, missing: u64);

    /// This side has sent its last byte (TCP FIN); all bytes before were delivered or reported as gaps. At most once a side.
    fn fin(&mut self, flow: &mut Self::Flow, from: Sender, seen: Seen);

    /// The flow is over; `totals.last` is its last frame.
    fn close(&mut self, flow: Self::Flow, why: Close, totals: &Totals);
}

//! What a flow is carried by, how it ends, and what was counted of it.

use crate::Seen;

/// The transport protocol of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
    /// RFC 9260. Each user message is a datagram.
    Sctp,
    /// RFC 792 and RFC 4443. Each message is a datagram; the ports are 0.
    Icmp,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Tcp, Self::Udp, Self::Sctp, Self::Icmp];

    /// Whether it carries messages, not a stream of bytes.
    #[must_use]
    pub const fn has_messages(self) -> bool {
        !matches!(self, Self::Tcp)
    }

    /// `tcp`, `udp`, `sctp` or `icmp`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Icmp => "icmp",
        }
    }
}

/// Why a flow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Close {
    /// Both sides sent their last byte.
    Fin,
    /// One side reset the connection.
    Reset,
    /// No packet came for the idle timeout.
    Idle,
    /// The flow table was full and no other flow had been idle for longer.
    Evicted,
    /// A new connection between the same ports began.
    PortReused,
    /// The capture ended.
    End,
}

impl Close {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] = [Self::Fin, Self::Reset, Self::Idle, Self::Evicted, Self::PortReused, Self::End];

    /// The name that counters use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fin => "fin",
            Self::Reset => "reset",
            Self::Idle => "idle",
            Self::Evicted => "evicted",
            Self::PortReused => "port_reused",
            Self::End => "end",
        }
    }
}

/// What was counted of one side of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SideTotals {
    /// Packets.
    pub packets: u32,
    /// Bytes of their payload: what TCP, UDP, SCTP or ICMP carried, as often as it was sent.
    pub bytes: u64,
    /// TCP: payload bytes that had been seen before.
    pub repeated_bytes: u64,
    /// TCP: segments that brought nothing but bytes seen before, keep-alives left out.
    pub retransmissions: u32,
    /// TCP: segments that came before an earlier part of their stream.
    pub out_of_order: u32,
    /// TCP: holes that were never filled.
    pub gaps: u32,
    /// TCP: bytes that these lost.
    pub gap_bytes: u64,
    /// TCP: how often the receive window was closed.
    pub zero_windows: u16,
    /// TCP: probes of a peer that may be gone (RFC 9293 §3.8.4) or whose window is closed (§3.8.6.1).
    pub probes: u16,
    /// TCP: resets.
    pub resets: u16,
}

/// Round trips of a flow: from a segment to its acknowledgment, at the place of capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundTrips {
    /// How many were measured.
    pub count: u32,
    /// Half of them took no longer, in microseconds.
    pub p50: u32,
    /// Nine of ten.
    pub p90: u32,
    /// 99 of 100.
    pub p99: u32,
}

/// What was counted of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// The flow's first frame.
    pub first: Seen,
    /// Its last.
    pub last: Seen,
    /// The client's side.
    pub client: SideTotals,
    /// The server's.
    pub server: SideTotals,
    /// TCP: round trips.
    pub round_trips: RoundTrips,
    /// TCP: the handshake was seen whole.
    pub established: bool,
}

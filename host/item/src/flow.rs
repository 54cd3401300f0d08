//! What a flow is carried by, and how it ends.

/// The transport protocol of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
}

impl Transport {
    /// `tcp` or `udp`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
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

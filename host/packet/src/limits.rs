//! How much state the flow table and the reassembly may keep, and for how long.

use std::time::Duration;

/// The limits of one [`Streams`](crate::Streams). All times are packet time.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Flows kept at once. When a new one comes, the one idle for longest is evicted.
    pub flows_max: usize,
    /// Bytes of out-of-order segments kept for one side of one flow. Beyond it the hole in front of them is given up.
    pub held_bytes_per_side_max: usize,
    /// Out-of-order segments kept for one side of one flow: bounds the work and overhead that tiny segments cause.
    pub held_segments_per_side_max: usize,
    /// Bytes of out-of-order segments kept over all flows.
    pub held_bytes_max: usize,
    /// How long a hole may wait for the bytes that are missing, where it is not known what the receiver has.
    pub hole_timeout: Duration,
    /// How long it may wait where acknowledgments are seen that do not reach behind the hole: the receiver has not got the bytes
    /// either, and they will be sent again.
    pub hole_unacked_timeout: Duration,
    /// How long a hole waits once the receiver acknowledged bytes behind it: then nobody will send them again, and only a capture
    /// that reorders frames can still bring them.
    pub hole_acked_grace: Duration,
    /// Idle time after which a TCP flow ends whose handshake was not completed.
    pub tcp_opening_timeout: Duration,
    /// Idle time after which a TCP flow ends.
    pub tcp_idle_timeout: Duration,
    /// How long a closed TCP flow is remembered, so that stray retransmissions do not open a new one.
    pub tcp_linger: Duration,
    /// Idle time after which a UDP flow ends.
    pub udp_idle_timeout: Duration,
    /// Idle time after which an SCTP association ends: its heartbeats come every 30 s (RFC 9260 §16).
    pub sctp_idle_timeout: Duration,
    /// Tunnels in tunnels that are opened: overlay in overlay has two or three; more is somebody trying.
    pub tunnels_max: usize,
    /// Fragmented packets that wait for their parts at once.
    pub fragmented_packets_max: usize,
    /// Bytes of these parts.
    pub fragments_bytes_max: usize,
    /// How long they wait. Linux: 30 s (ipfrag_time); RFC 8200 §4.5: 60 s.
    pub fragments_timeout: Duration,
    /// Whether the same addresses and ports in two VLANs are two flows. Right where tenants use the same addresses; wrong where the
    /// two directions of a link are tagged differently, as in many mirrored captures.
    pub separate_vlans: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // About 80 MB of table at some 300 bytes a flow; a busy node has a tenth of that open.
            flows_max: 1 << 18,
            // The default largest receive buffer of Linux (net.ipv4.tcp_rmem) is 6 MiB, half of it window: what can be in flight behind a hole.
            held_bytes_per_side_max: 4 << 20,
            // 4 MiB in full-sized Ethernet segments.
            held_segments_per_side_max: 2900,
            // 64 flows at their limit at once.
            held_bytes_max: 256 << 20,
            // The first retransmissions come after 0.2, 0.6 and 1.4 s, or 1 and 3 s (RFC 6298 §2); then the capture has lost the bytes.
            hole_timeout: Duration::from_secs(4),
            // The retransmissions after the fifth, at 0.2 s doubled each time, or the fourth at 1 s.
            hole_unacked_timeout: Duration::from_secs(15),
            // Frames of one flow that come over two receive queues overtake each other by less.
            hole_acked_grace: Duration::from_millis(10),
            // Linux gives up a half-open connection after 63 s; its SYNs are less than 32 s apart.
            tcp_opening_timeout: Duration::from_secs(35),
            // Long-lived clients speak every 5 minutes (Kafka's metadata.max.age.ms) and are cut off after 10 (connections.max.idle.ms).
            tcp_idle_timeout: Duration::from_secs(900),
            tcp_linger: Duration::from_secs(15),
            udp_idle_timeout: Duration::from_secs(60),
            sctp_idle_timeout: Duration::from_secs(180),
            tunnels_max: 4,
            // 4 MiB is what Linux keeps (ipfrag_high_thresh), in packets of an Ethernet's two parts.
            fragmented_packets_max: 2048,
            fragments_bytes_max: 4 << 20,
            fragments_timeout: Duration::from_secs(30),
            separate_vlans: false,
        }
    }
}

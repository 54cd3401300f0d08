//! Live capture from a Linux interface through a ring that is shared with the kernel (AF_PACKET, TPACKET_V3). Needs CAP_NET_RAW and
//! takes nothing away from the machine's own traffic.

mod ring;
mod socket;

use crate::{
    CaptureError, Drained, PacketFilter, PacketSource, SourceStats,
    interface::{self, Promiscuous},
};
use hookline_item::{Frame, LinkType, Seen, Timestamp};
use ring::Ring;
use socket::Socket;
use std::time::Duration;

/// ARPHRD numbers (linux/if_arp.h).
const ARPHRD_ETHER: u16 = 1;
const ARPHRD_RAWIP: u16 = 519;
const ARPHRD_TUNNEL: u16 = 768;
const ARPHRD_TUNNEL6: u16 = 769;
const ARPHRD_LOOPBACK: u16 = 772;
const ARPHRD_SIT: u16 = 776;
const ARPHRD_NONE: u16 = 0xfffe;

/// How to capture.
#[derive(Clone, Debug)]
pub struct AfPacketOptions {
    /// Whether to take frames that are not addressed to this machine.
    pub promiscuous: bool,
    /// Bytes kept of each frame.
    pub snap_len: u32,
    /// Size of the ring in bytes; rounded up to whole blocks.
    pub ring_bytes: usize,
    /// After how long the kernel hands over a block that is not full: the latency at low rates.
    pub block_timeout: Duration,
    /// How long [`PacketSource::drain`] waits for the first frame.
    pub poll_timeout: Duration,
    /// Divides the interface's packets among all sockets that name the same group: both directions of a flow, and the fragments of a
    /// packet, go to one of them.
    pub fanout: Option<u16>,
    /// What the kernel keeps from us, so that it is neither copied nor counted.
    pub filter: PacketFilter,
}

impl Default for AfPacketOptions {
    fn default() -> Self {
        Self {
            promiscuous: false,
            // Whole frames, the largest GSO packets included.
            snap_len: 1 << 18,
            // A fifth of a second at 2.5 Gbit/s.
            ring_bytes: 64 << 20,
            block_timeout: Duration::from_millis(5),
            poll_timeout: Duration::from_millis(5),
            fanout: None,
            filter: PacketFilter::default(),
        }
    }
}

/// An interface that is being captured from.
pub struct AfPacket {
    name: String,
    // Before the socket: the mapping goes first.
    ring: Ring,
    socket: Socket,
    link: LinkType,
    /// The loopback device shows each frame twice, when it is sent and when it is received; then the first is left out.
    skip_outgoing: bool,
    _promiscuous: Option<Promiscuous>,
    poll_timeout: Duration,
    stats: SourceStats,
}

impl AfPacket {
    /// Starts to capture from interface `name`.
    ///
    /// # Errors
    /// [`CaptureError::NoSuchInterface`], [`CaptureError::NotPermitted`], [`CaptureError::UnsupportedInterface`],
    /// [`CaptureError::System`].
    pub fn open(name: &str, options: &AfPacketOptions) -> Result<Self, CaptureError> {
        let index = interface::index(name)?;
        let system = |(call, source): socket::Failed| match source.kind() {
            std::io::ErrorKind::PermissionDenied => CaptureError::NotPermitted { name: name.to_owned() },
            _ => CaptureError::System { name: name.to_owned(), call, source },
        };
        let socket = Socket::new().map_err(system)?;
        let ring = Ring::new(&socket, options.ring_bytes, options.block_timeout).map_err(system)?;
        let hardware = socket.hardware(name).map_err(system)?;
        let link = link_type(hardware).ok_or_else(|| CaptureError::UnsupportedInterface {
            name: name.to_owned(),
            what: format!("its frames have an unknown link layer (ARPHRD {hardware})"),
        })?;
        // Before the socket receives anything.
        socket.set_filter(&options.filter.program(link == LinkType::ETHERNET, options.snap_len)).map_err(system)?;
        socket.bind(index).map_err(system)?;
        let promiscuous = options.promiscuous.then(|| Promiscuous::new(index)).transpose().map_err(system)?;
        if let Some(group) = options.fanout {
            socket.join_fanout(group).map_err(system)?;
        }
        let skip_outgoing = hardware == ARPHRD_LOOPBACK;
        if skip_outgoing {
            socket.ignore_outgoing();
        }
        let (name, poll_timeout) = (name.to_owned(), options.poll_timeout);
        Ok(Self { name, ring, socket, link, skip_outgoing, _promiscuous: promiscuous, poll_timeout, stats: SourceStats::default() })
    }

    /// Hands out what is in the ring, up to `max` frames.
    fn take(&mut self, max: usize, f: &mut dyn FnMut(Frame<'_>)) -> usize {
        let mut count = 0;
        while count < max {
            let Some(packet) = self.ring.next() else { break };
            if self.skip_outgoing && packet.outgoing {
                continue;
            }
            count += 1;
            self.stats.received += 1;
            self.stats.bytes += packet.bytes.len() as u64;
            self.stats.truncated += u64::from(packet.wire_len as usize > packet.bytes.len());
            f(Frame {
                seen: Seen { at: Timestamp::new(packet.seconds.into(), packet.nanos), frame: 0 },
                interface: 0,
                link: self.link,
                wire_len: packet.wire_len,
                vlan: packet.vlan_tci.map(|tci| tci & 0x0fff).filter(|id| *id != 0),
                bytes: packet.bytes,
            });
        }
        count
    }
}

impl PacketSource for AfPacket {
    fn backend(&self) -> &'static str {
        "afpacket"
    }

    fn source(&self) -> &str {
        &self.name
    }

    fn drain(&mut self, max: usize, f: &mut dyn FnMut(Frame<'_>)) -> Result<Drained, CaptureError> {
        let mut count = self.take(max, f);
        if count == 0 {
            if let Err((call, source)) = self.socket.wait(self.poll_timeout) {
                return Err(CaptureError::System { name: self.name.clone(), call, source });
            }
            count = self.take(max, f);
        }
        Ok(if count > 0 { Drained::Some(count) } else { Drained::Idle })
    }

    fn stats(&mut self) -> SourceStats {
        self.stats.dropped += u64::from(self.socket.take_drops());
        self.stats
    }
}

fn link_type(hardware: u16) -> Option<LinkType> {
    match hardware {
        ARPHRD_ETHER | ARPHRD_LOOPBACK => Some(LinkType::ETHERNET),
        ARPHRD_NONE | ARPHRD_RAWIP | ARPHRD_TUNNEL | ARPHRD_TUNNEL6 | ARPHRD_SIT => Some(LinkType::RAW),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

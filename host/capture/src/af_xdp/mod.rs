//! Live capture through memory that is shared with the network card's driver (AF_XDP). It takes frames away from the machine:
//! for ports that only get copies of traffic, as those of a switch's mirror (SPAN) or a tap.
//!
//! Each queue of the interface has a socket; a lane reads one or several. The program that redirects frames is on the interface as long as
//! the last lane lives, and goes with the process however that ends. Needs CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF.

mod bpf;
mod program;
mod socket;
#[cfg(test)]
mod tests;

use crate::{CaptureError, Drained, PacketFilter, PacketSource, SourceStats, interface};
use bpf::{Failed, Link, Mode, SocketMap};
use hookline_item::{Frame, LinkType, Seen, Timestamp};
use program::TIME_BYTES;
use socket::{Binding, Piece, Socket, Umem};
use std::{io, sync::Arc, time::Duration};

/// How to capture.
#[derive(Clone, Debug)]
pub struct AfXdpOptions {
    /// Whether to take frames that are not addressed to this machine, as copies of others' traffic are not.
    pub promiscuous: bool,
    /// Bytes of memory for frames, of all lanes together.
    pub memory_bytes: usize,
    /// How long [`PacketSource::drain`] waits for the first frame when there has been no traffic for a while.
    pub poll_timeout: Duration,
    /// What is left to the machine: frames that this does not want pass as if nobody captured.
    pub filter: PacketFilter,
    /// Whether the kernel notes when each frame came, which costs it some hundred nanoseconds; else it is the time at which it is read, up to
    /// half a millisecond later.
    pub kernel_times: bool,
    /// Whether to capture on an interface that the machine itself uses: what is captured does not reach it.
    pub steals: bool,
}

impl Default for AfXdpOptions {
    fn default() -> Self {
        Self {
            promiscuous: true,
            // 32,768 frames of usual size: some milliseconds at a few million a second, which a reader is away when it is scheduled out.
            memory_bytes: 64 << 20,
            poll_timeout: Duration::from_millis(5),
            filter: PacketFilter::default(),
            kernel_times: true,
            steals: false,
        }
    }
}

/// Whether the kernel has AF_XDP, and lets us have it.
///
/// # Errors
/// Which call fails, and why.
pub(crate) fn is_there() -> Result<(), String> {
    let try_both = || {
        socket::probe()?;
        SocketMap::new(1)
    };
    try_both().map(drop).map_err(|(call, error)| format!("{call}: {error}"))
}

/// Sends copies of a frame out of an interface as a network card's driver hands them over, millions a second: for benches.
pub struct Flood(std::os::fd::OwnedFd);

impl Flood {
    /// A flood out of interface `name`.
    ///
    /// # Errors
    /// As [`AfXdp::open`].
    pub fn new(name: &str) -> Result<Self, CaptureError> {
        let index = interface::index(name)?;
        let program = bpf::load(&program::sending(index), false);
        program.map(Self).map_err(|(call, source)| CaptureError::System { name: name.to_owned(), call, source })
    }

    /// Lets a flood in at interface `name` until it is dropped: a cable's end (veth) takes such frames only while a program is on it.
    ///
    /// # Errors
    /// As [`AfXdp::open`].
    pub fn let_in(name: &str) -> Result<impl Send + use<>, CaptureError> {
        let index = interface::index(name)?;
        attach(&program::passing(), index, false).map_err(|(call, source)| CaptureError::System { name: name.to_owned(), call, source })
    }

    /// Sends so many copies.
    ///
    /// # Errors
    /// The kernel cannot do it.
    pub fn send(&self, frame: &[u8], copies: u32) -> Result<(), CaptureError> {
        bpf::run_live(&self.0, frame, copies).map_err(|(call, source)| CaptureError::System { name: String::new(), call, source })
    }
}

/// Bytes of a chunk for frames of usual size: with the 256 bytes that the kernel keeps free before them, and the checksum, 1,500 fit.
const CHUNK: u32 = 2048;
/// The largest MTU for which that is enough; else a page.
const CHUNK_MTU_MAX: u32 = 1700;
const CHUNK_LARGE: u32 = 4096;
/// Descriptors of a receive ring: more are of no use to a reader that keeps up, fewer are soon full.
const RECEIVE_MAX: u32 = 8192;

/// For so long after the last frame the reader sleeps between looks; each wake-up by `poll` is paid for by whoever sends.
const ACTIVE_FOR: Duration = Duration::from_millis(100);
const SLEEP_MIN: Duration = Duration::from_micros(50);
const SLEEP_MAX: Duration = Duration::from_micros(500);

/// A time that the program wrote is not older than this; what stands there otherwise is not a time.
const TIME_AGE_MAX: Duration = Duration::from_secs(10);

/// The program and its map; shared by all lanes of an interface.
struct Attached {
    // First: frames go the usual way again before sockets close.
    _link: Link,
    _map: SocketMap,
    /// Keeps the card promiscuous.
    _promiscuous: Option<interface::Promiscuous>,
}

/// One lane's queues of an interface.
pub struct AfXdp {
    _attached: Arc<Attached>,
    kernel_times: bool,
    name: Arc<str>,
    sockets: Vec<Socket>,
    /// Chunks that are not the kernel's.
    free: Vec<u64>,
    /// A frame that lies in several chunks, put together.
    whole: Vec<u8>,
    /// When the frame that is being handed out came.
    at: u64,
    /// What the wall clock is ahead of the one that the program reads.
    ahead: u64,
    poll_timeout: Duration,
    /// When the last frame came, by the monotonic clock in nanoseconds.
    active: u64,
    sleep: Duration,
    stats: SourceStats,
}

impl AfXdp {
    /// Starts to capture from interface `name`, its queues divided among so many lanes. The card divides the traffic among queues; for both
    /// directions of a flow to come to one, its hash must be symmetric (`ethtool -X NAME xfrm symmetric-xor`).
    ///
    /// # Errors
    /// [`CaptureError::NoSuchInterface`], [`CaptureError::NotPermitted`], [`CaptureError::UnsupportedInterface`] (it has too few queues, or the
    /// machine itself uses it), [`CaptureError::System`].
    pub fn open(name: &str, lanes: u32, options: &AfXdpOptions) -> Result<Vec<Self>, CaptureError> {
        let index = interface::index(name)?;
        Self::takes(name)?;
        let unsupported = |what: String| CaptureError::UnsupportedInterface { name: name.to_owned(), what };
        if !options.steals
            && let Some(use_of) = interface::use_of(name)
        {
            let why = "frames that are captured by AF_XDP do not reach the machine";
            return Err(unsupported(format!("it has {use_of}, and {why}: capture by --mode afpacket, or give --i-know-it-steals")));
        }
        let queues = interface::receive_queues(name);
        if lanes > queues {
            return Err(unsupported(format!("it has {queues} queues, fewer than the {lanes} lanes that would share them")));
        }
        let system = |(call, source): Failed| match source.kind() {
            io::ErrorKind::PermissionDenied => CaptureError::NotPermitted { name: name.to_owned() },
            io::ErrorKind::ResourceBusy if call == "bpf(BPF_LINK_CREATE)" => unsupported("another XDP program is on it".to_owned()),
            io::ErrorKind::ResourceBusy if call == "bind(AF_XDP)" => unsupported("another program captures from it by AF_XDP".to_owned()),
            _ => CaptureError::System { name: name.to_owned(), call, source },
        };
        let map = SocketMap::new(queues).map_err(system)?;
        let filter = if options.filter.is_empty() { Vec::new() } else { options.filter.program(true, 1) };
        let code = program::redirecting(map.fd(), &filter, options.kernel_times);
        let large = interface::mtu(name).is_some_and(|mtu| mtu > CHUNK_MTU_MAX);
        let plan = Plan { index, queues, lanes, large, memory_bytes: options.memory_bytes };
        let lanes = plan.open(&map).map_err(system)?;
        let link = attach(&code, index, large).map_err(system)?;
        let promiscuous = options.promiscuous.then(|| interface::Promiscuous::new(index)).transpose().map_err(system)?;
        let attached = Arc::new(Attached { _link: link, _map: map, _promiscuous: promiscuous });
        let name: Arc<str> = name.into();
        let lane = |(sockets, free)| Self {
            _attached: Arc::clone(&attached),
            kernel_times: options.kernel_times,
            name: Arc::clone(&name),
            sockets,
            free,
            whole: Vec::new(),
            at: 0,
            ahead: ahead(),
            poll_timeout: options.poll_timeout,
            active: 0,
            sleep: SLEEP_MIN,
            stats: SourceStats::default(),
        };
        Ok(lanes.into_iter().map(lane).collect())
    }

    /// Whether frames of an interface can be read: they must begin with an Ethernet header.
    ///
    /// # Errors
    /// [`CaptureError::UnsupportedInterface`], or there is none of this name.
    pub(crate) fn takes(name: &str) -> Result<(), CaptureError> {
        interface::index(name)?;
        if interface::is_ethernet(name) {
            return Ok(());
        }
        let what = "its frames do not begin with an Ethernet header: capture by --mode afpacket".to_owned();
        Err(CaptureError::UnsupportedInterface { name: name.to_owned(), what })
    }

    /// Whether the driver writes right into our memory.
    #[must_use]
    pub fn is_zero_copy(&self) -> bool {
        self.sockets.iter().all(Socket::is_zero_copy)
    }

    /// Hands out what is in the rings, up to `max` frames.
    fn take(&mut self, max: usize, f: &mut dyn FnMut(Frame<'_>)) -> usize {
        let now = socket::clock(libc::CLOCK_MONOTONIC);
        let mut count = 0;
        for socket in &mut self.sockets {
            while count < max {
                let Some(piece) = socket.take() else { break };
                if self.whole.is_empty() {
                    self.at = if self.kernel_times { time(socket, &piece, now) } else { now };
                }
                if piece.continued || !self.whole.is_empty() {
                    // Frames in several pieces, which the kernel hands over together, are put together; the last piece ends them.
                    self.whole.extend_from_slice(socket.bytes(&piece));
                }
                if !piece.continued {
                    count += 1;
                    let bytes = if self.whole.is_empty() { socket.bytes(&piece) } else { &self.whole };
                    hand_out(bytes, self.at, self.ahead, &mut self.stats, f);
                    self.whole.clear();
                }
                socket.give(piece, &mut self.free);
            }
            socket.release();
            socket.refill(&mut self.free);
        }
        if count > 0 {
            (self.active, self.sleep) = (now, SLEEP_MIN);
        }
        count
    }

    /// Waits for frames: a short sleep while there is traffic, else until one comes.
    fn wait(&mut self) -> Result<(), CaptureError> {
        let idle = socket::clock(libc::CLOCK_MONOTONIC).saturating_sub(self.active);
        if idle < ACTIVE_FOR.as_nanos() as u64 {
            std::thread::sleep(self.sleep);
            self.sleep = (self.sleep * 2).min(SLEEP_MAX);
            return Ok(());
        }
        // Nothing is going on: a good time to see whether the wall clock was set.
        self.ahead = ahead();
        socket::wait(&self.sockets, self.poll_timeout).map_err(|(call, source)| CaptureError::System {
            name: self.name.to_string(),
            call,
            source,
        })
    }
}

impl PacketSource for AfXdp {
    fn backend(&self) -> &'static str {
        "afxdp"
    }

    fn source(&self) -> &str {
        &self.name
    }

    fn drain(&mut self, max: usize, f: &mut dyn FnMut(Frame<'_>)) -> Result<Drained, CaptureError> {
        let mut count = self.take(max, f);
        if count == 0 {
            self.wait()?;
            count = self.take(max, f);
        }
        Ok(if count > 0 { Drained::Some(count) } else { Drained::Idle })
    }

    fn stats(&mut self) -> SourceStats {
        self.stats.dropped = self.sockets.iter().map(Socket::drops).map(|drops| drops.no_room + drops.ring_full).sum();
        self.stats
    }
}

fn hand_out(bytes: &[u8], at: u64, ahead: u64, stats: &mut SourceStats, f: &mut dyn FnMut(Frame<'_>)) {
    let frame = Frame {
        seen: Seen { at: Timestamp(at.saturating_add(ahead)), frame: 0 },
        interface: 0,
        link: LinkType::ETHERNET,
        wire_len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        vlan: None,
        bytes,
    };
    stats.add(&frame);
    f(frame);
}

/// When the program saw the frame, or else now: a driver may have no room for its time.
fn time(socket: &Socket, piece: &Piece, now: u64) -> u64 {
    let written = socket.before::<TIME_BYTES>(piece).map(u64::from_ne_bytes);
    written.filter(|at| *at <= now && now - at < TIME_AGE_MAX.as_nanos() as u64).unwrap_or(now)
}

/// What the wall clock is ahead of the monotonic one, in nanoseconds.
fn ahead() -> u64 {
    socket::clock(libc::CLOCK_REALTIME).saturating_sub(socket::clock(libc::CLOCK_MONOTONIC))
}

/// In the driver if it can, else behind it; for `large` frames, which lie in several buffers, if the kernel knows them.
fn attach(code: &[program::Insn], index: u32, large: bool) -> Result<Link, Failed> {
    let program = bpf::load(code, large).or_else(|_| bpf::load(code, false))?;
    match bpf::attach(&program, index, Mode::Native) {
        Err((_, error)) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => bpf::attach(&program, index, Mode::Generic),
        attached => attached,
    }
}

/// Who reads which queue.
struct Plan {
    index: u32,
    queues: u32,
    lanes: u32,
    /// Whether frames are larger than usual.
    large: bool,
    memory_bytes: usize,
}

/// A lane's sockets, and the chunks that they share.
type Lane = (Vec<Socket>, Vec<u64>);

impl Plan {
    fn chunk(&self) -> u32 {
        if self.large { CHUNK_LARGE } else { CHUNK }
    }

    /// Opens the sockets of every lane: each queue has one, lest its frames pass by.
    fn open(&self, map: &SocketMap) -> Result<Vec<Lane>, Failed> {
        let chunks = (self.memory_bytes / self.chunk() as usize / self.lanes as usize).max(64);
        let chunks = u32::try_from(chunks).unwrap_or(u32::MAX / 2).next_power_of_two();
        (0..self.lanes).map(|lane| self.open_lane(lane, chunks, map)).collect()
    }

    fn open_lane(&self, lane: u32, chunks: u32, map: &SocketMap) -> Result<Lane, Failed> {
        let umem = Umem::new(self.chunk(), chunks)?;
        let mut free: Vec<u64> = umem.addresses().collect();
        let mut sockets: Vec<Socket> = Vec::new();
        for queue in (lane..self.queues).step_by(self.lanes as usize) {
            let mut socket = self.bind(&umem, queue, chunks, sockets.first())?;
            map.set(queue, socket.fd())?;
            // Each queue of the lane begins with its share.
            let share = free.len() / (self.queues.div_ceil(self.lanes) as usize - sockets.len()).max(1);
            let mut given = free.split_off(free.len() - share);
            socket.refill(&mut given);
            free.append(&mut given);
            sockets.push(socket);
        }
        Ok((sockets, free))
    }

    /// The best way that the driver and the kernel know: without copies, else with; large frames in several chunks, else cut by the driver.
    fn bind(&self, umem: &Arc<Umem>, queue: u32, chunks: u32, first: Option<&Socket>) -> Result<Socket, Failed> {
        let binding = |zero_copy, frags| Binding {
            interface: self.index,
            queue,
            receive: (chunks / 2).clamp(64, RECEIVE_MAX),
            fill: chunks,
            zero_copy,
            frags,
        };
        for (zero_copy, frags) in [(true, self.large), (false, self.large)] {
            match Socket::new(umem, &binding(zero_copy, frags), first) {
                Err((_, error)) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EINVAL | libc::EPROTONOSUPPORT)) => {}
                result => return result,
            }
        }
        Socket::new(umem, &binding(false, false), first)
    }
}

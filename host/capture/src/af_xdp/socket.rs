//! Sockets of the family AF_XDP (Documentation/networking/af_xdp.rst): memory that is shared with the kernel, and rings of descriptors that say
//! whose each piece of it is.
//!
//! A chunk of the memory is in exactly one place: the fill ring (the kernel may write there), the kernel, the receive ring (it wrote), or in
//! our hands, from a descriptor's receipt until [`Socket::give`].
#![allow(unsafe_code)]

use super::bpf::Failed;
use std::{
    io, mem,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
    ptr::NonNull,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// `XDP_USE_SG`: frames may lie in several chunks.
const USE_SG: u16 = 1 << 4;
/// `XDP_PKT_CONTD`: the frame goes on in the next descriptor.
const CONTINUED: u32 = 1 << 0;
/// Descriptors of the ring for what was sent, which must be there and is never used.
const COMPLETION: u32 = 64;
/// A socket that was closed a moment ago may still hold the queue.
const BUSY_PATIENCE: Duration = Duration::from_secs(1);
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// A mapping of memory.
struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: it is memory without a thread of its own; who may touch which part is the rings' business.
unsafe impl Send for Mapping {}
// SAFETY: as above: a shared reference gives access to what the rings say is the holder's.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(call: &'static str, len: usize, flags: libc::c_int, fd: libc::c_int, offset: libc::off_t) -> Result<Self, Failed> {
        // SAFETY: no address is asked for, so nothing that is mapped already is touched.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, libc::PROT_READ | libc::PROT_WRITE, flags, fd, offset) };
        match NonNull::new(start.cast::<u8>()) {
            Some(start) if start.as_ptr().cast::<libc::c_void>() != libc::MAP_FAILED => Ok(Self { start, len }),
            _ => Err((call, io::Error::last_os_error())),
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `new` made, unmapped once; whatever pointed into it had it as its owner.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// Memory for frames, in chunks.
pub(super) struct Umem {
    memory: Mapping,
    /// Bytes of a chunk: a power of two.
    chunk: u32,
}

impl Umem {
    pub(super) fn new(chunk: u32, chunks: u32) -> Result<Arc<Self>, Failed> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
        let memory = Mapping::new("mmap(UMEM)", chunk as usize * chunks as usize, flags, -1, 0)?;
        Ok(Arc::new(Self { memory, chunk }))
    }

    /// Where its chunks begin.
    pub(super) fn addresses(&self) -> impl Iterator<Item = u64> + use<> {
        (0..self.memory.len as u64).step_by(self.chunk as usize)
    }
}

/// One end of a ring that is shared with the kernel.
struct Ring<T> {
    _memory: Mapping,
    producer: NonNull<AtomicU32>,
    consumer: NonNull<AtomicU32>,
    flags: NonNull<AtomicU32>,
    entries: NonNull<T>,
    len: u32,
    /// What we know of both ends.
    produced: u32,
    consumed: u32,
}

// SAFETY: the pointers are into `_memory`, which the ring owns; it is used by one thread at a time, as its methods take `&mut self`.
unsafe impl<T: Send> Send for Ring<T> {}

impl<T: Copy> Ring<T> {
    fn new(socket: &OwnedFd, len: u32, offsets: &libc::xdp_ring_offset, page: libc::off_t) -> Result<Self, Failed> {
        let bytes = offsets.desc as usize + len as usize * size_of::<T>();
        let memory = Mapping::new("mmap(ring)", bytes, libc::MAP_SHARED | libc::MAP_POPULATE, socket.as_raw_fd(), page)?;
        // SAFETY: the kernel says where in the mapping these are; all are inside, and aligned.
        let at = |offset: u64| unsafe { memory.start.add(offset as usize) };
        let [producer, consumer, flags] = [offsets.producer, offsets.consumer, offsets.flags].map(|offset| at(offset).cast());
        let entries = at(offsets.desc).cast();
        Ok(Self { producer, consumer, flags, entries, len, produced: 0, consumed: 0, _memory: memory })
    }

    fn load(&self, end: NonNull<AtomicU32>) -> u32 {
        // SAFETY: `end` is `producer`, `consumer` or `flags`, which are in the mapping that lives as long as `self`.
        unsafe { end.as_ref() }.load(Ordering::Acquire)
    }

    fn store(&self, end: NonNull<AtomicU32>, value: u32) {
        // SAFETY: as in `load`.
        unsafe { end.as_ref() }.store(value, Ordering::Release);
    }

    fn slot(&self, index: u32) -> *mut T {
        // SAFETY: lengths are powers of two, so the index is below `len`, and the entry inside of the mapping.
        unsafe { self.entries.as_ptr().add((index & (self.len - 1)) as usize) }
    }

    /// Takes the next entry that the kernel put in.
    fn take(&mut self) -> Option<T> {
        if self.produced == self.consumed {
            self.produced = self.load(self.producer);
        }
        if self.produced == self.consumed {
            return None;
        }
        // SAFETY: the kernel has written the entry before it moved its end past it, and leaves it alone until ours is past it too.
        let entry = unsafe { self.slot(self.consumed).read() };
        self.consumed = self.consumed.wrapping_add(1);
        Some(entry)
    }

    /// Lets the kernel use the places of the entries that were taken.
    fn release(&self) {
        self.store(self.consumer, self.consumed);
    }

    /// Puts an entry in, if there is room; the kernel sees it after [`Ring::submit`].
    fn put(&mut self, entry: T) -> bool {
        if self.produced.wrapping_sub(self.consumed) >= self.len {
            self.consumed = self.load(self.consumer);
        }
        if self.produced.wrapping_sub(self.consumed) >= self.len {
            return false;
        }
        // SAFETY: the place is ours: the kernel has taken what was there, and looks again only after `submit`.
        unsafe { self.slot(self.produced).write(entry) };
        self.produced = self.produced.wrapping_add(1);
        true
    }

    fn submit(&self) {
        self.store(self.producer, self.produced);
    }

    fn needs_wakeup(&self) -> bool {
        self.load(self.flags) & libc::XDP_RING_NEED_WAKEUP != 0
    }
}

/// What the kernel counted of a socket.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Drops {
    /// There was no chunk for the frame, or it did not fit.
    pub(super) no_room: u64,
    /// The receive ring was full.
    pub(super) ring_full: u64,
}

/// How a socket is bound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binding {
    pub(super) interface: u32,
    pub(super) queue: u32,
    /// Descriptors of the receive ring, and of the fill ring: powers of two.
    pub(super) receive: u32,
    pub(super) fill: u32,
    /// The driver writes right into our memory, or the kernel copies.
    pub(super) zero_copy: bool,
    /// Frames may lie in several chunks.
    pub(super) frags: bool,
}

/// A socket for one queue of an interface.
pub(super) struct Socket {
    fd: OwnedFd,
    umem: Arc<Umem>,
    receive: Ring<libc::xdp_desc>,
    fill: Ring<u64>,
    _completion: Ring<u64>,
}

/// A part of a frame, or a whole one, in memory that is ours until [`Socket::give`].
#[derive(Clone, Copy)]
pub(super) struct Piece {
    address: u64,
    len: u32,
    /// Whether the frame goes on in the next piece.
    pub(super) continued: bool,
}

impl Socket {
    /// A socket on `umem`; those after the first of a memory share it with that one.
    pub(super) fn new(umem: &Arc<Umem>, binding: &Binding, first: Option<&Self>) -> Result<Self, Failed> {
        // SAFETY: no pointers are passed.
        let fd = unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        check("socket(AF_XDP)", fd)?;
        // SAFETY: the kernel just gave us this descriptor, and nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        if first.is_none() {
            // SAFETY: all-zero bytes are a valid xdp_umem_reg.
            let mut registration: libc::xdp_umem_reg = unsafe { mem::zeroed() };
            registration.addr = umem.memory.start.as_ptr() as u64;
            registration.len = umem.memory.len as u64;
            registration.chunk_size = umem.chunk;
            set(&fd, "setsockopt(XDP_UMEM_REG)", libc::XDP_UMEM_REG, &registration)?;
        }
        set(&fd, "setsockopt(XDP_UMEM_FILL_RING)", libc::XDP_UMEM_FILL_RING, &binding.fill)?;
        set(&fd, "setsockopt(XDP_UMEM_COMPLETION_RING)", libc::XDP_UMEM_COMPLETION_RING, &COMPLETION)?;
        set(&fd, "setsockopt(XDP_RX_RING)", libc::XDP_RX_RING, &binding.receive)?;
        // SAFETY: all-zero bytes are a valid xdp_mmap_offsets.
        let mut offsets: libc::xdp_mmap_offsets = unsafe { mem::zeroed() };
        get(&fd, "getsockopt(XDP_MMAP_OFFSETS)", libc::XDP_MMAP_OFFSETS, &mut offsets)?;
        let fill = Ring::new(&fd, binding.fill, &offsets.fr, libc::XDP_UMEM_PGOFF_FILL_RING as libc::off_t)?;
        let completion = Ring::new(&fd, COMPLETION, &offsets.cr, libc::XDP_UMEM_PGOFF_COMPLETION_RING as libc::off_t)?;
        let receive = Ring::new(&fd, binding.receive, &offsets.rx, libc::XDP_PGOFF_RX_RING as libc::off_t)?;
        let this = Self { fd, umem: Arc::clone(umem), receive, fill, _completion: completion };
        this.bind(binding, first)?;
        Ok(this)
    }

    fn bind(&self, binding: &Binding, first: Option<&Self>) -> Result<(), Failed> {
        // SAFETY: all-zero bytes are a valid sockaddr_xdp.
        let mut address: libc::sockaddr_xdp = unsafe { mem::zeroed() };
        address.sxdp_family = libc::AF_XDP as u16;
        address.sxdp_ifindex = binding.interface;
        address.sxdp_queue_id = binding.queue;
        let copy = if binding.zero_copy { libc::XDP_ZEROCOPY } else { libc::XDP_COPY };
        address.sxdp_flags = copy | libc::XDP_USE_NEED_WAKEUP | if binding.frags { USE_SG } else { 0 };
        if let Some(first) = first {
            // The rest is as the first socket has it.
            address.sxdp_flags = libc::XDP_SHARED_UMEM;
            address.sxdp_shared_umem_fd = first.fd() as u32;
        }
        let started = Instant::now();
        loop {
            let len = size_of_val(&address) as libc::socklen_t;
            // SAFETY: pointer and length are those of `address`, which lives through the call; the kernel only reads it.
            let bound = check("bind(AF_XDP)", unsafe { libc::bind(self.fd(), (&raw const address).cast(), len) });
            match bound {
                Err((_, error)) if error.kind() == io::ErrorKind::ResourceBusy && started.elapsed() < BUSY_PATIENCE => {
                    std::thread::sleep(BUSY_PAUSE);
                }
                bound => return bound,
            }
        }
    }

    pub(super) fn fd(&self) -> libc::c_int {
        self.fd.as_raw_fd()
    }

    /// The next piece that came, which is ours now.
    #[inline]
    pub(super) fn take(&mut self) -> Option<Piece> {
        let descriptor = self.receive.take()?;
        Some(Piece { address: descriptor.addr, len: descriptor.len, continued: descriptor.options & CONTINUED != 0 })
    }

    /// Lets the kernel use the receive ring's places again.
    pub(super) fn release(&self) {
        self.receive.release();
    }

    /// The piece's bytes.
    #[inline]
    pub(super) fn bytes(&self, piece: &Piece) -> &[u8] {
        let (start, len) = (piece.address as usize, piece.len as usize);
        debug_assert!(start + len <= self.umem.memory.len, "descriptors are inside the memory");
        // SAFETY: the kernel's descriptor is inside the memory, and the chunk is ours until `give` takes `&mut self`, which ends this borrow.
        unsafe { std::slice::from_raw_parts(self.umem.memory.start.as_ptr().add(start), len) }
    }

    /// The bytes just before a frame, where the program has put its time; nothing if the frame begins with its chunk.
    #[inline]
    pub(super) fn before<const N: usize>(&self, piece: &Piece) -> Option<[u8; N]> {
        let start = piece.address as usize;
        let in_chunk = start & (self.umem.chunk as usize - 1);
        // SAFETY: these bytes are in the piece's own chunk, which is ours, as in `bytes`.
        (in_chunk >= N).then(|| unsafe { self.umem.memory.start.as_ptr().add(start - N).cast::<[u8; N]>().read() })
    }

    /// Gives the piece's chunk back; it is the kernel's after [`Socket::refill`].
    #[inline]
    pub(super) fn give(&mut self, piece: Piece, free: &mut Vec<u64>) {
        free.push(piece.address & !(u64::from(self.umem.chunk) - 1));
    }

    /// Hands free chunks to the kernel, as many as it takes.
    pub(super) fn refill(&mut self, free: &mut Vec<u64>) {
        let before = free.len();
        while let Some(address) = free.pop() {
            if !self.fill.put(address) {
                free.push(address);
                break;
            }
        }
        if free.len() < before {
            self.fill.submit();
        }
        if self.fill.needs_wakeup() {
            // SAFETY: no buffers are passed; the call tells the driver that there are chunks.
            unsafe { libc::recvfrom(self.fd(), std::ptr::null_mut(), 0, libc::MSG_DONTWAIT, std::ptr::null_mut(), std::ptr::null_mut()) };
        }
    }

    /// Whether the driver writes right into our memory.
    pub(super) fn is_zero_copy(&self) -> bool {
        // SAFETY: all-zero bytes are a valid xdp_options.
        let mut options: libc::xdp_options = unsafe { mem::zeroed() };
        get(&self.fd, "getsockopt(XDP_OPTIONS)", libc::XDP_OPTIONS, &mut options).is_ok() && options.flags & libc::XDP_OPTIONS_ZEROCOPY != 0
    }

    /// What the kernel dropped since the socket was made.
    pub(super) fn drops(&self) -> Drops {
        // SAFETY: all-zero bytes are a valid xdp_statistics.
        let mut counted: libc::xdp_statistics = unsafe { mem::zeroed() };
        // Of a socket that cannot be asked nothing is known.
        let _ = get(&self.fd, "getsockopt(XDP_STATISTICS)", libc::XDP_STATISTICS, &mut counted);
        Drops { no_room: counted.rx_dropped, ring_full: counted.rx_ring_full }
    }
}

/// Whether there can be a socket at all.
pub(super) fn probe() -> Result<(), Failed> {
    // SAFETY: no pointers are passed.
    let fd = unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    check("socket(AF_XDP)", fd)?;
    // SAFETY: the kernel just gave us this descriptor, and nobody else has it.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    Ok(())
}

fn set<T: Copy>(socket: &OwnedFd, call: &'static str, option: libc::c_int, value: &T) -> Result<(), Failed> {
    let len = size_of::<T>() as libc::socklen_t;
    // SAFETY: pointer and length are those of `value`, which lives through the call; the kernel only reads it.
    check(call, unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_XDP, option, std::ptr::from_ref(value).cast(), len) })
}

fn get<T: Copy>(socket: &OwnedFd, call: &'static str, option: libc::c_int, value: &mut T) -> Result<(), Failed> {
    let mut len = size_of::<T>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes to `value`, plain integers, and the length to `len`.
    check(call, unsafe { libc::getsockopt(socket.as_raw_fd(), libc::SOL_XDP, option, std::ptr::from_mut(value).cast(), &raw mut len) })
}

fn check(call: &'static str, result: libc::c_int) -> Result<(), Failed> {
    if result < 0 { Err((call, io::Error::last_os_error())) } else { Ok(()) }
}

/// Waits until one of the sockets has something, at most for `timeout`.
pub(super) fn wait(sockets: &[Socket], timeout: Duration) -> Result<(), Failed> {
    let mut polls: Vec<libc::pollfd> =
        sockets.iter().map(|socket| libc::pollfd { fd: socket.fd(), events: libc::POLLIN | libc::POLLERR, revents: 0 }).collect();
    let millis = libc::c_int::try_from(timeout.as_millis()).unwrap_or(libc::c_int::MAX);
    // SAFETY: pointer and count are those of `polls`, which lives through the call.
    let result = unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as libc::nfds_t, millis) };
    match check("poll", result) {
        Err((_, error)) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        Err(failed) => Err(failed),
        // The interface went down or is gone.
        Ok(()) if polls.iter().any(|poll| poll.revents & libc::POLLERR != 0) => Err(("poll", io::Error::from_raw_os_error(libc::ENETDOWN))),
        Ok(()) => Ok(()),
    }
}

/// Nanoseconds of a clock.
pub(super) fn clock(which: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec, which lives through the call.
    unsafe { libc::clock_gettime(which, &raw mut time) };
    (time.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(time.tv_nsec as u64)
}

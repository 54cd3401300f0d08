//! The ring of blocks that the kernel fills (Documentation/networking/packet_mmap.rst, TPACKET_V3). A block belongs to the kernel or to
//! us, as its status word says; in it, frames are a linked list.
#![allow(unsafe_code)]

use super::socket::{Failed, Socket};
use std::{
    io,
    mem::{align_of, offset_of, size_of},
    ptr::NonNull,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// Size of a block, which is also the largest frame: room for GSO packets, and a multiple of the page size everywhere.
const BLOCK_LEN: usize = 1 << 20;
/// The kernel wants to know a frame size though blocks hold frames of any size.
const FRAME_LEN: usize = 2048;
/// tpacket3_hdr is followed by a sockaddr_ll at the next multiple of 16.
const ADDRESS_AT: usize = size_of::<libc::tpacket3_hdr>().next_multiple_of(16);
const STATUS_AT: usize = offset_of!(libc::tpacket_block_desc, hdr) + offset_of!(libc::tpacket_hdr_v1, block_status);

/// A frame in the ring.
pub(super) struct RingFrame<'a> {
    pub(super) seconds: u32,
    pub(super) nanos: u32,
    pub(super) wire_len: u32,
    /// The tag that the kernel or the network card took off.
    pub(super) vlan_tci: Option<u16>,
    /// Whether this machine sent it.
    pub(super) outgoing: bool,
    pub(super) bytes: &'a [u8],
}

/// The frames of the current block that were not handed out yet.
#[derive(Clone, Copy)]
struct Rest {
    frames: u32,
    /// Offset in the block of the next frame's header.
    at: usize,
}

/// The mapped ring.
pub(super) struct Ring {
    map: NonNull<u8>,
    blocks: usize,
    /// The block to be read next, or being read.
    current: usize,
    rest: Option<Rest>,
}

// SAFETY: the mapping is owned by this value alone, and reached only through it.
unsafe impl Send for Ring {}

impl Ring {
    /// Makes the kernel allocate a ring of at least `bytes` for `socket`, and maps it.
    pub(super) fn new(socket: &Socket, bytes: usize, block_timeout: Duration) -> Result<Self, Failed> {
        let blocks = bytes.div_ceil(BLOCK_LEN).max(2);
        let request = libc::tpacket_req3 {
            tp_block_size: BLOCK_LEN as u32,
            tp_block_nr: u32::try_from(blocks).unwrap_or(u32::MAX),
            tp_frame_size: FRAME_LEN as u32,
            tp_frame_nr: u32::try_from(blocks * (BLOCK_LEN / FRAME_LEN)).unwrap_or(u32::MAX),
            // 0 would mean that the kernel chooses.
            tp_retire_blk_tov: u32::try_from(block_timeout.as_millis()).unwrap_or(u32::MAX).max(1),
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        socket.set("setsockopt(PACKET_RX_RING)", libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let map = unsafe { libc::mmap(std::ptr::null_mut(), blocks * BLOCK_LEN, protection, flags, socket.fd(), 0) };
        let map = if map == libc::MAP_FAILED { None } else { NonNull::new(map.cast()) };
        let map = map.ok_or_else(|| ("mmap", io::Error::last_os_error()))?;
        Ok(Self { map, blocks, current: 0, rest: None })
    }

    /// The next frame. The previous one is given back by this.
    pub(super) fn next(&mut self) -> Option<RingFrame<'_>> {
        if self.rest.is_some_and(|rest| rest.frames == 0) {
            self.release();
        }
        let Rest { frames, at } = match self.rest {
            Some(rest) => rest,
            None => self.open_block()?,
        };
        let Some((frame, next)) = self.frame(at) else {
            // Not what the kernel promises: give the block back rather than believe it.
            self.release();
            return None;
        };
        self.rest = Some(Rest { frames: frames - 1, at: next });
        // SAFETY: see `frame`: the bytes are inside the current block, which is ours until `release`, and that needs `&mut self`.
        let bytes = unsafe { std::slice::from_raw_parts(frame.start.as_ptr(), frame.len) };
        let header = frame.header;
        Some(RingFrame {
            seconds: header.tp_sec,
            nanos: header.tp_nsec,
            wire_len: header.tp_len,
            vlan_tci: (header.tp_status & libc::TP_STATUS_VLAN_VALID != 0).then_some(header.hv1.tp_vlan_tci as u16),
            outgoing: frame.outgoing,
            bytes,
        })
    }

    /// Takes the current block over from the kernel, if it has filled it.
    fn open_block(&mut self) -> Option<Rest> {
        // The kernel may hand over an empty block when it is shut down; go past it.
        for _ in 0..self.blocks {
            if self.status().load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
                return None;
            }
            let block = self.block();
            // SAFETY: the block is ours (its status said so, with acquire ordering), at least a page long and page-aligned.
            let head = unsafe { block.cast::<libc::tpacket_block_desc>().as_ref().hdr.bh1 };
            if head.num_pkts > 0 {
                return Some(Rest { frames: head.num_pkts, at: head.offset_to_first_pkt as usize });
            }
            self.release();
        }
        None
    }

    /// The frame whose header is at `at` in the current block, and where the next one's is; `None` if it does not lie in the block.
    fn frame(&self, at: usize) -> Option<(Found, usize)> {
        let fits = at.is_multiple_of(align_of::<libc::tpacket3_hdr>()) && at + ADDRESS_AT + size_of::<libc::sockaddr_ll>() <= BLOCK_LEN;
        if !fits {
            return None;
        }
        // SAFETY: header and address lie in the block (checked), which is ours and initialised by the kernel; the address is aligned
        // since blocks and `at` are. Both types are plain integers.
        let (header, address) = unsafe {
            let header = self.block().add(at);
            (header.cast::<libc::tpacket3_hdr>().read(), header.add(ADDRESS_AT).cast::<libc::sockaddr_ll>().read_unaligned())
        };
        let (from, len) = (at + usize::from(header.tp_mac), header.tp_snaplen as usize);
        if from + len > BLOCK_LEN {
            return None;
        }
        // SAFETY: `from` is in the block (checked).
        let start = unsafe { self.block().add(from) };
        Some((Found { start, len, outgoing: address.sll_pkttype == libc::PACKET_OUTGOING, header }, at + header.tp_next_offset as usize))
    }

    /// Gives the current block back to the kernel and goes on to the next.
    fn release(&mut self) {
        self.rest = None;
        self.status().store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.current = (self.current + 1) % self.blocks;
    }

    fn block(&self) -> NonNull<u8> {
        // SAFETY: `current < blocks`, so the block lies in the mapping.
        unsafe { self.map.add(self.current * BLOCK_LEN) }
    }

    fn status(&self) -> &AtomicU32 {
        // SAFETY: the status word lies in the block's header, is aligned, lives as long as the mapping, and is only accessed atomically
        // by us; the kernel's accesses are outside of Rust's memory model and ordered by its own barriers.
        unsafe { AtomicU32::from_ptr(self.block().add(STATUS_AT).cast().as_ptr()) }
    }
}

/// A frame that was found to lie in the block.
struct Found {
    start: NonNull<u8>,
    len: usize,
    outgoing: bool,
    header: libc::tpacket3_hdr,
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: address and length are those of the mapping, and no slice of it is borrowed any more.
        unsafe { libc::munmap(self.map.as_ptr().cast(), self.blocks * BLOCK_LEN) };
    }
}

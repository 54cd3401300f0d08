//! The system calls of a packet socket.
#![allow(unsafe_code)]

use crate::Instruction;
use std::{
    io, mem,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
    time::Duration,
};

/// The call that failed, and why.
pub(super) type Failed = (&'static str, io::Error);

/// A packet socket.
pub(super) struct Socket(OwnedFd);

impl Socket {
    /// A socket that receives nothing before it is bound.
    pub(super) fn new() -> Result<Self, Failed> {
        // SAFETY: no pointers are passed.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        check("socket", fd)?;
        // SAFETY: the kernel just gave us this descriptor, and nobody else has it.
        let socket = Self(unsafe { OwnedFd::from_raw_fd(fd) });
        socket.set("setsockopt(PACKET_VERSION)", libc::SOL_PACKET, libc::PACKET_VERSION, &libc::tpacket_versions::TPACKET_V3)?;
        Ok(socket)
    }

    pub(super) fn fd(&self) -> libc::c_int {
        self.0.as_raw_fd()
    }

    /// Sets a socket option.
    pub(super) fn set<T: Copy>(&self, call: &'static str, level: libc::c_int, option: libc::c_int, value: &T) -> Result<(), Failed> {
        // SAFETY: pointer and length are those of `value`, which lives through the call; the kernel only reads it.
        let result =
            unsafe { libc::setsockopt(self.fd(), level, option, std::ptr::from_ref(value).cast(), size_of::<T>() as libc::socklen_t) };
        check(call, result).map(|_| ())
    }

    /// Sets the filter: it tells how many bytes of each frame are kept, 0 for none of it.
    pub(super) fn set_filter(&self, program: &[Instruction]) -> Result<(), Failed> {
        let mut program: Vec<_> = program.iter().map(|i| libc::sock_filter { code: i.code, jt: i.jt, jf: i.jf, k: i.k }).collect();
        // A program that does not fit its length field is far over the kernel's limit, which then says so.
        let len = u16::try_from(program.len()).unwrap_or(u16::MAX);
        let filter = libc::sock_fprog { len, filter: program.as_mut_ptr() };
        self.set("setsockopt(SO_ATTACH_FILTER)", libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &filter)
    }

    /// The kind of an interface's hardware (ARPHRD).
    pub(super) fn hardware(&self, name: &str) -> Result<u16, Failed> {
        // SAFETY: all-zero bytes are a valid ifreq.
        let mut request: libc::ifreq = unsafe { mem::zeroed() };
        // The last byte stays 0. Whoever asks has found the interface by this name, so it is not too long.
        for (to, from) in request.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1).zip(name.bytes()) {
            *to = from as libc::c_char;
        }
        // SAFETY: the call reads and writes one ifreq, which lives through it.
        check("ioctl(SIOCGIFHWADDR)", unsafe { libc::ioctl(self.fd(), libc::SIOCGIFHWADDR, &raw mut request) })?;
        // SAFETY: that call has filled in this member, plain integers.
        Ok(unsafe { request.ifr_ifru.ifru_hwaddr.sa_family })
    }

    /// Starts to receive from an interface.
    pub(super) fn bind(&self, index: u32) -> Result<(), Failed> {
        // SAFETY: all-zero bytes are a valid sockaddr_ll.
        let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        address.sll_ifindex = index as libc::c_int;
        let len = size_of_val(&address) as libc::socklen_t;
        // SAFETY: pointer and length are those of `address`, which lives through the call; the kernel only reads it.
        check("bind", unsafe { libc::bind(self.fd(), (&raw const address).cast(), len) }).map(drop)
    }

    /// Joins a group of sockets among which the kernel divides the packets by a symmetric hash of addresses and ports.
    pub(super) fn join_fanout(&self, group: u16) -> Result<(), Failed> {
        let how = libc::PACKET_FANOUT_HASH | libc::PACKET_FANOUT_FLAG_DEFRAG;
        let option = u32::from(group) | how << 16;
        self.set("setsockopt(PACKET_FANOUT)", libc::SOL_PACKET, libc::PACKET_FANOUT, &option)
    }

    /// Asks the kernel to leave out frames that this machine sends. Kernels before 4.20 cannot: the reader looks itself, too.
    pub(super) fn ignore_outgoing(&self) {
        let yes: libc::c_int = 1;
        let _ = self.set("setsockopt(PACKET_IGNORE_OUTGOING)", libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &yes);
    }

    /// Frames lost because the ring was full, since the last call.
    pub(super) fn take_drops(&self) -> u32 {
        // SAFETY: all-zero bytes are a valid tpacket_stats_v3.
        let mut stats: libc::tpacket_stats_v3 = unsafe { mem::zeroed() };
        let mut len = size_of_val(&stats) as libc::socklen_t;
        // SAFETY: the kernel writes at most `len` bytes to `stats`, and the length to `len`.
        let result =
            unsafe { libc::getsockopt(self.fd(), libc::SOL_PACKET, libc::PACKET_STATISTICS, (&raw mut stats).cast(), &raw mut len) };
        if result == 0 { stats.tp_drops } else { 0 }
    }

    /// Waits until a block is ready, at most for `timeout`. An error of the interface (it went down, it is gone) is returned.
    pub(super) fn wait(&self, timeout: Duration) -> Result<(), Failed> {
        let mut poll = libc::pollfd { fd: self.fd(), events: libc::POLLIN | libc::POLLERR, revents: 0 };
        let millis = libc::c_int::try_from(timeout.as_millis()).unwrap_or(libc::c_int::MAX);
        // SAFETY: `poll` is one pollfd, as the count says, and lives through the call.
        let result = unsafe { libc::poll(&raw mut poll, 1, millis) };
        match check("poll", result) {
            Err((_, error)) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(failed) => Err(failed),
            Ok(_) if poll.revents & libc::POLLERR != 0 => self.take_error().map_or(Ok(()), |error| Err(("poll", error))),
            Ok(_) => Ok(()),
        }
    }

    fn take_error(&self) -> Option<io::Error> {
        let mut error: libc::c_int = 0;
        let mut len = size_of_val(&error) as libc::socklen_t;
        // SAFETY: the kernel writes at most `len` bytes to `error`, and the length to `len`.
        let result = unsafe { libc::getsockopt(self.fd(), libc::SOL_SOCKET, libc::SO_ERROR, (&raw mut error).cast(), &raw mut len) };
        (result == 0 && error != 0).then(|| io::Error::from_raw_os_error(error))
    }
}

pub(super) fn check(call: &'static str, result: libc::c_int) -> Result<libc::c_int, Failed> {
    if result < 0 { Err((call, io::Error::last_os_error())) } else { Ok(result) }
}

/// Sends a frame as it is, link-layer header included.
#[cfg(test)]
pub(super) fn send_raw(name: &str, frame: &[u8]) {
    let socket = Socket::new().map_err(|(call, error)| format!("{call}: {error}")).unwrap();
    let index = crate::interface::index(name).unwrap();
    // SAFETY: all-zero bytes are a valid sockaddr_ll.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_ifindex = index as libc::c_int;
    let len = size_of_val(&address) as libc::socklen_t;
    // SAFETY: pointers and lengths are those of `frame` and `address`, which live through the call; the kernel only reads them.
    let sent = unsafe { libc::sendto(socket.fd(), frame.as_ptr().cast(), frame.len(), 0, (&raw const address).cast(), len) };
    assert_eq!(usize::try_from(sent), Ok(frame.len()), "{}", io::Error::last_os_error());
}

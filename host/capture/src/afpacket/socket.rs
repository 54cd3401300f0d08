//! The system calls of a packet socket.
#![allow(unsafe_code)]

use crate::Instruction;
use std::{
    ffi::{CStr, CString},
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

    /// Takes frames for other machines, too, until the socket is closed.
    pub(super) fn set_promiscuous(&self, index: u32) -> Result<(), Failed> {
        let request =
            libc::packet_mreq { mr_ifindex: index as libc::c_int, mr_type: libc::PACKET_MR_PROMISC as u16, mr_alen: 0, mr_address: [0; 8] };
        self.set("setsockopt(PACKET_ADD_MEMBERSHIP)", libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)
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

/// The number of an interface.
pub(super) fn interface_index(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    // SAFETY: `name` ends with a zero byte and lives through the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (index != 0).then_some(index)
}

/// The names of all interfaces.
pub(super) fn interface_names() -> Vec<String> {
    let mut names = Vec::new();
    // SAFETY: no arguments. The result is null or a list that ends with index 0, which is ours to free.
    let list = unsafe { libc::if_nameindex() };
    let mut at = list;
    // SAFETY: `at` is not null and has not passed the list's end, which is an entry with index 0; names of entries before end with
    // a zero byte.
    while !at.is_null() && unsafe { (*at).if_index } != 0 {
        // SAFETY: as above.
        let name = unsafe { CStr::from_ptr((*at).if_name) };
        names.push(name.to_string_lossy().into_owned());
        // SAFETY: this entry is not the last, so the next one is part of the list.
        at = unsafe { at.add(1) };
    }
    if !list.is_null() {
        // SAFETY: the list is from if_nameindex, freed once, and nothing points into it any more.
        unsafe { libc::if_freenameindex(list) };
    }
    names
}

/// Sends a frame as it is, link-layer header included.
#[cfg(test)]
pub(super) fn send_raw(name: &str, frame: &[u8]) {
    let socket = Socket::new().map_err(|(call, error)| format!("{call}: {error}")).unwrap();
    let index = interface_index(name).unwrap();
    // SAFETY: all-zero bytes are a valid sockaddr_ll.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_ifindex = index as libc::c_int;
    let len = size_of_val(&address) as libc::socklen_t;
    // SAFETY: pointers and lengths are those of `frame` and `address`, which live through the call; the kernel only reads them.
    let sent = unsafe { libc::sendto(socket.fd(), frame.as_ptr().cast(), frame.len(), 0, (&raw const address).cast(), len) };
    assert_eq!(usize::try_from(sent), Ok(frame.len()), "{}", io::Error::last_os_error());
}

//! What is known of the machine's network interfaces.
#![allow(unsafe_code)]

use crate::CaptureError;
use std::{
    ffi::{CStr, CString},
    fs, io, mem,
    net::{Ipv4Addr, Ipv6Addr},
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

/// The number of an interface.
///
/// # Errors
/// [`CaptureError::NoSuchInterface`], with those there are.
pub(crate) fn index(name: &str) -> Result<u32, CaptureError> {
    let missing = || CaptureError::NoSuchInterface { name: name.to_owned(), known: names() };
    let text = CString::new(name).map_err(|_| missing())?;
    // SAFETY: `text` ends with a zero byte and lives through the call.
    let index = unsafe { libc::if_nametoindex(text.as_ptr()) };
    if index == 0 { Err(missing()) } else { Ok(index) }
}

/// The names of all interfaces.
pub(crate) fn names() -> Vec<String> {
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

/// What the machine itself uses an interface for, if it does: an address, or the way to everywhere else.
pub(crate) fn use_of(name: &str) -> Option<String> {
    if let Some(address) = addresses(name).into_iter().next() {
        return Some(format!("the address {address}"));
    }
    let table = |file: &str| fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap_or_default();
    let columns = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    // Interface and destination; destination, its length, …, interface.
    let v4 = table("route").lines().skip(1).map(columns).any(|c| c.len() > 7 && c[0] == name && c[1] == "00000000" && c[7] == "00000000");
    let v6 =
        table("ipv6_route").lines().map(columns).any(|c| c.len() > 9 && c[9] == name && c[1] == "00" && c[0].bytes().all(|b| b == b'0'));
    (v4 || v6).then(|| "the default route".to_owned())
}

/// Its addresses; those that every interface gives itself (IPv6 link-local) do not count.
fn addresses(name: &str) -> Vec<String> {
    let mut list = std::ptr::null_mut();
    // SAFETY: the call writes one pointer to `list`.
    if unsafe { libc::getifaddrs(&raw mut list) } != 0 {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut at = list;
    while !at.is_null() {
        // SAFETY: `at` is an entry of the list, whose name ends with a zero byte and whose address is null or as its family says.
        let (entry, called) = unsafe { (&*at, CStr::from_ptr((*at).ifa_name)) };
        if called.to_bytes() == name.as_bytes() && !entry.ifa_addr.is_null() {
            // SAFETY: as above.
            found.extend(unsafe { address(entry.ifa_addr) });
        }
        at = entry.ifa_next;
    }
    // SAFETY: the list is from getifaddrs, freed once, and nothing points into it any more.
    unsafe { libc::freeifaddrs(list) };
    found
}

/// # Safety
/// `addr` points to a socket address that is as long as its family says.
unsafe fn address(addr: *const libc::sockaddr) -> Option<String> {
    // SAFETY: the caller's promise; reads are of plain integers.
    unsafe {
        match i32::from((*addr).sa_family) {
            libc::AF_INET => Some(Ipv4Addr::from((*addr.cast::<libc::sockaddr_in>()).sin_addr.s_addr.to_ne_bytes()).to_string()),
            libc::AF_INET6 => {
                let v6 = Ipv6Addr::from((*addr.cast::<libc::sockaddr_in6>()).sin6_addr.s6_addr);
                (!v6.is_unicast_link_local()).then(|| v6.to_string())
            }
            _ => None,
        }
    }
}

/// Whether its frames begin with an Ethernet header, and are other machines' too: loopback's are not.
pub(crate) fn is_ethernet(name: &str) -> bool {
    const ARPHRD_ETHER: u16 = 1;
    let Ok(socket) = any_socket() else { return false };
    let mut request = request_for(name);
    // SAFETY: the call reads and writes one ifreq, which lives through it.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFHWADDR, &raw mut request) };
    // SAFETY: that call has filled in this member, plain integers.
    result == 0 && unsafe { request.ifr_ifru.ifru_hwaddr.sa_family } == ARPHRD_ETHER
}

/// The largest packet that it carries.
pub(crate) fn mtu(name: &str) -> Option<u32> {
    let socket = any_socket().ok()?;
    let mut request = request_for(name);
    // SAFETY: the call reads and writes one ifreq, which lives through it.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFMTU, &raw mut request) };
    // SAFETY: that call has filled in this member, a plain integer.
    (result == 0).then(|| u32::try_from(unsafe { request.ifr_ifru.ifru_mtu }).ok()).flatten()
}

/// `struct ethtool_channels` (linux/ethtool.h).
#[repr(C)]
#[derive(Default)]
struct Channels {
    cmd: u32,
    max_rx: u32,
    max_tx: u32,
    max_other: u32,
    max_combined: u32,
    rx_count: u32,
    tx_count: u32,
    other_count: u32,
    combined_count: u32,
}
const ETHTOOL_GCHANNELS: u32 = 0x3c;
const SIOCETHTOOL: libc::c_ulong = 0x8946;

/// The queues that frames come in by: 1 where the driver does not say.
pub(crate) fn receive_queues(name: &str) -> u32 {
    let Ok(socket) = any_socket() else { return 1 };
    let mut channels = Channels { cmd: ETHTOOL_GCHANNELS, ..Channels::default() };
    let mut request = request_for(name);
    request.ifr_ifru.ifru_data = (&raw mut channels).cast();
    // SAFETY: the call reads one ifreq and reads and writes the channels that it points to; both live through it.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL as _, &raw mut request) };
    if result == 0 { (channels.rx_count + channels.combined_count).max(1) } else { 1 }
}

/// Keeps an interface promiscuous until it is dropped: it takes frames for other machines, too.
pub(crate) struct Promiscuous(#[expect(dead_code, reason = "it is kept open")] OwnedFd);

impl Promiscuous {
    pub(crate) fn new(index: u32) -> Result<Self, (&'static str, io::Error)> {
        // SAFETY: no pointers are passed. The socket is of no protocol, so it receives nothing.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if fd < 0 {
            return Err(("socket(AF_PACKET)", io::Error::last_os_error()));
        }
        // SAFETY: the kernel just gave us this descriptor, and nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let request =
            libc::packet_mreq { mr_ifindex: index as libc::c_int, mr_type: libc::PACKET_MR_PROMISC as u16, mr_alen: 0, mr_address: [0; 8] };
        let len = size_of_val(&request) as libc::socklen_t;
        // SAFETY: pointer and length are those of `request`, which lives through the call; the kernel only reads it.
        let result =
            unsafe { libc::setsockopt(fd.as_raw_fd(), libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, (&raw const request).cast(), len) };
        if result < 0 { Err(("setsockopt(PACKET_ADD_MEMBERSHIP)", io::Error::last_os_error())) } else { Ok(Self(fd)) }
    }
}

/// A socket to ask about interfaces by.
fn any_socket() -> io::Result<OwnedFd> {
    // SAFETY: no pointers are passed.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave us this descriptor, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn request_for(name: &str) -> libc::ifreq {
    // SAFETY: all-zero bytes are a valid ifreq.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    // The last byte stays 0: a longer name is none, and is not found.
    for (to, from) in request.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1).zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request
}

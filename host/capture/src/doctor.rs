//! What this machine lets us do: the kernel, our rights, and how each interface can be captured from.

use crate::{
    CaptureError,
    af_xdp::{self, AfXdp},
    afpacket::{AfPacket, AfPacketOptions},
    interface,
};
use std::fs;

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// The kernel's release.
    pub kernel: String,
    /// Capabilities that matter, and whether we have them.
    pub rights: Vec<(&'static str, bool)>,
    /// The interfaces, by name.
    pub interfaces: Vec<Interface>,
}

/// An interface, and how it can be captured from.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// The largest packet that it carries.
    pub mtu: Option<u32>,
    /// Queues that frames come in by: as many lanes can share it by AF_XDP.
    pub queues: u32,
    /// What the machine itself uses it for, if it does.
    pub used_for: Option<String>,
    /// Whether AF_PACKET works: it was tried.
    pub afpacket: Result<(), String>,
    /// Whether AF_XDP can be tried, or why not. Nothing was attached.
    pub afxdp: Result<(), String>,
}

/// Bits of the capabilities (linux/capability.h), and what each is for.
const RIGHTS: [(&str, u32); 5] = [
    ("CAP_NET_RAW (AF_PACKET, AF_XDP)", 13),
    ("CAP_NET_ADMIN (AF_XDP, promiscuous interfaces)", 12),
    ("CAP_BPF (AF_XDP)", 39),
    ("CAP_IPC_LOCK (memory of AF_XDP beyond RLIMIT_MEMLOCK)", 14),
    ("CAP_SYS_ADMIN (in the place of CAP_BPF before Linux 5.8)", 21),
];

/// Looks at the machine; a name looks at that interface alone.
///
/// # Errors
/// There is no interface of this name.
pub fn examine(only: Option<&str>) -> Result<Report, CaptureError> {
    if let Some(name) = only {
        interface::index(name)?;
    }
    let effective = capabilities();
    let mut names = interface::names();
    names.retain(|name| only.is_none_or(|only| only == name));
    names.sort();
    Ok(Report {
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
        rights: RIGHTS.iter().map(|(name, bit)| (*name, effective >> bit & 1 == 1)).collect(),
        interfaces: names.into_iter().map(look_at).collect(),
    })
}

/// The capabilities of this process, a bit for each.
fn capabilities() -> u64 {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0)
}

fn look_at(name: String) -> Interface {
    // As small as a ring can be: it is gone in a moment.
    let small = AfPacketOptions { ring_bytes: 1 << 20, ..AfPacketOptions::default() };
    let why = |error: CaptureError| match error.hint() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    };
    let used_for = interface::use_of(&name);
    let afxdp = match (af_xdp::is_there(), &used_for) {
        (Err(reason), _) => Err(reason),
        (Ok(()), Some(used_for)) => Err(format!("it has {used_for}, and captured frames do not reach the machine (--i-know-it-steals)")),
        (Ok(()), None) => AfXdp::takes(&name).map_err(why),
    };
    Interface {
        mtu: interface::mtu(&name),
        queues: interface::receive_queues(&name),
        used_for,
        afpacket: AfPacket::open(&name, &small).map(drop).map_err(why),
        afxdp,
        name,
    }
}

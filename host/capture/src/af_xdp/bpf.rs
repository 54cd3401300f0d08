//! The system call `bpf`: a map of sockets, a program, its link to an interface. All three go when their descriptors are closed, however this
//! process ends.
#![allow(unsafe_code)]

use super::program::Insn;
use std::{
    ffi::CStr,
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

/// The call that failed, and why.
pub(super) type Failed = (&'static str, io::Error);

// Commands and kinds (linux/bpf.h).
const MAP_CREATE: libc::c_int = 0;
const MAP_UPDATE_ELEM: libc::c_int = 2;
const PROG_LOAD: libc::c_int = 5;
const LINK_CREATE: libc::c_int = 28;
const MAP_TYPE_XSKMAP: u32 = 17;
const PROG_TYPE_XDP: u32 = 6;
const ATTACH_TYPE_XDP: u32 = 37;
/// The program can handle frames that lie in several buffers.
const XDP_HAS_FRAGS: u32 = 1 << 5;

/// How a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// In the driver, before the kernel has made its own packet of the frame.
    Native,
    /// After it; every interface can do that, several times more slowly.
    Generic,
}

#[repr(C)]
#[derive(Default)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
}

#[repr(C)]
#[derive(Default)]
struct MapUpdate {
    map_fd: u32,
    _padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
#[derive(Default)]
struct ProgLoad {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
}

#[repr(C)]
#[derive(Default)]
struct LinkCreate {
    prog_fd: u32,
    target_ifindex: u32,
    attach_type: u32,
    flags: u32,
}

/// What the kernel calls the program; `bpftool prog` shows it.
const NAME: &[u8; 16] = b"hookline_xdp\0\0\0\0";
/// The helpers for times are for programs under the GPL, as the kernel counts.
const LICENSE: &CStr = c"GPL";
/// What the verifier says of a program that it refuses: its last line has the reason.
const LOG_BYTES: usize = 64 << 10;

fn bpf<T>(call: &'static str, command: libc::c_int, attributes: &T) -> Result<i32, Failed> {
    // SAFETY: `attributes` is one of the structs above, laid out as the kernel's for this command; what it points to lives through the call.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size_of::<T>()) };
    if result < 0 { Err((call, io::Error::last_os_error())) } else { Ok(result as i32) }
}

fn open<T>(call: &'static str, command: libc::c_int, attributes: &T) -> Result<OwnedFd, Failed> {
    let fd = bpf(call, command, attributes)?;
    // SAFETY: the kernel just gave us this descriptor, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A map from queues to sockets.
pub(super) struct SocketMap(OwnedFd);

impl SocketMap {
    pub(super) fn new(queues: u32) -> Result<Self, Failed> {
        let attributes = MapCreate { map_type: MAP_TYPE_XSKMAP, key_size: 4, value_size: 4, max_entries: queues, ..MapCreate::default() };
        open("bpf(BPF_MAP_CREATE)", MAP_CREATE, &attributes).map(Self)
    }

    pub(super) fn set(&self, queue: u32, socket: i32) -> Result<(), Failed> {
        let attributes = MapUpdate {
            map_fd: self.0.as_raw_fd() as u32,
            key: std::ptr::from_ref(&queue) as u64,
            value: std::ptr::from_ref(&socket) as u64,
            ..MapUpdate::default()
        };
        bpf("bpf(BPF_MAP_UPDATE_ELEM)", MAP_UPDATE_ELEM, &attributes).map(drop)
    }

    pub(super) fn fd(&self) -> i32 {
        self.0.as_raw_fd()
    }
}

#[repr(C)]
#[derive(Default)]
struct TestRun {
    prog_fd: u32,
    retval: u32,
    data_size_in: u32,
    data_size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    ctx_size_in: u32,
    ctx_size_out: u32,
    ctx_in: u64,
    ctx_out: u64,
    flags: u32,
    cpu: u32,
    batch_size: u32,
    _padding: u32,
}
const PROG_TEST_RUN: libc::c_int = 10;
/// `BPF_F_TEST_XDP_LIVE_FRAMES`: what the program redirects is sent.
const LIVE_FRAMES: u32 = 1 << 1;

/// Runs a program on as many copies of a frame, which go where it redirects them.
pub(super) fn run_live(program: &OwnedFd, frame: &[u8], repeat: u32) -> Result<(), Failed> {
    let attributes = TestRun {
        prog_fd: program.as_raw_fd() as u32,
        data_size_in: frame.len() as u32,
        data_in: frame.as_ptr() as u64,
        repeat,
        flags: LIVE_FRAMES,
        batch_size: 64,
        ..TestRun::default()
    };
    bpf("bpf(BPF_PROG_TEST_RUN)", PROG_TEST_RUN, &attributes).map(drop)
}

/// A program on an interface, until it is dropped.
pub(super) struct Link {
    _link: OwnedFd,
}

/// Loads an XDP program. What the verifier says is part of the error.
pub(super) fn load(code: &[Insn], frags: bool) -> Result<OwnedFd, Failed> {
    let mut log = vec![0_u8; LOG_BYTES];
    let mut attributes = ProgLoad {
        prog_type: PROG_TYPE_XDP,
        insn_cnt: code.len() as u32,
        insns: code.as_ptr() as u64,
        license: LICENSE.as_ptr() as u64,
        prog_flags: if frags { XDP_HAS_FRAGS } else { 0 },
        prog_name: *NAME,
        expected_attach_type: ATTACH_TYPE_XDP,
        ..ProgLoad::default()
    };
    let call = "bpf(BPF_PROG_LOAD)";
    open(call, PROG_LOAD, &attributes).map_err(|(call, error)| {
        // Once more, with what the verifier says.
        (attributes.log_level, attributes.log_size, attributes.log_buf) = (1, log.len() as u32, log.as_mut_ptr() as u64);
        let _ = open(call, PROG_LOAD, &attributes);
        let said = String::from_utf8_lossy(log.split(|b| *b == 0).next().unwrap_or_default()).into_owned();
        match said.lines().rev().find(|line| !line.trim().is_empty() && !line.starts_with("processed")) {
            Some(line) => (call, io::Error::new(error.kind(), format!("{error}: {line}"))),
            None => (call, error),
        }
    })
}

/// Attaches a program to an interface.
pub(super) fn attach(program: &OwnedFd, interface: u32, mode: Mode) -> Result<Link, Failed> {
    let flags = match mode {
        Mode::Generic => 1 << 1,
        Mode::Native => 1 << 2,
    };
    let attributes = LinkCreate { prog_fd: program.as_raw_fd() as u32, target_ifindex: interface, attach_type: ATTACH_TYPE_XDP, flags };
    open("bpf(BPF_LINK_CREATE)", LINK_CREATE, &attributes).map(|link| Link { _link: link })
}

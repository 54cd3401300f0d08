//! For tests and benches: network namespaces of their own, two of them with a cable between (veth), gone when they end. Needs root and `ip`.
#![allow(unsafe_code)]

use std::{
    fs::File,
    os::fd::AsRawFd as _,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

/// Two namespaces: one that sends, with the address 10.99.0.1 on `va`, and one that is captured in, on `vb`, which has no address.
pub struct Cable {
    sender: String,
    captured: String,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

fn ip(args: &[&str]) -> Result<(), String> {
    let out = Command::new("ip").args(args).output().map_err(|e| format!("cannot start ip: {e}"))?;
    if out.status.success() { Ok(()) } else { Err(format!("ip {}: {}", args.join(" "), String::from_utf8_lossy(&out.stderr).trim())) }
}

impl Cable {
    /// A cable for packets of up to `mtu` bytes; the captured end has so many queues. Nothing, and a word on standard error, where that
    /// cannot be had.
    pub fn new(mtu: u32, queues: u32) -> Option<Self> {
        // SAFETY: no arguments.
        if unsafe { libc::geteuid() } != 0 {
            eprintln!("SKIPPED: network namespaces need root");
            return None;
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = |side| format!("hookline-test-{}-{number}-{side}", std::process::id());
        let this = Self { sender: name("a"), captured: name("b") };
        match this.lay(mtu, queues) {
            Ok(()) => Some(this),
            Err(reason) => {
                eprintln!("SKIPPED: no network namespaces here: {reason}");
                None
            }
        }
    }

    fn lay(&self, mtu: u32, queues: u32) -> Result<(), String> {
        let Self { sender: a, captured: b } = self;
        let (mtu, queues) = (mtu.to_string(), queues.to_string());
        ip(&["netns", "add", a])?;
        ip(&["netns", "add", b])?;
        let ends = ["link", "add", "va", "netns", a, "numtxqueues", &queues, "numrxqueues", &queues, "type", "veth", "peer", "name", "vb"];
        ip(&[&ends[..], &["netns", b, "numtxqueues", &queues, "numrxqueues", &queues]].concat())?;
        for (namespace, end, address) in [(a, "va", "02:00:00:00:00:01"), (b, "vb", "02:00:00:00:00:02")] {
            // No router solicitations among what a test counts.
            ip(&["netns", "exec", namespace, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6"])?;
            ip(&["-n", namespace, "link", "set", "lo", "up"])?;
            ip(&["-n", namespace, "link", "set", end, "address", address, "mtu", &mtu, "up"])?;
        }
        ip(&["-n", a, "addr", "add", "10.99.0.1/24", "dev", "va"])?;
        ip(&["-n", a, "neigh", "add", "10.99.0.2", "lladdr", "02:00:00:00:00:02", "dev", "va"])
    }

    /// Runs `ip` in the captured namespace.
    ///
    /// # Panics
    /// If it fails.
    pub fn ip(&self, args: &[&str]) {
        ip(&[&["-n", &self.captured], args].concat()).unwrap();
    }

    /// What `ip` shows of the captured end.
    pub fn shown(&self) -> String {
        let out = Command::new("ip").args(["-n", &self.captured, "-d", "link", "show", "dev", "vb"]).output().unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// Runs `f` where packets are sent from.
    pub fn send<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        inside(&self.sender, f)
    }

    /// Runs `f` where they are captured.
    pub fn capture<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        inside(&self.captured, f)
    }

    /// Packets that the cable itself lost: those that `va` could not send.
    pub fn lost(&self) -> u64 {
        let table = self.send(|| std::fs::read_to_string("/proc/thread-self/net/dev").unwrap());
        let line = table.lines().find_map(|line| line.trim().strip_prefix("va:")).unwrap();
        // Eight columns of what was received; then bytes, packets, errs, drop.
        line.split_whitespace().nth(11).unwrap().parse().unwrap()
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for namespace in [&self.sender, &self.captured] {
            if let Err(error) = ip(&["netns", "del", namespace]) {
                eprintln!("{error}");
            }
        }
    }
}

fn inside<R: Send>(namespace: &str, f: impl FnOnce() -> R + Send) -> R {
    let file = File::open(format!("/run/netns/{namespace}")).unwrap();
    std::thread::scope(|scope| {
        let entered = scope.spawn(move || {
            // SAFETY: it takes this thread, which ends after `f`, into the namespace; nothing else changes.
            assert_eq!(unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) }, 0, "{}", std::io::Error::last_os_error());
            f()
        });
        entered.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

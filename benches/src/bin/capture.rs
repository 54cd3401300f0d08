//! Packets a second that each way to capture takes in, one reader on one core, on the same flood: a cable (veth) between two network
//! namespaces of its own, into which the kernel sends frames as a network card's driver would.
//!
//! Needs root and `ip`. Rates of a machine mean little; the ratios within one run do.

#![forbid(unsafe_code)]

use hookline_capture::{
    Drained, PacketSource,
    af_xdp::{AfXdp, AfXdpOptions, Flood},
    afpacket::{AfPacket, AfPacketOptions},
    testing::Cable,
};
use hookline_packet::{Limits, Streams};
use rustix::thread::{CpuSet, sched_setaffinity};
use std::{
    io::Write as _,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// How long each flood lasts.
const FLOOD: Duration = Duration::from_secs(2);
/// Frames of one call: each costs the kernel some milliseconds to set up.
const BURST: u32 = 200_000;
const SIZES: [usize; 3] = [64, 512, 1500];

/// Takes this thread to a processor of its own: the flood has the first, with what the kernel does for each frame.
fn pin(processor: usize) {
    let mut set = CpuSet::new();
    set.set(processor);
    // A machine with one processor has it share.
    let _ = sched_setaffinity(None, &set);
}

/// A UDP datagram for another machine, so that nothing but the capture takes it: Ethernet, IPv4, UDP, and zeros.
fn frame(size: usize) -> Vec<u8> {
    let mut frame = vec![0; size];
    frame[..12].copy_from_slice(&[2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8]);
    frame[12..14].copy_from_slice(&[8, 0]);
    let ip = (size - 14) as u16;
    frame[14..34].copy_from_slice(&[0x45, 0, (ip >> 8) as u8, ip as u8, 0, 1, 0, 0, 64, 17, 0, 0, 10, 99, 0, 1, 10, 99, 0, 2]);
    frame[34..38].copy_from_slice(&[0x30, 0x39, 0x0f, 0xa0]);
    frame[38..40].copy_from_slice(&(ip - 20).to_be_bytes());
    frame
}

/// An open source, and what must live as long.
type Open = (Box<dyn PacketSource>, Option<Box<dyn Send>>);

/// A way to capture.
type Way = (&'static str, fn() -> Open);

/// What a way to capture took in.
#[derive(Clone, Copy)]
struct Rate {
    /// Packets a second.
    received: f64,
    /// Of all that came.
    dropped: f64,
}

/// Floods the cable with frames of a size while what is opened is read; `take` is what is done with each.
fn measure(cable: &Cable, size: usize, open: fn() -> Open, take: &mut (dyn FnMut(hookline_item::Frame<'_>) + Send)) -> Rate {
    let (ready, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let read = || {
        pin(1);
        let (mut source, _kept) = open();
        ready.store(true, Ordering::Release);
        let mut last = false;
        loop {
            let drained = source.drain(256, take).expect("the interface is there");
            if last && drained == Drained::Idle {
                return source.stats();
            }
            last = over.load(Ordering::Acquire);
        }
    };
    let send = || {
        pin(0);
        let flood = Flood::new("va").expect("this needs root");
        while !ready.load(Ordering::Acquire) {
            thread::yield_now();
        }
        let (frame, started) = (frame(size), Instant::now());
        while started.elapsed() < FLOOD {
            flood.send(&frame, BURST).expect("the kernel has live frames (5.18)");
        }
        let took = started.elapsed();
        over.store(true, Ordering::Release);
        took
    };
    thread::scope(|scope| {
        let reader = scope.spawn(|| cable.capture(read));
        let flood = scope.spawn(|| cable.send(send));
        let took = flood.join().expect("it sends").as_secs_f64();
        let stats = reader.join().expect("it reads");
        let came = (stats.received + stats.dropped).max(1) as f64;
        Rate { received: stats.received as f64 / took, dropped: stats.dropped as f64 / came }
    })
}

fn afxdp() -> Open {
    open_afxdp(true)
}

fn afxdp_coarse() -> Open {
    open_afxdp(false)
}

fn open_afxdp(kernel_times: bool) -> Open {
    let lanes = AfXdp::open("vb", 1, &AfXdpOptions { kernel_times, ..AfXdpOptions::default() }).expect("AF_XDP on veth");
    (Box::new(lanes.into_iter().next().expect("one lane")), None)
}

fn afpacket() -> Open {
    let options = AfPacketOptions { promiscuous: true, ..AfPacketOptions::default() };
    let let_in = Flood::let_in("vb").expect("this needs root");
    (Box::new(AfPacket::open("vb", &options).expect("AF_PACKET")), Some(Box::new(let_in)))
}

fn main() -> std::io::Result<()> {
    let Some(cable) = Cable::new(1500, 1) else { std::process::exit(1) };
    let mut out = std::io::stdout().lock();
    let ways: [Way; 3] = [("afxdp", afxdp_coarse), ("afxdp with kernel times", afxdp), ("afpacket", afpacket)];
    for size in SIZES {
        let rates =
            ways.map(|(name, open)| (name, measure(&cable, size, open, &mut |frame| _ = std::hint::black_box(frame.bytes.first()))));
        for (name, rate) in rates {
            writeln!(out, "{name:<24} at {size:>4} B: {:>6.2} Mpps, {:>5.1} % dropped", rate.received / 1e6, 100.0 * rate.dropped)?;
        }
        let [coarse, exact, afpacket] = rates.map(|(_, rate)| rate.received);
        writeln!(out, "ratio afxdp/afpacket at {size} B: {:.2}", coarse / afpacket)?;
        writeln!(out, "ratio afxdp with kernel times/afpacket at {size} B: {:.2}", exact / afpacket)?;
    }
    // The whole way to items: flow table and dissectors.
    let (mut streams, mut sink) = (Streams::new(Limits::default(), 1), hookline_benches::Dissection::default());
    let rate = measure(&cable, 64, afxdp_coarse, &mut |frame| _ = streams.frame(&frame, &mut sink));
    writeln!(out, "afxdp with flow table and dissectors at 64 B: {:.2} Mpps, {:.1} % dropped", rate.received / 1e6, 100.0 * rate.dropped)?;
    out.flush()
}

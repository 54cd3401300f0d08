//! `amplify OUT MIB FILE|DIR...`: one large capture out of many small ones, for benches.
//!
//! The Ethernet frames of all inputs, in the order of their times since their capture's beginning, are written again and again; each round
//! has addresses of its own (10.0.0.0/8 and fd00::/8) and comes after the one before, so that flows come and go as they do in a network.
//! Only the outermost addresses change: what is in tunnels stays. `amplify --flows OUT N` writes the handshakes of N connections that stay
//! open instead. Checksums are left as they were: nobody here checks them.

#![forbid(unsafe_code)]

use hookline_benches::{frames, segment};
use hookline_item::{LinkType, Sender, Timestamp};
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

const USAGE: &str = "usage: amplify OUT MIB FILE|DIR... | amplify --flows OUT N";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--flows", out, n] => Ok(flows(Path::new(out), n.parse()?)?),
        [out, mib, inputs @ ..] if !inputs.is_empty() => Ok(amplify(Path::new(out), mib.parse::<u64>()? << 20, inputs)?),
        _ => Err(USAGE.into()),
    }
}

/// One frame of a round.
struct Template {
    /// Nanoseconds since the beginning of its capture.
    after: u64,
    bytes: Vec<u8>,
    wire_len: u32,
    /// Where its IP addresses begin, and how long each is.
    addresses: Option<(usize, usize)>,
}

/// Longer captures are played faster: a round takes this long.
const ROUND_NANOS: u64 = 1_000_000_000;

fn amplify(out: &Path, size: u64, inputs: &[&str]) -> io::Result<()> {
    let mut files = Vec::new();
    inputs.iter().for_each(|input| collect(Path::new(input), &mut files));
    files.sort();
    let mut templates: Vec<Template> = files.iter().flat_map(|file| read(file)).collect();
    if templates.is_empty() {
        return Err(io::Error::other("the inputs have no Ethernet frames"));
    }
    templates.sort_by_key(|t| t.after);
    let mut writer = Writer::new(out)?;
    for round in 0_u64.. {
        for template in &mut templates {
            if writer.written >= size {
                eprintln!("{} frames, {} rounds of {} captures", writer.frames, round, files.len());
                return writer.finish();
            }
            // Who had these addresses 65,536 rounds ago has long been forgotten.
            template.move_to((round % (1 << 16)) as u16);
            let at = 1_700_000_000_000_000_000 + round * ROUND_NANOS + template.after;
            writer.frame(at, &template.bytes, template.wire_len)?;
        }
    }
    writer.finish()
}

/// The captures below `path`.
fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if let Ok(entries) = std::fs::read_dir(path) {
        // The captures in `capture` are the readers' tests: damaged, or of strange kinds.
        entries.flatten().filter(|entry| entry.file_name() != "capture").for_each(|entry| collect(&entry.path(), files));
    } else if [".pcap", ".pcapng", ".pcap.gz", ".pcapng.gz"].iter().any(|end| path.to_string_lossy().ends_with(end)) {
        files.push(path.to_owned());
    }
}

fn read(file: &Path) -> Vec<Template> {
    let frames = frames(file);
    let Some(first) = frames.iter().map(|f| f.frame().seen.at).min() else { return Vec::new() };
    let last = frames.iter().map(|f| f.frame().seen.at).max().unwrap_or(first);
    let length = u64::try_from(last.since(first).as_nanos()).unwrap_or(u64::MAX);
    // A capture that takes a day keeps the order of its frames.
    let faster = length / ROUND_NANOS + 1;
    let ethernet = frames.iter().filter(|f| f.frame().link == LinkType::ETHERNET);
    let template = |f: &hookline_benches::Owned| {
        let frame = f.frame();
        let after = u64::try_from(frame.seen.at.since(first).as_nanos()).unwrap_or(0) / faster;
        Template { after, addresses: addresses(frame.bytes), bytes: frame.bytes.to_vec(), wire_len: frame.wire_len }
    };
    ethernet.map(template).collect()
}

/// Where the addresses of the outermost IP header are.
fn addresses(frame: &[u8]) -> Option<(usize, usize)> {
    let mut at = 12;
    loop {
        let kind = u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?]);
        let (offset, len) = match kind {
            0x8100 | 0x88a8 => {
                at += 4;
                continue;
            }
            0x0800 => (at + 2 + 12, 4),
            0x86dd => (at + 2 + 8, 16),
            _ => return None,
        };
        return (frame.len() >= offset + 2 * len).then_some((offset, len));
    }
}

impl Template {
    /// Gives both addresses the round's network; the last part of each, which tells hosts apart, stays.
    fn move_to(&mut self, round: u16) {
        let Some((offset, len)) = self.addresses else { return };
        let [high, low] = round.to_be_bytes();
        for at in [offset, offset + len] {
            if let Some(address) = self.bytes.get_mut(at..at + len) {
                match address {
                    [a, b, c, _] => [*a, *b, *c] = [10, high, low],
                    [a, b, c, ..] => [*a, *b, *c] = [0xfd, high, low],
                    _ => {}
                }
            }
        }
    }
}

/// Connections that are opened, one every microsecond, and say nothing.
fn flows(out: &Path, count: u32) -> io::Result<()> {
    const SYN: u8 = 2;
    const ACK: u8 = 0x10;
    let mut writer = Writer::new(out)?;
    for flow in 0..count {
        let at = 1_700_000_000_000_000_000 + u64::from(flow) * 1_000;
        for frame in [
            segment(flow, Sender::Client, SYN, [99, 0], b""),
            segment(flow, Sender::Server, SYN | ACK, [499, 100], b""),
            segment(flow, Sender::Client, ACK, [100, 500], b""),
        ] {
            writer.frame(at, &frame, u32::try_from(frame.len()).unwrap_or(0))?;
        }
    }
    writer.finish()
}

/// Writes a pcap file of Ethernet frames with times in nanoseconds.
struct Writer {
    out: BufWriter<File>,
    written: u64,
    frames: u64,
}

impl Writer {
    fn new(path: &Path) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
        out.write_all(&0xa1b2_3c4d_u32.to_le_bytes())?;
        out.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0])?;
        Ok(Self { out, written: 24, frames: 0 })
    }

    fn frame(&mut self, nanos: u64, bytes: &[u8], wire_len: u32) -> io::Result<()> {
        let at = Timestamp(nanos);
        let len = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        for n in [u32::try_from(at.as_secs()).unwrap_or(0), u32::try_from(nanos % 1_000_000_000).unwrap_or(0), len, wire_len] {
            self.out.write_all(&n.to_le_bytes())?;
        }
        self.written += 16 + u64::from(len);
        self.frames += 1;
        self.out.write_all(bytes)
    }

    fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

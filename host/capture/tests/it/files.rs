//! The file formats: what must be read, and what must be said of files that cannot be.

use crate::{
    PCAPS,
    conversations::{Content, read},
};
use hookline_capture::{CaptureError, Drained, PacketSource as _, Position, file::FileSource};
use hookline_item::{LinkType, Timestamp};
use proptest::prelude::*;
use std::{
    fs,
    io::{Cursor, Write as _},
    path::{Path, PathBuf},
};

fn pcap(name: &str) -> PathBuf {
    Path::new(PCAPS).join(name)
}

/// Each TCP flow as `client bytes+gap > server bytes+gap`.
fn flows(content: &Content) -> Vec<String> {
    let side = |bytes: usize, gap: u64| if gap == 0 { bytes.to_string() } else { format!("{bytes}+{gap}") };
    let flow = content.tcp().map(|c| format!("{} > {}", side(c.sides[0].len(), c.gaps[0]), side(c.sides[1].len(), c.gaps[1])));
    flow.collect()
}

#[test]
fn every_format_is_read() {
    let cases: [(&str, u64, &[&str]); 14] = [
        ("bigendian.pcap", 2, &[]),
        ("handshake-reorder.pcap", 14, &["136 > 5007"]),
        ("many_interfaces-1.pcapng", 64, &["1969 > 860", "216 > 0"]),
        ("modified-format.pcap", 1, &[]),
        ("nanosecs_big_endian.pcap", 10, &["78 > 1444"]),
        ("null_loopback.pcap", 3, &["403 > 0"]),
        ("one_tcp_stream_max_seq.pcap", 36, &["9948 > 12444"]),
        ("pcapng-be-test016.pcapng", 4, &[]),
        ("pcapng-le-test006.pcapng", 5, &[]),
        ("pcapng-le-test017.pcapng", 0, &[]),
        ("sll2.pcap", 3, &["0 > 31"]),
        ("time_2107.pcapng", 1, &[]),
        ("unidirectional_tcp_stream_with_missing_packet.pcap", 14, &["8528+1420 > 0"]),
        ("vlan-qinqinq.pcap", 14, &["136 > 5007"]),
    ];
    for (name, frames, tcp) in cases {
        let content = read(&pcap(name));
        assert!(content.error.is_none(), "{name}: {:?}", content.error);
        assert_eq!((content.frames, flows(&content)), (frames, tcp.iter().map(ToString::to_string).collect()), "{name}");
    }
}

/// Time, link type, interface, captured and original length of the first frame.
fn first(name: &str) -> (Timestamp, LinkType, u32, usize, u32) {
    let mut source = FileSource::open(&pcap(name)).unwrap();
    let mut found = None;
    source.drain(1, &mut |f| found = Some((f.seen.at, f.link, f.interface, f.bytes.len(), f.wire_len))).unwrap();
    found.unwrap()
}

#[test]
fn times_and_lengths() {
    assert_eq!(first("bigendian.pcap").0, Timestamp::new(1_335_958_313, 152_630_000));
    assert_eq!(first("nanosecs_big_endian.pcap").0.0 / 1000, 1_766_361_926_167_647, "nanoseconds are kept");
    assert_eq!(first("time_2107.pcapng").0, Timestamp::new(4_323_283_200, 0));
    assert_eq!(first("modified-format.pcap"), (Timestamp::new(1_712_763_541, 734_807_000), LinkType::ETHERNET, 0, 98, 98));
    assert_eq!(first("sll2.pcap").1, LinkType::LINUX_SLL2);
    assert_eq!(first("null_loopback.pcap").1, LinkType::NULL);
}

#[test]
fn the_innermost_vlan_tag_counts() {
    let content = read(&pcap("vlan-qinqinq.pcap"));
    assert_eq!(content.conversations[0].start.vlan, Some(10));
    assert_eq!(content.stats.gaps, 0);
}

fn opened(bytes: Vec<u8>) -> Result<FileSource, CaptureError> {
    FileSource::from_reader("test", Box::new(Cursor::new(bytes)), None)
}

/// Frames read, and how it ended.
fn drained(mut source: FileSource) -> (usize, Option<CaptureError>) {
    let mut frames = 0;
    loop {
        match source.drain(3, &mut |_| {}) {
            Ok(Drained::Some(n)) => frames += n,
            Ok(Drained::Time(_) | Drained::Idle | Drained::End) => return (frames, None),
            Err(error) => {
                assert_eq!(source.drain(3, &mut |_| {}).unwrap(), Drained::End, "after an error there is nothing");
                return (frames, Some(error));
            }
        }
    }
}

#[test]
fn compressed_files_are_told_by_their_content() {
    let plain = fs::read(pcap("vlan-qinqinq.pcap")).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&plain).unwrap();
    let (gzip, zstd) = (gzip.finish().unwrap(), zstd::encode_all(&plain[..], 3).unwrap());
    for bytes in [&gzip, &zstd] {
        let (frames, error) = drained(opened(bytes.clone()).unwrap());
        assert!(frames == 14 && error.is_none(), "{frames}: {error:?}");
        // Compressed data may be so short that none of it can be had from its half.
        let (frames, error) = opened(bytes[..bytes.len() / 2].to_vec()).map_or_else(|error| (0, Some(error)), drained);
        assert!(frames < 14 && matches!(error, Some(CaptureError::Damaged { decompressed: true, .. })), "{frames}: {error:?}");
    }
}

#[test]
fn a_file_that_was_cut_gives_all_frames_before() {
    let bytes = fs::read(pcap("bigendian.pcap")).unwrap();
    let (frames, error) = drained(opened(bytes[..bytes.len() - 1].to_vec()).unwrap());
    let Some(error @ CaptureError::Damaged { offset, frames: before, .. }) = error else { panic!("{error:?}") };
    let second = 24 + 16 + u64::from(u32::from_be_bytes(bytes[32..36].try_into().unwrap()));
    assert_eq!((frames, before, offset), (1, 1, second));
    assert!(
        error.to_string().starts_with(&format!("test: damaged at byte {second}, after frame 1: the file ends inside a frame")),
        "{error}"
    );
    assert!(error.hint().is_some());
}

#[test]
fn impossible_lengths_are_damage() {
    let mut bytes = fs::read(pcap("bigendian.pcap")).unwrap();
    bytes[32..36].copy_from_slice(&[0x7f, 0, 0, 0]);
    assert!(matches!(drained(opened(bytes).unwrap()), (0, Some(CaptureError::Damaged { offset: 24, .. }))));
    let mut bytes = fs::read(pcap("time_2107.pcapng")).unwrap();
    let last = bytes.len() - 4;
    bytes[last..].fill(0x11);
    assert!(matches!(drained(opened(bytes).unwrap()), (0, Some(CaptureError::Damaged { .. }))));
}

#[test]
fn what_is_no_capture_is_told() {
    let message = |bytes: &[u8]| opened(bytes.to_vec()).err().unwrap().to_string();
    assert_eq!(message(b"{\"a\":1}..."), "test: this is not a pcap or pcapng file: it starts with 7b 22 61 22 3a 31 7d 2e");
    assert_eq!(message(b""), "test: file is empty");
    assert_eq!(message(b"\xd4\xc3\xb2\xa1\x02\0"), "test: damaged at byte 0, after frame 0: the file ends inside the file header");
    let version = FileSource::open(&pcap("pcap-invalid-version-1.pcap")).err().unwrap();
    assert!(matches!(version, CaptureError::UnsupportedFile { .. }) && version.to_string().contains("version 1."), "{version}");
    assert!(matches!(FileSource::open(Path::new("no/such/file")).err().unwrap(), CaptureError::Open { .. }));
    assert!(matches!(FileSource::open(Path::new(PCAPS)).err().unwrap(), CaptureError::Open { .. }));
}

#[test]
fn the_position_reaches_the_end() {
    let mut source = FileSource::open(&pcap("vlan-qinqinq.pcap")).unwrap();
    while source.drain(1, &mut |_| {}).unwrap() != Drained::End {}
    assert_eq!(source.position(), Some(Position { read: 6503, total: Some(6503) }));
    assert_eq!((source.backend(), source.stats().received, source.stats().truncated), ("file", 14, 0));
}

/// A pcapng block in the byte order `order`.
fn block(order: fn(u32) -> [u8; 4], kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let len = order(u32::try_from(padded + 12).unwrap());
    [&order(kind)[..], &len, body, &vec![0; padded - body.len()], &len].concat()
}

/// Two sections of different byte orders, with all packet blocks, odd resolutions and statistics.
#[test]
fn pcapng_sections_resolutions_and_packet_blocks() {
    let header = |order: fn(u32) -> [u8; 4]| {
        block(
            order,
            0x0a0d_0d0a,
            &[&order(0x1a2b_3c4d)[..], if order(1)[0] == 1 { &[1, 0, 0, 0] } else { &[0, 1, 0, 0] }, &[0xff; 8]].concat(),
        )
    };
    let (le, be) = (u32::to_le_bytes as fn(u32) -> [u8; 4], u32::to_be_bytes as fn(u32) -> [u8; 4]);
    let ip = [&[0x45, 0, 0, 20, 0, 0, 0, 0, 64, 1, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2][..], b"x"].concat();
    let packet = |order: fn(u32) -> [u8; 4], interface: [u8; 4], ticks: u32| {
        [&interface[..], &order(0), &order(ticks), &order(21), &order(30), &ip].concat()
    };
    let file = [
        header(le),
        block(le, 1, &[&[101, 0, 0, 0][..], &le(10)].concat()),
        // Resolution 2^-10, 100 seconds to be added.
        block(le, 1, &[&[101, 0, 0, 0][..], &le(0), &[9, 0, 1, 0, 0x8a, 0, 0, 0], &[14, 0, 8, 0, 100, 0, 0, 0, 0, 0, 0, 0]].concat()),
        block(le, 6, &packet(le, le(1), 1536)),
        block(le, 3, &[&le(21)[..], &ip].concat()),
        block(le, 0x0bad, b"custom"),
        block(le, 5, &[&le(1)[..], &[0; 8], &[5, 0, 8, 0, 3, 0, 0, 0, 0, 0, 0, 0]].concat()),
        header(be),
        block(be, 1, &[&[0, 101, 0, 0][..], &be(0)].concat()),
        block(be, 2, &packet(be, [0, 0, 0, 7], 5)),
    ];
    let mut source = opened(file.concat()).unwrap();
    let mut seen = Vec::new();
    let drained = source.drain(10, &mut |f| seen.push((f.seen.frame, f.seen.at.0, f.interface, f.bytes.len(), f.wire_len))).unwrap();
    assert_eq!(drained, Drained::Some(3));
    assert_eq!(seen, [(1, 101_500_000_000, 1, 21, 30), (2, 0, 0, 10, 21), (3, 5000, 2, 21, 30)]);
    assert_eq!((source.stats().dropped, source.stats().truncated), (3, 3));
}

proptest! {
    #[test]
    fn any_bytes_end(start in prop::sample::select(&["vlan-qinqinq.pcap", "many_interfaces-1.pcapng", "pcapng-be-test016.pcapng", "modified-format.pcap"][..]), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20), cut: prop::sample::Index) {
        let mut bytes = fs::read(pcap(start)).unwrap();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(cut.index(bytes.len() * 2));
        if let Ok(source) = opened(bytes) {
            drained(source);
        }
    }
}

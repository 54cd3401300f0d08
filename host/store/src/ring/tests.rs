use super::*;
use hookline_item::{LinkType, Seen};

fn options(folder: &Path) -> RingOptions {
    RingOptions { folder: folder.to_owned(), bytes_max: 1 << 30, age_max: Duration::from_secs(3600) }
}

/// Milliseconds.
fn ms(n: u64) -> Timestamp {
    Timestamp(n * 1_000_000)
}

/// A frame of stream `n % 10` at millisecond `n`, which cannot be compressed away.
fn frame(n: u64, bytes: &mut Vec<u8>) -> Frame<'_> {
    bytes.clear();
    let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while bytes.len() < 1000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    let seen = Seen { at: ms(n), frame: 0 };
    Frame { seen, interface: 0, link: LinkType::ETHERNET, wire_len: 1200, vlan: None, bytes }
}

fn write(ring: &Ring, lane: u32, numbers: std::ops::Range<u64>) {
    let (mut lane, mut bytes) = (ring.lane(lane), Vec::new());
    for n in numbers {
        lane.packet(&frame(n, &mut bytes), Some(n % 10));
        lane.advance(ms(n));
    }
}

fn numbers(packets: &[Kept]) -> Vec<u64> {
    packets.iter().map(|p| u64::from_le_bytes(p.bytes[..8].try_into().unwrap())).collect()
}

#[test]
fn packets_are_found_by_stream_and_time() {
    let dir = tempfile::tempdir().unwrap();
    let ring = Ring::open(&options(dir.path())).unwrap();
    // Two lanes, whose packets come in turn.
    write(&ring, 0, 0..100);
    write(&ring, 1, 100..200);
    let query = |streams: Option<&[u64]>, from, to| {
        let query = PacketQuery { streams: streams.map(<[u64]>::to_vec), from: ms(from), to: Some(ms(to)) };
        numbers(&ring.read(&query).unwrap())
    };
    assert_eq!(query(None, 0, 1000), (0..200).collect::<Vec<_>>());
    assert_eq!(query(Some(&[3]), 0, 1000), (0..200).filter(|n| n % 10 == 3).collect::<Vec<_>>());
    assert_eq!(query(Some(&[3, 7]), 90, 110), [93, 97, 103, 107]);
    assert!(query(Some(&[77]), 0, 1000).is_empty());
    let stats = ring.stats();
    assert_eq!((stats.packets, stats.dropped, stats.failed, stats.torn), (200, 0, 0, 0));
    ring.finish();
    // The same once it is indexed, by another process.
    let query = PacketQuery { streams: Some(vec![3]), from: ms(50), to: None };
    assert_eq!(numbers(&read(dir.path(), &query).unwrap()), (50..200).filter(|n| n % 10 == 3).collect::<Vec<_>>());
}

/// What a lane has gathered and not handed over yet is asked for, and waited for.
#[test]
fn packets_of_a_moment_ago_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let ring = Ring::open(&options(dir.path())).unwrap();
    let (started, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let lane = {
        let (mut lane, started, over) = (ring.lane(0), Arc::clone(&started), Arc::clone(&over));
        std::thread::spawn(move || {
            lane.packet(&frame(7, &mut Vec::new()), Some(7));
            started.store(1, Ordering::Release);
            // As a lane does while no frame comes: no time passes that would end the block.
            while over.load(Ordering::Acquire) == 0 {
                lane.advance(ms(7));
                std::thread::yield_now();
            }
        })
    };
    while started.load(Ordering::Acquire) == 0 {
        std::thread::yield_now();
    }
    let found = numbers(&ring.read(&PacketQuery::default()).unwrap());
    over.store(1, Ordering::Release);
    lane.join().unwrap();
    assert_eq!(found, [7]);
}

#[test]
fn what_leaves_is_pcapng_with_names_and_comments() {
    let dir = tempfile::tempdir().unwrap();
    let ring = Ring::open(&options(dir.path())).unwrap();
    write(&ring, 0, 0..20);
    let packets = ring.read(&PacketQuery { streams: Some(vec![4]), ..PacketQuery::default() }).unwrap();
    let names = BTreeMap::from([("10.0.0.1".parse().unwrap(), "shop".to_owned())]);
    let file = to_pcapng(&packets, &names, &|stream| Some(format!("item of {stream}")));
    let read: Vec<Kept> = pcapng::packets(&file).collect();
    assert_eq!(numbers(&read), [4, 14]);
    assert_eq!((read[0].wire_len, read[0].at, read[0].stream), (1200, ms(4), None));
    let text = String::from_utf8_lossy(&file);
    assert!(text.contains("shop") && text.matches("item of 4").count() == 1);
}

/// A run that was killed leaves a segment that is not indexed, and may be torn: what is whole of it is there after the next start.
#[test]
fn a_torn_end_is_cut_and_the_rest_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let ring = Ring::open(&options(dir.path())).unwrap();
    write(&ring, 0, 0..3000);
    ring.finish();
    let file = files(dir.path()).unwrap().remove(0);
    let whole = fs::metadata(&file).unwrap().len();
    fs::remove_file(dir.path().join("index.sqlite")).unwrap();
    File::options().write(true).open(&file).unwrap().set_len(whole - 10).unwrap();
    let ring = Ring::open(&options(dir.path())).unwrap();
    let stats = ring.stats();
    assert!(stats.torn > 0 && stats.bytes + stats.torn == whole - 10, "{stats:?}");
    let found = numbers(&ring.read(&PacketQuery::default()).unwrap());
    assert!(found.len() > 1000 && found.len() < 3000 && found.is_sorted(), "{}", found.len());
    write(&ring, 0, 3000..3010);
    assert_eq!(numbers(&ring.read(&PacketQuery { from: ms(3000), ..PacketQuery::default() }).unwrap()).len(), 10);
    assert_eq!(files(dir.path()).unwrap().len(), 2, "what was torn is not written on");
}

#[test]
fn the_oldest_go_when_there_are_too_many_bytes_or_they_are_too_old() {
    let dir = tempfile::tempdir().unwrap();
    let small = RingOptions { bytes_max: 150 << 20, ..options(dir.path()) };
    let ring = Ring::open(&small).unwrap();
    // 300 MB, in segments of 64 MiB; the queue is waited for, so that none is dropped.
    for round in 0..30 {
        write(&ring, 0, round * 10_000..(round + 1) * 10_000);
        ring.read(&PacketQuery { from: ms(1 << 40), ..PacketQuery::default() }).unwrap();
    }
    let query = |from: u64| PacketQuery { from: ms(from), to: Some(ms(from + 10)), streams: None };
    assert_eq!(ring.read(&query(0)).unwrap().len(), 0);
    assert_eq!(ring.read(&query(299_000)).unwrap().len(), 11);
    let stats = ring.stats();
    assert!(stats.bytes <= small.bytes_max + (70 << 20) && stats.packets + stats.dropped == 300_000, "{stats:?}");
    ring.finish();
    // A hundred seconds younger than all that is there.
    let young = RingOptions { age_max: Duration::from_secs(60), ..options(dir.path()) };
    let ring = Ring::open(&young).unwrap();
    write(&ring, 0, 400_000..400_010);
    assert_eq!(ring.read(&query(400_000)).unwrap().len(), 10);
    assert_eq!(files(dir.path()).unwrap().len(), 1);
}

/// A disk that cannot be written costs the packets, which are counted, and nothing else.
#[test]
fn what_cannot_be_written_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let ring = Ring::open(&options(&dir.path().join("ring"))).unwrap();
    fs::remove_dir_all(dir.path().join("ring")).unwrap();
    write(&ring, 0, 0..10);
    let started = Instant::now();
    while ring.stats().failed < 10 {
        assert!(started.elapsed().as_secs() < 60, "{:?}", ring.stats());
        std::thread::yield_now();
    }
}

//! The packet ring: every captured packet, in files of a bounded size, so that those of an item can be had when it is looked at.
//!
//! A lane gathers packets into blocks, which costs it a copy; one thread compresses and writes them. What the thread does not keep up with
//! is dropped by the block and counted: capture never waits for a disk. Files are zstd frames of pcapng: `zstdcat` makes them something
//! that Wireshark opens. An index says which blocks hold a stream; what was being written when the power went is read and indexed at the
//! next start, and a torn end cut off.

mod evidence;
mod index;
mod pcapng;
mod segment;
#[cfg(test)]
mod tests;

pub use evidence::{Evidence, stream_of};
pub use pcapng::Kept;

use crate::StoreError;
use hookline_item::{Frame, Timestamp};
use index::{Contents, Index};
use pcapng::{Part, Writer};
use segment::Segment;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// Bytes that a lane gathers before it hands them over.
const BLOCK_BYTES: usize = 1 << 20;
/// How old the first packet of a block gets before it is handed over at a low rate.
const BLOCK_AGE: Duration = Duration::from_secs(1);
/// Blocks that wait to be written: 32 MiB, a tenth of a second of a disk that writes 300 MB/s.
const QUEUE: usize = 32;
/// Bytes of a segment before compression: what is read again at the start after a crash, and goes at once when the ring is full.
const SEGMENT_BYTES: u64 = 64 << 20;
/// Bytes of packets that are read out at once.
const READ_BYTES_MAX: usize = 256 << 20;
/// How long a reader waits for the lanes to hand over what they have.
const FLUSH_PATIENCE: Duration = Duration::from_millis(250);
const FLUSH_LOOK: Duration = Duration::from_millis(1);
/// What our files say of themselves.
const APPLICATION: &str = concat!("hookline ", env!("CARGO_PKG_VERSION"));

/// How a ring is kept.
#[derive(Clone, Debug)]
pub struct RingOptions {
    /// Where its files are.
    pub folder: PathBuf,
    /// Bytes of its files; the oldest go when there are more.
    pub bytes_max: u64,
    /// How long packets are kept.
    pub age_max: Duration,
}

/// What a ring counted since it was opened, and what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingStats {
    /// Packets written.
    pub packets: u64,
    /// Packets not written because the disk did not keep up.
    pub dropped: u64,
    /// Packets lost because the disk could not be written.
    pub failed: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Bytes of a torn end that were cut off at the start.
    pub torn: u64,
}

#[derive(Debug, Default)]
struct Counters {
    packets: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
    bytes: AtomicU64,
    torn: AtomicU64,
    /// Counts the times that somebody asked the lanes for what they have.
    asked: AtomicU64,
    /// The last of these that each lane has answered.
    answered: Mutex<Vec<Weak<AtomicU64>>>,
}

impl Counters {
    /// Whether every lane that there is has handed over what it had when it was asked for the `asked`-th time.
    fn all_answered(&self, asked: u64) -> bool {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        // A lane that has ended has handed over everything.
        answered.retain(|lane| lane.strong_count() > 0);
        answered.iter().filter_map(Weak::upgrade).all(|lane| lane.load(Ordering::Acquire) >= asked)
    }
}

/// A ring that is being written. It ends when it and all its lanes are dropped.
pub struct Ring {
    folder: PathBuf,
    blocks: SyncSender<Message>,
    counters: Arc<Counters>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

enum Message {
    Block {
        lane: u32,
        raw: Vec<u8>,
        times: (u64, u64),
        packets: u64,
        streams: Vec<u64>,
    },
    /// Everything before it has been written; the sender is dropped then.
    Barrier(#[expect(dead_code, reason = "it is there to be dropped")] Sender<()>),
}

impl Ring {
    /// Opens the ring in a folder, and indexes what is not indexed yet.
    ///
    /// # Errors
    /// The folder or the index cannot be read or written.
    pub fn open(options: &RingOptions) -> Result<Self, StoreError> {
        let folder = &options.folder;
        let wrong = |e: io::Error| StoreError::io(folder, e);
        fs::create_dir_all(folder).map_err(wrong)?;
        let counters = Arc::<Counters>::default();
        let mut index = open_index(folder)?;
        recover(folder, &mut index, &counters).map_err(wrong)?;
        let (blocks, inbox) = sync_channel(QUEUE);
        let keeper = Keeper { options: options.clone(), index, counters: Arc::clone(&counters), open: BTreeMap::new(), next: 0 };
        let writer = std::thread::Builder::new().name("packet ring".into()).spawn(move || keeper.run(&inbox)).map_err(wrong)?;
        Ok(Self { folder: folder.clone(), blocks, counters, writer: Mutex::new(Some(writer)) })
    }

    /// The writing end for one lane.
    #[must_use]
    pub fn lane(&self, lane: u32) -> RingLane {
        let answered = Arc::new(AtomicU64::new(self.counters.asked.load(Ordering::Relaxed)));
        self.counters.answered.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&answered));
        RingLane {
            lane,
            blocks: self.blocks.clone(),
            counters: Arc::clone(&self.counters),
            writer: Writer::default(),
            first: Timestamp(0),
            last: Timestamp(0),
            packets: 0,
            streams: BTreeSet::new(),
            answered,
        }
    }

    /// What was counted.
    #[must_use]
    pub fn stats(&self) -> RingStats {
        let c = &self.counters;
        let [packets, dropped, failed, bytes, torn] =
            [&c.packets, &c.dropped, &c.failed, &c.bytes, &c.torn].map(|n| n.load(Ordering::Relaxed));
        RingStats { packets, dropped, failed, bytes, torn }
    }

    /// The packets that `query` asks for, those that came a moment ago too.
    ///
    /// # Errors
    /// As [`read`].
    pub fn read(&self, query: &PacketQuery) -> Result<Vec<Kept>, StoreError> {
        let asked = self.counters.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let started = Instant::now();
        // Lanes look every few milliseconds. One that does not answer in time is busy: what it has is not there yet.
        while !self.counters.all_answered(asked) && started.elapsed() < FLUSH_PATIENCE {
            std::thread::sleep(FLUSH_LOOK);
        }
        let (done, waited) = channel();
        if self.blocks.send(Message::Barrier(done)).is_ok() {
            // An error says that the barrier has fallen; so does the time.
            let _ = waited.recv_timeout(FLUSH_PATIENCE);
        }
        read(&self.folder, query)
    }

    /// Writes everything and ends. Lanes must have been dropped before.
    pub fn finish(self) {
        let Self { blocks, writer, .. } = self;
        drop(blocks);
        if let Some(writer) = writer.into_inner().unwrap_or_else(PoisonError::into_inner) {
            // One that panicked has been reported by its panic.
            let _ = writer.join();
        }
    }
}

/// Writes one lane's packets.
pub struct RingLane {
    lane: u32,
    blocks: SyncSender<Message>,
    counters: Arc<Counters>,
    writer: Writer,
    first: Timestamp,
    last: Timestamp,
    packets: u64,
    streams: BTreeSet<u64>,
    /// The last time that it was asked for what it has, and gave it.
    answered: Arc<AtomicU64>,
}

impl RingLane {
    /// Keeps a packet, which is in this stream.
    pub fn packet(&mut self, frame: &Frame<'_>, stream: Option<u64>) {
        if self.packets == 0 {
            self.writer.section(APPLICATION);
            self.first = frame.seen.at;
            self.last = frame.seen.at;
        }
        let part = Part { at: frame.seen.at, link: frame.link, wire_len: frame.wire_len, tag: frame.vlan, bytes: frame.bytes };
        self.writer.packet(&part, stream, None);
        self.packets += 1;
        (self.first, self.last) = (self.first.min(frame.seen.at), self.last.max(frame.seen.at));
        self.streams.extend(stream);
        if self.writer.len() >= BLOCK_BYTES {
            self.hand_over();
        }
    }

    /// Lets time pass: a block that is old, or asked for, is handed over.
    pub fn advance(&mut self, now: Timestamp) {
        let asked = self.counters.asked.load(Ordering::Relaxed);
        if asked != self.answered.load(Ordering::Relaxed) || (self.packets > 0 && now.since(self.first) >= BLOCK_AGE) {
            self.hand_over();
            self.answered.store(asked, Ordering::Release);
        }
    }

    fn hand_over(&mut self) {
        if self.packets == 0 {
            return;
        }
        let packets = std::mem::take(&mut self.packets);
        let (raw, times) = (self.writer.take(), (self.first.0, self.last.0));
        let streams = std::mem::take(&mut self.streams).into_iter().collect();
        let block = Message::Block { lane: self.lane, raw, times, packets, streams };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.blocks.try_send(block) {
            self.counters.dropped.fetch_add(packets, Ordering::Relaxed);
        }
    }
}

impl Drop for RingLane {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// The thread that writes.
struct Keeper {
    options: RingOptions,
    index: Index,
    counters: Arc<Counters>,
    /// The segment of each lane that is being written.
    open: BTreeMap<u32, Segment>,
    /// The number of the next segment, if it is known.
    next: u64,
}

impl Keeper {
    fn run(mut self, inbox: &Receiver<Message>) {
        while let Ok(message) = inbox.recv() {
            // A barrier falls here: it is dropped.
            let Message::Block { lane, raw, times, packets, streams } = message else { continue };
            match self.write(lane, &raw, times, packets, &streams) {
                Ok(()) => self.counters.packets.fetch_add(packets, Ordering::Relaxed),
                Err(error) => {
                    tracing::error!(message = "packets are not kept", folder = %self.options.folder.display(), %error);
                    self.counters.failed.fetch_add(packets, Ordering::Relaxed)
                }
            };
        }
        for (_, segment) in std::mem::take(&mut self.open) {
            self.complete(segment);
        }
    }

    fn write(&mut self, lane: u32, raw: &[u8], times: (u64, u64), packets: u64, streams: &[u64]) -> io::Result<()> {
        if !self.open.contains_key(&lane) {
            let segment = Segment::create(self.new_path(lane))?;
            self.open.insert(lane, segment);
        }
        let Some(segment) = self.open.get_mut(&lane) else { return Ok(()) };
        segment.append(raw, times, packets, streams)?;
        let full = segment.raw >= SEGMENT_BYTES;
        if full && let Some(segment) = self.open.remove(&lane) {
            self.complete(segment);
        }
        self.make_room(times.1);
        Ok(())
    }

    /// A name that sorts behind those before it.
    fn new_path(&mut self, lane: u32) -> PathBuf {
        let folder = &self.options.folder;
        if self.next == 0 {
            let numbers = files(folder).unwrap_or_default().into_iter();
            self.next = numbers.filter_map(|file| segment::name(&file).split('-').next()?.parse().ok()).max().unwrap_or(0) + 1;
        }
        let path = folder.join(format!("{:010}-{lane}{}", self.next, segment::ENDING));
        self.next += 1;
        path
    }

    fn complete(&mut self, segment: Segment) {
        if let Err(error) = self.index.add(&segment::name(&segment.path), &segment.contents) {
            // It is indexed at the next start.
            tracing::warn!(message = "a segment of packets is not indexed", file = %segment.path.display(), %error);
        }
    }

    /// Removes the oldest segments while there are too many bytes, or they are too old.
    fn make_room(&mut self, now: u64) {
        let age = u64::try_from(self.options.age_max.as_nanos()).unwrap_or(u64::MAX);
        loop {
            let open: u64 = self.open.values().map(|segment| segment.contents.bytes()).sum();
            let bytes = self.index.bytes().unwrap_or(0) + open;
            self.counters.bytes.store(bytes, Ordering::Relaxed);
            let Ok(Some((file, last))) = self.index.oldest() else { return };
            if bytes <= self.options.bytes_max && now.saturating_sub(last) <= age {
                return;
            }
            // A file that cannot be removed is tried again after the next start.
            let _ = fs::remove_file(self.options.folder.join(&file));
            if let Err(error) = self.index.remove(&file) {
                return tracing::warn!(message = "the oldest packets cannot be forgotten", file, %error);
            }
        }
    }
}

/// Which packets are wanted.
#[derive(Clone, Debug, Default)]
pub struct PacketQuery {
    /// Those of these streams; of all, and of none, if there are no numbers.
    pub streams: Option<Vec<u64>>,
    /// Captured not before.
    pub from: Timestamp,
    /// Nor after.
    pub to: Option<Timestamp>,
}

/// The packets of the ring in `folder` that `query` asks for, in the order of their times. Others may be writing it.
///
/// # Errors
/// The folder or the index cannot be read; or more is asked for than can be held.
pub fn read(folder: &Path, query: &PacketQuery) -> Result<Vec<Kept>, StoreError> {
    let wrong = |e: io::Error| StoreError::io(folder, e);
    let index = open_index(folder)?;
    let indexed: BTreeSet<String> = index.files().map_err(|e| StoreError::new(Some(folder), e))?.into_iter().collect();
    let (from, to) = (query.from.0, query.to.map_or(u64::MAX, |to| to.0));
    let wanted: Option<BTreeSet<u64>> = query.streams.as_ref().map(|s| s.iter().copied().collect());
    let is_wanted = |p: &Kept| {
        let of_stream = wanted.as_ref().is_none_or(|wanted| p.stream.is_some_and(|stream| wanted.contains(&stream)));
        of_stream && (from..=to).contains(&p.at.0)
    };
    let mut found = Found::default();
    for path in files(folder).map_err(wrong)? {
        let name = segment::name(&path);
        if indexed.contains(&name) {
            let blocks = index.blocks(&name, query.streams.as_deref(), from, to).map_err(|e| StoreError::new(Some(folder), e))?;
            // A file may have gone meanwhile.
            let Ok(mut file) = File::open(&path) else { continue };
            for kept in blocks.iter().filter_map(|block| segment::read(&mut file, block).ok()) {
                found.take(kept, &is_wanted);
                found.check().map_err(wrong)?;
            }
        } else {
            // It is being written, or has gone to make room.
            let _ = segment::each_block(&path, &mut |_, kept| found.take(kept, &is_wanted));
            found.check().map_err(wrong)?;
        }
    }
    found.packets.sort_by_key(|packet| packet.at);
    Ok(found.packets)
}

/// What was read of what is wanted.
#[derive(Default)]
struct Found {
    packets: Vec<Kept>,
    bytes: usize,
}

impl Found {
    fn take(&mut self, kept: Vec<Kept>, is_wanted: &impl Fn(&Kept) -> bool) {
        for packet in kept.into_iter().filter(is_wanted) {
            self.bytes += packet.bytes.len();
            self.packets.push(packet);
        }
    }

    fn check(&self) -> io::Result<()> {
        if self.bytes <= READ_BYTES_MAX {
            return Ok(());
        }
        let most = READ_BYTES_MAX >> 20;
        Err(io::Error::other(format!("more than {most} MiB of packets are asked for: ask for a shorter time or fewer streams")))
    }
}

/// Packets as a pcapng file. `names` are of addresses; `comment` says something of a stream, at its first packet.
#[must_use]
pub fn to_pcapng(packets: &[Kept], names: &BTreeMap<IpAddr, String>, comment: &dyn Fn(u64) -> Option<String>) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.section(APPLICATION);
    if !names.is_empty() {
        writer.names(names.iter().map(|(address, name)| (*address, name.as_str())));
    }
    let mut seen = BTreeSet::new();
    for packet in packets {
        let said = packet.stream.filter(|stream| seen.insert(*stream)).and_then(comment);
        let Kept { at, link, wire_len, ref bytes, .. } = *packet;
        writer.packet(&Part { at, link, wire_len, tag: None, bytes }, None, said.as_deref());
    }
    writer.take()
}

fn open_index(folder: &Path) -> Result<Index, StoreError> {
    let path = folder.join("index.sqlite");
    Index::open(&path).map_err(|e| StoreError::new(Some(&path), e))
}

/// The segments' files, the oldest first.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| entry.map(|e| e.path()))
        .filter(|path| path.as_ref().is_ok_and(|p| segment::name(p).ends_with(segment::ENDING)))
        .collect::<io::Result<_>>()?;
    files.sort();
    Ok(files)
}

/// Indexes the segments that were being written when the last run ended without a word, and forgets those whose files are gone.
fn recover(folder: &Path, index: &mut Index, counters: &Counters) -> io::Result<()> {
    let indexed: BTreeSet<String> = index.files().map_err(io::Error::other)?.into_iter().collect();
    let files = files(folder)?;
    let there: BTreeSet<String> = files.iter().map(|file| segment::name(file)).collect();
    for gone in indexed.difference(&there) {
        index.remove(gone).map_err(io::Error::other)?;
    }
    for path in files.iter().filter(|path| !indexed.contains(&segment::name(path))) {
        let mut contents = Contents::default();
        let torn = segment::each_block(path, &mut |block, packets| {
            contents.add(block, packets.len() as u64, packets.iter().filter_map(|p| p.stream));
        })?;
        if torn > 0 {
            tracing::warn!(message = "the end of a segment of packets was torn and is cut off", file = %path.display(), bytes = torn);
            File::options().write(true).open(path)?.set_len(contents.bytes())?;
            counters.torn.fetch_add(torn, Ordering::Relaxed);
        }
        if contents.blocks.is_empty() {
            fs::remove_file(path)?;
            continue;
        }
        index.add(&segment::name(path), &contents).map_err(io::Error::other)?;
    }
    counters.bytes.store(index.bytes().map_err(io::Error::other)?, Ordering::Relaxed);
    Ok(())
}

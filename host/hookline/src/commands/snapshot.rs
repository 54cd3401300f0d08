//! `hookline snapshot`: packets out of the ring.

use crate::{cli::Snapshot, commands::kfl, config::Config, delivery::wall_clock, error::usage};
use anyhow::Context as _;
use hookline_item::Timestamp;
use hookline_kfl::Filter;
use hookline_store::{
    ItemQuery, Store, StoreOptions,
    ring::{self, Evidence, PacketQuery},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::Path,
};

/// Where below the data folder packets are.
pub(crate) const FOLDER: &str = "packets";
/// Items of one page.
const PAGE: usize = 1000;
/// Streams whose packets are written at once.
const STREAMS_MAX: usize = 10_000;

pub(crate) fn run(args: &Snapshot, config: &Config) -> anyhow::Result<()> {
    let folder = args.data.join(FOLDER);
    if !folder.is_dir() {
        let what = "no packets are kept here: `hookline run --record-mib MIB` keeps them";
        return Err(usage(format!("--data {}: {what}", args.data.display())));
    }
    let filter = kfl::parse(&args.kfl, &config.settings(&args.macros)?, false)?;
    let now = wall_clock();
    let from = args.last.map_or(Timestamp(0), |last| Timestamp(now.0.saturating_sub(u64::try_from(last.as_nanos()).unwrap_or(u64::MAX))));
    let (packets, file) = if args.kfl.trim().is_empty() {
        let packets = ring::read(&folder, &PacketQuery { from, ..PacketQuery::default() })?;
        let file = ring::to_pcapng(&packets, &BTreeMap::new(), &|_| None);
        (packets.len(), file)
    } else {
        let evidence = evidence(&args.data, &filter, from, now)?;
        let packets = ring::read(&folder, &evidence.query())?;
        eprintln!("{} streams have an item that matches", evidence.streams());
        (packets.len(), evidence.to_pcapng(&packets))
    };
    write(&args.output, &file).with_context(|| format!("cannot write {}", args.output.display()))?;
    eprintln!("wrote {packets} packets to {}", args.output.display());
    if packets == 0 {
        anyhow::bail!("no packet is kept of what was asked for: it is too old, or there was none");
    }
    Ok(())
}

/// What the items that match say of their packets.
fn evidence(data: &Path, filter: &Filter, from: Timestamp, now: Timestamp) -> anyhow::Result<Evidence> {
    let store = Store::open(StoreOptions { path: Some(data.join("items.sqlite")), items_max: u64::MAX, bytes_max: u64::MAX })?;
    let mut evidence = Evidence::default();
    let mut before = None;
    loop {
        let page = store.items(&ItemQuery { filter, before, limit: PAGE, now })?;
        for item in &page.items {
            let millis = item.json.get("timestamp").and_then(Value::as_u64).unwrap_or(0);
            if millis.saturating_mul(1_000_000) >= from.0 {
                evidence.add(&item.json);
            }
        }
        if evidence.streams() > STREAMS_MAX {
            return Err(usage(format!("items of more than {STREAMS_MAX} streams match: give a narrower filter, or a shorter --last")));
        }
        before = page.next;
        if before.is_none() {
            return Ok(evidence);
        }
    }
}

fn write(path: &Path, file: &[u8]) -> io::Result<()> {
    let compressed;
    let bytes = if path.extension().is_some_and(|e| e == "zst") {
        compressed = zstd::bulk::compress(file, 0)?;
        &compressed
    } else {
        file
    };
    if path == Path::new("-") { io::stdout().write_all(bytes) } else { fs::write(path, bytes) }
}

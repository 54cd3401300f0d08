//! Counts alone: what was read, what became of it, which items there are.

use crate::lane::Counted;
use hookline_item::Item;
use hookline_packet::{Close, Reason};
use std::{
    collections::BTreeMap,
    io::{self, Write},
};

/// Items by protocol, and by status within it.
#[derive(Default)]
pub(crate) struct Summary {
    protocols: BTreeMap<&'static str, BTreeMap<Option<i64>, u64>>,
    errors: u64,
}

impl Summary {
    pub(crate) fn add(&mut self, item: &Item) {
        let statuses = self.protocols.entry(item.protocol.abbr).or_default();
        *statuses.entry(item.message.status()).or_default() += 1;
        self.errors += u64::from(item.error.is_some());
    }

    /// Adds what another lane counted.
    pub(crate) fn absorb(&mut self, other: Self) {
        for (abbr, statuses) in other.protocols {
            let sums = self.protocols.entry(abbr).or_default();
            statuses.into_iter().for_each(|(status, n)| *sums.entry(status).or_default() += n);
        }
        self.errors += other.errors;
    }

    pub(crate) fn write(&self, counted: &Counted, out: &mut dyn Write) -> io::Result<()> {
        let streams = &counted.streams;
        writeln!(out, "frames       {:>12}   {} bytes", streams.frames, streams.bytes)?;
        for reason in Reason::ALL {
            row(out, "  not used", streams.dropped(reason), reason.name())?;
        }
        row(out, "  lost", counted.source.dropped, "before they were read")?;
        writeln!(out, "flows        {:>12}", streams.flows_opened)?;
        for why in Close::ALL {
            row(out, "  ended", streams.closed(why), why.name())?;
        }
        row(out, "holes", streams.gaps, &format!("{} bytes missing", streams.gap_bytes))?;
        writeln!(out, "items        {:>12}   {} shown", counted.items, counted.matched)?;
        for (abbr, statuses) in &self.protocols {
            writeln!(out, "  {abbr:<10} {:>12}", statuses.values().sum::<u64>())?;
            for (status, n) in statuses {
                let status = status.map_or_else(|| "no response".to_owned(), |s| s.to_string());
                writeln!(out, "    {status:<11}{n:>9}")?;
            }
        }
        row(out, "  with error", self.errors, "")
    }
}

fn row(out: &mut dyn Write, what: &str, n: u64, more: &str) -> io::Result<()> {
    if n == 0 { Ok(()) } else { writeln!(out, "{what:<13}{n:>12}   {more}") }
}

//! How items are printed.

mod eve;
mod har;
mod summary;
mod text;

use crate::{
    cli::Format,
    lane::Counted,
    sorter::{Key, Sorter},
};
use hookline_item::{Item, json};
use hookline_kfl::Filter;
use std::io::{self, Write};

/// Prints items, sorted as a file's items are.
pub(crate) struct Printer {
    format: Format,
    sorter: Sorter,
    summary: summary::Summary,
}

impl Printer {
    pub(crate) fn new(format: Format) -> Self {
        Self { format, sorter: Sorter::new(), summary: summary::Summary::default() }
    }

    /// Takes an item that `filter` lets through, and hides what it says.
    pub(crate) fn item(&mut self, item: &Item, filter: &Filter) -> io::Result<()> {
        let line = match self.format {
            Format::None => return Ok(()),
            Format::Summary => {
                self.summary.add(item);
                return Ok(());
            }
            Format::Ndjson if filter.redacts() => {
                let mut shown = serde_json::from_str(&json::to_string(item))?;
                filter.redact(&mut shown);
                Some(with_newline(|out| out.extend(shown.to_string().into_bytes())))
            }
            Format::Ndjson => Some(with_newline(|out| json::write_object(out, item))),
            Format::Text => Some(with_newline(|out| text::write(out, item))),
            Format::Har => har::entry(item).map(|e| e.to_string().into_bytes()),
            Format::Eve => {
                let events = eve::events(item);
                let lines: Vec<u8> = events.iter().flat_map(|e| with_newline(|out| out.extend(e.to_string().into_bytes()))).collect();
                Some(lines).filter(|l| !l.is_empty())
            }
        };
        match line {
            Some(line) => self.sorter.push(key(item), line),
            None => Ok(()),
        }
    }

    /// Takes over what another lane printed.
    pub(crate) fn absorb(&mut self, other: Self) -> io::Result<()> {
        self.summary.absorb(other.summary);
        self.sorter.absorb(other.sorter)
    }

    /// Writes everything. A reader that has gone away (`| head`) is no error.
    pub(crate) fn finish(self, counted: &Counted, out: &mut dyn Write) -> io::Result<()> {
        let result = match self.format {
            Format::None => Ok(()),
            Format::Summary => self.summary.write(counted, out),
            Format::Har => har::write(self.sorter, out),
            Format::Ndjson | Format::Text | Format::Eve => self.sorter.finish(out),
        };
        match result.and_then(|()| out.flush()) {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }
}

fn key(item: &Item) -> Key {
    item.order()
}

fn with_newline(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut line = Vec::with_capacity(2048);
    write(&mut line);
    line.push(b'\n');
    line
}

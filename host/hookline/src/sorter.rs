//! Puts lines in order without holding them all: what does not fit in memory goes into sorted temporary files, merged at the end.

use hookline_item::Timestamp;
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
};

/// The order of output for a file: time of the item's first frame, then stream, then position in the stream.
pub(crate) type Key = (Timestamp, u64, u64);

/// Bytes of lines held in memory before they are written out, sorted.
const HELD_MAX: usize = 256 << 20;

/// Takes lines in any order, gives them sorted by key.
pub(crate) struct Sorter {
    lines: Vec<(Key, Vec<u8>)>,
    held: usize,
    held_max: usize,
    runs: Vec<File>,
}

impl Sorter {
    pub(crate) fn new() -> Self {
        Self::with_limit(HELD_MAX)
    }

    fn with_limit(held_max: usize) -> Self {
        Self { lines: Vec::new(), held: 0, held_max, runs: Vec::new() }
    }

    /// Adds a line.
    pub(crate) fn push(&mut self, key: Key, line: Vec<u8>) -> io::Result<()> {
        self.held += line.len() + size_of::<(Key, Vec<u8>)>();
        self.lines.push((key, line));
        if self.held > self.held_max { self.spill() } else { Ok(()) }
    }

    /// Takes over the lines of another.
    pub(crate) fn absorb(&mut self, other: Self) -> io::Result<()> {
        self.runs.extend(other.runs);
        self.held += other.held;
        self.lines.extend(other.lines);
        if self.held > self.held_max { self.spill() } else { Ok(()) }
    }

    /// Writes all lines in order.
    pub(crate) fn finish(mut self, out: &mut dyn Write) -> io::Result<()> {
        self.lines.sort_by_key(|(key, _)| *key);
        if self.runs.is_empty() {
            return self.lines.iter().try_for_each(|(_, line)| out.write_all(line));
        }
        self.spill()?;
        merge(self.runs, out)
    }

    fn spill(&mut self) -> io::Result<()> {
        self.lines.sort_by_key(|(key, _)| *key);
        let mut file = BufWriter::with_capacity(1 << 20, tempfile::tempfile()?);
        for ((at, stream, index), line) in self.lines.drain(..) {
            for n in [at.0, stream, index, line.len() as u64] {
                file.write_all(&n.to_le_bytes())?;
            }
            file.write_all(&line)?;
        }
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        self.runs.push(file);
        self.held = 0;
        Ok(())
    }
}

fn merge(runs: Vec<File>, out: &mut dyn Write) -> io::Result<()> {
    let mut readers: Vec<BufReader<File>> = runs.into_iter().map(|f| BufReader::with_capacity(1 << 18, f)).collect();
    let mut heads = BinaryHeap::new();
    for (run, reader) in readers.iter_mut().enumerate() {
        heads.extend(next(reader)?.map(|(key, line)| Reverse((key, run, line))));
    }
    while let Some(Reverse((_, run, line))) = heads.pop() {
        out.write_all(&line)?;
        if let Some(reader) = readers.get_mut(run) {
            heads.extend(next(reader)?.map(|(key, line)| Reverse((key, run, line))));
        }
    }
    Ok(())
}

fn next(reader: &mut BufReader<File>) -> io::Result<Option<(Key, Vec<u8>)>> {
    let mut number = |first: bool| {
        let mut bytes = [0; 8];
        match reader.read_exact(&mut bytes) {
            Err(e) if first && e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            read => read.map(|()| Some(u64::from_le_bytes(bytes))),
        }
    };
    let Some(at) = number(true)? else { return Ok(None) };
    let (stream, index, len) = (number(false)?, number(false)?, number(false)?);
    let mut line = vec![0; usize::try_from(len.unwrap_or(0)).unwrap_or(0)];
    reader.read_exact(&mut line)?;
    Ok(Some(((Timestamp(at), stream.unwrap_or(0), index.unwrap_or(0)), line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_alike_in_memory_and_on_disk() {
        let lines = |limit| {
            let mut sorter = Sorter::with_limit(limit);
            for i in 0..1000_u64 {
                let n = i * 7919 % 1000;
                sorter.push((Timestamp(n / 10), n % 10, 0), format!("{n}\n").into_bytes()).unwrap();
            }
            let mut out = Vec::new();
            sorter.finish(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let expected: String = (0..1000).map(|n| format!("{n}\n")).collect();
        assert_eq!(lines(usize::MAX), expected);
        assert_eq!(lines(1000), expected);
    }
}

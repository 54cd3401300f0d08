//! Packets as pcapng (draft-ietf-opsawg-pcapng): what the ring keeps, and what leaves it.
//!
//! Everything is written in sections of their own, so that any run of them is a file that Wireshark opens.

use hookline_item::{LinkType, Timestamp};
use std::net::IpAddr;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const NAME_RESOLUTION: u32 = 4;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const SECTION_LENGTH_UNKNOWN: u64 = u64::MAX;

const OPTION_END: u16 = 0;
const OPTION_COMMENT: u16 = 1;
const OPTION_APPLICATION: u16 = 4;
const OPTION_RESOLUTION: u16 = 9;
/// Times are in nanoseconds: 10^-9.
const NANOSECONDS: u8 = 9;
/// The stream that a packet is in; codes with the highest bit are for local use (section 3.5.1).
const OPTION_STREAM: u16 = 0x8001;
const NAME_IPV4: u16 = 1;
const NAME_IPV6: u16 = 2;

/// A packet as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// When it was captured.
    pub at: Timestamp,
    /// What its bytes begin with.
    pub link: LinkType,
    /// Bytes on the wire.
    pub wire_len: u32,
    /// The stream that it is in, if it is in one.
    pub stream: Option<u64>,
    /// Its bytes, as far as they were captured.
    pub bytes: Vec<u8>,
}

/// Writes blocks.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    out: Vec<u8>,
    /// The link types of the section's interfaces, by their numbers.
    links: Vec<LinkType>,
}

impl Writer {
    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    /// The blocks so far; the next packet begins a section.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.links.clear();
        std::mem::take(&mut self.out)
    }

    /// Begins a section.
    pub(crate) fn section(&mut self, application: &str) {
        self.links.clear();
        self.block(SECTION_HEADER, |out| {
            out.extend(BYTE_ORDER_MAGIC.to_le_bytes());
            // Version 1.0.
            out.extend([1, 0, 0, 0]);
            out.extend(SECTION_LENGTH_UNKNOWN.to_le_bytes());
            option(out, OPTION_APPLICATION, application.as_bytes());
            option(out, OPTION_END, &[]);
        });
    }

    /// Names of addresses.
    pub(crate) fn names<'a>(&mut self, names: impl Iterator<Item = (IpAddr, &'a str)>) {
        self.block(NAME_RESOLUTION, |out| {
            for (address, name) in names {
                let (kind, mut value) = match address {
                    IpAddr::V4(v4) => (NAME_IPV4, v4.octets().to_vec()),
                    IpAddr::V6(v6) => (NAME_IPV6, v6.octets().to_vec()),
                };
                value.extend(name.as_bytes());
                value.push(0);
                option(out, kind, &value);
            }
            option(out, OPTION_END, &[]);
        });
    }

    /// A packet. `tag` is the 802.1Q identifier that the kernel took off its bytes.
    pub(crate) fn packet(&mut self, packet: &Part<'_>, stream: Option<u64>, comment: Option<&str>) {
        let interface = self.interface(packet.link);
        let tag = packet.tag.map(|id| [0x81, 0x00, (id >> 8) as u8 & 0x0f, id as u8]);
        let (head, rest) = match tag {
            // Behind the two hardware addresses.
            Some(_) if packet.bytes.len() >= 12 => packet.bytes.split_at(12),
            _ => (&[][..], packet.bytes),
        };
        let tag: &[u8] = if head.is_empty() { &[] } else { tag.as_ref().map_or(&[], |tag| tag) };
        let len = head.len() + tag.len() + rest.len();
        self.block(ENHANCED_PACKET, |out| {
            let nanos = packet.at.0;
            out.extend(interface.to_le_bytes());
            out.extend(((nanos >> 32) as u32).to_le_bytes());
            out.extend((nanos as u32).to_le_bytes());
            out.extend((len as u32).to_le_bytes());
            out.extend(packet.wire_len.saturating_add(tag.len() as u32).to_le_bytes());
            for part in [head, tag, rest] {
                out.extend_from_slice(part);
            }
            pad(out);
            if let Some(stream) = stream {
                option(out, OPTION_STREAM, &stream.to_le_bytes());
            }
            if let Some(comment) = comment {
                option(out, OPTION_COMMENT, comment.as_bytes());
            }
            if stream.is_some() || comment.is_some() {
                option(out, OPTION_END, &[]);
            }
        });
    }

    /// The number of the interface whose packets begin so; it is described when its first packet comes.
    fn interface(&mut self, link: LinkType) -> u32 {
        if let Some(known) = self.links.iter().position(|l| *l == link) {
            return known as u32;
        }
        self.links.push(link);
        self.block(INTERFACE_DESCRIPTION, |out| {
            out.extend((link.0 as u16).to_le_bytes());
            // Reserved, and no limit of what was kept of a packet.
            out.extend([0; 2]);
            out.extend(0_u32.to_le_bytes());
            option(out, OPTION_RESOLUTION, &[NANOSECONDS]);
            option(out, OPTION_END, &[]);
        });
        (self.links.len() - 1) as u32
    }

    fn block(&mut self, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
        let start = self.out.len();
        self.out.extend(kind.to_le_bytes());
        self.out.extend([0; 4]);
        body(&mut self.out);
        let total = ((self.out.len() - start + 4) as u32).to_le_bytes();
        self.out.extend(total);
        self.out[start + 4..start + 8].copy_from_slice(&total);
    }
}

/// A packet to be written.
pub(crate) struct Part<'a> {
    pub(crate) at: Timestamp,
    pub(crate) link: LinkType,
    pub(crate) wire_len: u32,
    pub(crate) tag: Option<u16>,
    pub(crate) bytes: &'a [u8],
}

fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    // Longer texts than an option holds are cut; comments are short.
    let value = &value[..value.len().min(usize::from(u16::MAX) - 3)];
    out.extend(code.to_le_bytes());
    out.extend((value.len() as u16).to_le_bytes());
    out.extend(value);
    pad(out);
}

/// To a multiple of four bytes; every block begins at one.
fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

/// The packets of what [`Writer`] wrote, in order. What is damaged ends it.
pub(crate) fn packets(bytes: &[u8]) -> impl Iterator<Item = Kept> + '_ {
    let (mut rest, mut links) = (bytes, Vec::new());
    std::iter::from_fn(move || {
        loop {
            let kind = number(rest, 0)?;
            let total = number(rest, 4)? as usize;
            let body = rest.get(8..total.checked_sub(4)?)?;
            rest = rest.get(total..)?;
            match kind {
                SECTION_HEADER => links.clear(),
                INTERFACE_DESCRIPTION => links.push(LinkType(number(body, 0)? & 0xffff)),
                ENHANCED_PACKET => return packet(body, &links),
                _ => {}
            }
        }
    })
}

fn packet(body: &[u8], links: &[LinkType]) -> Option<Kept> {
    let link = *links.get(number(body, 0)? as usize)?;
    let nanos = u64::from(number(body, 4)?) << 32 | u64::from(number(body, 8)?);
    let len = number(body, 12)? as usize;
    let bytes = body.get(20..20 + len)?.to_vec();
    let mut options = body.get(20 + len.next_multiple_of(4)..).unwrap_or_default();
    let mut stream = None;
    while let Some(head) = number(options, 0) {
        let (code, len) = (head as u16, (head >> 16) as usize);
        if let (OPTION_STREAM, Some(value)) = (code, options.get(4..12)) {
            stream = value.try_into().ok().map(u64::from_le_bytes);
        }
        options = options.get(4 + len.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(Kept { at: Timestamp(nanos), link, wire_len: number(body, 16)?, stream, bytes })
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(bytes: &[u8], tag: Option<u16>) -> Part<'_> {
        Part { at: Timestamp(0x1234_5678_9abc_def0), link: LinkType::ETHERNET, wire_len: 100, tag, bytes }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut writer = Writer::default();
        writer.section("test");
        writer.names([("10.0.0.1".parse().unwrap(), "a"), ("2001:db8::1".parse().unwrap(), "b")].into_iter());
        writer.packet(&part(b"0123456789abXY", Some(7)), Some(0xdead_beef_0001), Some("why"));
        writer.packet(&Part { link: LinkType::RAW, ..part(b"raw", None) }, None, None);
        writer.packet(&part(b"short", Some(7)), Some(2), None);
        let bytes = writer.take();
        assert_eq!(bytes.len() % 4, 0);
        let read: Vec<Kept> = packets(&bytes).collect();
        assert_eq!(read.len(), 3);
        assert_eq!((read[0].stream, read[0].wire_len), (Some(0xdead_beef_0001), 104), "the tag is there again");
        assert_eq!(read[0].bytes, b"0123456789ab\x81\x00\x00\x07XY");
        assert_eq!((read[1].link, read[1].stream, read[1].bytes.as_slice()), (LinkType::RAW, None, &b"raw"[..]));
        assert_eq!((read[2].bytes.as_slice(), read[2].at), (&b"short"[..], Timestamp(0x1234_5678_9abc_def0)));
        // Of a torn file what is whole is read, and nothing panics.
        (0..bytes.len()).for_each(|end| assert!(packets(&bytes[..end]).count() <= 3));
    }
}

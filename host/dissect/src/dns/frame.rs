//! DNS messages (RFC 1035 §4.1): checked when they come, read when somebody asks.

use super::{
    anomaly,
    codes::{Class, Opcode, Type},
    name::{self, NameError},
};
use nom::{
    IResult, Parser,
    bytes::complete::take,
    number::complete::{be_u16, be_u32},
};

/// Bytes of a header.
pub(super) const HEADER_LEN: usize = 12;

/// ```text
///   0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15
/// |                      ID                       |
/// |QR|   Opcode  |AA|TC|RD|RA|Z |AD|CD|   RCODE   |
/// |     QDCOUNT   ANCOUNT   NSCOUNT   ARCOUNT     |
/// ```
/// RFC 1035 §4.1.1, RFC 2535 §6.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: u16,
    pub(super) flags: u16,
    /// Questions, answers, authorities, additionals, as the header counts them.
    pub(super) counts: [u16; 4],
}

impl Header {
    pub(super) fn parse(message: &[u8]) -> Option<Self> {
        header(message).ok().map(|(_, h)| h)
    }

    pub(super) const fn is_response(self) -> bool {
        self.flags & 0x8000 != 0
    }

    pub(super) const fn opcode(self) -> Opcode {
        Opcode(self.flags >> 11 & 15)
    }

    /// Whether bit `n`, counted from the left as in the RFC, is set.
    pub(super) const fn flag(self, n: u16) -> bool {
        self.flags >> (15 - n) & 1 == 1
    }

    /// Whether a message of `len` bytes may have such a header: a defined opcode, and room for what is counted.
    pub(super) fn is_plausible(self, len: usize) -> bool {
        let [questions, records @ ..] = self.counts.map(usize::from);
        let least = HEADER_LEN + questions * QUESTION_MIN + records.iter().sum::<usize>() * RECORD_MIN;
        matches!(self.opcode().0, 0..=2 | 4..=6) && least <= len
    }
}

fn header(i: &[u8]) -> IResult<&[u8], Header> {
    let (i, id) = be_u16(i)?;
    let (i, flags) = be_u16(i)?;
    let (i, (qd, an, ns, ar)) = (be_u16, be_u16, be_u16, be_u16).parse(i)?;
    Ok((i, Header { id, flags, counts: [qd, an, ns, ar] }))
}

/// RFC 1035 §4.1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) name_at: usize,
    pub(super) kind: Type,
    pub(super) class: Class,
}

/// RFC 1035 §4.1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) name_at: usize,
    pub(super) kind: Type,
    pub(super) class: Class,
    pub(super) ttl: u32,
    /// Where in the message its data stand.
    pub(super) data: (usize, usize),
}

/// A message, and how much of it can be read.
#[derive(Debug, Default)]
pub(super) struct Packet {
    pub(super) raw: Box<[u8]>,
    pub(super) header: Header,
    /// How many entries of each section are there.
    pub(super) whole: [u16; 4],
    /// Where the first question ends; 12 if there is none.
    question_end: usize,
    /// Whether this is multicast DNS, where the top bit of a class is a flag (RFC 6762 §10.2, §18.12).
    pub(super) multicast: bool,
}

impl Packet {
    /// A copy of `message` if it has a header, its entries checked. Oddities go to `odd`.
    pub(super) fn parse(message: &[u8], multicast: bool, odd: &mut dyn FnMut(&'static str)) -> Option<Self> {
        let header = Header::parse(message)?;
        let mut packet = Self { raw: message.into(), header, whole: [0; 4], question_end: HEADER_LEN, multicast };
        let mut at = HEADER_LEN;
        let mut names_whole = true;
        for (section, (count, whole)) in header.counts.into_iter().zip(&mut packet.whole).enumerate() {
            while *whole < count {
                let next = if section == 0 { question(message, at).map(|(_, n)| n) } else { record(message, at).map(|(_, n)| n) };
                match next {
                    Ok(next) => {
                        names_whole = names_whole && name::is_whole(message, at);
                        if section == 0 && *whole == 0 {
                            packet.question_end = next;
                        }
                        at = next;
                    }
                    Err(error) => {
                        odd(if error == NameError::Label { anomaly::LABEL } else { anomaly::TRUNCATED });
                        return Some(packet);
                    }
                }
                *whole += 1;
            }
        }
        note(header, names_whole, at < message.len(), odd);
        Some(packet)
    }

    /// The questions that are there.
    pub(super) fn questions(&self) -> impl Iterator<Item = Question> {
        let mut at = HEADER_LEN;
        (0..self.whole[0]).map_while(move |_| {
            let (question, next) = question(&self.raw, at).ok()?;
            at = next;
            Some(question)
        })
    }

    /// The records of one section: 1 answers, 2 authorities, 3 additionals.
    pub(super) fn records(&self, section: usize) -> impl Iterator<Item = Record> {
        let mut at = HEADER_LEN;
        for _ in 0..self.whole[0] {
            at = question(&self.raw, at).map_or(self.raw.len(), |(_, next)| next);
        }
        let before: usize = self.whole.iter().take(section).skip(1).map(|n| usize::from(*n)).sum();
        let count = self.whole.get(section).map_or(0, |n| usize::from(*n));
        let all = std::iter::from_fn(move || {
            let (record, next) = record(&self.raw, at).ok()?;
            at = next;
            Some(record)
        });
        all.skip(before).take(count)
    }

    /// Whether `self` asks what `other` is about: the same first question, in any case of letters (RFC 4343).
    pub(super) fn same_question(&self, other: &Self) -> bool {
        if self.first_question().eq_ignore_ascii_case(other.first_question()) {
            return true;
        }
        let (Some(a), Some(b)) = (self.questions().next(), other.questions().next()) else { return false };
        a.kind == b.kind && a.class == b.class && name::text(&self.raw, a.name_at).eq_ignore_ascii_case(&name::text(&other.raw, b.name_at))
    }

    fn first_question(&self) -> &[u8] {
        self.raw.get(HEADER_LEN..self.question_end).unwrap_or_default()
    }

    /// The response code with the upper bits of EDNS (RFC 6891 §6.1.3).
    pub(super) fn rcode(&self) -> u16 {
        let upper = match self.whole {
            [.., 0] => 0,
            _ => self.records(3).find(|r| r.kind == Type::OPT).map_or(0, |r| u16::try_from(r.ttl >> 24).unwrap_or(0)),
        };
        upper << 4 | self.header.flags & 15
    }
}

fn note(header: Header, names_whole: bool, trailing: bool, odd: &mut dyn FnMut(&'static str)) {
    for (is, name) in [(!names_whole, anomaly::NAME), (trailing, anomaly::TRAILING), (header.flag(9), anomaly::Z)] {
        if is {
            odd(name);
        }
    }
}

/// The question at `at`, and where it ends.
fn question(message: &[u8], at: usize) -> Result<(Question, usize), NameError> {
    let after = name::skip(message, at)?;
    let fixed = |i| -> IResult<&[u8], (u16, u16)> { (be_u16, be_u16).parse(i) };
    let (_, (kind, class)) = fixed(message.get(after..).unwrap_or_default()).map_err(|_| NameError::Truncated)?;
    Ok((Question { name_at: at, kind: Type(kind), class: Class(class) }, after + 4))
}

/// The record at `at`, and where it ends.
fn record(message: &[u8], at: usize) -> Result<(Record, usize), NameError> {
    let after = name::skip(message, at)?;
    let (_, (kind, class, ttl, len)) = fixed(message.get(after..).unwrap_or_default()).map_err(|_| NameError::Truncated)?;
    let start = after + 10;
    let end = start + len;
    Ok((Record { name_at: at, kind: Type(kind), class: Class(class), ttl, data: (start, end) }, end))
}

/// Type, class, TTL, length; the data must be there.
fn fixed(i: &[u8]) -> IResult<&[u8], (u16, u16, u32, usize)> {
    let (i, kind) = be_u16(i)?;
    let (i, class) = be_u16(i)?;
    let (i, ttl) = be_u32(i)?;
    let (i, len) = be_u16(i)?;
    let (i, _) = take(len)(i)?;
    Ok((i, (kind, class, ttl, usize::from(len))))
}

/// Whether bytes on a usual port may be a DNS message, perhaps a damaged one: a sensible header, or an entry that can be read.
pub(super) fn is_likely(message: &[u8]) -> bool {
    let Some(header) = Header::parse(message) else { return false };
    header.is_plausible(message.len()) || (header.counts[0] > 0 && question(message, HEADER_LEN).is_ok())
}

/// Whether bytes on an unusual port are a DNS message beyond doubt: one usual question, sensible flags and counts, and no byte too many.
pub(super) fn is_plausible(message: &[u8]) -> bool {
    let mut clean = true;
    let Some(packet) = Packet::parse(message, false, &mut |_| clean = false) else { return false };
    let header = packet.header;
    let [_, answers, authorities, _] = header.counts;
    let counts = header.counts[0] == 1 && (header.is_response() || (answers == 0 && authorities == 0));
    let codes = header.opcode().0 == 0 && (header.is_response() || header.flags & 15 == 0) && header.flags & 15 <= 10;
    let question = packet
        .questions()
        .next()
        .is_some_and(|q| q.kind.is_usual() && matches!(q.class.0, 1 | 3 | 255) && name::is_usual(message, q.name_at));
    clean && header.id != 0 && counts && codes && question
}

/// An empty name, a type and a class.
const QUESTION_MIN: usize = 5;
/// An empty name and the fixed part.
const RECORD_MIN: usize = 11;

#[cfg(test)]
mod tests {
    use super::*;

    /// Query A example.com, id 1, RD.
    pub(super) const QUERY: &[u8] = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01";

    fn parse(message: &[u8]) -> (Packet, Vec<&'static str>) {
        let mut odd = Vec::new();
        (Packet::parse(message, false, &mut |a| odd.push(a)).unwrap(), odd)
    }

    #[test]
    fn reads_a_query_and_its_answer() {
        let (query, odd) = parse(QUERY);
        assert!(odd.is_empty() && is_plausible(QUERY));
        assert_eq!(query.questions().next().unwrap().kind, Type(1));
        let mut answer = QUERY.to_vec();
        answer[2] = 0x81;
        answer[7] = 1;
        answer.extend_from_slice(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x01\x02\x03\x04");
        let (answer, odd) = parse(&answer);
        assert!(odd.is_empty() && answer.same_question(&query));
        let record = answer.records(1).next().unwrap();
        assert_eq!((record.ttl, name::text(&answer.raw, record.name_at).as_str()), (60, "example.com"));
        assert_eq!(answer.records(2).count(), 0);
    }

    #[test]
    fn what_is_cut_keeps_what_came() {
        for n in HEADER_LEN..QUERY.len() {
            let (packet, odd) = parse(&QUERY[..n]);
            assert_eq!((packet.questions().count(), odd.as_slice()), (0, &[anomaly::TRUNCATED][..]));
        }
        assert!(Packet::parse(&QUERY[..11], false, &mut |_| ()).is_none());
        assert_eq!(parse(&[QUERY, b"x"].concat()).1, [anomaly::TRAILING]);
    }
}

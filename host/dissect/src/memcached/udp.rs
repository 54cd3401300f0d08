//! Over UDP: a frame header of eight bytes before each datagram (doc/protocol.txt, "UDP protocol").

use super::session::Memcached;
use crate::{
    Close, Context, Half, Outcome, Session,
    framed::{Framing as _, Measure},
};
use hookline_item::{Seen, Sender};

/// Request id, sequence number, datagrams of the message, two reserved bytes.
const FRAME_LEN: usize = 8;
/// Datagrams of one message: values of 1 MiB in datagrams of 1,400 bytes have 750.
const DATAGRAMS_MAX: u16 = 1024;
/// Messages that wait for their last datagram.
const OPEN_MAX: usize = 16;

/// The messages of two sockets.
#[derive(Default)]
pub(super) struct Datagrams {
    inner: Memcached,
    open: Vec<Open>,
}

/// A message whose datagrams are not all there.
struct Open {
    id: u16,
    from: Sender,
    next: u16,
    first: Seen,
    bytes: Vec<u8>,
}

/// What stands behind a sound frame header.
pub(super) fn payload(datagram: &[u8]) -> Option<&[u8]> {
    frame(datagram).map(|(_, _, _, payload)| payload)
}

fn frame(datagram: &[u8]) -> Option<(u16, u16, u16, &[u8])> {
    let (&[a, b, c, d, e, f, ..], payload) = datagram.split_first_chunk::<FRAME_LEN>()?;
    let (id, sequence, total) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]), u16::from_be_bytes([e, f]));
    // The last two bytes must be 0; servers do not look at them, and clients do not care.
    let sound = (1..=DATAGRAMS_MAX).contains(&total) && sequence < total;
    sound.then_some((id, sequence, total, payload))
}

impl Session for Datagrams {
    fn bytes(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Outcome {
        let Some((id, sequence, total, payload)) = frame(bytes) else { return Outcome::NotMine };
        let from = cx.from;
        if sequence == 0 {
            // An unfinished message of the same id was lost.
            self.give_up(cx, |o| o.id == id && o.from == from);
            if self.open.len() >= OPEN_MAX {
                let oldest = self.open.first().map(|o| (o.id, o.from));
                self.give_up(cx, |o| Some((o.id, o.from)) == oldest);
            }
            self.open.push(Open { id, from, next: 0, first: cx.first, bytes: Vec::new() });
        }
        let Some(open) = self.open.iter_mut().find(|o| o.id == id && o.from == from) else { return Outcome::Items(bytes.len()) };
        if open.next != sequence {
            // A datagram before this one was lost, or has been overtaken: the message goes out as far as it came.
            self.give_up(cx, |o| o.id == id && o.from == from);
            return Outcome::Items(bytes.len());
        }
        let room = cx.limits.message_max.saturating_sub(open.bytes.len()).min(payload.len());
        open.bytes.extend_from_slice(payload.get(..room).unwrap_or_default());
        open.next += 1;
        if open.next == total {
            self.give_up(cx, |o| o.id == id && o.from == from);
        }
        Outcome::Items(bytes.len())
    }

    fn gap(&mut self, _: &mut Context<'_>, _: &[u8], _: u64) {}
    fn fin(&mut self, _: &mut Context<'_>, _: &[u8]) {}

    fn close(&mut self, cx: &mut Context<'_>, _: [&[u8]; 2], why: Close) {
        self.give_up(cx, |_| true);
        self.inner.close(cx, why);
    }
}

impl Datagrams {
    /// Messages that wait for nothing more, whole or not, go out.
    fn give_up(&mut self, cx: &mut Context<'_>, over: impl Fn(&Open) -> bool) {
        let from = cx.from;
        while let Some(open) = self.open.iter().position(&over).map(|at| self.open.remove(at)) {
            cx.from = open.from;
            self.read(cx, &open);
        }
        cx.from = from;
    }

    /// The commands or lines of a message that is whole, or of which the first part is there.
    fn read(&mut self, cx: &mut Context<'_>, open: &Open) {
        self.inner.set_key(open.id.into());
        let mut rest = &open.bytes[..];
        while !rest.is_empty() {
            let Measure::Len(len) = self.inner.measure(open.from, rest) else { return };
            let (message, after) = rest.split_at_checked(usize::try_from(len).unwrap_or(usize::MAX)).unwrap_or((rest, &[]));
            let missing = len.saturating_sub(message.len() as u64);
            let half = Half { first: open.first, last: cx.last, size: message.len() as u64, missing, ..Half::default() };
            self.inner.message(cx, message, half);
            rest = after;
        }
    }
}

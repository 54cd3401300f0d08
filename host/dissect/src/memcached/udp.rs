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
        let at = self.open.iter().position(|o| o.id == id && o.from == from);
        match (at, sequence) {
            // A message begins; an unfinished one of the same id was lost.
            (_, 0) => {
                at.map(|at| self.open.swap_remove(at));
                if self.open.len() >= OPEN_MAX {
                    self.open.remove(0);
                }
                self.open.push(Open { id, from, next: 1, first: cx.first, bytes: payload.to_vec() });
            }
            (Some(at), _) if self.open.get(at).is_some_and(|o| o.next == sequence) => {
                if let Some(open) = self.open.get_mut(at) {
                    let room = cx.limits.message_max.saturating_sub(open.bytes.len()).min(payload.len());
                    open.bytes.extend_from_slice(payload.get(..room).unwrap_or_default());
                    open.next += 1;
                }
            }
            // A datagram of it was lost or has overtaken another.
            _ => return Outcome::Items(bytes.len()),
        }
        if let Some(at) = self.open.iter().position(|o| o.id == id && o.from == from && o.next == total) {
            let open = self.open.swap_remove(at);
            self.whole(cx, &open);
        }
        Outcome::Items(bytes.len())
    }

    fn gap(&mut self, _: &mut Context<'_>, _: &[u8], _: u64) {}
    fn fin(&mut self, _: &mut Context<'_>, _: &[u8]) {}

    fn close(&mut self, cx: &mut Context<'_>, _: [&[u8]; 2], why: Close) {
        self.inner.close(cx, why);
    }
}

impl Datagrams {
    /// The commands or lines of a message that is whole, or of which the first part is kept.
    fn whole(&mut self, cx: &mut Context<'_>, open: &Open) {
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

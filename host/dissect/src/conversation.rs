//! One flow's way from bytes to items: probing, then the dissector that said yes, until something opaque takes over.

use crate::{
    dissector::{Context, Dissector, Next, Outcome, Probe, Session, Verdict},
    flow::Flow,
    limits::{Limits, Reading},
    registry,
    totals::{self, FIRST_BYTES},
};
use hookline_item::{Close, Item, Seen, Sender, Timestamp, Totals};
use std::{fmt, sync::Arc};

/// The application side of one flow. Fed with in-order bytes (TCP) or datagrams (UDP), it appends items to `out`.
pub struct Conversation {
    flow: Flow,
    limits: Arc<Limits>,
    /// Whether the protocol showed that client and server are the other way round than the caller thinks.
    swapped: bool,
    index: u64,
    stage: Stage,
    /// How much is read of what the session is for.
    reading: Reading,
    /// How often one protocol has made room for another.
    switches: u32,
    /// The protocol that was recognised first; empty before.
    l7: &'static str,
    /// What is kept of what both sides said; from when there is something to keep, since most flows wait with nothing.
    kept: Option<Box<Kept>>,
}

/// Bytes that a conversation keeps, of the client and of the server.
#[derive(Default)]
struct Kept {
    carries: [Carry; 2],
    /// What both sides said first, while no protocol is recognised.
    first: [Vec<u8>; 2],
}

/// How often that may be: a proxy's CONNECT, STARTTLS and an upgrade in a row. More is an attempt to keep us busy.
const SWITCHES_MAX: u32 = 4;

/// How far a session came with the bytes it was given.
struct Progress {
    /// Bytes that are done with.
    done: usize,
    /// How many there must be before it is asked again.
    need: usize,
    /// Whether what follows is to be read from the beginning, as another protocol.
    switched: bool,
}

enum Stage {
    /// Which protocol is it?
    Probing {
        /// Whether a "no" may be due to having started inside a message, so that later segments are probed too.
        resync: bool,
        tries: u32,
    },
    Speaking(Box<dyn Session>),
    /// A protocol that nobody here knows; another one may begin in it.
    Unknown {
        tries: u32,
    },
    /// Nothing is read any more.
    Opaque,
}

/// Bytes of one side that are not read yet, because what they belong to is not whole.
#[derive(Default)]
struct Carry {
    bytes: Vec<u8>,
    /// When the first of them was seen.
    since: Seen,
    /// The session is not asked again before there are so many.
    need: usize,
    fin: bool,
    /// Probing only: these bytes are no protocol that is known. What the other side says may still decide.
    ruled_out: bool,
}

impl Carry {
    /// When the first of its bytes was seen; `seen` if there are none.
    fn first(&self, seen: Seen) -> Seen {
        if self.bytes.is_empty() { seen } else { self.since }
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::Probing { .. } => "probing",
            Stage::Speaking(_) => "speaking",
            Stage::Unknown { .. } => "unknown",
            Stage::Opaque => "opaque",
        };
        f.debug_struct("Conversation").field("stream", &self.flow.stream).field("stage", &stage).field("items", &self.index).finish()
    }
}

impl Conversation {
    /// The flow that it is of.
    #[must_use]
    pub const fn flow(&self) -> &Flow {
        &self.flow
    }

    /// A conversation that has not said anything yet.
    #[must_use]
    pub fn new(flow: Flow, limits: Arc<Limits>) -> Self {
        let resync = flow.mid_stream || flow.transport.has_messages();
        Self {
            flow,
            limits,
            swapped: false,
            index: 0,
            stage: Stage::Probing { resync, tries: 0 },
            reading: Reading::Whole,
            switches: 0,
            l7: "",
            kept: None,
        }
    }

    /// The next in-order bytes of one side, or one datagram.
    pub fn bytes(&mut self, from: Sender, seen: Seen, bytes: &[u8], out: &mut Vec<Item>) {
        let from = self.role(from);
        let ruled_out = self.carried(from).is_some_and(|carry| carry.ruled_out);
        match self.stage {
            Stage::Opaque => {}
            _ if bytes.is_empty() && !self.flow.transport.has_messages() => {}
            Stage::Speaking(_) => self.speak(from, seen, bytes, out),
            Stage::Unknown { .. } => self.watch(from, seen, bytes, out),
            Stage::Probing { resync, .. } if !resync && ruled_out => {}
            Stage::Probing { .. } => self.probe(from, seen, bytes, out),
        }
    }

    /// `missing` bytes of one side were lost before the next ones.
    pub fn gap(&mut self, from: Sender, seen: Seen, missing: u64, out: &mut Vec<Item>) {
        let from = self.role(from);
        let carry = self.take_carry(from);
        match &mut self.stage {
            Stage::Probing { resync, .. } => *resync = true,
            Stage::Speaking(_) => self.with_session(from, (carry.first(seen), seen), out, |s, cx| s.gap(cx, &carry.bytes, missing)),
            Stage::Unknown { .. } | Stage::Opaque => {}
        }
    }

    /// One side has sent its last byte.
    pub fn fin(&mut self, from: Sender, seen: Seen, out: &mut Vec<Item>) {
        let from = self.role(from);
        match self.stage {
            Stage::Probing { .. } => self.carry(from).fin = true,
            Stage::Speaking(_) => {
                let carry = self.take_carry(from);
                self.with_session(from, (carry.first(seen), seen), out, |s, cx| s.fin(cx, &carry.bytes));
            }
            Stage::Unknown { .. } | Stage::Opaque => {}
        }
    }

    /// The flow is over; what waits is emitted as it is. Nothing comes out of later calls.
    pub fn close(&mut self, why: Close, seen: Seen, out: &mut Vec<Item>) {
        let [client, server] = self.take_carries();
        self.with_session(Sender::Client, (seen, seen), out, |s, cx| s.close(cx, [&client.bytes, &server.bytes], why));
        self.stage = Stage::Opaque;
    }

    /// The item that sums the flow up, to be asked for after [`Conversation::close`].
    pub fn sum_up(mut self, why: Close, totals: &Totals, out: &mut Vec<Item>) {
        // First bytes are kept only while nobody knows better who is who than the caller.
        let first = self.kept.take().unwrap_or_default().first.map(Vec::into_boxed_slice);
        let totals = if self.swapped { swapped(totals) } else { *totals };
        let mut cx = Context {
            flow: &self.flow,
            limits: &self.limits,
            from: Sender::Client,
            first: totals.first,
            last: totals.last,
            index: &mut self.index,
            out,
        };
        totals::emit(&mut cx, why, &totals, self.l7, first);
    }

    /// Packet time has moved to `now`: what waited too long is emitted.
    pub fn advance(&mut self, now: Timestamp, out: &mut Vec<Item>) {
        let seen = Seen { at: now, frame: 0 };
        self.with_session(Sender::Client, (seen, seen), out, |s, cx| s.advance(cx, now));
    }

    /// Whether nothing will come of further bytes, so that they need not be fed.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Opaque)
    }

    fn role(&self, from: Sender) -> Sender {
        if self.swapped { from.other() } else { from }
    }

    fn carry(&mut self, from: Sender) -> &mut Carry {
        let [client, server] = &mut self.kept.get_or_insert_default().carries;
        match from {
            Sender::Client => client,
            Sender::Server => server,
        }
    }

    /// What is carried of `from`, if anything was yet.
    fn carried(&self, from: Sender) -> Option<&Carry> {
        self.kept.as_ref()?.carries.get(from.index())
    }

    fn carries_bytes(&self, from: Sender) -> bool {
        self.carried(from).is_some_and(|carry| !carry.bytes.is_empty())
    }

    fn take_carry(&mut self, from: Sender) -> Carry {
        if self.kept.is_some() { std::mem::take(self.carry(from)) } else { Carry::default() }
    }

    fn take_carries(&mut self) -> [Carry; 2] {
        self.kept.as_mut().map(|kept| std::mem::take(&mut kept.carries)).unwrap_or_default()
    }

    /// Calls the session, if there is one, with the context of now.
    fn with_session<T: Default>(
        &mut self,
        from: Sender,
        (first, last): (Seen, Seen),
        out: &mut Vec<Item>,
        call: impl FnOnce(&mut dyn Session, &mut Context<'_>) -> T,
    ) -> T {
        let Stage::Speaking(session) = &mut self.stage else { return T::default() };
        let mut cx = Context { flow: &self.flow, limits: self.limits.of(self.reading), from, first, last, index: &mut self.index, out };
        call(session.as_mut(), &mut cx)
    }

    fn speak(&mut self, from: Sender, seen: Seen, bytes: &[u8], out: &mut Vec<Item>) {
        if !self.carries_bytes(from) {
            let progress = self.drive(from, (seen, seen), 0, bytes, out);
            let rest = bytes.get(progress.done..).unwrap_or_default();
            if progress.switched {
                return self.start_over(from, seen, rest, out);
            }
            self.keep(from, seen, progress.need, rest);
            return;
        }
        let carry = self.carry(from);
        let old = carry.bytes.len();
        carry.bytes.extend_from_slice(bytes);
        if carry.bytes.len() < carry.need {
            return;
        }
        let since = carry.since;
        let mut whole = std::mem::take(&mut carry.bytes);
        let progress = self.drive(from, (since, seen), old, &whole, out);
        whole.drain(..progress.done.min(whole.len()));
        if progress.switched {
            return self.start_over(from, seen, &whole, out);
        }
        let carry = self.carry(from);
        (carry.bytes, carry.need) = (whole, progress.need);
        if progress.done >= old {
            carry.since = seen;
        }
        if self.is_done() || !self.carries_bytes(from) {
            self.take_carry(from);
        }
    }

    /// Keeps what the session could not use yet.
    fn keep(&mut self, from: Sender, seen: Seen, need: usize, rest: &[u8]) {
        if rest.is_empty() || self.is_done() {
            return;
        }
        let carry = self.carry(from);
        carry.bytes.extend_from_slice(rest);
        (carry.since, carry.need) = (seen, need);
    }

    /// Reads what the protocol before has left of both sides, the other side's first: it waits longer.
    fn start_over(&mut self, from: Sender, seen: Seen, rest: &[u8], out: &mut Vec<Item>) {
        let [client, server] = self.take_carries();
        let other = if from == Sender::Client { server } else { client };
        self.bytes(from.other(), other.since, &other.bytes, out);
        self.bytes(from, seen, rest, out);
    }

    /// Gives `bytes`, whose first `old` were seen before, to the session until it wants more than there is.
    fn drive(&mut self, from: Sender, (since, seen): (Seen, Seen), old: usize, bytes: &[u8], out: &mut Vec<Item>) -> Progress {
        let end = Progress { done: bytes.len(), need: 0, switched: false };
        let mut done = 0;
        while let Some(rest) = bytes.get(done..) {
            if rest.is_empty() && done > 0 {
                break;
            }
            let first = if done < old { since } else { seen };
            let outcome = self.with_session(from, (first, seen), out, |s, cx| Some(s.bytes(cx, rest)));
            match outcome {
                Some(Outcome::Items(n)) if n > 0 && !rest.is_empty() => done += n.min(rest.len()),
                // A datagram may be empty, and what is left of one has no continuation.
                _ if self.flow.transport.has_messages() => return end,
                Some(Outcome::Need(need)) if need <= self.limits.pending_bytes => return Progress { done, need, switched: false },
                Some(Outcome::Switched(n, next)) if self.switches < SWITCHES_MAX => {
                    self.switches += 1;
                    self.reading = Reading::Whole;
                    self.stage = match next {
                        Next::Opaque => Stage::Opaque,
                        Next::Unknown => Stage::Probing { resync: false, tries: 0 },
                        Next::Agreed(session) => Stage::Speaking(session),
                    };
                    return Progress { done: done.saturating_add(n), need: 0, switched: true };
                }
                Some(Outcome::Switched(..)) | None => {
                    self.stage = Stage::Opaque;
                    return end;
                }
                _ => {
                    self.give_up(seen, out);
                    return end;
                }
            }
        }
        Progress { done, need: 0, switched: false }
    }

    /// The session cannot go on: what it holds goes out.
    fn give_up(&mut self, seen: Seen, out: &mut Vec<Item>) {
        self.with_session(Sender::Client, (seen, seen), out, |s, cx| s.close(cx, [&[], &[]], Close::Evicted));
        self.stage = Stage::Opaque;
    }

    /// Keeps what a side said first, while nobody knows what it is.
    fn note_first(&mut self, from: Sender, bytes: &[u8]) {
        if self.l7.is_empty()
            && let Some(first) = self.kept.get_or_insert_default().first.get_mut(from.index())
        {
            let room = FIRST_BYTES.saturating_sub(first.len()).min(bytes.len());
            first.extend_from_slice(bytes.get(..room).unwrap_or_default());
        }
    }

    fn probe(&mut self, from: Sender, seen: Seen, bytes: &[u8], out: &mut Vec<Item>) {
        if !self.carries_bytes(from) {
            match self.ask(from, bytes) {
                Answer::Yes(start) => self.begin(start, from, seen, bytes, out),
                Answer::Maybe => {
                    self.note_first(from, bytes);
                    self.keep(from, seen, 0, bytes);
                }
                Answer::No => {
                    self.note_first(from, bytes);
                    self.refused(from);
                }
            }
            return;
        }
        self.note_first(from, bytes);
        let carry = self.carry(from);
        carry.bytes.extend_from_slice(bytes);
        let whole = std::mem::take(&mut carry.bytes);
        match self.ask(from, &whole) {
            Answer::Yes(start) => {
                let old = whole.len().saturating_sub(bytes.len());
                let (before, now) = whole.split_at_checked(old).unwrap_or_default();
                self.carry(from).bytes = before.to_vec();
                self.begin(start, from, seen, now, out);
            }
            Answer::Maybe => self.carry(from).bytes = whole,
            // What came before was something else, but this may be a start.
            Answer::No if self.resyncs() => self.probe(from, seen, bytes, out),
            Answer::No => self.refused(from),
        }
    }

    /// Asks every dissector about what one side said so far.
    fn ask(&self, from: Sender, bytes: &[u8]) -> Answer {
        let probe = Probe { flow: &self.flow, from, bytes };
        if let Some((dissector, server)) = self.mapped() {
            // Its own probe knows best who is who; where it does not know the protocol again, the port tells.
            let role = match (dissector.probe)(&probe) {
                Verdict::Yes(role) => role,
                _ if from == server => Sender::Server,
                _ => Sender::Client,
            };
            return Answer::Yes(Start::new(dissector, self, role));
        }
        let mut answer = Answer::No;
        for dissector in registry::protocols().filter(|d| d.transports.contains(&self.flow.transport)) {
            match (dissector.probe)(&probe) {
                Verdict::Yes(role) => return Answer::Yes(Start::new(dissector, self, role)),
                Verdict::Maybe if bytes.len() < self.limits.probe_bytes => answer = Answer::Maybe,
                _ => {}
            }
        }
        // A datagram is whole: more bytes will not come.
        if self.flow.transport.has_messages() { Answer::No } else { answer }
    }

    /// The protocol that the user says is spoken on a port of this flow, until something else has begun in it; and whose port that is.
    fn mapped(&self) -> Option<(&'static Dissector, Sender)> {
        if self.switches > 0 || self.limits.port_mapping.is_empty() {
            return None;
        }
        [(self.flow.server, Sender::Server), (self.flow.client, Sender::Client)].into_iter().find_map(|(side, server)| {
            let (_, name) = self.limits.port_mapping.iter().find(|(port, _)| *port == side.port())?;
            let spoken = |d: &&Dissector| d.name == *name && d.transports.contains(&self.flow.transport);
            registry::protocols().find(spoken).map(|d| (d, server))
        })
    }

    fn refused(&mut self, from: Sender) {
        self.carry(from).bytes = Vec::new();
        let Stage::Probing { resync, tries } = &mut self.stage else { return };
        *tries += 1;
        let (over, resync) = (*tries >= self.limits.probe_tries, *resync);
        self.carry(from).ruled_out = true;
        let ruled_out = |side| self.carried(side).is_some_and(|carry| carry.ruled_out);
        if over || (!resync && ruled_out(Sender::Client) && ruled_out(Sender::Server)) {
            self.stage = Stage::Unknown { tries: 0 };
            self.take_carries();
        }
    }

    /// Looks whether a protocol begins with this segment.
    fn watch(&mut self, from: Sender, seen: Seen, bytes: &[u8], out: &mut Vec<Item>) {
        let probe = Probe { flow: &self.flow, from, bytes };
        let late = registry::protocols().filter(|d| d.begins_late && d.transports.contains(&self.flow.transport));
        for dissector in late {
            if let Verdict::Yes(role) = (dissector.probe)(&probe) {
                let start = Start::new(dissector, self, role);
                return self.begin(start, from, seen, bytes, out);
            }
        }
        self.note_first(from, bytes);
        let Stage::Unknown { tries } = &mut self.stage else { return };
        *tries += 1;
        if *tries >= self.limits.probe_tries {
            self.stage = Stage::Opaque;
        }
    }

    fn resyncs(&self) -> bool {
        matches!(self.stage, Stage::Probing { resync: true, .. })
    }

    /// The protocol is known: what both sides have said so far is read, then `bytes`.
    fn begin(&mut self, start: Start, from: Sender, seen: Seen, bytes: &[u8], out: &mut Vec<Item>) {
        if self.l7.is_empty() {
            self.l7 = start.name;
        }
        self.reading = start.reading;
        let Some(session) = start.session else {
            // Nobody wants what it would give.
            self.stage = Stage::Opaque;
            self.kept = None;
            return;
        };
        self.stage = Stage::Speaking(session);
        let mut kept = self.kept.take().map(|kept| kept.carries).unwrap_or_default();
        let mut from = from;
        if start.role != from {
            self.swapped = !self.swapped;
            self.flow.swap_roles();
            kept.reverse();
            from = start.role;
        }
        let [client, server] = kept;
        let fins = [(Sender::Client, client.fin), (Sender::Server, server.fin)];
        let mut kept = [(Sender::Client, client), (Sender::Server, server)];
        kept.sort_by_key(|(_, carry)| carry.since);
        for (side, carry) in kept {
            if !carry.bytes.is_empty() && !self.is_done() {
                self.speak(side, carry.since, &carry.bytes, out);
            }
        }
        if !self.is_done() {
            self.speak(from, seen, bytes, out);
        }
        for (side, _) in fins.into_iter().filter(|(_, fin)| *fin) {
            let carry = self.take_carry(side);
            self.with_session(side, (seen, seen), out, |s, cx| s.fin(cx, &carry.bytes));
        }
    }
}

enum Answer {
    Yes(Start),
    Maybe,
    No,
}

struct Start {
    name: &'static str,
    /// Absent if nothing of it is read.
    session: Option<Box<dyn Session>>,
    reading: Reading,
    role: Sender,
}

impl Start {
    fn new(dissector: &Dissector, conversation: &Conversation, role: Sender) -> Self {
        let Conversation { flow, limits, .. } = conversation;
        let reading = limits.reading(dissector, totals::protocol(flow.transport));
        let session = (reading != Reading::Nothing).then(|| (dissector.new_session)(flow, limits.of(reading)));
        Self { name: dissector.name, session, reading, role }
    }
}

/// What was counted, after client and server turned out to be the other way round.
fn swapped(totals: &Totals) -> Totals {
    Totals { client: totals.server, server: totals.client, ..*totals }
}

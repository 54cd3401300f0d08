//! Commands and responses of one connection.

use super::{
    MYSQL, anomaly,
    compress::{self, Packets},
    message::{Command, Kind, Statement, command, execution, statement_id},
    response::Answer,
    wire::{self, HEADER_LEN, capability},
};
use crate::{
    Close, Context, Half, Next,
    exchange::{Pairing, Part},
    framed::{After, Framing, Measure},
    remembered::Remembered,
};
use hookline_item::Sender;
use std::sync::Arc;

/// One connection.
#[derive(Default)]
pub(super) struct Mysql {
    waiting: Pairing<(), Command, Answer>,
    /// What the server is saying.
    answer: Option<Part<Answer>>,
    statements: Remembered<u32, Statement>,
    /// The server has greeted, and the client has not logged in yet.
    greeted: bool,
    version: Option<Arc<[u8]>>,
    server_capabilities: u32,
    /// What both can do.
    capabilities: u32,
    compressed: bool,
    packets: [Packets; 2],
    /// The side's next packet goes on with a payload of 16 MiB.
    continues: [bool; 2],
}

impl Framing for Mysql {
    fn measure(&self, _from: Sender, bytes: &[u8]) -> Measure {
        if self.compressed { compress::measure(bytes) } else { wire::measure(bytes) }
    }

    fn begins(&self, from: Sender, bytes: &[u8]) -> bool {
        match from {
            _ if self.compressed => compress::begins(bytes),
            Sender::Client if self.greeted => bytes.get(HEADER_LEN..).is_some_and(|payload| wire::login(payload).is_some()),
            Sender::Client => wire::is_command(bytes, true),
            Sender::Server => wire::is_response(bytes, true) || wire::is_greeting(bytes) == Some(true),
        }
    }

    fn message(&mut self, cx: &mut Context<'_>, bytes: &[u8], half: Half) -> After {
        if !self.compressed {
            return self.packet(cx, bytes, half);
        }
        match compress::contents(bytes) {
            Some(contents) => self.packets(cx.from).add(&contents),
            // It breaks off, or is longer than what is kept.
            None => {
                self.lost(cx);
                return After::Message;
            }
        }
        // The bytes on the wire are counted once, with the first packet that ends in them.
        let mut size = half.size;
        while let Some((packet, cut)) = self.packets(cx.from).next(cx.limits.message_max) {
            let half = Half { size: std::mem::take(&mut size), cut, ..half };
            let after = self.packet(cx, &packet, half);
            if !matches!(after, After::Message) {
                return after;
            }
        }
        After::Message
    }

    fn lost(&mut self, cx: &mut Context<'_>) {
        self.flush(cx);
        self.waiting.give_up_all(cx);
        self.packets = Default::default();
        self.continues = Default::default();
    }

    fn close(&mut self, cx: &mut Context<'_>, why: Close) {
        self.flush(cx);
        self.waiting.close(cx, why);
    }
}

impl Mysql {
    fn packets(&mut self, from: Sender) -> &mut Packets {
        let [client, server] = &mut self.packets;
        if from == Sender::Client { client } else { server }
    }

    fn packet(&mut self, cx: &mut Context<'_>, bytes: &[u8], half: Half) -> After {
        let Some((len, sequence)) = wire::header(bytes) else { return After::Message };
        let [client, server] = &mut self.continues;
        let continues = if cx.from == Sender::Client { client } else { server };
        if std::mem::replace(continues, len == wire::PAYLOAD_MAX) {
            return After::Message;
        }
        match cx.from {
            Sender::Client => self.asked(cx, bytes, sequence, half),
            Sender::Server => self.said(cx, bytes, (len, sequence), half),
        }
    }

    fn asked(&mut self, cx: &mut Context<'_>, bytes: &[u8], sequence: u8, half: Half) -> After {
        let payload = bytes.get(HEADER_LEN..).unwrap_or_default();
        let kind = match payload.first() {
            _ if self.greeted => match wire::login(payload) {
                Some(login) => self.logs_in(&login),
                None => return After::Message,
            },
            Some(code) if sequence == 0 => Kind::Command(*code),
            // The client's part of authenticating, or of a file.
            _ => {
                self.file(payload);
                return After::Message;
            }
        };
        let anomalies = if half.is_whole() { Vec::new() } else { vec![anomaly::CUT] };
        let mut what = Command::new(kind, bytes, self.capabilities);
        if matches!(kind, Kind::Login | Kind::SSLRequest) {
            what.server = self.version.clone();
        }
        if let Some(id) = statement_id(payload).filter(|_| matches!(kind, Kind::Command(_))) {
            what.statement = self.statement(id, payload);
        }
        let request = Part { what, half, anomalies };
        match kind {
            Kind::SSLRequest => {
                Pairing::<(), Command, Answer>::one_way(cx, &MYSQL, request);
                return After::Switched(Next::Unknown);
            }
            Kind::Command(command::QUIT | command::STMT_CLOSE | command::STMT_SEND_LONG_DATA) => {
                Pairing::<(), Command, Answer>::one_way(cx, &MYSQL, request);
            }
            _ => self.waiting.request(cx, &MYSQL, (), request),
        }
        if matches!(kind, Kind::Command(command::RESET_CONNECTION | command::CHANGE_USER)) {
            self.statements = Remembered::default();
        }
        After::Message
    }

    fn logs_in(&mut self, login: &wire::Login<'_>) -> Kind {
        self.greeted = false;
        self.capabilities = login.capabilities & self.server_capabilities;
        if login.is_ssl { Kind::SSLRequest } else { Kind::Login }
    }

    /// The statement with this number, as it is before `payload`, a command that names it.
    fn statement(&mut self, id: u32, payload: &[u8]) -> Option<Statement> {
        let statement = self.statements.get(&id)?;
        let before = statement.clone();
        if payload.first() == Some(&command::STMT_EXECUTE)
            && let Some((_, Some(types))) = execution(payload, statement, self.capabilities)
        {
            statement.types = types.into();
        }
        if payload.first() == Some(&command::STMT_CLOSE) {
            self.statements.remove(&id);
        }
        Some(before)
    }

    fn file(&mut self, payload: &[u8]) {
        if self.answer.as_ref().is_some_and(|a| a.what.wants_file())
            && let Some(query) = self.waiting.waiting(&())
        {
            let bytes = query.what.infile_bytes.get_or_insert(0);
            *bytes = bytes.saturating_add(payload.len() as u64);
        }
    }

    fn said(&mut self, cx: &mut Context<'_>, bytes: &[u8], (len, sequence): (u64, u8), half: Half) -> After {
        let payload = bytes.get(HEADER_LEN..).unwrap_or_default();
        let asked = self.waiting.waiting(&()).map(|q| q.what.kind);
        if asked.is_none() && sequence == 0 && self.answer.is_none() {
            return self.greets(cx, payload, half);
        }
        // A response begins with 1; anything else is the end of one whose start was lost.
        if self.answer.is_none() && sequence != 1 && !asked.is_some_and(Kind::authenticates) {
            return After::Message;
        }
        let begun = self.answer.take().unwrap_or_else(|| Part::new(Answer::default(), Half { first: half.first, ..Half::default() }));
        let mut part = begun.noting(half.missing > 0, anomaly::CUT);
        // Rows are only counted: nothing of them is cut.
        part.half.extend(Half { cut: 0, ..half });
        let kind = asked.unwrap_or(Kind::Command(command::QUERY));
        if matches!(kind, Kind::Command(command::BINLOG_DUMP | command::BINLOG_DUMP_GTID | command::TABLE_DUMP))
            && payload.first() != Some(&0xff)
        {
            self.waiting.response(cx, &MYSQL, (), part);
            return After::Switched(Next::Opaque);
        }
        if !part.what.add(kind, payload, len, self.capabilities) {
            self.answer = Some(part);
            return After::Message;
        }
        if let Some((id, parameters)) = part.what.prepared {
            self.prepared(id, parameters);
        }
        self.compressed |= kind == Kind::Login && part.what.is_ok() && self.capabilities & (capability::COMPRESS | capability::ZSTD) != 0;
        self.waiting.response(cx, &MYSQL, (), part);
        After::Message
    }

    fn greets(&mut self, cx: &mut Context<'_>, payload: &[u8], half: Half) -> After {
        if let Some(greeting) = wire::greeting(payload) {
            self.greeted = true;
            self.version = Some(greeting.version.into());
            self.server_capabilities = greeting.capabilities;
        }
        let mut answer = Answer::greeting(payload);
        if payload.first() == Some(&0xff) {
            answer = Answer::default();
            answer.add(Kind::Login, payload, payload.len() as u64, 0);
        }
        Pairing::<(), Command, Answer>::unasked(cx, &MYSQL, Part::new(answer, half));
        After::Message
    }

    /// Remembers the statement that the oldest request has prepared.
    fn prepared(&mut self, id: u32, parameters: u16) {
        let Some(query) = self.waiting.waiting(&()).and_then(|q| q.what.payload.get(1..)) else { return };
        let statement = Statement { query: query.into(), parameters: parameters.into(), types: Arc::default() };
        let cost = statement.query.len() + 2 * statement.parameters;
        self.statements.insert(id, statement, cost);
    }

    /// What was being said goes out as far as it came.
    fn flush(&mut self, cx: &mut Context<'_>) {
        if let Some(answer) = self.answer.take() {
            let from = std::mem::replace(&mut cx.from, Sender::Server);
            self.waiting.response(cx, &MYSQL, (), answer);
            cx.from = from;
        }
    }
}

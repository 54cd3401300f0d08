//! Which version of HTTP a connection speaks.

use super::{
    session::Http,
    v2::{self, Http2, Looks},
};
use crate::{Close, Context, Flow, Outcome, Session, framed::Framed};
use hookline_item::Timestamp;

/// One connection.
pub(super) enum Connection {
    /// Nothing was said yet. Whether it was picked up in its middle.
    New {
        mid_stream: bool,
    },
    V1(Box<Http>),
    V2(Box<Framed<Http2>>),
}

impl Connection {
    pub(super) fn new(flow: &Flow) -> Self {
        Self::New { mid_stream: flow.mid_stream }
    }

    fn session(&mut self) -> Option<&mut dyn Session> {
        match self {
            Self::New { .. } => None,
            Self::V1(session) => Some(session.as_mut()),
            Self::V2(session) => Some(session.as_mut()),
        }
    }
}

impl Session for Connection {
    fn bytes(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Outcome {
        if let Self::New { mid_stream } = *self {
            *self = match v2::looks(bytes) {
                Looks::Version2 => Self::V2(Box::new(Framed::new(Http2::new(mid_stream), cx.flow))),
                Looks::Unsure => return Outcome::Need(bytes.len() + 1),
                Looks::Other => Self::V1(Box::default()),
            };
        }
        self.session().map_or(Outcome::NotMine, |s| s.bytes(cx, bytes))
    }

    fn gap(&mut self, cx: &mut Context<'_>, rest: &[u8], missing: u64) {
        match self {
            Self::New { mid_stream } => *mid_stream = true,
            _ => self.session().into_iter().for_each(|s| s.gap(cx, rest, missing)),
        }
    }

    fn fin(&mut self, cx: &mut Context<'_>, rest: &[u8]) {
        self.session().into_iter().for_each(|s| s.fin(cx, rest));
    }

    fn close(&mut self, cx: &mut Context<'_>, rests: [&[u8]; 2], why: Close) {
        self.session().into_iter().for_each(|s| s.close(cx, rests, why));
    }

    fn advance(&mut self, cx: &mut Context<'_>, now: Timestamp) {
        self.session().into_iter().for_each(|s| s.advance(cx, now));
    }
}

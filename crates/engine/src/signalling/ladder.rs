//! One copy of each SIP message of a call, packed for the vault.

use earwitness_model::{CallId, PacketTime, Segment, SegmentContent, SignallingMessage, pack_signalling};
use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use super::SipDatagram;

/// A copy that comes within this is the mirror's, not a retransmission: T1 is 500 ms (RFC 3261, 17.1.1.1).
const MIRROR_COPY_NANOS: i64 = 100_000_000;
/// Messages looked back on for copies.
const LOOK_BACK: usize = 16;

/// The messages of a call that are not yet on their way to the vault.
#[derive(Debug, Default)]
pub(super) struct Ladder {
    base: PacketTime,
    bytes: Vec<u8>,
    total: usize,
    recent: Vec<(PacketTime, u64)>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// It is kept.
    Yes,
    /// It is a mirror's copy of one that is kept.
    Copy,
    /// The call has more messages than are kept.
    TooMany,
}

impl Ladder {
    /// Keeps a copy of the message, once.
    pub(super) fn add(&mut self, message: &SignallingMessage<'_>, most: usize) -> Kept {
        let hash = FixedState::default().hash_one((message.flow, message.bytes));
        let near = |at: PacketTime| message.time.since(at).abs() <= MIRROR_COPY_NANOS;
        if self.recent.iter().any(|&(at, other)| other == hash && near(at)) {
            return Kept::Copy;
        }
        if self.recent.len() == LOOK_BACK {
            self.recent.remove(0);
        }
        self.recent.push((message.time, hash));
        if self.total + message.bytes.len() > most {
            return Kept::TooMany;
        }
        if self.bytes.is_empty() {
            self.base = message.time;
        }
        self.total += message.bytes.len();
        pack_signalling(&mut self.bytes, message);
        Kept::Yes
    }

    /// Takes what is kept so far as a segment.
    pub(super) fn take(&mut self, call: CallId) -> Option<Segment> {
        (!self.bytes.is_empty()).then(|| Segment {
            call,
            content: SegmentContent::Signalling,
            base: self.base,
            bytes: std::mem::take(&mut self.bytes),
        })
    }
}

/// The message as it is packed, captured at `time` as the capture tells it.
pub(super) const fn message<'b>(datagram: &SipDatagram<'b>, time: PacketTime) -> SignallingMessage<'b> {
    SignallingMessage { time, flow: datagram.flow, transport: datagram.transport, bytes: datagram.bytes }
}

#[cfg(test)]
mod tests {
    use earwitness_model::{Flow, SipTransport};

    use super::*;

    fn at(ms: i64, bytes: &'static [u8]) -> SignallingMessage<'static> {
        let flow = Flow { src: "10.0.0.1:5060".parse().unwrap(), dst: "10.0.0.2:5060".parse().unwrap() };
        let time = PacketTime::from_nanos(ms * 1_000_000);
        message(&SipDatagram { flow, transport: SipTransport::Udp, tunnel: None, bytes, time }, time)
    }

    #[test]
    fn a_mirror_copy_is_kept_once_and_a_retransmission_twice() {
        let mut ladder = Ladder::default();
        let kept =
            [at(0, b"INVITE"), at(1, b"INVITE"), at(500, b"INVITE"), at(501, b"INVITE"), at(502, b"BYE")]
                .map(|m| ladder.add(&m, 1000));
        assert_eq!(kept, [Kept::Yes, Kept::Copy, Kept::Yes, Kept::Copy, Kept::Yes]);
        let segment = ladder.take(CallId::new(0, 0)).unwrap();
        assert_eq!(
            segment.signalling().map(|m| m.bytes).collect::<Vec<_>>(),
            [&b"INVITE"[..], b"INVITE", b"BYE"]
        );
        assert!(ladder.take(CallId::new(0, 0)).is_none());
    }

    #[test]
    fn the_bound_holds_over_segments() {
        let mut ladder = Ladder::default();
        assert_eq!(ladder.add(&at(0, b"12345678"), 10), Kept::Yes);
        assert!(ladder.take(CallId::new(0, 0)).is_some());
        assert_eq!(ladder.add(&at(1, b"abcdefgh"), 10), Kept::TooMany);
    }
}

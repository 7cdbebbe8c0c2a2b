//! Every RTP stream that passes: how many packets, which never came, how loaded the busiest second was.

use std::{collections::BTreeSet, net::SocketAddr};

use earwitness_model::{Flow, PacketTime, RtpTime};
use earwitness_wire::rtp::Packet;

use crate::{bounded::Bounded, exam::Sight};

/// Streams that are followed.
const MOST_STREAMS: usize = 16_384;
/// Packets in sequence from which on it is believed that something is RTP.
const BELIEVED: u32 = 8;
/// Steps of up to so many are those of one sender, even where packets are lost or joined.
const CLOSE: u16 = 20;
/// A step of more than this is a restart and no loss.
const MOST_GAP: u16 = 1_000;

/// One sender's sequence number space.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Packets.
    pub(crate) packets: u64,
    /// Sequence numbers that never came.
    pub(crate) lost: u64,
    /// Packets that followed their predecessor closely.
    in_sequence: u32,
    highest: u16,
    last_time: PacketTime,
    last_rtp: RtpTime,
    /// The newest gap: its first number, how many of it are missing, when it was noticed.
    gap: Option<(u16, u16, PacketTime)>,
}

impl Stream {
    /// Whether it went on for long enough to be RTP.
    pub(crate) const fn is_believed(&self) -> bool {
        self.in_sequence >= BELIEVED
    }
}

/// What a packet tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The next one, after `silence_ns`, in which the sender's clock went on by `rtp_units`.
    Next { silence_ns: i64, rtp_units: i32 },
    /// So many before it are missing.
    Gap(u16),
    /// It was the last that was missing of a gap of so many, noticed at that time: nothing was lost.
    Filled { lost: u16, noticed: PacketTime },
    /// A copy, a late one, a restart, or a stream that is not believed yet.
    Other,
}

/// The streams by flow and SSRC.
#[derive(Debug)]
pub(crate) struct Streams {
    table: Bounded<(Flow, u32), Stream>,
    busiest: Busiest,
}

#[derive(Debug, Default)]
struct Busiest {
    second: i64,
    bytes: u64,
    peak: u64,
}

impl Streams {
    pub(crate) fn new() -> Self {
        Self { table: Bounded::new(MOST_STREAMS), busiest: Busiest::default() }
    }

    /// Takes a packet.
    pub(crate) fn handle_packet(&mut self, flow: Flow, packet: &Packet<'_>, at: Sight) -> Step {
        self.busiest.add(at.time, packet.payload().len() as u64 + 12);
        let (sequence, rtp) = (packet.sequence(), packet.timestamp());
        let fresh = || Stream {
            packets: 0,
            lost: 0,
            in_sequence: 0,
            highest: sequence.wrapping_sub(1),
            last_time: at.time,
            last_rtp: rtp,
            gap: None,
        };
        let Some(stream) = self.table.entry((flow, packet.ssrc()), fresh) else { return Step::Other };
        stream.packets += 1;
        let ahead = sequence.wrapping_sub(stream.highest);
        if ahead == 0 || ahead > u16::MAX - MOST_GAP {
            return stream.fill(sequence);
        }
        let step = match ahead {
            1 => Step::Next {
                silence_ns: at.time.since(stream.last_time),
                rtp_units: rtp.since(stream.last_rtp),
            },
            2..=MOST_GAP if stream.is_believed() => {
                let missing = ahead - 1;
                stream.lost += u64::from(missing);
                stream.gap = Some((stream.highest.wrapping_add(1), missing, at.time));
                Step::Gap(missing)
            }
            _ => {
                stream.gap = None;
                Step::Other
            }
        };
        if ahead <= CLOSE {
            stream.in_sequence = stream.in_sequence.saturating_add(1);
        } else if ahead > MOST_GAP && !stream.is_believed() {
            stream.in_sequence = 0;
        }
        stream.highest = sequence;
        stream.last_time = at.time;
        stream.last_rtp = rtp;
        if stream.is_believed() { step } else { Step::Other }
    }

    /// The streams that are believed, with their flows.
    pub(crate) fn believed(&self) -> impl Iterator<Item = (Flow, &Stream)> {
        self.table
            .iter()
            .filter(|(_, stream)| stream.is_believed())
            .map(|((flow, _), stream)| (*flow, stream))
    }

    /// RTP bytes in the busiest second.
    pub(crate) fn busiest_second(&self) -> u64 {
        self.busiest.peak.max(self.busiest.bytes)
    }

    /// Packets of streams that the table had no room for.
    pub(crate) const fn left_out(&self) -> u64 {
        self.table.left_out()
    }

    /// Packets to and from each address, of streams too short to be believed too: one packet shows that a direction is
    /// mirrored.
    pub(crate) fn by_end(&self) -> Ends {
        let mut ends = Ends::default();
        for ((flow, _), stream) in self.table.iter() {
            *ends.from.entry(flow.src).or_insert(0) += stream.packets;
            *ends.to.entry(flow.dst).or_insert(0) += stream.packets;
            ends.flows.insert(*flow);
        }
        ends
    }
}

impl Stream {
    /// A number that is not ahead: the rest of a gap, perhaps. Only the newest gap is known by its numbers.
    fn fill(&mut self, sequence: u16) -> Step {
        let Some((first, missing, noticed)) = self.gap else { return Step::Other };
        let whole = self.highest.wrapping_sub(first);
        if sequence.wrapping_sub(first) >= whole || missing == 0 {
            return Step::Other;
        }
        self.lost = self.lost.saturating_sub(1);
        self.gap = Some((first, missing - 1, noticed));
        if missing == 1 { Step::Filled { lost: 1, noticed } } else { Step::Other }
    }
}

impl Busiest {
    fn add(&mut self, time: PacketTime, bytes: u64) {
        let second = time.nanos().div_euclid(1_000_000_000);
        if second != self.second {
            self.peak = self.peak.max(self.bytes);
            (self.second, self.bytes) = (second, 0);
        }
        self.bytes += bytes;
    }
}

/// RTP packets by who sent them and who they were sent to.
#[derive(Default)]
pub(crate) struct Ends {
    from: hashbrown::HashMap<SocketAddr, u64, foldhash::fast::RandomState>,
    to: hashbrown::HashMap<SocketAddr, u64, foldhash::fast::RandomState>,
    flows: BTreeSet<Flow>,
}

impl Ends {
    /// Packets that `end` sent.
    pub(crate) fn sent_by(&self, end: SocketAddr) -> u64 {
        self.from.get(&end).copied().unwrap_or(0)
    }

    /// Whether somebody who spoke to `end`, or whom `end` spoke to, is heard the other way: behind a gateway, media
    /// may come from other addresses than the SDP's.
    pub(crate) fn is_answered_elsewhere(&self, end: SocketAddr) -> bool {
        let speaks_on = |flow: &Flow| {
            (flow.dst == end && self.sent_to(flow.src) > 0) || (flow.src == end && self.sent_by(flow.dst) > 0)
        };
        self.flows.iter().any(speaks_on)
    }

    /// Packets that were sent to `end`.
    pub(crate) fn sent_to(&self, end: SocketAddr) -> u64 {
        self.to.get(&end).copied().unwrap_or(0)
    }
}

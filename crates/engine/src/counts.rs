//! What the engine saw and what it left out, by layer and cause.

use std::collections::BTreeMap;

use earwitness_wire::{
    Cause, Layer, Tunnel, TunnelCounts,
    stream::{StreamLosses, TlsCounts},
};

/// Everything counted since the engine began.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Frames handed in.
    pub frames: u64,
    /// Their bytes, as captured.
    pub bytes: u64,
    /// Frames whose link layer, IP, UDP or TCP could not be read, by where and why.
    pub unreadable: BTreeMap<(Layer, Cause), u64>,
    /// Frames that carry something else than UDP or TCP over IP.
    pub not_udp: u64,
    /// TCP segments: nearly all of them are none of ours.
    pub segments: u64,
    /// What of SIP over TCP was not read, by cause.
    pub streams: StreamLosses,
    /// What became of the keys of TLS that were given.
    pub tls: TlsCounts,
    /// Datagrams and segments that came in tunnels, by the outermost.
    pub tunnels: TunnelCounts,
    /// IP fragments.
    pub fragments: u64,
    /// Fragmented datagrams that were refused: overlaps, no room, too long, never whole in time.
    pub fragments_refused: u64,
    /// SIP messages.
    pub messages: u64,
    /// Datagrams that begin like SIP and are not.
    pub messages_malformed: u64,
    /// SIP messages whose Call-ID or tags are too long to follow.
    pub messages_refused: u64,
    /// Messages that were not taken in time by the thread that reads them, where that is another one.
    pub messages_unread: u64,
    /// SIP messages beyond what is kept of one call.
    pub messages_not_kept: u64,
    /// Calls that were not followed because the table was full.
    pub calls_refused: u64,
    /// Audio without signalling that a rule admits and that was not followed because there is too much of it: each source once
    /// in ten seconds.
    pub streams_refused: u64,
    /// Audio without signalling that a rule admits and that was not followed because one of its ports is SIP's, or that of a
    /// stream that is followed: each source once in ten seconds.
    pub streams_claimed: u64,
    /// Times the capture's clock was set, as far as that was noticed.
    pub clock_steps: u64,
    /// RTCP packets.
    pub rtcp: u64,
    /// UDP datagrams that are none of ours.
    pub other: u64,
    /// RTP.
    pub media: MediaCounts,
}

/// What became of the RTP packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MediaCounts {
    /// Datagrams read as RTP.
    pub packets: u64,
    /// Datagrams that begin like RTP and are not.
    pub malformed: u64,
    /// New packets that were kept: put into rings, and not [refused](Self::refused) after that.
    pub kept: u64,
    /// Packets of calls that the rules refuse, or from before the answer: they never left the capture buffer.
    pub dropped: u64,
    /// Packets cut by the snap length.
    pub truncated: u64,
    /// Packets left out because the ring pool's budget was used up, or too long for a ring.
    pub no_ring: u64,
    /// Packets of segments that nobody could take ([`Engine::handle_refused`](crate::Engine::handle_refused)).
    pub refused: u64,
    /// Packets that waited for an SDP that did not come.
    pub unclaimed: u64,
    /// Packets that found no room to wait for an SDP.
    pub unclaimed_refused: u64,
    /// Packets without signalling, in networks that a stream rule names, of sources that there was no room to watch.
    pub unwatched: u64,
    /// Sources or payload types beyond what one call may have.
    pub tracks_refused: u64,
    /// Packets whose sequence numbers jump about too much to be one sender's.
    pub noise: u64,
    /// Media endpoints beyond what one call may announce, or announced by more calls than are told apart: the oldest went.
    pub endpoints_refused: u64,
    /// Gaps beyond what is listed of one call.
    pub gaps_unlisted: u64,
    /// SRTP that was opened by the keys in its signalling; what became of it then is counted with the others.
    pub opened: u64,
    /// SRTP of which no key is known, or none that fits: not kept.
    pub closed: u64,
    /// Packets among opened SRTP that were not authentic: not kept.
    pub not_authentic: u64,
}

impl Counts {
    /// Counts the tunnel that a datagram or segment came in, if it did.
    #[inline]
    pub(crate) fn count_tunnel(&mut self, tunnel: Option<&Tunnel>) {
        if let Some(tunnel) = tunnel {
            self.tunnels.count(tunnel.kind);
        }
    }

    /// Adds what another engine counted.
    pub fn add(&mut self, other: &Self) {
        self.frames += other.frames;
        self.bytes += other.bytes;
        for (&kind, &count) in &other.unreadable {
            *self.unreadable.entry(kind).or_default() += count;
        }
        self.not_udp += other.not_udp;
        self.segments += other.segments;
        self.streams.add(&other.streams);
        self.tls.add(&other.tls);
        self.tunnels.add(&other.tunnels);
        self.fragments += other.fragments;
        self.fragments_refused += other.fragments_refused;
        self.messages += other.messages;
        self.messages_malformed += other.messages_malformed;
        self.messages_refused += other.messages_refused;
        self.messages_unread += other.messages_unread;
        self.messages_not_kept += other.messages_not_kept;
        self.calls_refused += other.calls_refused;
        self.streams_refused += other.streams_refused;
        self.streams_claimed += other.streams_claimed;
        self.clock_steps += other.clock_steps;
        self.rtcp += other.rtcp;
        self.other += other.other;
        self.media.add(&other.media);
    }

    /// Audio of admitted calls that could not be kept, in packets.
    #[must_use]
    pub const fn lost_packets(&self) -> u64 {
        let media = &self.media;
        media.truncated + media.no_ring + media.refused + media.tracks_refused + media.noise
    }
}

impl MediaCounts {
    fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.malformed += other.malformed;
        self.kept += other.kept;
        self.dropped += other.dropped;
        self.truncated += other.truncated;
        self.no_ring += other.no_ring;
        self.refused += other.refused;
        self.unclaimed += other.unclaimed;
        self.unclaimed_refused += other.unclaimed_refused;
        self.unwatched += other.unwatched;
        self.tracks_refused += other.tracks_refused;
        self.noise += other.noise;
        self.endpoints_refused += other.endpoints_refused;
        self.gaps_unlisted += other.gaps_unlisted;
        self.opened += other.opened;
        self.closed += other.closed;
        self.not_authentic += other.not_authentic;
    }
}

//! A call: dialogs and legs that are one conversation to a human.

use serde::{Deserialize, Serialize};

use crate::{
    CallId, Evidence, GapEvidence, Leg, PacketTime, Pii, Related, StreamSummary, Track, Tunnel, Verdict,
};

/// A party as the signalling names it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Party {
    /// The user part of the SIP URI, percent-decoded, or the number of a tel: URI.
    pub user: Option<Pii<String>>,
    /// The display name, unquoted.
    pub display: Option<Pii<String>>,
    /// The host part.
    pub host: Option<Pii<String>>,
}

/// The two parties of a dialog, as its INVITE names them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Parties {
    /// From.
    pub from: Party,
    /// To.
    pub to: Party,
}

/// What is known when a call begins: what the rules decide on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFacts {
    /// Capture time of the first INVITE.
    pub start: PacketTime,
    /// The From header.
    pub from: Party,
    /// The To header.
    pub to: Party,
    /// The user part of the Request-URI: where the call is going, when that differs from To.
    pub request_user: Option<Pii<String>>,
    /// The user parts of P-Asserted-Identity (RFC 3325).
    pub asserted: Vec<Pii<String>>,
    /// The user parts of Diversion (RFC 5806).
    pub diverted_from: Vec<Pii<String>>,
}

/// How the call attempt came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// A 2xx to the INVITE was seen, or the call was up when the capture began.
    Answered,
    /// 486 or 600.
    Busy,
    /// 408 or 480, or no final answer before the attempt timed out.
    NoAnswer,
    /// The caller gave up: CANCEL, or 487.
    Cancelled,
    /// 603, or 403.
    Declined,
    /// Any other final answer.
    Failed,
    /// The capture ended before the attempt did.
    InProgress,
}

/// What ended an answered call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EndedBy {
    /// The caller's BYE.
    Caller,
    /// The callee's BYE.
    Callee,
    /// No BYE came; the media fell silent or the call outlived its bound.
    Timeout,
    /// The capture ended first.
    CaptureEnd,
}

/// When and how a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEnd {
    /// Capture time of the BYE, of the final answer, or of the last packet.
    pub at: PacketTime,
    /// Who or what ended it; `None` for attempts that were not answered.
    pub by: Option<EndedBy>,
    /// The Reason header's text or cause (RFC 3326).
    pub reason: Option<String>,
}

/// How a digit was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DtmfVia {
    /// RFC 4733 telephone-event packets.
    Rfc4733,
    /// A SIP INFO message.
    Info,
    /// A tone in the audio.
    Inband,
}

/// One key press.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dtmf {
    /// When it began.
    pub at: PacketTime,
    /// The key: 0-9, *, #, A-D.
    pub digit: Pii<char>,
    /// Who pressed it.
    pub leg: Leg,
    /// How it was sent.
    pub via: DtmfVia,
    /// How long, in ms; 0 where that was not told.
    pub ms: u32,
}

/// Why audio is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum GapCause {
    /// The network lost it before the mirror.
    Network,
    /// The mirror port did not pass it on.
    Mirror,
    /// This recorder could not keep it.
    Capture,
    /// The sender did not send it.
    Sender,
    /// Not told apart.
    Unknown,
}

/// Missing audio in one leg.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// Whose voice.
    pub leg: Leg,
    /// When it would have come.
    pub at: PacketTime,
    /// For how long, in ms.
    pub ms: u32,
    /// Why.
    pub cause: GapCause,
    /// What shows it. Not part of the gap's own bytes, which were fixed before it: whoever keeps it writes it behind them.
    #[serde(skip)]
    pub evidence: Option<GapEvidence>,
}

/// Something worth knowing of a call that is neither an error nor a fact of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Flag {
    /// Media was seen from one party only.
    OneWay,
    /// Answered, and no BYE was seen.
    NoBye,
    /// No INVITE was seen: the call was up when the capture began.
    MidCall,
    /// Answered, and no media was seen.
    NoMedia,
    /// Its audio, or part of it, is SRTP and could not be opened: it was counted and not kept. Another flag says why.
    Encrypted,
    /// Frames were cut by the snap length of the capture.
    Truncated,
    /// Packets came too late to be put in order as they were sealed: `payload_blake3` is absent, the audio is not.
    LatePackets,
    /// Part of the call could not be kept, or the capture lost frames while the call was heard and something is missing.
    CaptureLoss,
    /// The recorder stopped in mid-call: facts are those known when it did.
    Interrupted,
    /// The clock of the capture was set while it ran: its times go on from those of its beginning.
    ClockStepped,
    /// Another part of the call came before: the recorder had stopped in mid-call, and took it up again.
    Resumed,
    /// Both parties agreed on fax by T.38, which is not RTP: its pages are not kept, the audio around it is.
    Fax,
    /// Both parties agreed on video: it is not kept, the audio is.
    Video,
    /// A BYE that nobody answered was not the end: the party in whose name it came talked on.
    FalseBye,
    /// No answer of the callee was seen: the caller's acknowledgement shows that there was one.
    UnseenAnswer,
    /// Its audio, or part of it, is SRTP, and was opened by the keys in its signalling (RFC 4568).
    Sdes,
    /// Its keys for SRTP were agreed on by DTLS (RFC 5764), which shows them to nobody.
    Dtls,
    /// Its keys for SRTP were agreed on by ZRTP (RFC 6189), which shows them to nobody.
    Zrtp,
    /// Its signalling says no key for its SRTP, or none that is read, or none that fits.
    KeysUnknown,
    /// Packets among its SRTP were not authentic: they were counted and not kept.
    NotAuthentic,
    /// Its signalling, or part of it, came in TLS, and was opened by a key log.
    Tls,
    /// It is audio that no signalling announced, admitted by a stream rule: its parties are addresses, and their beginning and
    /// end those of the audio.
    NoSignalling,
    /// It was imported from an earlier recorder's file: nobody observed where it came from.
    Imported,
}

/// How a call is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallKind {
    /// By its signalling.
    Call,
    /// By its audio alone: [`Flag::NoSignalling`].
    Stream,
}

impl CallSummary {
    /// How it is known.
    #[must_use]
    pub fn kind(&self) -> CallKind {
        if self.flags.contains(&Flag::NoSignalling) { CallKind::Stream } else { CallKind::Call }
    }
}

/// Everything that is known of a call when it is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallSummary {
    /// Its name.
    pub id: CallId,
    /// The SIP Call-IDs of its dialogs.
    pub sip_call_ids: Vec<Pii<String>>,
    /// What was known when it began.
    pub facts: CallFacts,
    /// What the rules said.
    pub verdict: Verdict,
    /// When it was answered.
    pub answer: Option<PacketTime>,
    /// When and how it ended; `None` while it runs.
    pub end: Option<CallEnd>,
    /// How the attempt came out.
    pub outcome: Outcome,
    /// The last final status of an INVITE.
    pub sip_status: Option<u16>,
    /// The media that was kept: empty when the call was refused.
    pub tracks: Vec<Track>,
    /// The same by payload type, counted.
    pub streams: Vec<StreamSummary>,
    /// Key presses.
    pub dtmf: Vec<Dtmf>,
    /// Missing audio.
    pub gaps: Vec<Gap>,
    /// Other things worth knowing.
    pub flags: Vec<Flag>,
    /// SIP messages seen, repeats and mirror copies among them.
    pub messages: u32,
    /// By what each SIP Call-ID but the first is known to be one of this call's, in their order. Not part of the summary's
    /// own bytes, which were fixed before it: whoever keeps them writes it behind them.
    #[serde(skip)]
    pub joined: Vec<Evidence>,
    /// Who the dialogs of [`Self::joined`] are between, in their order; kept like it. Shorter where it is not known: of calls
    /// that were kept before this was, or were cut off by a stop of the recorder.
    #[serde(skip)]
    pub joined_parties: Vec<Parties>,
    /// Other calls of the same conversation; kept like [`Self::joined`].
    #[serde(skip)]
    pub related: Vec<Related>,
    /// The outermost tunnel that its first message came in: who mirrored it to whom; kept like [`Self::joined`].
    #[serde(skip)]
    pub tunnel: Option<Tunnel>,
}

impl CallSummary {
    /// From answer to end, in ns; 0 for a call that was not answered.
    #[must_use]
    pub fn talk_nanos(&self) -> u128 {
        let talk = self.answer.zip(self.end.as_ref()).map_or(0, |(answer, end)| end.at.since(answer));
        u128::try_from(talk).unwrap_or(0)
    }

    /// Percent of the packets of the party that lost more: a listener hears parties, not their mean. `None` when no packet
    /// was expected. What came and could not be opened was not lost on its way.
    #[must_use]
    pub fn worst_loss(&self) -> Option<f64> {
        let is_encrypted = self.flags.contains(&Flag::Encrypted);
        let is_closed = |stream: &StreamSummary| is_encrypted && stream.packets == 0;
        let loss_of = |leg: Leg| {
            let of_leg = || self.streams.iter().filter(|stream| stream.of.leg == leg && !is_closed(stream));
            let lost: u64 = of_leg().map(|stream| stream.lost).sum();
            let expected = lost + of_leg().map(|stream| stream.packets).sum::<u64>();
            (expected > 0).then(|| 100.0 * lost as f64 / expected as f64)
        };
        [Leg::Caller, Leg::Callee].into_iter().filter_map(loss_of).max_by(f64::total_cmp)
    }

    /// Every number and SIP user by which the call is found, some of them more than once.
    pub fn numbers(&self) -> impl Iterator<Item = &Pii<String>> {
        let CallFacts { from, to, request_user, asserted, diverted_from, start: _ } = &self.facts;
        let users = [&from.user, &to.user, request_user, &self.verdict.extension];
        let joined = self.joined_parties.iter().flat_map(|dialog| [&dialog.from.user, &dialog.to.user]);
        users.into_iter().flatten().chain(asserted).chain(diverted_from).chain(joined.flatten())
    }
}

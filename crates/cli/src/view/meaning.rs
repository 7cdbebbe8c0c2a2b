//! What flags and causes mean, in a sentence each.

use earwitness_model::{Evidence, Flag, GapCause, GapEvidence};

pub(super) const fn flag_meaning(flag: Flag) -> &'static str {
    match flag {
        Flag::OneWay => "Audio of one party only was seen: is the mirror missing a direction?",
        Flag::NoBye => "No BYE was seen: the end is where its audio ended.",
        Flag::MidCall => "The call was up when the capture began: its INVITE was not seen.",
        Flag::NoMedia => "It was answered, and no audio was seen.",
        Flag::Encrypted => {
            "Its audio, or part of it, is SRTP and could not be opened: it was counted and not kept."
        }
        Flag::Truncated => "Frames were cut by the capture's snap length: audio in them is incomplete.",
        Flag::LatePackets => {
            "Packets came too late to be hashed in order: they are kept, and a payload hash is absent."
        }
        Flag::CaptureLoss => {
            "The recorder ran out of memory and could not keep part of it; the gaps say which."
        }
        Flag::Interrupted => "The recorder stopped in mid-call: facts are those known when it did.",
        Flag::ClockStepped => {
            "The clock was set while it ran: its times go on from those of its beginning, without the step."
        }
        Flag::Sdes => "Its audio came as SRTP, and was opened by the keys in its signalling (RFC 4568).",
        Flag::Dtls => "The parties agreed on keys by DTLS, which shows them to nobody else.",
        Flag::Zrtp => "The parties agreed on keys by ZRTP, which shows them to nobody else.",
        Flag::KeysUnknown => {
            "Its signalling shows no key for its SRTP, or none of a kind that is read, or none that fits."
        }
        Flag::NotAuthentic => {
            "Packets among its SRTP were not authentic, so somebody else's: counted, and not kept."
        }
        Flag::Tls => "Its signalling came in TLS, all or in part, and was opened by a key log.",
        Flag::NoSignalling => {
            "No signalling of it was read: it is audio that a stream rule admits, between addresses, from its first packet to its last."
        }
        Flag::Imported => {
            "Imported from an earlier recorder's file, origin not observed: there is no ladder, and its only name is the hash of that file."
        }
        Flag::Resumed => {
            "The recorder stopped in mid-call and took it up again: the part before is a recording too."
        }
        Flag::Fax => "Fax (T.38) was agreed: its pages are not kept, the audio around it is.",
        Flag::Video => "Video was agreed: it is not kept, the audio is.",
        Flag::FalseBye => {
            "A BYE that nobody answered was not its end: the party in whose name it came talked on. Was it forged?"
        }
        Flag::UnseenAnswer => {
            "The callee's answer was not seen, only the caller's acknowledgement: is the mirror missing a direction?"
        }
    }
}

pub(super) const fn evidence_meaning(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::SessionId => "by the same Session-ID",
        Evidence::Header => "by a header that marks conversations",
        Evidence::Media => "by the media address of one of its parties",
        Evidence::Replaces => "by Replaces: it took a dialog's place",
        Evidence::Refer => "by REFER: a transfer",
        Evidence::Payload => "by the same audio in both",
    }
}

pub(super) const fn gap_evidence_meaning(evidence: GapEvidence) -> &'static str {
    match evidence {
        GapEvidence::Recorder => "it says so itself",
        GapEvidence::FarEndLost => "the far end reports as much loss, then and at no other time",
        GapEvidence::FarEndReceived => "the far end reports that it lost nothing then",
        GapEvidence::ManyStreams => "it lost packets of several other hosts then, whose far ends have them",
        GapEvidence::Contradiction => "there is evidence of two causes",
    }
}

pub(super) const fn cause_meaning(cause: GapCause) -> &'static str {
    match cause {
        GapCause::Network => "lost before the mirror",
        GapCause::Mirror => "not passed on by the mirror",
        GapCause::Capture => "not kept by this recorder",
        GapCause::Sender => "not sent",
        GapCause::Unknown => "cause not told apart",
    }
}

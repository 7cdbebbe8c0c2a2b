//! A call that runs, as far as it must be known to be taken up again after the recorder was gone.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{CallEnd, CallFacts, CallId, Codec, Evidence, Flag, Leg, PacketTime, Pii, Verdict};

/// What the engine knew of a call that is kept when it last changed. The vault keeps the newest one beside the audio; a
/// recorder that was restarted hands it back to the engine, which expects the same media and the same BYE.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningCall {
    /// The call.
    pub id: CallId,
    /// Its Call-ID as it stood on the wire: compared byte by byte (RFC 3261, section 8.1.1.4).
    pub sip_call_id: Pii<Vec<u8>>,
    /// What was known when it began.
    pub facts: CallFacts,
    /// What the rules said then: it stays.
    pub verdict: Verdict,
    /// The From tags of its INVITEs outside a dialog, which tell the caller's messages from the callee's (RFC 3261,
    /// section 19.3); `None` for one without a tag.
    pub caller_tags: Vec<Option<Vec<u8>>>,
    /// The sequence number of the INVITE that began it.
    pub invite_cseq: u32,
    /// The dialog with its Call-ID is not over.
    pub talks: bool,
    /// Dialogs that joined it, beyond the one with its Call-ID.
    pub joined: Vec<RunningDialog>,
    /// When it was answered; `None` when that was not seen: it was up when the capture began.
    pub answered: Option<PacketTime>,
    /// Who put the other one on hold.
    pub holding: Vec<Leg>,
    /// What was found out before and stays true of every part of it: [`Flag::Encrypted`], [`Flag::Fax`], [`Flag::Video`].
    pub flags: Vec<Flag>,
    /// How it ended, when it did: media in flight may still come, and a restart does not take it up again.
    pub over: Option<CallEnd>,
    /// Where media is expected.
    pub endpoints: Vec<RunningEndpoint>,
}

/// An endpoint that a running call announced in its SDP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningEndpoint {
    /// Address and port that receive.
    pub at: SocketAddr,
    /// Who is heard there: the other party than the one that announced it.
    pub leg: Leg,
    /// Payload types and what they mean.
    pub formats: Vec<(u8, Codec)>,
    /// Whether whoever announced it protects what it sends.
    pub protected: Protected,
}

/// Whether audio is SRTP. Its keys are not told: whoever takes the call up has to be told new ones by its parties, so that no
/// key lies longer in the vault than the recorder needs it, where the recorder alone can open it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protected {
    /// It is RTP.
    No,
    /// It is SRTP, or was offered as such.
    Yes,
}

/// A dialog that joined a running call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningDialog {
    /// Its Call-ID, byte by byte.
    pub sip_call_id: Pii<Vec<u8>>,
    /// What shows that it belongs to the call.
    pub by: Evidence,
    /// On whose side its first INVITE was sent.
    pub inviter: Leg,
    /// The sequence number of that INVITE.
    pub invite_cseq: u32,
    /// It was answered, and is not over: the call does not end before it.
    pub talks: bool,
}

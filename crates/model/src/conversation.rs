//! What shows that several dialogs, or several calls, are one conversation.

use serde::{Deserialize, Serialize};

use crate::CallId;

/// By what a dialog is known to belong to a call, or a call to another one. Equal numbers and near times are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Evidence {
    /// Both carry the same Session-ID (RFC 7989).
    SessionId,
    /// Both carry the same value of a header that the rules name as the mark of a conversation.
    Header,
    /// One announces a media endpoint that the other's party announced.
    Media,
    /// One replaces a dialog of the other (Replaces, RFC 3891).
    Replaces,
    /// One was referred by a party of the other (REFER, RFC 3515).
    Refer,
    /// The same audio was sent in both.
    Payload,
}

/// Another call of the same conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Related {
    /// The other call.
    pub call: CallId,
    /// What shows it.
    pub by: Evidence,
}

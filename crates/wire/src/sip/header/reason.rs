//! Reason (RFC 3326).

use super::Params;
use crate::sip::scan::{cut_at, decimal, find_outside};

/// Why a request was sent or a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason<'b> {
    /// `SIP`, `Q.850` or another protocol.
    pub protocol: &'b [u8],
    /// The code in that protocol.
    pub cause: Option<u16>,
    /// The text without its quotes, escapes kept.
    pub text: Option<&'b [u8]>,
}

impl<'b> Reason<'b> {
    /// Reads one value; `None` without a protocol.
    #[must_use]
    pub fn parse(value: &'b [u8]) -> Option<Self> {
        let (protocol, params) = match find_outside(value, b';') {
            Some(at) => cut_at(value, at)?,
            None => (value, &[][..]),
        };
        let protocol = protocol.trim_ascii();
        let params = Params::new(params);
        let cause = params.get("cause").and_then(decimal).and_then(|cause| u16::try_from(cause).ok());
        (!protocol.is_empty()).then(|| Self { protocol, cause, text: params.get("text") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_cause_and_text_are_read() {
        let reason = Reason::parse(b"Q.850 ;cause=16 ;text=\"Normal; clearing\"").unwrap();
        assert_eq!(reason.protocol, b"Q.850");
        assert_eq!((reason.cause, reason.text), (Some(16), Some(&b"Normal; clearing"[..])));
    }

    #[test]
    fn a_protocol_may_stand_alone_and_a_bad_cause_is_none() {
        let alone = Reason { protocol: b"SIP", cause: None, text: None };
        assert_eq!(Reason::parse(b"SIP"), Some(alone));
        assert_eq!(Reason::parse(b"SIP;cause=99999"), Some(alone));
        assert_eq!(Reason::parse(b";cause=16"), None);
    }
}

//! Replaces (RFC 3891), and Join and Target-Dialog, which name a dialog in the same way.

use super::Params;
use crate::sip::scan::cut;

/// A dialog, named from the side of whoever receives the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaces<'b> {
    /// The dialog's Call-ID.
    pub call_id: &'b [u8],
    /// The receiver's tag in it (`local-tag` in Target-Dialog).
    pub to_tag: Option<&'b [u8]>,
    /// The other side's tag in it (`remote-tag` in Target-Dialog).
    pub from_tag: Option<&'b [u8]>,
}

impl<'b> Replaces<'b> {
    /// Reads a value; `None` without a Call-ID.
    ///
    /// A Replaces that travels in a Refer-To URI is escaped: decode it with
    /// [`percent_decoded`](crate::sip::percent_decoded) first.
    #[must_use]
    pub fn parse(value: &'b [u8]) -> Option<Self> {
        let (call_id, params) = cut(value, b';').unwrap_or((value, &[]));
        let call_id = call_id.trim_ascii();
        let params = Params::new(params);
        let tag = |name, other| params.get(name).or_else(|| params.get(other)).filter(|tag| !tag.is_empty());
        (!call_id.is_empty()).then(|| Self {
            call_id,
            to_tag: tag("to-tag", "local-tag"),
            from_tag: tag("from-tag", "remote-tag"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_id_and_both_tags_are_read() {
        let expected =
            Replaces { call_id: b"98732@10.1.0.5", to_tag: Some(b"r33th4x0r"), from_tag: Some(b"ff87ff") };
        let replaces = b"98732@10.1.0.5\r\n ;from-tag=ff87ff;to-tag=r33th4x0r;early-only";
        assert_eq!(Replaces::parse(replaces), Some(expected));
        assert_eq!(
            Replaces::parse(b"98732@10.1.0.5;local-tag=r33th4x0r;remote-tag=ff87ff"),
            Some(expected),
            "Target-Dialog"
        );
        assert_eq!(Replaces::parse(b";to-tag=1"), None);
    }
}

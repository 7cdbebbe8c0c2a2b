//! Header names, long and compact.

/// A header that is looked up by name. Names are compared without case (RFC 3261, 7.3.1).
///
/// A header that is not here is reached by [`Message::headers`](crate::sip::Message::headers).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum HeaderName {
    /// `Allow`
    Allow,
    /// `Allow-Events`, `u`
    AllowEvents,
    /// `Call-ID`, `i`
    CallId,
    /// `Contact`, `m`
    Contact,
    /// `Content-Disposition`
    ContentDisposition,
    /// `Content-Encoding`, `e`
    ContentEncoding,
    /// `Content-Length`, `l`
    ContentLength,
    /// `Content-Type`, `c`
    ContentType,
    /// `CSeq`
    CSeq,
    /// `Date`
    Date,
    /// `Diversion` (RFC 5806)
    Diversion,
    /// `Event`, `o` (RFC 6665)
    Event,
    /// `Expires`
    Expires,
    /// `From`, `f`
    From,
    /// `History-Info` (RFC 7044)
    HistoryInfo,
    /// `Join` (RFC 3911)
    Join,
    /// `Max-Forwards`
    MaxForwards,
    /// `P-Asserted-Identity` (RFC 3325)
    PAssertedIdentity,
    /// `P-Called-Party-ID` (RFC 7315)
    PCalledPartyId,
    /// `P-Charging-Vector` (RFC 7315)
    PChargingVector,
    /// `P-Preferred-Identity` (RFC 3325)
    PPreferredIdentity,
    /// `Privacy` (RFC 3323)
    Privacy,
    /// `RAck` (RFC 3262)
    RAck,
    /// `Reason` (RFC 3326)
    Reason,
    /// `Record-Route`
    RecordRoute,
    /// `Referred-By`, `b` (RFC 3892)
    ReferredBy,
    /// `Refer-To`, `r` (RFC 3515)
    ReferTo,
    /// `Remote-Party-ID` (draft-ietf-sip-privacy, what Cisco and Asterisk send)
    RemotePartyId,
    /// `Replaces` (RFC 3891)
    Replaces,
    /// `Require`
    Require,
    /// `Route`
    Route,
    /// `RSeq` (RFC 3262)
    RSeq,
    /// `Server`
    Server,
    /// `Session-Expires`, `x` (RFC 4028)
    SessionExpires,
    /// `Session-ID` (RFC 7989)
    SessionId,
    /// `Subject`, `s`
    Subject,
    /// `Subscription-State` (RFC 6665)
    SubscriptionState,
    /// `Supported`, `k`
    Supported,
    /// `Target-Dialog` (RFC 4538)
    TargetDialog,
    /// `To`, `t`
    To,
    /// `User-Agent`
    UserAgent,
    /// `Via`, `v`
    Via,
    /// `Warning`
    Warning,
}

impl HeaderName {
    /// The header called `name`, in its long or its compact form.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        let first = name.first()?.to_ascii_lowercase();
        if name.len() == 1 {
            return Self::from_compact(first);
        }
        Self::candidates(first).iter().copied().find(|candidate| {
            let long = candidate.as_str().as_bytes();
            long.len() == name.len() && long.eq_ignore_ascii_case(name)
        })
    }

    /// Its long form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::AllowEvents => "Allow-Events",
            Self::CallId => "Call-ID",
            Self::Contact => "Contact",
            Self::ContentDisposition => "Content-Disposition",
            Self::ContentEncoding => "Content-Encoding",
            Self::ContentLength => "Content-Length",
            Self::ContentType => "Content-Type",
            Self::CSeq => "CSeq",
            Self::Date => "Date",
            Self::Diversion => "Diversion",
            Self::Event => "Event",
            Self::Expires => "Expires",
            Self::From => "From",
            Self::HistoryInfo => "History-Info",
            Self::Join => "Join",
            Self::MaxForwards => "Max-Forwards",
            Self::PAssertedIdentity => "P-Asserted-Identity",
            Self::PCalledPartyId => "P-Called-Party-ID",
            Self::PChargingVector => "P-Charging-Vector",
            Self::PPreferredIdentity => "P-Preferred-Identity",
            Self::Privacy => "Privacy",
            Self::RAck => "RAck",
            Self::Reason => "Reason",
            Self::RecordRoute => "Record-Route",
            Self::ReferredBy => "Referred-By",
            Self::ReferTo => "Refer-To",
            Self::RemotePartyId => "Remote-Party-ID",
            Self::Replaces => "Replaces",
            Self::Require => "Require",
            Self::Route => "Route",
            Self::RSeq => "RSeq",
            Self::Server => "Server",
            Self::SessionExpires => "Session-Expires",
            Self::SessionId => "Session-ID",
            Self::Subject => "Subject",
            Self::SubscriptionState => "Subscription-State",
            Self::Supported => "Supported",
            Self::TargetDialog => "Target-Dialog",
            Self::To => "To",
            Self::UserAgent => "User-Agent",
            Self::Via => "Via",
            Self::Warning => "Warning",
        }
    }

    /// Whether a comma in its value separates values (RFC 3261, 7.3.1).
    #[must_use]
    pub const fn is_list(self) -> bool {
        match self {
            Self::Allow
            | Self::AllowEvents
            | Self::Contact
            | Self::ContentEncoding
            | Self::Diversion
            | Self::HistoryInfo
            | Self::PAssertedIdentity
            | Self::PPreferredIdentity
            | Self::Reason
            | Self::RecordRoute
            | Self::RemotePartyId
            | Self::Require
            | Self::Route
            | Self::Supported
            | Self::Via
            | Self::Warning => true,
            Self::CallId
            | Self::ContentDisposition
            | Self::ContentLength
            | Self::ContentType
            | Self::CSeq
            | Self::Date
            | Self::Event
            | Self::Expires
            | Self::From
            | Self::Join
            | Self::MaxForwards
            | Self::PCalledPartyId
            | Self::PChargingVector
            | Self::Privacy
            | Self::RAck
            | Self::ReferredBy
            | Self::ReferTo
            | Self::Replaces
            | Self::RSeq
            | Self::Server
            | Self::SessionExpires
            | Self::SessionId
            | Self::Subject
            | Self::SubscriptionState
            | Self::TargetDialog
            | Self::To
            | Self::UserAgent => false,
        }
    }

    /// Its bit in a set of names.
    pub(crate) const fn bit(self) -> u64 {
        1 << self as u8
    }

    /// Those that a message must not hold twice, as a set.
    pub(crate) const SINGLE: u64 = Self::CallId.bit()
        | Self::ContentLength.bit()
        | Self::ContentType.bit()
        | Self::CSeq.bit()
        | Self::From.bit()
        | Self::MaxForwards.bit()
        | Self::To.bit();

    const fn from_compact(letter: u8) -> Option<Self> {
        Some(match letter {
            b'b' => Self::ReferredBy,
            b'c' => Self::ContentType,
            b'e' => Self::ContentEncoding,
            b'f' => Self::From,
            b'i' => Self::CallId,
            b'k' => Self::Supported,
            b'l' => Self::ContentLength,
            b'm' => Self::Contact,
            b'o' => Self::Event,
            b'r' => Self::ReferTo,
            b's' => Self::Subject,
            b't' => Self::To,
            b'u' => Self::AllowEvents,
            b'v' => Self::Via,
            b'x' => Self::SessionExpires,
            _ => return None,
        })
    }

    /// The long names that begin with `letter`, the frequent ones first.
    const fn candidates(letter: u8) -> &'static [Self] {
        match letter {
            b'a' => &[Self::Allow, Self::AllowEvents],
            b'c' => &[
                Self::CallId,
                Self::CSeq,
                Self::Contact,
                Self::ContentLength,
                Self::ContentType,
                Self::ContentDisposition,
                Self::ContentEncoding,
            ],
            b'd' => &[Self::Date, Self::Diversion],
            b'e' => &[Self::Event, Self::Expires],
            b'f' => &[Self::From],
            b'h' => &[Self::HistoryInfo],
            b'j' => &[Self::Join],
            b'm' => &[Self::MaxForwards],
            b'p' => &[
                Self::PAssertedIdentity,
                Self::Privacy,
                Self::PCalledPartyId,
                Self::PChargingVector,
                Self::PPreferredIdentity,
            ],
            b'r' => &[
                Self::RecordRoute,
                Self::Route,
                Self::Require,
                Self::Reason,
                Self::RSeq,
                Self::RAck,
                Self::ReferTo,
                Self::ReferredBy,
                Self::Replaces,
                Self::RemotePartyId,
            ],
            b's' => &[
                Self::Supported,
                Self::Server,
                Self::SessionExpires,
                Self::SessionId,
                Self::Subject,
                Self::SubscriptionState,
            ],
            b't' => &[Self::To, Self::TargetDialog],
            b'u' => &[Self::UserAgent],
            b'v' => &[Self::Via],
            b'w' => &[Self::Warning],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case() {
        assert_eq!(HeaderName::from_name(b"call-id"), Some(HeaderName::CallId));
        assert_eq!(HeaderName::from_name(b"CALL-ID"), Some(HeaderName::CallId));
        assert_eq!(HeaderName::from_name(b"Call-IDs"), None);
        assert_eq!(HeaderName::from_name(b"CallID"), None);
        assert_eq!(HeaderName::from_name(b""), None);
    }

    #[test]
    fn every_name_is_found_by_its_long_form() {
        for letter in b'a'..=b'z' {
            for name in HeaderName::candidates(letter) {
                assert_eq!(HeaderName::from_name(name.as_str().as_bytes()), Some(*name));
            }
        }
        let listed: usize = (b'a'..=b'z').map(|letter| HeaderName::candidates(letter).len()).sum();
        assert_eq!(listed, HeaderName::Warning as usize + 1, "a name that no letter leads to");
    }

    #[test]
    fn compact_forms_are_those_of_the_registry() {
        let forms = [
            (b"b", HeaderName::ReferredBy),
            (b"c", HeaderName::ContentType),
            (b"e", HeaderName::ContentEncoding),
            (b"f", HeaderName::From),
            (b"i", HeaderName::CallId),
            (b"k", HeaderName::Supported),
            (b"l", HeaderName::ContentLength),
            (b"M", HeaderName::Contact),
            (b"o", HeaderName::Event),
            (b"r", HeaderName::ReferTo),
            (b"s", HeaderName::Subject),
            (b"T", HeaderName::To),
            (b"u", HeaderName::AllowEvents),
            (b"v", HeaderName::Via),
            (b"x", HeaderName::SessionExpires),
        ];
        for (form, name) in forms {
            assert_eq!(HeaderName::from_name(form), Some(name));
        }
        assert_eq!(HeaderName::from_name(b"z"), None);
    }
}

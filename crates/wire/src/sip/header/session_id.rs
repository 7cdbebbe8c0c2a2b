//! Session-ID (RFC 7989): a name for one conversation that B2BUAs keep where they change the Call-ID.

use super::Params;
use crate::sip::scan::cut;

/// The two halves of the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionId<'b> {
    /// The half of the sender, 32 hexadecimal digits by the RFC.
    pub local: &'b [u8],
    /// The half of the other side; absent from the older form (RFC 7329), all zero while unknown.
    pub remote: Option<&'b [u8]>,
}

impl<'b> SessionId<'b> {
    /// Reads a value; `None` if it is empty.
    #[must_use]
    pub fn parse(value: &'b [u8]) -> Option<Self> {
        let (local, params) = cut(value, b';').unwrap_or((value, &[]));
        let local = local.trim_ascii();
        (!local.is_empty()).then(|| Self { local, remote: Params::new(params).get("remote") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_are_read_and_the_older_form_has_one() {
        let both =
            SessionId::parse(b"ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2");
        let expected = SessionId {
            local: b"ab30317f1a784dc48ff824d0d3715d86",
            remote: Some(b"47755a9de7794ba387653f2099600ef2"),
        };
        assert_eq!(both, Some(expected));
        let older = SessionId::parse(b" ab30317f1a784dc48ff824d0d3715d86 ");
        assert_eq!(older, Some(SessionId { remote: None, ..expected }));
        assert_eq!(SessionId::parse(b";remote=1"), None);
    }
}

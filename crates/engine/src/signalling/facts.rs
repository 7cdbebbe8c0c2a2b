//! From a SIP message to what the rules decide on.

use earwitness_model::{CallFacts, CallId, PacketTime, Parties, Party, Pii};
use earwitness_wire::sip::{Message, NameAddr, percent_decoded, unescaped};

/// Bytes kept of a name, number or host: RFC 3261 bounds none, and each is kept for every call.
const MOST_TEXT: usize = 256;
/// Identities and diversions kept of a call; a chain of more is a loop.
const MOST_ADDRESSES: usize = 16;

/// The facts of a call whose first message is `message`.
pub(super) fn facts(message: &Message<'_>, start: PacketTime) -> CallFacts {
    let user = |address: &NameAddr<'_>| address.uri().user.map(|user| Pii::new(decoded(user)));
    let Parties { from, to } = parties(message);
    CallFacts {
        start,
        from,
        to,
        request_user: message.request_uri().and_then(|uri| uri.user).map(|user| Pii::new(decoded(user))),
        asserted: message.asserted().filter_map(|address| user(&address)).take(MOST_ADDRESSES).collect(),
        diverted_from: message
            .diversions()
            .filter_map(|address| user(&address))
            .take(MOST_ADDRESSES)
            .collect(),
    }
}

/// Who `message` says it is between.
pub(super) fn parties(message: &Message<'_>) -> Parties {
    let of = |address: Option<NameAddr<'_>>| address.as_ref().map(party).unwrap_or_default();
    Parties { from: of(message.from()), to: of(message.to()) }
}

fn party(address: &NameAddr<'_>) -> Party {
    let uri = address.uri();
    Party {
        user: uri.user.map(|user| Pii::new(decoded(user))),
        display: address
            .display()
            .filter(|name| !name.is_empty())
            .map(|name| Pii::new(cut_text(&unescaped(name).collect::<Vec<u8>>()))),
        host: uri.host.map(|host| Pii::new(cut_text(host))),
    }
}

/// The Call-ID, compared byte by byte (RFC 3261, 8.1.1.4), as text for people.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What somebody wrote on the wire, as text of at most [`MOST_TEXT`] bytes and of whole characters.
pub(super) fn cut_text(bytes: &[u8]) -> String {
    at_most(&String::from_utf8_lossy(bytes), MOST_TEXT).to_owned()
}

/// The characters of `text` that lie wholly within its first `most` bytes.
pub(super) fn at_most(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

fn decoded(user: &[u8]) -> String {
    cut_text(&percent_decoded(user).collect::<Vec<u8>>())
}

/// The call's name: when it began, and 80 bits of what it is. The same frames give the same name.
pub(super) fn call_id(start: PacketTime, sip_call_id: &[u8], from_tag: Option<&[u8]>) -> CallId {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let tag = from_tag.unwrap_or_default();
    let bytes = sip_call_id.iter().chain(&[0]).chain(tag);
    let fnv = bytes.fold(OFFSET, |hash, &byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    CallId::new(start.nanos().div_euclid(1_000_000), fnv ^ fnv >> 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parties_are_read_decoded_and_unescaped() {
        let message = Message::parse(
            "INVITE sip:4001@10.1.0.9 SIP/2.0\r\nFrom: \"민원\\\"실\" <sip:%2B82312221111@10.1.0.5>;tag=a\r\n\
             To: <sip:0312220000@example.kr>\r\nP-Asserted-Identity: <tel:+82312221111>\r\n\
             Diversion: <sip:4100@example.kr>;reason=unconditional\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n"
                .as_bytes(),
        )
        .unwrap();
        let facts = facts(&message, PacketTime::EPOCH);
        let exposed = |p: &Option<Pii<String>>| p.as_ref().map(|p| p.expose().clone());
        assert_eq!(exposed(&facts.from.user).as_deref(), Some("+82312221111"));
        assert_eq!(exposed(&facts.from.display).as_deref(), Some("민원\"실"));
        assert_eq!(exposed(&facts.from.host).as_deref(), Some("10.1.0.5"));
        assert_eq!(exposed(&facts.to.user).as_deref(), Some("0312220000"));
        assert_eq!(exposed(&facts.request_user).as_deref(), Some("4001"));
        assert_eq!(facts.asserted, [Pii::new("+82312221111".to_owned())]);
        assert_eq!(facts.diverted_from, [Pii::new("4100".to_owned())]);
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(at_most("민원실", 9), "민원실");
        assert_eq!(at_most("민원실", 8), "민원");
        assert_eq!(at_most("민원실", 2), "");
        assert_eq!(cut_text(&[b'x'; 60_000]).len(), 256);
        assert_eq!(cut_text(&[0xff; 60_000]).chars().count(), 256 / 3, "each stands as three bytes");
    }

    #[test]
    fn the_same_call_has_the_same_name_and_a_shift_of_time_shifts_only_its_time() {
        let at = |ms: i64| PacketTime::from_nanos(ms * 1_000_000);
        let id = call_id(at(5000), b"abc@host", Some(b"tag"));
        assert_eq!(id, call_id(at(5000), b"abc@host", Some(b"tag")));
        assert_ne!(id, call_id(at(5000), b"abc@host", Some(b"gat")));
        assert_ne!(id, call_id(at(5000), b"abc@hos", Some(b"ttag")));
        let shifted = call_id(at(9000), b"abc@host", Some(b"tag"));
        assert_eq!(id.to_bytes()[6..], shifted.to_bytes()[6..]);
    }
}

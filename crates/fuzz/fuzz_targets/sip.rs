//! Any bytes as a SIP message. Laws beyond not panicking:
//! every slice lies in the datagram; twice read is the same; what looks like SIP parses; body and trailing bytes are all
//! that follows the head; a message cut off anywhere names no other dialog.
#![no_main]

use earwitness_wire::sip::{HeaderName, Message, looks_like};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagram: &[u8]| {
    let Ok(message) = Message::parse(datagram) else {
        assert!(!looks_like(datagram), "looks like SIP and was refused");
        return;
    };
    let once = slices(&message);
    assert!(once.iter().all(|slice| lies_in(slice, datagram)), "a slice from elsewhere");
    assert_eq!(once, slices(&message.clone()));
    let tail = message.body().len() + message.trailing().len();
    assert_eq!(message.body_offset() + tail, datagram.len());
    assert_eq!(message.defects(), message.defects());
    law_of_cuts(datagram, &message);
});

fn law_of_cuts(datagram: &[u8], whole: &Message<'_>) {
    let folded = datagram.windows(2).any(|pair| matches!(pair, [b'\n', b' ' | b'\t']));
    if folded {
        return;
    }
    for length in [datagram.len() / 4, datagram.len() / 2, datagram.len().saturating_sub(3)] {
        if let Ok(part) = Message::parse(&datagram[..length])
            && part.start_line() == whole.start_line()
        {
            assert!(part.call_id().is_none() || part.call_id() == whole.call_id());
            assert!(part.cseq().is_none() || part.cseq() == whole.cseq());
            assert!(part.from().is_none() || part.from() == whole.from());
        }
    }
}

fn slices<'b>(message: &Message<'b>) -> Vec<&'b [u8]> {
    let mut out = Vec::new();
    for name in
        [HeaderName::Via, HeaderName::Contact, HeaderName::Supported, HeaderName::CallId, HeaderName::Route]
    {
        out.extend(message.first(name));
        out.extend(message.values(name));
    }
    out.extend(message.headers().flat_map(|header| [header.name, header.value]));
    let parties =
        [message.from(), message.to(), message.refer_to(), message.referred_by(), message.contact()];
    let lists = message.asserted().chain(message.diversions()).chain(message.history());
    for party in parties.into_iter().flatten().chain(lists) {
        let uri = party.uri();
        out.extend(
            [party.display(), party.tag(), uri.user, uri.host, uri.headers, Some(uri.raw)]
                .into_iter()
                .flatten(),
        );
        for param in party.params().iter().chain(uri.params.iter()) {
            out.extend([Some(param.name), param.value].into_iter().flatten());
        }
    }
    for via in message.vias() {
        out.extend([Some(via.host), via.branch, via.received].into_iter().flatten());
    }
    out.extend(message.reasons().flat_map(|reason| [Some(reason.protocol), reason.text]).flatten());
    if let Some(replaces) = message.replaces() {
        out.extend([Some(replaces.call_id), replaces.to_tag, replaces.from_tag].into_iter().flatten());
    }
    if let Some(id) = message.session_id() {
        out.extend([Some(id.local), id.remote].into_iter().flatten());
    }
    out.extend(message.request_uri().map(|uri| uri.raw));
    out.extend([message.body(), message.trailing()]);
    out.extend(message.sdp());
    out
}

fn lies_in(slice: &[u8], datagram: &[u8]) -> bool {
    let (whole, part) = (datagram.as_ptr_range(), slice.as_ptr_range());
    slice.is_empty() || (whole.start <= part.start && part.end <= whole.end)
}

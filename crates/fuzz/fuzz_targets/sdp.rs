//! Any bytes as a session description. Laws beyond not panicking:
//! every slice lies in the body; there are no more sections than `m=`; payload types are below 128; a longer body says
//! the same of its first sections.
#![no_main]

use earwitness_wire::sdp::{Media, Session};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let Ok(session) = Session::parse(body) else { return };
    let sections: Vec<_> = session.media().collect();
    assert!(sections.len() <= body.windows(2).filter(|pair| pair == b"m=").count());
    for media in &sections {
        assert!(media.payload_types().all(|number| number < 128));
        assert!(slices(media).iter().all(|slice| lies_in(slice, body)), "a slice from elsewhere");
    }
    if let Some(origin) = session.origin() {
        assert!([origin.username, origin.id, origin.version].iter().all(|slice| lies_in(slice, body)));
    }
    let longer = [body, b"\r\nm=audio 4000 RTP/AVP 0\r\na=inactive\r\n"].concat();
    if !body.trim_ascii().is_empty() {
        let longer = Session::parse(&longer).expect("the first line is the same");
        assert_eq!(longer.media().count(), sections.len() + 1);
        for (media, same) in sections.iter().zip(longer.media()) {
            assert_eq!((media.port(), media.connection()), (same.port(), same.connection()));
            assert_eq!(media.direction(), same.direction());
        }
    }
});

fn slices<'b>(media: &Media<'b>) -> Vec<&'b [u8]> {
    let mut out: Vec<_> = media.formats().collect();
    for number in media.payload_types() {
        out.extend(media.fmtp(number));
        out.extend(media.rtpmap(number).map(|map| map.name.as_bytes()));
    }
    out.extend(media.crypto().flat_map(|key| [key.suite, key.key_params, key.session_params]));
    out.extend(media.fingerprint().map(|print| print.hash));
    let _read =
        (media.rtcp(), media.ptime(), media.rtcp_mux(), media.kind(), media.protocol(), media.port_count());
    out
}

fn lies_in(slice: &[u8], body: &[u8]) -> bool {
    let (whole, part) = (body.as_ptr_range(), slice.as_ptr_range());
    slice.is_empty() || (whole.start <= part.start && part.end <= whole.end)
}

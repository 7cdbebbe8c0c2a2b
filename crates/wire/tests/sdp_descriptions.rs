//! What a listener makes of session descriptions that phones really send, one fact each.
#![expect(clippy::unwrap_used, reason = "what a test cannot read fails it")]

use earwitness_wire::sdp::{MediaDirection, MediaKind, Protocol, SdpCause, Session};

fn session(text: &str) -> Session<'_> {
    Session::parse(text.as_bytes()).unwrap()
}

fn address(text: &str) -> Option<std::net::IpAddr> {
    Some(text.parse().unwrap())
}

const PHONE: &str = "v=0\r\no=4001 3904 2 IN IP4 10.1.0.41\r\ns=-\r\nc=IN IP4 10.1.0.41\r\nt=0 0\r\na=sendonly\r\n\
    m=audio 16384 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
    a=ptime:20\r\nm=video 16386 RTP/SAVPF 96\r\nc=IN IP6 2001:db8::41\r\na=rtpmap:96 H264/90000\r\na=recvonly\r\n\
    a=rtcp-mux\r\n";

#[test]
fn a_section_has_its_own_lines_and_falls_back_on_the_session() {
    let session = session(PHONE);
    let media: Vec<_> = session.media().collect();
    assert_eq!(media.len(), 2);
    let (audio, video) = (media[0], media[1]);
    assert_eq!((audio.kind(), audio.port(), audio.protocol()), (MediaKind::Audio, 16384, Protocol::RtpAvp));
    assert_eq!((audio.connection(), audio.direction()), (address("10.1.0.41"), MediaDirection::SendOnly));
    assert_eq!(audio.payload_types().collect::<Vec<_>>(), [8, 0, 101]);
    assert_eq!((video.connection(), video.direction()), (address("2001:db8::41"), MediaDirection::RecvOnly));
    assert_eq!((video.kind(), video.protocol()), (MediaKind::Video, Protocol::RtpSavpf));
    assert_eq!((audio.rtcp_mux(), video.rtcp_mux()), (false, true));
    assert_eq!((audio.ptime(), video.ptime()), (Some(20), None));
}

#[test]
fn encodings_are_those_of_the_section() {
    let session = session(PHONE);
    let audio = session.media().next().unwrap();
    let event = audio.rtpmap(101).unwrap();
    assert_eq!((event.name, event.clock_rate, event.channels), ("telephone-event", 8000, None));
    assert_eq!(audio.fmtp(101), Some(&b"0-15"[..]));
    assert_eq!(audio.rtpmap(0), None, "a static payload type that the description leaves to RFC 3551");
    assert_eq!(audio.rtpmap(96), None, "the other section's");
}

#[test]
fn the_origin_names_the_version() {
    let origin = session(PHONE).origin().unwrap();
    assert_eq!((origin.username, origin.id, origin.version), (&b"4001"[..], &b"3904"[..], &b"2"[..]));
    assert_eq!(origin.address, address("10.1.0.41"));
    assert_eq!(session("v=0\no=- 1\n").origin(), None);
}

#[test]
fn hold_by_address_is_told_as_it_is() {
    let session = session("v=0\nc=IN IP4 0.0.0.0\nm=audio 16384 RTP/AVP 8\n");
    let audio = session.media().next().unwrap();
    assert_eq!((audio.connection(), audio.direction()), (address("0.0.0.0"), MediaDirection::SendRecv));
}

#[test]
fn order_and_line_ends_do_not_matter() {
    let check = |text: &str| {
        let session = session(text);
        let audio = session.media().next().unwrap();
        assert_eq!((audio.port(), audio.connection()), (4000, address("10.1.0.41")), "{text:?}");
    };
    check("v=0\rc=IN IP4 10.1.0.41\rm=audio 4000 RTP/AVP 8\r");
    check("c=IN IP4 10.1.0.41\nv=0\nm=audio 4000 RTP/AVP 8");
    check("\r\n v=0\r\nm=audio  4000\tRTP/AVP 8\r\na=ptime:20\r\nc=IN IP4 10.1.0.41\r\n");
    check("m=audio 4000 RTP/AVP 8\nc=IN IP4 10.1.0.41\n");
}

#[test]
fn refused_and_unreadable_sections_keep_their_place() {
    let session = session(
        "v=0\nm=\nm=audio\nm=audio many RTP/AVP 0\nm=audio 70000 RTP/AVP 0\nm=audio 4000/2 rtp/avp 0 x 200\n",
    );
    let media: Vec<_> =
        session.media().map(|media| (media.kind(), media.port(), media.port_count())).collect();
    assert_eq!(
        media,
        [
            (MediaKind::Other, 0, 1),
            (MediaKind::Audio, 0, 1),
            (MediaKind::Audio, 0, 1),
            (MediaKind::Audio, 0, 1),
            (MediaKind::Audio, 4000, 2),
        ]
    );
    let last = session.media().last().unwrap();
    assert_eq!(last.payload_types().collect::<Vec<_>>(), [0], "payload types are 0 to 127");
    assert_eq!(last.formats().count(), 3);
}

#[test]
fn fax_has_formats_and_no_payload_types() {
    let session = session("v=0\nm=image 5000 udptl t38\nm=audio 1 UDP/TLS/RTP/SAVPF 111\nm=x 1 TCP 7\n");
    let media: Vec<_> = session.media().collect();
    assert_eq!((media[0].kind(), media[0].protocol()), (MediaKind::Image, Protocol::Udptl));
    assert_eq!(media[0].formats().next(), Some(&b"t38"[..]));
    assert_eq!(media[0].payload_types().count(), 0);
    assert!(media[1].protocol().is_srtp());
    assert_eq!((media[2].protocol(), media[2].payload_types().count()), (Protocol::Other, 0));
}

#[test]
fn keys_certificates_and_rtcp_are_read() {
    let text = "v=0\na=fingerprint:sha-256 AA:BB\nm=audio 1 RTP/SAVP 0\na=rtcp:53020 IN IP4 10.1.0.9\n\
                a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA\na=crypto:junk\na=crypto:2 F8 inline:BBBB\n\
                m=audio 1 RTP/SAVP 0\na=fingerprint:sha-1 CC\na=rtcp:9\na=ptime:12.5\n";
    let session = session(text);
    let media: Vec<_> = session.media().collect();
    assert_eq!(media[0].crypto().map(|key| key.tag).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(media[0].fingerprint().map(|print| print.function), Some(&b"sha-256"[..]), "the session's");
    assert_eq!(media[1].fingerprint().map(|print| print.hash), Some(&b"CC"[..]), "its own");
    assert_eq!(media[0].rtcp(), Some((53020, address("10.1.0.9"))));
    assert_eq!(media[1].rtcp(), Some((9, None)));
    assert_eq!(media[1].ptime(), Some(12));
}

#[test]
fn what_is_no_description_is_refused_with_place_and_cause() {
    let refused = |text: &str| {
        let error = Session::parse(text.as_bytes()).err().unwrap();
        (error.offset, error.cause)
    };
    assert_eq!(refused(""), (0, SdpCause::Empty));
    assert_eq!(refused(" \r\n"), (0, SdpCause::Empty));
    assert_eq!(refused("Signal=5\r\n"), (0, SdpCause::NotSdp));
    assert_eq!(refused("\r\n<audio/>"), (2, SdpCause::NotSdp));
    assert_eq!(refused("o=- 1 1 IN IP4 10.1.0.1\nv=1\n"), (24, SdpCause::BadVersion));
}

#[test]
fn a_version_line_behind_the_media_is_not_the_version() {
    assert_eq!(session("v=0\nm=audio 4000 RTP/AVP 0\nv=9\n").media().count(), 1);
}

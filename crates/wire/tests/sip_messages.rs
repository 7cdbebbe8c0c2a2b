//! What a listener makes of messages that phones really send, one fact each.
#![expect(clippy::unwrap_used, reason = "what a test cannot read fails it")]

use earwitness_wire::sip::{
    Defect, HEADER_BOUND, HeaderName, Message, Method, SipCause, StartLine, find_start, looks_like,
    percent_decoded,
};

/// A request that is in order, with `extra` header lines (each with its end) and a body without Content-Length.
fn invite(extra: &str, body: &str) -> String {
    format!(
        "INVITE sip:0312221111@example.kr SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.0.41;branch=z9hG4bK1\r\n\
         From: <sip:4001@example.kr>;tag=a\r\nTo: <sip:0312221111@example.kr>\r\nCall-ID: c1@10.1.0.41\r\n\
         CSeq: 1 INVITE\r\n{extra}\r\n{body}"
    )
}

fn defects(text: &str) -> Vec<Defect> {
    Message::parse(text.as_bytes()).unwrap().defects().iter().collect()
}

fn refused(datagram: &[u8]) -> (u32, SipCause) {
    let error = Message::parse(datagram).err().unwrap();
    (error.offset, error.cause)
}

#[test]
fn a_message_in_order_has_no_defect() {
    assert_eq!(defects(&invite("Content-Length: 0\r\n", "")), []);
}

#[test]
fn media_and_other_protocols_do_not_look_like_sip() {
    let rtp = [0x80, 0x08, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4, 0xd5, 0xd5];
    let rtcp = [0x80, 0xc8, 0, 6, 1, 2, 3, 4];
    let stun = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    let dtls = [22, 0xfe, 0xfd, 0, 0];
    for datagram in [&rtp[..], &rtcp, &stun, &dtls, b"", b"\r\n\r\n", b"\0\0", b"hello", b"hello SIP"] {
        assert!(!looks_like(datagram), "{datagram:?}");
    }
    for text in
        ["GET / HTTP/1.1\r\n", "OPTIONS rtsp://h/ RTSP/1.0\r\n", "INVITE sip:a@b\r\n", "SIP/2.0 20 OK\r\n"]
    {
        assert!(!looks_like(text.as_bytes()), "{text}");
    }
}

#[test]
fn requests_and_responses_look_like_sip_after_line_ends_and_nul() {
    for text in [
        "INVITE sip:a@b SIP/2.0\r\n",
        "SIP/2.0 200 OK\r\n",
        "SIP/2.0 200\r\n",
        "\r\n\r\nBYE tel:1 SIP/2.0\r\n",
        "\0\0\0\0REGISTER sip:b SIP/2.0\r\n",
        "options sip:b sip/2.0\n",
        "X-NEW sip:b SIP/2.0",
    ] {
        assert!(looks_like(text.as_bytes()), "{text:?}");
    }
}

#[test]
fn a_method_longer_than_the_bound_is_no_method() {
    let method = |length: usize| format!("{} sip:a@b SIP/2.0\r\n\r\n", "M".repeat(length));
    assert!(looks_like(method(64).as_bytes()));
    assert!(!looks_like(method(65).as_bytes()));
    assert_eq!(refused(method(65).as_bytes()), (0, SipCause::BadMethod));
}

#[test]
fn what_has_no_start_line_is_refused_with_place_and_cause() {
    assert_eq!(refused(b""), (0, SipCause::Empty));
    assert_eq!(refused(b"\r\n\r\n"), (0, SipCause::Empty));
    assert_eq!(refused(b"\r\n\r\n\x80\x08"), (4, SipCause::BadMethod));
    assert_eq!(refused(b"INVITE\r\n"), (0, SipCause::NoUri));
    assert_eq!(refused(b"INVITE SIP/2.0\r\n"), (0, SipCause::NoVersion));
    assert_eq!(refused(b"INVITE sip:a@b\r\n"), (0, SipCause::NoVersion));
    assert_eq!(refused(b"SIP/2.0 099 Low\r\n"), (0, SipCause::BadStatus));
    assert_eq!(refused(b"SIP/2.0 4294967301 better not\r\n"), (0, SipCause::BadStatus));
    assert_eq!(refused(b"SIP/2.0\r\n"), (0, SipCause::BadStatus));
}

#[test]
fn a_status_line_may_lack_its_reason_and_the_space_before_it() {
    let start = |text: &'static str| {
        let message = Message::parse(text.as_bytes()).unwrap();
        (message.start_line(), message.defects().contains(Defect::BadStartLine))
    };
    assert_eq!(start("SIP/2.0 100 \r\n\r\n"), (StartLine::Status { code: 100, reason: b"" }, false));
    assert_eq!(start("SIP/2.0 100\r\n\r\n"), (StartLine::Status { code: 100, reason: b"" }, true));
    assert_eq!(
        start("SIP/2.0 603 거절\r\n\r\n"),
        (StartLine::Status { code: 603, reason: "거절".as_bytes() }, false)
    );
    assert_eq!(start("SIP/2.0  200  OK\n\n"), (StartLine::Status { code: 200, reason: b"OK" }, true));
}

#[test]
fn a_start_line_is_found_after_other_lines_but_not_looked_for_far() {
    let junk = |lines: usize| format!("{}{}", "cut off tail\r\n".repeat(lines), invite("", ""));
    let text = junk(3);
    let message = Message::parse(text.as_bytes()).unwrap();
    assert_eq!(message.call_id(), Some(&b"c1@10.1.0.41"[..]));
    assert!(message.defects().contains(Defect::JunkBeforeStartLine));
    assert_eq!(refused(junk(8).as_bytes()).0, 0);
}

#[test]
fn a_tcp_flow_is_picked_up_at_the_next_start_line() {
    let text = format!("9 INVITE\r\nContent-Length: 0\r\n\r\n\r\n{}", invite("", ""));
    assert_eq!(find_start(text.as_bytes()), text.find("INVITE sip:"));
    assert_eq!(find_start(b"v=0\r\nno start line here\r\n"), None);
    assert_eq!(find_start(b""), None);
}

#[test]
fn a_header_is_found_by_either_form_in_any_case_with_space_before_the_colon() {
    let check = |line: &str| {
        let text = format!("BYE sip:a@b SIP/2.0\r\n{line}\r\n\r\n");
        let found = Message::parse(text.as_bytes()).unwrap().call_id().map(<[u8]>::to_vec);
        assert_eq!(found.as_deref(), Some(&b"x@y"[..]), "{line}");
    };
    for line in
        ["Call-ID: x@y", "call-id:x@y", "CALL-ID \t : x@y  ", "i:x@y", "I :\r\n x@y", "i:\r\n\t\r\n x@y"]
    {
        check(line);
    }
}

#[test]
fn an_empty_call_id_is_none() {
    let text = "BYE sip:a@b SIP/2.0\r\nCall-ID:\r\nCSeq: 1 BYE\r\n\r\n";
    let message = Message::parse(text.as_bytes()).unwrap();
    assert_eq!(message.call_id(), None);
    assert_eq!(message.first(HeaderName::CallId), Some(&b""[..]));
    assert!(message.defects().contains(Defect::NoCallId));
}

#[test]
fn a_folded_value_is_given_with_its_fold() {
    let text = invite("Subject: one\r\n two\r\n", "");
    let message = Message::parse(text.as_bytes()).unwrap();
    assert_eq!(message.first(HeaderName::Subject), Some(&b"one\r\n two"[..]));
}

#[test]
fn values_are_taken_from_several_lines_and_from_lists() {
    let extra =
        "Supported: a, b\r\nk: ,c,,\r\nContact: \"Kim, C\" <sip:a,b@c>, sip:d@e\r\nSubject: one, two\r\n";
    let text = invite(extra, "");
    let message = Message::parse(text.as_bytes()).unwrap();
    let values =
        |name| message.values(name).map(|value| std::str::from_utf8(value).unwrap()).collect::<Vec<_>>();
    assert_eq!(values(HeaderName::Supported), ["a", "b", "c"]);
    assert_eq!(values(HeaderName::Contact), ["\"Kim, C\" <sip:a,b@c>", "sip:d@e"]);
    assert_eq!(values(HeaderName::Subject), ["one, two"], "no list");
    assert!(values(HeaderName::Route).is_empty());
}

#[test]
fn headers_beyond_the_table_are_found_by_scanning_and_said_to_be_too_many() {
    let routes = "Record-Route: <sip:10.1.0.9;lr>\r\n".repeat(HEADER_BOUND);
    let text = invite(&format!("{routes}Reason: Q.850;cause=16\r\nReason: SIP;cause=200\r\n"), "");
    let message = Message::parse(text.as_bytes()).unwrap();
    assert_eq!(message.reasons().map(|reason| reason.cause).collect::<Vec<_>>(), [Some(16), Some(200)]);
    assert_eq!(message.reason().and_then(|reason| reason.cause), Some(16));
    assert_eq!(message.values(HeaderName::RecordRoute).count(), HEADER_BOUND);
    assert!(message.defects().contains(Defect::TooManyHeaders));
    assert_eq!(message.first(HeaderName::Date), None);
}

#[test]
fn every_line_is_reached_by_headers_known_or_not() {
    let text = invite("X-Dept: 민원\r\nno colon here\r\n: no name\r\n", "");
    let message = Message::parse(text.as_bytes()).unwrap();
    let names: Vec<_> = message.headers().map(|header| header.name).collect();
    assert_eq!(names, [&b"Via"[..], b"From", b"To", b"Call-ID", b"CSeq", b"X-Dept"]);
    assert_eq!(message.headers().last().map(|header| header.value), Some("민원".as_bytes()));
    assert!(message.defects().contains(Defect::BadHeaderLine));
}

#[test]
fn a_body_ends_where_content_length_says_and_the_rest_trails() {
    let text = invite("Content-Length: 5\r\n", "v=0\r\nBYE sip:a@b SIP/2.0\r\n");
    let message = Message::parse(text.as_bytes()).unwrap();
    assert_eq!(message.body(), b"v=0\r\n");
    assert_eq!(message.trailing(), b"BYE sip:a@b SIP/2.0\r\n");
    assert_eq!(defects(&text), [Defect::BodyLong]);
    assert_eq!(message.body_offset() + message.body().len() + message.trailing().len(), text.len());
}

#[test]
fn a_body_shorter_than_content_length_is_all_that_is_there() {
    let text = invite("Content-Length: 500\r\n", "v=0\r\n");
    let message = Message::parse(text.as_bytes()).unwrap();
    assert_eq!((message.body(), message.sdp()), (&b"v=0\r\n"[..], Some(&b"v=0\r\n"[..])));
    assert_eq!(defects(&text), [Defect::BodyShort]);
}

#[test]
fn a_content_length_that_cannot_be_used_leaves_the_whole_body() {
    for extra in [
        "Content-Length: bad\r\n",
        "l: -999\r\n",
        "l: 1\r\nContent-Length: 2\r\n",
        "l:\r\n",
        "l: 4294967296\r\n",
    ] {
        let text = invite(extra, "v=0\r\n");
        let message = Message::parse(text.as_bytes()).unwrap();
        assert_eq!((message.content_length(), message.body()), (None, &b"v=0\r\n"[..]), "{extra}");
        assert!(message.defects().contains(Defect::BadContentLength), "{extra}");
    }
    let same_twice = invite("l: 5\r\nContent-Length: 5\r\n", "v=0\r\n");
    assert_eq!(defects(&same_twice), [Defect::RepeatedHeader]);
}

#[test]
fn an_encoded_body_is_no_sdp() {
    let typed = |encoding: &str| invite(&format!("c: application/sdp\r\ne: {encoding}\r\n"), "v=0\r\n");
    assert_eq!(Message::parse(typed("gzip").as_bytes()).unwrap().sdp(), None);
    assert_eq!(Message::parse(typed("identity").as_bytes()).unwrap().sdp(), Some(&b"v=0\r\n"[..]));
}

#[test]
fn a_header_line_that_the_bytes_end_in_is_dropped() {
    let text = invite("", "");
    let cut = &text[..text.find("c1@10").unwrap() + 2];
    let message = Message::parse(cut.as_bytes()).unwrap();
    assert_eq!(message.call_id(), None, "half a Call-ID would be another call's");
    assert_eq!(message.from().unwrap().tag(), Some(&b"a"[..]));
    assert!(message.defects().contains(Defect::HeadCut));
    assert!(!message.defects().contains(Defect::NoBlankLine));
}

#[test]
fn a_cseq_of_another_method_is_a_mismatch_even_when_both_are_unknown() {
    let check = |method: &str, cseq: &str| {
        let text = format!("{method} sip:a@b SIP/2.0\r\nCSeq: 1 {cseq}\r\n\r\n");
        Message::parse(text.as_bytes()).unwrap().defects().contains(Defect::CseqMethodMismatch)
    };
    assert!(check("NEWMETHOD", "OTHERMETHOD"));
    assert!(check("INVITE", "invite"));
    assert!(!check("NEWMETHOD", "NEWMETHOD"));
}

#[test]
fn a_response_is_not_judged_by_request_rules() {
    let text = invite("Content-Length: 0\r\n", "");
    let (_, head) = text.split_once("\r\n").unwrap();
    assert_eq!(defects(&format!("SIP/2.0 200 OK\r\n{head}")), []);
    let message = format!("SIP/2.0 200 OK\r\n{head}");
    let message = Message::parse(message.as_bytes()).unwrap();
    assert_eq!((message.method(), message.request_uri(), message.status()), (None, None, Some(200)));
    assert_eq!(message.cseq().map(|cseq| cseq.method), Some(Method::Invite));
}

#[test]
fn user_host_and_port_are_cut_as_phones_write_them() {
    let check = |uri: &str, user: Option<&str>, host: Option<&str>, port: Option<u16>| {
        let text = format!("INVITE {uri} SIP/2.0\r\n\r\n");
        let message = Message::parse(text.as_bytes()).unwrap();
        let uri = message.request_uri().unwrap();
        assert_eq!(
            (uri.user, uri.host, uri.port),
            (user.map(str::as_bytes), host.map(str::as_bytes), port),
            "{text}"
        );
    };
    check("sip:031-222-1111@10.1.0.5:5062;user=phone", Some("031-222-1111"), Some("10.1.0.5"), Some(5062));
    check("sip:4001:secret@example.kr", Some("4001"), Some("example.kr"), None);
    check("SIPS:%EB%AF%BC@example.kr", Some("%EB%AF%BC"), Some("example.kr"), None);
    check("sip:example.kr:99999", None, Some("example.kr"), None);
    check("sip:@example.kr", None, Some("example.kr"), None);
    check("<sip:4001@example.kr>", Some("4001"), Some("example.kr"), None);
    check(
        "sip:+82312221111;phone-context=kr@example.kr;user=phone",
        Some("+82312221111;phone-context=kr"),
        Some("example.kr"),
        None,
    );
    check("tel:*72;phone-context=example.kr", Some("*72"), None, None);
    check("urn:service:sos", None, None, None);
}

#[test]
fn percent_escapes_are_decoded_and_broken_ones_kept() {
    let decoded = |text: &str| String::from_utf8(percent_decoded(text.as_bytes()).collect()).unwrap();
    assert_eq!(decoded("I%20have%20spaces"), "I have spaces");
    assert_eq!(decoded("%EB%AF%BC%ec%9b%90"), "민원");
    assert_eq!(decoded("100%"), "100%");
    assert_eq!(decoded("%Z%45"), "%ZE");
    assert_eq!(decoded("%4"), "%4");
}

//! Every message in `fixtures/messages`, read and written out as the file beside it says.
//!
//! `EARWITNESS_BLESS=1` writes the expectations anew; read the difference before you keep it.
#![expect(clippy::unwrap_used, reason = "what a test cannot read fails it")]
#![expect(clippy::disallowed_methods, reason = "tests read fixtures")]

use std::{env, fmt::Write as _, fs, path::PathBuf};

use earwitness_wire::{
    sdp,
    sip::{HeaderName, Message, NameAddr, Replaces, StartLine, looks_like, percent_decoded, unescaped},
};

#[test]
fn every_message_reads_as_the_file_beside_it_says() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/messages");
    let mut read = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "sip") {
            continue;
        }
        let found = written_out(&fs::read(&path).unwrap());
        let expectation = path.with_extension("expected");
        if env::var_os("EARWITNESS_BLESS").is_some() {
            fs::write(&expectation, &found).unwrap();
        }
        assert_eq!(found, fs::read_to_string(&expectation).unwrap(), "{}", path.display());
        read += 1;
    }
    assert!(read >= 20, "only {read} messages");
}

fn written_out(datagram: &[u8]) -> String {
    let mut out = format!("looks_like = {}\n", looks_like(datagram));
    match Message::parse(datagram) {
        Ok(message) => write_message(&mut out, &message),
        Err(error) => writeln!(out, "refused = {error}").unwrap(),
    }
    out
}

fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.replace('\r', "\\r").replace('\n', "\\n").replace('\t', "\\t"),
        Err(_) => bytes.escape_ascii().to_string(),
    }
}

fn line(out: &mut String, key: &str, value: Option<String>) {
    if let Some(value) = value {
        writeln!(out, "{key} = {value}").unwrap();
    }
}

fn write_message(out: &mut String, message: &Message<'_>) {
    match message.start_line() {
        StartLine::Request { method, uri, .. } => {
            line(out, "request", Some(format!("{method:?} {}", text(uri))));
        }
        StartLine::Status { code, reason } => {
            line(out, "status", Some(format!("{code} {}", text(reason)).trim_end().to_owned()));
        }
    }
    line(out, "request_user", message.request_uri().and_then(|uri| uri.user).map(text));
    line(out, "call_id", message.call_id().map(text));
    line(out, "cseq", message.cseq().map(|cseq| format!("{} {:?}", cseq.number, cseq.method)));
    line(out, "from", message.from().map(party));
    line(out, "to", message.to().map(party));
    for via in message.vias() {
        let part = |name: &str, value: Option<&[u8]>| {
            value.map_or_else(String::new, |v| format!(" {name} {}", text(v)))
        };
        let port = via.port.map_or_else(String::new, |port| format!(":{port}"));
        let more = format!("{}{}", part("branch", via.branch), part("received", via.received));
        let rport = via.rport.map_or_else(String::new, |port| format!(" rport {port}"));
        line(out, "via", Some(format!("{:?} {}{port}{more}{rport}", via.transport, text(via.host))));
    }
    message.asserted().for_each(|address| line(out, "asserted", Some(party(address))));
    message.diversions().for_each(|address| line(out, "diversion", Some(party(address))));
    message.history().for_each(|address| line(out, "history", Some(party(address))));
    line(out, "contact", message.contact().map(party));
    message.values(HeaderName::Supported).for_each(|value| line(out, "supported", Some(text(value))));
    for reason in message.reasons() {
        let said = reason.text.map(text).unwrap_or_default();
        line(
            out,
            "reason",
            Some(format!("{} {:?} {said}", text(reason.protocol), reason.cause).trim_end().to_owned()),
        );
    }
    write_transfer(out, message);
    line(out, "content_length", message.content_length().map(|length| length.to_string()));
    line(out, "body_bytes", Some(message.body().len().to_string()));
    line(out, "trailing_bytes", Some(message.trailing().len().to_string()));
    if let Some(body) = message.sdp() {
        write_sdp(out, body);
    }
    line(out, "defects", Some(format!("{:?}", message.defects())));
}

fn write_transfer(out: &mut String, message: &Message<'_>) {
    line(out, "refer_to", message.refer_to().map(party));
    if let Some(escaped) = message.refer_to().and_then(|to| to.uri().header("Replaces")) {
        let decoded: Vec<u8> = percent_decoded(escaped).collect();
        let replaces = Replaces::parse(&decoded).unwrap();
        let tags = [replaces.to_tag, replaces.from_tag].map(|tag| tag.map(text).unwrap_or_default());
        line(
            out,
            "refer_to_replaces",
            Some(format!("{} to {} from {}", text(replaces.call_id), tags[0], tags[1])),
        );
    }
    line(out, "referred_by", message.referred_by().map(party));
    let halves =
        message.session_id().map(|id| format!("{} {}", text(id.local), text(id.remote.unwrap_or_default())));
    line(out, "session_id", halves);
}

fn party(address: NameAddr<'_>) -> String {
    let uri = address.uri();
    let display: Option<Vec<u8>> = address.display().map(|display| unescaped(display).collect());
    let parts = [
        display.map(|display| format!("\"{}\"", text(&display))),
        Some(format!("{:?}", uri.scheme).to_lowercase()),
        uri.user.map(|user| format!("user {}", text(user))),
        uri.host.map(|host| format!("host {}", text(host))),
        uri.port.map(|port| format!("port {port}")),
        address.tag().map(|tag| format!("tag {}", text(tag))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn write_sdp(out: &mut String, body: &[u8]) {
    let session = match sdp::Session::parse(body) {
        Ok(session) => session,
        Err(error) => return line(out, "sdp_refused", Some(error.to_string())),
    };
    let origin = session.origin().map(|origin| {
        format!("{} {} {} {:?}", text(origin.username), text(origin.id), text(origin.version), origin.address)
    });
    line(out, "sdp_origin", origin);
    for media in session.media() {
        let address = media.connection().map_or_else(|| "-".to_owned(), |address| address.to_string());
        let types: Vec<_> = media.payload_types().map(|number| number.to_string()).collect();
        let place = format!("{address} {}/{}", media.port(), media.port_count());
        let kinds = format!("{:?} {:?} {:?}", media.kind(), media.protocol(), media.direction());
        line(out, "sdp_media", Some(format!("{kinds} {place} [{}]", types.join(" "))));
        for number in media.payload_types() {
            let map = media
                .rtpmap(number)
                .map(|map| format!("{number} {} {} {:?}", map.name, map.clock_rate, map.channels));
            line(out, "sdp_rtpmap", map);
            line(out, "sdp_fmtp", media.fmtp(number).map(|value| format!("{number} {}", text(value))));
        }
        line(out, "sdp_ptime", media.ptime().map(|ms| ms.to_string()));
        line(out, "sdp_rtcp", media.rtcp().map(|(port, address)| format!("{port} {address:?}")));
        media
            .crypto()
            .for_each(|key| line(out, "sdp_crypto", Some(format!("{} {}", key.tag, text(key.suite)))));
    }
}

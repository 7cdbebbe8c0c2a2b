//! The words of SIP and SDP: what may stand in a message of anybody's and says nothing of anybody.

use crate::masks::Masks;

/// Words that are kept wherever words are looked at, in lower case and in order.
#[rustfmt::skip]
const WORDS: [&str; 597] = [
    "+sip.ice", "+sip.instance", "100rel", "aai", "aal2-g726-16", "aal2-g726-24", "aal2-g726-32",
    "aal2-g726-40", "accept", "acceptable", "accepted", "ack", "active", "actor", "actpass", "address",
    "aead_aes_128_gcm", "aead_aes_256_gcm", "aes_192_cm_hmac_sha1_32", "aes_192_cm_hmac_sha1_80",
    "aes_256_cm_hmac_sha1_32", "aes_256_cm_hmac_sha1_80", "aes_cm_128_hmac_sha1_32",
    "aes_cm_128_hmac_sha1_80", "alert", "algorithm", "alias", "allowed", "alt", "alternative", "ambiguous",
    "amr", "amr-wb", "amr-wb+", "annexb", "answermode", "anywhere", "app", "application", "apr", "apt",
    "as", "as-feature-event", "audio", "aug", "auth", "auth-int", "authentication", "automata", "av1",
    "avp", "avpf", "away", "bad", "base", "basic", "bearer", "being", "bitrate", "boundary", "branch",
    "brief", "bundle", "business", "busy", "bye", "call", "call-info", "call_rejected", "called", "calling",
    "cancel", "canceled", "cancelled", "candidate", "cat", "cause", "cbr", "ccm", "charset", "check-sync",
    "choices", "cic", "cl", "class", "clearing", "clearmode", "client_max_window_bits",
    "client_no_context_takeover", "cn", "cname", "cnonce", "comp", "conditional", "conference",
    "conference-info+xml", "connection", "content", "content-disposition", "content-type", "counter", "cpc",
    "cpim", "critical", "crypto", "ct", "deactivated", "dec", "decline", "declined", "deflate",
    "deflection", "description", "detected", "dialog", "dialog-info+xml", "dialstring", "did", "digest",
    "direction", "do-not-disturb", "does", "domain", "dtls", "dtmf", "dtmf-relay", "duplex", "duration",
    "dvi4", "early-only", "early-session", "ecan", "en", "en-us", "end-of-candidates", "entity", "error",
    "euc-kr", "event", "eventlist", "events", "everywhere", "evrc", "evs", "exist", "existing", "expires",
    "ext", "extension", "extmap", "extmap-allow-mixed", "f8_128_hmac_sha1_80", "failed", "false", "feb",
    "fec_key", "fec_order", "fingerprint", "fir", "fixed", "fla", "flexfec-03", "fmtp", "follow-me",
    "forbidden", "forwarded", "found", "framerate", "framesize", "fri", "from-change", "from-tag", "ftag",
    "full", "g719", "g722", "g7221", "g723", "g726-16", "g726-24", "g726-32", "g726-40", "g728", "g729",
    "g729a", "g729d", "g729e", "gateway", "generation", "get", "gin", "giveup", "gmt", "gone", "goog-remb",
    "group", "gruu", "gsm", "gzip", "h261", "h263", "h263-1998", "h264", "handling", "header", "here",
    "hidden", "histinfo", "history", "hold", "holdconn", "hookflash", "hops", "host", "hta", "html", "http",
    "ice", "ice-lite", "ice-options", "ice-pwd", "ice-ufrag", "icid-generated-at", "icid-value", "icon",
    "id", "identity", "ilbc", "im-iscomposing+xml", "image", "imageattr", "implemented", "in", "inactive",
    "incomplete", "index", "info", "inline", "integrity-protected", "interleaving", "internal", "interval",
    "invariant", "invite", "ip", "ip4", "ip6", "is", "isac", "isfocus", "isub", "isup", "isup-oli", "jan",
    "join", "json", "jul", "jun", "kdr", "keep", "keep-alive", "key-mgmt", "keywds", "ko", "ko-kr", "kpml",
    "kst", "l16", "l8", "label", "lang", "large", "level-asymmetry-allowed", "limit", "line-seize", "local",
    "local-tag", "localtcf", "long", "loop", "lpc", "lr", "ls", "maddr", "main", "mar", "max-red",
    "maxaveragebitrate", "maxplaybackrate", "maxptime", "may", "md5", "md5-sess", "media",
    "media_control+xml", "melp", "message", "message-summary", "method", "methods", "mid", "min-se",
    "minptime", "mixed", "mobility", "mode", "mode-change-capability", "mode-change-neighbor",
    "mode-change-period", "mode-set", "model", "mon", "moved", "mp", "mp4a-latm", "mpa", "mpeg4-generic",
    "msid", "multipart", "multiple", "multiple-refer", "nack", "name", "nat", "nc", "network-cost",
    "network-id", "new", "no", "no-answer", "no_answer", "noa", "nonce", "none", "norefersub", "noresource",
    "normal", "normal_clearing", "not", "notification", "notify", "nov", "np", "npdi", "ob", "oct",
    "octet-align", "octet-stream", "of", "off", "ok", "opaque", "optional", "options", "opus", "order",
    "orig-ioi", "originator_cancel", "out", "out-of-service", "outbound", "packetization-mode", "party",
    "passive", "path", "payment", "pcma", "pcmu", "pending", "permanently", "permessage-deflate",
    "personal", "phone", "phone-context", "pidf", "pidf+xml", "plain", "pli", "postd", "prack",
    "precondition", "preemption", "pref", "presence", "presence.winfo", "prflx", "principal", "privacy",
    "probation", "processing", "profile-level-id", "progress", "protocols", "proxy", "ps", "ptime",
    "pub-gruu", "publish", "purpose", "pv", "q", "q.850", "qcelp", "qop", "qsig", "quality", "queued",
    "raddr", "rc", "realm", "reason", "received", "recipient-list-invite", "recvonly", "red", "refer",
    "refresher", "reg", "reg-id", "reginfo+xml", "register", "rejected", "related", "relay", "remote",
    "remote-tag", "render", "renomination", "replaces", "request", "require", "required",
    "resource-lists+xml", "resource-priority", "response", "retry-after", "rfc2543", "ringing", "rlmi+xml",
    "rn", "robust-sorting", "rport", "rr", "rs", "rtcp", "rtcp-fb", "rtcp-mux", "rtcp-rsize", "rtcp-xr",
    "rtp", "rtp-events", "rtpmap", "rtx", "sampling", "sat", "savp", "savpf", "scheme", "screen", "sctp",
    "sdp", "sdp-anat", "sec-agree", "sendonly", "sendrecv", "sep", "server", "server_max_window_bits",
    "server_no_context_takeover", "service", "session", "setup", "sha-1", "sha-256", "sha-384", "sha-512",
    "sha-512-256", "sigcomp", "signal", "silencesupp", "silk", "simple-message-summary", "sip", "sipfrag",
    "sips", "siren7", "slides", "speaker", "speex", "sprop-stereo", "srflx", "ssrc", "stale", "stereo",
    "subscribe", "sun", "supported", "switching", "t140", "t38", "t38faxfillbitremoval", "t38faxmaxbuffer",
    "t38faxmaxdatagram", "t38faxratemanagement", "t38faxtranscodingjbig", "t38faxtranscodingmmr",
    "t38faxudpec", "t38faxversion", "t38maxbitrate", "t38udpfec", "t38udpredundancy", "t38vendorinfo",
    "tag", "talk", "tcp", "tcptype", "tdialog", "tel", "telephone-event", "temp-gruu", "temporarily",
    "term-ioi", "terminated", "text", "thu", "tias", "time-of-day", "timeout", "timer", "tls", "tmmbr",
    "to-tag", "too", "tool", "transaction", "transferredtcf", "transport", "transport-cc", "trickle",
    "true", "trying", "ttl", "tue", "typ", "type", "ua-profile", "uac", "uas", "udp", "udpmaxrate", "udptl",
    "ulpfec", "unauthenticated_srtp", "unauthorized", "unavailable", "unconditional", "undecipherable",
    "unencrypted_srtcp", "unencrypted_srtp", "unknown", "unsupported", "update", "upgrade", "uri", "urn",
    "us-ascii", "use", "usedtx", "useinbandfec", "user", "user-busy", "user_busy", "username", "utc",
    "utf-8", "uuid", "vad", "vdvi", "version", "video", "vnd.etsi.aoc+xml", "vorbis", "vp8", "vp9",
    "websocket", "wed", "winfo", "ws", "wsh", "wss", "x-nat-od", "x-nt-inforeq", "xml", "yes", "z",
    "z9hg4bk", "zrtp-hash",
];

/// Numbers of so many digits are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digits(pub(crate) usize);

/// No number at all.
pub(crate) const NONE: Digits = Digits(0);
/// Codes, percentages: an extension has more digits, mostly.
pub(crate) const SMALL: Digits = Digits(3);
/// Years.
pub(crate) const YEARS: Digits = Digits(4);
/// Ports.
pub(crate) const PORTS: Digits = Digits(5);
/// Whatever counts: sequence numbers, seconds, lengths.
pub(crate) const COUNTS: Digits = Digits(10);

/// Whether `word` is one of the protocols' own.
pub(crate) fn is_known(word: &[u8]) -> bool {
    let lower = word.to_ascii_lowercase();
    WORDS.binary_search_by(|known| known.as_bytes().cmp(&lower)).is_ok()
}

/// Whether `byte` is part of a word.
pub(crate) const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'_' | b'.' | b'+' | b'%' | b'~' | b'!' | b'`')
        || !byte.is_ascii()
}

/// `old` with every word replaced that is none of the protocols', and every number that is longer than `digits`. What stands
/// between words stays.
pub(crate) fn words(masks: &mut Masks, digits: Digits, old: &[u8]) -> Vec<u8> {
    let mut new = Vec::with_capacity(old.len());
    for run in old.chunk_by(|a, b| is_word(*a) == is_word(*b)) {
        if !run.first().copied().is_some_and(is_word) || is_kept(digits, run) {
            new.extend_from_slice(run);
        } else {
            new.extend(masks.text(run));
        }
    }
    new.iter_mut()
        .filter(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace())
        .for_each(|byte| *byte = b'x');
    new
}

fn is_kept(Digits(most): Digits, word: &[u8]) -> bool {
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    let points = word.iter().filter(|byte| **byte == b'.').count();
    let dashes = word.iter().filter(|byte| **byte == b'-').count();
    let is_number = digits + points + dashes == word.len() && points <= 1 && dashes <= 1 && digits > 0;
    if is_number { digits <= most } else { is_known(word) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    #[test]
    fn the_words_are_in_order() {
        assert!(WORDS.is_sorted_by(|a, b| a < b));
        assert!(
            WORDS.iter().all(|word| word.bytes().all(|byte| is_word(byte) && !byte.is_ascii_uppercase()))
        );
    }

    #[test]
    fn what_is_no_word_of_the_protocols_is_replaced() {
        let mut masks = Masks::new(Secret::seeded(1));
        let mut check = |old: &str, kept: &str| {
            let new = String::from_utf8(words(&mut masks, SMALL, old.as_bytes())).unwrap();
            assert_eq!(new.len(), old.len());
            for word in kept.split(' ').filter(|word| !word.is_empty()) {
                assert!(new.contains(word), "{old}: {new}");
            }
            new
        };
        assert_eq!(check("INVITE, ACK, BYE", ""), "INVITE, ACK, BYE");
        assert_eq!(check("Q.850;cause=16", ""), "Q.850;cause=16");
        let new = check("Q.850;cause=16;text=\"called 01012345678 Kim\"", "Q.850;cause=16;text=");
        assert!(!new.contains("0101234") && !new.contains("Kim"));
        assert!(!check("INVITE 010-1234-5678", "INVITE ").contains("1234"));
    }
}

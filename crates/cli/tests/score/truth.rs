//! The ground truth as it is written, and what of a listed call it is compared with.

use serde_json::Value;

/// The dialogs of a capture: Call-IDs of which an INVITE was seen.
pub(crate) fn dialogs(capture: &Value) -> impl Iterator<Item = &Value> {
    capture["sip"]["dialog"].as_array().unwrap().iter()
}

/// The RTP streams of a capture.
pub(crate) fn streams(capture: &Value) -> impl Iterator<Item = &Value> {
    capture["rtp"]["streams"].as_array().unwrap().iter()
}

/// The payload types of a stream that are audio of a known encoding.
pub(crate) fn audio(stream: &Value) -> impl Iterator<Item = &Value> {
    let is_audio = |of: &&Value| {
        let codec = of["codec"].as_str().and_then(|codec| codec.split('/').next());
        codec.is_some_and(|codec| !["telephone-event", "CN", "H263"].contains(&codec))
    };
    stream["audio"].as_array().unwrap().iter().filter(is_audio)
}

/// Whether it is G.711.
pub(crate) fn is_g711(audio: &Value) -> bool {
    audio["g711"] == true
}

/// Whether two ends are the same: the truth writes IPv6 addresses without brackets.
pub(crate) fn is_end(found: &Value, expected: &Value) -> bool {
    let bare = |end: &Value| end.as_str().map(|end| end.replace(['[', ']'], ""));
    bare(found) == bare(expected)
}

/// Whether a listed time is that of the truth, to the microsecond: one is RFC 3339, the other Unix time.
pub(crate) fn is_time(listed: &Value, unix: &Value) -> bool {
    let listed = listed.as_str().and_then(|at| chrono::DateTime::parse_from_rfc3339(at).ok());
    let Some((seconds, decimals)) = unix.as_str().and_then(|at| at.split_once('.')) else { return false };
    let micros = seconds.parse::<i64>().unwrap() * 1_000_000 + decimals[..6].parse::<i64>().unwrap();
    listed.is_some_and(|listed| listed.timestamp_micros() == micros)
}

/// The keys of a call that came one way, of one leg or of both, in their order.
pub(crate) fn digits(call: &Value, via: &str, leg: Option<&Value>) -> String {
    let is_it = |key: &&Value| key["via"] == via && leg.is_none_or(|leg| key["leg"] == *leg);
    let keys = call["dtmf"].as_array().unwrap().iter().filter(is_it);
    keys.map(|key| key["digit"].as_str().unwrap()).collect()
}

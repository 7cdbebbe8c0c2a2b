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

/// Whose voice a stream is, as the first hop of its dialog announces: whoever sent the INVITE hears at what it said in
/// requests, and the other one at what was said to it in responses. `None` where SDP does not tell, or tells both.
pub(crate) fn leg(capture: &Value, stream: &Value) -> Option<&'static str> {
    let dialog = dialogs(capture).find(|dialog| dialog["call_id"] == stream["call_ids"][0])?;
    let first = &dialog["signalling_src"];
    let hears = |is_caller: bool, end: &Value| {
        let said = dialog["sdp"].as_array().unwrap().iter().filter(|sdp| {
            let is_request = ["INVITE", "UPDATE", "ACK"].iter().any(|method| sdp["in"] == *method);
            if is_caller { is_request && sdp["src"] == *first } else { !is_request && sdp["dst"] == *first }
        });
        let media = said.flat_map(|sdp| sdp["media"].as_array().unwrap());
        let mut ends = media.filter_map(|of| Some(format!("{}:{}", of["addr"].as_str()?, of["port"])));
        ends.any(|said| is_end(&said.into(), end))
    };
    let is_caller = hears(true, &stream["src"]) || hears(false, &stream["dst"]);
    let is_callee = hears(false, &stream["src"]) || hears(true, &stream["dst"]);
    match (is_caller, is_callee) {
        (true, false) => Some("caller"),
        (false, true) => Some("callee"),
        (true, true) | (false, false) => None,
    }
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

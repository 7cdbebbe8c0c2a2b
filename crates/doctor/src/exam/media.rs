//! Calls whose media comes in one direction only, or not at all.

use std::{collections::BTreeMap, net::SocketAddr};

use earwitness_model::{Flow, PacketTime};

use super::vlan;
use crate::{
    Code, Evidence, Finding, Severity,
    calls::{Call, Calls},
    report::{Examples, percent},
    streams::{Ends, Streams},
};

/// Packets of the heard direction from which on the other is missed: half a second of talk.
const FEWEST_PACKETS: u64 = 25;
/// From this share of calls on it is the mirror; below, it may be single phones.
const ONE_WAY_PERCENT: f64 = 20.0;
/// From this share of calls without media on.
const NO_MEDIA_PERCENT: f64 = 50.0;
/// How long a call must have been up before its media is missed.
const PATIENCE_NS: i64 = 2_000_000_000;

/// What is heard of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// Both.
    Both,
    /// One only, for long enough.
    One,
    /// Nobody.
    Nobody,
    /// It cannot be judged: on hold, too short.
    Unsure,
}

fn heard(call: &Call, ends: &Ends) -> Heard {
    let sum = |ends: &[SocketAddr], packets: &dyn Fn(SocketAddr) -> u64| -> u64 {
        ends.iter().map(|end| packets(*end)).sum()
    };
    let to = |end| ends.sent_to(end);
    let from = |end| ends.sent_by(end);
    let to_caller = sum(&call.caller, &to).max(sum(&call.callee, &from));
    let to_callee = sum(&call.callee, &to).max(sum(&call.caller, &from));
    match (to_caller, to_callee) {
        (0, 0) if call.caller.is_empty() && call.callee.is_empty() => Heard::Unsure,
        (0, 0) => Heard::Nobody,
        (1.., 1..) => Heard::Both,
        (0, some) | (some, 0) if some >= FEWEST_PACKETS && !call.was_held => {
            let mut all = call.caller.iter().chain(&call.callee);
            if all.any(|end| ends.is_answered_elsewhere(*end)) { Heard::Both } else { Heard::One }
        }
        (0, 1..) | (1.., 0) => Heard::Unsure,
    }
}

/// Calls in which one party is not heard, by VLAN.
pub(crate) fn finish_one_way(calls: &Calls, ends: &Ends) -> Option<Finding> {
    let judged: Vec<(&Call, Heard)> = calls
        .iter()
        .map(|call| (call, heard(call, ends)))
        .filter(|(_, heard)| matches!(heard, Heard::Both | Heard::One))
        .collect();
    let one_way: Vec<&Call> =
        judged.iter().filter(|(_, heard)| *heard == Heard::One).map(|(call, _)| *call).collect();
    if one_way.is_empty() {
        return None;
    }
    let mut vlans: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for (call, heard) in &judged {
        let [all, one] = vlans.entry(vlan(&call.tags)).or_default();
        *all += 1;
        *one += u64::from(*heard == Heard::One);
    }
    let (count, all) = (one_way.len() as u64, judged.len() as u64);
    let share = percent(count, all);
    let frames: Examples = one_way.iter().map(|call| call.first_frame).collect();
    let places = vlans.iter().filter(|(_, [_, one])| *one > 0);
    Some(Finding {
        code: Code::MediaOneWay,
        severity: if share >= ONE_WAY_PERCENT { Severity::Defect } else { Severity::Note },
        sentence: format!("in {count} of {all} calls with media ({share:.0} %) only one direction is seen"),
        evidence: Evidence::counted([("calls_with_media", all), ("one_way", count)])
            .at(&frames)
            .between(flows(&one_way))
            .of(places
                .take(Evidence::EXAMPLES)
                .map(|(vlan, [all, one])| format!("{vlan}: {one} of {all} calls"))),
    })
}

/// Calls that were answered two seconds before they or the capture ended, and have no RTP.
pub(crate) fn finish_none(calls: &Calls, streams: &Streams, ends: &Ends, end: PacketTime) -> Option<Finding> {
    let lasted = |call: &&Call| {
        let until = call.ended.unwrap_or(end).min(end);
        call.answered.is_some_and(|answered| until.since(answered) >= PATIENCE_NS)
    };
    let judged: Vec<&Call> = calls.iter().filter(lasted).collect();
    let silent: Vec<&Call> =
        judged.iter().filter(|call| heard(call, ends) == Heard::Nobody && !call.was_held).copied().collect();
    let (count, all) = (silent.len() as u64, judged.len() as u64);
    if count == 0 || percent(count, all) < NO_MEDIA_PERCENT {
        return None;
    }
    let other = streams.believed().count() as u64;
    let rest = if other == 0 { "; there is no RTP at all".to_owned() } else { String::new() };
    let frames: Examples = silent.iter().map(|call| call.first_frame).collect();
    Some(Finding {
        code: Code::NoMedia,
        severity: Severity::Defect,
        sentence: format!(
            "of {count} of {all} answered calls no RTP comes to or from the addresses in their SDP{rest}"
        ),
        evidence: Evidence::counted([
            ("answered_calls", all),
            ("without_media", count),
            ("rtp_streams", other),
        ])
        .at(&frames)
        .between(flows(&silent)),
    })
}

/// Between whom the calls were signalled.
fn flows(calls: &[&Call]) -> Vec<Flow> {
    let mut flows: Vec<Flow> = calls.iter().map(|call| call.flow).collect();
    flows.sort_unstable();
    flows.dedup();
    flows
}

//! What the doctor says, for people and for programs.

use std::fmt::Write;

use anstyle::AnsiColor;
use earwitness_doctor::{Code, Evidence, Finding, Report, Seen, Severity};
use earwitness_model::Flow;
use serde_json::{Map, Value, json};

use super::{amount::counted, printable};
use crate::seat::Screen;

/// The version of what [`report_object`] gives.
const SCHEMA: u32 = 1;
/// The share of one stream's packets from which on the first line tells of it: below it nobody hears it.
const WORTH_SAYING_PERCENT: f64 = 1.0;

/// One line for a healthy mirror; with findings, a paragraph for each of them.
pub(crate) fn examination(name: &str, report: &Report, screen: Screen) -> String {
    let count = |severity| report.findings.iter().filter(|finding| finding.severity == severity).count();
    let (defects, notes) = (count(Severity::Defect), count(Severity::Note));
    let verdict = match (defects, notes) {
        (0, 0) => screen.painted("healthy", AnsiColor::Green),
        (0, notes) => {
            format!("{}, {}", screen.painted("healthy", AnsiColor::Green), counted(notes as u64, "note"))
        }
        (defects, 0) => screen.painted(counted(defects as u64, "defect"), AnsiColor::Red),
        (defects, notes) => {
            format!(
                "{}, {}",
                screen.painted(counted(defects as u64, "defect"), AnsiColor::Red),
                counted(notes as u64, "note")
            )
        }
    };
    let mut text =
        format!("{}: {verdict}{}; {}\n", printable(name), loss(&report.seen), seen_line(&report.seen));
    for finding in &report.findings {
        text.push_str(&paragraph(finding, screen));
    }
    text
}

/// Loss of one stream that callers hear, in the line that may say "healthy".
fn loss(seen: &Seen) -> String {
    if seen.worst_loss_percent < WORTH_SAYING_PERCENT {
        return String::new();
    }
    format!(", but one stream lost {:.1} % of its packets", seen.worst_loss_percent)
}

fn seen_line(seen: &Seen) -> String {
    let mut line = format!(
        "{} in {:.1} s, {} ({} answered), {}, {}, {}, {} lost",
        counted(seen.frames, "frame"),
        seen.seconds,
        counted(seen.calls, "call"),
        seen.answered,
        counted(seen.messages, "SIP message"),
        counted(seen.streams, "RTP stream"),
        counted(seen.packets, "packet"),
        seen.lost
    );
    let tunnels: Vec<String> =
        seen.tunnels.iter().map(|(kind, count)| format!("{count} in {kind}")).collect();
    if !tunnels.is_empty() {
        write!(line, "; read through tunnels: {} datagrams", tunnels.join(", ")).unwrap_or_default();
    }
    if seen.left_out > 0 {
        write!(line, "; {} observations beyond the doctor's tables are not in these", seen.left_out)
            .unwrap_or_default();
    }
    line
}

fn paragraph(finding: &Finding, screen: Screen) -> String {
    let colour = match finding.severity {
        Severity::Defect => AnsiColor::Red,
        Severity::Note => AnsiColor::Yellow,
    };
    let head = screen.painted(format_args!("{} {}", finding.severity.as_str(), finding.code), colour);
    let mut text = format!("{head}: {}\n", printable(&finding.sentence));
    let evidence = evidence_line(&finding.evidence);
    if !evidence.is_empty() {
        text.push_str(&format!("  evidence  {}\n", printable(&evidence)));
    }
    text.push_str(&format!("  cure      {}\n", finding.code.cure()));
    text
}

/// What the sentence has not: where to look.
fn evidence_line(evidence: &Evidence) -> String {
    let mut parts = Vec::new();
    if !evidence.frames.is_empty() {
        let frames: Vec<String> = evidence.frames.iter().map(ToString::to_string).collect();
        parts.push(format!("frames {}", frames.join(", ")));
    }
    parts.extend(evidence.flows.iter().map(flow_text));
    parts.extend(evidence.places.iter().cloned());
    parts.join("; ")
}

/// `10.1.0.5:4000 → 10.1.0.9:4002`; without ports where they do not matter.
fn flow_text(flow: &Flow) -> String {
    let end =
        |end: std::net::SocketAddr| if end.port() == 0 { end.ip().to_string() } else { end.to_string() };
    format!("{} → {}", end(flow.src), end(flow.dst))
}

/// The report as one JSON object.
pub(crate) fn report_object(name: &str, report: &Report) -> Value {
    let Seen {
        frames,
        bytes,
        seconds,
        messages,
        calls,
        answered,
        streams,
        packets,
        lost,
        worst_loss_percent,
        busiest_second,
        left_out,
        tunnels,
    } = report.seen;
    json!({
        "schema": SCHEMA,
        "input": name,
        "healthy": report.is_healthy(),
        "findings": report.findings.iter().map(finding_object).collect::<Vec<_>>(),
        "seen": {
            "frames": frames,
            "bytes": bytes,
            "seconds": seconds,
            "sip_messages": messages,
            "calls": calls,
            "answered": answered,
            "rtp_streams": streams,
            "rtp_packets": packets,
            "rtp_lost": lost,
            "rtp_worst_stream_lost_percent": worst_loss_percent,
            "rtp_bytes_in_busiest_second": busiest_second,
            "left_out": left_out,
            "tunnels": tunnels.iter().map(|(kind, count)| (kind.to_string(), json!(count))).collect::<Map<_, _>>(),
        },
    })
}

fn finding_object(finding: &Finding) -> Value {
    let Evidence { counts, frames, flows, places } = &finding.evidence;
    let counts: Map<String, Value> =
        counts.iter().map(|(name, count)| ((*name).to_owned(), json!(count))).collect();
    json!({
        "code": finding.code.as_str(),
        "severity": finding.severity.as_str(),
        "sentence": finding.sentence,
        "cure": finding.code.cure(),
        "evidence": {
            "counts": counts,
            "frames": frames,
            "flows": flows.iter().map(flow_text).collect::<Vec<_>>(),
            "places": places,
        },
    })
}

/// One entry of the list of everything that can be found.
pub(crate) fn meaning_of(code: Code, screen: Screen) -> String {
    let head = format!("{code} ({})", code.severity().as_str());
    format!("{}\n  {}\n  cure: {}\n", screen.painted(head, AnsiColor::Cyan), code.means(), code.cure())
}

/// The same as a JSON object.
pub(crate) fn code_object(code: Code) -> Value {
    json!({
        "schema": SCHEMA,
        "code": code.as_str(),
        "severity": code.severity().as_str(),
        "means": code.means(),
        "cure": code.cure(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(findings: Vec<Finding>) -> Report {
        Report { seen: Seen { frames: 3, seconds: 1.26, ..Seen::default() }, findings }
    }

    fn finding(severity: Severity) -> Finding {
        let flow = Flow { src: ([10, 1, 0, 5], 0).into(), dst: ([10, 1, 0, 9], 5060).into() };
        Finding {
            code: Code::FramesCut,
            severity,
            sentence: "it is cut".to_owned(),
            evidence: Evidence {
                counts: vec![("cut", 2)],
                frames: vec![4, 9],
                flows: vec![flow],
                places: vec!["VLAN 7".to_owned()],
            },
        }
    }

    #[test]
    fn a_healthy_mirror_is_one_line() {
        let text = examination("a.pcap", &report(Vec::new()), Screen::Pipe);
        assert_eq!(text.lines().count(), 1);
        assert!(text.starts_with("a.pcap: healthy; 3 frames in 1.3 s, 0 calls"), "{text}");
    }

    #[test]
    fn a_finding_says_where_to_look_and_what_to_do() {
        let text = examination("a.pcap", &report(vec![finding(Severity::Defect)]), Screen::Pipe);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("a.pcap: 1 defect; "), "{text}");
        assert_eq!(lines[1], "defect frames-cut: it is cut");
        assert_eq!(lines[2], "  evidence  frames 4, 9; 10.1.0.5 → 10.1.0.9:5060; VLAN 7");
        assert_eq!(lines[3], format!("  cure      {}", Code::FramesCut.cure()));
    }

    #[test]
    fn json_says_the_same() {
        let object = report_object("a.pcap", &report(vec![finding(Severity::Note)]));
        assert_eq!(object["healthy"], true);
        assert_eq!(object["findings"][0]["code"], "frames-cut");
        assert_eq!(object["findings"][0]["evidence"]["counts"]["cut"], 2);
        assert_eq!(object["findings"][0]["evidence"]["flows"][0], "10.1.0.5 → 10.1.0.9:5060");
        assert_eq!(object["seen"]["frames"], 3);
    }
}

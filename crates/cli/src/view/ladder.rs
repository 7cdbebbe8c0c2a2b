//! The signalling of a call as a ladder: a column for each host, an arrow for each message.

use std::net::SocketAddr;

use earwitness_model::{PacketTime, SipTransport};

use super::Step;

/// More hosts than this do not fit beside each other: their messages are listed.
const MOST_COLUMNS: usize = 6;
/// Columns are so far apart at least.
const NARROWEST: usize = 18;
/// A longer label is cut: it comes from whoever answers.
const LONGEST_LABEL: usize = 32;
/// What stands before the first column: seconds, and room for half of its head.
const MARGIN: usize = 22;

/// The lines of the ladder, seconds counted from `start`.
pub(crate) fn ladder(steps: &[Step], start: PacketTime) -> Vec<String> {
    let hosts = hosts(steps);
    if hosts.len() > MOST_COLUMNS {
        return steps.iter().map(|step| listed(step, start)).collect();
    }
    let width = width(steps, &hosts);
    let head = hosts.iter().enumerate().fold(String::new(), |mut line, (place, host)| {
        let host = host.to_string();
        let middle = MARGIN + place * width;
        pad_to(&mut line, middle.saturating_sub(host.len() / 2));
        line + &host
    });
    let arrows = steps.iter().map(|step| {
        let place = |host| hosts.iter().position(|known| *known == host).unwrap_or(0);
        let rungs = rungs((place(step.from), place(step.to)), (hosts.len(), width), &short(&step.label));
        format!("{:>9.3}{}{rungs}{}", step.time.seconds_since(start), " ".repeat(MARGIN - 9), beside(step))
            .trim_end()
            .to_owned()
    });
    std::iter::once(head).chain(arrows).collect()
}

/// In the order in which they appear.
fn hosts(steps: &[Step]) -> Vec<SocketAddr> {
    let mut hosts = Vec::new();
    for host in steps.iter().flat_map(|step| [step.from, step.to]) {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
        if hosts.len() > MOST_COLUMNS {
            break;
        }
    }
    hosts
}

/// From one column to the next: room for the longest label with an arrow around it, and for the longest head.
fn width(steps: &[Step], hosts: &[SocketAddr]) -> usize {
    let label = steps.iter().map(|step| short(&step.label).chars().count() + 7).max().unwrap_or(0);
    let head = hosts.iter().map(|host| host.to_string().len() + 2).max().unwrap_or(0);
    label.max(head).max(NARROWEST)
}

/// One line across all columns: `|--- INVITE --->|        |`.
fn rungs((from, to): (usize, usize), (columns, width): (usize, usize), label: &str) -> String {
    let (left, right) = (from.min(to), from.max(to));
    let (mut line, mut column) = ("|".to_owned(), 0);
    while column + 1 < columns {
        // An arrow goes over the columns between its ends.
        let is_arrow = column == left && left < right;
        let next = if is_arrow { right } else { column + 1 };
        let room = (next - column) * width - 1;
        line.push_str(&if is_arrow { arrow(room, from < to, label) } else { " ".repeat(room) });
        line.push('|');
        column = next;
    }
    if left == right { format!("{line}  {label} (to itself)") } else { line }
}

/// `--- label --->` or `<--- label ---`, `room` characters long.
fn arrow(room: usize, to_the_right: bool, label: &str) -> String {
    let dashes = room.saturating_sub(label.chars().count() + 3);
    let (before, after) = ("-".repeat(dashes / 2), "-".repeat(dashes - dashes / 2));
    if to_the_right { format!("{before} {label} {after}>") } else { format!("<{before} {label} {after}") }
}

/// What stands to the right of the last column: what carried it if that is not UDP, its media, whether it came before.
fn beside(step: &Step) -> String {
    let repeated = if step.repeated { "  (repeated)" } else { "" };
    let media = if step.media.is_empty() { String::new() } else { format!("  {}", step.media) };
    match step.transport {
        SipTransport::Udp => media + repeated,
        SipTransport::Tcp | SipTransport::Ws | SipTransport::Tls | SipTransport::Wss => {
            format!("  {}{media}{repeated}", step.transport.name())
        }
    }
}

fn listed(step: &Step, start: PacketTime) -> String {
    let seconds = step.time.seconds_since(start);
    format!("{seconds:>9.3}  {} > {}  {}{}", step.from, step.to, short(&step.label), beside(step))
}

fn short(label: &str) -> String {
    if label.chars().count() <= LONGEST_LABEL {
        return label.to_owned();
    }
    label.chars().take(LONGEST_LABEL - 1).chain(['…']).collect()
}

fn pad_to(line: &mut String, length: usize) {
    let missing = length.saturating_sub(line.chars().count());
    line.push_str(&" ".repeat(missing));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(ms: i64, (from, to): (&str, &str), label: &str) -> Step {
        Step {
            time: PacketTime::from_nanos(ms * 1_000_000),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            transport: SipTransport::Udp,
            label: label.to_owned(),
            media: String::new(),
            repeated: false,
        }
    }

    const A: &str = "10.1.0.5:5060";
    const B: &str = "10.1.0.9:5060";
    const C: &str = "10.1.0.77:5062";

    fn check(steps: &[Step], expected: &str) {
        let lines = ladder(steps, PacketTime::EPOCH).join("\n");
        assert_eq!(lines, expected.trim_start_matches('\n').trim_end(), "\n{lines}\n");
    }

    #[test]
    fn messages_are_arrows_between_hosts() {
        let mut invite = step(0, (A, B), "INVITE");
        invite.media = "PCMA 10.1.0.5:4000".into();
        let mut again = invite.clone();
        (again.time, again.repeated) = (PacketTime::from_nanos(500_000_000), true);
        check(
            &[invite, again, step(3_200, (B, A), "200 OK"), step(61_040, (A, B), "BYE")],
            r"
                10.1.0.5:5060     10.1.0.9:5060
    0.000             |---- INVITE ---->|  PCMA 10.1.0.5:4000
    0.500             |---- INVITE ---->|  PCMA 10.1.0.5:4000  (repeated)
    3.200             |<---- 200 OK ----|
   61.040             |----- BYE ------>|",
        );
    }

    #[test]
    fn what_does_not_come_over_udp_says_so() {
        let mut invite = step(0, (A, B), "INVITE");
        (invite.transport, invite.media) = (SipTransport::Tcp, "PCMA 10.1.0.5:4000".into());
        let mut bye = step(61_040, (A, B), "BYE");
        bye.transport = SipTransport::Ws;
        check(
            &[invite, step(3_200, (B, A), "200 OK"), bye],
            r"
                10.1.0.5:5060     10.1.0.9:5060
    0.000             |---- INVITE ---->|  TCP  PCMA 10.1.0.5:4000
    3.200             |<---- 200 OK ----|
   61.040             |----- BYE ------>|  WS",
        );
    }

    #[test]
    fn an_arrow_over_a_proxy_crosses_its_column() {
        check(
            &[
                step(0, (A, B), "INVITE"),
                step(5, (B, C), "INVITE"),
                step(10, (C, A), "200 OK"),
                step(20, (A, C), "ACK"),
            ],
            r"
                10.1.0.5:5060     10.1.0.9:5060    10.1.0.77:5062
    0.000             |---- INVITE ---->|                 |
    0.005             |                 |---- INVITE ---->|
    0.010             |<------------- 200 OK -------------|
    0.020             |-------------- ACK --------------->|",
        );
    }

    #[test]
    fn a_host_that_speaks_to_itself_has_no_arrow() {
        check(
            &[step(0, (A, A), "INVITE")],
            r"
                10.1.0.5:5060
    0.000             |  INVITE (to itself)",
        );
    }

    #[test]
    fn more_hosts_than_fit_are_listed() {
        let hosts: Vec<String> = (1..=7).map(|n| format!("10.0.0.{n}:5060")).collect();
        let steps: Vec<Step> = hosts.windows(2).map(|pair| step(1, (&pair[0], &pair[1]), "INVITE")).collect();
        let lines = ladder(&steps, PacketTime::EPOCH);
        assert_eq!(lines.len(), 6);
        assert_eq!(lines[0], "    0.001  10.0.0.1:5060 > 10.0.0.2:5060  INVITE");
    }

    #[test]
    fn a_long_reason_phrase_is_cut() {
        let long = format!("486 {}", "가".repeat(500));
        let lines = ladder(&[step(0, (A, B), &long)], PacketTime::EPOCH);
        assert!(lines[1].contains("486 가가") && lines[1].contains('…'), "{}", lines[1]);
        assert_eq!(lines[1].chars().count(), MARGIN + LONGEST_LABEL + 7 + 1);
    }

    #[test]
    fn no_messages_make_an_empty_head() {
        assert_eq!(ladder(&[], PacketTime::EPOCH), [""]);
    }
}

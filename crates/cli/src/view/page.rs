//! Everything known of one call, for people: what `show` prints before the ladder.

use std::fmt::Write;

use anstyle::AnsiColor;
use chrono_tz::Tz;
use earwitness_model::{CallEnd, CallSummary, Decision, EndedBy, Outcome};
use earwitness_vault::Entry;

use super::{
    instant::{for_people, instant, length, seconds_between},
    is_recorded,
    meaning::{cause_meaning, evidence_meaning, flag_meaning, gap_evidence_meaning},
    party::in_full,
    printable,
    quality::quality,
    reason, shown,
    streams::{Room, streams},
    strip::strips,
    words::{direction_word, flag_word, leg_word, mode_word, outcome_word, via_word},
};
use crate::seat::Screen;

/// Gaps that are listed one by one; how many more there are is said.
const GAPS: usize = 20;

/// The page, without evidence and ladder: those need the vault.
pub(crate) fn page(entry: &Entry, zone: Tz, screen: Screen) -> String {
    let mut page = String::new();
    let sections = [
        parties(&entry.summary, screen),
        times(&entry.summary, zone, screen),
        verdict(entry, screen),
        section("Streams", &streams(entry, Room::of(screen)), screen),
        quality(&entry.summary, screen),
        sound(&entry.summary, screen),
        presses(&entry.summary, screen),
        gaps(&entry.summary, screen),
        flags(&entry.summary, screen),
    ];
    for section in sections.iter().filter(|section| !section.is_empty()) {
        page.push_str(section);
        page.push('\n');
    }
    page
}

/// A heading and what stands under it.
pub(crate) fn section(title: &str, body: &str, screen: Screen) -> String {
    format!("{}\n{body}", screen.painted(title, AnsiColor::Cyan))
}

/// A fact and its name.
fn fact(name: &str, value: impl std::fmt::Display) -> String {
    format!("  {name:<11} {value}\n")
}

fn parties(summary: &CallSummary, screen: Screen) -> String {
    let facts = &summary.facts;
    let mut text = fact("from", in_full(&facts.from)) + &fact("to", in_full(&facts.to));
    let lists = [("asserted", &facts.asserted), ("diverted by", &facts.diverted_from)];
    let request = shown(&facts.request_user);
    if !request.is_empty() && request != shown(&facts.to.user) {
        text += &fact("sent to", request);
    }
    for (name, users) in lists {
        let users: Vec<_> = users.iter().map(|user| printable(user.expose())).collect();
        if !users.is_empty() {
            text += &fact(name, users.join(", "));
        }
    }
    let reasons = std::iter::once(None).chain(summary.joined.iter().copied().map(Some));
    let parties = std::iter::once(None).chain(summary.joined_parties.iter().map(Some));
    let dialogs = summary.sip_call_ids.iter().zip(reasons.chain(std::iter::repeat(None)));
    for ((sip_call_id, by), parties) in dialogs.zip(parties.chain(std::iter::repeat(None))) {
        let by = by.map(|by| format!("  joined {}", evidence_meaning(by))).unwrap_or_default();
        let between = parties.map(|dialog| format!("  {} > {}", in_full(&dialog.from), in_full(&dialog.to)));
        let id = printable(sip_call_id.expose());
        text += &fact("Call-ID", format_args!("{id}{by}{}", between.unwrap_or_default()));
    }
    for related in &summary.related {
        text += &fact("see also", format_args!("{}  {}", related.call, evidence_meaning(related.by)));
    }
    if let Some(tunnel) = &summary.tunnel {
        let ends = tunnel.ends.map(|ends| format!("  {} > {}", ends.src, ends.dst)).unwrap_or_default();
        let more =
            if tunnel.layers > 1 { format!(", {} tunnels in all", tunnel.layers) } else { String::new() };
        text += &fact("mirrored in", format_args!("{}{ends}{more}", tunnel.kind));
    }
    section(&format!("Call {}", summary.id), &text, screen)
}

fn times(summary: &CallSummary, zone: Tz, screen: Screen) -> String {
    let start = summary.facts.start;
    let mut text = fact("began", instant(start, zone));
    if let Some(answer) = summary.answer {
        text += &fact(
            "answered",
            format_args!("{}  after {:.1} s", for_people(answer, zone), seconds_between(start, answer)),
        );
    }
    if let Some(end) = &summary.end {
        let talked = summary.answer.map(|answer| seconds_between(answer, end.at));
        let talked = talked.map(|seconds| format!("  talked for {}", length(seconds))).unwrap_or_default();
        text += &fact("ended", format_args!("{}{talked}{}", for_people(end.at, zone), ended_by(end)));
    }
    let status = summary.sip_status.map(|code| format!(" (SIP {code})")).unwrap_or_default();
    let colour = match summary.outcome {
        Outcome::Answered => AnsiColor::Green,
        Outcome::Busy | Outcome::NoAnswer | Outcome::Cancelled | Outcome::Declined | Outcome::InProgress => {
            AnsiColor::Yellow
        }
        Outcome::Failed => AnsiColor::Red,
    };
    text +=
        &fact("outcome", screen.painted(outcome_word(summary.outcome).replace('_', " ") + &status, colour));
    section("Times", &text, screen)
}

fn ended_by(end: &CallEnd) -> String {
    let by = match end.by {
        Some(EndedBy::Caller) => ", by the caller",
        Some(EndedBy::Callee) => ", by the callee",
        Some(EndedBy::Timeout) => ", by silence: no BYE was seen",
        Some(EndedBy::CaptureEnd) => ", with the capture",
        None => "",
    };
    let reason = end.reason.as_deref().map(|reason| format!(" ({})", printable(reason))).unwrap_or_default();
    format!("{by}{reason}")
}

fn verdict(entry: &Entry, screen: Screen) -> String {
    let verdict = &entry.summary.verdict;
    let (yes, colour) =
        if is_recorded(entry) { ("yes", AnsiColor::Green) } else { ("no", AnsiColor::Yellow) };
    let mut text = fact("recorded", format_args!("{}  {}", screen.painted(yes, colour), reason(entry)));
    let extension = Some(shown(&verdict.extension)).filter(|extension| !extension.is_empty());
    let optional = [
        ("rule", verdict.rule.clone()),
        ("mode", verdict.mode.map(|mode| mode_word(mode).to_owned())),
        ("direction", Some(direction_word(verdict.direction).to_owned())),
        ("extension", extension),
        ("department", verdict.department.clone()),
    ];
    for (name, value) in optional {
        text += &value.map(|value| fact(name, printable(&value))).unwrap_or_default();
    }
    if let Decision::Admit(keep) = &verdict.decision {
        text += &fact("retention", &keep.retention.name);
        text += &fact("notice", &keep.notice);
    }
    text += &fact("rule set", verdict.rule_set);
    section("Verdict", &text, screen)
}

fn sound(summary: &CallSummary, screen: Screen) -> String {
    let text = strips(&summary.streams, summary.answer.unwrap_or(summary.facts.start), screen);
    if text.is_empty() { text } else { section("Sound", &text, screen) }
}

fn presses(summary: &CallSummary, screen: Screen) -> String {
    if summary.dtmf.is_empty() {
        return String::new();
    }
    let from = summary.answer.unwrap_or(summary.facts.start);
    let mut text = String::new();
    for press in &summary.dtmf {
        let (at, leg) = (seconds_between(from, press.at), leg_word(press.leg));
        // Writing to a String cannot fail.
        writeln!(
            text,
            "  {at:>9.3} s  {}  {leg}, {}{}",
            press.digit.expose(),
            if press.ms > 0 { format!("{} ms, ", press.ms) } else { String::new() },
            via_word(press.via)
        )
        .unwrap_or_default();
    }
    section("Keys pressed", &text, screen)
}

fn gaps(summary: &CallSummary, screen: Screen) -> String {
    if summary.gaps.is_empty() {
        return String::new();
    }
    let from = summary.answer.unwrap_or(summary.facts.start);
    let mut text = String::new();
    for gap in summary.gaps.iter().take(GAPS) {
        let at = seconds_between(from, gap.at);
        // Writing to a String cannot fail.
        writeln!(
            text,
            "  {at:>9.3} s  {:>6} ms of the {}, {}{}",
            gap.ms,
            leg_word(gap.leg),
            cause_meaning(gap.cause),
            gap.evidence.map(|shown| format!(": {}", gap_evidence_meaning(shown))).unwrap_or_default()
        )
        .unwrap_or_default();
    }
    if let Some(rest) = summary.gaps.get(GAPS..).filter(|rest| !rest.is_empty()) {
        let ms: u64 = rest.iter().map(|gap| u64::from(gap.ms)).sum();
        text += &format!("  and {} more, {ms} ms together; `show --json` lists them all\n", rest.len());
    }
    section("Gaps", &text, screen)
}

fn flags(summary: &CallSummary, screen: Screen) -> String {
    if summary.flags.is_empty() {
        return String::new();
    }
    let text: String = summary.flags.iter().map(|flag| fact(flag_word(*flag), flag_meaning(*flag))).collect();
    section("Worth knowing", &text, screen)
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Seoul;
    use earwitness_model::{Evidence, Flag, GapCause, Related};

    use super::*;
    use crate::view::sample;

    fn plain(entry: &Entry) -> String {
        page(entry, Seoul, Screen::Pipe)
    }

    #[test]
    fn a_page_tells_parties_times_verdict_streams_keys_gaps_and_flags() {
        let mut entry = sample::answered();
        entry.summary.flags = vec![Flag::OneWay];
        let page = plain(&entry);
        for line in [
            "  from        0312221111@10.1.0.5  \"민원인\"",
            "  began       2026-11-21T09:00:00.000000+09:00",
            "  answered    2026-11-21 09:00:03  after 3.2 s",
            "  ended       2026-11-21 09:01:04  talked for 1:01, by the caller",
            "  outcome     answered (SIP 200)",
            "  recorded    yes  welfare-desk",
            "  notice      ivr-2026",
            "      2.000 s  *  callee, 160 ms, rfc4733",
            "     12.300 s      40 ms of the callee, lost before the mirror: the far end reports as much loss, then and at no other time",
            "  callee   0x0000abce  lost in 1 burst, of 2 packets at the most",
            "  callee   0x0000abce  the far end lost 10 (1.00 %), jitter 2.5 ms, 31.0 ms there and back, by 12 reports",
            "  callee   0x0000abce  the far end measured 1.17 % lost, 0.39 % discarded, in bursts of 120 ms 25.00 %, in the 5000 ms between 0.78 %, 80 ms there and back, 60 ms in itself, signal -18 dBm0, noise -65 dBm0, RERL 55 dB, R 92, MOS-LQ 4.2",
            "  callee   0x0000abce  first from tap 1: 700 packets, tap 2: 290",
            "  one_way     Audio of one party only was seen: is the mirror missing a direction?",
        ] {
            assert!(page.lines().any(|found| found == line), "{line:?} in\n{page}");
        }
        assert!(page.contains("abababababab") && page.contains("telephone-event/8000 (101)"), "{page}");
    }

    #[test]
    fn dialogs_that_joined_and_calls_that_belong_together_are_named_with_the_reason() {
        let mut entry = sample::answered();
        entry.summary.sip_call_ids.push(earwitness_model::Pii::new("hop@pbx".to_owned()));
        entry.summary.joined = vec![Evidence::SessionId];
        let mut parties = earwitness_model::Parties::default();
        parties.from.user = Some(earwitness_model::Pii::new("4002".to_owned()));
        parties.to.host = Some(earwitness_model::Pii::new("pbx".to_owned()));
        entry.summary.joined_parties = vec![parties];
        let call = sample::refused().summary.id;
        entry.summary.related = vec![Related { call, by: Evidence::Refer }];
        entry.summary.tunnel = Some(sample::tunnel());
        let page = plain(&entry);
        for line in [
            "  mirrored in ERSPAN  192.0.2.1 > 192.0.2.9, 2 tunnels in all",
            "  Call-ID     a84b4c76e66710@pc33",
            "  Call-ID     hop@pbx  joined by the same Session-ID  4002 > pbx",
            &format!("  see also    {call}  by REFER: a transfer"),
        ] {
            assert!(page.lines().any(|found| found == line), "{line:?} in\n{page}");
        }
    }

    #[test]
    fn a_refused_call_says_why_and_a_name_cannot_steer_the_terminal() {
        let mut entry = sample::refused();
        entry.summary.facts.from.display = Some(earwitness_model::Pii::new("\u{1b}[31mred".to_owned()));
        let page = plain(&entry);
        assert!(page.contains("recorded    no  no rule names this extension"), "{page}");
        assert!(page.contains("Streams\n  none\n") && page.contains("\"\u{fffd}[31mred\""), "{page}");
    }

    #[test]
    fn many_gaps_are_counted_and_not_listed() {
        let mut entry = sample::answered();
        let mut gap = entry.summary.gaps[0];
        gap.cause = GapCause::Capture;
        entry.summary.gaps = vec![gap; GAPS + 5];
        let page = plain(&entry);
        assert_eq!(page.matches("not kept by this recorder").count(), GAPS);
        assert!(page.contains("  and 5 more, 200 ms together;"), "{page}");
    }
}

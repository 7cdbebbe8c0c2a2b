//! The health of a recorder on one screen.

use std::fmt::Write;

use anstyle::AnsiColor;
use earwitness_model::WallTime;

use super::{
    amount::{bytes, count, grouped, memory, time},
    printable,
};
use crate::{
    instruments::{HepVitals, InterfaceVitals, LinkWord, MemoryVitals, State, Vitals},
    seat::Screen,
};

/// Hexadecimal digits of a rule set that people compare.
const HASH_DIGITS: usize = 12;

/// The screen of `status` at `now`.
pub(crate) fn vitals_page(vitals: &Vitals, now: WallTime, screen: Screen) -> String {
    let mut page = format!("{}\n", heading(vitals, now, screen));
    for (place, interface) in vitals.interfaces.iter().enumerate() {
        line(&mut page, if place == 0 { "interfaces" } else { "" }, &interface_line(interface, screen));
    }
    if let Some(since) = vitals.rules_since {
        line(&mut page, "rules", &rules_line(vitals, &since.for_people()));
    }
    line(&mut page, "calls", &calls_line(vitals));
    line(&mut page, "audio", &audio_line(vitals, screen));
    for (place, queue) in vitals.queues.iter().enumerate() {
        let text = format!(
            "{:<8} {} of {}, at most {}, found full {}",
            printable(&queue.name),
            count(queue.length as u64),
            count(queue.capacity as u64),
            count(queue.high_water as u64),
            grouped(queue.refused, "time")
        );
        line(&mut page, if place == 0 { "queues" } else { "" }, &text);
    }
    let rings = &vitals.rings;
    let text = format!(
        "{} of {}, at most {}",
        memory(rings.bytes),
        memory(rings.budget_bytes),
        memory(rings.high_water_bytes)
    );
    line(&mut page, "rings", &text);
    if let Some(of) = &vitals.memory {
        line(&mut page, "memory", &memory_line(of, vitals.calls.running));
    }
    line(&mut page, "vault", &vault_line(vitals));
    line(&mut page, "disk", &disk_line(vitals));
    line(&mut page, "clock", &clock_line(vitals));
    alarm_lines(&mut page, vitals, screen);
    page
}

fn line(page: &mut String, name: &str, text: &str) {
    // Writing into a String cannot fail.
    writeln!(page, "  {name:<11} {text}").unwrap_or_default();
}

/// What it does, since when and by which rules.
pub(crate) fn heading(vitals: &Vitals, now: WallTime, screen: Screen) -> String {
    let state = match vitals.state {
        State::Recording if vitals.alarms.is_empty() => screen.painted("recording", AnsiColor::Green),
        State::Recording => screen.painted("recording", AnsiColor::Yellow),
        State::Hanging => {
            let age = time(vitals.oldest_sign().seconds_until(now));
            screen.painted(format_args!("hanging: it last looked {age} ago"), AnsiColor::Red)
        }
    };
    let rules: String = vitals.rule_set.chars().take(HASH_DIGITS).collect();
    format!(
        "{state} since {} ({}), rule set {}",
        vitals.started.for_people(),
        time(vitals.started.seconds_until(now)),
        printable(&rules)
    )
}

/// The process's memory, and what of it each call takes.
fn memory_line(of: &MemoryVitals, calls: usize) -> String {
    let in_bytes = |number: u64| memory(usize::try_from(number).unwrap_or(usize::MAX));
    let begun = format!(
        "{}, {} of it from before the first call",
        in_bytes(of.resident_bytes),
        in_bytes(of.begun_bytes)
    );
    let locked = if of.locked_bytes > 0 { "locked" } else { "not locked: it may be swapped out" };
    match of.per_call_bytes {
        Some(each) => {
            let calls = grouped(calls as u64, "call");
            format!("{begun}, {} for each of {calls}; {locked}", in_bytes(each))
        }
        None => format!("{begun}; {locked}"),
    }
}

fn rules_line(vitals: &Vitals, since: &str) -> String {
    let rules: String = vitals.rule_set.chars().take(HASH_DIGITS).collect();
    let refused = vitals.rules_refused_since.map_or_else(String::new, |at| {
        format!("; those on the disk have errors and were refused at {}", at.for_people())
    });
    format!("{} in force since {since}{refused}", printable(&rules))
}

/// An interface in a line.
pub(crate) fn interface_line(interface: &InterfaceVitals, screen: Screen) -> String {
    let link = match interface.link {
        LinkWord::Up => interface.link.word().to_owned(),
        LinkWord::Down | LinkWord::Gone => screen.painted(interface.link.word(), AnsiColor::Red),
    };
    let drops = interface.kernel_drops + interface.interface_drops;
    let dropped = format!("{} dropped", count(drops));
    let dropped = if drops > 0 { screen.painted(dropped, AnsiColor::Red) } else { dropped };
    let agents = interface.hep.as_ref().map(|hep| agents(hep, screen)).unwrap_or_default();
    format!(
        "{:<8} {link}, {} frames/s, {}/s, {} frames, {dropped}{agents}",
        printable(&interface.name),
        count(interface.frames_per_second.round() as u64),
        bytes(interface.bytes_per_second),
        count(interface.frames),
    )
}

/// From so many seconds on a clock is wrong, and not the network slow.
const CLOCK_IS_OFF: f64 = 1.0;

/// What there is to say of the capture agents at a port.
fn agents(hep: &HepVitals, screen: Screen) -> String {
    let refused = [
        (hep.wrong_key, "with a wrong key"),
        (hep.not_hep, "no HEP"),
        (hep.refused, "connections refused"),
        (hep.too_slow, "connections too slow"),
    ];
    let refused = refused.into_iter().filter(|(times, _)| *times > 0);
    let refused =
        refused.map(|(times, what)| screen.painted(format!("{} {what}", count(times)), AnsiColor::Red));
    let off = hep.clock_difference_seconds.filter(|seconds| seconds.abs() >= CLOCK_IS_OFF);
    let off = off.map(|seconds| {
        let (by, whither) = (seconds.abs(), if seconds > 0.0 { "ahead" } else { "behind" });
        screen.painted(format!("an agent's clock {by:.1} s {whither}"), AnsiColor::Yellow)
    });
    let said =
        [format!("{} connections", count(hep.connections as u64))].into_iter().chain(refused).chain(off);
    said.map(|one| format!(", {one}")).collect()
}

/// The calls in a line.
pub(crate) fn calls_line(vitals: &Vitals) -> String {
    let calls = &vitals.calls;
    let mut text = format!(
        "{} running; {} begun, {} answered, {} not to be kept",
        count(calls.running as u64),
        count(calls.begun),
        count(calls.answered),
        count(calls.not_admitted)
    );
    for (what, number) in
        [("taken up after a restart", calls.resumed), ("messages beyond the call table", calls.table_full)]
    {
        if number > 0 {
            // Writing into a String cannot fail.
            write!(text, ", {} {what}", count(number)).unwrap_or_default();
        }
    }
    text
}

/// The packets in a line.
pub(crate) fn audio_line(vitals: &Vitals, screen: Screen) -> String {
    let media = &vitals.media;
    let lost = format!("{} lost", count(media.lost));
    let lost = if media.lost > 0 { screen.painted(lost, AnsiColor::Red) } else { lost };
    let waiting = media.waiting.as_ref().map_or_else(String::new, |waiting| {
        let lost = waiting
            .lost_in_seconds
            .map_or_else(String::new, |left| format!(", the first are lost in about {}", time(left)));
        let (packets, seconds) = (count(waiting.packets), time(waiting.seconds));
        format!("; {packets} of them ({seconds}) wait for room on the disk{lost}")
    });
    format!("{} packets kept, {lost}{waiting}", count(media.kept))
}

fn vault_line(vitals: &Vitals) -> String {
    let written = &vitals.written;
    let mut text = format!(
        "{} sealed, {} listed, slowest commit of the last minute {:.0} ms",
        bytes(written.bytes as f64),
        grouped(written.calls, "call"),
        written.slowest_commit_seconds * 1e3
    );
    if let Some(since) = written.waits_since {
        // Writing into a String cannot fail.
        write!(text, ", waits for room since {}", since.for_people()).unwrap_or_default();
    }
    text
}

/// The disk in a line.
pub(crate) fn disk_line(vitals: &Vitals) -> String {
    let disk = &vitals.disk;
    let full = disk.seconds_to_full.map_or_else(String::new, |left| format!(": full in {}", time(left)));
    format!(
        "{} free of {}, {}/s{full}",
        bytes(disk.free_bytes as f64),
        bytes(disk.total_bytes as f64),
        bytes(disk.bytes_per_second)
    )
}

fn clock_line(vitals: &Vitals) -> String {
    match vitals.clock.steps {
        0 => "was not set".to_owned(),
        steps => format!("was set {}", grouped(steps, "time")),
    }
}

fn alarm_lines(page: &mut String, vitals: &Vitals, screen: Screen) {
    if vitals.alarms.is_empty() {
        return line(page, "alarms", "none");
    }
    for (place, alarm) in vitals.alarms.iter().enumerate() {
        let colour = if alarm.loss { AnsiColor::Red } else { AnsiColor::Yellow };
        let code = screen.painted(printable(&alarm.code), colour);
        let text = format!("{code} since {}: {}", alarm.since.for_people(), printable(&alarm.sentence));
        line(page, if place == 0 { "alarms" } else { "" }, &text);
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Seoul;

    use super::*;
    use crate::{
        exit::Exit,
        instruments::sample::{at, healthy, losing},
        seat::Screen,
    };

    #[test]
    fn a_healthy_recorder_is_one_calm_screen() {
        let memory = MemoryVitals {
            resident_bytes: 70 << 20,
            begun_bytes: 50 << 20,
            audio_bytes: 12 << 20,
            per_call_bytes: Some(39_568),
            locked_bytes: 1 << 30,
        };
        let vitals = Vitals::new(&healthy(), Seoul).beside(Some(memory)).seen_at(at(7201));
        let page = vitals_page(&vitals, at(7201), Screen::Pipe);
        let expected = "\
recording since 2026-11-21 09:00:00 (2 h 0 min), rule set 5a5a5a5a5a5a
  interfaces  eth1     up, 5,056 frames/s, 1.1 MB/s, 36,400,000 frames, 0 dropped
              eth2     up, 10 frames/s, 2.2 kB/s, 72,000 frames, 0 dropped
  rules       5a5a5a5a5a5a in force since 2026-11-21 10:00:00
  calls       212 running; 2,000 begun, 1,900 answered, 500 not to be kept
  audio       36,000,000 packets kept, 0 lost
  queues      backlog  0 of 65,536, at most 3, found full 0 times
              work     2 of 1,024, at most 40, found full 0 times
              written  0 of 1,024, at most 17, found full 0 times
              notes    0 of 256, at most 0, found full 0 times
  rings       12.0 MiB of 1.0 GiB, at most 30.0 MiB
  memory      70.0 MiB, 50.0 MiB of it from before the first call, 38.6 KiB for each of 212 calls; locked
  vault       5.4 GB sealed, 1,788 calls listed, slowest commit of the last minute 12 ms
  disk        100 GB free of 120 GB, 50.0 kB/s: full in 23 days
  clock       was not set
  alarms      none
";
        assert_eq!(page, expected);
        assert_eq!(vitals.exit(), Exit::Done);
    }

    #[test]
    fn an_alarm_is_told_in_a_sentence_and_by_the_exit_code() {
        let vitals = Vitals::new(&losing(), Seoul).seen_at(at(7201));
        let page = vitals_page(&vitals, at(7201), Screen::Pipe);
        assert!(page.contains("eth2     down, "), "{page}");
        assert!(
            page.contains("  alarms      interface_down since 2026-11-21 10:59:00: an interface is down"),
            "{page}"
        );
        assert!(page.contains("              frames_lost since 2026-11-21 10:59:59: "), "{page}");
        assert_eq!(vitals.exit(), Exit::Loss);
    }

    #[test]
    fn audio_that_waits_for_room_is_told_with_the_time_that_is_left() {
        let mut health = healthy();
        health.waiting = Some(earwitness_recorder::WaitingHealth {
            packets: 1200,
            seconds: 12.0,
            lost_in_seconds: Some(180.0),
        });
        let page = vitals_page(&Vitals::new(&health, Seoul), at(7201), Screen::Pipe);
        let expected = "  audio       36,000,000 packets kept, 0 lost; 1,200 of them (12 s) wait for room on the disk, \
                        the first are lost in about 3 min";
        assert!(page.contains(expected), "{page}");
    }

    #[test]
    fn health_that_is_old_is_of_a_recorder_that_hangs() {
        let vitals = Vitals::new(&healthy(), Seoul);
        assert_eq!(vitals.clone().seen_at(at(7205)).exit(), Exit::Done);
        let hanging = vitals.seen_at(at(7206));
        assert_eq!((hanging.state, hanging.exit()), (State::Hanging, Exit::Failed));
        let mut stalled = healthy();
        stalled.threads[1].alive = Some(at(7190));
        let stalled = Vitals::new(&stalled, Seoul).seen_at(at(7200));
        assert_eq!(
            (stalled.state, stalled.exit()),
            (State::Hanging, Exit::Failed),
            "one of its threads does"
        );
        assert!(heading(&hanging, at(7206), Screen::Pipe).starts_with("hanging: it last looked 6 s ago"));
    }
}

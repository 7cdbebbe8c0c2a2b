//! The recorder is killed, again and again, while calls run: each kill costs a running call at most 0.7 s beyond the time
//! that no recorder ran, and finished calls nothing.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::talk::Talk;
use crate::lab::{
    Lab, health, listing,
    phones::Bank,
    program,
    recorder::{self, Recorder, Settings},
    room::Host,
    table::Table,
    voice::{Kept, PACKET, Voice},
};

/// How often.
const KILLS: usize = 20;
/// From a recorder's readiness to its end.
const ALIVE: Duration = Duration::from_millis(2_500);
/// Packets of 0.7 s: half a second fills a segment, a twentieth waits to be written, and the rest is on its way between
/// kernel and engine.
const BOUND: usize = 35;

pub(super) fn run(lab: &Lab, table: &mut Table) -> Result<()> {
    let settings = Settings::of(lab);
    let mut recorder = Recorder::start(lab, &settings)?;
    Talk::new(1, 5, 3, Host::PhonesB).start(lab, 5)?.finish()?;
    let hung_up = Instant::now();
    let mut before = Vec::new();
    program::until(Duration::from_secs(60), "the finished calls to be listed", || {
        sleep(Duration::from_secs(1));
        before = lines(lab, &settings)?;
        Ok(before.len() == 5)
    })?;
    let listed_after = hung_up.elapsed();

    let seconds = lab.order.seconds.unwrap_or(KILLS as u32 * 4 + 10);
    let bank = Bank::new(1, lab.order.calls.unwrap_or(20), seconds);
    let busy = bank.call(lab, Host::PhonesB, 20)?;
    sleep(Duration::from_secs(3));
    let mut down = Vec::new();
    for _ in 0..KILLS {
        sleep(ALIVE);
        let dead = Instant::now();
        recorder.kill()?;
        recorder = Recorder::start(lab, &settings)?;
        down.push(dead.elapsed());
    }
    busy.finish()?;
    sleep(Duration::from_secs(2));
    let ended = recorder.stop(lab)?;

    table.equal("recorder's exit code", ended.code.unwrap_or(-1), 0);
    let after = lines(lab, &settings)?;
    let untouched = before.iter().filter(|line| after.contains(line)).count();
    table.equal("finished calls that are as they were", untouched, before.len());
    table.figure(
        "from the last call's end to the listing",
        format_args!("{:.1} s", listed_after.as_secs_f64()),
    );
    check_running(lab, &settings, &bank, &down, table)?;
    let verified = recorder::verify(lab, &settings.vault);
    table.check("verify --all --opened", verified.as_deref().unwrap_or("failed"), verified.is_ok());
    let covered = health::coverage(lab, &settings.vault)?;
    table.equal("times without a recorder in the coverage", health::gaps(&covered, "recorder_down").0, KILLS);
    let longest = down.iter().max().copied().unwrap_or_default();
    table.figure("kills", KILLS);
    table.figure("from kill to readiness, at most", format_args!("{:.2} s", longest.as_secs_f64()));
    Ok(())
}

/// The listing of finished calls, line by line.
fn lines(lab: &Lab, settings: &Settings) -> Result<Vec<String>> {
    let calls = listing::calls(lab, &settings.vault)?;
    Ok(calls.iter().filter(|call| call.to() == "4000").map(|call| call.json.to_string()).collect())
}

/// The checks of the calls that ran through every kill.
fn check_running(
    lab: &Lab,
    settings: &Settings,
    bank: &Bank,
    down: &[Duration],
    table: &mut Table,
) -> Result<()> {
    let calls: Vec<_> = listing::calls(lab, &settings.vault)?
        .into_iter()
        .filter(|call| call.to() == bank.extension())
        .collect();
    let mut payloads = listing::payloads(lab, &settings.vault, &calls)?;
    let mut ids: Vec<&str> = calls.iter().map(listing::Call::sip_call_id).collect();
    ids.sort_unstable();
    ids.dedup();
    table.equal("calls that ran", ids.len(), bank.calls as usize);
    let (mut foreign, mut worst, mut runs, mut lost) = (0, 0, 0, 0);
    for id in &ids {
        for (leg, voice) in [("caller", &bank.caller), ("callee", &bank.callee)] {
            let parts = calls.iter().filter(|call| call.sip_call_id() == *id);
            let parts =
                parts.flat_map(|call| payloads.get_mut(call.id()).map(std::mem::take).unwrap_or_default());
            let (of_leg, others): (Vec<_>, Vec<_>) = parts.partition(|payload| payload.leg == leg);
            for other in others {
                let call = other.name.split('.').next().unwrap_or_default().to_owned();
                payloads.entry(call).or_default().push(other);
            }
            match voice.compare(&joined(voice, of_leg.into_iter().map(|payload| payload.bytes).collect())) {
                Kept::Whole => {}
                Kept::Foreign(_) => foreign += 1,
                Kept::Part { missing } => {
                    runs = runs.max(missing.len());
                    lost += missing.iter().map(|(_, count)| count).sum::<usize>();
                    worst = worst.max(beyond(&missing, down));
                }
            }
        }
    }
    table.equal("streams with bytes that nobody said", foreign, 0);
    table.check("holes in a stream, at most", runs, runs <= down.len());
    table.check(
        "audio lost by a kill, beyond the downtime",
        format_args!("{} ms", worst * 20),
        worst <= BOUND,
    );
    let streams = ids.len() * 2 * down.len();
    table.figure(
        "audio lost by a kill, downtime included, on average",
        format_args!("{} ms", lost * 20 / streams.max(1)),
    );
    table.figure("parts of a call", calls.len() / ids.len().max(1));
    Ok(())
}

/// The parts of a stream in the order of the voice.
fn joined(voice: &Voice, mut parts: Vec<Vec<u8>>) -> Vec<u8> {
    parts.sort_by_cached_key(|part| part.get(..PACKET).and_then(|packet| voice.place(packet)));
    parts.concat()
}

/// Packets that the worst hole has more than the downtime that it belongs to. Holes come in the order of the kills; where
/// there are fewer, a kill cost nothing and each is held against the longest downtime.
fn beyond(missing: &[(usize, usize)], down: &[Duration]) -> usize {
    let packets = |time: &Duration| time.as_millis().div_ceil(20) as usize;
    let longest = down.iter().map(packets).max().unwrap_or(0);
    let each = missing.iter().enumerate().map(|(at, (_, count))| {
        let allowed =
            if missing.len() == down.len() { down.get(at).map_or(longest, packets) } else { longest };
        count.saturating_sub(allowed)
    });
    each.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_held_against_its_own_downtime() {
        let down = [Duration::from_millis(400), Duration::from_millis(100)];
        assert_eq!(beyond(&[(10, 30), (100, 20)], &down), 15);
        assert_eq!(beyond(&[(10, 30)], &down), 10);
        assert_eq!(beyond(&[], &down), 0);
    }

    #[test]
    fn parts_are_joined_in_the_order_they_were_said() {
        let voice = Voice::new(1, 6);
        let said = voice.payload();
        let parts = vec![said[3 * PACKET..].to_vec(), said[..2 * PACKET].to_vec()];
        assert_eq!(voice.compare(&joined(&voice, parts)), Kept::Part { missing: vec![(2, 1)] });
    }
}

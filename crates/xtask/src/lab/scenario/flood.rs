//! Garbage, calls that are only begun, a scanner, and audio that nobody announced, each beside real calls that must be
//! kept to the last byte, in bounded memory.

use std::time::Duration;

use anyhow::Result;

use super::talk::Talk;
use crate::lab::{
    Lab, cost, listing,
    recorder::{self, Recorder, Settings},
    room::Host,
    sender::Sender,
    table::Table,
};

/// What the recorder may use at most: its ring, its index, and the pool that 20 calls need.
const MEMORY_MIB: f64 = 700.0;

/// Name, kind, frames, frames per second. The last goes to the first real callee's port.
const FLOODS: [(&str, &str, u32, u32); 4] = [
    ("garbage", "garbage", 1_500_000, 150_000),
    ("INVITEs", "invites", 100_000, 10_000),
    ("a scanner", "scan", 50_000, 5_000),
    ("RTP to a call's port", "10.77.2.1:20000", 200_000, 20_000),
];

pub(super) fn run(lab: &Lab, table: &mut Table) -> Result<()> {
    let seconds = lab.order.seconds.unwrap_or(15);
    for (number, (name, kind, frames, rate)) in FLOODS.into_iter().enumerate() {
        let vault = lab.path(&format!("vault-{number}"));
        let settings = Settings { vault, ..Settings::of(lab) };
        let recorder = Recorder::start(lab, &settings)?;
        let talk = Talk::new(1, lab.order.calls.unwrap_or(20), seconds, Host::PhonesB);
        let going = talk.start(lab, 20)?;
        std::thread::sleep(Duration::from_secs(2));
        let before = lab.room.mirrored()?;
        let line = format!("--flood {kind} --frames {frames} --rate {rate} --seed 5");
        let sent = Sender::start(lab, "sender", &line)?.finish(Duration::from_secs(120))?;
        going.finish()?;
        let mirrored = lab.room.mirrored()? - before;
        let cost = cost::of(recorder.pid())?;
        let ended = recorder.stop(lab)?;

        let listed = listing::calls(lab, &settings.vault)?;
        let found = talk.find(lab, &settings.vault, &listed)?;
        table.figure(
            name,
            format_args!("{} frames, {:.0} kpps, {mirrored} with the calls'", sent.frames, sent.kpps()),
        );
        table.equal("  real calls listed as answered", found.answered, talk.calls());
        table.equal("  their streams, whole", found.whole, talk.calls() * 2);
        table.check(
            "  resident memory at most",
            format_args!("{:.0} MiB", cost.peak_mib),
            cost.peak_mib < MEMORY_MIB,
        );
        let verified = recorder::verify(lab, &settings.vault);
        table.check("  verify --all --opened", verified.as_deref().unwrap_or("failed"), verified.is_ok());
        table.figure("  calls listed in all", listed.len());
        table.figure("  the recorder said", ended.log.trim().replace('\n', " | "));
        if let Some(first) = &found.first {
            table.figure("  the first stream that is not whole", first);
        }
    }
    Ok(())
}

//! The vault's disk fills up while calls run: an alarm stands, what does not fit is a counted gap, nothing that was
//! sealed is harmed, and recording goes on by itself when there is room again.

use std::{
    fs,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use super::talk::{Found, Talk};
use crate::{
    lab::{
        Lab, health, listing, program,
        recorder::{self, Recorder, Settings},
        room::Host,
        sender::Sender,
        table::Table,
    },
    process,
};

/// The disk, and what lies on it until room is made.
const DISK_MIB: u32 = 64;
const BALLAST_MIB: usize = 40;
/// From the first call to the moment at which room is made.
const ROOM_AFTER: Duration = Duration::from_secs(30);

pub(super) fn run(lab: &Lab, table: &mut Table) -> Result<()> {
    let disk = lab.path("disk");
    fs::create_dir(&disk).context("the place of the disk")?;
    let size = format!("size={DISK_MIB}m");
    process::succeed(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "ew-lab"]).arg(&disk))?;
    let ballast = disk.join("ballast");
    fs::write(&ballast, vec![1; BALLAST_MIB << 20]).context("the ballast")?;

    // Little memory, so that what the disk does not take becomes a gap within seconds.
    let settings = Settings {
        vault: disk.join("vault"),
        more: vec!["--memory".to_owned(), "4".to_owned()],
        ..Settings::of(lab)
    };
    let recorder = Recorder::start(lab, &settings)?;
    let talk = Talk::new(1, 10, 38, Host::PhonesB);
    let going = talk.start(lab, 20)?;
    let calls = lab.order.calls.unwrap_or(80);
    let load = Sender::start(lab, "sender", &format!("--calls {calls} --seconds 37 --spread 1 --seed 13"))?;
    let begun = Instant::now();
    let alarmed = alarm(lab, &settings, true);
    table.check("the alarm `disk_full` stands", told(&alarmed), alarmed.is_ok());
    sleep(ROOM_AFTER.saturating_sub(begun.elapsed()));
    fs::remove_file(&ballast).context("the ballast")?;
    let cleared = alarm(lab, &settings, false);
    table.check("it is gone after room was made", told(&cleared), cleared.is_ok());
    going.finish()?;
    load.finish(Duration::from_secs(60))?;
    let ended = recorder.stop(lab)?;

    table.equal("recorder's exit code: loss", ended.code.unwrap_or(-1), 6);
    let listed = listing::calls(lab, &settings.vault)?;
    table.equal("calls listed", listed.len() as u64, talk.calls() + u64::from(calls));
    check_talk(&talk, &talk.find(lab, &settings.vault, &listed)?, table);
    let covered = health::coverage(lab, &settings.vault)?;
    let (windows, _) = health::gaps(&covered, "disk_full");
    table.check("windows without room in the coverage", windows, windows > 0);
    let verified = recorder::verify(lab, &settings.vault);
    table.check("verify --all --opened", verified.as_deref().unwrap_or("failed"), verified.is_ok());
    table.figure("the recorder said", ended.log.trim().replace('\n', " | "));
    Ok(())
}

/// The checks of the real calls: what is missing is in the middle, and told.
fn check_talk(talk: &Talk, found: &Found, table: &mut Table) {
    table.equal("streams with bytes that nobody said", found.foreign, 0);
    table.check("packets of real calls are missing", found.missing, found.missing > 0);
    table.equal("packets kept and missing", found.kept + found.missing, found.streams * talk.packets());
    table.equal("lost in the listing, of those missing", found.lost, found.missing);
    table.check("gaps in the listing", found.gaps, found.gaps >= found.calls);
    table.equal("streams that were recorded again to their end", found.to_the_end, found.streams);
}

/// Waits until the alarm stands, or does not.
fn alarm(lab: &Lab, settings: &Settings, stands: bool) -> Result<()> {
    program::until(ROOM_AFTER, "the alarm `disk_full`", || {
        Ok(health::of(lab, &settings.vault)?.has_alarm("disk_full") == stands)
    })
}

fn told(outcome: &Result<()>) -> String {
    outcome.as_ref().map_or_else(|error| format!("{error:#}"), |()| "yes".to_owned())
}

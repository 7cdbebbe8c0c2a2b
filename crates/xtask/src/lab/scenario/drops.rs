//! Frames that the recorder could not take: a small ring, and a recorder that stands still while calls go on. What is
//! missing is counted to the frame, and told in every call that it touches.

use std::{thread::sleep, time::Duration};

use anyhow::Result;

use super::talk::Talk;
use crate::lab::{
    Lab, health,
    listing::{self, Call},
    recorder::{self, Recorder, Settings},
    room::Host,
    sender::{Sender, Sent},
    table::Table,
};

/// How long the recorder stands still.
const STILL: Duration = Duration::from_secs(3);

pub(super) fn run(lab: &Lab, table: &mut Table) -> Result<()> {
    let (calls, seconds) = (lab.order.calls.unwrap_or(300), lab.order.seconds.unwrap_or(25));
    let settings = Settings { ring_mib: 1, ..Settings::of(lab) };
    let recorder = Recorder::start(lab, &settings)?;
    let talk = Talk::new(1, 20, seconds, Host::PhonesB);
    let going = talk.start(lab, 20)?;
    let load =
        Sender::start(lab, "sender", &format!("--calls {calls} --seconds {seconds} --spread 2 --seed 12"))?;
    sleep(Duration::from_secs(u64::from(seconds) / 3));
    recorder.signal("STOP")?;
    sleep(STILL);
    recorder.signal("CONT")?;
    let sent = load.finish(Duration::from_secs(u64::from(seconds) * 2 + 30))?;
    going.finish()?;
    sleep(Duration::from_secs(2));
    let mirrored = lab.room.mirrored()?;
    let ended = recorder.stop(lab)?;

    let (taken, dropped) =
        (ended.count(" frames,"), ended.count(" frames that kernel and interfaces dropped"));
    table.check("frames were dropped", dropped, dropped > 0);
    table.equal("frames taken and frames dropped, of those on the mirror", taken + dropped, mirrored);
    table.equal("recorder's exit code: loss", ended.code.unwrap_or(-1), 6);
    let listed = listing::calls(lab, &settings.vault)?;
    let found = talk.find(lab, &settings.vault, &listed)?;
    table.equal("real calls listed", found.calls, talk.calls());
    table.equal("streams with bytes that nobody said", found.foreign, 0);
    table.equal(
        "packets of real calls kept and missing",
        found.kept + found.missing,
        found.streams * talk.packets(),
    );
    table.equal("packets of real calls lost in the listing, of those missing", found.lost, found.missing);
    table.equal(
        "packets of all calls kept and lost, of those sent",
        packets(&listed),
        said(&talk, calls, &sent),
    );
    let silent = listed.iter().filter(|call| call.gaps(Some("capture")) == 0).count();
    table.equal("calls without a gap made by the capture", silent, 0);
    let verified = recorder::verify(lab, &settings.vault);
    table.check("verify --all --opened", verified.as_deref().unwrap_or("failed"), verified.is_ok());
    table.figure("rate", format_args!("{:.1} kpps", sent.kpps()));
    table.figure("the recorder said", ended.log.trim().replace('\n', " | "));
    let covered = health::coverage(lab, &settings.vault)?;
    let (windows, frames) = health::gaps(&covered, "kernel_drops");
    table.check("windows of loss in the coverage", windows, windows > 0);
    table.equal("frames that they tell of", frames, dropped);
    Ok(())
}

/// Packets of the listing: those that are there and those that are not.
fn packets(listed: &[Call]) -> u64 {
    listed.iter().flat_map(|call| &call.streams).map(|stream| stream.packets + stream.lost).sum()
}

/// Packets that were sent: by the real phones, and by the sender, each of whose calls has seven messages beside.
fn said(talk: &Talk, calls: u32, sent: &Sent) -> u64 {
    talk.calls() * 2 * talk.packets() + sent.frames - u64::from(calls) * 7
}

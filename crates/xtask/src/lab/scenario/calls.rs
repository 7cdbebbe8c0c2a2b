//! Real calls between phones, with and without a telephone system between: every byte is there.

use anyhow::Result;

use super::talk::{Found, Talk};
use crate::lab::{
    Lab, cost, listing,
    recorder::{self, Recorder, Settings},
    room::{Host, Mirror},
    scrape,
    table::Table,
};

/// Phones that call each other.
pub(super) fn plain(lab: &Lab, table: &mut Table) -> Result<()> {
    let (calls, seconds) = (lab.order.calls.unwrap_or(20), lab.order.seconds.unwrap_or(15));
    hold(lab, table, &Talk::new(1, calls, seconds, Host::PhonesB))
}

/// Phones that call by way of the telephone system.
pub(super) fn through_exchange(lab: &Lab, table: &mut Table) -> Result<()> {
    let (calls, seconds) = (lab.order.calls.unwrap_or(200), lab.order.seconds.unwrap_or(60));
    hold(lab, table, &Talk::new(4, calls, seconds, Host::Pbx))
}

fn hold(lab: &Lab, table: &mut Table, talk: &Talk) -> Result<()> {
    let settings = Settings { more: scrape::options(lab), ..Settings::of(lab) };
    let recorder = Recorder::start(lab, &settings)?;
    let going = talk.start(lab, 10)?;
    going.finish()?;
    scrape::check(lab, table)?;
    let cost = cost::of(recorder.pid())?;
    // The room is never quite silent: what is mirrored lies between two looks at what entered.
    let (before, mirrored, after) = (lab.room.entered()?, lab.room.mirrored()?, lab.room.entered()?);
    let ended = recorder.stop(lab)?;

    let calls = listing::calls(lab, &settings.vault)?;
    let found = talk.find(lab, &settings.vault, &calls)?;
    let mirror = lab.order.mirror;
    match mirror {
        Mirror::Both | Mirror::Doubled | Mirror::OneWay => {
            table.equal("recorder's exit code", ended.code.unwrap_or(-1), 0);
            found.check_whole(talk, mirror, table);
        }
        Mirror::Narrow => narrow(talk, &found, table),
    }
    if mirror == Mirror::Both {
        let found = format!("{mirrored}, {before} to {after} entered");
        table.check(
            "every frame that entered the switch is on the mirror",
            found,
            (before..=after).contains(&mirrored),
        );
    }
    let verified = recorder::verify(lab, &settings.vault);
    table.check("verify --all --opened", verified.as_deref().unwrap_or("failed"), verified.is_ok());
    table.figure("frames on the mirror", mirrored);
    table.figure(
        "processor time of the recorder per frame",
        format_args!("{:.2} µs", cost.cpu_s * 1e6 / mirrored.max(1) as f64),
    );
    table.figure("resident memory at most", format_args!("{:.0} MiB", cost.peak_mib));
    table.figure("from SIGTERM to its end", format_args!("{:.2} s", ended.took.as_secs_f64()));
    if let Some(call) = calls.first() {
        for stream in &call.streams {
            table.figure("a call's stream", format_args!("{} {} > {}", stream.leg, stream.src, stream.dst));
        }
    }
    table.figure("the recorder said", ended.log.trim().replace('\n', " | "));
    Ok(())
}

/// What must hold when the mirror port itself loses frames.
fn narrow(talk: &Talk, found: &Found, table: &mut Table) {
    let said = found.streams * talk.packets();
    table.check("packets are missing", found.missing, found.missing > 0);
    table.equal("streams with bytes that nobody said", found.foreign, 0);
    table.equal("kept and missing", found.kept + found.missing, said);
    // What is lost before the first or after the last packet of a stream is in no number that it carries.
    table.check(
        "lost in the listing, of those missing",
        format_args!("{} of {}", found.lost, found.missing),
        found.lost > 0 && found.lost <= found.missing,
    );
    table.check("gaps in the listing", found.gaps, found.gaps > 0);
}

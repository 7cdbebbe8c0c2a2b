//! A thousand generated calls live on the mirror: nothing is lost, and every payload hashes to what was sent.

use std::{collections::HashMap, time::Duration};

use anyhow::Result;
use serde_json::Value;

use crate::lab::{
    Lab, cost,
    listing::{self, Call},
    recorder::{self, Recorder, Settings},
    sender::{self, Sender},
    table::Table,
};

pub(super) fn run(lab: &Lab, table: &mut Table) -> Result<()> {
    let (calls, seconds) = (lab.order.calls.unwrap_or(1_000), lab.order.seconds.unwrap_or(60));
    let line = format!("--calls {calls} --seconds {seconds} --spread 5 --seed 11");
    let truth = sender::truth(lab, &line)?;
    let settings = Settings::of(lab);
    let recorder = Recorder::start(lab, &settings)?;
    let before = cost::of(recorder.pid())?;
    let sent =
        Sender::start(lab, "sender", &line)?.finish(Duration::from_secs(u64::from(seconds) * 2 + 60))?;
    let mirrored = lab.room.mirrored()?;
    let after = cost::of(recorder.pid())?;
    let ended = recorder.stop(lab)?;

    let listed = listing::calls(lab, &settings.vault)?;
    table.equal("recorder's exit code", ended.code.unwrap_or(-1), 0);
    table.equal("frames on the mirror", mirrored, sent.frames);
    compare(&listed, &truth, table);
    let verified = recorder::verify(lab, &settings.vault);
    table.check("verify --all --opened", verified.as_deref().unwrap_or("failed"), verified.is_ok());
    table.figure("rate", format_args!("{:.1} kpps for {:.1} s", sent.kpps(), sent.took_s));
    table.figure("the sender's latest frame", format_args!("{:.1} ms late", sent.late_ms));
    let cpu = after.cpu_s - before.cpu_s;
    table.figure(
        "processor time of the recorder",
        format_args!(
            "{:.3} µs per frame, {:.0} % of one of {} cores",
            cpu * 1e6 / sent.frames.max(1) as f64,
            cpu * 100.0 / sent.took_s.max(1e-9),
            cost::cores()
        ),
    );
    table.figure("resident memory at most", format_args!("{:.0} MiB", after.peak_mib));
    table.figure("from SIGTERM to its end", format_args!("{:.2} s", ended.took.as_secs_f64()));
    table.figure("the recorder said", ended.log.trim().replace('\n', " | "));
    Ok(())
}

/// The checks of generated calls that must be there to the last byte.
pub(super) fn compare(listed: &[Call], truth: &[Value], table: &mut Table) {
    let by_id: HashMap<&str, &Call> = listed.iter().map(|call| (call.sip_call_id(), call)).collect();
    let (mut there, mut streams, mut exact, mut lost, mut expected) = (0, 0, 0, 0, 0);
    for call in truth {
        let sent = call["streams"].as_array().map_or(&[][..], Vec::as_slice);
        expected += sent.len();
        let Some(kept) = call["sip_call_id"].as_str().and_then(|id| by_id.get(id)) else { continue };
        there += usize::from(kept.outcome() == "answered");
        streams += kept.streams.len();
        lost += kept.streams.iter().map(|stream| stream.lost).sum::<u64>();
        exact += sent.iter().filter(|sent| kept.streams.iter().any(|kept| is_as_sent(kept, sent))).count();
    }
    table.equal("generated calls listed as answered", there, truth.len());
    table.equal("streams listed", streams, expected);
    table.equal("streams with the packets and the payload hash as sent", exact, expected);
    table.equal("packets lost by the listing", lost, 0);
}

fn is_as_sent(kept: &listing::Stream, sent: &Value) -> bool {
    sent["src"] == *kept.src
        && sent["dst"] == *kept.dst
        && sent["ssrc"] == *kept.ssrc
        && sent["leg"] == *kept.leg
        && sent["packets"] == kept.packets
        && sent["payload_blake3"] == *kept.blake3
}

//! `earwitness dispose plan`.

use std::{collections::BTreeMap, io::Write};

use earwitness_model::{PacketTime, WallTime};
use earwitness_vault::{Plan, Planned, Vault};
use serde_json::json;

use crate::{
    cmd::Form,
    context::Context,
    exit::{Exit, Outcome},
    filter::{Edge, time},
    view::{bytes, counted},
};

pub(super) fn run(context: &Context, vault: &Vault, (by, form): (Option<&str>, Form)) -> Outcome {
    let now = Context::now();
    // What is due by a day is what is due when it is over.
    let by = by.map(|by| time(("--by", by), Edge::Until, (now, vault.zone()))).transpose()?;
    let by = by.map_or(now, |by| WallTime::from_nanos(by.nanos()));
    let plan = vault.dispose_plan(now, by)?;
    match form {
        Form::Json => lines(context, &plan)?,
        Form::Page => page(context, &plan)?,
    }
    if let Some(leap) = plan.leap {
        let time = |at: WallTime| crate::view::instant(PacketTime::from_nanos(at.nanos()), vault.zone());
        context.say(format_args!(
            "the clock leapt from {} to {}: until somebody says that it is right (`earwitness dispose run --confirm-clock`), nothing is destroyed",
            time(leap.from),
            time(leap.to)
        ));
    }
    if plan.damage > 0 {
        context.say(format_args!(
            "{} of the ledger cannot be read, and a hold may have stood there: nothing is destroyed until somebody has looked",
            counted(plan.damage, "place")
        ));
    }
    Ok(Exit::Done)
}

fn lines(context: &Context, plan: &Plan) -> std::io::Result<()> {
    let mut out = context.out();
    for Planned { due, hold } in &plan.planned {
        let object = json!({
            "schema": 1,
            "recording": due.subject.recording.to_string(),
            "call": due.subject.call.map(|call| call.to_string()),
            "class": due.subject.class,
            "day": due.subject.day.to_string(),
            "kept_until": due.until.to_string(),
            "rule": due.told.as_ref().and_then(|told| told.rule.clone()),
            "sealed_bytes": due.told.as_ref().map(|told| told.sealed_bytes),
            "hold": hold.map(|hold| hold.to_string()),
        });
        writeln!(out, "{object}")?;
    }
    Ok(())
}

/// One line of the page.
#[derive(Default)]
struct Sum {
    recordings: u64,
    bytes: u64,
    held: u64,
}

fn page(context: &Context, plan: &Plan) -> std::io::Result<()> {
    let mut sums: BTreeMap<_, Sum> = BTreeMap::new();
    for Planned { due, hold } in &plan.planned {
        let sum = sums.entry((due.until, due.subject.class.as_str(), due.subject.day)).or_default();
        if hold.is_some() {
            sum.held += 1;
            continue;
        }
        sum.recordings += 1;
        sum.bytes += due.told.as_ref().map_or(0, |told| told.sealed_bytes);
    }
    if sums.is_empty() {
        context.say("nothing is due");
        return Ok(());
    }
    let mut out = context.out();
    writeln!(
        out,
        "{:<12}{:<24}{:<12}{:>11}{:>12}{:>7}",
        "kept until", "class", "day", "to destroy", "size", "held"
    )?;
    let mut all = Sum::default();
    for ((until, class, day), sum) in &sums {
        let (day, until, size) = (day.to_string(), until.to_string(), bytes(sum.bytes as f64));
        writeln!(out, "{until:<12}{class:<24}{day:<12}{:>11}{size:>12}{:>7}", sum.recordings, sum.held)?;
        all.recordings += sum.recordings;
        all.bytes += sum.bytes;
        all.held += sum.held;
    }
    let size = bytes(all.bytes as f64);
    writeln!(out, "{:<48}{:>11}{size:>12}{:>7}", "in all", all.recordings, all.held)
}

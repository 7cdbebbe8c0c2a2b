//! `earwitness dispose change` and `approve`: two persons.

use std::io::Write;

use chrono::NaiveDate;
use earwitness_vault::{Entry, NewProposal, Vault};

use crate::{
    cmd::hold::said,
    context::Context,
    exit::{Exit, Outcome},
    filter::find_call,
    view::counted,
};

pub(super) fn propose(
    context: &Context,
    vault: &Vault,
    (calls, until, reason): (&[String], NaiveDate, &str),
) -> Outcome {
    let reason = said(reason)?;
    let entries: Vec<Entry> = calls.iter().map(|call| find_call(vault, call)).collect::<Result<_, _>>()?;
    let by = context.seat().account().to_string();
    let proposal =
        vault.propose_retention(Context::now(), NewProposal { entries: &entries, until, reason, by: &by })?;
    writeln!(context.out(), "{}  {} until {until}", proposal.id, counted(entries.len() as u64, "recording"))?;
    context.say(format_args!(
        "proposed; another account approves it: `earwitness dispose approve {}`",
        proposal.id
    ));
    Ok(Exit::Done)
}

pub(super) fn approve(context: &Context, vault: &Vault, name: Option<&str>) -> Outcome {
    let mut out = context.out();
    let Some(name) = name else {
        let proposals = vault.proposals()?;
        if proposals.is_empty() {
            context.say("nothing was proposed");
        }
        for proposal in proposals {
            let recordings = counted(proposal.subjects.len() as u64, "recording");
            writeln!(
                out,
                "{}  {recordings} until {}  by {}  {}",
                proposal.id, proposal.until.0, proposal.by, proposal.reason
            )?;
        }
        return Ok(Exit::Done);
    };
    let id = vault.find_act(name)?;
    let by = context.seat().account().to_string();
    let change = vault.approve_retention(Context::now(), id, &by)?;
    let recordings = counted(change.proposal.subjects.len() as u64, "recording");
    writeln!(out, "{}  {recordings} kept until {}", id, change.proposal.until.0)?;
    Ok(Exit::Done)
}

//! `earwitness dispose change` and `approve`: two persons.

use std::io::Write;

use chrono::NaiveDate;
use earwitness_vault::{Entry, NewProposal, Proposal, Vault};

use crate::{
    cmd::hold::said,
    context::Context,
    exit::{Exit, Failure, Outcome},
    filter::find_call,
    view::{counted, printable},
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
    let recordings = counted(proposal.subjects.len() as u64, "recording");
    writeln!(context.out(), "{}  {recordings} until {until}", proposal.id)?;
    context.say(format_args!(
        "proposed; another account approves it: `earwitness dispose approve {}`",
        proposal.id
    ));
    Ok(Exit::Done)
}

/// What was proposed, with all that whoever approves it has to know.
pub(super) fn list(context: &Context, vault: &Vault) -> Outcome {
    let proposals = vault.proposals()?;
    if proposals.is_empty() {
        context.say("nothing was proposed");
    }
    for proposal in proposals {
        let recordings = counted(proposal.subjects.len() as u64, "recording");
        writeln!(
            context.out(),
            "{}  {recordings} until {}  by {}  {}",
            proposal.id,
            proposal.until.0,
            printable(&proposal.by),
            printable(&proposal.reason)
        )?;
        subjects(context, vault, &proposal)?;
    }
    Ok(Exit::Done)
}

pub(super) fn approve(context: &Context, vault: &Vault, name: &str) -> Outcome {
    let id = vault.find_act(name)?;
    let by = context.seat().account().to_string();
    let change = vault.approve_retention(Context::now(), id, &by)?;
    let recordings = counted(change.proposal.subjects.len() as u64, "recording");
    writeln!(context.out(), "{}  {recordings} kept until {}", id, change.proposal.until.0)?;
    Ok(Exit::Done)
}

/// Each recording of a proposal: its call, and how long it is kept as it stands.
fn subjects(context: &Context, vault: &Vault, proposal: &Proposal) -> Result<(), Failure> {
    for subject in &proposal.subjects {
        let call = subject.call.map_or_else(|| "-".to_owned(), |call| call.to_string());
        let listed = subject.call.map(|call| vault.index().get(call)).transpose()?.flatten();
        let listed = listed.and_then(|entry| entry.recording).map(|recording| recording.retention_until);
        let until = vault.changed_retention(subject.call, subject.recording)?.or(listed);
        let until =
            until.map_or_else(|| "not kept any more".to_owned(), |until| format!("now until {until}"));
        writeln!(context.out(), "    call {call}  {} {}  {until}", subject.class, subject.day)?;
    }
    Ok(())
}

//! `earwitness ledger anchor`: the newest head, in somebody else's hands.

use std::{io::Write, path::PathBuf};

use clap::{ArgGroup, Args};
use earwitness_model::WallTime;
use earwitness_vault::{AnchoredBy, Closes, MAX_STAMP, Stamp, StoredHead, Vault, stamp_query, verifier_key};
use ureq::http::Uri;

use super::{
    super::{Needs, record::plain_url},
    civil_day,
    prove::leave,
};
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    socket::Grant,
    view::instant,
};

/// Have somebody else know the newest head: on paper, or a time-stamping authority (RFC 3161)
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("how").required(true), after_help = "Examples:
  earwitness ledger anchor --print                             the head, and the key to check it with
  earwitness ledger anchor --tsa http://tsa.example/           have it time-stamped now
  earwitness ledger anchor --query head.tsq                    without a network: take this file to the authority,
  earwitness ledger anchor --reply head.tsr                    and bring its answer
  earwitness ledger anchor --day 2026-11-21 --tsa http://tsa.example/

The answer is kept beside the head (ledger/heads/<day>.tsr). What is stamped is the head's file, with SHA-256:
  openssl ts -verify -data 2026-11-21.txt -in 2026-11-21.tsr -CAfile the-authority.pem
checks it without this program. Here the answer is held against the head; whose certificate to trust is for who reads it. The \
recorder itself hands each day's head to a command: `on-day-closed` in earwitness.toml.")]
pub(super) struct Anchor {
    /// Print the head, and the public key
    #[arg(long, group = "how")]
    print: bool,
    /// Send it to a time-stamping authority over HTTP
    #[arg(long, value_name = "URL", group = "how", value_parser = plain_url)]
    tsa: Option<Uri>,
    /// Write the question for an authority into this file; `-` is standard output
    #[arg(long, value_name = "FILE", group = "how")]
    query: Option<PathBuf>,
    /// Keep the answer of an authority that is in this file
    #[arg(long, value_name = "FILE", group = "how")]
    reply: Option<PathBuf>,
    /// The head that closed this day [default: one over all rows]
    #[arg(long, value_name = "DAY")]
    day: Option<String>,
}

impl Anchor {
    pub(super) const fn needs(&self) -> Needs {
        Needs::Acting
    }

    pub(super) fn grant(&self) -> Grant {
        let grant = self.query.as_ref().map(|path| Grant::output(path, crate::seat::Over::Nothing));
        let grant = self.reply.iter().fold(grant.unwrap_or_default(), |grant, path| grant.with_file(path));
        self.tsa.iter().fold(grant, Grant::with_post)
    }

    pub(super) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        let now = Context::now();
        if let Some(reply) = &self.reply {
            let reply = context.seat().read(reply, MAX_STAMP + 1)?;
            let head = self.asked_about(vault, &reply)?;
            return keep(context, vault, (&head, &reply), now);
        }
        let head = self.head(vault)?;
        if self.print {
            vault.tell_anchored(&head, AnchoredBy::Printed, now)?;
            let verifier = verifier_key(&vault.origin(), &vault.verifying_key());
            write!(context.out(), "{}\n{verifier}\n", head.note)?;
            return Ok(Exit::Done);
        }
        let query = stamp_query(head.note.as_bytes());
        if let Some(path) = &self.query {
            leave(context, path, &query)?;
            context.say(format_args!("this asks for {}", head.path.display()));
            return Ok(Exit::Done);
        }
        let Some(url) = &self.tsa else { return Ok(Exit::Usage) };
        let reply = context.seat().post(url, &query)?;
        Stamp::answering(&query, &reply, head.note.as_bytes())
            .map_err(|fault| Failure::new(Exit::Failed, format_args!("{url}: {fault}")))?;
        keep(context, vault, (&head, &reply), now)
    }

    fn head(&self, vault: &Vault) -> Result<StoredHead, Failure> {
        let Some(day) = &self.day else { return Ok(vault.sign_head()?) };
        let day = civil_day(Some(day), vault)?;
        let closing = vault.heads()?.into_iter().find(|head| head.day == day && head.closes == Closes::Day);
        closing.ok_or_else(|| Failure::new(Exit::NotFound, format_args!("no head closed {day}")))
    }

    /// The head that an answer is about: it may have been asked for days ago.
    fn asked_about(&self, vault: &Vault, reply: &[u8]) -> Result<StoredHead, Failure> {
        if self.day.is_some() {
            return self.head(vault);
        }
        let mut heads = vault.heads()?;
        heads.reverse();
        let is_it = |head: &StoredHead| Stamp::read(reply, head.note.as_bytes()).is_ok();
        match heads.iter().position(is_it) {
            Some(place) => Ok(heads.swap_remove(place)),
            // What is wrong with it is said of the newest.
            None => heads.into_iter().next().ok_or_else(|| {
                Failure::new(Exit::NotFound, "no head was signed yet that this could be the answer for")
            }),
        }
    }
}

fn keep(context: &Context, vault: &Vault, (head, reply): (&StoredHead, &[u8]), now: WallTime) -> Outcome {
    let stamp = vault.keep_stamp(head, reply, now)?;
    let at = earwitness_model::PacketTime::from_nanos(stamp.at_seconds.saturating_mul(1_000_000_000));
    writeln!(
        context.out(),
        "{} was there at {}: {} (serial {})",
        head.path.display(),
        instant(at, vault.zone()),
        head.token_path().display(),
        stamp.serial
    )?;
    Ok(Exit::Done)
}

//! `earwitness keys rotate`.

use std::{io::Write, path::PathBuf};

use clap::Args;
use earwitness_vault::{Abandoned, Vault};

use super::by;
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    seat::{NewOfficer, Over},
    socket::Grant,
};

/// Give the vault another officer: every day key is wrapped anew, and the key before opens nothing any more
#[derive(Debug, Args)]
#[command(
    after_help = "The key before is named as always (--officer-key, --passphrase-file). Interrupted, it is run again in the same words,
-o with the file that is there by now: until it is through, the officer before opens everything, and from then on the officer
after. When the new key is lost meanwhile, --abandon gives the rotation up. Backups of the keys from before open with the key
before, until they are refreshed.

Examples:
  earwitness keys rotate --recipient age1…                     to an officer who has an age identity
  earwitness keys rotate -o /media/usb/officer.age             to a new key, under a passphrase that is asked for"
)]
pub(super) struct Rotate {
    /// The public key of the officer after
    #[arg(long, value_name = "AGE1…", group = "after")]
    recipient: Option<String>,
    /// The same, in a file
    #[arg(long, value_name = "FILE", group = "after")]
    recipient_file: Option<PathBuf>,
    /// Make a new officer's key, in this file
    #[arg(short, long, value_name = "FILE", group = "after")]
    output: Option<PathBuf>,
    /// Read the passphrase of the new key from a file instead of asking for it
    #[arg(long, value_name = "FILE", requires = "output")]
    new_passphrase_file: Option<PathBuf>,
    /// Give up a rotation that was begun and did not end
    #[arg(long, group = "after")]
    abandon: bool,
}

impl Rotate {
    pub(super) fn grant(&self) -> Grant {
        let Some(new) = self.new_officer() else { return Grant::default() };
        let grant = match &self.output {
            Some(place) => Grant::output(place, Over::Nothing),
            None => Grant::default(),
        };
        grant.with_key().with_new_officer(new)
    }

    fn new_officer(&self) -> Option<NewOfficer> {
        match (&self.recipient, &self.recipient_file, &self.output) {
            (Some(recipient), _, _) => Some(NewOfficer::Known(recipient.clone())),
            (None, Some(path), _) => Some(NewOfficer::InFile(path.clone())),
            (None, None, Some(place)) => Some(NewOfficer::NewKey {
                place: place.clone(),
                passphrase_file: self.new_passphrase_file.clone(),
            }),
            (None, None, None) => None,
        }
    }

    pub(super) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        if self.abandon {
            let what = match vault.abandon_rotation()? {
                Abandoned::Nothing => "no rotation was underway",
                Abandoned::GivenUp => "the rotation was given up: the officer is who it was",
                Abandoned::Ended => {
                    "it was too late: the vault has the officer after, and what the rotation left to do was done"
                }
            };
            context.say(what);
            return Ok(Exit::Done);
        }
        let Some(new) = self.new_officer() else {
            let what = "to whom? --recipient AGE1…, --recipient-file FILE, or -o FILE for a new key";
            return Err(Failure::new(Exit::Usage, what));
        };
        let before = context.seat().officer_key(vault.access())?;
        // Before a new key is made for nothing.
        vault.is_opened_by(&before)?;
        let underway = vault.next_officer();
        let after = context.seat().new_officer(&new, (vault.access(), underway.as_ref()))?;
        let rotated = vault.rotate_officer(&before, &after, (Context::now(), &by(context)))?;
        for path in &rotated.unopened {
            context.tell(format_args!(
                "{} is damaged: nobody could open it before, and nobody can now; restore it from a backup of the keys",
                path.display()
            ));
        }
        writeln!(context.out(), "{after} opens this vault from now on: {} day keys", rotated.days)?;
        context.say(
            "the key before opens nothing of the vault any more. It does open backups of the keys from before: refresh them \
             (`earwitness keys backup`), then destroy it. Its shares and sheets open those backups as well: destroy them, too",
        );
        Ok(if rotated.unopened.is_empty() { Exit::Done } else { Exit::Part })
    }
}

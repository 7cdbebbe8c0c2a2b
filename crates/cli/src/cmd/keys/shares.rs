//! `earwitness keys split`, `join` and `sheet`: the officer's key on paper.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use earwitness_vault::{KeysSplit, LedgerNote, Share, ShareFault, Vault, VaultError, join_shares, split_key};
use zeroize::Zeroizing;

use super::by;
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    seat::{Over, Standing, Target},
    service::guard_keys,
    view::{PrintedShare, SheetForm},
};

/// More of a share's file than any sheet has is not read.
const MAX_SHARE: u64 = 64 << 10;

/// Split the officer's key into printed shares, of which some are enough
#[derive(Debug, Args)]
#[command(
    after_help = "Each share is written twice, as HTML to be printed and as text. Print each, give each to somebody else, and
remove the files: fewer shares than are needed tell nothing, and as many as are needed are the key.

Example:
  earwitness keys split --shares 5 --threshold 3 -o /media/usb/shares"
)]
pub(super) struct Split {
    /// How many shares are made: 2 to 30
    #[arg(long, value_name = "N")]
    shares: u8,
    /// How many of them are needed
    #[arg(long, value_name = "K")]
    threshold: u8,
    /// The folder that they go to
    #[arg(short, long, value_name = "DIR")]
    pub(super) output: PathBuf,
}

/// Put the officer's key together from enough of its shares; no vault is needed
#[derive(Debug, Args)]
#[command(
    after_help = "A file holds one share: its lines S1 to S5 as they were typed off a sheet, the text of the code in its picture, or the
sheet itself. The key is written under a new passphrase, as an age identity.

Example:
  earwitness keys join kim.txt lee.txt park.txt -o officer.age"
)]
pub(super) struct Join {
    /// Files with one share each
    #[arg(value_name = "SHARE", required = true)]
    shares: Vec<PathBuf>,
    /// Where the key goes: a file that is not there yet
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Without a passphrase: whoever can read the file opens every recording
    #[arg(long)]
    plain: bool,
}

/// Print the officer's key on one sheet, to be locked away
#[derive(Debug, Args)]
#[command(
    after_help = "Whoever has the sheet has the key: no passphrase protects it. `earwitness keys join` reads it.

Example:
  earwitness keys sheet -o /media/usb/sheet.html       (a name that ends with .txt: as text)"
)]
pub(super) struct Sheet {
    /// The file that it goes to
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: PathBuf,
}

impl Split {
    pub(super) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        let key = context.seat().officer_key(vault.access())?;
        vault.is_opened_by(&key)?;
        let shares =
            split_key(&key, self.shares, self.threshold).map_err(|fault| Failure::new(Exit::Usage, fault))?;
        let seat = context.seat();
        if seat.standing(&self.output)? == Standing::Nothing {
            seat.make_dir(&self.output)?;
        }
        let mut sheets = Vec::new();
        for share in &shares {
            let printed = printed(vault, share);
            for (form, extension) in [(SheetForm::Html, "html"), (SheetForm::Text, "txt")] {
                let name = format!("share-{}-of-{}.{extension}", share.place(), share.count());
                sheets.push((self.output.join(name), printed.sheet(form)));
            }
        }
        leave(context, vault, (self.shares, self.threshold), &sheets)?;
        writeln!(
            context.out(),
            "{} shares in {}, of which {} make the officer's key",
            self.shares,
            self.output.display(),
            self.threshold
        )?;
        context.say("print each, try `earwitness keys join` with as many as are needed, give each to somebody else, and remove the files");
        Ok(Exit::Done)
    }
}

impl Join {
    pub(super) fn run(&self, context: &Context) -> Outcome {
        guard_keys(context.verbose);
        let mut shares = Vec::with_capacity(self.shares.len());
        for path in &self.shares {
            let wrong =
                |fault: ShareFault| Failure::new(Exit::Failed, format_args!("{}: {fault}", path.display()));
            shares.push(Share::read(&read(path)?).map_err(wrong)?);
        }
        let key = join_shares(&shares).map_err(|fault| Failure::new(Exit::Failed, self.named(fault)))?;
        let passphrase = if self.plain {
            None
        } else {
            Some(context.new_passphrase("new passphrase of the officer's key: ")?)
        };
        key.write(&self.output, passphrase.as_ref(), Context::now())?;
        writeln!(context.out(), "the officer's key, {}, is in {}", key.recipient(), self.output.display())?;
        context.say(
            "remove the files of the shares, and see to it that the sheets go back to those who keep them",
        );
        Ok(Exit::Done)
    }

    /// The fault, with the name of the file that it is in.
    fn named(&self, fault: ShareFault) -> String {
        let file =
            |nth: usize| self.shares.get(nth - 1).map(|path| path.display().to_string()).unwrap_or_default();
        match fault {
            ShareFault::OtherSplit { nth } | ShareFault::OtherKey { nth } | ShareFault::Twice { nth } => {
                format!("{}: {fault} (counted as they were named)", file(nth))
            }
            ShareFault::NoShare
            | ShareFault::Line { .. }
            | ShareFault::MissingLine { .. }
            | ShareFault::LineTwice { .. }
            | ShareFault::Mixed
            | ShareFault::Version { .. }
            | ShareFault::Counts { .. }
            | ShareFault::NotAnIdentity
            | ShareFault::TooFew { .. }
            | ShareFault::Forged => fault.to_string(),
        }
    }
}

impl Sheet {
    pub(super) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        let key = context.seat().officer_key(vault.access())?;
        vault.is_opened_by(&key)?;
        let share = Share::whole(&key).map_err(|fault| Failure::new(Exit::Failed, fault))?;
        let is_text = self.output.extension().is_some_and(|extension| extension == "txt");
        let form = if is_text { SheetForm::Text } else { SheetForm::Html };
        let sheet = printed(vault, &share).sheet(form);
        leave(context, vault, (1, 1), &[(self.output.clone(), sheet)])?;
        writeln!(context.out(), "the officer's key is on {}", self.output.display())?;
        context.say("print it, lock it away, and remove the file: whoever has it opens every recording, without a passphrase");
        Ok(Exit::Done)
    }
}

fn printed<'s>(vault: &Vault, share: &'s Share) -> PrintedShare<'s> {
    let today = chrono::DateTime::from_timestamp_nanos(Context::now().nanos()).with_timezone(&vault.zone());
    PrintedShare { share, vault: vault.id(), officer: vault.officer().to_string(), on: today.date_naive() }
}

/// Writes the sheets. Their places are free, and the ledger knows that the key is on paper, before the first one leaves.
fn leave(
    context: &Context,
    vault: &Vault,
    (shares, threshold): (u8, u8),
    sheets: &[(PathBuf, Zeroizing<String>)],
) -> Result<(), Failure> {
    let seat = context.seat();
    for (place, _) in sheets {
        if seat.standing(place)? != Standing::Nothing {
            return Err(VaultError::AlreadyThere { path: place.clone() }.into());
        }
    }
    let officer = vault.officer().to_string();
    let note = LedgerNote::KeysSplit(KeysSplit { officer, shares, threshold, by: by(context) });
    vault.tell(Context::now(), &note)?;
    for (place, sheet) in sheets {
        let mut sink = seat.begin(&Target::File { place: place.clone(), over: Over::Nothing })?;
        sink.write_all(sheet.as_bytes())?;
        sink.finish()?;
    }
    Ok(())
}

/// A share's file; bytes that are no text are none of its lines.
fn read(path: &Path) -> Result<Zeroizing<String>, Failure> {
    // Room for all of it: what grows leaves what it held behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SHARE as usize + 1));
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_SHARE).read_to_end(&mut bytes));
    read.map_err(|cause| {
        Failure::new(Exit::NotFound, format_args!("cannot read a share from {}: {cause}", path.display()))
    })?;
    Ok(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()))
}

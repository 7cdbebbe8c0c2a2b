//! `earwitness init`: a vault, its keys, and where the officer's key went.

use std::path::{Path, PathBuf};

use chrono_tz::Tz;
use clap::{Args, ValueEnum};
use earwitness_vault::{Access, CipherSuite, KeyHolders, NewVault, OfficerRecipient, VaultError};

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
};

/// Who can open what the vault seals.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum AccessArgument {
    /// Whoever has the officer's passphrase
    Governed,
    /// Whoever can read the key file beside the vault: laboratory, troubleshooting, a first evening
    Open,
}

/// How segments are sealed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum CipherArgument {
    /// AES-256-GCM
    Aes,
    /// ARIA-256-GCM
    Aria,
}

/// Make a vault and its keys
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earwitness init --zone Asia/Seoul                           asks for the officer's passphrase
  earwitness init --zone Asia/Seoul --recipient age1…         for an officer who has an age key: none is made
  earwitness init --index-key /media/usb/index.key            the disk of the vault alone names nobody
  earwitness init --vault /tmp/lab --access open              the key lies beside the vault")]
pub(crate) struct Init {
    /// Who can open what is sealed
    #[arg(long, value_enum, default_value = "governed")]
    access: AccessArgument,
    /// The cipher that seals recordings
    #[arg(long, value_enum, default_value = "aes")]
    cipher: CipherArgument,
    /// The office's time zone, which fixes what a day is; it cannot be changed later [default: this machine's]
    #[arg(long, value_name = "ZONE")]
    zone: Option<Tz>,
    /// The officer's public key, when the officer has an age identity already; no key is made then
    #[arg(long, value_name = "AGE1…", conflicts_with = "recipient_file")]
    recipient: Option<OfficerRecipient>,
    /// The same, in a file
    #[arg(long, value_name = "FILE")]
    recipient_file: Option<PathBuf>,
}

impl Init {
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        if is_taken(&context.vault) {
            return Err(VaultError::AlreadyThere { path: context.vault.clone() }.into());
        }
        let access = match self.access {
            AccessArgument::Governed => Access::Governed,
            AccessArgument::Open => Access::Open,
        };
        let officer = match (&self.recipient, &self.recipient_file) {
            (Some(recipient), _) => Some(recipient.clone()),
            (None, Some(path)) => Some(OfficerRecipient::in_file(path)?),
            (None, None) => None,
        };
        let passphrase = match (access, &officer) {
            (Access::Governed, None) => {
                Some(context.new_passphrase("new passphrase of the officer's key: ")?)
            }
            (Access::Open, Some(_)) => {
                let what = "an open vault's key lies beside it: --recipient is for a governed one";
                return Err(Failure::new(Exit::Usage, what));
            }
            (Access::Governed, Some(_)) | (Access::Open, None) => None,
        };
        let cipher = match self.cipher {
            CipherArgument::Aes => CipherSuite::Aes256Gcm,
            CipherArgument::Aria => CipherSuite::Aria256Gcm,
        };
        let zone = self.zone.unwrap_or_else(machine_zone);
        let officer_key = context.officer_key();
        let new = NewVault { access, cipher, zone, passphrase, officer_key, now: Context::now() };
        let index_key = context.named_index_key().map(Path::to_owned);
        let made = make(context, new, &KeyHolders { officer, index_key })?;
        if self.zone.is_none() && is_utc(machine_zone()) {
            context.say(
                "the zone is UTC, as this machine's: days turn at 09:00 Korean time, and it cannot be changed later; an office in Korea makes its vault with --zone Asia/Seoul",
            );
        }
        Ok(made)
    }
}

/// Makes the vault that `record -r` needs and does not find.
pub(crate) fn make_open(context: &Context) -> Outcome {
    let new = NewVault {
        access: Access::Open,
        cipher: CipherSuite::Aes256Gcm,
        zone: machine_zone(),
        passphrase: None,
        officer_key: context.officer_key(),
        now: Context::now(),
    };
    let index_key = context.named_index_key().map(Path::to_owned);
    make(context, new, &KeyHolders { officer: None, index_key })
}

fn make(context: &Context, new: NewVault<'_>, holders: &KeyHolders) -> Outcome {
    let (access, zone) = (new.access, new.zone);
    let created = earwitness_vault::create_for(&context.vault, new, holders)?;
    crate::service::give_to_owner_of(&context.vault)?;
    let (kind, advice) = match access {
        Access::Open => ("an open", "whoever can read it can open every recording"),
        Access::Governed => (
            "a governed",
            "move it to a medium that the officer keeps, with a copy elsewhere: without it and its passphrase nothing can be opened",
        ),
    };
    let vault = context.vault.display();
    match (&created, &holders.officer) {
        (Some(key), _) => context.say(format_args!(
            "made {kind} vault in {vault} (zone {zone}); the officer's key is {}: {advice}",
            key.display()
        )),
        (None, Some(officer)) => context.say(format_args!(
            "made {kind} vault in {vault} (zone {zone}) for the officer whose public key is {officer}; no officer's key was made: \
             only the age identity to which this belongs opens recordings, it is nowhere here, and if it is lost nothing can be \
             opened. Try it now: earwitness keys unlock --officer-key FILE"
        )),
        (None, None) => {}
    }
    if let Some(index_key) = &holders.index_key {
        context.say(format_args!(
            "the index key is {}: without it nothing of the vault can be read or recorded, so keep a copy (`earwitness keys \
             backup`); the recorder is handed it as a credential (LoadCredential=index.key:…) or by --index-key",
            index_key.display()
        ));
    }
    Ok(Exit::Done)
}

/// Whether there is something where the vault shall be: it is said before anybody is asked for a passphrase.
fn is_taken(vault: &Path) -> bool {
    std::fs::read_dir(vault).is_ok_and(|mut there| there.next().is_some())
}

/// Universal time, by whatever name.
fn is_utc(zone: Tz) -> bool {
    [Tz::UTC, Tz::UCT, Tz::Universal, Tz::Zulu, Tz::Etc__UTC, Tz::Etc__UCT, Tz::Etc__Universal, Tz::Etc__Zulu]
        .contains(&zone)
}

/// This machine's zone; UTC where it does not say.
fn machine_zone() -> Tz {
    iana_time_zone::get_timezone().ok().and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC)
}

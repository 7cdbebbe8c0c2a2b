//! `earwitness init`: a vault, its keys, and where the officer's key went.

use std::path::Path;

use chrono_tz::Tz;
use clap::{Args, ValueEnum};
use earwitness_vault::{Access, CipherSuite, NewVault, SecretString, VaultError};

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
        let passphrase = match access {
            Access::Governed => Some(new_passphrase(context)?),
            Access::Open => None,
        };
        let cipher = match self.cipher {
            CipherArgument::Aes => CipherSuite::Aes256Gcm,
            CipherArgument::Aria => CipherSuite::Aria256Gcm,
        };
        let made = make(context, access, cipher, self.zone, passphrase)?;
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
    make(context, Access::Open, CipherSuite::Aes256Gcm, None, None)
}

fn make(
    context: &Context,
    access: Access,
    cipher: CipherSuite,
    zone: Option<Tz>,
    passphrase: Option<SecretString>,
) -> Outcome {
    let zone = zone.unwrap_or_else(machine_zone);
    let new = NewVault {
        access,
        cipher,
        zone,
        passphrase,
        officer_key: context.officer_key(),
        now: Context::now(),
    };
    let created = earwitness_vault::create(&context.vault, new)?;
    crate::service::give_to_owner_of(&context.vault)?;
    let key = created.officer_key.display();
    let (kind, advice) = match access {
        Access::Open => ("an open", "whoever can read it can open every recording"),
        Access::Governed => (
            "a governed",
            "move it to a medium that the officer keeps, with a copy elsewhere: without it and its passphrase nothing can be opened",
        ),
    };
    context.say(format_args!(
        "made {kind} vault in {} (zone {zone}); the officer's key is {key}: {advice}",
        context.vault.display()
    ));
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

/// A new passphrase: typed twice, or read from a file.
fn new_passphrase(context: &Context) -> Result<SecretString, Failure> {
    use secrecy::ExposeSecret;
    let first = context.passphrase("new passphrase of the officer's key: ")?;
    if first.expose_secret().chars().count() < 8 {
        return Err(Failure::new(Exit::Usage, "the passphrase is too short: at least 8 characters"));
    }
    if context.is_passphrase_typed() {
        let second = context.passphrase("the same again: ")?;
        if first.expose_secret() != second.expose_secret() {
            return Err(Failure::new(Exit::Usage, "the two passphrases differ: nothing was made"));
        }
    }
    Ok(first)
}

/// This machine's zone; UTC where it does not say.
fn machine_zone() -> Tz {
    iana_time_zone::get_timezone().ok().and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC)
}

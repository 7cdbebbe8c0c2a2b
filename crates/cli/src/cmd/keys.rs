//! `earwitness keys`: which keys the vault has, and whether the officer's opens them.

use std::io::Write;

use clap::{Args, Subcommand};
use earwitness_vault::{Access, CipherSuite, Vault};

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    socket::Grant,
};

/// The keys of the vault: show, unlock
#[derive(Debug, Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// The public keys, the days that have a key, and where the officer's key is looked for
    Show,
    /// Try the officer's key and passphrase
    Unlock,
}

impl Keys {
    /// The public halves are the vault's.
    pub(super) fn grant(&self) -> Grant {
        match self.command {
            KeysCommand::Show => Grant::default(),
            KeysCommand::Unlock => Grant::default().with_key(),
        }
    }

    pub(crate) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        let mut out = context.out();
        match self.command {
            KeysCommand::Show => {
                let access = match vault.access() {
                    Access::Open => "open",
                    Access::Governed => "governed",
                };
                let cipher = match vault.cipher() {
                    CipherSuite::Aes256Gcm => "AES-256-GCM",
                    CipherSuite::Aria256Gcm => "ARIA-256-GCM",
                };
                writeln!(out, "vault           {} ({access}, {cipher})", vault.dir().display())?;
                let verifying = vault.verifying_key();
                write!(out, "recorder signs  ed25519 ")?;
                verifying.as_bytes().iter().try_for_each(|byte| write!(out, "{byte:02x}"))?;
                let officer = std::fs::read_to_string(vault.dir().join("keys/officer.pub"))?;
                writeln!(out, "\nofficer opens   {}", officer.trim())?;
                writeln!(out, "officer's key   {}", vault.default_officer_key().display())?;
                let days = day_keys(vault.dir())?;
                writeln!(out, "day keys        {}", days.len())?;
                for day in days {
                    writeln!(out, "                {day}")?;
                }
            }
            KeysCommand::Unlock => {
                let opener = context.unlock(vault)?;
                writeln!(out, "{} opens this vault", opener.key_path().display())?;
            }
        }
        Ok(Exit::Done)
    }
}

fn day_keys(vault: &std::path::Path) -> Result<Vec<String>, Failure> {
    let dir = vault.join("keys/day");
    let mut names = match std::fs::read_dir(&dir) {
        Ok(files) => files.map(|file| Ok(file?.file_name().to_string_lossy().into_owned())).collect(),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(cause) => Err(cause),
    }?;
    names.sort();
    Ok(names)
}

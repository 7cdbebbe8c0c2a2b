//! `earwitness keys show`.

use std::{io::Write, path::Path};

use earwitness_vault::{Access, CipherSuite, Vault};

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    view::counted,
};

pub(super) fn run(context: &Context, vault: &Vault) -> Outcome {
    let mut out = context.out();
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
    writeln!(out, "\nofficer opens   {}", vault.officer())?;
    writeln!(out, "officer's key   {}", vault.default_officer_key().display())?;
    writeln!(out, "index key       {}", vault.index_key_at().display())?;
    if let Some(next) = next_officer(vault.dir())? {
        writeln!(out, "rotation        begun, to {next}; `earwitness keys rotate` ends it, or gives it up")?;
    }
    for backup in vault.key_backups()? {
        let state = match (backup.ledger, backup.destroyed_since) {
            (None, _) => "never finished: it counts as holding every key".to_owned(),
            (Some(_), 0) => counted(backup.keys, "key"),
            (Some(_), gone) => format!("{}, {gone} of them destroyed since", counted(backup.keys, "key")),
        };
        writeln!(out, "backup          {} ({}): {state}", backup.id, backup.label)?;
    }
    let days = day_keys(vault.dir())?;
    writeln!(out, "day keys        {}", days.len())?;
    for day in days {
        writeln!(out, "                {day}")?;
    }
    Ok(Exit::Done)
}

/// The public key of the officer that a rotation was begun for.
fn next_officer(vault: &Path) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(vault.join("keys/officer.next")) {
        Ok(text) => Ok(text.lines().next().map(str::to_owned)),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(cause.into()),
    }
}

fn day_keys(vault: &Path) -> Result<Vec<String>, Failure> {
    let dir = vault.join("keys/day");
    let names: Result<Vec<_>, std::io::Error> = match std::fs::read_dir(&dir) {
        Ok(files) => files.map(|file| Ok(file?.file_name().to_string_lossy().into_owned())).collect(),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(cause) => Err(cause),
    };
    let mut names = names?;
    names.retain(|name| name.ends_with(".age"));
    names.sort();
    Ok(names)
}

//! `earwitness keys show`.

use std::io::Write;

use earwitness_vault::{Access, CipherSuite, Vault};

use crate::{
    context::Context,
    exit::{Exit, Outcome},
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
    writeln!(out, "recorder signs  ed25519 {}", hex::encode(vault.verifying_key().as_bytes()))?;
    writeln!(out, "officer opens   {}", vault.officer())?;
    writeln!(out, "officer's key   {}", vault.default_officer_key().display())?;
    writeln!(out, "index key       {}", vault.index_key_at().display())?;
    if let Some(next) = vault.next_officer() {
        writeln!(
            out,
            "rotation        begun, to {next}; `earwitness keys rotate` gives it up (--abandon), or ends it"
        )?;
    }
    for backup in vault.key_backups()? {
        let state = match (backup.ledger, backup.destroyed_since) {
            (None, _) => "never finished: it counts as holding every key".to_owned(),
            (Some(_), 0) => counted(backup.keys, "key"),
            (Some(_), gone) => format!("{}, {gone} of them destroyed since", counted(backup.keys, "key")),
        };
        writeln!(out, "backup          {} ({}): {state}", backup.id, backup.label)?;
    }
    let days = vault.day_keys()?;
    writeln!(out, "day keys        {}", days.len())?;
    for day in days {
        writeln!(out, "                {day}")?;
    }
    Ok(Exit::Done)
}

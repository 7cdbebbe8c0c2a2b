//! `earwitness keys backup`.

use std::{io::Write, path::PathBuf};

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use earwitness_vault::{Medium, Vault};

use super::by;
use crate::{
    cmd::Needs,
    context::Context,
    exit::{Exit, Outcome},
    seat::{Over, Target},
    socket::Grant,
    view::counted,
};

/// Copy all keys to a second medium, or bring a copy up to date
#[derive(Debug, Args)]
#[command(
    after_help = "A backup of the volumes holds no key, and this holds nothing else: keep them apart. Whoever has both, and the
officer's key, opens every recording. Run it again on the same folder after disposals: what the vault has destroyed is
overwritten there. `--list` says which backups still hold destroyed keys; certificates of disposal name them.

Examples:
  earwitness keys backup /media/usb/keys --label 'safe, 2nd floor'
  earwitness keys backup --list"
)]
pub(super) struct Backup {
    /// The folder: empty, or a backup of this vault's keys
    #[arg(value_name = "DIR", required_unless_present = "list")]
    dir: Option<PathBuf>,
    /// What the medium is called where it is kept: for the list, and for certificates of disposal
    #[arg(long, value_name = "TEXT", required_unless_present = "list")]
    label: Option<String>,
    /// Show the backups that there are, and what each still holds that was destroyed
    #[arg(long, conflicts_with_all = ["dir", "label"])]
    list: bool,
}

impl Backup {
    pub(super) const fn needs(&self) -> Needs {
        if self.list { Needs::Reading } else { Needs::Acting }
    }

    pub(super) fn grant(&self) -> Grant {
        self.dir.as_deref().map_or_else(Grant::default, Grant::key_backup)
    }

    pub(super) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        let (Some(dir), Some(label)) = (&self.dir, &self.label) else { return list(context, vault) };
        let seat = context.seat();
        let place = seat.look_for_key_backup(dir)?;
        if place.medium == Medium::Same {
            context.tell(format_args!(
                "{} is on the same file system as the vault's keys: what takes them takes the backup too; use a second medium",
                dir.display()
            ));
        }
        let id = vault.begin_key_backup(place.known, label, Context::now())?;
        let copied = seat.copy_keys(dir, id)?;
        let list = vault.finish_key_backup(id, &copied, (Context::now(), &by(context)))?;
        let mut sink = seat.begin(&Target::File { place: dir.join("backup.txt"), over: Over::Files })?;
        sink.write_all(&list)?;
        sink.finish()?;
        let what = if place.known.is_some() { "refreshed" } else { "taken" };
        writeln!(
            context.out(),
            "backup {id} {what}: {} in {}, {} written now, {} destroyed there as in the vault",
            counted(copied.files.len() as u64, "file"),
            dir.display(),
            copied.written,
            copied.wiped
        )?;
        Ok(Exit::Done)
    }
}

fn list(context: &Context, vault: &Vault) -> Outcome {
    let backups = vault.key_backups()?;
    if backups.is_empty() {
        context
            .say("no backup of the keys was ever taken: `earwitness keys backup DIR --label TEXT` takes one");
        return Ok(Exit::Done);
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["BACKUP", "LABEL", "TAKEN", "KEYS", "OF THEM DESTROYED SINCE", "OFFICER"]);
    for backup in backups {
        let taken = chrono::DateTime::from_timestamp_nanos(backup.taken.nanos()).with_timezone(&vault.zone());
        let (keys, destroyed) = match backup.ledger {
            Some(_) => (backup.keys.to_string(), backup.destroyed_since.to_string()),
            None => ("not finished".to_owned(), "unknown: it counts as holding all".to_owned()),
        };
        let officer = match backup.officer {
            Some(officer) if officer == vault.officer().to_string() => "as now",
            Some(_) => "an earlier one",
            None => "",
        };
        let taken = taken.format("%Y-%m-%d %H:%M").to_string();
        table.add_row([backup.id.to_string(), backup.label, taken, keys, destroyed, officer.to_owned()]);
    }
    if let Some(column) = table.column_mut(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for line in table.lines() {
        writeln!(context.out(), "{}", line.trim_end())?;
    }
    Ok(Exit::Done)
}

//! `earwitness backup`: volumes and ledger on another medium, without a key.

use std::{io::Write, path::PathBuf};

use clap::Args;
use earwitness_vault::{Copied, Extent, Vault, check_backup, prune_backup, verifying_key_in};

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    seat::{Over, Target},
    socket::Grant,
    view::{bytes, counted},
};

/// Files that the seat copies at once.
const BATCH: usize = 256;
/// How often a backup is begun again because disposal took a file meanwhile.
const TRIES: usize = 4;

/// Copy volumes and ledger to another medium, without a key
#[derive(Debug, Args)]
#[command(
    after_help = "A backup holds the sealed volumes, the ledger, the certificates of disposal and vault.toml, each as far as it is durable, and
a signed list of them, BACKUP.txt. It holds no key: nobody opens it without a backup of the keys (`earwitness keys backup`),
and when the keys of a day are destroyed, every copy of that day's volumes is noise. It may be taken while a recorder runs.
Taken again into the same folder it copies what is new. What the vault has no more stays in the folder until --prune.
`earwitness restore` makes a vault of it again.

Examples:
  earwitness backup /media/disk/office
  earwitness backup --check /media/disk/office --public-key recorder.pub
  earwitness backup --prune /media/disk/office"
)]
pub(crate) struct Backup {
    /// The folder: empty, or a backup of this vault
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Read every file of a backup and compare it with its list; needs no vault
    #[arg(long, conflicts_with = "prune")]
    check: bool,
    /// With --check: the recorder's public key (keys/recorder.pub) that the list must be signed with
    #[arg(long, value_name = "FILE", requires = "check")]
    public_key: Option<PathBuf>,
    /// Remove from a backup the volumes that its list does not name: those that the vault has no more; needs no vault
    #[arg(long)]
    prune: bool,
}

impl Backup {
    pub(super) fn grant(&self) -> Grant {
        Grant::backup(&self.dir)
    }

    /// What needs no vault is done at once.
    pub(super) fn run_without_vault(&self, context: &Context) -> Option<Outcome> {
        match (self.check, self.prune) {
            (true, _) => Some(self.check(context)),
            (_, true) => Some(self.prune(context)),
            (false, false) => None,
        }
    }

    pub(crate) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        let (extent, copied) = self.copy(context, vault)?;
        let by = context.seat().account().to_string();
        let list = vault.finish_backup(&extent, &copied, (Context::now(), &by))?;
        let place = self.dir.join("BACKUP.txt");
        let mut sink = context.seat().begin(&Target::File { place, over: Over::Files })?;
        sink.write_all(&list)?;
        sink.finish()?;
        writeln!(
            context.out(),
            "{} in {}, {} ({}) copied now; {} of the ledger",
            counted(copied.files.len() as u64, "file"),
            self.dir.display(),
            copied.written,
            bytes(copied.written_bytes as f64),
            counted(extent.rows, "row")
        )?;
        context.say("a backup holds no key: `earwitness keys backup` takes those, to another medium");
        Ok(Exit::Done)
    }

    /// Copies until nothing went meanwhile.
    fn copy(&self, context: &Context, vault: &Vault) -> Result<(Extent, Copied), Failure> {
        for _try in 0..TRIES {
            let extent = vault.backup_extent()?;
            let Extent { vault: id, rows, head, ref parts } = extent;
            let mut copied = Copied::default();
            let of = parts.len() as u64;
            for batch in parts.chunks(BATCH) {
                context.go_on()?;
                let more = Extent { vault: id, rows, head, parts: batch.to_vec() };
                copied.append(context.seat().copy_backup(&self.dir, &more)?);
                context.seat().progress(copied.files.len() as u64, of);
            }
            if copied.vanished == 0 {
                return Ok((extent, copied));
            }
        }
        Err(Failure::new(
            Exit::Failed,
            "files went while they were copied: wait until disposal is done, and run this again",
        ))
    }

    fn check(&self, context: &Context) -> Outcome {
        let key = match &self.public_key {
            None => None,
            Some(path) => {
                let what = |why: &dyn std::fmt::Display| {
                    Failure::new(Exit::NotFound, format_args!("{}: {why}", path.display()))
                };
                let text = std::fs::read(path).map_err(|cause| what(&cause))?;
                Some(verifying_key_in(&text).ok_or_else(|| what(&"no recorder's public key"))?)
            }
        };
        let (files, findings) = check_backup(&self.dir, key.as_ref());
        let mut out = context.out();
        for finding in &findings {
            writeln!(out, "{finding}")?;
        }
        if !findings.is_empty() {
            return Ok(Exit::Broken);
        }
        let signature = match key {
            Some(_) => "the list is signed by this recorder",
            None => "whose list it is was not asked: --public-key FILE",
        };
        writeln!(out, "{} as they were copied; {signature}", counted(files, "file"))?;
        Ok(Exit::Done)
    }

    fn prune(&self, context: &Context) -> Outcome {
        let removed = prune_backup(&self.dir)?;
        writeln!(context.out(), "{} removed that the vault has no more", counted(removed, "file"))?;
        Ok(Exit::Done)
    }
}

//! `earwitness restore`: a vault again, of a backup of volumes and a backup of keys.

use std::{io::Write, path::PathBuf};

use clap::Args;
use earwitness_vault::{ClockTrust, DisposalOrder, PastDamage, Restore as Order, restore};

use crate::{
    context::Context,
    exit::{Exit, Outcome},
    view::counted,
};

/// Make a vault again of a backup of volumes and a backup of keys
#[derive(Debug, Args)]
#[command(
    after_help = "The vault is made beside its place and takes it when it is done; nothing may be there. What was disposed of stays so: what the
ledger in the backup says, what the certificates say that are given with --certificate, and what is due by now is destroyed
before anybody can open the vault. Holds that were laid after the backup was taken are not known: give it back its newest
backup. The index is made anew, and the ledger told. Calls that ran when the backup was taken are interrupted.

Examples:
  earwitness restore /media/disk/office --keys /media/usb/keys --vault /var/lib/earwitness
  earwitness restore /media/disk/office --keys /media/usb/keys --vault /tmp/again --certificate 01KB2M….json"
)]
pub(crate) struct Restore {
    /// The backup of the volumes
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    /// The backup of the keys (`earwitness keys backup`), or the vault that still has them
    #[arg(long, value_name = "DIR")]
    keys: PathBuf,
    /// Certificates of disposals that the backup does not know of, as signed JSON; repeat it for several
    #[arg(long, value_name = "FILE")]
    certificate: Vec<PathBuf>,
    /// This machine's clock is right: what is due by it is destroyed, however long ago the backup was taken
    #[arg(long)]
    confirm_clock: bool,
    /// Take files too that are not what was copied. Where holds may have stood in them, nothing that is due is destroyed
    #[arg(long)]
    past_damage: bool,
}

impl Restore {
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        let clock = if self.confirm_clock { ClockTrust::Confirmed } else { ClockTrust::Alone };
        let changed = if self.past_damage { PastDamage::Accept } else { PastDamage::Refuse };
        let by = context.seat().account().to_string();
        let restored = restore(&Order {
            backup: &self.backup,
            keys: &self.keys,
            vault: &context.vault,
            certificates: &self.certificate,
            changed,
            order: DisposalOrder { by, clock, past_damage: PastDamage::Refuse },
            now: Context::now(),
        })?;
        crate::service::give_to_owner_of(&context.vault)?;
        for finding in &restored.findings {
            context.tell(finding);
        }
        let mut out = context.out();
        writeln!(out, "{} in {}", counted(restored.recordings, "recording"), context.vault.display())?;
        if restored.interrupted > 0 {
            context.say(format_args!(
                "{} of them ran when the backup was taken, and end there",
                restored.interrupted
            ));
        }
        if restored.kept_destroyed > 0 {
            context.say(format_args!(
                "{} of what was disposed of were in the backup of the keys, and were not restored: refresh it with `earwitness keys backup`",
                counted(restored.kept_destroyed, "key")
            ));
        }
        if let Some(certificate) = &restored.certificate {
            context.say(format_args!(
                "{} fell due since, and were destroyed: certificate {certificate}",
                counted(restored.disposed_now, "recording")
            ));
        }
        if restored.undisposed_for > 0 {
            context.tell(format_args!(
                "{} of the ledger, where a hold may have stood, are not what was told: what is due was not destroyed. Look (`earwitness ledger verify`), lay the holds again, then `earwitness dispose run --past-damage`",
                counted(restored.undisposed_for, "place")
            ));
        }
        if restored.without_key > 0 {
            context.tell(format_args!(
                "{} have no key in the backup of the keys: nothing opens them",
                counted(restored.without_key, "recording")
            ));
        }
        let is_whole =
            restored.without_key == 0 && restored.findings.is_empty() && restored.undisposed_for == 0;
        Ok(if is_whole { Exit::Done } else { Exit::Part })
    }
}

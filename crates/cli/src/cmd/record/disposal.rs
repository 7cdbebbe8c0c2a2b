//! What falls due while a recorder runs is destroyed by it, within a minute or two of midnight.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use earwitness_vault::{Certificate, ClockTrust, DisposalOrder, PastDamage, Synchronised, Vault, VaultError};

use crate::{
    context::Context,
    instruments::{Event, Log},
};

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(60);

/// A clock that others keep right is asked for so seldom: the whole ledger is read for it.
const LOOKS_BETWEEN: u32 = 60;
/// What was said of the clock longer ago says nothing.
const FRESH: i64 = 2 * 3_600_000_000_000;

/// Looks until `ended` is.
pub(super) fn keep_time(vault: &Vault, ended: &Receiver<()>, log: Log) {
    let (mut told, mut looks) = (String::new(), 0u32);
    loop {
        let mut disposed = dispose(vault, ClockTrust::Alone);
        if matches!(disposed, Err(VaultError::ClockLeapt { .. })) {
            if looks.is_multiple_of(LOOKS_BETWEEN) && is_kept_right(vault) {
                disposed = dispose(vault, ClockTrust::Synchronised);
            }
            looks = looks.wrapping_add(1);
        }
        match disposed {
            Ok(None) => told.clear(),
            Ok(Some(certificate)) => {
                told.clear();
                let recordings = certificate.recordings.len() as u64;
                log.tell(&Event::Disposed { recordings, certificate: certificate.run });
            }
            Err(why) => {
                let why = why.to_string();
                // What stays the same is said once.
                if why != told {
                    log.tell(&Event::NotDisposed { why: why.clone() });
                    told = why;
                }
            }
        }
        match ended.recv_timeout(EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn dispose(vault: &Vault, clock: ClockTrust) -> Result<Option<Certificate>, VaultError> {
    let order = DisposalOrder { by: "recorder".to_owned(), clock, past_damage: PastDamage::Refuse };
    vault.dispose_due(Context::now(), &order)
}

/// Whether the recorder told of late that others keep the clock right.
fn is_kept_right(vault: &Vault) -> bool {
    let now = Context::now();
    vault.clock_status_at(now).ok().flatten().is_some_and(|(at, status)| {
        now.nanos().saturating_sub(at.nanos()) < FRESH && status.synchronised == Synchronised::Yes
    })
}

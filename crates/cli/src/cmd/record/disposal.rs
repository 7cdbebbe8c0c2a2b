//! What falls due while a recorder runs is destroyed by it, within a minute or two of midnight.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use earwitness_recorder::Watch;
use earwitness_vault::{ClockTrust, DisposalOrder, PastDamage, Vault};

use crate::{
    context::Context,
    instruments::{Event, Log},
};

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(60);

/// Looks until `ended` is.
pub(super) fn keep_time((vault, watch): (&Vault, &Watch), ended: &Receiver<()>, log: Log) {
    let mut told = String::new();
    // That others keep the clock right stands in the ledger, as the recorder tells it.
    let order = DisposalOrder {
        by: "recorder".to_owned(),
        clock: ClockTrust::Alone,
        past_damage: PastDamage::Refuse,
    };
    loop {
        let run = vault.dispose_due(Context::now(), &order);
        // A recorder that has no time now is told at the next look.
        watch.disposal(run.is_err()).unwrap_or_default();
        match run {
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

//! Blocks that are whole and belong to nobody: copies, and what was put into a volume from elsewhere.
//!
//! Of one recording a volume holds blocks with rising counters, and the manifest is the last. Behind it, or with a counter that
//! was there, a block is a stray. Blocks that no manifest ends are what a crash left of a recording whose key never became
//! durable; their first block opens with this vault's metadata key. When none does, they are strays, unless the ledger says that the
//! recording was disposed of.

use std::{collections::HashMap, path::PathBuf};

use earwitness_model::RecordingId;

use super::{Fault, Finding};
use crate::{growing::Progress, rebuild::Found, recorded::Recorded};

/// Strays that are told one by one.
const MOST: usize = 1000;

/// One volume after the other.
#[derive(Default)]
pub(super) struct Strays {
    volume: Option<(PathBuf, Progress)>,
    seen: HashMap<RecordingId, Seen>,
    findings: Vec<Finding>,
}

/// What a volume holds of one recording.
struct Seen {
    /// Where it begins.
    first: u64,
    /// The least counter that may follow.
    next: u64,
    is_ended: bool,
    is_ours: bool,
}

impl Strays {
    pub(super) fn handle(&mut self, found: &Found, told: &Recorded) {
        match found {
            Found::Volume { path, progress, .. } => {
                self.end_volume(told);
                self.volume = Some((path.clone(), *progress));
            }
            Found::Block { head, at, is_ours } => {
                let seen = self.seen.entry(head.recording).or_insert(Seen {
                    first: *at,
                    next: 0,
                    is_ended: false,
                    is_ours: false,
                });
                let is_stray = seen.is_ended || head.counter < seen.next;
                seen.next = seen.next.max(head.counter.saturating_add(1));
                seen.is_ours |= is_ours;
                if is_stray {
                    self.report(*at);
                }
            }
            Found::Manifest { manifest, at, .. } => {
                let counter = manifest.blocks.len() as u64;
                let seen = self.seen.entry(manifest.recording).or_insert(Seen {
                    first: *at,
                    next: 0,
                    is_ended: false,
                    is_ours: true,
                });
                let is_stray = seen.is_ended || counter < seen.next;
                seen.is_ended = true;
                if is_stray {
                    self.report(*at);
                }
            }
            Found::Damage { .. } => {}
        }
    }

    /// All that was found.
    pub(super) fn finish(mut self, told: &Recorded) -> Vec<Finding> {
        self.end_volume(told);
        self.findings
    }

    fn end_volume(&mut self, told: &Recorded) {
        let seen = std::mem::take(&mut self.seen);
        if let Some((_, Progress::AtRest)) = self.volume {
            let mut first: Vec<_> = seen
                .into_iter()
                .filter(|(recording, seen)| !seen.is_ended && !seen.is_ours && !told.is_disposed(*recording))
                .map(|(_, seen)| seen.first)
                .collect();
            first.sort_unstable();
            first.into_iter().for_each(|at| self.report(at));
        }
        self.volume = None;
    }

    fn report(&mut self, at: u64) {
        if let Some((path, _)) = &self.volume
            && self.findings.len() < MOST
        {
            self.findings.push(Finding { recording: None, path: path.clone(), fault: Fault::Stray { at } });
        }
    }
}

//! The ledger held against the heads that were signed over it: those that are kept in the vault, and those that somebody
//! keeps elsewhere, which nobody who has the vault can change.

use std::path::PathBuf;

use ed25519_dalek::VerifyingKey;

use super::{
    chain::{self, Chain, Found},
    checkpoint::{Checkpoint, CheckpointFault},
    merkle::{Frontier, TreeHash},
    settled::Settled,
};

/// A head to hold the ledger against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptHead {
    /// Where it is kept.
    pub path: PathBuf,
    /// The note.
    pub note: String,
}

/// What is wrong with a head, or with the ledger as that head has it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct HeadFinding {
    /// Where the head is kept.
    pub path: PathBuf,
    /// What is wrong.
    pub fault: HeadFault,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadFault {
    /// It cannot be read.
    #[error("it cannot be read")]
    Unreadable,
    /// It is no head, or was not signed by this vault's recorder.
    #[error("{0}")]
    Note(#[from] CheckpointFault),
    /// It is a head of another vault's ledger.
    #[error("it is a head of another ledger, {origin}")]
    OtherLog {
        /// Which.
        origin: String,
    },
    /// The ledger ends before it.
    #[error(
        "{missing} rows are missing from the end of the ledger: it has {rows}, and row {rows} and those behind it were signed for"
    )]
    RowsMissing {
        /// How many rows there are.
        rows: u64,
        /// How many are missing.
        missing: u64,
    },
    /// The rows are others than those it was signed for.
    #[error(
        "the ledger is another one from a row between {from} and {to} on: the first {to} rows are not those that were signed for"
    )]
    OtherRows {
        /// Rows before this one are those that another head was signed for.
        from: u64,
        /// How many rows the head has.
        to: u64,
    },
    /// The rows cannot be read up to it.
    #[error(
        "the rows from {from} on cannot be read, so that nothing can be said of the {to} that were signed for"
    )]
    RowsUnread {
        /// The first that cannot be read, or is not in its place.
        from: u64,
        /// How many rows the head has.
        to: u64,
    },
    /// The answer of the time-stamping authority beside it is none, or is of something else.
    #[error("the time stamp beside it: {why}")]
    Stamp {
        /// What is wrong with it.
        why: String,
    },
}

/// What holding the ledger against heads came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeadsChecked {
    /// Heads that are signed and whose rows are those of the ledger.
    pub whole: u64,
    /// Rows that could be read, in their places, from the first.
    pub rows: u64,
    /// The largest of the whole heads: that many rows are as they were signed for.
    pub signed_rows: u64,
    /// What is wrong.
    pub findings: Vec<HeadFinding>,
}

/// Holds the rows that are settled against `heads`, all of this log.
pub(crate) fn check(
    settled: &Settled,
    heads: Vec<KeptHead>,
    (name, key): (&str, &VerifyingKey),
) -> HeadsChecked {
    let mut checked = HeadsChecked::default();
    let mut signed = Vec::new();
    for KeptHead { path, note } in heads {
        match Checkpoint::verified(&note, key) {
            Ok(head) if head.origin == name => signed.push((path, head)),
            Ok(head) => checked.find(path, HeadFault::OtherLog { origin: head.origin }),
            Err(fault) => checked.find(path, fault.into()),
        }
    }
    signed.sort_by_key(|(_, head)| head.size);
    let sizes: Vec<u64> = signed.iter().map(|(_, head)| head.size).collect();
    let Some((roots, rows)) = roots(settled, &sizes) else {
        signed.into_iter().for_each(|(path, _)| checked.find(path, HeadFault::Unreadable));
        return checked;
    };
    checked.rows = rows;
    for ((path, head), root) in signed.into_iter().zip(roots) {
        match root {
            Some(root) if root == head.root => {
                checked.whole += 1;
                checked.signed_rows = head.size;
            }
            Some(_) => {
                checked.find(path, HeadFault::OtherRows { from: checked.signed_rows, to: head.size });
            }
            None if rows == settled.end => {
                checked.find(path, HeadFault::RowsMissing { rows, missing: head.size - rows });
            }
            None => checked.find(path, HeadFault::RowsUnread { from: rows, to: head.size }),
        }
    }
    checked
}

/// The roots of the first `sizes` rows, which are in order, as far as rows can be read; and how many can. None when not even
/// the names of the files can.
fn roots(settled: &Settled, sizes: &[u64]) -> Option<(Vec<Option<TreeHash>>, u64)> {
    let files = chain::files(&*settled.disk, &settled.dir).ok()?;
    let mut tree = Frontier::default();
    let mut roots = Vec::with_capacity(sizes.len());
    let take = |tree: &Frontier, roots: &mut Vec<Option<TreeHash>>| {
        while sizes.get(roots.len()) == Some(&tree.size()) {
            roots.push(Some(tree.root()));
        }
    };
    take(&tree, &mut roots);
    for found in Chain::whole(&*settled.disk, files) {
        match found {
            Found::Row { row, .. } if row.number == tree.size() && tree.size() < settled.end => {
                tree.push(row.leaf());
                take(&tree, &mut roots);
            }
            Found::Row { .. } => break,
            // A chain that is broken with rows in their places is the chain's finding: roots say which rows they are.
            Found::Wrong(_) => {}
        }
    }
    roots.resize(sizes.len(), None);
    Some((roots, tree.size()))
}

impl HeadsChecked {
    fn find(&mut self, path: PathBuf, fault: HeadFault) {
        self.findings.push(HeadFinding { path, fault });
    }
}

//! All files of a ledger read as one chain of rows.

use std::{
    cmp::Ordering,
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
};

use super::{
    error::{LedgerFault, LedgerFinding},
    row::{Header, Place, Step, StoredRow, Walk},
};
use crate::disk::{Disk, OpenAs};

/// The ledger's files in `dir`, oldest month first. Other names are none of ours.
pub(super) fn files(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = disk.list(dir)?;
    files.retain(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_month_file));
    files.sort();
    Ok(files)
}

/// `YYYY-MM.log`.
fn is_month_file(name: &str) -> bool {
    let Some(month) = name.strip_suffix(".log") else { return false };
    month.len() == 7
        && month
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 { byte == b'-' } else { byte.is_ascii_digit() })
}

/// What the next row must continue.
#[derive(Debug, Clone, Copy)]
enum Expected {
    /// This place.
    Place(Place),
    /// This number, whatever its chain: the row before it is damaged.
    Number(u64),
    /// Anything: nothing before it could be read.
    Anything,
}

impl Expected {
    /// What is wrong with something of this number; `continues` says whether its chain follows from the one given.
    fn fault(self, number: u64, continues: impl FnOnce(&[u8; 32]) -> bool) -> Option<LedgerFault> {
        let (expected, chain) = match self {
            Self::Place(place) => (place.number, Some(place.chain)),
            Self::Number(number) => (number, None),
            Self::Anything => return None,
        };
        match number.cmp(&expected) {
            Ordering::Less => Some(LedgerFault::OutOfOrder { number, expected }),
            Ordering::Greater => Some(LedgerFault::Missing { from: expected, to: number - 1 }),
            Ordering::Equal if chain.is_none_or(|chain| continues(&chain)) => None,
            Ordering::Equal => Some(LedgerFault::ChainBroken { number }),
        }
    }
}

/// Something found in the chain.
#[derive(Debug)]
pub(super) enum Found {
    /// A whole row; where it does not fit, a [`Found::Wrong`] came before it.
    Row {
        /// Its file.
        path: PathBuf,
        /// Its byte offset.
        offset: u64,
        /// The row.
        row: StoredRow,
    },
    /// What does not fit.
    Wrong(LedgerFinding),
}

/// Follows rows from file to file. After damage it goes on: as much as can be read is read.
pub(super) struct Chain<'d> {
    disk: &'d dyn Disk,
    files: VecDeque<PathBuf>,
    current: Option<(PathBuf, Walk)>,
    expected: Expected,
    /// A row whose fault was given first.
    held: Option<Found>,
    /// Of a file that is longer only the rows in so many last bytes are looked at.
    last: u64,
    /// Where in the first file to go on.
    from: Option<(u64, Place)>,
}

impl<'d> Chain<'d> {
    /// All of `files`, the first of which begins the ledger.
    pub(super) fn whole(disk: &'d dyn Disk, files: Vec<PathBuf>) -> Self {
        let expected = Expected::Place(Place::default());
        Self { disk, files: files.into(), current: None, expected, held: None, last: u64::MAX, from: None }
    }

    /// Goes on at `offset` of the first of `files`, where the row after `place` belongs.
    pub(super) fn going_on(disk: &'d dyn Disk, files: Vec<PathBuf>, offset: u64, place: Place) -> Self {
        Self { from: Some((offset, place)), ..Self::whole(disk, files) }
    }

    /// `files`, wherever the header of the first says that it belongs.
    pub(super) fn wherever(disk: &'d dyn Disk, files: Vec<PathBuf>) -> Self {
        Self { expected: Expected::Anything, ..Self::whole(disk, files) }
    }

    /// The rows in the last bytes of one file, wherever its header says that it belongs. Where they are no rows it is read
    /// from its beginning.
    pub(super) fn of_end(disk: &'d dyn Disk, file: PathBuf, last: u64) -> Self {
        Self {
            disk,
            files: [file].into(),
            current: None,
            expected: Expected::Anything,
            held: None,
            last,
            from: None,
        }
    }

    /// After the last row: where the next one belongs; `None` when nothing that could be read tells.
    pub(super) const fn place(&self) -> Option<Place> {
        match self.expected {
            Expected::Place(place) => Some(place),
            Expected::Number(_) | Expected::Anything => None,
        }
    }

    fn open(&mut self, path: PathBuf) -> Option<Found> {
        let opened = self.disk.open(&path, OpenAs::Read).and_then(Walk::new).and_then(|mut walk| {
            let header = walk.header()?;
            let is_skipped = matches!(header, Header::Begins(_)) && walk.skip_to_last(self.last)?;
            Ok((walk, header, is_skipped))
        });
        let Ok((mut walk, header, is_skipped)) = opened else {
            return self.give_up(path, LedgerFault::Unreadable);
        };
        if let Some((offset, place)) = self.from.take() {
            walk.go_on_at(offset);
            self.expected = Expected::Place(place);
            self.current = Some((path, walk));
            return None;
        }
        let fault = match header {
            Header::Begins(place) => {
                let fault = self.expected.fault(place.number, |chain| *chain == place.chain);
                self.expected = if is_skipped { Expected::Anything } else { Expected::Place(place) };
                fault
            }
            Header::Version(found) => return self.give_up(path, LedgerFault::Version { found }),
            Header::Damaged => Some(LedgerFault::Header),
        };
        let wrong = fault.map(|fault| Found::Wrong(LedgerFinding { path: path.clone(), offset: 0, fault }));
        self.current = Some((path, walk));
        wrong
    }

    /// Nothing of this file can be read: whatever comes next is not held against it a second time.
    fn give_up(&mut self, path: PathBuf, fault: LedgerFault) -> Option<Found> {
        self.current = None;
        self.expected = Expected::Anything;
        Some(Found::Wrong(LedgerFinding { path, offset: 0, fault }))
    }

    fn found(&mut self, path: PathBuf, offset: u64, step: Step) -> Found {
        let fault = match step {
            Step::Row(row) => {
                let fault = self.expected.fault(row.number, |chain| row.chain_after(chain) == row.chain);
                self.expected = Expected::Place(row.next());
                let found = Found::Row { path: path.clone(), offset, row };
                let Some(fault) = fault else { return found };
                self.held = Some(found);
                fault
            }
            Step::Damaged { bytes } => {
                if let Expected::Place(place) = self.expected {
                    self.expected = Expected::Number(place.number);
                }
                LedgerFault::Damaged { bytes }
            }
            Step::Torn { bytes } => LedgerFault::TornTail { bytes },
        };
        Found::Wrong(LedgerFinding { path, offset, fault })
    }
}

impl Iterator for Chain<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if let Some(held) = self.held.take() {
            return Some(held);
        }
        loop {
            let Some((path, walk)) = &mut self.current else {
                let next = self.files.pop_front()?;
                match self.open(next) {
                    None => continue,
                    wrong => return wrong,
                }
            };
            let path = path.clone();
            match walk.step() {
                Ok(None) => self.current = None,
                Ok(Some((offset, step))) => return Some(self.found(path, offset, step)),
                Err(_) => return self.give_up(path, LedgerFault::Unreadable),
            }
        }
    }
}

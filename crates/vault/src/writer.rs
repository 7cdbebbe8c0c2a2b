//! The writing side: sealed blocks go in, and after a commit they are there for good.
//!
//! A commit, in this order, each step durable before the next begins:
//!
//! 1. wrapped keys, so that no block is ever acknowledged that nobody could open;
//! 2. volumes;
//! 3. the ledger's rows of calls that ended;
//! 4. their rows in the index, which are therefore rows of sealed, synced, hashed recordings only.
//!
//! A crash between 3 and 4 leaves calls that recovery lists; a failed step is tried again by the next commit.
//!
//! **A full disk.** The manifest of a recording tells of every block that was sealed, so that none of them may be lost on
//! the way. Therefore nothing that was sealed is ever dropped here:
//!
//! - [`Writer::append`] gives a block back that it cannot take ([`NotTaken::ForNow`]) and nothing was changed. Its owner
//!   keeps it, takes nothing else from where it came, and gives the same block again: after a second is soon enough, and
//!   after [`Writer::commit`], which is to be called meanwhile as often as ever. What waits behind it waits in bounded queues,
//!   and where those end, audio is lost and counted *before* it is sealed.
//! - When a commit fails, everything that was not made durable waits in memory, which is bounded by a MiB for each open
//!   volume, and the calls that ended: nothing more is appended until a commit succeeded.
//! - Blocks that begin or go on with a recording are refused while only the reserve of [`crate::Space`] is left; the block
//!   that ends one is not, nor are keys, ledger and index: what was taken can be ended on a full disk.
//! - Whoever has to end before there is room says so ([`Writer::end_on_reserve`]): only then is sealed audio given up, and the
//!   ends of the recordings that miss it say what is missing.
//! - When there is room again, the next append and the next commit go on in order, without anything to be repaired.
//!
//! [`VaultError::is_full`] says that waiting helps. [`VaultError::must_reopen`] says that it does not: a sync failed, and
//! nobody knows what the medium has. Only a new opening of the vault finds that out, whose recovery finishes what was
//! not acknowledged as interrupted; until then every call answers [`VaultError::MustReopen`]. Any other error of the disk
//! may pass or not: it is tried again like a full disk, and told to somebody.

mod ended;
mod given_up;
mod key_rows;
mod refusal;
mod room;
mod volume;

use std::{
    collections::HashMap,
    fmt, io,
    sync::{Arc, atomic::Ordering},
};

use chrono::NaiveDate;
use earwitness_model::{CallId, CallSummary, RecordingId, TrackIndex, WallTime};

pub(crate) use self::ended::list;
use self::{
    ended::{EndedCalls, LedgerRow},
    given_up::{Cut, Reserve},
    key_rows::KeyRows,
    room::Room,
    volume::OpenVolume,
};
pub use self::{
    given_up::GivenUp,
    refusal::{NotClosed, NotTaken},
};
use crate::{
    container::{BLOCK_HEAD, BlockKind, MAX_SEALED},
    entry::Entry,
    error::{VaultError, failed},
    layout::Shelf,
    ledger::FailedBecause,
    manifest::RecordedRow,
    sealer::Sealed,
    vault::Parts,
};

/// A volume takes no more recordings when it has this many bytes; those that began in it go on in it.
pub(crate) const ROTATE_AT: u64 = 1 << 30;
/// Volumes without a running recording that stay open for the next one.
const IDLE_VOLUMES: usize = 4;
/// Buffers of written segments that wait to be taken. Nobody takes them who lets more of them come together.
const MOST_SPENT: usize = 4096;

/// Appends and commits. One per vault; dropping it acknowledges nothing that was not committed. The module's page says
/// what to do on a full disk.
pub struct Writer {
    parts: Arc<Parts>,
    volumes: Vec<OpenVolume>,
    homes: HashMap<RecordingId, Home>,
    keys: KeyRows,
    ended: EndedCalls,
    /// Earlier parts of calls that need not wait any more when what was appended is durable.
    gone_on: Vec<RecordingId>,
    room: Room,
    /// What the reserve of the disk is for.
    reserve: Reserve,
    given_up: GivenUp,
    /// Buffers of segments that were written.
    spent: Vec<Spent>,
    /// Durable already, and not told yet.
    done: Committed,
    uncommitted: u64,
    rotate_at: u64,
    /// A sync failed: nobody knows what the medium has.
    must_reopen: bool,
}

/// Where a running recording lies.
struct Home {
    shelf: Arc<Shelf>,
    volume: u32,
    /// Where its last block begins.
    previous: u64,
    /// Where it ends, when there was no room for all of it.
    cut: Option<Cut>,
}

/// The buffer of a segment and the track of its first packet.
type Spent = (TrackIndex, Vec<u8>);

/// What a commit made durable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// Bytes of volumes.
    pub bytes: u64,
    /// Calls that ended: they are in the index now.
    pub calls: Vec<CallId>,
    /// Calls among `calls` of which the index keeps less than was known: their entries were too large for a row.
    pub shortened: u64,
}

impl Writer {
    pub(crate) fn new(parts: Arc<Parts>) -> Self {
        Self {
            keys: KeyRows::new(Arc::clone(&parts)),
            parts,
            volumes: Vec::new(),
            homes: HashMap::new(),
            ended: EndedCalls::default(),
            gone_on: Vec::new(),
            room: Room::default(),
            reserve: Reserve::EndsOnly,
            given_up: GivenUp::default(),
            spent: Vec::new(),
            done: Committed::default(),
            uncommitted: 0,
            rotate_at: ROTATE_AT,
            must_reopen: false,
        }
    }

    /// Volumes take no more recordings from `bytes` on, instead of 1 GiB. For small disks.
    pub const fn rotate_at(&mut self, bytes: u64) {
        self.rotate_at = bytes;
    }

    /// Appends a block. It is durable after the next [`Self::commit`]. Blocks of one recording come in the order in which
    /// they were sealed.
    ///
    /// # Errors
    /// [`NotTaken::ForNow`] gives the block back, to be given again; [`NotTaken::Never`] says why that is in vain.
    pub fn append(&mut self, sealed: Sealed) -> Result<(), NotTaken> {
        if self.must_reopen {
            return Err(NotTaken::Never(VaultError::MustReopen));
        }
        if sealed.block.len() > BLOCK_HEAD + MAX_SEALED {
            let path = self.parts.layout.shelf(&sealed.shelf);
            let why = failed("append a block to", path)(io::ErrorKind::FileTooLarge.into());
            self.note_lost(sealed, FailedBecause::TooLarge);
            return Err(NotTaken::Never(why));
        }
        if self.is_behind_a_cut(&sealed) {
            self.give_up(sealed);
            return Ok(());
        }
        match self.find_room(&sealed) {
            Ok(place) => {
                let sealed = self.without_what_was_given_up(sealed)?;
                self.place(sealed, place);
                Ok(())
            }
            Err(why @ VaultError::NotOpened { .. }) => {
                self.note_lost(sealed, FailedBecause::NotOpened);
                Err(NotTaken::Never(why))
            }
            Err(why) if why.is_full() && self.may_give_up(&sealed) => {
                self.give_up(sealed);
                Ok(())
            }
            Err(why) => Err(NotTaken::ForNow { block: Box::new(sealed), why }),
        }
    }

    /// Lists a call that has no recording, with the next commit.
    pub fn exclude(&mut self, summary: &CallSummary) {
        self.ended.push(Entry::new(summary.clone(), None), LedgerRow::Excluded);
    }

    /// Lists a call that should have a recording and has none, with the next commit.
    pub fn fail(&mut self, summary: &CallSummary, because: FailedBecause) {
        self.ended.push(Entry::new(summary.clone(), None), LedgerRow::Failed(because));
    }

    /// Hands all that was appended to the operating system: it outlives this process then. A power cut it outlives after the
    /// next commit, which makes no more of it to write.
    ///
    /// # Errors
    /// Those of [`Self::commit`]; what was not written waits for it.
    pub fn write_out(&mut self) -> Result<(), VaultError> {
        if self.must_reopen {
            return Err(VaultError::MustReopen);
        }
        self.keys.write_out()?;
        self.volumes.iter_mut().try_for_each(|volume| volume.write_out(&mut self.spent))
    }

    /// The buffers of media segments whose bytes are in a file, or were given up, each with the track of its first packet:
    /// they are ready for the next segments, and hold sealed bytes.
    pub fn take_written(&mut self) -> impl Iterator<Item = (TrackIndex, Vec<u8>)> {
        self.spent.drain(..)
    }

    /// Makes all that was appended durable, and lists the calls that ended.
    ///
    /// # Errors
    /// What failed first. What was committed before stays; what was not waits for the next commit, unless
    /// [`VaultError::must_reopen`] says that the vault must be opened again.
    pub fn commit(&mut self, now: WallTime) -> Result<Committed, VaultError> {
        self.commit_keeping(now, IDLE_VOLUMES)
    }

    /// Bytes of volumes that were appended and are not committed.
    #[must_use]
    pub const fn uncommitted_bytes(&self) -> u64 {
        self.uncommitted
    }

    /// Commits and closes. Recordings that did not end are finished as interrupted ones when the vault is next opened.
    ///
    /// # Errors
    /// Those of [`Self::commit`], with the writer, which lost nothing.
    pub fn close(mut self, now: WallTime) -> Result<Committed, NotClosed> {
        match self.commit_keeping(now, 0) {
            Ok(committed) => Ok(committed),
            Err(why) => Err(NotClosed { writer: Box::new(self), why }),
        }
    }

    fn commit_keeping(&mut self, now: WallTime, idle: usize) -> Result<Committed, VaultError> {
        if self.must_reopen {
            return Err(VaultError::MustReopen);
        }
        self.room.forget();
        self.make_durable(now, idle).inspect_err(|error| self.must_reopen |= error.must_reopen())?;
        Ok(std::mem::take(&mut self.done))
    }

    fn make_durable(&mut self, now: WallTime, idle: usize) -> Result<(), VaultError> {
        self.keys.commit()?;
        for volume in &mut self.volumes {
            volume.commit(&mut self.spent)?;
            self.parts.growing.sync(&volume.shelf, volume.number, volume.size());
        }
        self.done.bytes += std::mem::take(&mut self.uncommitted);
        // What cannot be taken out now is tried again by the next commit; what is kept too long costs a call that is taken
        // up in vain.
        if self.gone_on.is_empty() || self.parts.take_out(&self.gone_on).is_ok() {
            self.gone_on.clear();
        }
        let (calls, shortened) = self.ended.list(&self.parts, now)?;
        self.done.calls.extend(calls);
        self.done.shortened += shortened;
        for volume in &self.volumes {
            self.parts.growing.settle(&volume.shelf, volume.number, volume.size());
        }
        self.close_idle(idle, self.parts.civil_day(now))
    }

    /// The place in `volumes` of the volume that takes this block, with room for it. An error changed nothing.
    fn find_room(&mut self, sealed: &Sealed) -> Result<usize, VaultError> {
        match sealed.kind {
            BlockKind::Media | BlockKind::Signalling => self.take_room(sealed)?,
            BlockKind::Opened | BlockKind::Stream | BlockKind::Running => match self.reserve {
                Reserve::EndsOnly => self.take_room(sealed)?,
                Reserve::AllButAudio => {}
            },
            BlockKind::Manifest => {}
        }
        let place = self.home_of(sealed)?;
        if self.spent.len() >= MOST_SPENT {
            self.spent.clear();
        }
        self.keys.make_room()?;
        self.volumes[place].make_room(&mut self.spent)?;
        Ok(place)
    }

    fn take_room(&mut self, sealed: &Sealed) -> Result<(), VaultError> {
        let waiting = self.volumes.iter().map(OpenVolume::waiting).sum();
        self.room.take(&self.parts, sealed.block.len() as u64, waiting)
    }

    fn place(&mut self, sealed: Sealed, place: usize) {
        if let Some((generation, row)) = sealed.key_row {
            self.keys.push(&sealed.shelf, generation, row);
        }
        self.gone_on.extend(sealed.goes_on_from);
        let previous = self.homes.get(&sealed.recording).map_or(0, |home| home.previous);
        self.uncommitted += sealed.block.len() as u64;
        let volume = &mut self.volumes[place];
        let at = volume.append(sealed.block, previous);
        match sealed.kind {
            BlockKind::Opened => {
                volume.running += 1;
                let (shelf, number) = (Arc::clone(&sealed.shelf), volume.number);
                let home = Home { shelf, volume: number, previous: at, cut: None };
                self.homes.insert(sealed.recording, home);
            }
            BlockKind::Stream | BlockKind::Media | BlockKind::Signalling | BlockKind::Running => {
                if let Some(home) = self.homes.get_mut(&sealed.recording) {
                    home.previous = at;
                }
            }
            BlockKind::Manifest => {
                volume.running = volume.running.saturating_sub(1);
                let number = volume.number;
                self.homes.remove(&sealed.recording);
                self.note_finished(sealed.finished, number, at);
            }
        }
    }

    /// The place in `volumes` of the volume that takes this block.
    fn home_of(&mut self, sealed: &Sealed) -> Result<usize, VaultError> {
        let wanted = match (self.homes.get(&sealed.recording), sealed.kind) {
            (Some(home), _) => Some((Arc::clone(&home.shelf), home.volume)),
            (None, BlockKind::Opened) => None,
            (
                None,
                BlockKind::Stream
                | BlockKind::Media
                | BlockKind::Signalling
                | BlockKind::Running
                | BlockKind::Manifest,
            ) => return Err(VaultError::NotOpened { recording: sealed.recording }),
        };
        let rotate_at = self.rotate_at;
        let found = self.volumes.iter().position(|volume| match &wanted {
            Some((shelf, number)) => volume.number == *number && volume.shelf == *shelf,
            None => volume.shelf == sealed.shelf && volume.size() < rotate_at,
        });
        if let Some(place) = found {
            return Ok(place);
        }
        let volume = OpenVolume::open(&self.parts, &sealed.shelf, rotate_at)?;
        self.parts.growing.settle(&volume.shelf, volume.number, volume.size());
        self.volumes.push(volume);
        Ok(self.volumes.len() - 1)
    }

    fn note_finished(&mut self, finished: Option<Box<(Entry, RecordedRow)>>, volume: u32, manifest_at: u64) {
        if let Some(finished) = finished {
            let (mut entry, row) = *finished;
            if let Some(recording) = &mut entry.recording {
                (recording.volume, recording.manifest_at) = (volume, manifest_at);
            }
            self.ended.push(entry, LedgerRow::Recorded(row));
        }
    }

    /// A call whose recording has no place is still a call that was seen.
    fn note_lost(&mut self, sealed: Sealed, because: FailedBecause) {
        self.spent.extend(sealed.block.spent());
        if let Some(finished) = sealed.finished {
            self.ended.push(Entry::new(finished.0.summary, None), LedgerRow::Failed(because));
        }
    }

    /// Closes volumes in which no recording runs: the full ones, those of days before `today` to which nothing came since the commit
    /// before, for a day ends only when none of its volumes is open, and all but `idle` of the others.
    fn close_idle(&mut self, idle: usize, today: NaiveDate) -> Result<(), VaultError> {
        let mut spare = self.volumes.iter().filter(|volume| volume.running == 0).count().saturating_sub(idle);
        let mut place = 0;
        while place < self.volumes.len() {
            let volume = &self.volumes[place];
            let is_done = volume.size() >= self.rotate_at || (volume.rests && volume.shelf.day < today);
            if volume.running > 0 || (spare == 0 && !is_done) {
                place += 1;
                continue;
            }
            spare = spare.saturating_sub(1);
            volume.close(&self.parts)?;
            self.parts.growing.close(&volume.shelf, volume.number);
            self.volumes.remove(place);
        }
        Ok(())
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("volumes", &self.volumes.len()).finish_non_exhaustive()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.parts.growing.clear();
        self.parts.writer_out.store(false, Ordering::Release);
    }
}

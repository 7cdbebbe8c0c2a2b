//! One volume while it is being written.

use std::{
    io::{self, IoSlice},
    path::PathBuf,
    sync::Arc,
};

use super::Spent;
use crate::{
    container::{VOLUME_HEAD, VolumeHead, link_block},
    disk::{DiskFile, OpenAs, if_there},
    error::{VaultError, failed},
    layout::{Shelf, number_of},
    sealer::SealedBlock,
    vault::Parts,
};

/// Appended blocks are written out when there are so many bytes of them.
const WRITE_AT: u64 = 1 << 20;
/// Or so many of them: with their heads they are as many pieces as Linux takes at once.
const AT_ONCE: usize = 512;

/// A volume that takes blocks. Its open mark stands beside it until [`OpenVolume::close`].
pub(super) struct OpenVolume {
    pub(super) shelf: Arc<Shelf>,
    pub(super) number: u32,
    /// Recordings in it that did not end.
    pub(super) running: usize,
    /// Nothing was appended between the last two commits.
    pub(super) rests: bool,
    path: PathBuf,
    file: Box<dyn DiskFile>,
    /// Bytes of whole blocks in the file.
    written: u64,
    /// Blocks behind them, each where it was sealed.
    waiting: Vec<SealedBlock>,
    /// Their bytes.
    waiting_bytes: u64,
    synced: bool,
}

impl OpenVolume {
    /// The newest volume of the shelf if it has room, else a new one; marked as open before its first byte.
    pub(super) fn open(parts: &Parts, shelf: &Arc<Shelf>, rotate_at: u64) -> Result<Self, VaultError> {
        let dir = parts.layout.shelf(shelf);
        let names = parts.disk.list(&dir).map_err(failed("list", &dir))?;
        if names.is_empty() {
            make_shelf(parts, shelf)?;
        }
        let newest = names.iter().filter_map(|name| number_of(name, ".vol")).max();
        if let Some(number) = newest
            && let Some(volume) = Self::go_on(parts, shelf, number, rotate_at)?
        {
            return Ok(volume);
        }
        Self::new(parts, shelf, newest.map_or(1, |number| number.saturating_add(1)))
    }

    fn go_on(
        parts: &Parts,
        shelf: &Arc<Shelf>,
        number: u32,
        rotate_at: u64,
    ) -> Result<Option<Self>, VaultError> {
        let path = parts.layout.volume(shelf, number);
        let mark = parts.layout.open_mark(shelf, number);
        // A mark that stands means that it is open here already, and full, or that recovery could not finish it.
        let marked = parts.disk.open(&mark, OpenAs::Read).is_ok();
        let file = parts.disk.open(&path, OpenAs::Write).map_err(failed("open", &path))?;
        let written = file.size().map_err(failed("read", &path))?;
        let mut head = [0; VOLUME_HEAD];
        file.read_at(0, &mut head).map_err(failed("read", &path))?;
        if marked
            || written >= rotate_at
            || VolumeHead::from_bytes(&head) != Ok(VolumeHead::of(parts.settings.identity(), shelf, number))
        {
            return Ok(None);
        }
        set_mark(parts, shelf, number)?;
        Ok(Some(Self::with(shelf, number, (path, file, written))))
    }

    fn new(parts: &Parts, shelf: &Arc<Shelf>, number: u32) -> Result<Self, VaultError> {
        let path = parts.layout.volume(shelf, number);
        set_mark(parts, shelf, number)?;
        let mut file = parts.disk.open(&path, OpenAs::New).map_err(failed("make", &path))?;
        let dir = parts.layout.shelf(shelf);
        let made = file
            .append(&VolumeHead::of(parts.settings.identity(), shelf, number).to_bytes())
            .map_err(failed("write", &path))
            .and_then(|()| parts.disk.sync_dir(&dir).map_err(failed("write", &dir)));
        if let Err(error) = made {
            // A volume without a head must not be in the way of the next try; recovery removes what stays.
            parts.disk.remove(&path).map_err(failed("remove", &path))?;
            return Err(error);
        }
        let written = VOLUME_HEAD as u64;
        Ok(Self { synced: false, ..Self::with(shelf, number, (path, file, written)) })
    }

    fn with(
        shelf: &Arc<Shelf>,
        number: u32,
        (path, file, written): (PathBuf, Box<dyn DiskFile>, u64),
    ) -> Self {
        Self {
            shelf: Arc::clone(shelf),
            number,
            running: 0,
            rests: false,
            path,
            file,
            written,
            waiting: Vec::new(),
            waiting_bytes: 0,
            synced: true,
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.written + self.waiting_bytes
    }

    /// Bytes of blocks that are not in the file yet.
    pub(super) const fn waiting(&self) -> u64 {
        self.waiting_bytes
    }

    /// When this returns there is room in memory for a block: what waits is bounded.
    pub(super) fn make_room(&mut self, spent: &mut Vec<Spent>) -> Result<(), VaultError> {
        let is_full = self.waiting_bytes >= WRITE_AT || self.waiting.len() >= AT_ONCE;
        if is_full { self.write_out(spent) } else { Ok(()) }
    }

    /// Takes a block and says where it begins.
    pub(super) fn append(&mut self, mut block: SealedBlock, previous: u64) -> u64 {
        let at = self.size();
        link_block(&mut block.head, previous);
        self.waiting_bytes += block.len() as u64;
        self.waiting.push(block);
        at
    }

    /// All blocks are on the medium when this returns.
    pub(super) fn commit(&mut self, spent: &mut Vec<Spent>) -> Result<(), VaultError> {
        self.rests = self.synced && self.waiting.is_empty();
        self.write_out(spent)?;
        if !self.synced {
            self.file.sync().map_err(failed("sync", &self.path))?;
            self.synced = true;
        }
        Ok(())
    }

    /// Closes a committed volume: its mark goes.
    pub(super) fn close(&self, parts: &Parts) -> Result<(), VaultError> {
        let mark = parts.layout.open_mark(&self.shelf, self.number);
        if_there(parts.disk.remove(&mark)).map_err(failed("remove", &mark))?;
        Ok(())
    }

    /// All blocks are in the file when this returns, and their buffers among those that are `spent`. When the disk takes only a
    /// part, the file is cut back to whole blocks, and those that are not in it wait on.
    pub(super) fn write_out(&mut self, spent: &mut Vec<Spent>) -> Result<(), VaultError> {
        while !self.waiting.is_empty() {
            self.synced = false;
            let count = self.waiting.len().min(AT_ONCE);
            let blocks = &self.waiting[..count];
            let bytes: u64 = blocks.iter().map(|block| block.len() as u64).sum();
            let mut pieces: Vec<_> = blocks
                .iter()
                .flat_map(|block| [IoSlice::new(&block.head), IoSlice::new(&block.body)])
                .collect();
            if let Err(cause) = self.file.append_all(&mut pieces) {
                self.file.truncate(self.written).map_err(failed("cut", &self.path))?;
                return Err(failed("append to", &self.path)(cause));
            }
            self.written += bytes;
            self.waiting_bytes -= bytes;
            spent.extend(self.waiting.drain(..count).filter_map(SealedBlock::spent));
        }
        Ok(())
    }
}

/// Makes a shelf's directory so that its names outlive a crash.
fn make_shelf(parts: &Parts, shelf: &Shelf) -> Result<(), VaultError> {
    let dir = parts.layout.shelf(shelf);
    parts.disk.make_dir(&dir).map_err(failed("make", &dir))?;
    for above in dir.ancestors().skip(1).take(2) {
        parts.disk.sync_dir(above).map_err(failed("write", above))?;
    }
    Ok(())
}

/// The mark is on the medium before the volume it stands for is written: recovery looks at marked volumes only.
fn set_mark(parts: &Parts, shelf: &Shelf, number: u32) -> Result<(), VaultError> {
    let (mark, dir) = (parts.layout.open_mark(shelf, number), parts.layout.shelf(shelf));
    match parts.disk.open(&mark, OpenAs::New) {
        Ok(_empty) => {}
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
        Err(cause) => return Err(failed("make", &mark)(cause)),
    }
    parts.disk.sync_dir(&dir).map_err(failed("write", &dir))
}

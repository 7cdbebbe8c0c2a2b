//! A capture file as a source of frames.

use std::{
    collections::VecDeque,
    fmt,
    fs::File,
    io::{self, Read},
    path::Path,
};

use earwitness_model::{LinkType, PacketTime, RawFrame};
use zeroize::Zeroizing;

use crate::{
    CaptureEnd, CaptureError, Looks, Polled, Source,
    classic::Classic,
    gzip::{self, Stored, Unpacked},
    looks,
    pcapng::Pcapng,
    window::{Stop, Window},
};

/// A batch is over after so many frames or blocks …
const BATCH_FRAMES: usize = 256;
/// … or so many bytes of frames.
const BATCH_BYTES: usize = 1 << 20;
/// Frames that are lent together, if they lie in memory together.
const TOGETHER: usize = 32;
/// What stands where no frame is lent.
const NONE: RawFrame<'static> =
    RawFrame { time: PacketTime::EPOCH, number: 0, link: LinkType::Null, wire_len: 0, bytes: &[] };

/// A pcap or pcapng capture, plain or gzipped, told apart by its first bytes and not by its name.
pub struct FileSource {
    name: String,
    window: Window,
    walker: Walker,
    /// Of the frame that comes next, from 1.
    number: u64,
    total_bytes: Option<u64>,
    ended: Option<CaptureEnd>,
    /// Lines of key logs that nobody has fetched yet.
    key_logs: VecDeque<Zeroizing<Vec<u8>>>,
}

enum Walker {
    Classic(Classic),
    Pcapng(Pcapng),
    /// The capture was cut in its own header.
    Headless,
}

/// How far a capture was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read so far of the file as it is stored: of a gzip file, compressed bytes. Up to 1 MiB ahead of the frames.
    pub read_bytes: u64,
    /// The length of the file when it was opened; `None` of a pipe.
    pub total_bytes: Option<u64>,
}

impl FileSource {
    /// A longer frame is damage: the longest that any link type carries is far below 16 MiB.
    pub const MAX_FRAME: u32 = 16 << 20;

    /// More interfaces in a section of a pcapng capture are damage.
    pub const MAX_INTERFACES: u32 = 65_536;

    /// Opens the file at `path`.
    ///
    /// # Errors
    ///
    /// [`CaptureError::Unopenable`], and those of [`FileSource::from_reader`].
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let name = path.display().to_string();
        let unopenable = |source| CaptureError::Unopenable { file: path.display().to_string(), source };
        let file = File::open(path).map_err(unopenable)?;
        let metadata = file.metadata().map_err(unopenable)?;
        if metadata.is_dir() {
            return Err(CaptureError::NotACapture { file: name, looks: Looks::Directory });
        }
        let mut source = Self::from_reader(Box::new(file), name)?;
        source.total_bytes = metadata.is_file().then_some(metadata.len());
        Ok(source)
    }

    /// The capture that is piped into standard input.
    ///
    /// # Errors
    ///
    /// Those of [`FileSource::from_reader`].
    pub fn stdin() -> Result<Self, CaptureError> {
        Self::from_reader(Box::new(io::stdin()), "standard input")
    }

    /// The capture that `reader` gives; `name` is what errors call it. Waits for its header.
    ///
    /// # Errors
    ///
    /// [`CaptureError::NotACapture`] if its first bytes are those of something else, [`CaptureError::Unreadable`] if they
    /// cannot be had, [`CaptureError::Damaged`] if its compression does not make sense.
    pub fn from_reader(
        mut reader: Box<dyn Read + Send>,
        name: impl Into<String>,
    ) -> Result<Self, CaptureError> {
        let name = name.into();
        let unreadable =
            |source| CaptureError::Unreadable { file: name.clone(), frame: 1, at_byte: 0, source };
        let mut head = Vec::new();
        reader.by_ref().take(4).read_to_end(&mut head).map_err(unreadable)?;
        if head.starts_with(&gzip::MAGIC) {
            return Self::begin_gzip(Unpacked::gzip(Stored::new(head, reader)), name);
        }
        match head.first_chunk() {
            Some(magic) if Classic::knows(*magic) || Pcapng::knows(*magic) => {
                let magic = *magic;
                Self::begin(Window::new(Unpacked::Plain(Stored::new(head, reader))), magic, name)
            }
            _ => {
                let rest = looks::LOOK - head.len();
                reader.by_ref().take(rest as u64).read_to_end(&mut head).map_err(unreadable)?;
                Err(CaptureError::NotACapture { file: name, looks: Looks::of(&head) })
            }
        }
    }

    fn begin_gzip(unpacked: Unpacked, name: String) -> Result<Self, CaptureError> {
        let mut window = Window::new(unpacked);
        match window.begin::<4>() {
            Ok(magic) if Classic::knows(magic) || Pcapng::knows(magic) => Self::begin(window, magic, name),
            Err(Stop::Cut { .. }) if window.held().is_empty() => {
                Err(CaptureError::NotACapture { file: name, looks: Looks::CutGzip })
            }
            Ok(_) | Err(Stop::Complete | Stop::Cut { .. }) => {
                // Only a better guess depends on these bytes: what is wrong with them does not matter here.
                drop(window.need(looks::LOOK));
                Err(CaptureError::NotACapture { file: name, looks: Looks::of_gzipped(window.held()) })
            }
            Err(Stop::Damaged(damage)) => {
                Err(CaptureError::Damaged { file: name, frame: 1, at_byte: 0, damage })
            }
            Err(Stop::Unreadable(source)) => {
                Err(CaptureError::Unreadable { file: name, frame: 1, at_byte: 0, source })
            }
        }
    }

    fn begin(window: Window, magic: [u8; 4], name: String) -> Result<Self, CaptureError> {
        let mut source = Self {
            name,
            window,
            walker: Walker::Headless,
            number: 1,
            total_bytes: None,
            ended: None,
            key_logs: VecDeque::new(),
        };
        source.walker = if Pcapng::knows(magic) {
            Walker::Pcapng(Pcapng::new())
        } else {
            match Classic::begin(&mut source.window) {
                Ok(classic) => Walker::Classic(classic),
                Err(stop) => {
                    source.ended = Some(source.end(stop)?);
                    Walker::Headless
                }
            }
        };
        Ok(source)
    }

    /// What errors call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The next lines of a TLS key log in the capture (a Decryption Secrets Block of pcapng): those that come before the frames
    /// of the next [`poll`](Source::poll). They are secrets.
    pub fn poll_key_log(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        self.key_logs.pop_front()
    }

    /// As if `lines` of a TLS key log stood in the capture before the frames of the next [`poll`](Source::poll).
    pub fn add_key_log(&mut self, lines: Zeroizing<Vec<u8>>) {
        self.key_logs.push_back(lines);
    }

    /// Decryption Secrets Blocks that were not read so far: too long, or cut within themselves.
    #[must_use]
    pub const fn secrets_unread(&self) -> u64 {
        match &self.walker {
            Walker::Pcapng(pcapng) => pcapng.secrets_unread(),
            Walker::Classic(_) | Walker::Headless => 0,
        }
    }

    /// How far it was read.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress { read_bytes: self.window.stored_bytes(), total_bytes: self.total_bytes }
    }

    /// As [`poll`](Source::poll), with frames that lie in memory together lent together.
    ///
    /// # Errors
    ///
    /// Those of [`poll`](Source::poll).
    pub fn poll_together(&mut self, visit: &mut dyn FnMut(&[RawFrame<'_>])) -> Result<Polled, CaptureError> {
        if let Some(end) = self.ended {
            return Ok(Polled::End(end));
        }
        match self.walk(visit) {
            Ok(()) => Ok(Polled::Frames),
            Err(stop) => self.end(stop).map(Polled::End),
        }
    }

    /// Whether the next poll has to read on, and may have to wait, before it lends anything. A poll that has lent something does
    /// not read.
    #[must_use]
    pub fn must_read(&self) -> bool {
        self.lying((&mut [NONE; 1], self.window.held())).0 == 0
    }

    /// Walks one batch; `Err` says why it stops here for good.
    fn walk(&mut self, visit: &mut dyn FnMut(&[RawFrame<'_>])) -> Result<(), Stop> {
        let (mut blocks, mut bytes) = (0, 0);
        while blocks < BATCH_FRAMES && bytes < BATCH_BYTES {
            let (count, length) = self.lend_together(BATCH_FRAMES - blocks, visit);
            (blocks, bytes) = (blocks + count, bytes + length);
            if count > 0 {
                continue;
            }
            // What was lent is dealt with before anybody waits for more.
            if blocks > 0 {
                break;
            }
            let mut one = |frame: &RawFrame<'_>| visit(std::slice::from_ref(frame));
            let frame = match &mut self.walker {
                Walker::Classic(classic) => Some(classic.step(&mut self.window, self.number, &mut one)?),
                Walker::Pcapng(pcapng) => pcapng.step(&mut self.window, self.number, &mut one)?,
                Walker::Headless => return Err(Stop::Complete),
            };
            blocks += 1;
            if let Walker::Pcapng(pcapng) = &mut self.walker
                && let Some(key_log) = pcapng.take_key_log()
            {
                // The frames behind it may need it.
                self.key_logs.push_back(key_log);
                break;
            }
            if let Some(length) = frame {
                self.number += 1;
                bytes += length;
            }
        }
        Ok(())
    }

    /// Puts the frames that are whole in `held` into `frames`: how many, and the bytes that they take in the file.
    #[inline]
    fn lying<'h>(&self, (frames, held): (&mut [RawFrame<'h>], &'h [u8])) -> (usize, usize) {
        match &self.walker {
            Walker::Classic(classic) => classic.lying_in(held, self.number, frames),
            Walker::Pcapng(pcapng) => pcapng.lying_in(held, self.number, frames),
            Walker::Headless => (0, 0),
        }
    }

    /// Lends up to `most` frames that are whole in memory: how many, and the bytes that they take in the file. None where the walker has to
    /// look closer or to read on.
    #[inline]
    fn lend_together(&mut self, most: usize, visit: &mut dyn FnMut(&[RawFrame<'_>])) -> (usize, usize) {
        let mut frames = [NONE; TOGETHER];
        let frames = &mut frames[..most.min(TOGETHER)];
        let (count, length) = self.lying((frames, self.window.held()));
        if let Some(frames) = frames.get(..count).filter(|frames| !frames.is_empty()) {
            visit(frames);
        }
        self.number += count as u64;
        self.window.consume(length);
        (count, length)
    }

    /// What stopping here means to the caller.
    fn end(&mut self, stop: Stop) -> Result<CaptureEnd, CaptureError> {
        let (frame, at_byte) = (self.number, self.window.at_byte());
        let (end, error) = match stop {
            Stop::Complete => (CaptureEnd::Complete, None),
            Stop::Cut { missing } => {
                let at_byte = at_byte + self.window.held().len() as u64;
                (CaptureEnd::Cut { frame, at_byte, missing }, None)
            }
            Stop::Damaged(damage) => {
                let error = CaptureError::Damaged { file: self.name.clone(), frame, at_byte, damage };
                (CaptureEnd::Cut { frame, at_byte, missing: 0 }, Some(error))
            }
            Stop::Unreadable(source) => {
                let error = CaptureError::Unreadable { file: self.name.clone(), frame, at_byte, source };
                (CaptureEnd::Cut { frame, at_byte, missing: 0 }, Some(error))
            }
        };
        self.ended = Some(end);
        error.map_or(Ok(end), Err)
    }
}

impl Source for FileSource {
    fn poll(&mut self, visit: &mut dyn FnMut(&RawFrame<'_>)) -> Result<Polled, CaptureError> {
        self.poll_together(&mut |frames| frames.iter().for_each(&mut *visit))
    }
}

impl fmt::Debug for FileSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSource")
            .field("name", &self.name)
            .field("number", &self.number)
            .field("progress", &self.progress())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

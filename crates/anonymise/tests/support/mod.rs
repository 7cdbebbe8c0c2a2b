//! Captures, anonymised, and what comes of them.

#![expect(clippy::disallowed_methods, reason = "tests read fixtures and the environment")]
#![allow(dead_code, clippy::print_stdout, reason = "each test file uses its part, and says what it left out")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use earwitness_anonymise::{Anonymiser, Counts, Frame, Secret};
use earwitness_capture::{FileSource, Polled, Source};
use earwitness_model::{LinkType, RawFrame};
use earwitness_testkit::script;

/// A capture.
#[derive(Debug, Clone)]
pub(crate) struct Capture {
    pub(crate) name: String,
    pub(crate) frames: Vec<Frame>,
}

/// A capture after it was anonymised.
#[derive(Debug)]
pub(crate) struct Masked {
    pub(crate) capture: Capture,
    pub(crate) counts: Counts,
    pub(crate) anonymiser: Anonymiser,
}

impl Capture {
    /// Frames of Ethernet.
    pub(crate) fn of(name: &str, frames: impl IntoIterator<Item = earwitness_testkit::Frame>) -> Self {
        let frame = |(number, frame): (u64, earwitness_testkit::Frame)| Frame {
            number,
            time: frame.time,
            link: LinkType::Ethernet,
            wire_len: frame.bytes.len() as u32,
            bytes: frame.bytes,
        };
        Self { name: name.to_owned(), frames: (1..).zip(frames).map(frame).collect() }
    }

    pub(crate) fn read(path: &Path) -> Option<Self> {
        let mut source = FileSource::open(path).ok()?;
        let mut frames = Vec::new();
        let mut polled = Polled::Frames;
        while polled == Polled::Frames {
            polled = source.poll(&mut |frame| frames.push(owned(frame))).ok()?;
        }
        Some(Self { name: path.display().to_string(), frames })
    }

    pub(crate) fn raw(&self) -> impl Iterator<Item = RawFrame<'_>> {
        self.frames.iter().map(raw)
    }

    /// Without what stood for whom.
    pub(crate) fn masked(&self) -> Masked {
        self.masked_by(Secret::seeded(1))
    }

    pub(crate) fn masked_by(&self, secret: Secret) -> Masked {
        let mut anonymiser = Anonymiser::with_mapping(secret);
        let mut frames = Vec::new();
        for frame in self.raw() {
            anonymiser.handle_frame(&frame);
            frames.extend(std::iter::from_fn(|| anonymiser.poll_frame()));
        }
        anonymiser.handle_end();
        frames.extend(std::iter::from_fn(|| anonymiser.poll_frame()));
        let counts = *anonymiser.counts();
        Masked { capture: Self { name: self.name.clone(), frames }, counts, anonymiser }
    }
}

pub(crate) fn raw(frame: &Frame) -> RawFrame<'_> {
    let Frame { number, time, link, wire_len, ref bytes } = *frame;
    RawFrame { time, number, link, wire_len, bytes }
}

fn owned(frame: &RawFrame<'_>) -> Frame {
    let RawFrame { time, number, link, wire_len, bytes } = *frame;
    Frame { number, time, link, wire_len, bytes: bytes.to_vec() }
}

/// Every call that is told as a script.
pub(crate) fn scripts() -> Vec<Capture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/calls");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(path.join("script.call")).ok()?;
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        Some(Capture::of(&name, script::parse(&text).unwrap().frames()))
    };
    paths.into_iter().filter_map(read).collect()
}

/// The captures of the world, when they are at hand: those below 2 MiB.
pub(crate) fn corpus() -> Vec<Capture> {
    let Some(root) = std::env::var_os("EARWITNESS_CORPUS") else {
        println!("left out: EARWITNESS_CORPUS is not set");
        return Vec::new();
    };
    let (mut folders, mut captures) = (vec![PathBuf::from(root)], Vec::new());
    while let Some(folder) = folders.pop() {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let is_small = fs::metadata(&path).is_ok_and(|found| found.len() < 2 << 20);
            if path.is_dir() {
                folders.push(path);
            } else if is_small {
                captures.extend(Capture::read(&path));
            }
        }
    }
    captures
}

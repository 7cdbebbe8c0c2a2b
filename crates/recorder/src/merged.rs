//! Several capture files as one capture: their frames in the order of time. Two taps that show the same calls become one
//! recording of each, and the files of a capture that was cut into pieces may be named in any order.

use std::collections::VecDeque;

use earwitness_capture::{CaptureEnd, CaptureError, Polled, Source};
use earwitness_model::{LinkType, PacketTime, RawFrame};
use zeroize::Zeroizing;

use crate::run::{CutFile, Input};

/// Frames after which a poll ends: two taps may take turns with every frame, and what is done between polls is done once
/// for many.
const ENOUGH: usize = 256;

/// Files that are read side by side. Of each, one batch is in memory.
pub(crate) struct Merged {
    each: Vec<Reading>,
}

/// How a file ended that did not end as it should.
pub(crate) enum Broken {
    Cut(CutFile),
    Unreadable(CaptureError),
}

/// Whether there is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Went {
    /// Frames were handed over, the last of them of the file at this place.
    On(usize),
    /// There are none.
    ToTheEnd,
}

/// One file.
struct Reading {
    input: Input,
    frames: VecDeque<Held>,
    /// What the frames of the batch hold.
    bytes: Vec<u8>,
    state: State,
}

enum State {
    Open,
    Ended,
    /// It has to be said.
    Broken(Broken),
}

/// A frame that left its file.
struct Held {
    time: PacketTime,
    number: u64,
    link: LinkType,
    wire_len: u32,
    begin: usize,
    end: usize,
}

impl Merged {
    pub(crate) fn new(inputs: Vec<Input>) -> Self {
        let reading =
            |input| Reading { input, frames: VecDeque::new(), bytes: Vec::new(), state: State::Open };
        Self { each: inputs.into_iter().map(reading).collect() }
    }

    /// Reads what is needed to know whose frames are next, and gives the key logs that stand before them.
    pub(crate) fn prepare(&mut self) -> Vec<Zeroizing<Vec<u8>>> {
        let (last, mut key_logs) = (self.last(), Vec::new());
        for (place, reading) in self.each.iter_mut().enumerate() {
            if Some(place) == last {
                reading.take_key_logs(&mut key_logs);
            } else {
                reading.fill(&mut key_logs);
            }
        }
        key_logs
    }

    /// Hands over the frames that are next, about [`ENOUGH`] where files take turns. It was [prepared](Self::prepare).
    pub(crate) fn poll(&mut self, mut visit: impl FnMut(usize, &[RawFrame<'_>])) -> Went {
        if let Some(place) = self.last() {
            let Some(reading) = self.each.get_mut(place) else { return Went::ToTheEnd };
            let polled = reading.input.source.poll_together(&mut |frames| visit(place, frames));
            reading.state = reading.after(polled);
            return Went::On(place);
        }
        let (mut went, mut handed_over) = (Went::ToTheEnd, 0);
        while handed_over < ENOUGH && self.is_prepared() {
            let Some((place, until)) = self.next() else { break };
            let Some(reading) = self.each.get_mut(place) else { break };
            let is_next = |held: &Held| until.is_none_or(|until| held.time <= until);
            while reading.frames.front().is_some_and(is_next) {
                let Some(held) = reading.frames.pop_front() else { break };
                let bytes = reading.bytes.get(held.begin..held.end).unwrap_or_default();
                let Held { time, number, link, wire_len, .. } = held;
                visit(place, &[RawFrame { time, number, link, wire_len, bytes }]);
                handed_over += 1;
            }
            went = Went::On(place);
        }
        went
    }

    /// Whether something has to be read before the next frame is known: that may take as long as somebody takes to write it.
    pub(crate) fn must_read(&self) -> bool {
        match self.last().and_then(|place| self.each.get(place)) {
            Some(reading) => reading.input.source.must_read(),
            None => !self.is_prepared(),
        }
    }

    /// Whether it is known of every file which frame of it is next.
    fn is_prepared(&self) -> bool {
        self.each.iter().all(|reading| !reading.is_open() || !reading.frames.is_empty())
    }

    /// The file whose frame in memory is the earliest, and when the earliest of the others is. Of the same time the first
    /// file's frame is the earlier.
    fn next(&self) -> Option<(usize, Option<PacketTime>)> {
        let time = |reading: &Reading| reading.frames.front().map(|held| held.time);
        let heads = || {
            let each = self.each.iter().enumerate();
            each.filter_map(|(place, reading)| Some((time(reading)?, place)))
        };
        let (_, first) = heads().min()?;
        Some((first, heads().filter(|(_, place)| *place != first).map(|(time, _)| time).min()))
    }

    /// The one file of which there is more, when nothing of any is in memory: its frames need not leave it.
    fn last(&self) -> Option<usize> {
        let mut open = self.each.iter().enumerate().filter(|(_, reading)| reading.is_open());
        let (place, _) = open.next()?;
        let is_last = open.next().is_none() && self.each.iter().all(|reading| reading.frames.is_empty());
        is_last.then_some(place)
    }

    /// Files that ended in the middle of something since the last call.
    pub(crate) fn take_broken(&mut self) -> impl Iterator<Item = Broken> {
        self.each.iter_mut().filter_map(|reading| match std::mem::replace(&mut reading.state, State::Ended) {
            State::Broken(broken) => Some(broken),
            state @ (State::Open | State::Ended) => {
                reading.state = state;
                None
            }
        })
    }

    /// Decryption Secrets Blocks that were not read, of all files.
    pub(crate) fn secrets_unread(&self) -> u64 {
        self.each.iter().map(|reading| reading.input.source.secrets_unread()).sum()
    }

    /// Bytes read of all files, and how many they have where that is known of each.
    pub(crate) fn progress(&self) -> (u64, Option<u64>) {
        let each = || self.each.iter().map(|reading| reading.input.source.progress());
        let total = each().map(|progress| progress.total_bytes).sum();
        (each().map(|progress| progress.read_bytes).sum(), total)
    }
}

impl Reading {
    const fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Reads a batch, when there is nothing of the one before.
    fn fill(&mut self, key_logs: &mut Vec<Zeroizing<Vec<u8>>>) {
        while self.frames.is_empty() && self.is_open() {
            self.bytes.clear();
            self.take_key_logs(key_logs);
            let (frames, bytes) = (&mut self.frames, &mut self.bytes);
            let polled = self.input.source.poll(&mut |frame| {
                let begin = bytes.len();
                bytes.extend_from_slice(frame.bytes);
                let RawFrame { time, number, link, wire_len, .. } = *frame;
                frames.push_back(Held { time, number, link, wire_len, begin, end: bytes.len() });
            });
            self.state = self.after(polled);
        }
    }

    fn take_key_logs(&mut self, key_logs: &mut Vec<Zeroizing<Vec<u8>>>) {
        while let Some(key_log) = self.input.source.poll_key_log() {
            key_logs.push(key_log);
        }
    }

    fn after(&self, polled: Result<Polled, CaptureError>) -> State {
        match polled {
            Ok(Polled::Frames | Polled::Idle) => State::Open,
            Ok(Polled::End(CaptureEnd::Complete)) => State::Ended,
            Ok(Polled::End(CaptureEnd::Cut { frame, at_byte, .. })) => {
                let name = self.input.name.clone();
                State::Broken(Broken::Cut(CutFile { name, frame, at_byte }))
            }
            Err(error) => State::Broken(Broken::Unreadable(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use earwitness_capture::FileSource;

    use super::*;

    /// A pcap file with a frame at each of `micros`.
    fn file(micros: impl Iterator<Item = u32>) -> Input {
        let mut bytes = [0xa1b2_c3d4_u32, 2 | 4 << 16, 0, 0, 65_535, 1].map(u32::to_le_bytes).concat();
        for at in micros {
            bytes.extend([0, at, 4, 4, 0].map(u32::to_le_bytes).concat());
        }
        let source =
            FileSource::from_reader(Box::new(std::io::Cursor::new(bytes)), "made").expect("a capture");
        Input { name: "made".to_owned(), source }
    }

    /// When each frame was and of which file, and how many polls that took.
    fn read(inputs: Vec<Input>) -> (Vec<(i64, usize)>, usize) {
        let (mut merged, mut frames, mut polls) = (Merged::new(inputs), Vec::new(), 0);
        loop {
            assert!(merged.prepare().is_empty(), "there is no key log");
            let went = merged.poll(|place, together| {
                frames.extend(together.iter().map(|frame| (frame.time.nanos() / 1000, place)));
            });
            if went == Went::ToTheEnd {
                return (frames, polls);
            }
            polls += 1;
        }
    }

    #[test]
    fn files_that_take_turns_are_read_in_order_and_in_batches() {
        let files =
            vec![file((0..3000).step_by(2)), file((1..2000).step_by(2)), file((500..1500).step_by(2))];
        let (frames, polls) = read(files);
        assert!(frames.is_sorted(), "of the same time the first file's frame comes first");
        assert_eq!(frames.len(), 1500 + 1000 + 500);
        assert!(polls <= 40, "{polls} for 3000 frames");
    }

    #[test]
    fn files_one_after_the_other_are_read_in_any_order() {
        let (frames, _) = read(vec![file(2000..3000), file(0..1000), file(std::iter::empty())]);
        assert_eq!(frames.len(), 2000);
        assert!(frames.is_sorted());
    }
}

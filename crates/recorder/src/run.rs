//! From the first frame to the last commit.

use std::{
    hash::{BuildHasher, RandomState},
    thread,
};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use earwitness_capture::{CaptureEnd, CaptureError, FileSource, Polled, Source};
use earwitness_engine::{Counts, Engine, Limits, Output};
use earwitness_model::{PacketTime, RawFrame, Segment, WallTime};
use earwitness_rules::RuleSet;
use earwitness_vault::{LedgerKind, Vault};

use crate::{
    RecordError,
    pool::SealingThread,
    queue::{WORK, WRITTEN, sealing_threads},
    writer,
};

/// One source and what to call it.
pub struct Input {
    /// For messages.
    pub name: String,
    /// Where the frames come from.
    pub source: FileSource,
}

/// How far recording is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Which of the inputs is read, from 0.
    pub input: usize,
    /// Frames read.
    pub frames: u64,
    /// Bytes of the input read, as it is stored.
    pub read_bytes: u64,
    /// Bytes it has, where that is known.
    pub total_bytes: Option<u64>,
    /// Calls running now.
    pub calls: usize,
}

/// An input that ended in the middle of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutFile {
    /// The input.
    pub name: String,
    /// The frame that is missing its end.
    pub frame: u64,
    /// Where the damage begins.
    pub at_byte: u64,
}

/// What recording came to.
#[derive(Debug, Default)]
pub struct Finished {
    /// What the engine saw and left out.
    pub counts: Counts,
    /// Calls that were listed, kept or refused.
    pub calls: u64,
    /// Calls that the vault had already, from an earlier run over the same frames.
    pub known: u64,
    /// Bytes written to volumes.
    pub bytes: u64,
    /// Inputs that were cut.
    pub cut: Vec<CutFile>,
    /// Why inputs could not be read on. What came before is kept.
    pub unreadable: Vec<CaptureError>,
}

/// Records inputs into a vault.
pub struct Recorder<'a, C> {
    /// Where recordings go.
    pub vault: &'a Vault,
    /// Who is recorded.
    pub rules: RuleSet,
    /// How much memory the engine may use.
    pub limits: Limits,
    /// The time of day.
    pub clock: C,
}

/// A file that begins this much before where the last one ended is another capture, not its continuation.
const SAME_CAPTURE_NANOS: i64 = 1_000_000_000;

impl<C: Fn() -> WallTime + Sync> Recorder<'_, C> {
    /// Reads `inputs` one after the other to their ends; `tell` hears of the progress after each batch of frames.
    ///
    /// # Errors
    /// When the vault cannot keep what comes; what was committed before stays.
    pub fn run(self, inputs: Vec<Input>, tell: &mut dyn FnMut(Progress)) -> Result<Finished, RecordError> {
        let rule_set = self.rules.hash();
        self.vault.note(LedgerKind::RecorderStarted, (self.clock)(), &rule_set.0)?;
        let (sealer, writer) = self.vault.writer()?;
        let threads = sealing_threads();
        let (work, works): (Vec<_>, Vec<_>) = (0..threads).map(|_| bounded::<Output>(WORK)).unzip();
        let (to_writer, written) = bounded(WRITTEN);
        // Taken back after every batch of frames, so that no more is on the way than the other queues let through.
        let (to_engine, returned) = unbounded();
        let (clock, index) = (&self.clock, self.vault.index());
        let outcome = thread::scope(|scope| {
            let writing = scope.spawn(move || writer::run(writer, &written, clock));
            let sealing: Vec<_> = works
                .into_iter()
                .map(|queue| {
                    let (sealer, written, returned) = (sealer.clone(), to_writer.clone(), to_engine.clone());
                    let thread = SealingThread { sealer, index, clock, written, returned };
                    scope.spawn(move || thread.run(&queue))
                })
                .collect();
            drop((to_writer, to_engine));
            let pool = Pool { work, returned, place: RandomState::new() };
            let engine = Engine::new(self.rules.clone(), self.limits);
            let finished = Finished::default();
            let capturing =
                Capturing { engine, rules: self.rules, limits: self.limits, pool, finished, tell };
            let mut finished = capturing.run(inputs);
            let sealed = sealing.into_iter().map(|thread| thread.join()).collect::<Result<Vec<()>, _>>();
            let tally = writing.join().map_err(|_panic| RecordError::Panicked { thread: "writing" })??;
            sealed.map_err(|_panic| RecordError::Panicked { thread: "sealing" })?;
            (finished.calls, finished.known, finished.bytes) = (tally.calls, tally.known, tally.bytes);
            Ok::<_, RecordError>(finished)
        });
        let noted = self.vault.note(LedgerKind::RecorderStopped, (self.clock)(), &rule_set.0);
        let finished = outcome?;
        noted?;
        Ok(finished)
    }
}

/// The queues to the sealing threads, and the way back for buffers.
struct Pool {
    work: Vec<Sender<Output>>,
    returned: Receiver<Segment>,
    place: RandomState,
}

/// The sealing pool stopped: the writer says why.
struct Stopped;

impl Pool {
    /// Hands over what the engine has, waiting where a queue is full.
    fn drain(&self, engine: &mut Engine) -> Result<(), Stopped> {
        while let Some(output) = engine.poll_output() {
            let call = match &output {
                Output::Opened(opened) => opened.call,
                Output::Running(running) => running.id,
                Output::Stream(stream) => stream.call,
                Output::Segment(segment) => segment.call,
                Output::Ended(summary) => summary.id,
            };
            let thread = (self.place.hash_one(call) % self.work.len() as u64) as usize;
            self.work[thread].send(output).map_err(|_gone| Stopped)?;
        }
        Ok(())
    }

    /// Gives the engine its buffers back. Once per batch of frames is often enough, and a look at the queue costs as much
    /// as the decoding of a frame.
    fn take_back(&self, engine: &mut Engine) {
        self.returned.try_iter().for_each(|segment| engine.handle_returned(segment));
    }
}

/// The capture thread: every frame of every input through the engine.
struct Capturing<'t> {
    engine: Engine,
    rules: RuleSet,
    limits: Limits,
    pool: Pool,
    finished: Finished,
    tell: &'t mut dyn FnMut(Progress),
}

impl Capturing<'_> {
    /// Reads all inputs. One that is damaged is read to the damage, and the next one follows.
    fn run(mut self, inputs: Vec<Input>) -> Finished {
        for (place, input) in inputs.into_iter().enumerate() {
            match self.read(place, input) {
                Ok(()) => {}
                Err(Halt::Unreadable(error)) => self.finished.unreadable.push(error),
                // The writer says why.
                Err(Halt::Stopped) => return self.finished,
            }
        }
        match self.end() {
            Ok(()) | Err(Stopped) => self.finished,
        }
    }

    fn read(&mut self, place: usize, mut input: Input) -> Result<(), Halt> {
        let mut is_first = true;
        loop {
            let mut handed_over = Ok(());
            let polled = input.source.poll(&mut |frame| {
                if handed_over.is_ok() {
                    handed_over = self.handle_frame(frame, std::mem::take(&mut is_first));
                }
            });
            handed_over.map_err(|Stopped| Halt::Stopped)?;
            self.pool.take_back(&mut self.engine);
            let read = input.source.progress();
            (self.tell)(Progress {
                input: place,
                frames: self.finished.counts.frames + self.engine.frames(),
                read_bytes: read.read_bytes,
                total_bytes: read.total_bytes,
                calls: self.engine.calls(),
            });
            match polled.map_err(Halt::Unreadable)? {
                Polled::Frames | Polled::Idle => {}
                Polled::End(CaptureEnd::Complete) => return Ok(()),
                Polled::End(CaptureEnd::Cut { frame, at_byte, .. }) => {
                    self.finished.cut.push(CutFile { name: input.name, frame, at_byte });
                    return Ok(());
                }
            }
        }
    }

    fn handle_frame(&mut self, frame: &RawFrame<'_>, is_first: bool) -> Result<(), Stopped> {
        if is_first && is_another_capture(self.engine.capture_time(), frame.time) {
            self.end()?;
            self.engine = Engine::new(self.rules.clone(), self.limits);
        }
        self.engine.handle_frame(frame);
        self.pool.drain(&mut self.engine)
    }

    fn end(&mut self) -> Result<(), Stopped> {
        self.engine.handle_end();
        self.finished.counts.add(&self.engine.counts());
        self.pool.drain(&mut self.engine)
    }
}

/// Why an input was not read to its end.
enum Halt {
    Stopped,
    Unreadable(CaptureError),
}

fn is_another_capture(before: PacketTime, first: PacketTime) -> bool {
    before > PacketTime::from_nanos(i64::MIN) && first.since(before) < -SAME_CAPTURE_NANOS
}

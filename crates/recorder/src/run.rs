//! From the first frame to the last commit.

use std::{
    hash::{BuildHasher, RandomState},
    thread,
};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use earwitness_capture::{CaptureEnd, FileSource, Polled, Source};
use earwitness_engine::{Counts, Engine, Limits, Output};
use earwitness_model::{PacketTime, Segment, WallTime};
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
    /// When an input cannot be read or the vault cannot keep what comes; what was committed before stays.
    pub fn run(self, inputs: Vec<Input>, tell: &mut dyn FnMut(Progress)) -> Result<Finished, RecordError> {
        let rule_set = self.rules.hash();
        self.vault.note(LedgerKind::RecorderStarted, (self.clock)(), &rule_set.0)?;
        let (sealer, writer) = self.vault.writer()?;
        let threads = sealing_threads();
        let (work, works): (Vec<_>, Vec<_>) = (0..threads).map(|_| bounded::<Output>(WORK)).unzip();
        let (to_writer, written) = bounded(WRITTEN);
        // Bounded by the ring pool's budget: there are no more buffers than that.
        let (to_engine, returned) = unbounded();
        let (clock, index) = (&self.clock, self.vault.index());
        let finished = thread::scope(|scope| {
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
            let captured = capture(self.rules, self.limits, inputs, pool, tell);
            let sealed = sealing.into_iter().map(|thread| thread.join()).collect::<Result<Vec<()>, _>>();
            let tally = writing.join().map_err(|_panic| RecordError::Panicked { thread: "writing" })??;
            sealed.map_err(|_panic| RecordError::Panicked { thread: "sealing" })?;
            let mut finished = captured?;
            (finished.calls, finished.known, finished.bytes) = (tally.calls, tally.known, tally.bytes);
            Ok::<_, RecordError>(finished)
        })?;
        self.vault.note(LedgerKind::RecorderStopped, (self.clock)(), &rule_set.0)?;
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
    /// Hands over what the engine has, waiting where a queue is full, and takes buffers back.
    fn drain(&self, engine: &mut Engine) -> Result<(), Stopped> {
        while let Some(output) = engine.poll_output() {
            let call = match &output {
                Output::Opened(opened) => opened.call,
                Output::Stream(stream) => stream.call,
                Output::Segment(segment) => segment.call,
                Output::Ended(summary) => summary.id,
            };
            let thread = (self.place.hash_one(call) % self.work.len() as u64) as usize;
            self.work[thread].send(output).map_err(|_gone| Stopped)?;
        }
        self.returned.try_iter().for_each(|segment| engine.handle_returned(segment));
        Ok(())
    }
}

/// The capture thread: every frame of every input through the engine.
fn capture(
    rules: RuleSet,
    limits: Limits,
    inputs: Vec<Input>,
    pool: Pool,
    tell: &mut dyn FnMut(Progress),
) -> Result<Finished, RecordError> {
    let mut engine = Engine::new(rules.clone(), limits);
    let mut finished = Finished::default();
    for (place, mut input) in inputs.into_iter().enumerate() {
        let mut is_first = true;
        loop {
            let mut stopped = false;
            let polled = input.source.poll(&mut |frame| {
                if std::mem::take(&mut is_first) && is_another_capture(engine.now(), frame.time) {
                    stopped |= end(&mut engine, &pool, &mut finished).is_err();
                    engine = Engine::new(rules.clone(), limits);
                }
                engine.handle_frame(frame);
                stopped |= !stopped && pool.drain(&mut engine).is_err();
            })?;
            let read = input.source.progress();
            tell(Progress {
                input: place,
                frames: finished.counts.frames + engine.frames(),
                read_bytes: read.read_bytes,
                total_bytes: read.total_bytes,
                calls: engine.calls(),
            });
            match polled {
                _ if stopped => return Ok(finished),
                Polled::Frames => {}
                Polled::End(CaptureEnd::Complete) => break,
                Polled::End(CaptureEnd::Cut { frame, at_byte, .. }) => {
                    finished.cut.push(CutFile { name: input.name, frame, at_byte });
                    break;
                }
            }
        }
    }
    // The pool stopped: the writer's error is the one to tell.
    end(&mut engine, &pool, &mut finished).unwrap_or(());
    Ok(finished)
}

fn is_another_capture(before: PacketTime, first: PacketTime) -> bool {
    before > PacketTime::from_nanos(i64::MIN) && first.since(before) < -SAME_CAPTURE_NANOS
}

fn end(engine: &mut Engine, pool: &Pool, finished: &mut Finished) -> Result<(), Stopped> {
    engine.handle_end();
    finished.counts.add(&engine.counts());
    pool.drain(engine)
}

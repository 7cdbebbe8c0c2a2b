//! The sealing pool: hashing and encryption, off the capture thread. A call's work always goes to the same thread, so
//! that its order needs no lock.

use std::{
    collections::{HashMap, VecDeque},
    sync::atomic::Ordering::Relaxed,
    thread,
    time::Instant,
};

use earwitness_engine::{Opened, Output, Stream};
use earwitness_media::Digits;
use earwitness_model::{
    CallId, CallSummary, Decision, EndedBy, Flag, Gap, GapCause, GapEvidence, InbandDigits, Leg, RecordingId,
    WallTime,
};
use earwitness_vault::{
    Entry, FailedBecause, Index, LedgerNote, Opening, RecordingSealer, Sealed, Sealer, StreamOpened,
    VaultError,
};

use crate::{
    gauge::WriterGauge,
    queue::{AT_ONCE, Closed, Queue, Receiver},
    way_back::WayBack,
    writer::{LOOK_AGAIN, OnFull, PATIENCE_AT_END},
};

/// From the sealing pool to the writer.
pub(crate) enum Written {
    /// A block to append.
    Block(Sealed),
    /// A call without a recording, to be listed.
    Excluded(Box<CallSummary>),
    /// A call that should have a recording and has none.
    Unkept(Box<CallSummary>, FailedBecause),
    /// A call that the vault holds already, whole: nothing of it is written twice.
    Known,
    /// Something to say in the ledger.
    Note {
        /// When it was so.
        at: WallTime,
        /// What.
        note: LedgerNote,
    },
    /// Sealing is not possible any more.
    Failed(Box<VaultError>),
}

/// What one sealing thread needs.
pub(crate) struct SealingThread<'a, C> {
    pub(crate) sealer: Sealer,
    pub(crate) index: &'a Index,
    pub(crate) clock: &'a C,
    /// Calls that go on from a recording that was interrupted.
    pub(crate) continues: &'a HashMap<CallId, RecordingId>,
    pub(crate) on_full: OnFull,
    /// Whether the recorder was told to stop.
    pub(crate) gauge: &'a WriterGauge,
    pub(crate) written: Queue<Written>,
    /// When the keys that wrapped those of the newest recordings go.
    pub(crate) close_batches: Option<Instant>,
    /// What the writer has not been given yet.
    pub(crate) ready: VecDeque<Written>,
    /// For segments that are not sealed.
    pub(crate) returned: WayBack,
}

/// What a sealing thread knows of a call that is being kept.
enum Running {
    /// Where the rule wants the digits in its audio, they are listened for.
    Recording(Box<RecordingSealer>, Option<Box<Digits>>),
    /// The vault has it from an earlier run over the same frames.
    Known,
    /// It should be kept, and its recording could not be begun.
    Unkept(FailedBecause),
}

/// The writer is gone: there is nobody to seal for.
pub(crate) struct WriterGone;

impl<C: Fn() -> WallTime> SealingThread<'_, C> {
    /// Seals until the engine is done or the writer is gone.
    pub(crate) fn run(mut self, work: &Receiver<Output>) {
        let (mut calls, mut outputs) = (HashMap::new(), Vec::with_capacity(AT_ONCE));
        while work.receive(&mut outputs, AT_ONCE, self.close_batches).is_ok() {
            if self.close_batches.is_some_and(|at| Instant::now() >= at) {
                self.sealer.close_batches();
                self.close_batches = None;
            }
            let handled = outputs.drain(..).try_for_each(|output| self.handle(output, &mut calls));
            // What went before a failure, and the failure itself, are for the writer.
            let handed_over = self.written.send_all(&mut self.ready);
            if handled.is_err() || handed_over.is_err() {
                return;
            }
        }
    }

    fn handle(&mut self, output: Output, calls: &mut HashMap<CallId, Running>) -> Result<(), WriterGone> {
        match output {
            Output::Opened(opened) => self.open(*opened, calls),
            Output::Running(running) => match calls.get_mut(&running.id) {
                Some(Running::Recording(recording, _)) => {
                    self.ready(Written::Block(recording.running(&running)))
                }
                Some(Running::Known | Running::Unkept(_)) | None => Ok(()),
            },
            Output::Stream(stream) => match calls.get_mut(&stream.call) {
                Some(Running::Recording(recording, digits)) => {
                    if let Some(digits) = digits {
                        let of = (stream.index, stream.track);
                        digits.handle_stream(of, stream.payload_type, stream.codec.as_ref());
                    }
                    self.ready(Written::Block(recording.stream(&named(*stream))))
                }
                Some(Running::Known | Running::Unkept(_)) | None => Ok(()),
            },
            Output::Segment(segment) => match calls.get_mut(&segment.call) {
                Some(Running::Recording(recording, digits)) => {
                    if let Some(digits) = digits {
                        digits.handle_segment(&segment);
                    }
                    self.ready(Written::Block(recording.seal(segment)))
                }
                Some(Running::Known | Running::Unkept(_)) | None => {
                    self.returned.give_plain(segment);
                    Ok(())
                }
            },
            Output::Ended(summary) => match calls.remove(&summary.id) {
                Some(Running::Recording(recording, digits)) => {
                    let mut summary = summary;
                    if let Some(digits) = digits {
                        tell_of_digits(&mut summary, *digits);
                    }
                    if self.continues.contains_key(&summary.id) {
                        tell_of_the_part_before(&mut summary);
                    }
                    self.ready(Written::Block(recording.finish(*summary)))
                }
                Some(Running::Known) => self.known(),
                Some(Running::Unkept(because)) => self.ready(Written::Unkept(summary, because)),
                None => match self.is_listed(summary.id) {
                    Ok(true) => self.known(),
                    Ok(false) if had_no_memory(&summary) => {
                        self.ready(Written::Unkept(summary, FailedBecause::NoMemory))
                    }
                    Ok(false) => self.ready(Written::Excluded(summary)),
                    Err(error) => self.fail(error),
                },
            },
        }
    }

    fn open(&mut self, opened: Opened, calls: &mut HashMap<CallId, Running>) -> Result<(), WriterGone> {
        let Opened { call, facts, verdict, at } = opened;
        let running = match self.is_known(call) {
            Ok(true) => Running::Known,
            Ok(false) => {
                let continues = self.continues.get(&call).copied();
                let digits = match &verdict.decision {
                    Decision::Admit(keep) if keep.inband_digits == InbandDigits::List => Some(Box::default()),
                    Decision::Admit(_) | Decision::Refuse(_) => None,
                };
                let opening = Opening { call, facts, verdict, at, continues };
                match self.begin(&opening) {
                    Ok((recording, block)) => {
                        self.close_batches.get_or_insert_with(|| Instant::now() + Sealer::BATCH);
                        self.ready(Written::Block(block))?;
                        Running::Recording(Box::new(recording), digits)
                    }
                    Err(error) => match self.because(&error) {
                        Some(because) => Running::Unkept(because),
                        None => return self.fail(error),
                    },
                }
            }
            Err(error) => return self.fail(error),
        };
        calls.insert(call, running);
        Ok(())
    }

    /// Begins a recording. The first one of a day needs room for the day's key: it is waited for like the writer waits.
    fn begin(&self, opening: &Opening) -> Result<(RecordingSealer, Sealed), VaultError> {
        let mut until = None;
        loop {
            match self.sealer.begin(opening, (self.clock)()) {
                Err(why) if self.on_full == OnFull::Wait && why.is_full() => {
                    if self.gauge.ending.load(Relaxed) {
                        let until = *until.get_or_insert_with(|| Instant::now() + PATIENCE_AT_END);
                        if Instant::now() >= until {
                            return Err(why);
                        }
                    }
                    // The writer ends the wait when it takes the block that comes of this.
                    self.gauge.begin_to_wait((self.clock)());
                    thread::sleep(LOOK_AGAIN);
                }
                begun => return begun,
            }
        }
    }

    /// Why a call is not kept whose recording could not be begun; `None` when nothing can be recorded any more. Who reads a
    /// file can do so again, and is told.
    fn because(&self, why: &VaultError) -> Option<FailedBecause> {
        if self.on_full == OnFull::Fail || why.must_reopen() {
            return None;
        }
        Some(if why.is_full() { FailedBecause::NoRoom } else { FailedBecause::KeyNotWrapped })
    }

    fn known(&mut self) -> Result<(), WriterGone> {
        self.gauge.count_known();
        self.ready(Written::Known)
    }

    /// Whether the vault lists the call already, so that an excluded one need not be listed again.
    fn is_listed(&self, call: CallId) -> Result<bool, VaultError> {
        Ok(self.entry(call)?.is_some())
    }

    /// Whether the vault has the whole call: an interrupted recording, or one that the end of a capture cut short, is
    /// made again, and a call that other rules refused is a new one.
    fn is_known(&self, call: CallId) -> Result<bool, VaultError> {
        let Some(Entry { summary, recording: Some(recording), .. }) = self.entry(call)? else {
            return Ok(false);
        };
        let was_cut = summary.end.is_none_or(|end| end.by == Some(EndedBy::CaptureEnd));
        Ok(!recording.interrupted && !was_cut)
    }

    /// What the vault lists of a call. On a wire, where a call comes once, one that a full disk keeps from being looked up is
    /// not there: the row that it gets does not take the place of a better one.
    fn entry(&self, call: CallId) -> Result<Option<Entry>, VaultError> {
        match self.index.get(call).map_err(VaultError::from) {
            Err(why) if self.on_full == OnFull::Wait && why.is_full() => Ok(None),
            found => found,
        }
    }

    fn fail(&mut self, error: VaultError) -> Result<(), WriterGone> {
        self.ready(Written::Failed(Box::new(error)))?;
        Err(WriterGone)
    }

    /// For the writer, with all else that comes of this batch.
    fn ready(&mut self, written: Written) -> Result<(), WriterGone> {
        self.ready.push_back(written);
        if self.ready.len() < AT_ONCE {
            return Ok(());
        }
        self.written.send_all(&mut self.ready).map_err(|Closed| WriterGone)
    }
}

/// Whether a rule keeps the call, and there was no memory for its audio.
fn had_no_memory(summary: &CallSummary) -> bool {
    let is_kept = match summary.verdict.decision {
        Decision::Admit(_) => true,
        Decision::Refuse(_) => false,
    };
    is_kept && summary.flags.contains(&Flag::CaptureLoss)
}

/// Lists the digits that were sounded with those that were signalled.
fn tell_of_digits(summary: &mut CallSummary, digits: Digits) {
    let found = digits.finish(&summary.dtmf);
    summary.dtmf.extend(found);
    summary.dtmf.sort_by_key(|press| press.at);
}

/// A second part has its answer from the first one, and its audio begins when it was taken up: what came between is in the
/// first part or nowhere, and a gap says so.
fn tell_of_the_part_before(summary: &mut CallSummary) {
    let Some(answer) = summary.answer else { return };
    for leg in [Leg::Caller, Leg::Callee] {
        let voices = summary.streams.iter().filter(|stream| stream.of.leg == leg);
        let Some(first) = voices.map(|stream| stream.first).min() else { continue };
        let ms = u32::try_from(first.since(answer) / 1_000_000).unwrap_or(0);
        if ms > 0 {
            let (cause, evidence) = (GapCause::Capture, Some(GapEvidence::Recorder));
            summary.gaps.insert(0, Gap { leg, at: answer, ms, cause, evidence });
        }
    }
}

fn named(stream: Stream) -> StreamOpened {
    let Stream { call: _, index, track, payload_type, codec } = stream;
    StreamOpened { index, track, payload_type, codec }
}

//! From the first frame to the last commit.

use std::{collections::HashMap, num::NonZeroU16};

use earwitness_capture::{CaptureError, Feed, FileSource};
use earwitness_engine::{Counts, Engine, Limits, SignallingShard};
use earwitness_model::{CallId, PacketTime, RecordingId, RunningCall, WallTime};
use earwitness_rules::RuleSet;
use earwitness_vault::{LedgerNote, Vault, VaultError, WasRunning, Watching};

use crate::{
    RecordError,
    live::{
        Capture, Live, packet_time,
        sharded::{self, ShardedCapture},
    },
    merged::{Broken, Merged, Went},
    pipeline::{Pipeline, Pool, Stopped},
    watch::Post,
    writer::{OnFull, Tally},
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
    /// Which of the inputs the last frames are of, from 0.
    pub input: usize,
    /// Frames read.
    pub frames: u64,
    /// Bytes of all inputs read, as they are stored.
    pub read_bytes: u64,
    /// Bytes they have, where that is known.
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
    /// Frames that kernel and interfaces dropped before the recorder saw them.
    pub dropped: u64,
    /// Decryption Secrets Blocks of captures that were too long to be read, or cut within themselves.
    pub secrets_unread: u64,
    /// Inputs that were cut.
    pub cut: Vec<CutFile>,
    /// Why inputs could not be read on. What came before is kept.
    pub unreadable: Vec<CaptureError>,
}

impl Finished {
    /// What the writer says. What it had to give up was handed on, and is not kept.
    fn take_in(&mut self, tally: &Tally) {
        (self.calls, self.known, self.bytes) = (tally.calls, tally.known, tally.bytes);
        let media = &mut self.counts.media;
        media.kept = media.kept.saturating_sub(tally.given_up.packets);
        media.refused += tally.given_up.packets;
        self.counts.messages_not_kept += tally.given_up.messages;
    }
}

/// Records into a vault.
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

/// A call that was running this long before the recorder came back is not waited for any more.
const RESUMED_NANOS: i64 = 600_000_000_000;

impl<C: Fn() -> WallTime + Sync> Recorder<'_, C> {
    /// Reads `inputs` to their ends, their frames in the order of time; `tell` hears of the progress after each batch of frames.
    ///
    /// # Errors
    /// When the vault cannot keep what comes; what was committed before stays.
    pub fn run(self, inputs: Vec<Input>, tell: &mut dyn FnMut(Progress)) -> Result<Finished, RecordError> {
        let (on_full, continues) = (OnFull::Fail, HashMap::new());
        self.between_notes((Vec::new(), on_full), |recorder, _| {
            let (vault, clock, shards) = (recorder.vault, &recorder.clock, 1);
            let pipeline = Pipeline { vault, clock, on_full, continues, shards };
            let engine = Engine::new(recorder.rules.clone(), recorder.limits);
            let finished = Finished::default();
            pipeline.run(|mut ends, own| {
                let pool = ends.pop().unwrap_or(own);
                Capturing { engine, pool, finished, tell }.run(inputs)
            })
        })
    }

    /// Records from interfaces and capture agents until it is told to stop through the [`crate::Watch`] of `post`. Calls that ran when the
    /// recorder last stopped out of order, less than ten minutes ago, go on as second parts.
    ///
    /// # Errors
    /// When the vault cannot keep what comes, other than for want of room: that is waited for.
    pub fn watch(self, sources: Vec<Feed>, post: Post) -> Result<Finished, RecordError> {
        self.between_notes((names(&sources), OnFull::Wait), |recorder, watching| {
            let Recorder { vault, rules, limits, clock } = recorder;
            let mut engine = Engine::live(rules.clone(), *limits);
            let continues = resume(vault, clock(), |call, at| engine.handle_resumed(call, at))?;
            let pipeline = Pipeline { vault, clock, on_full: OnFull::Wait, continues, shards: 1 };
            let ring_budget = limits.ring_bytes;
            let capture = Capture { engine, sources, watching, clock, post, ring_budget };
            pipeline.run(|mut ends, own| Live::new(capture, ends.pop().unwrap_or(own)).run())
        })
    }

    /// As [`Self::watch`], on several threads: `sources` has for each thread its sources, one on each interface, which share
    /// the interface's frames by [`earwitness_capture::Fanout`]. The first thread's name all there are: what is not shared, as
    /// agents' ports, comes last and is its own.
    ///
    /// # Errors
    /// Those of [`Self::watch`].
    pub fn watch_sharded(self, sources: Vec<Vec<Feed>>, post: Post) -> Result<Finished, RecordError> {
        let shards = u16::try_from(sources.len()).ok().and_then(NonZeroU16::new);
        let (Some(first), Some(shards)) = (sources.first(), shards) else { return Ok(Finished::default()) };
        self.between_notes((names(first), OnFull::Wait), |recorder, watching| {
            let Recorder { vault, rules, limits, clock } = recorder;
            let (limits, begun) = (*limits, clock());
            let mut signalling = SignallingShard::new(rules.clone(), limits, shards, packet_time(begun));
            let continues = resume(vault, begun, |call, _| signalling.handle_resumed(call))?;
            let count = usize::from(shards.get());
            let pipeline = Pipeline { vault, clock, on_full: OnFull::Wait, continues, shards: count };
            let capture =
                ShardedCapture { signalling, shards, sources, limits, begun, watching, clock, post };
            pipeline.run(|ends, own| sharded::run(capture, ends, own))
        })
    }

    /// The ledger knows when the recorder watched, and what.
    fn between_notes(
        self,
        (interfaces, on_full): (Vec<String>, OnFull),
        record: impl FnOnce(&Self, Watching) -> Result<(Finished, Tally), RecordError>,
    ) -> Result<Finished, RecordError> {
        let watching = Watching { rule_set: self.rules.hash(), interfaces, ended: None };
        self.tell(on_full, &LedgerNote::RecorderStarted(watching.clone()))?;
        // Who stops because the vault does not keep what comes has not stopped in order.
        let (mut finished, tally) = record(&self, watching.clone())?;
        self.tell(on_full, &LedgerNote::RecorderStopped(Watching { ended: Some(tally.ended), ..watching }))?;
        finished.take_in(&tally);
        Ok(finished)
    }

    /// On a full disk a row waits in memory where recordings wait, too, and goes with the next commit.
    fn tell(&self, on_full: OnFull, note: &LedgerNote) -> Result<(), VaultError> {
        match self.vault.tell((self.clock)(), note) {
            Err(why) if on_full == OnFull::Wait && why.is_full() => Ok(()),
            told => told,
        }
    }
}

fn names(sources: &[Feed]) -> Vec<String> {
    sources.iter().map(|source| source.name().to_owned()).collect()
}

/// Takes up the calls that ran when a recorder went, and says which recordings they go on from. The others are not waited
/// for any more.
fn resume(
    vault: &Vault,
    now: WallTime,
    mut take_up: impl FnMut(RunningCall, PacketTime) -> Option<CallId>,
) -> Result<HashMap<CallId, RecordingId>, VaultError> {
    let at = packet_time(now);
    let (mut continues, mut given_up) = (HashMap::new(), Vec::new());
    for WasRunning { recording, call, last } in vault.waiting() {
        let is_fresh = (0..RESUMED_NANOS).contains(&at.since(last));
        match is_fresh.then(|| take_up(call, at)).flatten() {
            Some(call) => drop(continues.insert(call, recording)),
            None => given_up.push(recording),
        }
    }
    match vault.stop_waiting(&given_up) {
        // They are given up again by the next one.
        Err(error) if error.is_full() => Ok(continues),
        done => done.map(|()| continues),
    }
}

/// The capture thread: every frame of every input through the engine.
struct Capturing<'t> {
    engine: Engine,
    pool: Pool,
    finished: Finished,
    tell: &'t mut dyn FnMut(Progress),
}

impl Capturing<'_> {
    /// Reads all inputs. One that is damaged is read to the damage, and the others to their ends.
    fn run(mut self, inputs: Vec<Input>) -> Finished {
        let mut merged = Merged::new(inputs);
        loop {
            for key_log in merged.prepare() {
                self.engine.handle_key_log(&key_log, &[]);
            }
            let mut handed_over = Ok(());
            let (pool, engine) = (&self.pool, &mut self.engine);
            let went = merged.poll(|place, frames| {
                if handed_over.is_ok() {
                    engine.handle_tap(place);
                    engine.handle_frames(frames);
                    handed_over = pool.drain(|| engine.poll_output());
                }
            });
            for broken in merged.take_broken() {
                match broken {
                    Broken::Cut(cut) => self.finished.cut.push(cut),
                    Broken::Unreadable(error) => self.finished.unreadable.push(error),
                }
            }
            if merged.must_read() {
                handed_over = handed_over.and_then(|()| self.pool.finish(|| self.engine.poll_output()));
            }
            // The writer says why.
            let Ok(()) = handed_over else { return self.finished };
            self.pool.take_back(|segment| self.engine.handle_returned(segment));
            let Went::On(input) = went else { break };
            let (read_bytes, total_bytes) = merged.progress();
            let (frames, calls) = (self.engine.frames(), self.engine.calls());
            (self.tell)(Progress { input, frames, read_bytes, total_bytes, calls });
        }
        self.finished.secrets_unread = merged.secrets_unread();
        match self.end() {
            Ok(()) | Err(Stopped) => self.finished,
        }
    }

    fn end(&mut self) -> Result<(), Stopped> {
        self.engine.handle_end();
        self.finished.counts.add(&self.engine.counts());
        self.pool.finish(|| self.engine.poll_output())
    }
}

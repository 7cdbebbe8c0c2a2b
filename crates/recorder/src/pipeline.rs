//! The threads behind the capture thread: the sealing pool and the writer, with the queues between them.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    thread,
};

use crossbeam_channel::{Receiver, never, unbounded};
use earwitness_engine::Output;
use earwitness_model::{CallId, RecordingId, Segment, WallTime};
use earwitness_vault::Vault;

use crate::{
    RecordError,
    gauge::WriterGauge,
    health::QueueHealth,
    pool::{SealingThread, Written},
    queue::{Closed, Offered, Queue, WORK, WRITTEN, sealing_threads},
    writer::{self, OnFull, Tally},
};

/// What the threads are made of.
pub(crate) struct Pipeline<'a, C> {
    pub(crate) vault: &'a Vault,
    pub(crate) clock: &'a C,
    pub(crate) on_full: OnFull,
    /// Calls that go on from a recording that a crash interrupted.
    pub(crate) continues: HashMap<CallId, RecordingId>,
    /// Shards of the engine's media half.
    pub(crate) shards: usize,
}

/// The capture thread's end of the pipeline: the queues to the sealing threads, the way back for buffers, and the writer's
/// queue for what is no recording.
pub(crate) struct Pool {
    work: Vec<Queue<Output>>,
    written: Queue<Written>,
    returned: Receiver<Segment>,
    pub(crate) gauge: Arc<WriterGauge>,
    place: RandomState,
}

/// The sealing pool stopped: the writer says why.
pub(crate) struct Stopped;

impl From<Closed> for Stopped {
    fn from(Closed: Closed) -> Self {
        Self
    }
}

impl<C: Fn() -> WallTime + Sync> Pipeline<'_, C> {
    /// Runs `capture` on this thread with the others behind it, and waits until all is written. It is given an end for each
    /// shard, and one without a way back.
    pub(crate) fn run<R>(
        self,
        capture: impl FnOnce(Vec<Pool>, Pool) -> R,
    ) -> Result<(R, Tally), RecordError> {
        let (sealer, writer) = self.vault.writer()?;
        let (vault, clock, index, continues) = (self.vault, self.clock, self.vault.index(), &self.continues);
        let (work, works): (Vec<_>, Vec<_>) =
            (0..sealing_threads()).map(|_| Queue::new("work", WORK)).unzip();
        let (to_writer, written) = Queue::new("written", WRITTEN);
        // Taken back after every batch of frames, so that no more is on the way than the other queues let through.
        let (to_shards, returned): (Vec<_>, Vec<_>) = (0..self.shards).map(|_| unbounded()).unzip();
        let gauge = Arc::new(WriterGauge::default());
        // Nothing is captured yet: from now on only the writer asks the disk.
        gauge.ask_for_room(vault);
        let sealing_gauge = &*gauge;
        thread::scope(|scope| {
            let (writer_gauge, on_full) = (Arc::clone(&gauge), self.on_full);
            let writing =
                scope.spawn(move || writer::run(writer, &written, (vault, clock), (&writer_gauge, on_full)));
            let sealing: Vec<_> = works
                .into_iter()
                .map(|queue| {
                    let (sealer, written, returned) = (sealer.clone(), to_writer.clone(), to_shards.clone());
                    let thread = SealingThread {
                        sealer,
                        index,
                        clock,
                        continues,
                        on_full,
                        gauge: sealing_gauge,
                        written,
                        returned,
                    };
                    scope.spawn(move || thread.run(&queue))
                })
                .collect();
            drop(to_shards);
            let own = Pool {
                work,
                written: to_writer,
                returned: never(),
                gauge: Arc::clone(&gauge),
                place: RandomState::new(),
            };
            let ends = returned.into_iter().map(|returned| own.with(returned)).collect();
            let captured = capture(ends, own);
            let sealed = sealing.into_iter().map(|thread| thread.join()).collect::<Result<Vec<()>, _>>();
            let tally = writing.join().map_err(|_panic| RecordError::Panicked { thread: "writing" })??;
            sealed.map_err(|_panic| RecordError::Panicked { thread: "sealing" })?;
            Ok((captured, tally))
        })
    }
}

impl Pool {
    /// Another end of the same queues, with a way back of its own.
    fn with(&self, returned: Receiver<Segment>) -> Self {
        let (work, written) = (self.work.clone(), self.written.clone());
        Self { work, written, returned, gauge: Arc::clone(&self.gauge), place: self.place.clone() }
    }

    /// Hands over what the engine has, waiting where a queue is full.
    pub(crate) fn drain(&self, mut next: impl FnMut() -> Option<Output>) -> Result<(), Stopped> {
        while let Some(output) = next() {
            self.send(self.place_of(&output), output)?;
        }
        Ok(())
    }

    /// Waits for a place in the queue of the sealing thread at `place`.
    pub(crate) fn send(&self, place: usize, output: Output) -> Result<(), Stopped> {
        Ok(self.work[place].send(output)?)
    }

    /// Takes a place in the queue of the sealing thread at `place` if there is one.
    pub(crate) fn offer(&self, place: usize, output: Output) -> Result<Offered<Output>, Stopped> {
        Ok(self.work[place].offer(output)?)
    }

    /// Offers the writer what is no recording.
    pub(crate) fn offer_writer(&self, written: Written) -> Result<Offered<Written>, Stopped> {
        Ok(self.written.offer(written)?)
    }

    /// Waits until the writer takes what is no recording.
    pub(crate) fn send_writer(&self, written: Written) -> Result<(), Stopped> {
        Ok(self.written.send(written)?)
    }

    /// The sealing thread of an output's call: always the same.
    pub(crate) fn place_of(&self, output: &Output) -> usize {
        let call = match output {
            Output::Opened(opened) => opened.call,
            Output::Running(running) => running.id,
            Output::Stream(stream) => stream.call,
            Output::Segment(segment) => segment.call,
            Output::Ended(summary) => summary.id,
        };
        (self.place.hash_one(call) % self.work.len() as u64) as usize
    }

    /// How many sealing threads there are.
    pub(crate) const fn places(&self) -> usize {
        self.work.len()
    }

    /// Gives the engine its buffers back. Once per batch of frames is often enough, and a look at the queue costs as much
    /// as the decoding of a frame.
    pub(crate) fn take_back(&self, handle_returned: impl FnMut(Segment)) {
        self.returned.try_iter().for_each(handle_returned);
    }

    /// The queues, in the order work goes through them. Those of the sealing threads are told as one.
    pub(crate) fn queues(&self) -> Vec<QueueHealth> {
        let work = self.work.iter().map(Queue::health).reduce(|sum, queue| QueueHealth {
            name: sum.name,
            capacity: sum.capacity + queue.capacity,
            length: sum.length + queue.length,
            high_water: sum.high_water + queue.high_water,
            refused: sum.refused + queue.refused,
        });
        work.into_iter().chain([self.written.health()]).collect()
    }
}

//! The threads behind the capture thread: the sealing pool and the writer, with the queues between them.

use std::{
    cell::Cell,
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use earwitness_engine::{Output, Returned};
use earwitness_model::{CallId, RecordingId, WallTime};
use earwitness_vault::Vault;

use crate::{
    RecordError,
    closing::closing,
    gauge::WriterGauge,
    health::QueueHealth,
    pool::{SealingThread, Written},
    queue::{AT_ONCE, Closed, Offered, Queue, WORK, WRITTEN, sealing_threads},
    way_back::WayBack,
    writer::{self, OnFull, Tally},
};

/// How long outputs wait for more, to be handed over together.
const WAIT: Duration = Duration::from_millis(20);

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
    /// The way back to every shard, and which of them this is.
    returned: (WayBack, usize),
    /// Of each sealing thread: what [`Pool::drain`] has not handed over yet.
    unsent: Cell<Vec<VecDeque<Output>>>,
    /// When all was handed over.
    sent: Cell<Instant>,
    /// Buffers that came back, emptied: a place for the next.
    taken: Cell<Vec<Returned>>,
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
        let way_back = WayBack::new(self.shards);
        let gauge = Arc::new(WriterGauge::default());
        // Nothing is captured yet: from now on only the writer asks the disk.
        gauge.ask_for_room(vault);
        let sealing_gauge = &*gauge;
        thread::scope(|scope| {
            let (writer_gauge, on_full) = (Arc::clone(&gauge), self.on_full);
            let began = clock();
            let (closing, closer) = closing(vault.civil_day(began));
            let writing = spawn(scope, "writing", {
                let back = way_back.clone();
                move || {
                    writer::run((writer, back), (&written, closing), (vault, clock), (&writer_gauge, on_full))
                }
            });
            let closing = spawn(scope, "closing", move || closer.run(vault, sealing_gauge, began));
            let sealing: Vec<_> = works
                .into_iter()
                .map(|queue| {
                    let (sealer, written, returned) = (sealer.clone(), to_writer.clone(), way_back.clone());
                    let thread = SealingThread {
                        sealer,
                        index,
                        clock,
                        continues,
                        on_full,
                        gauge: sealing_gauge,
                        written,
                        close_batches: None,
                        ready: VecDeque::with_capacity(AT_ONCE),
                        returned,
                    };
                    spawn(scope, "sealing", move || thread.run(&queue))
                })
                .collect();
            let own = Pool {
                work,
                written: to_writer,
                returned: (way_back, usize::MAX),
                unsent: Cell::default(),
                sent: Cell::new(Instant::now()),
                taken: Cell::default(),
                gauge: Arc::clone(&gauge),
                place: RandomState::new(),
            };
            let ends = (0..self.shards).map(|shard| own.of_shard(shard)).collect();
            let captured = capture(ends, own);
            let sealed = sealing.into_iter().map(|thread| thread.join()).collect::<Result<Vec<()>, _>>();
            let tally = writing.join().map_err(|_panic| RecordError::Panicked { thread: "writing" })??;
            sealed.map_err(|_panic| RecordError::Panicked { thread: "sealing" })?;
            closing.join().map_err(|_panic| RecordError::Panicked { thread: "closing" })?;
            Ok((captured, tally))
        })
    }
}

impl Pool {
    /// Another end of the same queues, with a way back of its own.
    fn of_shard(&self, shard: usize) -> Self {
        Self {
            work: self.work.clone(),
            written: self.written.clone(),
            returned: (self.returned.0.clone(), shard),
            unsent: Cell::default(),
            sent: self.sent.clone(),
            taken: Cell::default(),
            gauge: Arc::clone(&self.gauge),
            place: self.place.clone(),
        }
    }

    /// Hands over what the engine has, [`AT_ONCE`] outputs at a time, waiting where a queue is full. Fewer than that wait for
    /// more, until [`Self::take_back`] finds that they waited for long enough.
    pub(crate) fn drain(&self, mut next: impl FnMut() -> Option<Output>) -> Result<(), Stopped> {
        let Some(first) = next() else { return Ok(()) };
        let mut unsent = self.unsent.take();
        unsent.resize_with(self.work.len(), VecDeque::new);
        for output in std::iter::once(first).chain(std::iter::from_fn(next)) {
            let place = self.take_in(&output);
            unsent[place].push_back(output);
            if unsent[place].len() >= AT_ONCE {
                self.work[place].send_all(&mut unsent[place])?;
            }
        }
        self.unsent.set(unsent);
        Ok(())
    }

    /// Hands over what waits for more and what the engine has, all of it.
    pub(crate) fn finish(&self, next: impl FnMut() -> Option<Output>) -> Result<(), Stopped> {
        self.drain(next)?;
        self.send_unsent()
    }

    fn send_unsent(&self) -> Result<(), Stopped> {
        let mut unsent = self.unsent.take();
        self.work.iter().zip(&mut unsent).try_for_each(|(work, unsent)| work.send_all(unsent))?;
        self.unsent.set(unsent);
        self.sent.set(Instant::now());
        Ok(())
    }

    /// Hands over all of `outputs` to the sealing thread at `place`, waiting where its queue is full.
    pub(crate) fn send_all(&self, place: usize, outputs: &mut VecDeque<Output>) -> Result<(), Stopped> {
        Ok(self.work[place].send_all(outputs)?)
    }

    /// Hands over as many of `outputs` to the sealing thread at `place` as there is room for.
    pub(crate) fn offer_all(&self, place: usize, outputs: &mut VecDeque<Output>) -> Result<(), Stopped> {
        Ok(self.work[place].offer_all(outputs)?)
    }

    /// Offers the writer what is no recording.
    pub(crate) fn offer_writer(&self, written: Written) -> Result<Offered<Written>, Stopped> {
        Ok(self.written.offer(written)?)
    }

    /// Waits until the writer takes what is no recording.
    pub(crate) fn send_writer(&self, written: Written) -> Result<(), Stopped> {
        Ok(self.written.send(written)?)
    }

    /// The sealing thread of an output's call: always the same. A call that ended is counted here, before anybody can lose it.
    pub(crate) fn take_in(&self, output: &Output) -> usize {
        let call = match output {
            Output::Opened(opened) => opened.call,
            Output::Running(running) => running.id,
            Output::Stream(stream) => stream.call,
            Output::Segment(segment) => segment.call,
            Output::Ended(summary) => {
                self.gauge.count_ended();
                summary.id
            }
        };
        match self.work.len() {
            1 => 0,
            threads => (self.place.hash_one(call) % threads as u64) as usize,
        }
    }

    /// How many sealing threads there are.
    pub(crate) const fn places(&self) -> usize {
        self.work.len()
    }

    /// Gives the engine its buffers back: once per batch of frames is often enough. What has waited for [`WAIT`] to be handed over
    /// waits no longer.
    pub(crate) fn take_back(&self, handle_returned: impl FnMut(Returned)) {
        if self.sent.get().elapsed() >= WAIT {
            // The next who hands something over hears that nobody takes it.
            self.send_unsent().unwrap_or(());
        }
        let (way_back, shard) = &self.returned;
        let mut taken = self.taken.take();
        way_back.take(*shard, &mut taken);
        taken.drain(..).for_each(handle_returned);
        self.taken.set(taken);
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

/// A thread whose name `top -H` and `perf` show, of 15 letters at most. Where the system has no thread to give, this panics as
/// [`thread::Scope::spawn`] does.
pub(crate) fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    name: &str,
    run: impl FnOnce() -> T + Send + 'scope,
) -> thread::ScopedJoinHandle<'scope, T> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn_scoped(scope, run)
        .expect("the system has a thread to give")
}

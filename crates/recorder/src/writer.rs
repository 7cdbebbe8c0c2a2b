//! The writer thread: appends what is sealed and commits for all calls at once. On a full disk it either gives up or waits
//! for room: then the queue before it fills, and the capture thread's rings absorb what they can. A recorder that is told
//! to stop meanwhile waits a little, and then keeps what fits: see [`Writer::end_on_reserve`].

use std::{
    sync::atomic::Ordering::Relaxed,
    thread,
    time::{Duration, Instant},
};

use earwitness_model::{PacketTime, WallTime};
use earwitness_vault::{
    Committed, CoverageCause, CoverageGap, Ended, GivenUp, LedgerNote, NotClosed, NotTaken, Sealed, Vault,
    VaultError, Writer,
};

use crate::{
    cadence::{Cadence, Due},
    closing::Closing,
    gauge::WriterGauge,
    live::packet_time,
    pool::Written,
    queue::{AT_ONCE, Closed, Received, Receiver},
    way_back::WayBack,
};

/// What the writer did.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) bytes: u64,
    pub(crate) calls: u64,
    pub(crate) known: u64,
    /// What the engine gave out, for the ledger.
    pub(crate) ended: Ended,
    /// Sealed, and not kept: the disk was full when the recorder had to stop.
    pub(crate) given_up: GivenUp,
}

/// What to do when the disk has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnFull {
    /// Give up: whoever reads a file can do so again.
    Fail,
    /// Wait until there is room: a wire cannot be read again.
    Wait,
}

/// Between two looks whether there is room again.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long a recorder that was told to stop waits for room.
pub(crate) const PATIENCE_AT_END: Duration = Duration::from_secs(5);

/// Writes until the sealing pool is done, then closes the volumes. On an error what was appended before is still
/// committed, as far as the disk lets it.
pub(crate) fn run<C: Fn() -> WallTime>(
    (writer, back): (Writer, WayBack),
    (queue, closing): (&Receiver<Written>, Closing),
    (vault, clock): (&Vault, &C),
    (gauge, on_full): (&WriterGauge, OnFull),
) -> Result<Tally, VaultError> {
    let done = Tally::default();
    let patience = Patience::Lasts;
    let mut thread = WriterThread {
        writer,
        back,
        vault,
        clock,
        gauge,
        on_full,
        done,
        uncommitted: false,
        begun: Vec::new(),
        patience,
        closing,
    };
    let outcome = thread.append_all(queue);
    let closed = thread.close();
    outcome?;
    closed
}

struct WriterThread<'a, C> {
    writer: Writer,
    /// For the buffers of what was written.
    back: WayBack,
    vault: &'a Vault,
    clock: &'a C,
    gauge: &'a WriterGauge,
    on_full: OnFull,
    done: Tally,
    /// The last commit failed: until one succeeds nothing more is appended.
    uncommitted: bool,
    /// When the segments began that were appended since the last commit.
    begun: Vec<PacketTime>,
    patience: Patience,
    /// The day's end.
    closing: Closing,
}

/// Whether room is still waited for.
#[derive(Debug, Clone, Copy)]
enum Patience {
    /// For as long as it takes.
    Lasts,
    /// The recorder was told to stop, and the thread saw it then, while it waited.
    Until(Instant),
    /// No more.
    Over,
}

impl<C: Fn() -> WallTime> WriterThread<'_, C> {
    fn append_all(&mut self, queue: &Receiver<Written>) -> Result<(), VaultError> {
        let mut cadence = Cadence::new(Instant::now());
        let mut all = Vec::with_capacity(AT_ONCE);
        loop {
            match queue.receive(&mut all, AT_ONCE, Some(cadence.next())) {
                Ok(Received::Items) => cadence.appended(Instant::now()),
                Ok(Received::Nothing) => {}
                Err(Closed) => return Ok(()),
            }
            for written in all.drain(..) {
                self.take(written)?;
                if self.closing.is_complete() {
                    self.commit()?;
                }
            }
            match cadence.due(Instant::now(), self.writer.uncommitted_bytes()) {
                Due::Nothing => {}
                Due::Write => {
                    self.write_out()?;
                    cadence.wrote();
                }
                Due::Commit => {
                    self.commit()?;
                    cadence.committed(Instant::now());
                }
            }
            self.back.give_sealed(self.writer.take_written());
        }
    }

    fn take(&mut self, written: Written) -> Result<(), VaultError> {
        match written {
            Written::Block(block) => return self.append(block),
            Written::Excluded(summary) => {
                self.writer.exclude(&summary);
                self.closing.handle_call();
            }
            Written::Unkept(summary, because) => {
                self.writer.fail(&summary, because);
                self.closing.handle_call();
            }
            Written::Known => {
                self.done.known += 1;
                self.closing.handle_known();
            }
            Written::Note { at, note } => return self.note(at, &note),
            Written::Failed(error) => return Err(*error),
        }
        Ok(())
    }

    /// Appends a block. While the disk does not take it, nothing else is taken from the queue.
    fn append(&mut self, block: Sealed) -> Result<(), VaultError> {
        let (begins, ends) = (block.begins(), block.ends());
        let mut block = block;
        loop {
            block = match self.writer.append(block) {
                Ok(()) => {
                    self.begun.extend(begins);
                    break;
                }
                Err(NotTaken::ForNow { block, why }) => {
                    self.wait(why)?;
                    self.commit()?;
                    *block
                }
                // Its call is listed as failed at its end, and the others go on.
                Err(NotTaken::Never(why)) if self.on_full == OnFull::Wait && !why.must_reopen() => break,
                Err(NotTaken::Never(why)) => return Err(why),
            };
        }
        if ends {
            self.closing.handle_call();
        }
        if !self.uncommitted {
            self.gauge.end_to_wait();
        }
        Ok(())
    }

    /// What a full disk does not take now, the next commit tries again.
    fn write_out(&mut self) -> Result<(), VaultError> {
        match self.writer.write_out() {
            Err(why) if self.may_pass(&why) => Ok(()),
            written => written,
        }
    }

    fn commit(&mut self) -> Result<(), VaultError> {
        let (begun, now) = (Instant::now(), (self.clock)());
        self.gauge.beat(now);
        let committed = self.writer.commit(now);
        self.gauge.ask_for_room(self.vault);
        self.back.give_sealed(self.writer.take_written());
        match committed {
            Ok(committed) => {
                self.done.count(&committed);
                self.gauge.count(&committed, begun.elapsed());
                self.tell_lags();
                self.uncommitted = false;
                self.closing.handle_commit(now, self.vault, self.gauge);
                Ok(())
            }
            Err(why) if self.may_pass(&why) => {
                self.uncommitted = true;
                self.gauge.begin_to_wait(now);
                Ok(())
            }
            Err(why) => Err(why),
        }
    }

    /// How long the segments took that are safe now. Those of a file came when it was made: that is no lag.
    fn tell_lags(&mut self) {
        let now = packet_time((self.clock)());
        let is_live = self.on_full == OnFull::Wait;
        for begun in self.begun.drain(..).filter(|_| is_live) {
            self.gauge.lag.count(u64::try_from(now.since(begun) / 1_000_000).unwrap_or(0));
        }
    }

    /// The row waits in memory when the disk is full, and goes with the next commit's.
    fn note(&self, at: WallTime, note: &LedgerNote) -> Result<(), VaultError> {
        match self.vault.tell(at, note) {
            Err(why) if self.may_pass(&why) => Ok(()),
            noted => noted,
        }
    }

    fn close(mut self) -> Result<Tally, VaultError> {
        let told = self.tell_what_was_given_up();
        let Self { mut writer, clock, on_full, mut done, gauge, .. } = self;
        done.ended = Ended { calls: gauge.ended(), known: done.known };
        let until = Instant::now() + PATIENCE_AT_END;
        loop {
            match writer.close(clock()) {
                Ok(committed) => {
                    done.count(&committed);
                    return told.map(|()| done);
                }
                Err(NotClosed { writer: again, why })
                    if on_full == OnFull::Wait && !why.must_reopen() && Instant::now() < until =>
                {
                    thread::sleep(LOOK_AGAIN);
                    writer = *again;
                }
                Err(NotClosed { why, .. }) => return Err(why),
            }
        }
    }

    /// The ledger knows of audio that came, and had no place on the disk.
    fn tell_what_was_given_up(&mut self) -> Result<(), VaultError> {
        let given_up = self.writer.given_up();
        self.done.given_up = given_up;
        let Some((from, to)) = given_up.span else { return Ok(()) };
        let wall = |at: PacketTime| WallTime::from_nanos(at.nanos());
        let (cause, frames) = (CoverageCause::DiskFull, Some(given_up.packets));
        let gap = CoverageGap { from: wall(from), to: wall(to), cause, frames, interface: None };
        self.note((self.clock)(), &LedgerNote::CoverageGap(gap))
    }

    /// Waits a little for room, or gives up: at once for a file. When the recorder is to stop, after some patience what is
    /// left to come is kept without what there is no room for.
    fn wait(&mut self, why: VaultError) -> Result<(), VaultError> {
        if !self.may_pass(&why) {
            return Err(why);
        }
        match self.patience {
            Patience::Lasts if self.gauge.ending.load(Relaxed) => {
                self.patience = Patience::Until(Instant::now() + PATIENCE_AT_END);
            }
            Patience::Until(until) if Instant::now() >= until => {
                self.patience = Patience::Over;
                self.writer.end_on_reserve();
                return Ok(());
            }
            Patience::Lasts | Patience::Until(_) => {}
            // Not even the reserve is there.
            Patience::Over => return Err(why),
        }
        self.gauge.begin_to_wait((self.clock)());
        thread::sleep(LOOK_AGAIN);
        Ok(())
    }

    fn may_pass(&self, why: &VaultError) -> bool {
        self.on_full == OnFull::Wait && !why.must_reopen()
    }
}

impl Tally {
    fn count(&mut self, committed: &Committed) {
        self.bytes += committed.bytes;
        self.calls += committed.calls.len() as u64;
    }
}

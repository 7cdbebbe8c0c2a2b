//! The end of a day: every call that ended in it is told, the ledger says what it came to, and a head is signed.
//!
//! The writer notices midnight between two commits, and notes how many calls the engine has given out by then. When it has
//! told the ledger of as many, it says so to a thread of its own kind, which counts the rows, closes the day and signs: that
//! reads the ledger, which may be long, and nobody who records waits for it. It begins with the days that nobody closed.

use std::{collections::VecDeque, sync::Arc};

use crossbeam_channel::{Receiver, Sender, bounded};
use earwitness_model::WallTime;
use earwitness_vault::{CivilDay, Ended, StoredHead, Vault};

use crate::gauge::WriterGauge;

/// Days that wait to be closed, in the queue and behind one that could not be. Where more wait, the oldest is closed late.
const WAITING: usize = 4;

/// A day was closed, or could not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayEnd {
    /// The day.
    pub day: CivilDay,
    /// The head that closes it; else why there is none: it is tried again when the next day is over.
    pub head: Result<StoredHead, String>,
}

/// A day whose calls are told.
struct Told {
    day: CivilDay,
    at: WallTime,
    rows: u64,
    ended: Ended,
}

/// The writer's side.
pub(crate) struct Closing {
    today: CivilDay,
    /// The day that is over, and how many calls the engine gave out by its end.
    over: Option<(CivilDay, u64)>,
    /// Calls of which the ledger was told, or whose rows wait for the next commit.
    told: Ended,
    closer: Sender<Told>,
}

/// The thread's side.
pub(crate) struct Closer(Receiver<Told>);

/// The two sides.
pub(crate) fn closing(today: CivilDay) -> (Closing, Closer) {
    let (closer, days) = bounded(WAITING);
    (Closing { today, over: None, told: Ended::default(), closer }, Closer(days))
}

impl Closing {
    /// The ledger is told of one more call, with the next commit.
    pub(crate) const fn handle_call(&mut self) {
        self.told.calls += 1;
    }

    /// The vault has one more call already.
    pub(crate) const fn handle_known(&mut self) {
        self.told.calls += 1;
        self.told.known += 1;
    }

    /// Whether the calls of the day that is over are all told, and only they: the time to commit.
    pub(crate) fn is_complete(&self) -> bool {
        self.over.is_some_and(|(_, ended)| self.told.calls >= ended)
    }

    /// All that was told is durable.
    pub(crate) fn handle_commit(&mut self, now: WallTime, vault: &Vault, gauge: &WriterGauge) {
        let today = vault.civil_day(now);
        if today > self.today {
            // A day that is still waited for has what is told until now.
            self.over.get_or_insert_with(|| (self.today, gauge.ended()));
            self.today = today;
        }
        if let Some((day, _)) = self.over.take_if(|(_, ended)| self.told.calls >= *ended) {
            let told = Told { day, at: now, rows: vault.rows_told(), ended: self.told };
            // What does not fit is closed late, with the next day that fits.
            self.closer.try_send(told).unwrap_or_default();
        }
    }
}

impl Closer {
    /// Closes days until the writer is done, and before them, as of `now`, those that nobody closed.
    pub(crate) fn run(self, vault: &Vault, gauge: &WriterGauge, now: WallTime) {
        if let Err(why) = vault.close_missed_days(now) {
            // What is wrong with the ledger is for who checks it, and keeps nobody from recording.
            let today = vault.civil_day(now);
            let day = today.pred_opt().unwrap_or(today);
            gauge.day_ended(Arc::new(DayEnd { day, head: Err(why.to_string()) }));
        }
        let mut waiting = VecDeque::new();
        for told in self.0 {
            waiting.push_back(told);
            if waiting.len() > WAITING {
                waiting.pop_front();
            }
            close_all(&mut waiting, vault, gauge);
        }
        close_all(&mut waiting, vault, gauge);
    }
}

/// Closes the days that wait, until one cannot be: it and those after it wait on.
fn close_all(waiting: &mut VecDeque<Told>, vault: &Vault, gauge: &WriterGauge) {
    while let Some(&Told { day, at, rows, ended }) = waiting.front() {
        let head = vault.close_day(at, day, (rows, ended)).map_err(|why| why.to_string());
        let is_closed = head.is_ok();
        gauge.day_ended(Arc::new(DayEnd { day, head }));
        if !is_closed {
            return;
        }
        waiting.pop_front();
    }
}

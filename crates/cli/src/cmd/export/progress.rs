//! A bar on stderr, for what takes more than a second, where a person sees it.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// What is done faster needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many calls are done.
pub(super) struct Progress {
    calls: u64,
    done: u64,
    began: Instant,
    /// Hidden by itself where stderr is no terminal.
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn new(calls: usize) -> Self {
        Self { calls: calls as u64, done: 0, began: Instant::now(), bar: None }
    }

    /// One call more.
    pub(super) fn step(&mut self) {
        self.done += 1;
        if self.bar.is_none() && self.began.elapsed() >= PATIENCE {
            let style = ProgressStyle::with_template("{bar:40} {pos}/{len} calls, {eta} left");
            self.bar = Some(
                ProgressBar::new(self.calls)
                    .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())),
            );
        }
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
        }
    }

    /// Runs what writes to stderr itself.
    pub(super) fn pause(&self, say: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    pub(super) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

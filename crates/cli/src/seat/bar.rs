//! A bar on stderr, for what takes more than a second, where a person sees it.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// What is done faster needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many calls are done.
pub(super) struct Bar {
    began: Instant,
    /// Hidden by itself where stderr is no terminal.
    shown: Option<ProgressBar>,
}

impl Bar {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), shown: None }
    }

    pub(super) fn set(&mut self, done: u64, of: u64) {
        if self.shown.is_none() && self.began.elapsed() >= PATIENCE {
            let style = ProgressStyle::with_template("{bar:40} {pos}/{len} calls, {eta} left");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            self.shown = Some(ProgressBar::new(of).with_style(style));
        }
        if let Some(bar) = &self.shown {
            bar.set_position(done);
        }
    }

    /// Runs what writes to stderr itself.
    pub(super) fn pause(&self, say: impl FnOnce()) {
        match &self.shown {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    pub(super) fn finish(self) {
        if let Some(bar) = self.shown {
            bar.finish_and_clear();
        }
    }
}

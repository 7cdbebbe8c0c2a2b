//! How far measuring is, on stderr, where a person sees it.

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::context::Context;

/// A bar on a terminal, and nothing elsewhere.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new(context: &Context) -> Self {
        if context.quiet || !std::io::stderr().is_terminal() {
            return Self(ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()));
        }
        let style = ProgressStyle::with_template("{spinner} {bar:30} {pos}/{len} {msg}, {elapsed}");
        let bar = ProgressBar::no_length();
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(250));
        Self(bar)
    }

    /// So many are done, of about so many.
    pub(super) fn show(&self, done: usize, of: usize, what: &'static str) {
        self.0.set_length(of as u64);
        self.0.set_position(done as u64);
        self.0.set_message(what);
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

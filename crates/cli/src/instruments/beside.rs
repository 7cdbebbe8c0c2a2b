//! The threads beside the recorder: one answers scrapers, one watches health, tells the log and has alarms told.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use earwitness_recorder::Watch;

use super::{
    AlarmHooks, Changes, Event, Log,
    http::{Get, Scraped},
    probe,
};
use crate::context::Context;

/// Health is written down once a second; it is looked for a little more often.
const ROUND: Duration = Duration::from_millis(200);

/// What a recorder shows while it works.
pub(crate) struct Shown<'a> {
    pub(crate) watch: &'a Watch,
    pub(crate) log: Log,
    /// `None`: nobody may scrape.
    pub(crate) scraped: Option<Scraped>,
    pub(crate) hooks: AlarmHooks,
}

/// Does `work`, and shows meanwhile how it goes.
pub(crate) fn shown_beside<T>(shown: &Shown<'_>, work: impl FnOnce() -> T) -> T {
    let stop = &AtomicBool::new(false);
    thread::scope(|scope| {
        let _ends_with_the_work = Ends(stop);
        let answer = |get: &Get<'_>| probe::answer(get, shown.watch.health(), Context::now());
        if let Some(scraped) = &shown.scraped {
            let serve = move || scraped.serve(stop, &answer);
            let started = thread::Builder::new().name("scraped".into()).spawn_scoped(scope, serve);
            if let Err(cause) = started {
                shown.log.tell(&Event::Without { what: "metrics", why: cause.to_string() });
            }
        }
        let started =
            thread::Builder::new().name("attendant".into()).spawn_scoped(scope, || attend(shown, stop));
        if let Err(cause) = started {
            shown
                .log
                .tell(&Event::Without { what: "a log of what happens, and hooks", why: cause.to_string() });
        }
        work()
    })
}

struct Ends<'s>(&'s AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn attend(shown: &Shown<'_>, stop: &AtomicBool) {
    let mut changes = Changes::default();
    shown.hooks.beside(&shown.log, stop, |hooks| {
        loop {
            let is_last = stop.load(Ordering::Relaxed);
            if let Some(health) = shown.watch.health() {
                for event in changes.look(&health) {
                    shown.log.tell(&event);
                }
                hooks.look(&health);
            }
            if is_last {
                break;
            }
            thread::sleep(ROUND);
        }
        hooks.finish();
        for event in changes.finish() {
            shown.log.tell(&event);
        }
    });
}

//! The service manager (systemd, sd_notify(3)): it is told when recording begins, how it goes, and that it ends, and it is
//! shown a sign of life only while capturing and writing go on.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use earwitness_recorder::{Health, Link, Watch};
use sd_notify::NotifyState;

use super::pulse::{Pulse, Signs, Stuck};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Between two lines of status.
const STATUS_EVERY: Duration = Duration::from_secs(10);

/// Speaks with the service manager until the other end of `ended` is dropped. READY=1 is sent when the capture thread has
/// come round once.
pub(crate) fn attend(watch: &Watch, ended: &Receiver<()>, say: &dyn Fn(&str)) {
    let mut attendance = Attendance::new(Instant::now());
    loop {
        match ended.recv_timeout(LOOK_EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
        attendance.look(watch, Instant::now(), say);
    }
}

/// Tells that recording ends: running calls are finished and sealed.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("finishing and sealing the calls that run")]);
}

/// A manager that cannot be told anything finds out by itself.
fn tell(states: &[NotifyState<'_>]) {
    sd_notify::notify(states).unwrap_or_default();
}

struct Attendance {
    pulse: Pulse,
    stuck: Option<Stuck>,
    /// When the next line of status is due; `None` before recording began.
    status_due: Option<Instant>,
    /// How often the manager wants a sign of life, if it does.
    ping_every: Option<Duration>,
    ping_due: Instant,
}

impl Attendance {
    fn new(now: Instant) -> Self {
        // Half of what is asked for is what sd_watchdog_enabled(3) advises; a third stands one that is late.
        let ping_every = sd_notify::watchdog_enabled().map(|limit| limit / 3);
        Self { pulse: Pulse::new(now), stuck: None, status_due: None, ping_every, ping_due: now }
    }

    fn look(&mut self, watch: &Watch, now: Instant, say: &dyn Fn(&str)) {
        let health = watch.health();
        let health = health.as_deref();
        self.pulse.handle_look(&health.map(Signs::of).unwrap_or_default(), now);
        self.tell_stuck(now, say);
        if let Some(health) = health {
            self.tell_status(health, now);
        }
        let is_due = self.ping_every.is_some() && now >= self.ping_due;
        if self.stuck.is_none() && self.status_due.is_some() && is_due {
            tell(&[NotifyState::Watchdog]);
            self.ping_due = now + self.ping_every.unwrap_or(LOOK_EVERY);
        }
    }

    fn tell_stuck(&mut self, now: Instant, say: &dyn Fn(&str)) {
        let stuck = self.pulse.stuck(now);
        if stuck != self.stuck {
            let who = match &stuck {
                None => None,
                Some(Stuck::Begin) => Some("capturing does not begin".to_owned()),
                Some(Stuck::Capture(thread)) => Some(format!("capturing hangs (the thread {thread})")),
                Some(Stuck::Writer) => Some("writing hangs".to_owned()),
            };
            match who {
                Some(who) => say(&format!("{who}: no sign of life is given to the service manager")),
                None => say("capturing and writing go on"),
            }
        }
        self.stuck = stuck;
    }

    fn tell_status(&mut self, health: &Health, now: Instant) {
        let status = status(health);
        match self.status_due {
            None => tell(&[NotifyState::Ready, NotifyState::Status(&status)]),
            Some(due) if now >= due => tell(&[NotifyState::Status(&status)]),
            Some(_) => return,
        }
        self.status_due = Some(now + STATUS_EVERY);
    }
}

/// One line for `systemctl status`. It counts; it names nobody.
fn status(health: &Health) -> String {
    let interfaces: Vec<String> = health
        .interfaces
        .iter()
        .map(|interface| {
            let link = match interface.link {
                Link::Up => "up",
                Link::Down => "DOWN",
                Link::Gone => "GONE",
            };
            format!("{} {link}", interface.name)
        })
        .collect();
    let alarms = match health.alarms.len() {
        0 => String::new(),
        count => format!(", {count} alarms"),
    };
    format!(
        "{}; {} calls run, {} are listed, {} bytes kept{alarms}",
        interfaces.join(", "),
        health.calls,
        health.written.calls,
        health.written.bytes
    )
}

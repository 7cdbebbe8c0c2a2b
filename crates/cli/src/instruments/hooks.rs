//! Others are told of alarms: by a command, and by a POST to a URL. One at a time, in a thread of its own; what they do or
//! how long they take never matters to the recorder.

use std::{
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use chrono_tz::Tz;
use earwitness_recorder::{AlarmCode, Health, InterfaceHealth, Link};
use serde_json::json;
use ureq::http::Uri;

use super::{
    Event, Log, Moment, Unheard,
    damper::{Damper, Notice},
};

/// Notices that wait; more are told of in the log only.
const WAITING: usize = 64;
/// A command that takes longer is killed.
const COMMAND_PATIENCE: Duration = Duration::from_secs(30);
/// A POST that takes longer has failed.
const POST_PATIENCE: Duration = Duration::from_secs(10);
/// Between the tries of a POST.
const BACKOFF: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(25)];
/// How long a wait lasts before it is asked again whether the recorder stops.
const ROUND: Duration = Duration::from_millis(50);
/// What a recorder that stops still waits for.
const LAST_PATIENCE: Duration = Duration::from_secs(2);

/// Who is told of alarms.
#[derive(Debug, Clone)]
pub(crate) struct AlarmHooks {
    /// Run by the shell.
    pub(crate) command: Option<String>,
    /// An `http://` URL.
    pub(crate) url: Option<Uri>,
    pub(crate) zone: Tz,
    /// The machine's name, and where the vault is.
    pub(crate) host: String,
    pub(crate) vault: String,
}

/// The asking end.
pub(super) struct Hooked<'l> {
    damper: Damper,
    notices: Option<SyncSender<Notice>>,
    log: &'l Log,
}

impl Hooked<'_> {
    /// Tells of what has changed, without waiting for anybody.
    pub(super) fn look(&mut self, health: &Health) {
        let notices = self.damper.look(health.at, &health.alarms, |code| interfaces_of(code, health));
        self.hand_over(notices);
    }

    /// Tells of what still stands when the recorder stops.
    pub(super) fn finish(&mut self) {
        let notices = self.damper.finish();
        self.hand_over(notices);
    }

    fn hand_over(&self, told: Vec<Notice>) {
        let Some(notices) = &self.notices else { return };
        for notice in told {
            match notices.try_send(notice) {
                Ok(()) => {}
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                    self.log.tell(&Event::Unheard { way: "hook", why: Unheard::TooMany });
                }
            }
        }
    }
}

/// The interfaces that an alarm is about.
fn interfaces_of(code: AlarmCode, health: &Health) -> String {
    let is_meant = |interface: &InterfaceHealth| match code {
        AlarmCode::InterfaceDown => interface.link != Link::Up,
        AlarmCode::FramesLost => interface.kernel_drops + interface.interface_drops > 0,
        AlarmCode::MirrorSilent => true,
        AlarmCode::DiskFull
        | AlarmCode::DiskSlow
        | AlarmCode::DiskFillsSoon
        | AlarmCode::AudioLost
        | AlarmCode::CallTableFull
        | AlarmCode::RulesRefused
        | AlarmCode::NotDisposed => false,
    };
    let meant = health.interfaces.iter().filter(|interface| is_meant(interface));
    meant.map(|interface| interface.name.as_str()).collect::<Vec<_>>().join(",")
}

impl AlarmHooks {
    /// Does `work`, and tells meanwhile what it gives. When `stop` is set, what is being told has a little time left.
    pub(super) fn beside(&self, log: &Log, stop: &AtomicBool, work: impl FnOnce(&mut Hooked<'_>)) {
        let damper = Damper::default();
        if self.command.is_none() && self.url.is_none() {
            return work(&mut Hooked { damper, notices: None, log });
        }
        let (notices, waiting) = sync_channel(WAITING);
        thread::scope(|scope| {
            let started = thread::Builder::new()
                .name("hooks".into())
                .spawn_scoped(scope, move || self.tell_all(&waiting, log, stop));
            if let Err(cause) = started {
                log.tell(&Event::Without { what: "alarm hooks", why: cause.to_string() });
            }
            work(&mut Hooked { damper, notices: Some(notices), log });
        });
    }

    fn tell_all(&self, waiting: &Receiver<Notice>, log: &Log, stop: &AtomicBool) {
        let mut last = Last { stop, until: None };
        loop {
            match waiting.recv_timeout(ROUND) {
                Ok(notice) if !last.is_over() => self.tell(&notice, log, &mut last),
                Ok(_) => log.tell(&Event::Unheard { way: "hook", why: Unheard::Stopping }),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn tell(&self, notice: &Notice, log: &Log, last: &mut Last<'_>) {
        let unheard = |way, why| log.tell(&Event::Unheard { way, why });
        if let Some(command) = &self.command {
            run(command, &self.facts(notice), last).unwrap_or_else(|why| unheard("command", why));
        }
        if let Some(url) = &self.url {
            self.post(url, notice, last).unwrap_or_else(|why| unheard("url", why));
        }
    }

    fn facts(&self, notice: &Notice) -> [(&'static str, String); 7] {
        [
            ("EARWITNESS_ALARM", notice.code.name().to_owned()),
            ("EARWITNESS_STATE", notice.state.word().to_owned()),
            ("EARWITNESS_SINCE", Moment::new(notice.since, self.zone).rfc3339()),
            ("EARWITNESS_SENTENCE", notice.sentence()),
            ("EARWITNESS_INTERFACE", notice.interface.clone()),
            ("EARWITNESS_HOST", self.host.clone()),
            ("EARWITNESS_VAULT", self.vault.clone()),
        ]
    }

    fn post(&self, url: &Uri, notice: &Notice, last: &mut Last<'_>) -> Result<(), Unheard> {
        let [code, state, since, sentence, interface, host, vault] =
            self.facts(notice).map(|(_, value)| value);
        let body = json!({
            "schema": 1, "alarm": code, "state": state, "since": since, "sentence": sentence, "loss": notice.code.is_loss(),
            "interface": Some(interface).filter(|name| !name.is_empty()), "host": host, "vault": vault
        });
        let config =
            ureq::Agent::config_builder().timeout_global(Some(POST_PATIENCE)).max_redirects(0).build();
        let agent = ureq::Agent::new_with_config(config);
        let mut waits = BACKOFF.into_iter();
        loop {
            let posted =
                agent.post(url.clone()).header("Content-Type", "application/json").send(body.to_string());
            let Err(cause) = posted else { return Ok(()) };
            let Some(wait) = waits.next() else { return Err(Unheard::from(&cause)) };
            let until = Instant::now() + wait;
            while Instant::now() < until {
                if last.is_over() {
                    return Err(Unheard::from(&cause));
                }
                thread::sleep(ROUND);
            }
        }
    }
}

/// The time that is left when the recorder stops.
struct Last<'s> {
    stop: &'s AtomicBool,
    until: Option<Instant>,
}

impl Last<'_> {
    fn is_over(&mut self) -> bool {
        if !self.stop.load(Ordering::Relaxed) {
            return false;
        }
        Instant::now() >= *self.until.get_or_insert_with(|| Instant::now() + LAST_PATIENCE)
    }
}

/// Runs `command` to its end, or kills it and what it started.
fn run(command: &str, facts: &[(&'static str, String)], last: &mut Last<'_>) -> Result<(), Unheard> {
    let mut child = shell(command, facts).spawn().map_err(|cause| Unheard::NotRun(cause.kind()))?;
    let until = Instant::now() + COMMAND_PATIENCE;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(Unheard::Ended(status)),
            Ok(None) if Instant::now() >= until || last.is_over() => {
                kill(&mut child);
                return Err(Unheard::Killed);
            }
            Ok(None) => thread::sleep(ROUND),
            Err(cause) => return Err(Unheard::NotRun(cause.kind())),
        }
    }
}

/// `command`, to be run by the shell with these facts, in a group of its own that can be killed.
pub(super) fn shell(command: &str, facts: &[(&'static str, String)]) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).envs(facts.iter().map(|(name, value)| (name, value)));
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    shell
}

pub(super) fn kill(child: &mut Child) {
    let group = rustix::process::Pid::from_child(child);
    // Whoever ended meanwhile cannot be killed, and is waited for all the same.
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap_or_default();
    drop(child.wait());
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
    };

    use chrono_tz::Asia::Seoul;
    use earwitness_recorder::AlarmCode;

    use super::{super::damper::AlarmState, *};
    use crate::instruments::sample::at;

    fn notice() -> Notice {
        Notice {
            code: AlarmCode::DiskFull,
            state: AlarmState::Raised,
            since: at(0),
            interface: String::new(),
        }
    }

    fn hooks(command: Option<&str>, url: Option<Uri>) -> AlarmHooks {
        let (host, vault) = ("recorder-1".to_owned(), "/var/lib/earwitness".to_owned());
        AlarmHooks { command: command.map(str::to_owned), url, zone: Seoul, host, vault }
    }

    #[test]
    fn a_command_gets_the_alarm_in_its_environment() {
        let dir = tempfile::tempdir().unwrap();
        let heard = dir.path().join("heard");
        let command = format!(
            "env | grep -E '^EARWITNESS_(ALARM|STATE|SINCE|SENTENCE|HOST|VAULT)=' | sort > {}",
            heard.display()
        );
        let hooks = hooks(Some(&command), None);
        let (facts, stop) = (hooks.facts(&notice()), AtomicBool::new(false));
        run(&command, &facts, &mut Last { stop: &stop, until: None }).unwrap();
        let text = std::fs::read_to_string(heard).unwrap();
        let expected = "EARWITNESS_ALARM=disk_full\nEARWITNESS_HOST=recorder-1\nEARWITNESS_SENTENCE=the vault's disk is full: ";
        assert!(text.starts_with(expected), "{text}");
        assert!(
            text.ends_with(
                "EARWITNESS_SINCE=2026-11-21T09:00:00.000000+09:00\nEARWITNESS_STATE=raised\nEARWITNESS_VAULT=/var/lib/earwitness\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_command_that_hangs_is_killed_with_all_it_started_when_the_recorder_stops() {
        let stop = AtomicBool::new(true);
        let began = Instant::now();
        let why = run("sleep 100 & sleep 100", &[], &mut Last { stop: &stop, until: None }).unwrap_err();
        assert_eq!(why, Unheard::Killed);
        assert!(began.elapsed() < COMMAND_PATIENCE);
        let failed = run("exit 3", &[], &mut Last { stop: &stop, until: None }).unwrap_err();
        assert_eq!(failed.to_string(), "it ended with exit status: 3");
    }

    #[test]
    fn why_nobody_heard_is_told_without_the_url_and_the_command() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = server.local_addr().unwrap();
        let url: Uri = format!("http://{at}/hook?token=5ecre7").parse().unwrap();
        // Nobody waits: each try is the last.
        let stop = AtomicBool::new(true);
        let last = || Last { stop: &stop, until: Some(Instant::now()) };
        let hooks = hooks(None, Some(url.clone()));
        let answered = thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = server.accept().unwrap();
                assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
                stream.write_all(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n").unwrap();
            });
            hooks.post(&url, &notice(), &mut last()).unwrap_err()
        });
        assert_eq!(answered, Unheard::Status(500));
        drop(server);
        let refused = hooks.post(&url, &notice(), &mut last()).unwrap_err();
        assert_eq!(refused.to_string(), "it could not be reached (connection refused)");
        let nowhere: Uri = "http://no-such-host.invalid/?token=5ecre7".parse().unwrap();
        let lost = hooks.post(&nowhere, &notice(), &mut last()).unwrap_err();
        let bad = Unheard::from(&ureq::Error::BadUri("http://x?token=5ecre7".to_owned()));
        let ended = run("exit 3 # 5ecre7", &[], &mut last());
        let told = [answered, refused, lost, bad].map(|why| why.to_string()).concat();
        assert!(
            !told.contains("5ecre7") && !told.contains("127.0.0.1") && !told.contains("no-such"),
            "{told}"
        );
        assert!(ended.is_err_and(|why| !why.to_string().contains("5ecre7")));
    }

    #[test]
    fn a_url_is_posted_to_and_tried_again() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let url: Uri = format!("http://{}/alarm", server.local_addr().unwrap()).parse().unwrap();
        let stop = AtomicBool::new(false);
        let heard = thread::scope(|scope| {
            let heard = scope.spawn(|| {
                // The first one is closed without an answer.
                drop(server.accept().unwrap());
                let (mut stream, _) = server.accept().unwrap();
                let mut text = String::new();
                while !text.ends_with('}') {
                    let mut piece = [0; 1024];
                    let read = stream.read(&mut piece).unwrap();
                    text.push_str(std::str::from_utf8(&piece[..read]).unwrap());
                }
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
                text
            });
            let hooks = hooks(None, Some(url.clone()));
            hooks.post(&url, &notice(), &mut Last { stop: &stop, until: None }).unwrap();
            heard.join().unwrap()
        });
        assert!(heard.starts_with("POST /alarm HTTP/1.1\r\n"), "{heard}");
        let body: serde_json::Value = serde_json::from_str(heard.rsplit("\r\n").next().unwrap()).unwrap();
        assert_eq!((&body["alarm"], &body["state"]), (&"disk_full".into(), &"raised".into()));
        assert_eq!((&body["host"], &body["interface"]), (&"recorder-1".into(), &serde_json::Value::Null));
    }
}

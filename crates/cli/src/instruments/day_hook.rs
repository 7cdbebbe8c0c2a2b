//! What is done when a day was closed: the log says so, and a command is given the signed head, so that it leaves this machine.

use std::{
    io::Write,
    process::Stdio,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use earwitness_recorder::{DayEnd, Watch};
use earwitness_vault::{AnchoredBy, StoredHead, Vault};

use super::{Event, Log, Unheard, hooks};
use crate::context::Context;

/// How often it is looked whether a day was closed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A command that takes longer is killed.
const PATIENCE: Duration = Duration::from_secs(60);
const ROUND: Duration = Duration::from_millis(50);

/// Follows the days until nobody records any more.
pub(crate) fn follow_days(
    (watch, vault): (&Watch, &Vault),
    command: Option<&str>,
    no_more: &Receiver<()>,
    log: Log,
) {
    let mut told: Option<Arc<DayEnd>> = None;
    loop {
        let is_over = no_more.recv_timeout(LOOK_EVERY) != Err(RecvTimeoutError::Timeout);
        let end = watch.health().and_then(|health| health.day_end.clone());
        if let Some(end) = end.filter(|end| told.as_ref() != Some(end)) {
            tell(vault, &end, command, &log);
            told = Some(end);
        }
        if is_over {
            return;
        }
    }
}

fn tell(vault: &Vault, end: &DayEnd, command: Option<&str>, log: &Log) {
    let day = end.day.to_string();
    let head = match &end.head {
        Ok(head) => head,
        Err(why) => return log.tell(&Event::Without { what: "the closing of the day", why: why.clone() }),
    };
    log.tell(&Event::DayClosed { day: day.clone() });
    let Some(command) = command else { return };
    let given = give(command, &day, head).and_then(|()| {
        vault
            .tell_anchored(head, AnchoredBy::Hook, Context::now())
            .map_err(|_| Unheard::NotRun(std::io::ErrorKind::Other))
    });
    given.unwrap_or_else(|why| log.tell(&Event::Unheard { way: "day hook", why }));
}

/// Runs `command` with the head on its standard input, or kills it and what it started.
fn give(command: &str, day: &str, head: &StoredHead) -> Result<(), Unheard> {
    let facts = [("EARWITNESS_DAY", day.to_owned()), ("EARWITNESS_HEAD", head.path.display().to_string())];
    let mut shell = hooks::shell(command, &facts);
    shell.stdin(Stdio::piped());
    let mut child = shell.spawn().map_err(|cause| Unheard::NotRun(cause.kind()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A head is shorter than a pipe is; whoever does not read it may know it by its file.
        stdin.write_all(head.note.as_bytes()).unwrap_or_default();
    }
    let until = Instant::now() + PATIENCE;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(Unheard::Ended(status)),
            Ok(None) if Instant::now() >= until => {
                hooks::kill(&mut child);
                return Err(Unheard::Killed);
            }
            Ok(None) => thread::sleep(ROUND),
            Err(cause) => return Err(Unheard::NotRun(cause.kind())),
        }
    }
}

#[cfg(test)]
mod tests {
    use earwitness_vault::Closes;

    use super::*;

    #[test]
    fn a_command_is_given_the_head_on_its_standard_input() {
        let dir = tempfile::tempdir().unwrap();
        let day = "2026-11-21".parse().unwrap();
        let (path, note) = ("/v/ledger/heads/2026-11-21.txt".into(), "earwitness/00\n1\n".to_owned());
        let head = StoredHead { path, day, closes: Closes::Day, note };
        let heard = dir.path().join("heard");
        let command = format!("(echo $EARWITNESS_DAY $EARWITNESS_HEAD; cat) > {}", heard.display());
        give(&command, "2026-11-21", &head).unwrap();
        let text = std::fs::read_to_string(heard).unwrap();
        assert_eq!(text, "2026-11-21 /v/ledger/heads/2026-11-21.txt\nearwitness/00\n1\n");
        assert!(matches!(give("exit 3", "2026-11-21", &head), Err(Unheard::Ended(_))));
    }
}

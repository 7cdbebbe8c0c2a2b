//! `record -i`: the service. Interfaces into the vault until a signal ends it.

use std::{io::IsTerminal, num::NonZeroU16, sync::mpsc, thread};

use earwitness_capture::{CaptureError, Fanout, Feed, LiveOptions, LiveSource, Refusal};
use earwitness_recorder::{Recorder, Watch, watch};
use earwitness_rules::RuleSet;
use earwitness_vault::Vault;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use super::{Record, agents, disposal, each_once, key_log, port_of, rule_texts, sum, tell};
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    instruments::{
        self, AlarmHooks, Event, Footprint, Log, RulesRefusal, Scraped, Shown, follow_days, shown_beside,
    },
    service::{self, Confined, Confinement},
    socket::{Asked, serve_beside},
};

pub(super) fn run(record: &Record, context: &Context) -> Outcome {
    each_once(&record.interfaces)?;
    let rules = rules(context)?;
    if !context.vault.exists() {
        let what = format_args!(
            "there is no vault at {}: make one with `earwitness init`, which asks who holds the keys",
            context.vault.display()
        );
        return Err(Failure::new(Exit::NotFound, what));
    }
    if let Some(folder) = key_log::folders(&record.tls_keys).find(|folder| !folder.is_dir()) {
        let what = format_args!(
            "the folder {} of a key log is not there: make it before the recorder starts, to which what comes later is closed",
            folder.display()
        );
        return Err(Failure::new(Exit::NotFound, what));
    }
    let scraped = record.metrics.map(Scraped::bind).transpose()?;
    let mut agents = agents::listen(record)?;
    let named = record.interfaces.iter().cloned().chain(agents.iter().map(|feed| feed.name().to_owned()));
    let named: Vec<String> = named.collect();
    let host = host();
    let mut footprint = Footprint::open();
    // Before the vault is opened: its index starts threads, and what a thread gives up it gives up for itself.
    let confined = confine(record, context);
    let mut sources = (0..record.threads).map(|_| open_all(record)).collect::<Result<Vec<_>, _>>()?;
    // They are not shared out: the first thread listens to them.
    sources.iter_mut().take(1).for_each(|first| first.append(&mut agents));
    let vault = context.open_vault()?;
    footprint.iter_mut().for_each(Footprint::begin);
    let log = Log::new(record.log, vault.zone(), context);
    log.tell(&Event::Confined(confined.to_string()));
    agents::open_to_all(record).iter().for_each(|event| log.tell(event));
    let hooks = AlarmHooks {
        command: record.on_alarm.clone(),
        url: record.alarm_url.clone(),
        zone: vault.zone(),
        host,
        vault: vault.dir().display().to_string(),
    };
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let ending = signals.handle();
    let (watch, post) = watch();
    let (recording, ended) = mpsc::channel();
    let (reading, no_more) = mpsc::channel();
    let (keeping, over) = mpsc::channel();
    let (days, no_more_days) = mpsc::channel();
    let finished = thread::scope(|scope| {
        let (attended, say) = (&watch, |message: &str| context.say(message));
        scope.spawn(move || service::attend(attended, &ended, &say));
        let kept = &vault;
        scope.spawn(|| obey(&mut signals, (&watch, &vault), (context, log)));
        scope.spawn(move || {
            follow_days((attended, kept), record.on_day_closed.as_deref(), &no_more_days, log)
        });
        scope.spawn(move || disposal::keep_time((kept, attended), &over, log));
        if !record.tls_keys.is_empty() {
            let followed = key_log::Followed { paths: &record.tls_keys, ports: &record.tls_port };
            scope.spawn(move || key_log::follow(&followed, attended, &no_more, log));
        }
        log.tell(&Event::Started {
            interfaces: named,
            vault: context.vault.display().to_string(),
            rule_set: rules.hash(),
        });
        rule_texts::keep_or_tell(context, &vault, &rules, &log);
        let recorder = Recorder { vault: &vault, rules, limits: record.limits(), clock: Context::now };
        let record = || match sources.pop() {
            Some(only) if sources.is_empty() => recorder.watch(only, post),
            last => recorder.watch_sharded(sources.into_iter().chain(last).collect(), post),
        };
        let health = || instruments::vitals(&watch, vault.zone(), footprint.as_ref());
        let calls = |most| instruments::look(&watch, vault.zone(), (most, footprint.as_ref()));
        let served = |uid, command| log.tell(&Event::Served { uid, command });
        let asked = Asked { health: &health, calls: &calls, served: &served };
        let shown = Shown { watch: &watch, log, scraped, hooks };
        let finished = serve_beside(context, &vault, Some(asked), || shown_beside(&shown, record));
        ending.close();
        drop((recording, reading, keeping, days));
        finished
    })?;
    log.tell(&Event::Stopped(sum(&finished)));
    tell(context, &finished);
    Ok(record.exit(context, &finished))
}

/// The machine's name; empty where the system does not tell.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// A person at a terminal is shown what was written wrong, a log is not.
fn rules(context: &Context) -> Result<RuleSet, Failure> {
    if std::io::stderr().is_terminal() {
        return context.load_rules();
    }
    context.load_rules_for_log().map_err(|refusal| {
        let exit = match &refusal {
            RulesRefusal::Unread(_) => Exit::NotFound,
            RulesRefusal::Wrong(_) => Exit::Failed,
        };
        Failure::new(exit, refusal)
    })
}

/// One source on each interface; a thread's share of it when there are several threads.
fn open_all(record: &Record) -> Result<Vec<Feed>, Failure> {
    let named = (1..).zip(&record.interfaces);
    named.map(|(place, name)| open(record, name, place).map(Feed::from)).collect()
}

fn open(record: &Record, interface: &str, place: u16) -> Result<LiveSource, Failure> {
    // Groups are numbered for the whole machine: another recorder has another process number.
    let group = NonZeroU16::new((std::process::id() as u16).wrapping_add(place)).unwrap_or(NonZeroU16::MAX);
    let fanout = (record.threads > 1).then_some(Fanout { group });
    let filter = (!record.expression.is_empty()).then(|| record.expression.join(" "));
    let options =
        LiveOptions { ring_bytes: (record.buffer as usize) << 20, filter, fanout, ..LiveOptions::default() };
    LiveSource::open(interface, &options).map_err(|cause| {
        let missing =
            matches!(&cause, CaptureError::Interface { refusal: Refusal::NoSuchInterface { .. }, .. });
        Failure::new(if missing { Exit::NotFound } else { Exit::Failed }, cause)
    })
}

/// Gives up what recording does not need, but for what was asked for: scrapers, and whoever is told of alarms.
fn confine(record: &Record, context: &Context) -> Confined {
    // They are read again when asked for.
    let reads = [context.rules_dir()].into_iter().chain(key_log::folders(&record.tls_keys));
    let reads: Vec<_> = reads.chain(context.index_key()).collect();
    let hooks = if record.on_alarm.is_some() || record.on_day_closed.is_some() {
        service::Hooks::Run
    } else {
        service::Hooks::None
    };
    let listens: Vec<u16> = record.metrics.iter().map(std::net::SocketAddr::port).collect();
    let connects: Vec<u16> = record.alarm_url.iter().map(port_of).collect();
    service::confine(&Confinement {
        vault: &context.vault,
        reads: &reads,
        listens: &listens,
        connects: &connects,
        hooks,
    })
}

/// Does what the signals say until they are closed.
fn obey(signals: &mut Signals, (watch, vault): (&Watch, &Vault), (context, log): (&Context, Log)) {
    for signal in signals.forever() {
        let done = match signal {
            SIGHUP => match context.load_rules_for_log() {
                Ok(rules) => {
                    let now = rules.hash();
                    if watch.health().is_some_and(|health| health.rule_set == now) {
                        log.tell(&Event::RulesUnchanged(now));
                    }
                    rule_texts::keep_or_tell(context, vault, &rules, &log);
                    watch.rules(rules)
                }
                Err(refusal) => {
                    log.tell(&Event::RulesRefused(refusal));
                    watch.rules_refused()
                }
            },
            _ => {
                service::stopping();
                watch.stop()
            }
        };
        if let Err(no_answer) = done {
            context.say(no_answer);
        }
    }
}

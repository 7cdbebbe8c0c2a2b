//! The log: a line on stderr for each [`Event`].

use std::io::IsTerminal;

use chrono_tz::Tz;
use clap::ValueEnum;
use serde_json::{Value, json};

use super::{Event, Moment, event::Level};
use crate::{context::Context, terminal};

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    /// A sentence for people; with its priority in front where the journal reads it
    Text,
    /// A JSON object, for collectors
    Json,
}

/// Who reads the sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    Person,
    /// systemd's journal, which takes `<4>` in front of a line for its priority (sd-daemon(3)).
    Journal,
    Program,
}

/// Where events are told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Log {
    reader: Reader,
    zone: Tz,
    least: Level,
}

impl Log {
    /// A log in `form`, its times in `zone`. Quiet ones tell only what is wrong, verbose ones also who looked.
    pub(crate) fn new(form: LogForm, zone: Tz, context: &Context) -> Self {
        let is_journal = std::env::var_os("JOURNAL_STREAM").is_some() && !std::io::stderr().is_terminal();
        let reader = match form {
            LogForm::Json => Reader::Program,
            LogForm::Text if is_journal => Reader::Journal,
            LogForm::Text => Reader::Person,
        };
        let least = match (context.quiet, context.verbose) {
            (true, _) => Level::Warning,
            (false, 0) => Level::Info,
            (false, _) => Level::Debug,
        };
        Self { reader, zone, least }
    }

    /// Tells of it.
    pub(crate) fn tell(&self, event: &Event) {
        if event.level() <= self.least {
            terminal::line(self.line(event, Moment::new(Context::now(), self.zone)));
        }
    }

    fn line(&self, event: &Event, at: Moment) -> String {
        let level = event.level();
        match self.reader {
            Reader::Person => format!("earwitness: {event}"),
            // Each line is an entry of its own.
            Reader::Journal => {
                let lines = event.to_string();
                let lines: Vec<_> = lines.lines().map(|line| format!("<{}>{line}", level as u8)).collect();
                lines.join("\n")
            }
            Reader::Program => {
                let mut object = json!({ "at": at.rfc3339(), "level": level.word(), "event": event.name() });
                if let (Value::Object(object), Value::Object(facts)) = (&mut object, event.facts()) {
                    object.extend(facts);
                }
                object.to_string()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Seoul;
    use earwitness_recorder::AlarmCode;

    use super::*;
    use crate::instruments::{RulesRefusal, event::Lost, sample::at};

    #[test]
    fn an_event_is_a_sentence_a_journal_entry_or_an_object() {
        let event =
            Event::Lost { what: Lost::KernelDrops { interface: "eth1".to_owned() }, count: 7, seconds: 2 };
        let line = |reader, event: &Event| {
            Log { reader, zone: Seoul, least: Level::Info }.line(event, Moment::new(at(0), Seoul))
        };
        let sentence = "eth1: 7 frames dropped by the kernel in 2 s: give a larger ring (-B)";
        assert_eq!(line(Reader::Person, &event), format!("earwitness: {sentence}"));
        assert_eq!(line(Reader::Journal, &event), format!("<3>{sentence}"));
        let object = r#"{"at":"2026-11-21T09:00:00.000000+09:00","level":"error","event":"lost","what":"kernel_drops","interface":"eth1","count":7,"seconds":2}"#;
        assert_eq!(line(Reader::Program, &event), object);
        let raised = line(Reader::Journal, &Event::Raised(AlarmCode::DiskSlow));
        assert!(raised.starts_with("<4>alarm disk_slow: "), "{raised}");
        let refused = Event::RulesRefused(RulesRefusal::Unread("cannot read /rules".to_owned()));
        let entries = line(Reader::Journal, &refused);
        assert_eq!(entries, "<4>cannot read /rules\n<4>the rules that were in force stay in force");
    }
}

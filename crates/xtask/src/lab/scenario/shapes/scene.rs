//! One shape at work: its recorder with a vault of its own, and what is to be found there.

use std::{fmt::Display, thread::sleep, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{
    lab::{
        Lab,
        hearing::{self, ALIKE, UNLIKE},
        listing::{self, Call},
        recorder::{self, Recorder, Settings},
        table::Table,
    },
    process,
};

/// What is mirrored after the last BYE.
const AFTERWARDS: Duration = Duration::from_millis(700);

/// A shape at work.
pub(super) struct Scene<'a> {
    pub(super) lab: &'a Lab,
    table: &'a mut Table,
    /// The shape's name, which its files begin with.
    pub(super) name: &'static str,
    settings: Settings,
    recorder: Option<Recorder>,
}

/// The audio of an exported call: the caller's and the callee's.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) left: Vec<f32>,
    pub(super) right: Vec<f32>,
}

impl<'a> Scene<'a> {
    /// Starts a recorder.
    pub(super) fn begin(lab: &'a Lab, table: &'a mut Table, name: &'static str) -> Result<Self> {
        let settings = Settings { vault: lab.path(&format!("{name}-vault")), ..Settings::of(lab) };
        let recorder = Some(Recorder::start(lab, &settings)?);
        Ok(Self { lab, table, name, settings, recorder })
    }

    /// Ends the recorder; what it listed then, oldest first.
    pub(super) fn calls(&mut self) -> Result<Vec<Call>> {
        sleep(AFTERWARDS);
        let recorder = self.recorder.take().context("the recorder was ended before")?;
        let ended = recorder.stop(self.lab)?;
        self.equal("recorder's exit code", ended.code.unwrap_or(-1), 0);
        let calls = listing::calls(self.lab, &self.settings.vault)?;
        let verified = recorder::verify(self.lab, &self.settings.vault);
        self.check("verify --all --opened", verified.as_deref().unwrap_or("failed"), verified.is_ok());
        Ok(calls)
    }

    /// The calls, of which there have to be as many as there are parties: from whom, to whom.
    pub(super) fn calls_between<const N: usize>(&mut self, parties: [(&str, &str); N]) -> Result<[Call; N]> {
        let calls = self.calls()?;
        let found: Vec<String> = calls.iter().map(|call| between(call.from(), call.to())).collect();
        let wanted = parties.map(|(from, to)| between(from, to));
        self.equal("calls", found.join(", "), wanted.join(", "));
        for call in &calls {
            self.equal("outcome", call.outcome().to_owned(), "answered".to_owned());
        }
        let many = calls.len();
        match calls.try_into() {
            Ok(calls) => Ok(calls),
            Err(_) => bail!("{many} calls are listed, not {N}"),
        }
    }

    /// What is in the vault of this scene's streams.
    pub(super) fn payloads(&self, calls: &[Call]) -> Result<Vec<listing::Payload>> {
        let payloads = listing::payloads(self.lab, &self.settings.vault, calls)?;
        Ok(payloads.into_values().flatten().collect())
    }

    /// A call as it is heard.
    pub(super) fn hear(&self, call: &Call) -> Result<Heard> {
        let name = format!("{}-{}.wav", self.name, call.id());
        let mut export = self.lab.earwitness("export", &self.settings.vault, &["-q", call.id(), "-o", &name]);
        process::succeed(&mut export)?;
        let path = self.lab.path(&name);
        Ok(Heard { left: hearing::samples(&path, 1)?, right: hearing::samples(&path, 2)? })
    }

    /// What was spoken.
    pub(super) fn spoken(&self, voice: &str) -> Result<Vec<f32>> {
        let spoken = hearing::samples(&self.lab.path(&format!("{voice}.wav")), 1)?;
        ensure!(!spoken.is_empty(), "{voice} says nothing");
        Ok(spoken)
    }

    /// A check: what is heard is a part of what `voice` says, and of none of the `others`.
    pub(super) fn is_voice(&mut self, what: &str, heard: &[f32], voice: &str, others: &[&str]) -> Result<()> {
        let place = hearing::place(&self.spoken(voice)?, heard).context("nothing is heard")?;
        let mut wrong = 0.0_f64;
        for other in others {
            wrong = wrong.max(hearing::likeness(&self.spoken(other)?, heard));
        }
        let told = format!("{:.4} from its {:.2} s on; another's {wrong:.4}", place.likeness, place.at_s);
        self.check(what, told, place.likeness > ALIKE && wrong < UNLIKE);
        Ok(())
    }

    /// A check of both channels of a call: the caller on the left, the callee on the right.
    pub(super) fn is_between(&mut self, call: &Call, caller: &str, callee: &str) -> Result<Heard> {
        let heard = self.hear(call)?;
        let parties = between(call.from(), call.to());
        self.is_voice(&format!("{parties}: left is the caller"), &heard.left, caller, &[callee])?;
        self.is_voice(&format!("{parties}: right is the callee"), &heard.right, callee, &[caller])?;
        Ok(heard)
    }

    /// A check: each of the two calls names the other, by a REFER, and nothing else.
    pub(super) fn name_each_other(&mut self, [one, other]: [&Call; 2]) {
        for (call, related) in [(one, other), (other, one)] {
            let wanted = serde_json::json!([{"call": related.id(), "reason": "refer"}]);
            let what = format!("{}: related", between(call.from(), call.to()));
            self.is_json(&what, &call.json["related"], &wanted);
        }
    }

    /// A check of a part of the listing.
    pub(super) fn is_json(&mut self, what: &str, found: &Value, wanted: &Value) {
        self.equal(what, found.to_string(), wanted.to_string());
    }

    /// A check: this many seconds, give or take `margin`.
    pub(super) fn about(&mut self, what: &str, found: Option<f64>, wanted: f64, margin: f64) {
        let holds = found.is_some_and(|found| (found - wanted).abs() <= margin);
        let told = found.map_or_else(|| "none".to_owned(), |found| format!("{found:.2} s"));
        self.check(what, format!("{told} of {wanted} ± {margin} s"), holds);
    }

    /// A check: an equation.
    pub(super) fn equal<T: PartialEq + Display>(&mut self, what: &str, found: T, wanted: T) {
        self.table.equal(&self.titled(what), found, wanted);
    }

    /// A check that is more than an equation.
    pub(super) fn check(&mut self, what: &str, found: impl Display, holds: bool) {
        self.table.check(&self.titled(what), found, holds);
    }

    /// A figure that is told and not judged.
    pub(super) fn figure(&mut self, what: &str, found: impl Display) {
        self.table.figure(&self.titled(what), found);
    }

    fn titled(&self, what: &str) -> String {
        format!("{}: {what}", self.name)
    }

    /// What could not be carried out is a check that failed; the next shape has its turn.
    pub(super) fn end(mut self, outcome: Result<()>) -> Result<()> {
        if let Err(error) = outcome {
            self.check("carried out", format!("{error:#}"), false);
        }
        match self.recorder.take() {
            None => Ok(()),
            Some(recorder) => recorder.stop(self.lab).map(drop),
        }
    }
}

/// How two parties are told in the table.
fn between(from: &str, to: &str) -> String {
    format!("{from} > {to}")
}

//! The keys of one direction in TLS 1.3, one after the other (RFC 8446, 7.1 and 7.2).

use crate::{
    half::{Role, TRIES},
    handshake::Agreed,
    key_log::{KeyLog, Label, Random},
    opener::Opener,
    record::{Kind, Record},
    sealed::{Trial, Tried},
};

/// Key updates that may be among what was lost.
const UPDATES: usize = 4;

/// Which secret records are sealed under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Early,
    Handshake,
    Traffic,
}

/// Where a direction is.
pub(crate) struct Stages {
    stage: Stage,
    /// None before its first record.
    opener: Option<Box<Opener>>,
}

impl Stages {
    /// Before the first sealed record of `role`.
    pub(crate) fn beginning(role: Role, client: &Random, keys: &KeyLog) -> Self {
        let is_early = role == Role::Client && keys.secret(client, Label::ClientEarly).is_some();
        Self { stage: if is_early { Stage::Early } else { Stage::Handshake }, opener: None }
    }

    /// Opens the record of `trial`, by the keys of now or those that come next. Which those are shows in what opens it: what a
    /// Finished or a KeyUpdate says is not looked at.
    pub(crate) fn open(&mut self, trial: &Trial<'_, '_>, agreed: &Agreed, plain: &mut Vec<u8>) -> Tried {
        let Trial { record, tries, role, log } = *trial;
        let mut has_tried = self.opener.is_some();
        if let Some(kind) = self.opener.as_mut().and_then(|opener| opener.open(record, tries, plain)) {
            return Tried::Opened(kind);
        }
        for later in self.later() {
            let secret = log.secret(&agreed.client, later.label(role));
            let Some(mut next) = secret.and_then(|secret| Opener::of_traffic(secret, agreed.chosen.suite))
            else {
                continue;
            };
            has_tried = true;
            if let Some(kind) = next.open(record, tries, plain) {
                (self.stage, self.opener) = (*later, Some(Box::new(next)));
                return Tried::Opened(kind);
            }
        }
        let is_last = self.stage == Stage::Traffic && self.opener.is_some();
        if !is_last && log.secret(&agreed.client, Stage::Traffic.label(role)).is_none() {
            return if has_tried { Tried::MoreKeys } else { Tried::Waiting };
        }
        match self.open_updated(record, tries, plain) {
            Some(kind) => Tried::Opened(kind),
            None => Tried::Failed,
        }
    }

    /// Whether the keys of now open a record: then it is the next one.
    pub(crate) fn seek(&mut self, record: &Record<'_>, tries: u16) -> bool {
        self.opener.as_mut().is_some_and(|opener| opener.seek(record, tries))
    }

    fn open_updated(&mut self, record: &Record<'_>, tries: u16, plain: &mut Vec<u8>) -> Option<Kind> {
        let mut next = self.opener.as_ref().filter(|_| self.stage == Stage::Traffic)?.updated();
        let last = tries.min(TRIES);
        for _ in 0..if tries > 1 { UPDATES } else { 1 } {
            let mut updated = next.take()?;
            if let Some(kind) = updated.open(record, last, plain) {
                self.opener = Some(Box::new(updated));
                return Some(kind);
            }
            next = updated.updated();
        }
        None
    }

    /// Those that may come next: this one too, when it did not begin yet.
    const fn later(&self) -> &'static [Stage] {
        match (self.stage, self.opener.is_some()) {
            (Stage::Early, false) => &[Stage::Early, Stage::Handshake, Stage::Traffic],
            (Stage::Early, true) | (Stage::Handshake, false) => &[Stage::Handshake, Stage::Traffic],
            (Stage::Handshake, true) | (Stage::Traffic, false) => &[Stage::Traffic],
            (Stage::Traffic, true) => &[],
        }
    }
}

impl Stage {
    const fn label(self, role: Role) -> Label {
        match (self, role) {
            // A server says nothing early.
            (Self::Early, _) => Label::ClientEarly,
            (Self::Handshake, Role::Client) => Label::ClientHandshake,
            (Self::Handshake, Role::Server) => Label::ServerHandshake,
            (Self::Traffic, Role::Client) => Label::ClientTraffic,
            (Self::Traffic, Role::Server) => Label::ServerTraffic,
        }
    }
}

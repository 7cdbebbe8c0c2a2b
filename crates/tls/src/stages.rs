//! The keys of one direction in TLS 1.3, one after the other (RFC 8446, 7.1 and 7.2).

use crate::{
    half::{Role, Tried},
    hello::Chosen,
    key_log::{KeyLog, Label, Random},
    opener::Opener,
    record::{Kind, Record},
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

    /// Whether there are keys.
    pub(crate) const fn has_keys(&self) -> bool {
        self.opener.is_some()
    }

    /// Opens a record of which so many numbers are tried, by the keys of now or those that come next. Which those are shows in
    /// what opens it: what a Finished or a KeyUpdate says is not looked at.
    pub(crate) fn open(
        &mut self,
        (record, tries): (&Record<'_>, u16),
        (role, client, chosen): (Role, &Random, &Chosen),
        keys: &KeyLog,
        plain: &mut Vec<u8>,
    ) -> Tried {
        if let Some(kind) = self.opener.as_mut().and_then(|opener| opener.open(record, tries, plain)) {
            return Tried::Opened(kind);
        }
        for later in self.later() {
            let secret = keys.secret(client, later.label(role));
            let Some(mut next) = secret.and_then(|secret| Opener::of_traffic(secret, chosen.suite)) else {
                continue;
            };
            if let Some(kind) = next.open(record, tries, plain) {
                (self.stage, self.opener) = (*later, Some(Box::new(next)));
                return Tried::Opened(kind);
            }
        }
        if keys.secret(client, Stage::Traffic.label(role)).is_none() {
            return Tried::Waiting;
        }
        match self.open_updated(record, tries, plain) {
            Some(kind) => Tried::Opened(kind),
            None => Tried::Failed,
        }
    }

    fn open_updated(&mut self, record: &Record<'_>, tries: u16, plain: &mut Vec<u8>) -> Option<Kind> {
        let mut next = self.opener.as_ref().filter(|_| self.stage == Stage::Traffic)?.updated();
        for _ in 0..if tries > 1 { UPDATES } else { 1 } {
            let mut updated = next.take()?;
            if let Some(kind) = updated.open(record, tries, plain) {
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

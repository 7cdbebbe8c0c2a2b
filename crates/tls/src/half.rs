//! One direction of a connection: its records, in order, and what is in them.

use crate::{
    handshake::{Handshake, Own, ServerSaid},
    hello::{self, ServerHello},
    key_log::KeyLog,
    messages::{Hello, Messages},
    record::{HEADER, Kind, Read, Record, distance_to_next},
    sealed::{Sealed, Trial, Tried},
    suite::Version,
};

/// Numbers that are tried, at least, for a record of which nobody knows how many before it are missing.
pub const TRIES: u16 = 32;

/// The shortest record that says something: its header, a byte and a tag.
const SHORTEST: u64 = 5 + 1 + 16;
/// Bytes that are tried in vain, at most, before a direction is given up: whoever sends records that are none is not to have
/// them tried for ever. In the clear: bytes of a handshake.
const MOST_VAIN: usize = 2 << 20;
/// What trying costs beside a record's bytes: keys may have to be derived.
const TRIAL: usize = 256;
/// What each byte that is opened makes up for.
const MAKES_UP: usize = 4;
/// Bytes that are tried, at most, to find where a direction that was opened goes on behind many missing records.
const MOST_FAR: usize = 32 << 20;
/// Numbers that are tried, at most, behind so many.
const MOST_TRIES: u64 = 1 << 14;
/// What each byte that is opened makes up for of those.
const FAR_MAKES_UP: usize = 16;

/// Which party a direction is heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Who began the connection.
    Client,
    /// Who answered.
    Server,
}

/// What became of the bytes at the front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many of them were used: a record, what was said in which is appended, or bytes that are none.
    Used(usize),
    /// So many of them were used: a record that no key opens.
    Unopened(usize),
    /// More bytes are needed.
    More,
    /// A secret is needed, or the hello of the other direction: ask again when there is more of either.
    Waiting,
    /// Nothing of this direction will ever be read.
    Never,
}

/// One direction.
pub struct Half {
    role: Role,
    own: Own,
    messages: Messages,
    phase: Phase,
    place: Place,
    /// Bytes that were tried in vain.
    vain: usize,
    /// Bytes that may be tried far behind what was opened.
    far: usize,
}

/// How records are read.
enum Phase {
    /// In the clear: up to ChangeCipherSpec in TLS 1.2, up to the first sealed record in TLS 1.3.
    Clear,
    /// Sealed, and none was opened: which of the other direction's hellos belongs to it is not known. So many were passed over.
    Trying { passed: u16 },
    /// Sealed under these keys.
    Proven(Box<Sealed>),
}

/// Whether it is known where records begin, and their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Known,
    /// So many bytes are missing.
    Lost(u64),
}

/// Neither keys nor text.
impl std::fmt::Debug for Half {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Half").field("role", &self.role).field("place", &self.place).finish_non_exhaustive()
    }
}

impl Half {
    /// The direction of `role`, from its first byte on.
    #[must_use]
    pub fn new(role: Role) -> Self {
        Self {
            role,
            own: Own::Nothing,
            messages: Messages::default(),
            phase: Phase::Clear,
            place: Place::Known,
            vain: 0,
            far: MOST_FAR,
        }
    }

    /// Memory of it, beside itself.
    #[must_use]
    pub fn held(&self) -> usize {
        // Keys of a cipher with its tables.
        const KEYS: usize = 1 << 10;
        let keys = match &self.phase {
            Phase::Clear | Phase::Trying { .. } => 0,
            Phase::Proven(_) => KEYS,
        };
        self.messages.held() + keys
    }

    /// What comes next does not follow upon what was given before: so many bytes are missing, as far as it is known.
    pub fn handle_gap(&mut self, missing: u64) {
        let before = match self.place {
            Place::Known => 0,
            Place::Lost(before) => before,
        };
        self.place = Place::Lost(before.saturating_add(missing));
        self.messages = Messages::default();
    }

    /// Whether `bytes`, before which `missing` bytes are missing, have a whole record that the keys of now open: then this
    /// direction goes on there, and nobody made it up. Its text is read by [`step`](Self::step), after a gap of no bytes.
    pub fn goes_on_at(&mut self, bytes: &[u8], missing: u64, keys: &KeyLog) -> bool {
        let Phase::Proven(sealed) = &mut self.phase else { return false };
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| rest.len() >= HEADER) {
            at += distance_to_next(rest);
            if let Read::Record(record) = Record::read(bytes.get(at..).unwrap_or_default()) {
                let tries = tries_behind(missing);
                let cost = cost(&record, tries);
                if cost > self.far {
                    return false;
                }
                self.far -= cost;
                if sealed.seek(&Trial { record: &record, tries, role: self.role, log: keys }) {
                    return true;
                }
            }
            at += 1;
        }
        false
    }

    /// Looks at the record that `bytes` begin with, which follow upon those that were used before, and appends to `plain`
    /// what is said in it.
    pub fn step(&mut self, bytes: &[u8], both: &mut Handshake, keys: &KeyLog, plain: &mut Vec<u8>) -> Step {
        if matches!(self.place, Place::Lost(_)) {
            return self.search(bytes, both, keys, plain);
        }
        match Record::read(bytes) {
            Read::Record(record) => match &self.phase {
                Phase::Clear => self.read_clear(&record, both, keys, plain),
                Phase::Trying { .. } | Phase::Proven(_) => self.read_sealed(&record, both, keys, plain),
            },
            Read::Part => Step::More,
            Read::None => {
                self.handle_gap(0);
                Step::Used(0)
            }
        }
    }

    /// A record in the clear, or the first that is not.
    fn read_clear(
        &mut self,
        record: &Record<'_>,
        both: &mut Handshake,
        keys: &KeyLog,
        plain: &mut Vec<u8>,
    ) -> Step {
        match record.kind {
            Kind::Handshake | Kind::Alert => {
                self.vain += record.len();
                if self.vain > MOST_VAIN {
                    return Step::Never;
                }
                self.handle_clear(record, both)
            }
            Kind::ChangeCipherSpec | Kind::Application => match self.seal(record.kind, both) {
                Ok(()) if record.kind == Kind::ChangeCipherSpec => Step::Used(record.len()),
                Ok(()) => self.read_sealed(record, both, keys, plain),
                Err(step) => step,
            },
        }
    }

    fn handle_clear(&mut self, record: &Record<'_>, both: &mut Handshake) -> Step {
        if record.kind != Kind::Handshake {
            return Step::Used(record.len());
        }
        let Ok(hellos) = self.messages.handle_bytes(record.body) else { return Step::Never };
        for hello in &hellos {
            if !self.handle_hello(hello, both) {
                return Step::Never;
            }
        }
        Step::Used(record.len())
    }

    /// The first hello of a direction counts. Whether it can be read.
    fn handle_hello(&mut self, hello: &Hello, both: &mut Handshake) -> bool {
        match (hello, self.role, self.own) {
            (Hello::Client(_), Role::Client, Own::Client(_))
            | (Hello::Server(_), Role::Server, Own::Server(_)) => true,
            (Hello::Client(body), Role::Client, _) => match hello::random(body) {
                Some(random) => {
                    self.own = Own::Client(random);
                    both.add_client(random);
                    true
                }
                None => false,
            },
            (Hello::Server(body), Role::Server, _) => match hello::server_hello(body) {
                ServerHello::Chosen(chosen) => {
                    self.own = Own::Server(chosen);
                    both.add_server(ServerSaid::Chosen(chosen));
                    true
                }
                ServerHello::Unread => {
                    both.add_server(ServerSaid::Unread);
                    false
                }
                ServerHello::Retry => true,
            },
            (Hello::Client(_), Role::Server, _) | (Hello::Server(_), Role::Client, _) => false,
        }
    }

    /// From now on records are sealed, if those before this one said what is needed to know how; `by` is what shows it.
    fn seal(&mut self, by: Kind, both: &Handshake) -> Result<(), Step> {
        if by == Kind::ChangeCipherSpec && self.role == Role::Server && matches!(self.own, Own::Nothing) {
            // Behind a HelloRetryRequest, for the sake of boxes between.
            return Ok(());
        }
        let pairs = both.pairs(self.own)?;
        // In TLS 1.3 it is sent for the sake of boxes between that know no other version (RFC 8446, D.4).
        let is_sealed =
            by != Kind::ChangeCipherSpec || pairs.iter().any(|pair| pair.version() == Version::V12);
        if is_sealed {
            self.phase = Phase::Trying { passed: 0 };
            self.messages = Messages::default();
            self.vain = 0;
        }
        Ok(())
    }

    fn read_sealed(
        &mut self,
        record: &Record<'_>,
        both: &Handshake,
        keys: &KeyLog,
        plain: &mut Vec<u8>,
    ) -> Step {
        match self.try_record(record, both, keys, plain) {
            Tried::Opened(_) => Step::Used(record.len()),
            Tried::Passed => {
                if let Phase::Trying { passed } = &mut self.phase {
                    *passed = passed.saturating_add(1).min(TRIES);
                }
                Step::Used(record.len())
            }
            Tried::Waiting | Tried::MoreKeys => Step::Waiting,
            Tried::Failed => {
                // Whether it was one of this direction's, and counts, nobody knows.
                self.handle_gap(0);
                Step::Unopened(record.len())
            }
            Tried::Never => Step::Never,
        }
    }

    /// Looks for a record that is authentic.
    fn search(&mut self, bytes: &[u8], both: &Handshake, keys: &KeyLog, plain: &mut Vec<u8>) -> Step {
        match distance_to_next(bytes) {
            0 => {}
            before => return Step::Used(before),
        }
        let record = match Record::read(bytes) {
            Read::Record(record) => record,
            Read::Part => return Step::More,
            Read::None => return Step::Used(1),
        };
        if matches!(self.phase, Phase::Clear) {
            match self.seal(Kind::Application, both) {
                Ok(()) => {}
                Err(step) => return step,
            }
        }
        match self.try_record(&record, both, keys, plain) {
            Tried::Opened(_) => {
                self.place = Place::Known;
                Step::Used(record.len())
            }
            Tried::Waiting | Tried::MoreKeys => Step::Waiting,
            Tried::Failed | Tried::Passed => Step::Used(1),
            Tried::Never => Step::Never,
        }
    }

    /// Opens a record, and takes in what it says of the keys.
    fn try_record(
        &mut self,
        record: &Record<'_>,
        both: &Handshake,
        keys: &KeyLog,
        plain: &mut Vec<u8>,
    ) -> Tried {
        let (before, tries) = (plain.len(), self.tries(record));
        let cost = cost(record, tries);
        if tries <= TRIES && self.vain + cost > MOST_VAIN {
            return Tried::Never;
        }
        let trial = Trial { record, tries, role: self.role, log: keys };
        let tried = self.open(&trial, both, plain);
        match tried {
            Tried::Opened(_) | Tried::MoreKeys | Tried::Failed if tries > TRIES => {
                self.far = self.far.saturating_sub(cost);
            }
            Tried::MoreKeys | Tried::Failed => self.vain += cost,
            Tried::Opened(_) | Tried::Waiting | Tried::Passed | Tried::Never => {}
        }
        if let Tried::Opened(kind) = tried {
            self.vain = self.vain.saturating_sub(record.len() * MAKES_UP);
            self.far = (self.far + record.len() * FAR_MAKES_UP).min(MOST_FAR);
            if kind != Kind::Application {
                // Alerts and messages of handshakes are nothing that was said.
                plain.truncate(before);
            }
        }
        tried
    }

    /// How many numbers are tried for a record.
    fn tries(&self, record: &Record<'_>) -> u16 {
        match (self.place, &self.phase) {
            (Place::Known, Phase::Trying { passed }) => 1 + *passed.min(&(TRIES - 1)),
            (Place::Known, Phase::Clear | Phase::Proven(_)) => 1,
            (Place::Lost(_), Phase::Clear | Phase::Trying { .. }) => TRIES,
            (Place::Lost(missing), Phase::Proven(_)) => {
                let paid = u16::try_from(self.far / cost(record, 1)).unwrap_or(u16::MAX);
                tries_behind(missing).min(paid).max(TRIES)
            }
        }
    }

    fn open(&mut self, trial: &Trial<'_, '_>, both: &Handshake, plain: &mut Vec<u8>) -> Tried {
        let is_plain = trial.record.kind != Kind::Application;
        match &mut self.phase {
            Phase::Clear => Tried::Failed,
            // ChangeCipherSpec, or an alert of somebody without keys.
            Phase::Proven(sealed) if sealed.version() == Version::V13 && is_plain => Tried::Passed,
            Phase::Proven(sealed) => sealed.open(trial, plain),
            Phase::Trying { .. } => {
                let pairs = match both.pairs(self.own) {
                    Ok(pairs) => pairs,
                    Err(Step::Waiting) => return Tried::Waiting,
                    Err(Step::Used(_) | Step::Unopened(_) | Step::More | Step::Never) => return Tried::Never,
                };
                let mut all = [Tried::Passed, Tried::MoreKeys, Tried::Waiting].map(|tried| (tried, false));
                for pair in pairs {
                    let tried = match Sealed::beginning(pair, trial) {
                        Ok(sealed) if sealed.version() == Version::V13 && is_plain => Tried::Passed,
                        Ok(mut sealed) => {
                            let tried = sealed.open(trial, plain);
                            if matches!(tried, Tried::Opened(_)) {
                                self.phase = Phase::Proven(Box::new(sealed));
                                return tried;
                            }
                            tried
                        }
                        Err(tried) => tried,
                    };
                    all.iter_mut().filter(|(of, _)| *of == tried).for_each(|(_, is_so)| *is_so = true);
                }
                all.iter().find(|(_, is_so)| *is_so).map_or(Tried::Failed, |(tried, _)| *tried)
            }
        }
    }
}

/// How many records may be missing where so many bytes are.
fn tries_behind(missing: u64) -> u16 {
    u16::try_from((missing / SHORTEST + 1).min(MOST_TRIES)).unwrap_or(u16::MAX).max(TRIES)
}

fn cost(record: &Record<'_>, tries: u16) -> usize {
    (record.len() + TRIAL) * usize::from(tries)
}

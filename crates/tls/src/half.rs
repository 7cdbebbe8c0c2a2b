//! One direction of a connection: its records, in order, and what is in them.

use crate::{
    hello::{self, Chosen, ServerHello},
    key_log::{KeyLog, Label, Random},
    messages::{Hello, Messages},
    opener::Opener,
    record::{Kind, Read, Record, distance_to_next},
    stages::Stages,
    suite::Version,
};

/// Numbers that are tried for a record of which nobody knows how many before it are missing.
pub const TRIES: u16 = 32;

/// Bytes that are tried in vain, at most, before a direction is given up: whoever sends records that are none is not to have
/// them tried for ever.
const MOST_VAIN: usize = 2 << 20;
/// What trying costs beside a record's bytes: keys may have to be derived.
const TRIAL: usize = 256;
/// What each byte that is opened makes up for.
const MAKES_UP: usize = 4;

/// Which party a direction is heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Who began the connection.
    Client,
    /// Who answered.
    Server,
}

/// What both directions of a connection have to know of their hellos. The first of each counts.
#[derive(Debug, Clone, Default)]
pub struct Handshake {
    client: Option<Random>,
    server: Option<ServerSaid>,
}

#[derive(Debug, Clone, Copy)]
enum ServerSaid {
    Chosen(Chosen),
    Unread,
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
    messages: Messages,
    phase: Phase,
    place: Place,
    /// Bytes that were tried in vain.
    vain: usize,
}

/// How records are read.
enum Phase {
    /// In the clear: up to ChangeCipherSpec in TLS 1.2, up to the first sealed record in TLS 1.3.
    Clear,
    /// In TLS 1.2, to the end.
    V12(Box<Opener>),
    /// In TLS 1.3, from this stage on.
    V13(Stages),
}

/// Whether it is known where records begin, and their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Known,
    Lost,
}

/// What became of a sealed record.
pub(crate) enum Tried {
    Opened(Kind),
    Waiting,
    Failed,
    /// Too many others did.
    Never,
}

impl Handshake {
    /// The random of the ClientHello, when it was read.
    #[must_use]
    pub const fn client_random(&self) -> Option<&[u8; 32]> {
        self.client.as_ref()
    }
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
        Self { role, messages: Messages::default(), phase: Phase::Clear, place: Place::Known, vain: 0 }
    }

    /// Memory of it, beside itself.
    #[must_use]
    pub fn held(&self) -> usize {
        // Keys of a cipher with its tables.
        const KEYS: usize = 1 << 10;
        let keys = match &self.phase {
            Phase::Clear => 0,
            Phase::V13(stages) if !stages.has_keys() => 0,
            Phase::V12(_) | Phase::V13(_) => KEYS,
        };
        self.messages.held() + keys
    }

    /// What comes next does not follow upon what was given before.
    pub fn handle_gap(&mut self) {
        self.place = Place::Lost;
        self.messages = Messages::default();
    }

    /// Looks at the record that `bytes` begin with, which follow upon those that were used before, and appends to `plain`
    /// what is said in it.
    pub fn step(&mut self, bytes: &[u8], both: &mut Handshake, keys: &KeyLog, plain: &mut Vec<u8>) -> Step {
        if self.place == Place::Lost {
            return self.search(bytes, both, keys, plain);
        }
        match Record::read(bytes) {
            Read::Record(record) => match &self.phase {
                Phase::Clear => self.read_clear(&record, both, keys, plain),
                Phase::V12(_) | Phase::V13(_) => self.read_sealed(&record, both, keys, plain),
            },
            Read::Part => Step::More,
            Read::None => {
                self.handle_gap();
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
            Kind::Handshake => match self.messages.handle_bytes(record.body) {
                Ok(hellos) => self.handle_hellos(&hellos, both, record.len()),
                Err(crate::messages::TooLong) => Step::Never,
            },
            Kind::Alert => Step::Used(record.len()),
            Kind::ChangeCipherSpec | Kind::Application => match self.seal(record.kind, both, keys) {
                Ok(()) if record.kind == Kind::ChangeCipherSpec => Step::Used(record.len()),
                Ok(()) => self.read_sealed(record, both, keys, plain),
                Err(step) => step,
            },
        }
    }

    fn handle_hellos(&mut self, hellos: &[Hello], both: &mut Handshake, used: usize) -> Step {
        for hello in hellos {
            match (hello, self.role) {
                (Hello::Client(body), Role::Client) => match hello::random(body) {
                    Some(random) => _ = both.client.get_or_insert(random),
                    None => return Step::Never,
                },
                (Hello::Server(body), Role::Server) => match hello::server_hello(body) {
                    ServerHello::Chosen(chosen) => _ = both.server.get_or_insert(ServerSaid::Chosen(chosen)),
                    ServerHello::Unread => _ = both.server.get_or_insert(ServerSaid::Unread),
                    ServerHello::Retry => {}
                },
                (Hello::Client(_), Role::Server) | (Hello::Server(_), Role::Client) => return Step::Never,
            }
        }
        match both.server {
            Some(ServerSaid::Unread) => Step::Never,
            Some(ServerSaid::Chosen(_)) | None => Step::Used(used),
        }
    }

    /// From now on records are sealed, if those before this one said what is needed to know how; `by` is what shows it.
    fn seal(&mut self, by: Kind, both: &Handshake, keys: &KeyLog) -> Result<(), Step> {
        if by == Kind::ChangeCipherSpec && self.role == Role::Server && both.server.is_none() {
            // Behind a HelloRetryRequest, for the sake of boxes between.
            return Ok(());
        }
        let (client, chosen) = both.known(self.role)?;
        match (chosen.suite.version, by) {
            // Sent for the sake of boxes between that know no other version (RFC 8446, D.4).
            (Version::V13, Kind::ChangeCipherSpec) => return Ok(()),
            (Version::V13, Kind::Alert | Kind::Handshake | Kind::Application) => {
                self.phase = Phase::V13(Stages::beginning(self.role, &client, keys));
            }
            (Version::V12, _) => {
                let master = keys.secret(&client, Label::Master).ok_or(Step::Waiting)?;
                let opener = Opener::of_master(master, &chosen, &client, self.role).ok_or(Step::Never)?;
                self.phase = Phase::V12(Box::new(opener));
            }
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
        let is_of_13 = matches!(self.phase, Phase::V13(_));
        if is_of_13 && record.kind != Kind::Application {
            // ChangeCipherSpec, or an alert of somebody without keys.
            return Step::Used(record.len());
        }
        match self.try_record((record, 1), both, keys, plain) {
            Tried::Opened(_) => Step::Used(record.len()),
            Tried::Waiting => Step::Waiting,
            Tried::Failed => Step::Unopened(record.len()),
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
            match self.seal(Kind::Application, both, keys) {
                Ok(()) => {}
                Err(step) => return step,
            }
        }
        match self.try_record((&record, TRIES), both, keys, plain) {
            Tried::Opened(_) => {
                self.place = Place::Known;
                Step::Used(record.len())
            }
            Tried::Waiting => Step::Waiting,
            Tried::Failed => Step::Used(1),
            Tried::Never => Step::Never,
        }
    }

    /// Opens a record of which so many numbers are tried, and takes in what it says of the keys.
    fn try_record(
        &mut self,
        (record, tries): (&Record<'_>, u16),
        both: &Handshake,
        keys: &KeyLog,
        plain: &mut Vec<u8>,
    ) -> Tried {
        let (before, cost) = (plain.len(), (record.len() + TRIAL) * usize::from(tries));
        if self.vain + cost > MOST_VAIN {
            return Tried::Never;
        }
        let tried = match &mut self.phase {
            Phase::Clear => Tried::Failed,
            Phase::V12(opener) => opener.open(record, tries, plain).map_or(Tried::Failed, Tried::Opened),
            Phase::V13(stages) => match both.known(self.role) {
                Ok((client, chosen)) => {
                    stages.open((record, tries), (self.role, &client, &chosen), keys, plain)
                }
                Err(_) => Tried::Failed,
            },
        };
        match tried {
            Tried::Opened(kind) => {
                self.vain = self.vain.saturating_sub(record.len() * MAKES_UP);
                if kind != Kind::Application {
                    // Alerts and messages of handshakes are nothing that was said.
                    plain.truncate(before);
                }
            }
            Tried::Waiting | Tried::Failed | Tried::Never => self.vain += cost,
        }
        tried
    }
}

impl Handshake {
    /// What both hellos said; or what is to be done without it by whoever is `role`.
    fn known(&self, role: Role) -> Result<(Random, Chosen), Step> {
        match (self.client, self.server) {
            (_, Some(ServerSaid::Unread)) => Err(Step::Never),
            (Some(client), Some(ServerSaid::Chosen(chosen))) => Ok((client, chosen)),
            (None, _) if role == Role::Client => Err(Step::Never),
            (_, None) if role == Role::Server => Err(Step::Never),
            (None, _) | (_, None) => Err(Step::Waiting),
        }
    }
}

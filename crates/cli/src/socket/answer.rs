//! What one client is answered: its request is read, judged, and run on the vault that is open.

use std::{
    io,
    os::unix::net::UnixStream,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use clap::Parser;

use super::{
    connection::{Connection, Wait},
    guest::Guest,
    parcel::{MAX_REQUEST, PIECE},
    protocol::{Ask, PROTOCOL, RawText, Request, Said},
    server::{Asked, Service},
};
use crate::{
    CommandLine,
    cmd::{Command, Needs, VaultCommand},
    context::Context,
    exit::{Exit, Failure},
    options::Options,
    seat::{Account, Screen},
};

/// Clients at once.
const MAX_CLIENTS: usize = 16;
/// So many of them may be of others than root and the recorder's own user, who always find a place.
const MAX_OTHERS: usize = 12;
/// Commands run after the recorder's own threads: nice(2).
const NICE: i32 = 10;

/// One connection, and its place among the clients.
pub(super) struct Client<'s> {
    connection: Arc<Connection>,
    uid: u32,
    counted: Vec<&'s AtomicUsize>,
}

impl<'s> Client<'s> {
    /// A place for whoever connected, or a word that there is none.
    pub(super) fn admit(
        stream: UnixStream,
        service: &Service<'_>,
        (all, others): (&'s AtomicUsize, &'s AtomicUsize),
    ) -> Option<Self> {
        let uid = rustix::net::sockopt::socket_peercred(&stream).ok()?.uid.as_raw();
        let is_owner = uid == 0 || uid == rustix::process::getuid().as_raw();
        let connection = Arc::new(Connection::new(stream, Arc::clone(&service.stop.is_set)).ok()?);
        let bounds = [Some((all, MAX_CLIENTS)), (!is_owner).then_some((others, MAX_OTHERS))];
        let mut client = Self { connection, uid, counted: Vec::new() };
        for (count, most) in bounds.into_iter().flatten() {
            count.fetch_add(1, Ordering::Relaxed);
            client.counted.push(count);
            if count.load(Ordering::Relaxed) > most {
                let busy = Failure::new(Exit::Failed, "the recorder works for too many others: try again");
                // A new connection has room for a sentence; who is gone does not need it.
                client.connection.send(&Said::from(busy)).unwrap_or_default();
                return None;
            }
        }
        Some(client)
    }

    pub(super) fn serve(self, service: &Service<'_>) {
        // Where the system does not allow it, it runs like the others.
        rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE).unwrap_or_default();
        let said = self.answer(service).unwrap_or_else(Said::from);
        // A client that is gone does not wait for its exit code.
        self.connection.send(&said).unwrap_or_default();
    }

    fn answer(&self, service: &Service<'_>) -> Result<Said, Failure> {
        let not_understood = |_cause| {
            Failure::new(
                Exit::Failed,
                format_args!(
                    "the recorder (version {}) does not understand this program: restart it with the same version",
                    env!("CARGO_PKG_VERSION")
                ),
            )
        };
        let request: Request = self.connection.receive(MAX_REQUEST, Wait::Request).map_err(not_understood)?;
        if request.protocol != PROTOCOL {
            return Err(not_understood(io::ErrorKind::InvalidData.into()));
        }
        match request.ask {
            Ask::Health => {
                let asked = watching(service)?;
                guarded(|| (asked.health)().map(Said::Health))
            }
            Ask::Calls { most } => {
                let asked = watching(service)?;
                guarded(|| {
                    let text = (asked.calls)(most as usize)?;
                    for piece in text.as_bytes().chunks(PIECE) {
                        self.connection.send(&Said::Out(piece.to_vec()))?;
                    }
                    Ok(Said::from(Exit::Done))
                })
            }
            Ask::Command { words, screen } => {
                let (options, command) = parsed(&words)?;
                guarded(|| self.run(service, (options, &command), screen))
            }
        }
    }

    fn run(
        &self,
        service: &Service<'_>,
        (options, command): (Options, &VaultCommand),
        screen: Screen,
    ) -> Result<Said, Failure> {
        match command.needs() {
            Needs::Reading => {}
            Needs::Alone => {
                return Err(Failure::new(
                    Exit::Failed,
                    "this needs the vault alone: stop the recorder first",
                ));
            }
        }
        if let Some(asked) = service.asked {
            (asked.served)(self.uid, command.word());
        }
        let guest = Guest::new(Arc::clone(&self.connection), Account::of(self.uid), screen);
        let context = Context::at(service.vault.dir().to_owned(), options, Box::new(guest));
        let ended = command.run(&context, service.vault);
        context.seat().flush()?;
        ended.map(Said::from)
    }
}

impl Drop for Client<'_> {
    fn drop(&mut self) {
        for count in &self.counted {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// What is asked of a recorder that watches.
fn watching<'a>(service: &Service<'a>) -> Result<Asked<'a>, Failure> {
    service.asked.ok_or_else(|| {
        Failure::new(Exit::NotFound, "this recorder has no health to tell: it reads capture files")
    })
}

/// The command line of a client, which was parsed there already: what is wrong with it here is another version.
fn parsed(words: &[RawText]) -> Result<(Options, VaultCommand), Failure> {
    let words = words.iter().map(RawText::word);
    let typed = CommandLine::try_parse_from(std::iter::once("earwitness".into()).chain(words))
        .map_err(|wrong| Failure::new(Exit::Usage, wrong.render()))?;
    match typed.command {
        Command::InVault(command) => Ok((typed.options, *command)),
        Command::Init(_)
        | Command::Record(_)
        | Command::Status(_)
        | Command::Top(_)
        | Command::Doctor(_)
        | Command::Rules(_)
        | Command::Completions(_)
        | Command::Man(_) => Err(Failure::new(Exit::Usage, "this command is not one that a recorder runs")),
    }
}

/// A panic is a defect of this program and ends the command, not the recorder. What it was was told by the panic hook.
pub(super) fn guarded(run: impl FnOnce() -> Result<Said, Failure>) -> Result<Said, Failure> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_panic| {
        Err(Failure::new(
            Exit::Failed,
            "a defect of this program ended the command; the recorder's log has its place",
        ))
    })
}

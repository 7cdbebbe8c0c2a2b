//! What one client is answered: its request is read, judged, and run on the vault that is open.

use std::{
    io,
    os::unix::net::UnixStream,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use clap::Parser;

use super::{
    connection::{Connection, Wait},
    guest::Guest,
    parcel::{MAX_REQUEST, PIECE},
    places::{Place, Places, Rank},
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

/// Commands run after the recorder's own threads: nice(2).
const NICE: i32 = 10;

/// One connection, and its place among the clients.
pub(super) struct Client<'s> {
    connection: Arc<Connection>,
    uid: u32,
    _place: Place<'s>,
}

impl<'s> Client<'s> {
    /// A place for whoever connected, or a word that there is none.
    pub(super) fn admit(stream: UnixStream, service: &Service<'_>, places: &'s Places) -> Option<Self> {
        let accepted = Instant::now();
        let uid = rustix::net::sockopt::socket_peercred(&stream).ok()?.uid.as_raw();
        let connection = Connection::new(stream, Arc::clone(&service.stop.is_set), accepted).ok()?;
        let Some(place) = places.take(uid, Rank::of(uid)) else {
            let busy = Failure::new(Exit::Failed, "the recorder works for too many others: try again");
            // A new connection has room for a sentence; who is gone does not need it.
            connection.send(&Said::from(busy)).unwrap_or_default();
            return None;
        };
        Some(Self { connection: Arc::new(connection), uid, _place: place })
    }

    pub(super) fn serve(self, service: &Service<'_>) {
        // Where the system does not allow it, it runs like the others.
        rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE).unwrap_or_default();
        let asked = self.request();
        let began = Instant::now();
        let at_once = |said: Result<Said, Failure>| {
            self.connection.send_at_once(&said.unwrap_or_else(Said::from), began)
        };
        let sent = match asked {
            Ok(Ask::Command { words, screen }) => {
                let said = guarded(|| {
                    let (options, command) = parsed(&words)?;
                    self.run(service, (options, &command), screen)
                });
                self.connection.send(&said.unwrap_or_else(Said::from))
            }
            Ok(Ask::Health) => {
                at_once(watching(service).and_then(|asked| guarded(|| (asked.health)().map(Said::Health))))
            }
            Ok(Ask::Calls { most }) => at_once(
                watching(service).and_then(|asked| guarded(|| self.tell_calls(asked, most as usize, began))),
            ),
            Err(failure) => at_once(Err(failure)),
        };
        // A client that is gone does not wait for its exit code.
        sent.unwrap_or_default();
    }

    fn request(&self) -> Result<Ask, Failure> {
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
        Ok(request.ask)
    }

    fn tell_calls(&self, asked: Asked<'_>, most: usize, began: Instant) -> Result<Said, Failure> {
        let text = (asked.calls)(most)?;
        for piece in text.as_bytes().chunks(PIECE) {
            self.connection.send_at_once(&Said::Out(piece.to_vec()), began)?;
        }
        Ok(Said::from(Exit::Done))
    }

    fn run(
        &self,
        service: &Service<'_>,
        (options, command): (Options, &VaultCommand),
        screen: Screen,
    ) -> Result<Said, Failure> {
        match command.needs() {
            Needs::Reading => {}
            Needs::Acting if Rank::of(self.uid) == Rank::Owner => {}
            Needs::Acting => {
                return Err(Failure::new(
                    Exit::Refused,
                    format_args!(
                        "uid {} may read, and not change what is kept: root and the recorder's own user may",
                        self.uid
                    ),
                ));
            }
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
        | Command::Restore(_)
        | Command::Bench(_)
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

//! The recorder's end: who may ask, and what is done for whom.

use std::{
    fs::Permissions,
    io,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use clap::Parser;
use earwitness_vault::Vault;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType},
};

use super::{
    connection::{Connection, ROUND, Wait},
    guest::Guest,
    parcel::{MAX_REQUEST, PIECE},
    place,
    protocol::{Ask, PROTOCOL, RawText, Request, Said},
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
/// Connections that wait to be accepted.
const BACKLOG: i32 = 64;
/// Commands run after the recorder's own threads: nice(2).
const NICE: i32 = 10;

/// The socket of a vault's recorder. Gone when it is dropped.
pub(super) struct Server {
    listener: UnixListener,
    place: PathBuf,
    /// Device and inode, so that no other's socket is removed.
    made: (u64, u64),
}

/// A recorder that watches interfaces, as it is asked from outside.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// How it is, as JSON: what `status` shows.
    pub(crate) health: &'a (dyn Fn() -> Result<String, Failure> + Sync),
    /// The same with the calls that run, at most so many: what `top` shows.
    pub(crate) calls: &'a (dyn Fn(usize) -> Result<String, Failure> + Sync),
    /// Hears of each command that is run, and for which user.
    pub(crate) served: &'a (dyn Fn(u32, &'static str) + Sync),
}

/// What a server serves.
pub(super) struct Service<'a> {
    /// The vault that this process has open.
    pub(super) vault: &'a Vault,
    /// `None` where nothing is watched: capture files are read.
    pub(super) asked: Option<Asked<'a>>,
    pub(super) stop: Stop<'a>,
}

/// How a server hears that the recorder stops: it is set, and then the bell, a socket, is closed.
pub(super) struct Stop<'a> {
    pub(super) is_set: Arc<AtomicBool>,
    pub(super) bell: &'a UnixStream,
}

/// Does `work`, which has the vault, and meanwhile runs the commands of others on it. Where no socket can be made it says
/// so, and `work` is done all the same.
pub(crate) fn serve_beside<T>(
    context: &Context,
    vault: &Vault,
    asked: Option<Asked<'_>>,
    work: impl FnOnce() -> T,
) -> T {
    let (server, (bell, heard)) =
        match Server::bind(vault).and_then(|server| Ok((server, UnixStream::pair()?))) {
            Ok(bound) => bound,
            Err(failure) => {
                context.say(format_args!("commands have to wait until this ends: {failure}"));
                return work();
            }
        };
    let is_set = Arc::new(AtomicBool::new(false));
    let service = Service { vault, asked, stop: Stop { is_set: Arc::clone(&is_set), bell: &heard } };
    thread::scope(|scope| {
        let _ends_with_the_work = Ends { is_set, bell };
        let started =
            thread::Builder::new().name("socket".into()).spawn_scoped(scope, || server.serve(&service));
        if let Err(cause) = started {
            context.say(format_args!("commands have to wait until this ends: {cause}"));
        }
        work()
    })
}

/// Stops the server however the work ends.
struct Ends {
    is_set: Arc<AtomicBool>,
    bell: UnixStream,
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.is_set.store(true, Ordering::Relaxed);
        // Both ends are this process's own: there is nothing that could fail but that it is closed already.
        self.bell.shutdown(std::net::Shutdown::Both).unwrap_or_default();
    }
}

impl Server {
    /// Listens beside an open vault: who has the vault is its only recorder, so a socket that nobody answers is a dead one's
    /// and is replaced.
    ///
    /// # Errors
    /// When the path is too long for a socket, when somebody listens there, and what the system says.
    pub(super) fn bind(vault: &Vault) -> Result<Self, Failure> {
        let place = place(vault.dir());
        let cannot = |cause: io::Error| {
            Failure::new(Exit::Failed, format_args!("cannot listen on {}: {cause}", place.display()))
        };
        let address = SocketAddrUnix::new(&place).map_err(|_cause| {
            let why = format_args!(
                "{} is too long a name for a socket (unix(7): 107 bytes): commands while the recorder runs need a vault with a shorter path",
                place.display()
            );
            Failure::new(Exit::Failed, why)
        })?;
        if UnixStream::connect(&place).is_ok() {
            return Err(Failure::new(
                Exit::Failed,
                format_args!("another process listens on {}", place.display()),
            ));
        }
        match std::fs::remove_file(&place) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cannot(cause)),
            Ok(()) | Err(_) => {}
        }
        let listen = || -> io::Result<Self> {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
            rustix::net::bind(&socket, &address)?;
            // Nobody can connect before it listens, and by then it is for owner and group.
            give_to_group(vault.dir(), &place)?;
            rustix::net::listen(&socket, BACKLOG)?;
            let there = place.symlink_metadata()?;
            Ok(Self { listener: socket.into(), place: place.clone(), made: (there.dev(), there.ino()) })
        };
        listen().map_err(cannot)
    }

    /// Runs commands for whoever may ask, each in a thread of its own, until the recorder stops.
    pub(super) fn serve(&self, service: &Service<'_>) {
        let others = AtomicUsize::new(0);
        let all = AtomicUsize::new(0);
        let round = Timespec { tv_sec: 0, tv_nsec: i64::from(ROUND.subsec_nanos()) };
        thread::scope(|scope| {
            while !service.stop.is_set.load(Ordering::Relaxed) {
                let mut fds = [
                    PollFd::new(&self.listener, PollFlags::IN),
                    PollFd::new(service.stop.bell, PollFlags::IN),
                ];
                if !matches!(poll(&mut fds, Some(&round)), Ok(1..)) || fds[0].revents().is_empty() {
                    continue;
                }
                let Ok((stream, _)) = self.listener.accept() else {
                    // No descriptor is free: those that are served give theirs back.
                    thread::sleep(ROUND);
                    continue;
                };
                let Some(client) = Client::admit(stream, service, (&all, &others)) else { continue };
                // Without a thread for it the client finds its connection closed.
                let started = thread::Builder::new()
                    .name("command".into())
                    .spawn_scoped(scope, || client.serve(service));
                drop(started);
            }
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let is_ours = |there: &std::fs::Metadata| (there.dev(), there.ino()) == self.made;
        if self.place.symlink_metadata().is_ok_and(|there| is_ours(&there)) {
            // One that stays is a dead one's, which the next recorder replaces.
            std::fs::remove_file(&self.place).unwrap_or_default();
        }
    }
}

/// For its owner and the group of the vault's directory; where the group cannot be given, for its owner.
fn give_to_group(vault: &Path, place: &Path) -> io::Result<()> {
    let group = vault.metadata()?.gid();
    let given = place.symlink_metadata()?.gid() == group
        || std::os::unix::fs::lchown(place, None, Some(group)).is_ok();
    std::fs::set_permissions(place, Permissions::from_mode(if given { 0o660 } else { 0o600 }))
}

/// One connection, and its place among the clients.
struct Client<'s> {
    connection: Arc<Connection>,
    uid: u32,
    counted: Vec<&'s AtomicUsize>,
}

impl<'s> Client<'s> {
    /// A place for whoever connected, or a word that there is none.
    fn admit(
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

    fn serve(self, service: &Service<'_>) {
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

//! The recorder's end: a socket beside its work, and a thread for whoever connects.

use std::{
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use earwitness_vault::Vault;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{answer::Client, connection::ROUND, listener::Listener, places::Places};
use crate::{context::Context, exit::Failure};

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
    let (listener, (bell, heard)) =
        match Listener::bind(vault).and_then(|listener| Ok((listener, UnixStream::pair()?))) {
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
            thread::Builder::new().name("socket".into()).spawn_scoped(scope, || serve(&listener, &service));
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

/// Answers whoever may ask, each in a thread of its own, until the recorder stops.
fn serve(listener: &Listener, service: &Service<'_>) {
    let places = Places::default();
    let round = Timespec { tv_sec: 0, tv_nsec: i64::from(ROUND.subsec_nanos()) };
    thread::scope(|scope| {
        while !service.stop.is_set.load(Ordering::Relaxed) {
            let mut fds =
                [PollFd::new(&listener.socket, PollFlags::IN), PollFd::new(service.stop.bell, PollFlags::IN)];
            if !matches!(poll(&mut fds, Some(&round)), Ok(1..)) || fds[0].revents().is_empty() {
                continue;
            }
            let Ok((stream, _)) = listener.socket.accept() else {
                // No descriptor is free: those that are served give theirs back.
                thread::sleep(ROUND);
                continue;
            };
            let Some(client) = Client::admit(stream, service, &places) else { continue };
            // Without a thread for it the client finds its connection closed.
            let started =
                thread::Builder::new().name("command".into()).spawn_scoped(scope, || client.serve(service));
            drop(started);
        }
    });
}

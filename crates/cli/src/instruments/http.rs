//! A small HTTP server for scrapers and probes: GET, one request for a connection, everything about it bounded.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::exit::{Exit, Failure};

/// Connections at once; more are closed.
const MAX_CONNECTIONS: usize = 8;
/// More than a scraper's request needs.
const MAX_REQUEST: usize = 8 << 10;
/// More headers than it sends.
const MAX_HEADERS: usize = 64;
/// What a connection has from its beginning to its end.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a wait lasts before it is asked again whether the recorder stops.
const ROUND: Duration = Duration::from_millis(200);

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: Status,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    Unavailable,
}

impl Status {
    const fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::Unavailable => "503 Service Unavailable",
        }
    }
}

impl Answer {
    /// A line for people.
    pub(super) fn text(status: Status, body: impl Into<String>) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: body.into() }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Get<'r> {
    /// Without a query.
    pub(super) path: &'r str,
    pub(super) headers: &'r [httparse::Header<'r>],
}

impl<'r> Get<'r> {
    /// What its Accept headers say; none where one is no text.
    pub(super) fn accept(&self) -> impl Iterator<Item = &'r str> {
        let accept = self.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("accept"));
        accept.filter_map(|header| std::str::from_utf8(header.value).ok())
    }
}

/// Listens for scrapers.
#[derive(Debug)]
pub(crate) struct Scraped(TcpListener);

impl Scraped {
    /// Listens on `address`.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn bind(address: SocketAddr) -> Result<Self, Failure> {
        let bound = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(Self(listener))
        });
        bound.map_err(|cause| Failure::new(Exit::Failed, format_args!("cannot listen on {address}: {cause}")))
    }

    /// Gives what `answer` says of a request until `stop` is set.
    pub(super) fn serve(&self, stop: &AtomicBool, answer: &(dyn Fn(&Get<'_>) -> Answer + Sync)) {
        let connections = AtomicUsize::new(0);
        let round = Timespec { tv_sec: 0, tv_nsec: i64::from(ROUND.subsec_nanos()) };
        thread::scope(|scope| {
            while !stop.load(Ordering::Relaxed) {
                let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
                if !matches!(poll(&mut fds, Some(&round)), Ok(1..)) {
                    continue;
                }
                let Ok((stream, _)) = self.0.accept() else {
                    // No descriptor is free: those that are served give theirs back.
                    thread::sleep(ROUND);
                    continue;
                };
                if connections.load(Ordering::Relaxed) >= MAX_CONNECTIONS {
                    continue;
                }
                connections.fetch_add(1, Ordering::Relaxed);
                let counted = Counted(&connections);
                // Without a thread for it the scraper finds its connection closed.
                drop(thread::Builder::new().name("scrape".into()).spawn_scoped(scope, move || {
                    let _counted = counted;
                    // A scraper that is gone needs no answer.
                    converse(&stream, stop, answer).unwrap_or_default();
                }));
            }
        });
    }
}

/// A connection's place, given back however it ends.
struct Counted<'c>(&'c AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn converse(stream: &TcpStream, stop: &AtomicBool, answer: &dyn Fn(&Get<'_>) -> Answer) -> io::Result<()> {
    let until = Instant::now() + PATIENCE;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(ROUND))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request = Vec::new();
    let answer = loop {
        if let Some(answer) = answered(&request, answer) {
            break answer;
        }
        if stop.load(Ordering::Relaxed) || Instant::now() >= until {
            return Ok(());
        }
        let mut piece = [0; 1024];
        match (&mut &*stream).read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => request.extend_from_slice(piece.get(..read).unwrap_or_default()),
            Err(cause) if is_a_pause(cause.kind()) => {}
            Err(cause) => return Err(cause),
        }
    };
    let head = format!(
        "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nAllow: GET\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
        answer.status.line(),
        answer.content_type,
        answer.body.len()
    );
    (&mut &*stream).write_all(head.as_bytes())?;
    (&mut &*stream).write_all(answer.body.as_bytes())
}

fn is_a_pause(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

/// What is answered to the request so far; `None` when it is not whole.
fn answered(request: &[u8], answer: &dyn Fn(&Get<'_>) -> Answer) -> Option<Answer> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(request) {
        Ok(httparse::Status::Partial) if request.len() < MAX_REQUEST => None,
        Ok(httparse::Status::Partial) | Err(_) => {
            Some(Answer::text(Status::BadRequest, "this is no request that is understood here\n"))
        }
        Ok(httparse::Status::Complete(_)) if parsed.method != Some("GET") => {
            Some(Answer::text(Status::MethodNotAllowed, "GET only\n"))
        }
        Ok(httparse::Status::Complete(_)) => {
            let path = parsed.path.unwrap_or_default().split('?').next().unwrap_or_default();
            Some(answer(&Get { path, headers: parsed.headers }))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn served<T>(test: impl FnOnce(SocketAddr) -> T) -> T {
        let server = Scraped::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = server.0.local_addr().unwrap();
        let stop = AtomicBool::new(false);
        let answer = |get: &Get<'_>| match get.path {
            "/here" => Answer::text(Status::Ok, "found\n"),
            "/wants" => Answer::text(Status::Ok, get.accept().collect::<Vec<_>>().join("|")),
            _ => Answer::text(Status::NotFound, "not here\n"),
        };
        thread::scope(|scope| {
            scope.spawn(|| server.serve(&stop, &answer));
            let tested = test(address);
            stop.store(true, Ordering::Relaxed);
            tested
        })
    }

    fn said(address: SocketAddr, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_get_is_answered_and_nothing_else_is() {
        served(|address| {
            let found = said(address, b"GET /here?x=1 HTTP/1.1\r\nHost: x\r\n\r\n");
            assert!(
                found.starts_with("HTTP/1.1 200 OK\r\n") && found.ends_with("\r\n\r\nfound\n"),
                "{found}"
            );
            let wants =
                said(address, b"GET /wants HTTP/1.1\r\nACCEPT: a/b;q=0.1, c/d\r\naccept: e\r\nX: f\r\n\r\n");
            assert!(wants.ends_with("\r\n\r\na/b;q=0.1, c/d|e"), "{wants}");
            for (request, status) in [
                (&b"GET /elsewhere HTTP/1.1\r\n\r\n"[..], "404"),
                (b"POST /here HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "405"),
                (b"\x16\x03\x01\x02\x00", "400"),
                (&[b'A'; MAX_REQUEST], "400"),
            ] {
                let text = said(address, request);
                assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
            }
        });
    }

    #[test]
    fn whoever_says_nothing_does_not_keep_others_out_for_long_nor_the_recorder_from_stopping() {
        let began = Instant::now();
        let idle = served(|address| {
            let idle: Vec<_> =
                (0..MAX_CONNECTIONS - 1).map(|_| TcpStream::connect(address).unwrap()).collect();
            assert!(said(address, b"GET /here HTTP/1.1\r\n\r\n").ends_with("found\n"));
            idle
        });
        assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
        drop(idle);
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_refused_or_waited_for(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let answer = |_: &Get<'_>| Answer::text(Status::Ok, "");
            if let Some(answer) = answered(&bytes, &answer) {
                prop_assert!(answer.status != Status::NotFound);
            }
        }
    }
}

//! A server beside an open vault, and clients that are not what they should be.

use std::{
    io::{Read, Write},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use earwitness_vault::{Access, CipherSuite, NewVault, Vault};

use super::{
    answer::guarded,
    connection::Connection,
    guest::Guest,
    listener::Listener,
    parcel::{MAX_SAID, pack, unpack},
    place,
    protocol::{Ask, PROTOCOL, Request, Said},
    server::{Asked, serve_beside},
};
use crate::{
    CommandLine,
    context::Context,
    exit::{Exit, Failure},
    seat::{Account, Screen, Seat},
};

struct Office {
    home: tempfile::TempDir,
    vault: Vault,
}

impl Office {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("vault");
        let (access, cipher, zone) = (Access::Open, CipherSuite::Aes256Gcm, chrono_tz::Asia::Seoul);
        let new = NewVault { access, cipher, zone, passphrase: None, officer_key: None, now: Context::now() };
        earwitness_vault::create(&dir, new).unwrap();
        Self { home, vault: Vault::open(&dir).unwrap() }
    }

    fn dir(&self) -> PathBuf {
        self.home.path().join("vault")
    }

    /// Runs `test` while the socket is served.
    fn served<T>(&self, test: impl FnOnce() -> T) -> T {
        let health = || Ok(r#"{"state":"recording"}"#.to_owned());
        let asked = Asked { health: &health, calls: &|_| Ok("x".repeat(100_000)), served: &|_, _| () };
        serve_beside(&context(&self.dir()), &self.vault, Some(asked), test)
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(place(&self.dir())).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// What the recorder says to these words, to the end.
    fn said(&self, words: &[&str]) -> Vec<Said> {
        let stream = self.connect();
        let words = words.iter().map(|word| std::ffi::OsStr::new(word).into()).collect();
        ask(&stream, Ask::Command { words, screen: Screen::Pipe });
        let mut said = Vec::new();
        while !matches!(said.last(), Some(Said::Ended { .. })) {
            said.push(unpack(&mut &stream, MAX_SAID).unwrap());
        }
        said
    }
}

fn context(vault: &Path) -> Context {
    use clap::Parser;
    let words = ["earwitness".as_ref(), "--vault".as_ref(), vault.as_os_str(), "man".as_ref()];
    Context::here(CommandLine::parse_from(words).options)
}

fn ask(mut stream: &UnixStream, ask: Ask) {
    // Who is refused, and told so, before he has asked cannot ask any more; what he was told is there to be read.
    drop(stream.write_all(&pack(&Request { protocol: PROTOCOL, ask }).unwrap()));
}

fn ended(exit: Exit, why: &str) -> Said {
    Said::from(Failure::new(exit, why))
}

/// A pair of which one end is the recorder's.
fn guest(stop: &Arc<AtomicBool>) -> (Guest, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let connection = Arc::new(Connection::new(ours, Arc::clone(stop), Instant::now()).unwrap());
    (Guest::new(connection, Account::of(0), Screen::Pipe), theirs)
}

#[test]
fn a_command_is_run_on_the_vault_that_is_open() {
    let office = Office::new();
    office.served(|| {
        let said = office.said(&["index", "check"]);
        let expected = b"0 calls listed, every row whole, every recording listed\n".to_vec();
        assert_eq!(said, [Said::Out(expected), Said::from(Exit::Done)]);
        let said = office.said(&["list"]);
        assert_eq!(said, [Said::Tell("0 calls".to_owned()), Said::from(Exit::Done)]);
    });
    assert!(!place(&office.dir()).exists(), "the socket goes with the recorder");
}

#[test]
fn what_needs_the_vault_alone_or_is_no_command_of_a_recorder_is_refused() {
    let office = Office::new();
    office.served(|| {
        let alone = ended(Exit::Failed, "this needs the vault alone: stop the recorder first");
        assert_eq!(office.said(&["index", "rebuild"]), [alone]);
        let other = || ended(Exit::Usage, "this command is not one that a recorder runs");
        for words in [["man"].as_slice(), &["init"], &["record", "-r", "/etc/passwd"], &["rules", "check"]] {
            assert_eq!(office.said(words), [other()]);
        }
        let [Said::Ended { code: 2, why: Some(why) }] = &office.said(&["sing"])[..] else { panic!() };
        assert!(why.contains("unrecognized subcommand"), "{why}");
    });
}

#[test]
fn health_is_what_the_recorder_says_and_nothing_where_files_are_read() {
    let office = Office::new();
    let asked = || {
        let stream = office.connect();
        ask(&stream, Ask::Health);
        unpack::<Said>(&mut &stream, MAX_SAID).unwrap()
    };
    assert_eq!(office.served(asked), Said::Health(r#"{"state":"recording"}"#.to_owned()));
    let files = serve_beside(&context(&office.dir()), &office.vault, None, asked);
    assert_eq!(files, ended(Exit::NotFound, "this recorder has no health to tell: it reads capture files"));
}

#[test]
fn another_version_is_told_that_it_is_one() {
    let office = Office::new();
    office.served(|| {
        let mut stream = office.connect();
        stream.write_all(&pack(&Request { protocol: PROTOCOL + 1, ask: Ask::Health }).unwrap()).unwrap();
        let said: Said = unpack(&mut stream, MAX_SAID).unwrap();
        let Said::Ended { code: 1, why: Some(why) } = said else { panic!("{said:?}") };
        assert!(why.contains("restart it with the same version"), "{why}");
    });
}

#[test]
fn garbage_half_requests_and_a_thousand_connections_keep_nobody_waiting() {
    let office = Office::new();
    office.served(|| {
        let half = pack(&Request { protocol: PROTOCOL, ask: Ask::Health }).unwrap();
        let garbage: [&[u8]; 5] =
            [b"GET / HTTP/1.1\r\n\r\n", &[0xff; 64], &[0; 64], &half[..half.len() - 1], &[]];
        // Those that say half a sentence and stay: fewer than there are places.
        let mut stayed = Vec::new();
        for said in garbage {
            let mut stream = office.connect();
            stream.write_all(said).unwrap();
            stayed.push(stream);
        }
        for number in 0..1000_usize {
            let mut stream = office.connect();
            // It may be refused, and closed, before it has said anything.
            drop(stream.write_all(garbage[number % garbage.len()]));
        }
        let began = Instant::now();
        let answered = loop {
            let said = office.said(&["list"]);
            if said.last() == Some(&Said::from(Exit::Done)) {
                break said;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{said:?}");
        };
        assert_eq!(answered.len(), 2);
        drop(stayed);
    });
}

#[test]
fn more_clients_than_there_are_places_are_told_so_and_find_one_later() {
    let office = Office::new();
    office.served(|| {
        let seated: Vec<UnixStream> = (0..16).map(|_| office.connect()).collect();
        let mut late = office.connect();
        let said: Said = unpack(&mut late, MAX_SAID).unwrap();
        assert_eq!(said, ended(Exit::Failed, "the recorder works for too many others: try again"));
        for stream in &seated {
            ask(stream, Ask::Health);
            assert!(matches!(unpack(&mut &*stream, MAX_SAID).unwrap(), Said::Health(_)));
        }
    });
}

#[test]
fn a_client_that_never_reads_ends_with_the_recorder_and_not_later() {
    let stop = Arc::new(AtomicBool::new(false));
    let (guest, silent) = guest(&stop);
    let writing = std::thread::spawn(move || {
        let line = [b'x'; 4096];
        loop {
            if let Err(cause) = guest.out(&line) {
                return cause.to_string();
            }
        }
    });
    // The thread stands when the socket is full: it is when nothing more arrives.
    let mut arrived = 0;
    while arrived != waiting(&silent) || arrived == 0 {
        arrived = waiting(&silent);
        std::thread::yield_now();
    }
    assert!(!writing.is_finished());
    stop.store(true, Ordering::Relaxed);
    assert_eq!(writing.join().unwrap(), "the recorder stops");
}

/// Bytes that nobody has read.
fn waiting(stream: &UnixStream) -> u64 {
    rustix::io::ioctl_fionread(stream).unwrap()
}

#[test]
fn a_client_that_is_gone_is_not_worked_for() {
    let stop = Arc::new(AtomicBool::new(false));
    let (guest, theirs) = guest(&stop);
    assert!(guest.is_wanted());
    drop(theirs);
    assert!(!guest.is_wanted());
    guest.out(b"nobody reads this").unwrap();
    assert_eq!(guest.flush().unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
    let failure = guest.standing(Path::new("x")).unwrap_err();
    assert!(failure.is_closed_pipe(), "{failure}");
}

#[test]
fn a_reply_that_is_none_ends_the_command_and_nothing_else() {
    let stop = Arc::new(AtomicBool::new(false));
    for reply in [&[0xff_u8; 8][..], &[2, 0, 0, 0, 99, 99], &[1, 0, 0, 0, 0]] {
        let (guest, mut theirs) = guest(&stop);
        theirs.write_all(reply).unwrap();
        let failure = guest.rule_texts().unwrap_err();
        assert_eq!(failure.exit, Exit::Failed, "{failure}");
    }
}

#[test]
fn a_panic_ends_the_command_and_is_told_as_a_defect() {
    let said = guarded(|| panic!("010-1234-5678"));
    let text = said.unwrap_err().to_string();
    assert!(text.starts_with("a defect of this program") && !text.contains("010"), "{text}");
}

#[test]
fn a_dead_recorders_socket_is_replaced_and_a_living_ones_is_not() {
    let office = Office::new();
    let first = Listener::bind(&office.vault).unwrap();
    let refused = Listener::bind(&office.vault).err().unwrap().to_string();
    assert!(refused.starts_with("another process listens on "), "{refused}");
    // A process that was killed leaves its socket, and nobody listens on it.
    let left = office.home.path().join("left");
    std::fs::hard_link(place(&office.dir()), &left).unwrap();
    drop(first);
    std::fs::rename(&left, place(&office.dir())).unwrap();
    let second = Listener::bind(&office.vault).unwrap();
    let there = place(&office.dir()).metadata().unwrap();
    assert_eq!(there.permissions().mode() & 0o777, 0o660);
    assert_eq!(there.gid(), office.dir().metadata().unwrap().gid());
    drop(second);
    assert!(!place(&office.dir()).exists());
}

#[test]
fn a_name_too_long_for_a_socket_is_said_and_the_work_is_done_all_the_same() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("x".repeat(100));
    let (access, cipher, zone) = (Access::Open, CipherSuite::Aes256Gcm, chrono_tz::Asia::Seoul);
    let new = NewVault { access, cipher, zone, passphrase: None, officer_key: None, now: Context::now() };
    earwitness_vault::create(&dir, new).unwrap();
    let vault = Vault::open(&dir).unwrap();
    let said = Listener::bind(&vault).err().unwrap().to_string();
    assert!(said.contains("too long a name for a socket"), "{said}");
    assert_eq!(serve_beside(&context(&dir), &vault, None, || 7), 7);
}

#[test]
fn the_recorder_stops_while_clients_sit_there() {
    let office = Office::new();
    let began = Instant::now();
    let idle = office.served(|| office.connect());
    let (mut rest, mut idle) = (Vec::new(), idle);
    // It is answered, closed or cut off; it does not hold the recorder up for as long as a request may take.
    drop(idle.read_to_end(&mut rest));
    assert!(began.elapsed() < Duration::from_secs(4));
}

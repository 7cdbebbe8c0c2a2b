//! Commands while a recorder has the vault: it runs them, and they say what they say without it.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use std::{
    fs::{self, Permissions},
    io::Write,
    os::unix::fs::{MetadataExt, PermissionsExt},
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

use earwitness_testkit::{Frame, demo, load::Load, pcap};
use earwitness_vault::{LedgerKind, Vault};
use support::{Bench, Said, files, wire::Wire};

/// nobody
const NOBODY: u32 = 65534;

/// A recorder that reads the demo office from a pipe which stays open.
struct Recorder {
    child: Child,
    wire: ChildStdin,
}

impl Recorder {
    fn start(bench: &Bench) -> Self {
        let mut command = bench.command(["record", "-r", "-"]);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut wire = child.stdin.take().unwrap();
        let mut frames = demo::office();
        // A frame of an hour later ends every call, and nothing more comes.
        let last: &Frame = frames.last().unwrap();
        frames.push(Frame { time: last.time.plus_nanos(3_600_000_000_000), ..last.clone() });
        wire.write_all(&pcap::write_all(Vec::new(), frames).unwrap()).unwrap();
        wire.flush().unwrap();
        let recorder = Self { child, wire };
        let began = Instant::now();
        while !bench.vault().join("control.sock").exists()
            || bench.run(["list", "--all"]).out.lines().count() < 9
        {
            assert!(began.elapsed() < Duration::from_secs(120), "the office is not recorded");
            std::thread::yield_now();
        }
        recorder
    }

    fn stop(mut self) {
        drop(self.wire);
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

/// An open vault with nothing in it.
fn empty() -> Bench {
    let bench = Bench::new();
    bench.done(["init", "--access", "open"]);
    bench
}

fn lines(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn id(bench: &Bench) -> String {
    let calls = bench.calls(&[]);
    calls.iter().find(|call| !call["recording"].is_null()).unwrap()["id"].as_str().unwrap().to_owned()
}

/// The program as another user; `None` where these tests are not run by root.
fn as_user(bench: &Bench, uid: u32, words: &[&str]) -> Option<Said> {
    if !is_root() {
        return None;
    }
    let whole = bench.command(words);
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={uid}"), format!("--regid={uid}"), "--clear-groups".to_owned()]);
    command.arg(whole.get_program()).args(whole.get_args()).current_dir("/");
    for (name, value) in whole.get_envs() {
        command.env(name, value.unwrap());
    }
    Some(Said::from(command.output().unwrap()))
}

fn is_root() -> bool {
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if !root {
        println!("left out: only root can be another user");
    }
    root
}

#[test]
fn commands_say_the_same_while_recording_and_after() {
    let bench = empty();
    let recorder = Recorder::start(&bench);
    let id = id(&bench);
    let wav = bench.path("during.wav");
    let commands: Vec<Vec<&str>> = vec![
        vec!["list"],
        vec!["list", "--all", "--json", "--sha256"],
        vec!["list", "--csv", "--number", "4001"],
        vec!["list", "--since", "tomorrow"],
        vec!["show", &id],
        vec!["show", "no-such-call"],
        vec!["verify", "--all", "--opened"],
        vec!["verify", &id],
        vec!["index", "check"],
        vec!["keys", "show"],
        vec!["keys", "unlock"],
        vec!["export", &id, "-o", "-"],
        vec!["export", &id, "-o", "-", "--format", "pcapng"],
        vec!["export", &id],
    ];
    let bytes = |words: &Vec<&str>| {
        let output = bench.command(words).output().unwrap();
        (words.join(" "), output.status.code(), output.stdout, String::from_utf8(output.stderr).unwrap())
    };
    let during: Vec<_> = commands.iter().map(bytes).collect();
    bench.done(["export", &id, "-o", wav.to_str().unwrap()]);
    recorder.stop();
    let after: Vec<_> = commands.iter().map(bytes).collect();
    for (during, after) in during.iter().zip(&after) {
        assert!(during == after, "{during:?}\n{after:?}");
        let is_binary = during.0.starts_with("export");
        assert!(is_binary || !during.2.contains(&0x1b), "{} is plain into a pipe", during.0);
    }
    let exported = commands.iter().position(|words| words == &["export", &id, "-o", "-"]).unwrap();
    assert!(fs::read(wav).unwrap() == during[exported].2, "a file has what a pipe has");
    assert!(!bench.vault().join("control.sock").exists());
}

#[test]
fn what_is_on_an_interface_is_listed_and_whole_while_more_of_it_is_recorded() {
    let Some(wire) = Wire::new() else { return };
    let load = Load { calls: 40, seconds: 1.0, start_spread_s: 8.0, ..Load::default() };
    let bench = empty();
    let recorder = wire.record(&bench, &[]);
    let began = Instant::now();
    while !bench.vault().join("control.sock").exists() {
        assert!(began.elapsed() < Duration::from_secs(20), "the recorder does not listen");
        std::thread::yield_now();
    }
    let checks = || {
        for words in [["verify", "--all"].as_slice(), &["index", "check"]] {
            let said = bench.run(words);
            assert_eq!(said.code, Some(0), "{words:?} {said:?}");
        }
        bench.done(["list", "--all", "--json"])
    };
    let listed = std::thread::scope(|scope| {
        scope.spawn(|| wire.send(load.frames()));
        let (began, mut counts) = (Instant::now(), Vec::new());
        loop {
            let listed = checks();
            counts.push(listed.lines().count());
            if counts.last() == Some(&40) {
                assert!(counts.iter().any(|count| (1..40).contains(count)), "{counts:?}");
                return listed;
            }
            assert!(began.elapsed() < Duration::from_secs(120), "{counts:?}");
        }
    });
    assert_eq!(recorder.stop().code, Some(0));
    assert_eq!(checks(), listed);
}

#[test]
fn what_needs_the_vault_alone_is_refused_while_recording() {
    let bench = empty();
    let recorder = Recorder::start(&bench);
    let pid = recorder.child.id();
    let rebuild = bench.run(["index", "rebuild"]);
    let expected = format!(
        "earwitness: this needs the vault alone, and process {pid} has it: stop the recorder first\n"
    );
    assert_eq!((rebuild.code, rebuild.err), (Some(1), expected));
    let office = bench.office();
    let second = bench.run(["record".as_ref(), "-r".as_ref(), office.as_os_str()]);
    assert_eq!(second.code, Some(1));
    assert!(second.err.contains(&format!("in use by process {pid}")), "{}", second.err);
    assert_eq!(bench.run(["init", "--access", "open"]).code, Some(1));
    recorder.stop();
}

#[test]
fn a_recorder_that_was_killed_leaves_a_vault_that_opens() {
    let bench = empty();
    let mut recorder = Recorder::start(&bench);
    recorder.child.kill().unwrap();
    recorder.child.wait().unwrap();
    assert!(bench.vault().join("control.sock").exists());
    assert_eq!(bench.done(["list", "--all"]).lines().count(), 9, "nobody answers on a dead socket");
    Recorder::start(&bench).stop();
}

#[test]
fn a_reader_who_has_seen_enough_ends_the_command_and_not_the_recorder() {
    let bench = empty();
    let recorder = Recorder::start(&bench);
    let mut child = bench.command(["list", "--all", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(bench.run(["list"]).code, Some(0));
    recorder.stop();
}

/// A vault whose directory lets the group of `nobody` reach the socket.
fn shared_with_nobody() -> Bench {
    let bench = empty();
    fs::set_permissions(bench.home.path(), Permissions::from_mode(0o711)).unwrap();
    std::os::unix::fs::chown(bench.vault(), None, Some(NOBODY)).unwrap();
    fs::set_permissions(bench.vault(), Permissions::from_mode(0o710)).unwrap();
    bench
}

#[test]
fn an_export_belongs_to_whoever_asked_for_it_and_the_ledger_names_the_account() {
    if !is_root() {
        return;
    }
    let bench = shared_with_nobody();
    let recorder = Recorder::start(&bench);
    let (id, out, key) = (id(&bench), bench.path("out"), bench.path("key"));
    fs::create_dir(&out).unwrap();
    std::os::unix::fs::chown(&out, Some(NOBODY), Some(NOBODY)).unwrap();
    let run = |words: &[&str]| as_user(&bench, NOBODY, words).unwrap();
    let listed = run(&["list", "--all"]);
    assert_eq!((listed.code, listed.out), (Some(0), bench.done(["list", "--all"])));
    // The key beside the vault is root's: what may be opened is decided by who can read it.
    let export = ["export", &id, "-o", out.to_str().unwrap()];
    let refused = run(&export);
    assert!(refused.code != Some(0) && refused.err.contains("vault.key"), "{refused:?}");
    fs::copy(bench.path("vault.key"), &key).unwrap();
    std::os::unix::fs::chown(&key, Some(NOBODY), None).unwrap();
    let done = run(&[&export[..], &["--officer-key", key.to_str().unwrap()]].concat());
    assert_eq!(done.code, Some(0), "{done:?}");
    let [file] = &files(&out)[..] else { panic!("{:?}", files(&out)) };
    let there = fs::metadata(file).unwrap();
    assert_eq!((there.uid(), there.mode() & 0o777), (NOBODY, 0o600));
    // Not even the recorder's rights make a file where the caller may not.
    let elsewhere = bench.path("elsewhere.wav");
    let words = ["export", &id, "-o", elsewhere.to_str().unwrap(), "--officer-key", key.to_str().unwrap()];
    let denied = run(&words);
    assert!(denied.code == Some(1) && !elsewhere.exists(), "{denied:?}");
    assert!(denied.err.contains("Permission denied"), "{denied:?}");
    bench.done(["export", &id, "-o", bench.path("own.wav").to_str().unwrap()]);
    recorder.stop();
    let vault = Vault::open(&bench.vault()).unwrap();
    let rows: Vec<_> = vault.ledger().rows().map(Result::unwrap).collect();
    let exports = rows.iter().filter(|row| row.kind == LedgerKind::Exported);
    let told: Vec<_> = exports.map(|row| String::from_utf8_lossy(&row.payload[16..]).into_owned()).collect();
    assert_eq!(told, ["wav by uid 65534 (nobody)", "wav by uid 0 (root)"]);
}

#[test]
fn whoever_the_socket_does_not_admit_is_refused() {
    if !is_root() {
        return;
    }
    let bench = shared_with_nobody();
    let recorder = Recorder::start(&bench);
    let refused = as_user(&bench, 12345, &["list"]).unwrap();
    assert_eq!(refused.code, Some(4), "{refused:?}");
    assert!(refused.err.contains("is not yours to read") && refused.out.is_empty(), "{refused:?}");
    recorder.stop();
    let refused = as_user(&bench, NOBODY, &["list"]).unwrap();
    assert_eq!(refused.code, Some(4), "{refused:?}");
    assert!(refused.err.contains("no recorder that could be asked is running"), "{refused:?}");
}

#[test]
fn whoever_may_read_changes_nothing_of_what_is_kept() {
    if !is_root() {
        return;
    }
    let bench = shared_with_nobody();
    let recorder = Recorder::start(&bench);
    let id = id(&bench);
    let out = bench.path("out");
    fs::create_dir(&out).unwrap();
    std::os::unix::fs::chown(&out, Some(NOBODY), Some(NOBODY)).unwrap();
    let run = |words: &[&str]| as_user(&bench, NOBODY, words).unwrap();
    let until = ["--until", "2031-01-01", "--reason", "분쟁"];
    // To propose changes nothing; to approve does.
    let proposed = run(&[&["dispose", "change", &id], &until[..]].concat());
    assert_eq!(proposed.code, Some(0), "{proposed:?}");
    let proposal = proposed.out.split_whitespace().next().unwrap();
    let own = bench.done([&["dispose", "change", &id], &until[..]].concat());
    let own = own.split_whitespace().next().unwrap();
    bench.done(["hold", "add", &id, "--reason", "소송"]);
    let hold = lines(&bench.done(["hold", "list", "--json"]))[0]["hold"].as_str().unwrap().to_owned();
    let [sheet, backup, keys] = ["sheet.txt", "backup", "keys"].map(|name| out.join(name));
    let [out, sheet, backup, keys] = [&out, &sheet, &backup, &keys].map(|path| path.to_str().unwrap());
    let officer = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    let commands: [&[&str]; 11] = [
        &["hold", "add", &id, "--reason", "x"],
        &["hold", "release", &hold, "--reason", "x"],
        &["dispose", "run"],
        &["dispose", "approve", proposal],
        &["dispose", "approve", own],
        &["keys", "rotate", "--recipient", officer],
        &["keys", "split", "--shares", "3", "--threshold", "2", "-o", out],
        &["keys", "sheet", "-o", sheet],
        &["keys", "backup", keys, "--label", "x"],
        &["backup", backup],
        &["ledger", "anchor", "--print"],
    ];
    let rows = || {
        let all = lines(&bench.done(["ledger", "show", "--json"]));
        // A recorder says once a minute that it lives.
        all.into_iter().filter(|row| row["kind"] != "alive").collect::<Vec<_>>()
    };
    let before = rows();
    assert!(!before.is_empty() && before.iter().all(|row| row["kind"].is_string()), "{before:?}");
    for words in commands {
        let refused = run(words);
        assert_eq!(refused.code, Some(4), "{words:?} {refused:?}");
        let why = format!("uid {NOBODY} may read, and not change what is kept");
        assert!(refused.err.contains(&why) && refused.out.is_empty(), "{words:?} {refused:?}");
    }
    assert_eq!(rows(), before, "nothing happened");
    assert_eq!(files(std::path::Path::new(out)), Vec::<std::path::PathBuf>::new());
    recorder.stop();
}

#[test]
fn a_passphrase_stays_with_the_client() {
    let bench = Bench::new();
    let word = bench.path("word");
    fs::write(&word, "소나기 네 마리\n").unwrap();
    let with = ["--passphrase-file", word.to_str().unwrap()];
    bench.done([&["init"], &with[..]].concat());
    let recorder = Recorder::start(&bench);
    let id = id(&bench);
    let output = bench.command([&["export", &id, "-o", "-"], &with[..]].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.starts_with(b"RIFF"));
    fs::write(&word, "another word\n").unwrap();
    let wrong = bench.run([&["export", &id, "-o", "-"], &with[..]].concat());
    assert!(wrong.code == Some(4) && wrong.out.is_empty(), "{wrong:?}");
    // Without a terminal nobody can be asked, and nothing waits for an answer.
    let mut asked = bench.command(["export", &id, "-o", "-"]);
    let asked = asked.stdin(Stdio::null()).output().unwrap();
    assert_ne!(asked.status.code(), Some(0));
    recorder.stop();
}

#[test]
fn a_copy_is_made_by_the_recorder_and_locked_with_the_passphrase_of_whoever_asked() {
    let bench = empty();
    let recorder = Recorder::start(&bench);
    let id = id(&bench);
    fs::write(bench.path("word"), "a passphrase of the client's\n").unwrap();
    let given = ["--to", "kim", "--purpose", "a test"];
    let export =
        |more: &[&str]| bench.run(["export", &id, "--format", "bundle"].iter().chain(&given).chain(more));
    let said = export(&["--copy-passphrase-file", "word", "-o", "copy.zip"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let said = export(&["--no-passphrase", "-o", "folder/"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let said = export(&["-o", "asked.zip"]);
    assert!(said.code == Some(4) && said.err.contains("--copy-passphrase-file"), "{said:?}");
    recorder.stop();
    for bundle in [&["copy.zip", "--passphrase-file", "word"][..], &["folder"]] {
        let key = bench.vault().join("keys/recorder.pub");
        let words = [&["verify"], bundle, &["--key", key.to_str().unwrap()]].concat();
        assert!(bench.done(words).contains("recipient: kim"));
    }
}

#[test]
fn a_backup_taken_while_recording_is_whole() {
    let bench = empty();
    let recorder = Recorder::start(&bench);
    bench.done(["backup", "copy"]);
    bench.done(["backup", "--check", "copy"]);
    let list = ["list", "--all", "--json"];
    let listed = bench.done(list);
    recorder.stop();
    let vault = bench.vault();
    let restore = ["restore", "copy", "--keys", vault.to_str().unwrap(), "--vault", "again"];
    bench.done(restore);
    assert_eq!(bench.done(list.iter().chain(&["--vault", "again"])), listed);
    bench.done(["index", "check", "--vault", "again"]);
    let rows = Vault::open(&bench.path("again")).unwrap();
    assert_eq!(rows.ledger().rows().last().unwrap().unwrap().kind, LedgerKind::Restored);
}

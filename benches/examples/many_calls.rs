//! Listing at scale: makes a vault of many calls and has the program list it, filter by filter, each answer counted.
//!
//! ```text
//! cargo build --release && cargo run --release -p earwitness-benches --example many_calls -- \
//!     DIR [--calls N] [--recorded] [--binary target/release/earwitness]
//! ```
//!
//! `DIR` must not exist; it is left behind. Without `--recorded` calls are listed as the ledger knows those without a
//! recording; with it each has one, without audio, which makes volumes, keys and manifests as many calls do.

#![expect(clippy::print_stdout, reason = "figures are for whoever runs it")]

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use chrono_tz::Asia::Seoul;
use earwitness_benches::{
    calls::{call, opening},
    cpu_time::process_time,
    office::NOW,
};
use earwitness_load::MORNING;
use earwitness_model::{CallSummary, Decision, Mode, Outcome, WallTime};
use earwitness_vault::{Access, CipherSuite, NewVault, Vault, create};

/// Calls of one commit.
const COMMIT: u32 = 1_000;
const HOUR: i64 = 3_600_000_000_000;
/// Times that each command is run.
const RUNS: usize = 5;

/// Whether a call is asked for.
type Meant = Box<dyn Fn(&CallSummary) -> bool>;

/// What is asked for on the command line, and which calls that is.
struct Asked {
    words: Vec<String>,
    is_meant: Meant,
    expected: u64,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| words.iter().position(|word| word == name).and_then(|at| words.get(at + 1));
    let dir = PathBuf::from(words.first().expect("a directory"));
    let calls = after("--calls").map_or(1_000_000, |calls| calls.parse().expect("a number of calls"));
    let mut asked = asked(calls);
    if dir.exists() {
        for n in 0..calls {
            count(&mut asked, &call(n, calls));
        }
    } else {
        make(&dir, calls, words.iter().any(|word| word == "--recorded"), &mut asked);
    }
    opened(&dir, calls);
    if let Some(binary) = after("--binary") {
        first_row(Path::new(binary), &dir);
        for one in &asked {
            listed(Path::new(binary), &dir, one);
        }
    }
}

fn count(asked: &mut [Asked], summary: &CallSummary) {
    for one in asked {
        one.expected += u64::from((one.is_meant)(summary));
    }
}

fn make(dir: &Path, calls: u32, is_recorded: bool, asked: &mut [Asked]) {
    std::fs::create_dir_all(dir).expect("a directory");
    let vault_dir = dir.join("vault");
    let (access, cipher) = (Access::Open, CipherSuite::Aes256Gcm);
    let new = NewVault { access, cipher, zone: Seoul, passphrase: None, officer_key: None, now: NOW };
    create(&vault_dir, new).expect("a fresh directory takes a vault");
    let vault = Vault::open(&vault_dir).expect("a vault that was just made opens");
    let (sealer, mut writer) = vault.writer().expect("nobody else writes");
    let (mut cpu, mut wall) = (Duration::ZERO, Duration::ZERO);
    for from in (0..calls).step_by(COMMIT as usize) {
        let summaries: Vec<_> = (from..calls.min(from + COMMIT)).map(|n| call(n, calls)).collect();
        summaries.iter().for_each(|summary| count(asked, summary));
        let (began, cpu_before) = (Instant::now(), process_time());
        let mut now = NOW;
        for summary in &summaries {
            now = WallTime::from_nanos(summary.end.as_ref().map_or(NOW.nanos(), |end| end.at.nanos()));
            if !is_recorded {
                writer.exclude(summary);
            } else if let Ok((recording, opened)) = sealer.begin(&opening(summary), now) {
                writer.append(opened).expect("there is room");
                writer.append(recording.finish(summary.clone())).expect("there is room");
            } else {
                writer.exclude(summary);
            }
        }
        writer.commit(now).expect("there is room");
        cpu += process_time() - cpu_before;
        wall += began.elapsed();
    }
    writer.close(NOW).expect("there is room");
    assert_eq!(vault.index().len(), u64::from(calls));
    println!(
        "{calls} calls made: {:.1} µs of CPU and {:.1} µs for each; index {} MB, ledger {} MB, volumes {} MB",
        cpu.as_secs_f64() * 1e6 / f64::from(calls),
        wall.as_secs_f64() * 1e6 / f64::from(calls),
        megabytes(&vault_dir.join("index")),
        megabytes(&vault_dir.join("ledger")),
        megabytes(&vault_dir.join("volumes")),
    );
}

fn megabytes(dir: &Path) -> u64 {
    let bytes: u64 = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|file| match file.metadata() {
            Ok(found) if found.is_dir() => megabytes(&file.path()) << 20,
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum();
    bytes >> 20
}

/// How long opening takes, to write and to read.
fn opened(dir: &Path, calls: u32) {
    let vault_dir = dir.join("vault");
    for _ in 0..2 {
        let began = Instant::now();
        drop(Vault::open(&vault_dir).expect("a whole vault"));
        println!("opened to write, and closed: {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
    }
    let began = Instant::now();
    let vault = Vault::open_to_read(&vault_dir).expect("a whole vault");
    println!("opened to read: {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
    let began = Instant::now();
    let all = vault.index().newest_last(None, None).filter(Result::is_ok).count();
    assert_eq!(all as u64, u64::from(calls));
    println!("every entry listed: {:.2} µs for each", began.elapsed().as_secs_f64() * 1e6 / f64::from(calls));
}

/// `list | head -1`: how long until the first row is there, and until both have ended.
fn first_row(binary: &Path, dir: &Path) {
    let mut first = Vec::new();
    let mut both = Vec::new();
    for _ in 0..RUNS {
        let began = Instant::now();
        let mut child = command(binary, dir, &[]).stdout(Stdio::piped()).spawn().expect("the program");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut row = String::new();
        out.read_line(&mut row).expect("a row");
        first.push(began.elapsed());
        drop(out);
        child.wait().expect("an end");
        both.push(began.elapsed());
        assert_eq!(row.split('\t').count(), 14, "{row}");
    }
    println!("first row of list: {}, and ended: {}", median(&mut first), median(&mut both));
}

fn listed(binary: &Path, dir: &Path, asked: &Asked) {
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let began = Instant::now();
        let mut child =
            command(binary, dir, &asked.words).stdout(Stdio::piped()).spawn().expect("the program");
        let mut rows = String::new();
        child.stdout.take().expect("a pipe").read_to_string(&mut rows).expect("rows");
        assert!(child.wait().expect("an end").success(), "{:?}", asked.words);
        times.push(began.elapsed());
        assert_eq!(rows.lines().count() as u64, asked.expected, "{:?}", asked.words);
    }
    println!("{}: {} ({} calls)", asked.words.join(" "), median(&mut times), asked.expected);
}

fn command(binary: &Path, dir: &Path, words: &[String]) -> Command {
    let mut command = Command::new(binary);
    command.args(["list", "--all", "--quiet", "--vault"]).arg(dir.join("vault")).args(words);
    command
}

fn median(times: &mut [Duration]) -> String {
    times.sort_unstable();
    format!("{:.1} ms", times[times.len() / 2].as_secs_f64() * 1e3)
}

fn asked(calls: u32) -> Vec<Asked> {
    let one = call(calls / 2, calls);
    let user = one.facts.from.user.clone().map(|user| user.into_exposed()).unwrap_or_default();
    let sip_call_id = one.sip_call_ids[0].expose().clone();
    let (number, id) = (user.clone(), sip_call_id.clone());
    // 2026-11-10T03:00:00Z.
    let start = MORNING.plus_nanos(-11 * 24 * HOUR + 3 * HOUR);
    let end = start.plus_nanos(HOUR);
    let list: Vec<(String, Meant)> = vec![
        (
            "--since 2026-11-10T03:00:00Z --until 2026-11-10T04:00:00Z".to_owned(),
            Box::new(move |call| (start..end).contains(&call.facts.start)),
        ),
        (
            format!("--number {user}"),
            Box::new(move |call| call.numbers().any(|party| *party.expose() == number)),
        ),
        (
            "--ext 4007".to_owned(),
            Box::new(|call| call.verdict.extension.as_ref().is_some_and(|own| own.expose() == "4007")),
        ),
        ("--dept archive".to_owned(), Box::new(|call| call.verdict.department.as_deref() == Some("archive"))),
        ("--outcome declined".to_owned(), Box::new(|call| call.outcome == Outcome::Declined)),
        ("--mode selective".to_owned(), Box::new(|call| call.verdict.mode == Some(Mode::Selective))),
        ("--min-duration 1h".to_owned(), Box::new(|call| call.talk_nanos() >= 3_600_000_000_000)),
        ("--lost-above 5".to_owned(), Box::new(|call| call.worst_loss().is_some_and(|lost| lost > 5.0))),
        (
            "--notice none".to_owned(),
            Box::new(|call| match &call.verdict.decision {
                Decision::Admit(keep) => keep.notice == "none",
                Decision::Refuse(_) => false,
            }),
        ),
        (
            format!("--call-id {sip_call_id}"),
            Box::new(move |call| call.sip_call_ids.iter().any(|own| *own.expose() == id)),
        ),
        (
            "--outcome failed --ext 4100 --min-duration 0".to_owned(),
            Box::new(|call| {
                call.outcome == Outcome::Failed
                    && call.verdict.extension.as_ref().is_some_and(|own| own.expose() == "4100")
            }),
        ),
    ];
    let asked = |(line, is_meant): (String, Meant)| Asked {
        words: line.split(' ').map(ToOwned::to_owned).collect(),
        is_meant,
        expected: 0,
    };
    list.into_iter().map(asked).collect()
}

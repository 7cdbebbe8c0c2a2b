//! `cargo xtask fuzz`: every target for a while, from seeds that look like the real thing, and a table of what came out.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{process, workspace};

/// What `cargo xtask fuzz --help` prints.
pub(crate) const HELP: &str = "\
cargo xtask fuzz [--seconds N] [TARGET…]

Builds and runs the fuzz targets (all of crates/fuzz/fuzz_targets, or those named), from the project's fixtures and,
where EARWITNESS_CORPUS names a folder of real captures, from those; prints what each found, and ends with an error if
one did. What they learned and found is in target/fuzz, and used again the next time.

  --seconds N   how long each target runs; 30 unless told";

/// Inputs longer than this teach the parsers nothing new, in bytes: a large SIP datagram, several frames.
const MAX_LEN: u32 = 16 * 1024;

/// What is fuzzed and for how long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Campaign {
    /// Seconds for each target.
    seconds: u32,
    /// The targets; all when empty.
    targets: Vec<String>,
}

impl Campaign {
    /// Reads the arguments of `cargo xtask fuzz`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut campaign = Self { seconds: 30, targets: Vec::new() };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--seconds" => {
                    let seconds = words.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
                    campaign.seconds = seconds.context("--seconds needs a whole number above 0")?;
                }
                flag if flag.starts_with('-') => bail!("fuzz knows --seconds N, not {flag:?}"),
                target => campaign.targets.push(target.to_owned()),
            }
        }
        Ok(campaign)
    }
}

/// Builds and runs the targets; an error when one of them found something.
pub(crate) fn run(campaign: &Campaign) -> Result<()> {
    let known = targets()?;
    if let Some(stranger) = campaign.targets.iter().find(|target| !known.contains(target)) {
        bail!("no fuzz target {stranger:?}; there are {}", known.join(", "));
    }
    let chosen = if campaign.targets.is_empty() { &known } else { &campaign.targets };
    if !process::on_path("cargo-fuzz") {
        let mut install = workspace::cargo();
        install.args(["install", "cargo-fuzz"]);
        println!("fuzz: cargo-fuzz is missing\n$ {}", process::shown(&install));
        process::succeed(&mut install)?;
    }
    let folder = workspace::target_dir()?.join("fuzz");
    let mut rows = Vec::new();
    for target in chosen {
        let program = build(target, &folder)?;
        rows.push(Row { target: target.clone(), run: attack(target, &program, campaign.seconds, &folder)? });
    }
    print!("\n{}", table(&rows));
    let found: usize = rows.iter().map(|row| row.run.findings.len()).sum();
    for finding in rows.iter().flat_map(|row| &row.run.findings) {
        println!("finding: {finding}");
    }
    if found > 0 {
        bail!("fuzz: {found} finding(s)");
    }
    Ok(())
}

/// The binaries of crates/fuzz, in the order of its manifest.
fn targets() -> Result<Vec<String>> {
    let metadata = workspace::metadata(&workspace::root().join("crates/fuzz/Cargo.toml"))?;
    let targets = metadata["packages"][0]["targets"].as_array().context("crates/fuzz has no targets")?;
    Ok(targets
        .iter()
        .filter(|t| t["kind"][0] == "bin")
        .filter_map(|t| t["name"].as_str())
        .map(str::to_owned)
        .collect())
}

/// Builds one target for the fuzzer and says where it is. `--sanitizer none`: the parsers forbid `unsafe`, and without
/// a sanitizer a stable compiler will do. The price: libFuzzer does not see what `memcmp` compares, so that long magic
/// words must come from seeds.
fn build(target: &str, folder: &Path) -> Result<PathBuf> {
    let build = folder.join("build");
    let mut command = workspace::cargo();
    command.args(["fuzz", "build", "--fuzz-dir", "crates/fuzz", "--sanitizer", "none", "--target-dir"]);
    command.arg(&build).arg(target);
    println!("$ {}", process::shown(&command));
    process::succeed(&mut command)?;
    let triples = fs::read_dir(&build).with_context(|| format!("cannot list {}", build.display()))?;
    triples
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("release").join(target))
        .find(|program| program.is_file())
        .with_context(|| format!("cargo fuzz built no {target} below {}", build.display()))
}

/// Runs one target and reads what it reports. Its corpus grows below `folder` and is used again the next time.
fn attack(target: &str, program: &Path, seconds: u32, folder: &Path) -> Result<Run> {
    let corpus = folder.join("corpus").join(target);
    let findings = folder.join("findings").join(target);
    let log = folder.join(format!("{target}.log"));
    for path in [&corpus, &findings] {
        fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
    }
    let known = names(&findings)?;
    let mut command = Command::new(program);
    command
        .args([format!("-max_total_time={seconds}"), format!("-max_len={MAX_LEN}")])
        .args(["-print_final_stats=1", "-timeout=10", "-rss_limit_mb=2048"])
        .arg(format!("-artifact_prefix={}/", findings.display()))
        .arg(&corpus)
        .args(seeds(target));
    println!("$ {}", process::shown(&command));
    let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let status =
        command.stderr(file).status().with_context(|| format!("cannot start {}", program.display()))?;
    let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    let mut run = Run::read(&text);
    // A slow unit is a remark of libFuzzer's, on a busy machine often of the machine; a hang is a `timeout-` of its own.
    let is_news = |name: &String| !known.contains(name) && !name.contains("/slow-unit-");
    run.findings = names(&findings)?.into_iter().filter(is_news).collect();
    if !status.success() && run.findings.is_empty() {
        run.findings.push(format!("{target} ended with {status}; see {}", log.display()));
    }
    Ok(run)
}

/// The files of a folder, sorted.
fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut names: Vec<_> =
        entries.filter_map(Result::ok).map(|entry| entry.path().display().to_string()).collect();
    names.sort();
    Ok(names)
}

/// The folders of the fixtures and of the corpus that look like this target's input, as far as they exist.
fn seeds(target: &str) -> Vec<PathBuf> {
    let (ours, real): (&[&str], &[&str]) = match target {
        "sip" | "sdp" => (&["fixtures/messages"], &["rfc4475", "rfc5118"]),
        "rules_toml" => (&["fixtures/rules", "capture-rules"], &[]),
        "volume_records" => (&["fixtures/vault"], &[]),
        "bundle" => (&["fixtures/bundle"], &[]),
        _ => (&["fixtures"], &["."]),
    };
    let root = workspace::root();
    let ours = ours.iter().map(|folder| root.join(folder));
    let real =
        workspace::corpus().into_iter().flat_map(|corpus| real.iter().map(move |folder| corpus.join(folder)));
    ours.chain(real).filter(|folder| folder.is_dir()).collect()
}

/// What libFuzzer said of one run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Run {
    /// Inputs tried.
    execs: u64,
    /// Inputs tried in a second.
    per_second: u64,
    /// Edges reached by the seeds.
    seeded: u64,
    /// Edges reached in the end.
    covered: u64,
    /// Files of new findings.
    findings: Vec<String>,
}

impl Run {
    /// Reads libFuzzer's log; what is not in it stays 0.
    fn read(log: &str) -> Self {
        let stat = |name: &str| {
            let line = log.lines().rev().find_map(|line| line.strip_prefix("stat::")?.strip_prefix(name));
            line.and_then(|rest| rest.trim_start_matches(':').trim().parse().ok()).unwrap_or(0)
        };
        let edges =
            |line: &str| -> Option<u64> { line.split("cov: ").nth(1)?.split(' ').next()?.parse().ok() };
        let seeded = log.lines().find(|line| line.contains("INITED")).and_then(edges).unwrap_or(0);
        Self {
            execs: stat("number_of_executed_units"),
            per_second: stat("average_exec_per_sec"),
            seeded,
            covered: log.lines().filter_map(edges).next_back().unwrap_or(0),
            findings: Vec::new(),
        }
    }
}

/// One line of the table.
struct Row {
    /// The target.
    target: String,
    /// What it did.
    run: Run,
}

/// The table, a line per target.
fn table(rows: &[Row]) -> String {
    let line = |cells: [String; 6]| {
        let [target, execs, per_second, covered, new, findings] = cells;
        format!("{target:<18}{execs:>12}{per_second:>10}{covered:>10}{new:>8}{findings:>10}\n")
    };
    let mut text = line(["target", "execs", "exec/s", "edges", "new", "findings"].map(str::to_owned));
    for Row { target, run } in rows {
        text += &line([
            target.clone(),
            run.execs.to_string(),
            run.per_second.to_string(),
            run.covered.to_string(),
            run.covered.saturating_sub(run.seeded).to_string(),
            run.findings.len().to_string(),
        ]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
INFO: Running with entropic power schedule (0xFF, 100).
#2\tINITED cov: 41 ft: 42 corp: 1/1b exec/s: 0 rss: 30Mb
#512\tNEW    cov: 57 ft: 60 corp: 3/9b lim: 8 exec/s: 0 rss: 30Mb L: 4/4 MS: 1 EraseBytes-
#4194304\tDONE   cov: 58 ft: 63 corp: 4/12b lim: 4096 exec/s: 838860 rss: 31Mb
Done 4194304 runs in 5 second(s)
stat::number_of_executed_units: 4194304
stat::average_exec_per_sec:     838860
stat::new_units_added:          4
";

    #[test]
    fn the_fuzzers_own_report_is_read() {
        let run =
            Run { execs: 4_194_304, per_second: 838_860, seeded: 41, covered: 58, findings: Vec::new() };
        assert_eq!(Run::read(LOG), run);
        assert_eq!(Run::read("killed before it said anything"), Run::default());
    }

    #[test]
    fn the_table_has_a_line_per_target_and_counts_new_edges() {
        let mut run = Run::read(LOG);
        run.findings.push("findings/sip/crash-1".to_owned());
        let text = table(&[Row { target: "sip".to_owned(), run }]);
        let cells: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(cells[0], ["target", "execs", "exec/s", "edges", "new", "findings"]);
        assert_eq!(cells[1], ["sip", "4194304", "838860", "58", "17", "1"]);
    }

    #[test]
    fn targets_are_those_of_the_manifest() {
        let manifest =
            fs::read_to_string(workspace::root().join("crates/fuzz/Cargo.toml")).expect("it exists");
        let targets = targets().expect("cargo metadata works");
        assert!(targets.contains(&"sip".to_owned()), "{targets:?}");
        assert_eq!(targets.len(), manifest.matches("[[bin]]").count());
    }

    #[test]
    fn a_stranger_is_refused_with_the_names_that_exist() {
        let campaign = Campaign { seconds: 1, targets: vec!["spi".to_owned()] };
        let error = run(&campaign).expect_err("there is no such target").to_string();
        assert!(error.starts_with("no fuzz target \"spi\"; there are "), "{error}");
    }
}

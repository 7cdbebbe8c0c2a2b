//! Every command that README.md shows is run, and prints what README.md says it prints.
//!
//! A block of the language `console` is a transcript: a line with `$ ` is a command, the lines below it are what it
//! prints. Blocks run in order, in one empty folder that has `capture-rules`, `fixtures/doctor` and the demo office's
//! capture as `office.pcap`. Only `$ earwitness …` and `$ cargo xtask …` are run; `$ cargo xtask demo` is the demo itself with the
//! debug build, the other tasks are only asked to exist. `…` in a line stands for any text, `…` alone for any lines;
//! blanks count as one. A block whose fence says ```` ```console no-run ```` needs what a test has not (a mirror port),
//! and is only read. A command must end with 0 unless its line says otherwise by itself (`…; echo $?`).

use std::{
    collections::VecDeque,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout exists")
}

/// A command of README.md and what it is said to print.
#[derive(Debug, PartialEq, Eq)]
struct Example {
    /// Its line in README.md, from 1.
    line: usize,
    command: String,
    prints: Vec<String>,
}

/// The examples of the `console` blocks that are to be run, in order.
fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut fence: Option<&str> = None;
    let mut is_new_block = true;
    for (number, line) in page.lines().enumerate() {
        if let Some(info) = line.strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(info.trim()) };
            is_new_block = true;
        } else if fence == Some("console") {
            if let Some(command) = line.strip_prefix("$ ") {
                examples.push(Example { line: number + 1, command: command.to_owned(), prints: Vec::new() });
                is_new_block = false;
            } else if let Some(example) = examples.last_mut().filter(|_| !is_new_block) {
                example.prints.push(line.to_owned());
            }
        }
    }
    for example in &mut examples {
        while example.prints.last().is_some_and(|line| line.trim().is_empty()) {
            example.prints.pop();
        }
    }
    examples
}

/// What is done with an example's command.
#[derive(Debug, PartialEq, Eq)]
enum Action {
    /// A shell runs it.
    Shell,
    /// The demo, with the debug build and in the folder of the test.
    Demo,
    /// `cargo xtask help` must name it.
    Task(String),
    /// It is not ours.
    Leave,
}

fn action(command: &str) -> Action {
    match command.split_whitespace().collect::<Vec<_>>()[..] {
        ["earwitness", ..] => Action::Shell,
        ["cargo", "xtask", "demo"] => Action::Demo,
        ["cargo", "xtask", task, ..] => Action::Task(task.to_owned()),
        _ => Action::Leave,
    }
}

/// One blank for many, none at the end.
fn folded(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether `printed` is what `expected` says, a line at a time.
fn agrees(expected: &[String], printed: &[String]) -> bool {
    let Some((first, rest)) = expected.split_first() else { return printed.is_empty() };
    if first.trim() == "…" {
        return (0..=printed.len()).any(|skipped| agrees(rest, &printed[skipped..]));
    }
    printed.split_first().is_some_and(|(line, others)| line_agrees(first, line) && agrees(rest, others))
}

/// Whether one line does, with `…` for any text.
fn line_agrees(expected: &str, printed: &str) -> bool {
    let (expected, printed) = (folded(expected), folded(printed));
    let mut pieces: VecDeque<&str> = expected.split('…').map(str::trim).collect();
    if pieces.len() == 1 {
        return expected == printed;
    }
    let head = pieces.pop_front().unwrap_or_default();
    let tail = pieces.pop_back().unwrap_or_default();
    let Some(mut rest) = printed.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail)) else {
        return false;
    };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    true
}

/// The folder in which the examples run, and the programs that they may call.
struct Stage {
    folder: tempfile::TempDir,
    programs: PathBuf,
}

impl Stage {
    /// Builds the recorder, makes the demo office's capture, and copies the rules.
    fn set() -> Self {
        let cargo = || {
            let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            command.current_dir(root());
            command
        };
        let folder = tempfile::tempdir().expect("a folder can be made");
        run(cargo().args(["build", "--quiet", "--package", "earwitness-cli", "--bin", "earwitness"]));
        run(cargo()
            .args([
                "run",
                "--quiet",
                "--package",
                "earwitness-testkit",
                "--example",
                "generate",
                "--",
                "--demo",
            ])
            .arg(folder.path().join("office.pcap")));
        copy(&root().join("capture-rules"), &folder.path().join("capture-rules"));
        copy(&root().join("fixtures/doctor"), &folder.path().join("fixtures/doctor"));
        let programs =
            Path::new(env!("CARGO_BIN_EXE_earwitness-xtask")).parent().expect("a file is in a folder");
        Self { folder, programs: programs.to_path_buf() }
    }

    /// Runs a shell's line; what it printed on either stream, and whether it ended with 0.
    fn play(&self, line: &str) -> (Vec<String>, bool) {
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(std::iter::once(self.programs.clone()).chain(env::split_paths(&path)));
        let output = Command::new("sh")
            .args(["-c", &format!("{{ {line}\n}} 2>&1")])
            .current_dir(self.folder.path())
            .env("PATH", path.expect("a path without colons"))
            .env("NO_COLOR", "1")
            .env("TZ", "Asia/Seoul")
            .env_remove("EARWITNESS_VAULT")
            .env_remove("EARWITNESS_RULES")
            .output()
            .expect("there is a shell");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (text.trim_end().lines().map(str::to_owned).collect(), output.status.success())
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("a folder can be listed") {
        let path = entry.expect("an entry can be read").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy(&path, &target)
        } else {
            fs::copy(&path, &target).map(drop).expect("a file is copied")
        }
    }
}

/// What is wrong with what a command printed, if anything is. A command that is shown without output may print any.
fn complaint(example: &Example, printed: &[String], is_done: bool) -> Option<String> {
    let Example { line, command, prints } = example;
    if is_done && (prints.is_empty() || agrees(prints, printed)) {
        return None;
    }
    let shown = |lines: &[String]| lines.iter().map(|text| format!("    {text}\n")).collect::<String>();
    let how = if is_done { "printed" } else { "failed, and printed" };
    let (said, seen) = (shown(prints), shown(printed));
    Some(format!("README.md:{line}: $ {command}\n  is said to print\n{said}  and {how}\n{seen}"))
}

#[test]
fn every_command_of_the_readme_does_what_the_readme_shows() {
    let Ok(page) = fs::read_to_string(root().join("README.md")) else {
        println!("left out: there is no README.md yet");
        return;
    };
    let examples = examples(&page);
    assert!(
        examples.iter().any(|example| action(&example.command) == Action::Shell),
        "README.md shows no command"
    );
    let stage = Stage::set();
    let xtask = env!("CARGO_BIN_EXE_earwitness-xtask");
    let help = stage.play(&format!("'{xtask}' help")).0.join("\n");
    let mut wrong = Vec::new();
    for example @ Example { line, command, .. } in &examples {
        let (printed, is_done) = match action(command) {
            Action::Shell => stage.play(command),
            Action::Demo => stage.play(&format!("'{xtask}' demo --debug --home .")),
            Action::Task(task) => {
                if !help.contains(&format!("\n  {task} ")) {
                    wrong.push(format!("README.md:{line}: $ {command}\n  there is no task {task}"));
                }
                continue;
            }
            Action::Leave => continue,
        };
        wrong.extend(complaint(example, &printed, is_done));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn commands_and_what_they_print_are_read_from_console_blocks_only() {
    let page = "# x\n```sh\n$ earwitness no\n```\n```console\nstray\n$ earwitness a\none\n\n$ ls\n\n```\ntext\n\
                ```console no-run\n$ earwitness record -i eth0\n```\n```console\n$ cargo xtask demo\n```\n";
    let example = |line, command: &str, prints: &[&str]| Example {
        line,
        command: command.to_owned(),
        prints: prints.iter().map(|&text| text.to_owned()).collect(),
    };
    let expected =
        [example(7, "earwitness a", &["one"]), example(10, "ls", &[]), example(18, "cargo xtask demo", &[])];
    assert_eq!(examples(page), expected);
}

#[test]
fn our_commands_are_run_and_others_left() {
    for (command, expected) in [
        ("earwitness list --all | head -1", Action::Shell),
        ("cargo xtask demo", Action::Demo),
        ("cargo xtask test --quick", Action::Task("test".to_owned())),
        ("git clone here", Action::Leave),
        ("cargo install x", Action::Leave),
    ] {
        assert_eq!(action(command), expected, "{command}");
    }
}

#[test]
fn an_ellipsis_stands_for_any_text_or_any_lines() {
    let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    for (expected, printed, verdict) in [
        ("a  b", "a b ", true),
        ("a b", "a c", false),
        ("id … ok", "id 01K7 ok", true),
        ("id … ok", "id 01K7 failed", false),
        ("a … b … c", "a 1 c 2 b 3 c", true),
        ("a … b … c", "a 1 c", false),
        ("…", "", true),
        ("x\n…\nz", "x\ny\ny\nz", true),
        ("x\n…\nz", "x\nz", true),
        ("x\n…\nz", "x\ny", false),
        ("x", "x\ny", false),
        ("x\ny", "x", false),
    ] {
        assert_eq!(agrees(&lines(expected), &lines(printed)), verdict, "{expected:?} against {printed:?}");
    }
}

#[test]
fn overlapping_ends_of_a_line_do_not_agree() {
    assert!(!line_agrees("abc…bcd", "abcd"));
    assert!(line_agrees("abc…cd", "abccd"));
}

#[test]
fn a_command_that_fails_or_prints_something_else_is_complained_of() {
    let stage =
        Stage { folder: tempfile::tempdir().expect("a folder can be made"), programs: PathBuf::from("/bin") };
    let example = |command: &str, print: &str| Example {
        line: 7,
        command: command.to_owned(),
        prints: vec![print.to_owned()],
    };
    let played = |example: &Example| {
        let (printed, is_done) = stage.play(&example.command);
        complaint(example, &printed, is_done)
    };
    assert_eq!(played(&example("echo a >&2", "a")), None);
    assert_eq!(played(&example("false; echo $?", "1")), None);
    let other = played(&example("echo b", "a")).expect("b is not a");
    assert_eq!(other, "README.md:7: $ echo b\n  is said to print\n    a\n  and printed\n    b\n");
    let failed = played(&example("echo a; exit 3", "a")).expect("it ends with 3");
    assert_eq!(
        failed,
        "README.md:7: $ echo a; exit 3\n  is said to print\n    a\n  and failed, and printed\n    a\n"
    );
}

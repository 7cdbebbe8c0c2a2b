//! The configuration file: options of `record`, and those of every command, by their long names. What the command line or
//! the environment says wins; the file only changes what an option is when nobody says anything.

use std::{ffi::OsString, path::PathBuf};

use clap::{ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches, parser::ValueSource};
use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use crate::{
    CommandLine,
    cmd::Command as Verb,
    exit::{Exit, Failure},
};

/// Read when it is there and no other is named.
const USUAL: &str = "/etc/earwitness/earwitness.toml";
/// Options that make no sense in a file.
const NOT_HERE: [&str; 5] = ["config", "help", "version", "read", "lab"];
/// What `doctor` has of `record`, as an argument and as an option.
const KEY_LOGS: &str = "tls_keys";
const KEY_LOGS_OPTION: &str = "tls-keys";
/// The positional argument that has a name here.
const EXPRESSION: &str = "expression";

/// A key and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Setting {
    key: String,
    values: Vec<String>,
    /// Line and column, from 1.
    place: (usize, usize),
}

/// The command line, with what the configuration file says where it says nothing. It ends the program as clap does when it
/// makes no sense.
///
/// # Errors
/// When the file cannot be read, is no TOML, or has a key or value that is not one.
pub(crate) fn command_line() -> Result<CommandLine, Failure> {
    let words: Vec<OsString> = std::env::args_os().collect();
    let usual = || Some(PathBuf::from(USUAL)).filter(|usual| usual.is_file());
    let mut command = CommandLine::command();
    if let Some(path) = named(&words).or_else(usual) {
        let wrong = |why: String| Failure::new(Exit::Usage, format_args!("{}:{why}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|cause| wrong(format!(" {cause}")))?;
        command = configured(command, &settings(&text).map_err(wrong)?).map_err(wrong)?;
    }
    parsed(command.get_matches_from(words)).map_err(|wrong| wrong.exit())
}

/// The command line; key logs that only the file names are those of the mirror, and not for captures.
fn parsed(mut matches: ArgMatches) -> Result<CommandLine, clap::Error> {
    let is_by_file = matches.subcommand().is_some_and(|(_, of)| {
        of.try_contains_id(KEY_LOGS).unwrap_or(false)
            && of.value_source(KEY_LOGS) == Some(ValueSource::DefaultValue)
    });
    let mut line = CommandLine::from_arg_matches_mut(&mut matches)?;
    match &mut line.command {
        Verb::Record(record) if is_by_file => record.forget_live_key_logs(),
        Verb::Doctor(doctor) if is_by_file => doctor.forget_live_key_logs(),
        Verb::Init(_)
        | Verb::Record(_)
        | Verb::Status(_)
        | Verb::Top(_)
        | Verb::Doctor(_)
        | Verb::InVault(_)
        | Verb::Restore(_)
        | Verb::Bench(_)
        | Verb::Rules(_)
        | Verb::Completions(_)
        | Verb::Man(_) => {}
    }
    Ok(line)
}

/// The file that `--config` names.
fn named(words: &[OsString]) -> Option<PathBuf> {
    let mut words = words.iter().skip(1).take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if word == "--config" {
            return words.next().map(PathBuf::from);
        }
        if let Some(path) = word.to_str().and_then(|word| word.strip_prefix("--config=")) {
            return Some(path.into());
        }
    }
    None
}

/// What a file says, or `line:column: why` it says nothing.
fn settings(text: &str) -> Result<Vec<Setting>, String> {
    let told = |offset: usize, why: &str| {
        let (line, column) = place(text, offset);
        format!("{line}:{column}: {why}")
    };
    let root = DeTable::parse(text).map_err(|error| {
        told(error.span().map_or(0, |span| span.start), &format!("not TOML: {}", error.message()))
    })?;
    let setting = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| {
        let values = values(value.get_ref())
            .ok_or_else(|| told(key.span().start, "a text, a number, true, false, or a list of these"))?;
        Ok(Setting { key: key.get_ref().to_string(), values, place: place(text, key.span().start) })
    };
    root.get_ref().iter().map(setting).collect()
}

fn values(value: &DeValue<'_>) -> Option<Vec<String>> {
    Some(match value {
        DeValue::String(text) => vec![text.to_string()],
        DeValue::Integer(number) => vec![number.to_string()],
        DeValue::Float(number) => vec![number.to_string()],
        DeValue::Boolean(is_so) => vec![is_so.to_string()],
        DeValue::Array(all) => {
            let each: Option<Vec<_>> = all.iter().map(|one| values(one.get_ref())).collect();
            each?.concat()
        }
        DeValue::Datetime(_) | DeValue::Table(_) => return None,
    })
}

fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    (line, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1)
}

/// `command` with other defaults.
fn configured(mut command: Command, settings: &[Setting]) -> Result<Command, String> {
    for setting in settings {
        let (line, column) = setting.place;
        let wrong = |why: String| format!("{line}:{column}: {why}");
        let (of, id, action) = option(&command, &setting.key)
            .ok_or_else(|| wrong(format!("`{}` is no option of `earwitness record`", setting.key)))?;
        try_out(setting, &action).map_err(wrong)?;
        let values = setting.values.clone();
        let change = |arg: clap::Arg| arg.default_values(values);
        command = match of {
            Of::All => command.mut_arg(id, change),
            Of::Record if setting.key == KEY_LOGS_OPTION => command
                .mut_subcommand("record", |record| record.mut_arg(&id, change.clone()))
                .mut_subcommand("doctor", |doctor| doctor.mut_arg(&id, change)),
            Of::Record => command.mut_subcommand("record", |record| record.mut_arg(id, change)),
        };
    }
    Ok(command)
}

/// Whose option it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    All,
    Record,
}

fn option(command: &Command, key: &str) -> Option<(Of, clap::Id, ArgAction)> {
    let is_it = |arg: &&clap::Arg| {
        arg.get_long() == Some(key)
            || (arg.is_positional() && arg.get_id() == EXPRESSION && key == EXPRESSION)
    };
    let found = |command: &Command| {
        let arg = command.get_arguments().find(is_it)?;
        Some((arg.get_id().clone(), arg.get_action().clone()))
    };
    if NOT_HERE.contains(&key) {
        return None;
    }
    let (of, (id, action)) = match found(command) {
        Some(found) => (Of::All, found),
        None => (Of::Record, found(command.find_subcommand("record")?)?),
    };
    Some((of, id, action))
}

/// A value is judged as if it were typed.
fn try_out(setting: &Setting, action: &ArgAction) -> Result<(), String> {
    let mut words = vec!["earwitness".to_owned(), "record".to_owned()];
    match (setting.key.as_str(), action) {
        (EXPRESSION, _) => words.extend(setting.values.iter().cloned()),
        (key, ArgAction::SetTrue) => match setting.values.as_slice() {
            [word] if word == "true" || word == "false" => {}
            _ => return Err(format!("`{key}` is true or false")),
        },
        (key, _) => words.extend(setting.values.iter().map(|value| format!("--{key}={value}"))),
    }
    let told = |error: clap::Error| {
        let text = error.render().to_string();
        let line = text.lines().next().unwrap_or_default();
        line.strip_prefix("error: ").unwrap_or(line).to_owned()
    };
    CommandLine::command().try_get_matches_from(words).map(drop).map_err(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is typed, with a file.
    fn typed(text: &str, words: &[&str]) -> Result<String, String> {
        let command = configured(CommandLine::command(), &settings(text)?)?;
        let words = [&["earwitness"], words].concat();
        let line = parsed(command.try_get_matches_from(words).map_err(|error| error.to_string())?).unwrap();
        Ok(format!("{:?} {:?}", line.options, line.command))
    }

    fn has(text: &str, words: &[&str], parts: &[&str]) {
        let said = typed(text, words).unwrap();
        for part in parts {
            assert!(said.contains(part), "{part} is not in {said}");
        }
    }

    #[test]
    fn the_file_says_what_the_command_line_does_not() {
        let text = "interface = [\"eth1\", \"eth2\"]\nbuffer-size = 256\nlog = \"json\"\nvault = \"/srv/v\"\nquiet = true\n";
        let file = [
            "interfaces: [\"eth1\", \"eth2\"]",
            "buffer: 256",
            "log: Json",
            "vault: \"/srv/v\"",
            "quiet: true",
        ];
        has(text, &["record"], &file);
        let typed = ["record", "-i", "tap", "-B", "8", "--vault", "/v", "udp"];
        has(
            text,
            &typed,
            &["interfaces: [\"tap\"]", "buffer: 8", "vault: \"/v\"", "expression: [\"udp\"]", "log: Json"],
        );
        has(text, &["record", "-r", "a.pcap"], &["files: [\"a.pcap\"]"]);
        has(
            "expression = [\"not\", \"port\", \"22\"]",
            &["record", "-i", "tap"],
            &["[\"not\", \"port\", \"22\"]"],
        );
    }

    #[test]
    fn key_logs_of_the_file_are_the_mirrors_and_for_the_doctor_there_too() {
        let text = "tls-keys = [\"/run/pbx/keys.log\"]";
        let (mirror, none) = (["tls_keys: [\"/run/pbx/keys.log\"]"], ["tls_keys: []"]);
        has(text, &["record", "-i", "tap"], &mirror);
        has(text, &["doctor", "-i", "tap"], &mirror);
        has(text, &["record", "-r", "a.pcap"], &none);
        has(text, &["doctor", "-r", "a.pcap"], &none);
        let named = ["record", "-r", "a.pcap", "--tls-keys", "right.log"];
        has(text, &named, &["tls_keys: [\"right.log\"]"]);
    }

    #[test]
    fn what_is_wrong_in_the_file_is_told_with_its_place() {
        for (text, why) in [
            ("vault = \"/v\"\n\n  bufer = 3\n", "3:3: `bufer` is no option of `earwitness record`"),
            ("read = \"a\"\n", "1:1: `read` is no option of `earwitness record`"),
            ("buffer-size = 0\n", "1:1: invalid value '0' for '--buffer-size <MIB>': 0 is not in 1..=1024"),
            ("\nmetrics = \"here\"\n", "2:1: invalid value 'here' for '--metrics <[ADDR:]PORT>': a port"),
            ("quiet = 3\n", "1:1: `quiet` is true or false"),
            ("[record]\nmemory = 3\n", "1:2: a text, a number, true, false, or a list of these"),
            ("vault = \n", "1:9: not TOML: "),
        ] {
            let said = typed(text, &["record", "-i", "tap"]).unwrap_err();
            assert!(said.starts_with(why), "{said}");
        }
    }

    #[test]
    fn every_line_of_the_example_is_an_option() {
        let example = include_str!("../../xtask/package/earwitness.toml");
        let is_line = |line: &&str| line.starts_with("#") && line.contains(" = ");
        let on: String = example
            .lines()
            .filter(is_line)
            .map(|line| line.trim_start_matches('#').to_owned() + "\n")
            .collect();
        assert!(settings(example).unwrap().is_empty() && settings(&on).unwrap().len() >= 10, "{on}");
        has(&on, &["record"], &["interfaces: [\"eth1\"]", "metrics: Some(127.0.0.1:9464)"]);
    }

    #[test]
    fn the_file_is_named_before_it_is_read() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(named(&words(&["e", "record", "--config", "/a"])), Some("/a".into()));
        assert_eq!(named(&words(&["e", "--config=/a", "list"])), Some("/a".into()));
        assert_eq!(named(&words(&["e", "record", "--", "--config", "/a"])), None);
    }
}

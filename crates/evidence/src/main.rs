//! `earwitness-verify`: checks an evidence bundle, and does nothing else. It needs no vault, no network and no installation.
#![forbid(unsafe_code)]

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use earwitness_evidence::{
    Container, Keys, Kind, MOST_BYTES, Named, identity_in, kind_of, public_key_in, read_folder, unpack,
    verify,
};
use secrecy::SecretString;

/// More of a key or a passphrase file is not read.
const MOST_KEY: u64 = 64 << 10;
/// What stands around the files of a bundle is far below this.
const AROUND: u64 = 1 << 20;

const HELP: &str = "\
earwitness-verify: 통화 녹취 증거 묶음을 확인합니다 · checks an evidence bundle of a recorded call

  earwitness-verify BUNDLE [--key recorder.pub] [--passphrase-file FILE] [--identity FILE]

  BUNDLE                  .zip, .age, 또는 풀린 폴더 · or the unpacked folder
  --key FILE              기관이 공표한 공개 열쇠 · the public key as the office publishes it
  --passphrase-file FILE  zip의 암호 (없으면 물어봅니다) · the zip's passphrase (else it is asked for)
  --identity FILE         .age 파일을 여는 열쇠 · the key that opens an .age file

  0: 온전함 · whole   5: 변경됨 · altered   2: 잘못된 사용 · usage   1: 읽을 수 없음 · cannot be read   4: 암호 · passphrase
";

/// What was typed.
#[derive(Default)]
struct Typed {
    bundle: PathBuf,
    key: Option<PathBuf>,
    passphrase: Option<PathBuf>,
    identity: Option<PathBuf>,
}

/// Why nothing was checked.
struct Stopped {
    code: u8,
    why: String,
}

impl Stopped {
    fn new(code: u8, why: impl ToString) -> Self {
        Self { code, why: why.to_string() }
    }
}

fn main() -> ExitCode {
    let said = run(std::env::args_os().skip(1));
    let (out, code) = match said {
        Ok((text, code)) => (io::stdout().write_all(text.as_bytes()), code),
        Err(Stopped { code, why }) => (writeln!(io::stderr(), "{why}"), code),
    };
    match out {
        Ok(()) => ExitCode::from(code),
        Err(_) => ExitCode::from(1),
    }
}

fn run(words: impl Iterator<Item = OsString>) -> Result<(String, u8), Stopped> {
    let Some(typed) = typed(words)? else { return Ok((HELP.to_owned(), 0)) };
    let key = match &typed.key {
        None => None,
        Some(path) => Some(public_key_in(&read(path, MOST_KEY)?).ok_or_else(|| {
            Stopped::new(
                2,
                format_args!("공개 열쇠가 아닙니다 · not a recorder's public key: {}", path.display()),
            )
        })?),
    };
    let files = opened(&typed)?;
    let report = verify(&files, key.as_ref());
    Ok((report.to_string(), if report.is_whole() { 0 } else { 5 }))
}

fn typed(mut words: impl Iterator<Item = OsString>) -> Result<Option<Typed>, Stopped> {
    let usage = |what: &str| Stopped::new(2, format_args!("{what}\n\n{HELP}"));
    let mut typed = Typed::default();
    let mut bundle = None;
    while let Some(word) = words.next() {
        let option = match word.to_str() {
            Some("-h" | "--help") => return Ok(None),
            Some("--key") => &mut typed.key,
            Some("--passphrase-file") => &mut typed.passphrase,
            Some("--identity") => &mut typed.identity,
            Some(text) if text.starts_with('-') => {
                return Err(usage(&format!("모르는 선택 · unknown option: {text}")));
            }
            Some(_) | None if bundle.is_none() => {
                bundle = Some(PathBuf::from(word));
                continue;
            }
            Some(_) | None => return Err(usage("묶음은 하나만 · one bundle at a time")),
        };
        *option = Some(
            words.next().ok_or_else(|| usage("파일 이름이 없습니다 · a file's name is missing"))?.into(),
        );
    }
    typed.bundle = bundle.ok_or_else(|| usage("어느 묶음입니까? · which bundle?"))?;
    Ok(Some(typed))
}

fn opened(typed: &Typed) -> Result<(Container, Vec<Named>), Stopped> {
    let broken = |fault: &dyn std::fmt::Display| Stopped::new(5, format_args!("✘ {fault}"));
    if typed.bundle.is_dir() {
        let files = read_folder(&typed.bundle).map_err(|fault| broken(&fault))?;
        return Ok((Container::Folder, files));
    }
    let bytes = read(&typed.bundle, MOST_BYTES + AROUND)?;
    let mut keys = Keys::default();
    if let Some(path) = &typed.identity {
        let text = String::from_utf8(read(path, MOST_KEY)?).unwrap_or_default();
        keys.identity = identity_in(&text);
    }
    if let Some(path) = &typed.passphrase {
        let text = String::from_utf8(read(path, MOST_KEY)?).unwrap_or_default();
        keys.passphrase = text.lines().next().map(SecretString::from);
    } else if kind_of(&bytes) == Some(Kind::LockedZip) {
        let asked = rpassword::prompt_password("암호 · passphrase: ");
        keys.passphrase = asked.ok().map(SecretString::from);
    }
    unpack(&bytes, &keys).map_err(
        |fault| {
            if fault.is_closed() { Stopped::new(4, fault) } else { broken(&fault) }
        },
    )
}

/// A file, of which no more than `most` bytes are believed.
fn read(path: &Path, most: u64) -> Result<Vec<u8>, Stopped> {
    let cannot = |cause: &dyn std::fmt::Display| {
        Stopped::new(1, format_args!("읽을 수 없습니다 · cannot read {}: {cause}", path.display()))
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|cause| cannot(&cause))?;
    let read = file.take(most + 1).read_to_end(&mut bytes).map_err(|cause| cannot(&cause))?;
    if read as u64 > most {
        return Err(Stopped::new(5, format_args!("✘ {most} 바이트보다 큽니다 · larger than a bundle")));
    }
    Ok(bytes)
}

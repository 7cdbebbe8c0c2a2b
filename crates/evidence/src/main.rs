//! `earwitness-verify`: checks an evidence bundle or a signed paper, and does nothing else. It needs no vault, no network and no installation.
#![forbid(unsafe_code)]

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use earwitness_evidence::{
    Container, GivenBundle, Keys, Named, OpenFault, PaperFault, identity_of, public_key_of, verify,
};
use secrecy::SecretString;
use zeroize::Zeroizing;

/// More of a passphrase file is not read.
const MOST_PASSPHRASE: u64 = 4096;

const VERSION: &str = concat!("earwitness-verify ", env!("CARGO_PKG_VERSION"), "\n");

const HELP: &str = "\
earwitness-verify: 통화 녹취 증거 묶음을 확인합니다 · checks an evidence bundle of a recorded call

  earwitness-verify BUNDLE [--key recorder.pub] [--passphrase-file FILE] [--identity FILE]
  earwitness-verify PAPER.json --key recorder.pub

  BUNDLE                  .zip, .age, 또는 풀린 폴더 · or the unpacked folder
  PAPER.json              파기 확인서 또는 원장의 증명 · a certificate of disposal, or a proof of the ledger
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

/// What is wanted.
enum Wanted {
    /// A check.
    Check(Typed),
    /// To be told something.
    Text(&'static str),
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
    let typed = match typed(words)? {
        Wanted::Check(typed) => typed,
        Wanted::Text(text) => return Ok((text.to_owned(), 0)),
    };
    let key = typed.key.as_deref().map(public_key_of).transpose()?;
    let given = GivenBundle::read(&typed.bundle)?;
    if let Some(paper) = given.paper() {
        let checked = paper.check(&key.ok_or(OpenFault::KeyNeeded)?);
        let code = match checked.genuine() {
            Ok(()) => 0,
            Err(PaperFault::Later) => 1,
            Err(_altered) => 5,
        };
        return Ok((checked.to_string(), code));
    }
    let files = opened(given, &typed)?;
    let report = verify(&files, key.as_ref());
    Ok((report.to_string(), if report.is_whole() { 0 } else { 5 }))
}

fn typed(mut words: impl Iterator<Item = OsString>) -> Result<Wanted, Stopped> {
    let usage = |what: &str| Stopped::new(2, format_args!("{what}\n\n{HELP}"));
    let mut typed = Typed::default();
    let mut bundle = None;
    while let Some(word) = words.next() {
        let option = match word.to_str() {
            Some("-h" | "--help") => return Ok(Wanted::Text(HELP)),
            Some("-V" | "--version") => return Ok(Wanted::Text(VERSION)),
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
    typed.bundle = bundle.ok_or_else(|| usage("어느 묶음입니까? · which bundle, or which paper?"))?;
    Ok(Wanted::Check(typed))
}

fn opened(given: GivenBundle, typed: &Typed) -> Result<(Container, Vec<Named>), OpenFault> {
    let mut keys =
        Keys { identity: typed.identity.as_deref().map(identity_of).transpose()?, passphrase: None };
    if let Some(path) = &typed.passphrase {
        keys.passphrase = Some(passphrase_in(path)?);
    } else if given.is_under_passphrase() {
        let asked = rpassword::prompt_password("암호 · passphrase: ");
        keys.passphrase = asked.ok().map(SecretString::from);
    }
    given.open(&keys)
}

/// The first line of a file.
fn passphrase_in(path: &Path) -> Result<SecretString, OpenFault> {
    let unreadable = |cause| OpenFault::Unreadable { path: path.to_owned(), cause };
    // Room for all that is read: a text that grows leaves behind what it was.
    let mut text = Zeroizing::new(String::with_capacity(MOST_PASSPHRASE as usize));
    File::open(path)
        .and_then(|file| file.take(MOST_PASSPHRASE).read_to_string(&mut text))
        .map_err(unreadable)?;
    Ok(SecretString::from(text.lines().next().unwrap_or_default()))
}

impl From<OpenFault> for Stopped {
    fn from(fault: OpenFault) -> Self {
        let (code, ko) = if fault.unreadable().is_some() {
            (1, "읽을 수 없습니다")
        } else if fault.is_usage() {
            (2, "열쇠가 아닙니다")
        } else if fault.is_closed() {
            (4, "열 수 없습니다")
        } else {
            (5, "✘ 온전한 묶음이 아닙니다")
        };
        Self::new(code, format_args!("{ko} · {fault}"))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io, path::PathBuf};

    use earwitness_evidence::{ContainerFault, FolderFault, ZipFault};

    use super::*;

    /// What is said, and the exit code.
    fn said(words: &[&Path]) -> (String, u8) {
        let words = words.iter().map(|word| word.as_os_str().to_owned());
        run(words).unwrap_or_else(|stopped| (stopped.why, stopped.code))
    }

    #[test]
    fn papers_are_checked_against_the_key_that_is_given_and_no_other() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
        let (key, other) = (fixtures.join("papers/v1/recorder.pub"), fixtures.join("bundle/v1/recorder.pub"));
        let with = Path::new("--key");
        let home = tempfile::tempdir().unwrap();
        let changed = home.path().join("changed.json");
        for (name, says, from, to) in [
            ("certificate.json", "nothing is left of: citizen-90d 2026-11-21", "citizen-90d", "citizen-91d"),
            ("proof.json", "row: 1 / 17", "\"tree_size\": 17", "\"tree_size\": 18"),
        ] {
            let paper = fixtures.join("papers/v1").join(name);
            let (text, code) = said(&[&paper, with, &key]);
            assert!(code == 0 && text.contains(says), "{code} {text}");
            assert_eq!(said(&[&paper, with, &other]).1, 5);
            assert_eq!(said(&[&paper]).1, 2, "a paper says nothing without a key");
            let original = fs::read_to_string(&paper).unwrap();
            let forged = original.replace(from, to);
            assert_ne!(forged, original);
            fs::write(&changed, forged).unwrap();
            let (text, code) = said(&[&changed, with, &key]);
            assert!(code == 5 && text.contains('✘'), "{code} {text}");
        }
        assert_eq!(said(&[Path::new("--version")]).0, VERSION);
    }

    #[test]
    fn what_cannot_be_read_is_not_called_altered() {
        let path = || PathBuf::from("copy.zip");
        let folder = FolderFault::Unreadable {
            what: "copy".into(),
            cause: "Permission denied".into(),
            kind: io::ErrorKind::PermissionDenied,
        };
        for (fault, code) in [
            (OpenFault::Unreadable { path: path(), cause: io::ErrorKind::NotFound.into() }, 1),
            (ContainerFault::from(folder).into(), 1),
            (OpenFault::NotAKey { path: path() }, 2),
            (OpenFault::NoIdentity { path: path() }, 2),
            (OpenFault::KeyNeeded, 2),
            (ContainerFault::from(ZipFault::WrongPassphrase).into(), 4),
            (ContainerFault::IdentityNeeded.into(), 4),
            (ContainerFault::from(FolderFault::TooLarge).into(), 5),
            (OpenFault::TooLarge { path: path() }, 5),
            (ContainerFault::NoBundle.into(), 5),
        ] {
            let stopped = Stopped::from(fault);
            assert_eq!((stopped.code, stopped.why.contains('✘')), (code, code == 5), "{}", stopped.why);
        }
    }
}

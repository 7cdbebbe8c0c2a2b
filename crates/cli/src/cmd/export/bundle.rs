//! An evidence bundle: gathered here, made by `evidence`, told to the ledger before it leaves.

mod marks;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use clap::Args;
use earwitness_evidence::{
    Bundle, Circumstances, Container, Contents, Given, Lock, locked_for, may_fit, verify,
};
use earwitness_model::{CopyId, PacketTime, WallTime};
use earwitness_vault::{Act, CopyGiven, Entry, LedgerKind, SecretString, Vault};
use rand::{RngCore, rngs::OsRng};
use secrecy::ExposeSecret;

use self::marks::marks;
use super::{
    Export,
    unsealed::{Unsealed, audio_or_why},
};
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    filter::find_call,
    seat::{Standing, Target},
    view::{call_object, clock_sentences, instant, is_recorded},
};

/// Characters that a passphrase of a copy has at least: its zip can be tried at home, as often as one likes.
const SHORTEST: usize = 10;
/// Bytes that a text about a copy has at most.
const LONGEST: usize = 500;

/// For whom an evidence bundle is made, and how it is locked.
#[derive(Debug, Args)]
pub(super) struct For {
    /// bundle: who gets it; it stands in the copy and in the ledger
    #[arg(long, value_name = "RECIPIENT")]
    pub(super) to: Option<String>,
    /// bundle: what for
    #[arg(long, value_name = "TEXT")]
    pub(super) purpose: Option<String>,
    /// bundle: the request that it answers, by the office's number
    #[arg(long, value_name = "ID")]
    pub(super) request: Option<String>,
    /// bundle: read the copy's passphrase from a file instead of asking for it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["no_passphrase", "age"])]
    pub(super) copy_passphrase_file: Option<PathBuf>,
    /// bundle: lock it with nothing
    #[arg(long, conflicts_with = "age")]
    pub(super) no_passphrase: bool,
    /// bundle: an age file for this public key instead of a passphrase (age1…)
    #[arg(long, value_name = "KEY")]
    pub(super) age: Option<String>,
}

impl For {
    /// Whether anything of it was given.
    pub(super) const fn is_given(&self) -> bool {
        self.to.is_some()
            || self.purpose.is_some()
            || self.request.is_some()
            || self.copy_passphrase_file.is_some()
            || self.no_passphrase
            || self.age.is_some()
    }

    /// Whether a passphrase is needed.
    pub(super) const fn is_locked(&self) -> bool {
        !self.no_passphrase && self.age.is_none()
    }

    fn given(&self, by: String, now: WallTime) -> Result<Given, Failure> {
        let hint = "a copy is made for somebody and for something: give --to \"RECIPIENT\" and --purpose \"TEXT\", \
                    which stand in the copy and in the ledger";
        let text = |text: &Option<String>| {
            let text = text.as_deref().map(str::trim).filter(|text| !text.is_empty());
            let is_fit = |text: &&str| text.len() <= LONGEST && !text.chars().any(char::is_control);
            match text {
                Some(text) if is_fit(&text) => Ok(text.to_owned()),
                Some(_) => Err(usage("--to, --purpose and --request are a line of at most 500 bytes")),
                None => Err(usage(hint)),
            }
        };
        let request = self.request.as_ref().map(|_| text(&self.request)).transpose()?;
        let mut tail = [0; 16];
        OsRng.fill_bytes(&mut tail);
        let copy = CopyId::new(now.nanos() / 1_000_000, u128::from_be_bytes(tail));
        Ok(Given { copy, recipient: text(&self.to)?, purpose: text(&self.purpose)?, request, made_by: by })
    }
}

fn usage(what: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Usage, what)
}

impl Export {
    /// Makes one bundle of one call.
    pub(super) fn bundle(&self, context: &Context, vault: &Vault) -> Outcome {
        let now = Context::now();
        let given = self.copy.given(context.seat().account().to_string(), now)?;
        let [name] = self.calls.as_slice() else {
            return Err(usage("a bundle is of one call: name it (`earwitness list` shows ids)"));
        };
        let place = self.place(context)?;
        let entry = find_call(vault, name)?;
        audio_or_why(&entry)?;
        let lock = self.lock(context, &place)?;
        let bundle = composed((context, vault), &entry, (&given, now))?;
        let leaving = Leaving::pack(bundle, (place, &lock), self.copy.age.as_deref())?;
        let blake3 = leaving.hash();
        // What leaves is in the ledger before it leaves.
        let note = || told(vault, &entry, (given.clone(), blake3), now);
        let (path, bytes) = leaving.leave(context, self.existing().over(), &note)?;
        context.say(format_args!("wrote {} ({bytes} bytes)", path.display()));
        context.say(format_args!("copy {}, BLAKE3 {}", given.copy, blake3::Hash::from(blake3).to_hex()));
        Ok(Exit::Done)
    }

    /// Where it goes.
    fn place(&self, context: &Context) -> Result<Place, Failure> {
        let text = self.output.as_os_str().as_encoded_bytes();
        let wrong = |what: &str| usage(format_args!("-o {}: {what}", self.output.display()));
        if text == b"-" {
            return Err(wrong("a bundle is a file, or a folder: give its name"));
        }
        let standing = context.seat().standing(&self.output)?;
        if text.ends_with(b"/") {
            return match standing {
                Standing::Nothing if self.copy.is_locked() => {
                    Err(wrong("a folder cannot be locked: end the name with .zip, or say --no-passphrase"))
                }
                Standing::Nothing if self.copy.age.is_some() => {
                    Err(wrong("a folder cannot be locked: end the name with .age"))
                }
                Standing::Nothing => Ok(Place::Folder(self.output.clone())),
                Standing::File | Standing::Directory | Standing::Other => {
                    Err(wrong("there is something already: give a folder that is not there yet"))
                }
            };
        }
        match standing {
            Standing::Directory => Err(wrong("a folder is there: name the file, …/copy.zip")),
            Standing::File if !self.force => Err(wrong("it is there already; --force writes over it")),
            Standing::File | Standing::Nothing | Standing::Other => Ok(Place::File(self.output.clone())),
        }
    }

    fn lock(&self, context: &Context, place: &Place) -> Result<Lock, Failure> {
        match place {
            Place::File(_) if self.copy.is_locked() => {
                let passphrase = context.seat().new_passphrase(self.copy.copy_passphrase_file.as_deref())?;
                checked(passphrase).map(Lock::Passphrase)
            }
            Place::File(_) | Place::Folder(_) => Ok(Lock::None),
        }
    }
}

fn checked(passphrase: SecretString) -> Result<SecretString, Failure> {
    if passphrase.expose_secret().chars().count() >= SHORTEST {
        return Ok(passphrase);
    }
    let why = format_args!(
        "the copy's passphrase is too short: {SHORTEST} characters at least, for whoever finds the file can try as often as \
         they like"
    );
    Err(usage(why))
}

/// Gathers what a copy is made of, makes it, and checks it as its recipient will.
fn composed(
    (context, vault): (&Context, &Vault),
    entry: &Entry,
    (given, now): (&Given, WallTime),
) -> Result<Bundle, Failure> {
    let recording = entry.recording.as_ref().filter(|_| is_recorded(entry));
    let recording = recording.ok_or_else(|| Failure::new(Exit::NotFound, "the call has no recording"))?;
    may_fit(&entry.summary, recording.sealed_bytes).map_err(|error| Failure::new(Exit::Failed, error))?;
    let opener = context.unlock(vault)?;
    let unsealed = Unsealed::open(&opener, entry)?;
    if !unsealed.tell_damage(context, entry) {
        let why = "the recording is not whole: `earwitness verify` names what is damaged, and no bundle is made of it";
        return Err(Failure::new(Exit::Broken, why));
    }
    let marks = marks(&entry.summary, unsealed.messages());
    let (blocks, recording_key) = (vault.sealed_blocks(entry)?, opener.recording_key(entry)?);
    let (key, zone) = (vault.verifying_key(), vault.zone());
    let begun = vault.manifest(entry)?.begun;
    let contents = Contents {
        signed_manifest: vault.signed_manifest(entry)?,
        blocks: &blocks,
        // Somebody gets it on paper: the ledger is asked, not the listing.
        kept_until: vault
            .changed_retention(Some(entry.summary.id), recording.id)?
            .unwrap_or(recording.retention_until),
        recording_key: &recording_key,
        audio: &unsealed.audio,
        messages: unsealed.messages().collect(),
        marks: &marks,
        call: call_object(entry, zone, None),
        key,
        proof: Some(vault.prove_recorded(recording.id)?),
        rules: vault.rule_text(entry.summary.verdict.rule_set)?,
        circumstances: Circumstances { clock: clock(vault, begun)? },
        zone,
    };
    let bundle = Bundle::compose(contents, (given, now), |list| vault.sign_list(list))
        .map_err(|error| Failure::new(Exit::Failed, error))?;
    let report = verify(&(Container::Folder, bundle.files().to_vec()), Some(&key));
    match report.faults().next() {
        None => Ok(bundle),
        Some(fault) => Err(Failure::new(
            Exit::Broken,
            format_args!("the copy does not prove itself, and is not given: {fault}"),
        )),
    }
}

/// What was known of the recorder's clock when the recording began, in Korean and English.
fn clock(vault: &Vault, begun: WallTime) -> Result<Option<(String, String)>, Failure> {
    let Some((at, status)) = vault.clock_status_at(begun)? else { return Ok(None) };
    let at = instant(PacketTime::from_nanos(at.nanos()), vault.zone());
    Ok(Some(clock_sentences(&at, &status)))
}

fn told(
    vault: &Vault,
    entry: &Entry,
    (given, blake3): (Given, [u8; 32]),
    now: WallTime,
) -> Result<(), Failure> {
    let Given { copy, recipient, purpose, request, made_by: by } = given;
    let given = CopyGiven { copy, blake3, recipient, purpose, request, by };
    if let Some(recording) = &entry.recording {
        let act = Act::Copy { recording: recording.id, given };
        vault.note(LedgerKind::Exported, now, &act.to_bytes())?;
    }
    Ok(())
}

/// Where a bundle goes.
enum Place {
    File(PathBuf),
    Folder(PathBuf),
}

/// A bundle as it leaves.
enum Leaving {
    File(PathBuf, Vec<u8>),
    Folder(PathBuf, Bundle),
}

impl Leaving {
    fn pack(bundle: Bundle, (place, lock): (Place, &Lock), age: Option<&str>) -> Result<Self, Failure> {
        let path = match place {
            Place::Folder(path) => return Ok(Self::Folder(path, bundle)),
            Place::File(path) => path,
        };
        let salts = || {
            let mut salt = [0; 16];
            OsRng.fill_bytes(&mut salt);
            salt
        };
        let zip = bundle.to_zip(lock, salts);
        let Some(recipient) = age else { return Ok(Self::File(path, zip)) };
        let locked = locked_for(recipient, &zip);
        let wrong = || usage("--age takes a public key as `age-keygen -y` prints it: age1…");
        Ok(Self::File(path, locked.ok_or_else(wrong)?))
    }

    /// What the ledger tells of it.
    fn hash(&self) -> [u8; 32] {
        match self {
            Self::File(_, bytes) => *blake3::hash(bytes).as_bytes(),
            Self::Folder(_, bundle) => bundle.hash(),
        }
    }

    /// Puts it into its place, and says where and how large it is.
    fn leave(
        self,
        context: &Context,
        over: crate::seat::Over,
        note: &dyn Fn() -> Result<(), Failure>,
    ) -> Result<(PathBuf, u64), Failure> {
        let put = |place: PathBuf, bytes: &[u8], note: &dyn Fn() -> Result<(), Failure>| {
            let mut sink = context.seat().begin(&Target::File { place, over })?;
            note()?;
            sink.write_all(bytes)?;
            sink.finish()
        };
        match self {
            Self::File(path, bytes) => {
                put(path.clone(), &bytes, note)?;
                Ok((path, bytes.len() as u64))
            }
            Self::Folder(path, bundle) => {
                context.seat().make_dir(&path)?;
                note()?;
                let mut folders: Vec<&Path> = Vec::new();
                for (name, content) in bundle.files() {
                    let folder = Path::new(name).parent().filter(|folder| !folder.as_os_str().is_empty());
                    if let Some(folder) = folder.filter(|folder| !folders.contains(folder)) {
                        context.seat().make_dir(&path.join(folder))?;
                        folders.push(folder);
                    }
                    put(path.join(name), content, &|| Ok(()))?;
                }
                let bytes = bundle.files().iter().map(|(_, content)| content.len() as u64).sum();
                Ok((path, bytes))
            }
        }
    }
}

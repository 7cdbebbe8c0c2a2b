//! How a stranger checks a bundle: with nothing but its files and, to know whose it is, the recorder's public key.

mod fault;
mod report;

use earwitness_media::{
    CallAudio,
    export::{WavOptions, payload, placed_pcapng, wav},
    reread,
};
use earwitness_model::{Segment, SegmentContent};
use earwitness_vault::{BlockKind, Manifest, Scan, Scanned, open_blocks};
use ed25519_dalek::VerifyingKey;

pub use self::{
    fault::Fault,
    report::{Check, Line, Report, Verdict},
};
use crate::{
    container::{Container, Named},
    list::{List, Listed, is_beside, is_signed},
    name::*,
    proof,
    public_key::{public_key_in, texts},
    recipient::Recipient,
};

/// Checks everything about the files of a bundle. With `key`, the recorder's as the office publishes it, also whose it is.
#[must_use]
pub fn verify((container, files): &(Container, Vec<Named>), key: Option<&VerifyingKey>) -> Report {
    let mut report = Report::default();
    let mut bundle = Bundle { files, key: key.copied(), list: None, manifest: None, audio: None };
    let mut recipient = None;
    report.line(Check::Key, bundle.whose());
    report.line(Check::List, bundle.list());
    report.line(Check::Container, bundle.container(*container));
    report.line(Check::Files, bundle.listed());
    report.line(Check::Manifest, bundle.manifest());
    report.line(Check::Sealed, bundle.sealed());
    report.line(Check::Payload, bundle.payload());
    report.line(Check::Opened, bundle.opened());
    report.line(Check::Audio, bundle.audio());
    report.line(Check::Rules, bundle.rules());
    report.line(Check::Ledger, bundle.ledger());
    report.line(Check::Recipient, bundle.recipient(&mut recipient));
    report.recipient = recipient;
    report
}

/// What is known so far.
struct Bundle<'f> {
    files: &'f [Named],
    key: Option<VerifyingKey>,
    list: Option<List>,
    manifest: Option<Manifest>,
    audio: Option<CallAudio>,
}

type Checked = Result<Verdict, Fault>;

impl Bundle<'_> {
    fn file(&self, name: &'static str) -> Result<&[u8], Fault> {
        let found = self.files.iter().find(|(of, _)| of == name);
        found.map(|(_, content)| content.as_slice()).ok_or_else(|| Fault::Missing(name.to_owned()))
    }

    /// The key inside is the one outside, and both of its forms are one key.
    fn whose(&mut self) -> Checked {
        let inside = public_key_in(self.file(KEY)?).ok_or(Fault::NotAKey(KEY))?;
        let [line, pem] = texts(&inside);
        if self.file(KEY)? != line.as_bytes() || self.file(KEY_PEM)? != pem.as_bytes() {
            return Err(Fault::NotAKey(KEY_PEM));
        }
        match self.key {
            Some(key) if key != inside => Err(Fault::ForeignKey),
            Some(_) => Ok(Verdict::Holds),
            None => {
                self.key = Some(inside);
                Ok(Verdict::KeyUntold)
            }
        }
    }

    fn list(&mut self) -> Checked {
        let (bytes, signature) = (self.file(LIST)?, self.file(LIST_SIGNATURE)?);
        let list = List::from_bytes(bytes).ok_or(Fault::NoList)?;
        let key = self.key.ok_or(Fault::NotAKey(KEY))?;
        if !is_signed(bytes, signature, &key) {
            return Err(Fault::ListSignature);
        }
        self.list = Some(list);
        Ok(Verdict::Holds)
    }

    /// Of a zip every byte was compared when it was read, but for when it was made.
    fn container(&self, container: Container) -> Checked {
        let list = self.list.as_ref().ok_or(Fault::NotChecked)?;
        match container {
            Container::Zip(stamp) if stamp != list.stamp() => Err(Fault::Stamp),
            Container::Zip(_) => Ok(Verdict::Holds),
            Container::Folder => Ok(Verdict::Unpacked),
        }
    }

    /// Every file of the list is there as listed, and no other.
    fn listed(&self) -> Checked {
        let list = self.list.as_ref().ok_or(Fault::NotChecked)?;
        for listed in &list.files {
            let file = self.files.iter().find(|(name, _)| *name == listed.name);
            let file = file.ok_or_else(|| Fault::Missing(listed.name.clone()))?;
            if Listed::of(file) != *listed {
                return Err(Fault::Changed(listed.name.clone()));
            }
        }
        let is_listed = |name: &str| list.files.iter().any(|listed| listed.name == name);
        let extra = self.files.iter().find(|(name, _)| !is_beside(name) && !is_listed(name));
        if let Some((name, _)) = extra {
            return Err(Fault::Extra(name.clone()));
        }
        if self.file(SUMS)? != List::sums(&list.files).as_bytes() {
            return Err(Fault::Changed(SUMS.to_owned()));
        }
        Ok(Verdict::Counted(self.files.len() as u64))
    }

    fn manifest(&mut self) -> Checked {
        let key = self.key.ok_or(Fault::NotAKey(KEY))?;
        let manifest = Manifest::verified(self.file(MANIFEST)?, &key).ok_or(Fault::ManifestSignature)?;
        let is_of_list = self.list.as_ref().is_none_or(|list| list.recording == manifest.recording);
        self.manifest = Some(manifest);
        if is_of_list { Ok(Verdict::Holds) } else { Err(Fault::OtherRecording(MANIFEST)) }
    }

    /// The sealed blocks are those that the manifest tells of, all of them and in their order.
    fn sealed(&self) -> Checked {
        let manifest = self.manifest.as_ref().ok_or(Fault::NotChecked)?;
        let bytes = self.file(SEALED)?;
        let mut count = 0;
        for step in Scan::new(bytes, 0).map_err(|_| Fault::Block(0))? {
            let Ok(Scanned::Block(block)) = step else { return Err(Fault::Block(count)) };
            let is_its = block.head.recording == manifest.recording
                && block.head.counter == count
                && block.head.kind != BlockKind::Manifest
                && usize::try_from(count).ok().and_then(|at| manifest.blocks.get(at)) == Some(&block.hash());
            if !is_its {
                return Err(Fault::Block(count));
            }
            count += 1;
        }
        let is_whole = count == manifest.blocks.len() as u64
            && manifest.sealed_blake3 == *blake3::hash(manifest.blocks.as_flattened()).as_bytes();
        if is_whole { Ok(Verdict::Counted(count)) } else { Err(Fault::Block(count)) }
    }

    /// What the pcapng holds hashes to what the manifest says of each stream.
    fn payload(&mut self) -> Checked {
        let manifest = self.manifest.as_ref().ok_or(Fault::NotChecked)?;
        let read = reread(&manifest.summary, self.file(PCAPNG)?).map_err(Fault::Packets)?;
        let (mut compared, mut untold) = (0, 0);
        for hash in &manifest.payload_hashes {
            let mut hasher = blake3::Hasher::new();
            let written = payload(&read.audio, (hash.track, hash.payload_type), &mut hasher);
            match hash.blake3 {
                Some(expected) if written.is_ok() && *hasher.finalize().as_bytes() == expected => {
                    compared += 1
                }
                Some(_) => return Err(Fault::Payload(hash.payload_type)),
                None => untold += 1,
            }
        }
        for stream in read.audio.streams() {
            let is_told = |hash: &earwitness_vault::StreamHash| {
                (hash.track, hash.payload_type) == (stream.track, stream.payload_type)
            };
            // A recording that was cut off has no hashes, and so has nothing to compare with.
            if !manifest.payload_hashes.iter().any(is_told) {
                if !manifest.interrupted {
                    return Err(Fault::Payload(stream.payload_type));
                }
                untold += 1;
            }
        }
        self.audio = Some(read.audio);
        Ok(if untold == 0 { Verdict::Counted(compared) } else { Verdict::PartlyTold { compared, untold } })
    }

    /// What the sealed blocks hold, written again, is the pcapng to the byte: its SIP and its times too.
    fn opened(&self) -> Checked {
        let manifest = self.manifest.as_ref().ok_or(Fault::NotChecked)?;
        let Ok(text) = self.file(SEALED_KEY) else { return Ok(Verdict::NoSealedKey) };
        let mut key = [0; 32];
        hex::decode_to_slice(text.trim_ascii_end(), &mut key).map_err(|_| Fault::SealedKey)?;
        let scan = Scan::new(self.file(SEALED)?, 0).map_err(|_| Fault::NotChecked)?;
        let blocks = scan.filter_map(|step| match step {
            Ok(Scanned::Block(block)) => Some(block),
            Ok(Scanned::Damaged { .. }) | Err(_) => None,
        });
        let (mut audio, mut signalling) = (CallAudio::builder(&manifest.summary), Vec::new());
        for segment in open_blocks(blocks, (manifest.cipher, &key), manifest.summary.id) {
            let segment = segment.map_err(|_block| Fault::SealedKey)?;
            match segment.content {
                SegmentContent::Media => audio.add(&segment),
                SegmentContent::Signalling => signalling.push(segment),
            }
        }
        let messages = signalling.iter().flat_map(Segment::signalling);
        let mut compared = Compared { rest: self.file(PCAPNG)?, is_equal: true };
        let written =
            placed_pcapng(&audio.finish(), messages, &mut compared).map_err(|_| Fault::NotAsSealed)?;
        if compared.is_equal && compared.rest.is_empty() {
            Ok(Verdict::Counted(written.packets + written.messages))
        } else {
            Err(Fault::NotAsSealed)
        }
    }

    /// The WAV is what becomes of the packets, to the sample.
    fn audio(&self) -> Checked {
        let (audio, file) = (self.audio.as_ref().ok_or(Fault::NotChecked)?, self.file(AUDIO)?);
        let mut compared = Compared { rest: file, is_equal: true };
        let written = wav(audio, WavOptions::default(), &mut compared).map_err(|_| Fault::Wav)?;
        if compared.is_equal && compared.rest.is_empty() {
            Ok(Verdict::Counted(written.samples))
        } else {
            Err(Fault::Wav)
        }
    }

    /// The rules hash to what the manifest says of them.
    fn rules(&self) -> Checked {
        let manifest = self.manifest.as_ref().ok_or(Fault::NotChecked)?;
        let Ok(text) = self.file(RULES) else { return Ok(Verdict::NoRules) };
        let is_its = *blake3::hash(text).as_bytes() == manifest.summary.verdict.rule_set.0;
        if is_its { Ok(Verdict::Holds) } else { Err(Fault::Rules) }
    }

    fn ledger(&self) -> Checked {
        let manifest = self.manifest.as_ref().ok_or(Fault::NotChecked)?;
        let key = self.key.ok_or(Fault::NotAKey(KEY))?;
        if !self.files.iter().any(|(name, _)| name == PROOF) {
            return Ok(Verdict::NoProof);
        }
        proof::check(self.file(PROOF)?, self.file(CHECKPOINT)?, (manifest, &key))
    }

    fn recipient(&self, found: &mut Option<Recipient>) -> Checked {
        let recipient = Recipient::from_json(self.file(RECIPIENT)?).ok_or(Fault::Recipient)?;
        let is_of_list = self.list.as_ref().is_none_or(|list| {
            recipient.copy == list.copy && recipient.recording == list.recording.to_string()
        });
        let is_of_call =
            self.manifest.as_ref().is_none_or(|manifest| recipient.call == manifest.summary.id.to_string());
        *found = Some(recipient);
        if is_of_list && is_of_call { Ok(Verdict::Holds) } else { Err(Fault::Recipient) }
    }
}

/// Compares what is written into it with what should be.
struct Compared<'f> {
    rest: &'f [u8],
    is_equal: bool,
}

impl std::io::Write for Compared<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.rest.strip_prefix(bytes) {
            Some(rest) => self.rest = rest,
            None => self.is_equal = false,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

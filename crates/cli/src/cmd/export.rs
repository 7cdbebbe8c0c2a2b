//! `earwitness export`: calls as files that leave the vault.

mod asked;
mod bundle;
mod destination;
mod files;
mod format;
mod unsealed;

use std::path::PathBuf;

use clap::Args;
use earwitness_media::export::{ExportFormat, NameTemplate};
use earwitness_model::CallId;
use earwitness_vault::{Entry, LedgerKind, Opener, Vault};

use self::{
    asked::Asked,
    bundle::For,
    destination::Destination,
    files::{Existing, Files, Names},
    format::{Shape, write_call},
};
pub(crate) use self::{
    format::{besides, missing},
    unsealed::{Unsealed, act, audio_or_why},
};
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    filter::{Filters, find_call},
    seat::Standing,
    socket::Grant,
    view::counted,
};

/// WAV and FLAC are stereo (caller left, callee right), on the call's own timeline from answer to end, with the highest
/// sampling rate of what is in it. payload is one file per stream, byte for byte what its hash covers. pcapng has the
/// call's SIP and RTP, for Wireshark; hep has its SIP for Homer: `export CALL --format hep -o - | nc homer 9060`.
///
/// A bundle is the evidence of one call for one recipient: sound, packets, signed facts and a page that explains them, in a
/// zip that their passphrase opens. `verify` checks it anywhere, and the ledger says whose copy it is.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earwitness export 01KAJ5V2Q0 -o call.wav                   its sound
  earwitness export --since yesterday --ext 4001 -o out/     a file for each call
  earwitness export 01KAJ5V2Q0 --format bundle --to \"감사관실 김 주무관\" --purpose \"민원 2026-17 조사\" -o copy.zip
                                                             the evidence of a call, for one recipient")]
pub(crate) struct Export {
    /// Ids, beginnings of ids, or SIP Call-IDs; or give filters instead
    calls: Vec<String>,
    #[command(flatten)]
    filters: Filters,
    /// A file for one call, or a directory (made if it ends with `/` or for several calls); `-` for stdout
    #[arg(short, long, value_name = "PATH")]
    output: PathBuf,
    /// wav, flac, payload, pcapng, hep or bundle [default: by PATH's extension, else wav]
    #[arg(long)]
    format: Option<Asked>,
    /// WAV with the A-law or µ-law codes as they were captured
    #[arg(long)]
    native: bool,
    /// WAV or FLAC with both parties in one channel
    #[arg(long)]
    mono: bool,
    /// WAV or FLAC with lost audio replaced for up to 60 ms, instead of silence
    #[arg(long)]
    conceal: bool,
    /// File names in a directory [default: {date}_{time}_{ext}_{peer}_{id}.{format}]
    #[arg(long, value_name = "TEMPLATE")]
    template: Option<NameTemplate>,
    /// Write over files that are there
    #[arg(long)]
    force: bool,
    /// Leave files that are there as they are, and export the others
    #[arg(long, conflicts_with = "force")]
    skip_existing: bool,
    #[command(flatten)]
    copy: For,
}

/// Files that are there already and are named one by one; the rest is counted.
const NAMED_EXISTING: u64 = 3;

/// What became of one call.
enum Done {
    /// It is there, all of it.
    Whole,
    /// It is there, and something is missing from it: said why.
    Part(Exit),
}

impl Export {
    /// It opens what is sealed, and leaves files in one place.
    pub(super) fn grant(&self) -> Grant {
        let grant = self.filters.grant(Grant::output(&self.output, self.existing().over()).with_key());
        match (self.is_bundle(), self.copy.is_locked()) {
            (true, true) => grant.with_new_passphrase(self.copy.copy_passphrase_file.clone()),
            (true, false) => grant.with_folders(),
            (false, _) => grant,
        }
    }

    /// Whether an evidence bundle is asked for.
    fn is_bundle(&self) -> bool {
        match self.format {
            Some(asked) => asked == Asked::Bundle,
            None => self.output.extension().is_some_and(|extension| extension == "zip"),
        }
    }

    /// The format that was asked for.
    const fn format(&self) -> Option<ExportFormat> {
        match self.format {
            Some(Asked::Format(format)) => Some(format),
            Some(Asked::Bundle) | None => None,
        }
    }

    /// What becomes of files that are there already.
    const fn existing(&self) -> Existing {
        match (self.force, self.skip_existing) {
            (true, _) => Existing::Replace,
            (false, true) => Existing::Skip,
            (false, false) => Existing::Refuse,
        }
    }

    pub(crate) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        if self.is_bundle() {
            return self.bundle(context, vault);
        }
        if self.copy.is_given() {
            let what = "--to, --purpose, --request, --age and passphrases of copies are for --format bundle";
            return Err(Failure::new(Exit::Usage, what));
        }
        let standing = context.seat().standing(&self.output)?;
        let (calls, mut tally) = self.chosen((context, vault), standing)?;
        if calls.is_empty() {
            return tally.outcome(context);
        }
        let destination =
            Destination::of((&self.output, standing), self.format(), self.asked(calls.len(), standing))?;
        let shape = Shape::new(destination.format(), (self.native, self.mono, self.conceal))?;
        let opener = context.unlock(vault)?;
        let (template, existing) = (self.template.clone().unwrap_or_default(), self.existing());
        let names = Names { template, existing, zone: vault.zone() };
        let mut files = Files::new(context.seat(), destination, names)?;
        let of = calls.len() as u64;
        for (done, call) in (1..).zip(calls) {
            context.go_on()?;
            match export_one((context, vault, &opener), call, (shape, &mut files)) {
                Ok(Done::Whole) => tally.done += 1,
                Ok(Done::Part(exit)) => tally.fail(exit),
                // Nobody reads any more: there is no use in going on.
                Err(failure) if failure.io_kind() == Some(std::io::ErrorKind::BrokenPipe) => {
                    return Err(failure);
                }
                Err(failure) => {
                    let is_there = failure.io_kind() == Some(std::io::ErrorKind::AlreadyExists);
                    tally.existing += u64::from(is_there);
                    if !is_there || tally.existing <= NAMED_EXISTING {
                        context.tell(format_args!("call {call}: {failure}"));
                    }
                    tally.fail(failure.exit);
                }
            }
            context.seat().progress(done, of);
        }
        if tally.existing > NAMED_EXISTING {
            context.tell(format_args!(
                "{} in all, there already; --skip-existing exports the others, --force writes over them",
                counted(tally.existing, "file")
            ));
        }
        files.tell(context);
        tally.outcome(context)
    }

    /// The calls to be exported, and those among the named ones that cannot be.
    fn chosen(
        &self,
        (context, vault): (&Context, &Vault),
        standing: Standing,
    ) -> Result<(Vec<CallId>, Tally), Failure> {
        let mut tally = Tally::default();
        let mut calls = Vec::new();
        match (self.calls.is_empty(), self.filters.is_empty()) {
            (true, true) => {
                return Err(Failure::new(
                    Exit::Usage,
                    "which calls? name them (`earwitness list` shows ids), or give filters such as --since today",
                ));
            }
            (false, false) => return Err(Failure::new(Exit::Usage, "name calls or give filters, not both")),
            (false, true) => {
                for name in &self.calls {
                    let entry = find_call(vault, name)?;
                    match self.may_export(&entry, standing) {
                        Ok(()) if calls.contains(&entry.summary.id) => {}
                        Ok(()) => calls.push(entry.summary.id),
                        Err(why) => {
                            context.tell(&why);
                            tally.fail(why.exit);
                        }
                    }
                }
            }
            (true, false) => {
                for entry in self.filters.resolve(context, vault)?.calls(vault) {
                    match entry {
                        Ok(entry) if entry.recording.is_none() => tally.refused += 1,
                        Ok(entry) => match self.may_export(&entry, standing) {
                            Ok(()) => calls.push(entry.summary.id),
                            Err(why) => context.say(why),
                        },
                        Err(error) => {
                            let failure = Failure::from(error);
                            context.tell(&failure);
                            tally.fail(failure.exit);
                        }
                    }
                }
            }
        }
        Ok((calls, tally))
    }

    /// How many calls PATH is for. What filters choose varies from day to day, and PATH must not change its meaning with it:
    /// unless it names one file, it is for several.
    fn asked(&self, chosen: usize, standing: Standing) -> usize {
        let is_one = self.output.as_os_str() == "-"
            || destination::format_of((&self.output, standing), None).is_some();
        match self.calls.len() {
            0 if is_one => chosen,
            0 => chosen.max(2),
            named => named,
        }
    }

    /// A pcapng or HEP stream has the signalling of a call without audio; the other formats have nothing of it.
    fn may_export(&self, entry: &Entry, standing: Standing) -> Result<(), Failure> {
        match destination::format_of((&self.output, standing), self.format()).unwrap_or(ExportFormat::Wav) {
            ExportFormat::Pcapng | ExportFormat::Hep if entry.recording.is_some() => Ok(()),
            ExportFormat::Pcapng
            | ExportFormat::Hep
            | ExportFormat::Wav
            | ExportFormat::Flac
            | ExportFormat::Payload => audio_or_why(entry),
        }
    }
}

fn export_one(
    (context, vault, opener): (&Context, &Vault, &Opener),
    call: CallId,
    (shape, files): (Shape, &mut Files<'_>),
) -> Result<Done, Failure> {
    let entry =
        vault.index().get(call)?.ok_or_else(|| Failure::new(Exit::NotFound, "it is not there any more"))?;
    let unsealed = Unsealed::open(opener, &entry)?;
    let is_whole = unsealed.tell_damage(context, &entry);
    // What leaves is in the ledger before it leaves.
    let act = act(&entry, shape.format().name(), context.seat().account());
    let note = || vault.note(LedgerKind::Exported, Context::now(), &act);
    let said = write_call(&entry, &unsealed, shape, (files, &note))?;
    for text in &said.besides {
        context.say(format_args!("call {call}: {text}"));
    }
    for text in &said.missing {
        context.tell(format_args!("call {call}: {text}"));
    }
    Ok(match (is_whole, said.missing.is_empty()) {
        (true, true) => Done::Whole,
        (true, false) => Done::Part(Exit::Part),
        (false, _) => Done::Part(Exit::Broken),
    })
}

/// How many calls became what.
#[derive(Default)]
struct Tally {
    done: u64,
    failed: u64,
    /// Of these, files that are there already.
    existing: u64,
    /// Calls that pass the filters and were not kept.
    refused: u64,
    first: Option<Exit>,
}

impl Tally {
    fn fail(&mut self, exit: Exit) {
        self.failed += 1;
        self.first.get_or_insert(exit);
    }

    fn outcome(&self, context: &Context) -> Outcome {
        match (self.done, self.first) {
            (0, None) => {
                let refused = match self.refused {
                    0 => String::new(),
                    refused => {
                        format!("; {refused} that do were refused by the rules or had nothing to keep")
                    }
                };
                Err(Failure::new(
                    Exit::NotFound,
                    format_args!("no call with audio passes these filters{refused}"),
                ))
            }
            (_, None) => Ok(Exit::Done),
            (0, Some(exit)) => Ok(exit),
            (done, Some(_)) => {
                context.say(format_args!(
                    "{} exported, {} not, or not whole",
                    counted(done, "call"),
                    self.failed
                ));
                Ok(Exit::Part)
            }
        }
    }
}

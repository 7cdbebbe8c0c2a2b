//! `earwitness import`: recordings of an earlier recorder, WAV files and a list of them.

mod keeping;
mod table;
mod wave;

use std::{
    fs::File,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use earwitness_model::{Period, RetentionClass};
use earwitness_vault::{Imported, LedgerNote, Vault};

use self::{
    keeping::{Keeper, Kept},
    table::Listed,
};
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    view::counted,
};

/// Keep the recordings of an earlier recorder: WAV files and a CSV list of them
#[derive(Debug, Args)]
#[command(
    after_help = "The list is CSV, UTF-8 or CP949; its first line names the columns, in Korean or English:
  file        파일명     the WAV file, beside the list or below it; must be there
  start       시작일시   2023-04-05 09:10:11 (the office's zone), or RFC 3339; must be there
  from, to    발신번호, 수신번호
  extension   내선       department  부서       direction  구분: inbound 수신, outbound 발신, internal 내부
WAV: PCM of 16 bits, A-law or µ-law, 8 or 16 kHz, one channel or two (left is the caller). The audio is kept sample for sample,
and `export` gives the same samples back. Of one channel nobody can say whose voice it has: it is kept as the caller's.

Each call is a sealed recording with its own retention, flagged `imported`: nobody saw where it came from, so there is no
ladder and no quality. Its only name besides its id is the SHA-256 and BLAKE3 of its WAV file, which the signed manifest has.
The same file twice is one recording: an import that was stopped goes on where it was. No recorder may run meanwhile.

Examples:
  earwitness import /mnt/old --class imported-3y --keep P3Y --dry-run
  earwitness import /mnt/old/list.csv --class imported-3y --keep P3Y"
)]
pub(crate) struct Import {
    /// The list, or a folder with one list in it
    #[arg(value_name = "DIR|CSV")]
    list: PathBuf,
    /// The retention class that the recordings get
    #[arg(long, value_name = "NAME")]
    class: String,
    /// How long they are kept, from the day of the call: P90D, P3Y
    #[arg(long, value_name = "PERIOD", value_parser = earwitness_rules::parse_period)]
    keep: Period,
    /// Say what would become of each line, and keep nothing
    #[arg(long)]
    dry_run: bool,
}

/// What became of the lines.
#[derive(Default)]
struct Tally {
    kept: u64,
    known: u64,
    refused: u64,
}

impl Import {
    pub(crate) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        let list = self.list_file()?;
        let bytes = bounded(&list, table::MOST_BYTES).map_err(|why| {
            Failure::new(Exit::NotFound, format_args!("cannot read {}: {why}", list.display()))
        })?;
        let lines = table::read(&bytes, vault.zone()).map_err(|why| Failure::new(Exit::Usage, why))?;
        let retention = RetentionClass { name: self.class.clone(), keep: self.keep };
        let beside = list.parent().unwrap_or_else(|| Path::new("."));
        let (mut tally, of) = (Tally::default(), lines.len() as u64);
        let mut keeper = Keeper::new(vault, retention)?;
        for (done, line) in lines.into_iter().enumerate() {
            context.go_on()?;
            context.seat().progress(done as u64, of);
            let (number, outcome) = match line {
                Ok(listed) => (listed.line, self.keep(beside, &listed, &mut keeper)),
                Err((line, why)) => (line, Err(Failure::new(Exit::Part, why))),
            };
            match outcome {
                Ok(Kept::Now) => tally.kept += 1,
                Ok(Kept::Before) => tally.known += 1,
                // Only what the disk says ends it: what is wrong with a line is that line's.
                Err(failure) if failure.exit == Exit::Part => {
                    tally.refused += 1;
                    context.tell(format_args!("line {number}: {failure}"));
                }
                Err(failure) => return Err(failure),
            }
            if !self.dry_run {
                keeper.commit_if_due(Context::now())?;
            }
        }
        context.seat().progress(of, of);
        keeper.close(Context::now())?;
        self.tell(context, vault, (&tally, &bytes))
    }

    fn keep(&self, beside: &Path, listed: &Listed, keeper: &mut Keeper<'_>) -> Result<Kept, Failure> {
        let in_line = |why: &dyn std::fmt::Display| Failure::new(Exit::Part, format_args!("its file {why}"));
        let bytes = bounded(&beside.join(&listed.file), wave::MOST_BYTES)
            .map_err(|why| in_line(&format_args!("cannot be read: {why}")))?;
        let wave = wave::Wave::read(&bytes).map_err(|why| in_line(&why))?;
        let call = keeper.call(listed, &bytes);
        if keeper.is_over(&call, Context::now()) {
            return Err(Failure::new(
                Exit::Part,
                "the time for which it shall be kept is over: it is not brought back",
            ));
        }
        if self.dry_run { keeper.would_keep(&call) } else { keeper.keep(&call, &wave, Context::now()) }
    }

    fn tell(&self, context: &Context, vault: &Vault, (tally, list): (&Tally, &[u8])) -> Outcome {
        let verb = if self.dry_run { "would be kept" } else { "kept" };
        writeln!(
            context.out(),
            "{} {verb}, {} there already, {} refused",
            counted(tally.kept, "recording"),
            tally.known,
            counted(tally.refused, "line")
        )?;
        if !self.dry_run && tally.kept > 0 {
            let by = context.seat().account().to_string();
            let note = Imported {
                recordings: tally.kept,
                known: tally.known,
                refused: tally.refused,
                list: *blake3::hash(list).as_bytes(),
                class: self.class.clone(),
                by,
            };
            vault.tell(Context::now(), &LedgerNote::Imported(note))?;
        }
        Ok(if tally.refused > 0 { Exit::Part } else { Exit::Done })
    }

    /// The one list of a folder.
    fn list_file(&self) -> Result<PathBuf, Failure> {
        if !self.list.is_dir() {
            return Ok(self.list.clone());
        }
        let is_list = |path: &PathBuf| path.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv"));
        let names = std::fs::read_dir(&self.list)?.map(|entry| Ok(entry?.path()));
        let names: Vec<PathBuf> = names.collect::<std::io::Result<_>>()?;
        let mut lists = names.into_iter().filter(is_list);
        match (lists.next(), lists.next()) {
            (Some(one), None) => Ok(one),
            (None, _) => {
                Err(Failure::new(Exit::NotFound, format_args!("no *.csv is in {}", self.list.display())))
            }
            (Some(_), Some(_)) => Err(Failure::new(
                Exit::Usage,
                format_args!("several *.csv are in {}: name one", self.list.display()),
            )),
        }
    }
}

/// A file of so many bytes at most.
fn bounded(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(std::io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

//! `earwitness list`: calls, newest last.

use std::io::{self, Write};

use clap::Args;
use earwitness_model::Decision;
use earwitness_vault::{Entry, IndexError, Opener, Vault};

use super::export::Unsealed;
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    filter::Filters,
    instruments::Vitals,
    socket::{Grant, health},
    view::{COLUMNS, PayloadDigest, Row, Sheet, call_object, counted, is_cut, payload_digests, table},
};

/// Calls of one table: columns are as wide as they need to be, and a million calls do not wait for each other.
const PAGE: usize = 500;
/// Excel takes a file without it for the machine's old code page, and Korean for noise.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// List calls, newest last
#[derive(Debug, Args)]
#[command(after_help = after_help())]
pub(crate) struct List {
    #[command(flatten)]
    filters: Filters,
    /// Also calls that the rules refuse
    #[arg(long)]
    all: bool,
    /// One JSON object per line
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Comma-separated values with a heading, for spreadsheets
    #[arg(long)]
    csv: bool,
    /// Into a pipe: the names of the columns before the first call
    #[arg(long, conflicts_with_all = ["json", "csv"])]
    header: bool,
    /// With --json: payload_sha256 of each stream, read back from the vault
    #[arg(long, requires = "json")]
    sha256: bool,
}

fn after_help() -> String {
    format!(
        "On a terminal a table; a star behind the outcome marks a call that the recorder or the capture did not outlive. Into a \
         pipe one line per call, separated by tabs, `-` for what is not known:\n  {}\nring_s and talk_s are seconds; \
         `talk` of the table is the same, rounded. Calls are listed when they end: `earwitness top` shows those that run.",
        COLUMNS.join(" ")
    )
}

/// Calls that run are listed when they end: says how many there are. A recorder that reads files does not tell, and one that
/// begins or ends cannot: the list is right without it.
pub(super) fn tell_of_running(context: &Context) {
    let vitals = health(&context.vault).ok().and_then(|text| serde_json::from_str::<Vitals>(&text).ok());
    match vitals.map_or(0, |vitals| vitals.calls.running as u64) {
        0 => {}
        1 => context.say("1 call runs now, and is listed when it ends: `earwitness top`"),
        running => {
            context
                .say(format_args!("{running} calls run now, and are listed when they end: `earwitness top`"));
        }
    }
}

impl List {
    /// It opens what is sealed for the digests only.
    pub(super) fn grant(&self) -> Grant {
        let grant = self.filters.grant(Grant::default());
        if self.sha256 { grant.with_key() } else { grant }
    }

    pub(crate) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        let filter = self.filters.resolve(context, vault)?;
        let mut calls =
            Calls { of: filter.calls(vault), context, all: self.all, shown: 0, refused: 0, damaged: 0 };
        let mut out = io::BufWriter::new(context.out());
        let mut is_whole = true;
        if self.json {
            is_whole = self.write_objects(&mut calls, (context, vault), &mut out)?;
        } else if self.csv {
            write_csv(&mut calls, vault, &mut out)?;
        } else if context.screen().is_for_people() {
            write_tables(&mut calls, (context, vault), &mut out)?;
        } else {
            if self.header {
                writeln!(out, "{}", COLUMNS.join("\t"))?;
            }
            for entry in calls.by_ref() {
                writeln!(out, "{}", Row::new(&entry, vault.zone()).line())?;
            }
        }
        out.flush()?;
        drop(out);
        Ok(calls.tell(is_whole))
    }

    /// Says whether every digest that was asked for could be read back.
    fn write_objects(
        &self,
        calls: &mut Calls<'_>,
        (context, vault): (&Context, &Vault),
        out: &mut impl Write,
    ) -> Result<bool, Failure> {
        let mut opener = None;
        let mut is_whole = true;
        for entry in calls {
            context.go_on()?;
            let mut digests = self.sha256.then(Vec::new);
            if self.sha256 && entry.recording.is_some() {
                if opener.is_none() {
                    opener = Some(context.unlock(vault)?);
                }
                let read = opener.as_ref().and_then(|opener| digests_of(context, opener, &entry));
                is_whole &= read.is_some();
                digests = Some(read.unwrap_or_default());
            }
            writeln!(out, "{}", call_object(&entry, vault.zone(), digests.as_deref()))?;
        }
        Ok(is_whole)
    }
}

/// The digests of a call's streams; `None`, and said why, when not all of it can be read back: a digest of what is left
/// would be one of something else.
fn digests_of(context: &Context, opener: &Opener, entry: &Entry) -> Option<Vec<PayloadDigest>> {
    match Unsealed::open(opener, entry) {
        Ok(unsealed) if unsealed.damage.is_empty() => Some(payload_digests(&unsealed.audio)),
        Ok(unsealed) => {
            unsealed.tell_damage(context, entry);
            None
        }
        Err(error) => {
            context.tell(format_args!("call {}: {error}", entry.summary.id));
            None
        }
    }
}

fn write_csv(calls: &mut Calls<'_>, vault: &Vault, out: &mut impl Write) -> Result<(), Failure> {
    out.write_all(BYTE_ORDER_MARK)?;
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(COLUMNS).map_err(written)?;
    for entry in calls {
        csv.write_record(Row::new(&entry, vault.zone()).fields().map(not_a_formula)).map_err(written)?;
    }
    Ok(csv.flush()?)
}

/// What the system said, as it said it: a closed pipe is no failure.
fn written(error: csv::Error) -> io::Error {
    if let csv::ErrorKind::Io(cause) = error.kind() {
        return io::Error::from(cause.kind());
    }
    io::Error::other(error)
}

/// A spreadsheet computes a cell that begins like a formula, and callers choose their names. A number with its plus stays.
fn not_a_formula(cell: String) -> String {
    let is_number =
        |rest: &str| rest.chars().all(|letter| letter.is_ascii_digit() || matches!(letter, '-' | ' '));
    match cell.strip_prefix(['=', '+', '-', '@']) {
        Some(rest) if !(cell.starts_with('+') && is_number(rest)) => format!("'{cell}"),
        Some(_) | None => cell,
    }
}

fn write_tables(
    calls: &mut Calls<'_>,
    (context, vault): (&Context, &Vault),
    out: &mut impl Write,
) -> Result<(), Failure> {
    let width = context.screen().width();
    let (mut left_out, mut cut) = (Vec::new(), 0);
    loop {
        let page: Vec<Entry> = calls.by_ref().take(PAGE).collect();
        if page.is_empty() {
            break;
        }
        cut += page.iter().filter(|entry| is_cut(entry)).count();
        let sheet: Sheet = table(&page, vault.zone(), width);
        writeln!(out, "{}", sheet.text)?;
        // They go in one order: of two pages, one leaves out all that the other does.
        if sheet.left_out.len() > left_out.len() {
            left_out = sheet.left_out;
        }
    }
    out.flush()?;
    if cut > 0 {
        context.say("* the recorder or the capture ended before this call did");
    }
    if !left_out.is_empty() {
        context.say(format_args!("no room for: {}; a wider terminal has it, and --csv", left_out.join(", ")));
    }
    Ok(())
}

/// The calls to be shown. Counts them, and says of damaged rows of the index that they are.
struct Calls<'v> {
    of: Box<dyn Iterator<Item = Result<Entry, IndexError>> + 'v>,
    context: &'v Context,
    all: bool,
    shown: u64,
    refused: u64,
    damaged: u64,
}

impl Iterator for Calls<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        loop {
            match (self.of.next()?, self.all) {
                (Ok(entry), all) if all || is_admitted(&entry) => {
                    self.shown += 1;
                    return Some(entry);
                }
                (Ok(_), _) => self.refused += 1,
                (Err(error), _) => {
                    self.context.tell(error);
                    self.damaged += 1;
                }
            }
        }
    }
}

impl Calls<'_> {
    /// The last line, and what the command comes to.
    fn tell(&self, is_whole: bool) -> Exit {
        let context = self.context;
        let refused = match self.refused {
            0 => String::new(),
            refused => format!("; {refused} refused by the rules: --all shows them"),
        };
        context.say(format_args!("{}{refused}", counted(self.shown, "call")));
        if self.damaged > 0 {
            context.say(
                "rows of the index are damaged: `earwitness index rebuild` makes it anew from the volumes",
            );
        }
        if self.damaged == 0 && is_whole { Exit::Done } else { Exit::Broken }
    }
}

fn is_admitted(entry: &Entry) -> bool {
    match entry.summary.verdict.decision {
        Decision::Admit(_) => true,
        Decision::Refuse(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::not_a_formula;

    #[test]
    fn a_name_is_no_formula_and_a_number_stays_a_number() {
        for (cell, safe) in [
            ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-1+1", "'-1+1"),
            ("+A1", "'+A1"),
            ("+82 31-222-1111", "+82 31-222-1111"),
            ("0312221111", "0312221111"),
            ("", ""),
        ] {
            assert_eq!(not_a_formula(cell.to_owned()), safe);
        }
    }
}

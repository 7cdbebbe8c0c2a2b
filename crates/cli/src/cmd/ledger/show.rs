//! `earwitness ledger show`: the rows.

use std::{
    io::{BufWriter, Write},
    ops::ControlFlow,
};

use clap::Args;
use earwitness_model::{PacketTime, WallTime};
use earwitness_vault::{LedgerKind, Row, Vault};

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    filter::times,
    view::{instant, kind_name, row_facts},
};

/// The rows, in order
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earwitness ledger show --since today
  earwitness ledger show --kind exported --kind listened --since 2026-11-01
  earwitness ledger show --csv > ledger.csv

Kinds: the names that are shown, as recorded, excluded, failed, coverage_gap, day_closed. CSV has a byte order mark, so that Excel \
reads it as UTF-8.")]
pub(super) struct Show {
    /// From this time on
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    /// Up to this time; a day counts to its end
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,
    /// Rows of this kind; repeat it for several
    #[arg(long, value_name = "KIND", value_parser = kind_named)]
    kind: Vec<LedgerKind>,
    /// A JSON object on each line
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// CSV for Excel
    #[arg(long)]
    csv: bool,
}

fn kind_named(name: &str) -> Result<LedgerKind, String> {
    let known = || LedgerKind::ALL.iter().map(|kind| kind_name(*kind)).collect::<Vec<_>>().join(", ");
    let named = LedgerKind::ALL.iter().copied().find(|kind| kind_name(*kind) == name);
    named.ok_or_else(|| format!("no such kind; there are {}", known()))
}

impl Show {
    pub(super) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        let typed = (self.since.as_deref(), self.until.as_deref());
        let (since, until) = times(typed, Context::now(), vault.zone())?;
        let is_meant = |row: &Row| {
            let at = packet_time(row.at);
            (self.kind.is_empty() || self.kind.contains(&row.kind))
                && since.is_none_or(|since| at >= since)
                && until.is_none_or(|until| at < until)
        };
        let mut lines = Lines::new(self, context)?;
        let (mut unread, mut went) = (0u64, Ok(()));
        vault.each_row(&mut |row| {
            went = context.go_on().and_then(|()| match row {
                Ok(row) if is_meant(&row) => lines.row(&row, &instant(packet_time(row.at), vault.zone())),
                Ok(_) => Ok(()),
                Err(error) => {
                    unread += 1;
                    context.say(error);
                    Ok(())
                }
            });
            if went.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        went?;
        lines.finish()?;
        Ok(if unread > 0 { Exit::Broken } else { Exit::Done })
    }
}

/// How rows are printed.
enum Lines<W: Write> {
    Text(W),
    Json(W),
    Csv(Box<csv::Writer<W>>),
}

impl<'c> Lines<BufWriter<crate::seat::Out<'c>>> {
    fn new(show: &Show, context: &'c Context) -> Result<Self, Failure> {
        let mut out = BufWriter::new(context.out());
        Ok(match (show.csv, show.json) {
            (true, _) => {
                out.write_all("\u{feff}".as_bytes())?;
                let mut csv = csv::Writer::from_writer(out);
                csv.write_record(["number", "at", "kind", "call", "says"]).map_err(written)?;
                Self::Csv(Box::new(csv))
            }
            (false, true) => Self::Json(out),
            (false, false) => Self::Text(out),
        })
    }
}

impl<W: Write> Lines<W> {
    fn row(&mut self, row: &Row, at: &str) -> Result<(), Failure> {
        let facts = row_facts(row);
        match self {
            Self::Json(out) => writeln!(out, "{}", facts.object(row, at))?,
            Self::Text(out) => {
                let call = facts.call.map(|call| format!("{call}  ")).unwrap_or_default();
                writeln!(out, "{:>8}  {at}  {:<18}  {call}{}", row.number, kind_name(row.kind), facts.says)?;
            }
            Self::Csv(csv) => {
                let (number, kind) = (row.number.to_string(), kind_name(row.kind));
                let call = facts.call.unwrap_or_default();
                csv.write_record([&number, at, &kind, &call, &facts.says]).map_err(written)?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Json(mut out) | Self::Text(mut out) => out.flush()?,
            Self::Csv(mut csv) => csv.flush()?,
        }
        Ok(())
    }
}

const fn packet_time(at: WallTime) -> PacketTime {
    PacketTime::from_nanos(at.nanos())
}

fn written(cause: csv::Error) -> Failure {
    Failure::new(Exit::Failed, cause)
}

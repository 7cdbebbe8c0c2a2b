//! What people and programs are shown of a call. Text in, text out: nothing here opens, unlocks or writes anything.

mod amount;
mod clock;
mod coverage;
mod digest;
mod examination;
mod instant;
mod json;
mod ladder;
mod ledger_row;
mod meaning;
mod mos;
mod page;
mod paper;
mod party;
mod printable;
mod printed;
mod quality;
mod reason;
mod retention_row;
mod row;
mod sound;
mod statement;
mod step;
mod streams;
mod strip;
mod table;
mod top;
mod vitals;
mod words;
mod wrap;

#[cfg(test)]
pub(crate) mod sample;

pub(crate) use self::{
    amount::{bytes, count, counted},
    clock::{clock_sentences, clock_words},
    coverage::{coverage_object, coverage_page},
    digest::{PayloadDigest, payload_digests},
    examination::{code_object, examination, meaning_of, report_object},
    instant::{day_and_time, instant},
    json::{blake3_of, call_object},
    ladder::ladder,
    ledger_row::{kind_name, row_facts},
    mos::{Arrived, MOS_HELP, mos},
    page::{page, section},
    paper::{PrintedShare, SheetForm},
    party::{ours_and_theirs, shown},
    printable::printable,
    printed::{Page, printed_html, printed_text},
    reason::{is_recorded, reason},
    row::{COLUMNS, Row, is_cut},
    sound::voices,
    statement::{statement_object, statement_page},
    step::{Step, steps},
    table::{Sheet, table},
    top::{Board, Flow, Palette, draw},
    vitals::vitals_page,
    words::leg_word,
    wrap::fitted,
};

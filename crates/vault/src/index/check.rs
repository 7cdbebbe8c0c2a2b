//! Reading the whole index, to believe it.

use earwitness_model::CallId;

use super::{
    Index,
    error::{Damage, IndexError, IndexFinding},
    schema::{self, RowKind, Tally},
};

/// Findings that are listed one by one.
const MAX_FINDINGS: usize = 1000;

/// See [`Index::check`]. Batches wait until it is done.
pub(super) fn check(index: &Index) -> Vec<IndexFinding> {
    let expected = index.counted();
    let mut check = Check { index, found: Tally::default(), findings: Vec::new(), unlisted: 0 };
    for row in index.store().rows(&[], &schema::ROWS_END) {
        match row {
            Ok((key, value)) => check.row(&key, &value),
            Err(error) => check.report(IndexFinding::Store(damage(&error))),
        }
    }
    let (expected, found) = (expected.tally, check.found);
    if expected.calls != found.calls {
        check.report(IndexFinding::Count { expected: expected.calls, found: found.calls });
    } else if expected.digest != found.digest {
        check.report(IndexFinding::Content);
    }
    if check.unlisted > 0 {
        check.findings.push(IndexFinding::Unlisted { count: check.unlisted });
    }
    check.findings
}

struct Check<'i> {
    index: &'i Index,
    found: Tally,
    findings: Vec<IndexFinding>,
    unlisted: u64,
}

impl Check<'_> {
    fn report(&mut self, finding: IndexFinding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        } else {
            self.unlisted += 1;
        }
    }

    fn row(&mut self, key: &[u8], value: &[u8]) {
        match schema::row_kind(key) {
            RowKind::Tally => {
                if let Err(damage) = schema::open_tally(&self.index.key, value) {
                    self.report(IndexFinding::Store(damage));
                }
            }
            RowKind::Entry(call) => {
                self.found.count(key, value);
                self.entry(call, value);
            }
            RowKind::SipCallId { hash, call } => {
                if !self.leads_to_its_call(key, value, (hash, call)) {
                    self.report(IndexFinding::SipCallIdDangling { call });
                }
            }
            RowKind::Unknown => self.report(IndexFinding::UnknownRow),
        }
    }

    fn entry(&mut self, call: CallId, value: &[u8]) {
        let entry = match schema::open_entry(&self.index.key, call, value) {
            Ok(entry) => entry,
            Err(damage) => return self.report(IndexFinding::Entry { call, damage }),
        };
        for key in self.index.sip_call_ids.keys(&entry) {
            match self.index.store().get(&key) {
                Ok(Some(_)) => {}
                Ok(None) => self.report(IndexFinding::SipCallIdMissing { call }),
                Err(error) => self.report(IndexFinding::Store(damage(&error))),
            }
        }
    }

    fn leads_to_its_call(&self, key: &[u8], value: &[u8], (hash, call): ([u8; 16], CallId)) -> bool {
        let named = |id: &str| self.index.sip_call_ids.of(id) == hash;
        schema::unframe(key, value).is_ok_and(<[u8]>::is_empty)
            && match self.index.get(call) {
                Ok(Some(entry)) => entry.summary.sip_call_ids.iter().any(|id| named(id.expose())),
                Ok(None) | Err(_) => false,
            }
    }
}

/// What an error of the store says of its rows.
fn damage(error: &IndexError) -> Damage {
    match error {
        IndexError::Damaged(damage) => *damage,
        IndexError::Io { .. } => Damage::StoreStopped,
        IndexError::WrongKey | IndexError::TooLarge { .. } | IndexError::BadPrefix => Damage::RowContent,
    }
}

//! A vault in a directory of its own, and a call to put into it.

use chrono_tz::Asia::Seoul;
use earwitness_load::MORNING;
use earwitness_model::{CallEnd, CallFacts, CallId, CallSummary, EndedBy, Outcome, Party, Pii, WallTime};
use earwitness_rules::RuleSet;
use earwitness_vault::{Access, CipherSuite, NewVault, Opening, Unlock, Vault, create};
use tempfile::TempDir;

/// The office's clock.
pub const NOW: WallTime = WallTime::from_nanos(MORNING.nanos());

/// An open vault that goes away with its directory.
pub struct Office {
    /// The vault.
    pub vault: Vault,
    /// How its recordings are opened.
    pub unlock: Unlock,
    _root: TempDir,
}

impl Office {
    /// A new vault that seals with `cipher`.
    #[must_use]
    pub fn new(cipher: CipherSuite) -> Self {
        let root = tempfile::tempdir().expect("the directory for temporary files takes one more");
        let dir = root.path().join("vault");
        let new = NewVault {
            access: Access::Open,
            cipher,
            zone: Seoul,
            passphrase: None,
            officer_key: None,
            now: NOW,
        };
        let created = create(&dir, new).expect("a fresh directory takes a vault");
        let vault = Vault::open(&dir).expect("a vault that was just made opens");
        Self { vault, unlock: Unlock::KeyFile(created.officer_key), _root: root }
    }
}

/// The id of call `n`.
#[must_use]
pub fn call_id(n: u32) -> CallId {
    CallId::new(MORNING.nanos() / 1_000_000 + i64::from(n) * 100, u128::from(n))
}

/// What is known when call `n` begins, under the lab rule.
#[must_use]
pub fn opening(n: u32) -> Opening {
    let facts = facts(n);
    let verdict = RuleSet::lab().decide(&facts);
    Opening { call: call_id(n), at: facts.start, facts, verdict, continues: None }
}

/// Call `n`, a minute long and over.
#[must_use]
pub fn summary(n: u32) -> CallSummary {
    let Opening { call, facts, verdict, .. } = opening(n);
    let end = facts.start.plus_nanos(60_000_000_000);
    CallSummary {
        id: call,
        sip_call_ids: vec![Pii::new(format!("{n:08x}-dialog@10.1.0.5"))],
        answer: Some(facts.start),
        facts,
        verdict,
        end: Some(CallEnd { at: end, by: Some(EndedBy::Caller), reason: None }),
        outcome: Outcome::Answered,
        sip_status: Some(200),
        tracks: Vec::new(),
        streams: Vec::new(),
        dtmf: Vec::new(),
        gaps: Vec::new(),
        flags: Vec::new(),
        messages: 7,
        joined: Vec::new(),
        joined_parties: Vec::new(),
        related: Vec::new(),
        tunnel: None,
    }
}

fn facts(n: u32) -> CallFacts {
    let party = |user: String| Party { user: Some(Pii::new(user)), display: None, host: None };
    CallFacts {
        start: MORNING.plus_nanos(i64::from(n) * 100_000_000),
        from: party(format!("010{:08}", 20_000_000 + n)),
        to: party(format!("{}", 4001 + n % 20)),
        request_user: None,
        asserted: Vec::new(),
        diverted_from: Vec::new(),
    }
}

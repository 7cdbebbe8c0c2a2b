//! Calls put, listed, searched and found again.

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, Throughput};
use earwitness_benches::{
    calls::call,
    cpu_time::cpu_time,
    office::{NOW, Office},
};
use earwitness_model::{CallSummary, Outcome, WallTime};
use earwitness_vault::{CipherSuite, Ending, Entry, Search, Writer};

/// Calls that are listed: forty days of some thousand.
const CALLS: u32 = 100_000;
/// Calls of a commit at 1,000 calls a second.
const COMMIT: u32 = 500;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let office = Office::new(CipherSuite::Aes256Gcm);
    let summaries: Vec<CallSummary> = (0..CALLS).map(|n| call(n, CALLS)).collect();
    let entries: Vec<Entry> = summaries.iter().map(|summary| Entry::new(summary.clone(), None)).collect();
    entries.chunks(1000).for_each(|batch| office.vault.index().put(batch).expect("there is room"));
    searched(&mut criterion, &office, &summaries);
    found(&mut criterion, &office, &entries);
    ended(&mut criterion);
    criterion.final_summary();
}

/// What a search takes that finds few: looking through the columns of all calls.
fn searched(criterion: &mut Criterion, office: &Office, summaries: &[CallSummary]) {
    type Meant = Box<dyn Fn(&CallSummary) -> bool>;
    let index = office.vault.index();
    let user = summaries[CALLS as usize / 2].facts.from.user.clone().expect("a caller").into_exposed();
    let wanted = user.clone();
    let searches: [(&str, Search, Meant); 4] = [
        (
            "number",
            Search { numbers: vec![Ending::of(&user)], ..Search::default() },
            Box::new(move |call| call.numbers().any(|party| *party.expose() == wanted)),
        ),
        (
            "outcome",
            Search { outcomes: vec![Outcome::Declined], ..Search::default() },
            Box::new(|call| call.outcome == Outcome::Declined),
        ),
        (
            "loss",
            Search { lost_above: Some(5.0), ..Search::default() },
            Box::new(|call| call.worst_loss().is_some_and(|lost| lost > 5.0)),
        ),
        (
            "length",
            Search { least_talk: Some(Duration::from_secs(3600)), ..Search::default() },
            Box::new(|call| call.talk_nanos() >= 3_600_000_000_000),
        ),
    ];
    let mut group = criterion.benchmark_group("index");
    group.sample_size(10);
    group.throughput(Throughput::Elements(u64::from(CALLS)));
    for (name, search, is_meant) in searches {
        let found = || {
            let entries = index.search(&search).map(|entry| entry.expect("a whole index"));
            entries.filter(|entry| is_meant(&entry.summary)).map(|entry| entry.summary).collect::<Vec<_>>()
        };
        let expected: Vec<_> = summaries.iter().filter(|summary| is_meant(summary)).cloned().collect();
        assert!(!expected.is_empty() && found() == expected, "{name}");
        group
            .bench_function(format!("search by {name}"), |bencher| bencher.iter(|| black_box(found().len())));
    }
    group.finish();
}

/// What one call takes that is known by its id or its SIP Call-ID, and the first of a listing.
fn found(criterion: &mut Criterion, office: &Office, entries: &[Entry]) {
    let index = office.vault.index();
    let one = &entries[CALLS as usize / 3];
    let (id, sip_call_id) = (one.summary.id, one.summary.sip_call_ids[0].expose());
    assert_eq!(index.get(id).expect("a whole index").as_ref(), Some(one));
    assert_eq!(index.by_sip_call_id(sip_call_id).expect("a whole index"), [id]);
    let mut group = criterion.benchmark_group("index");
    group.bench_function("get", |bencher| bencher.iter(|| index.get(black_box(id))));
    group.bench_function("by SIP Call-ID", |bencher| {
        bencher.iter(|| index.by_sip_call_id(black_box(sip_call_id)));
    });
    group.sample_size(20);
    group.bench_function("first row", |bencher| {
        bencher.iter(|| {
            assert_eq!(index.newest_last(None, None).next().expect("a row").as_ref().ok(), Some(&entries[0]))
        });
    });
    group.finish();
}

/// What a call costs that ends: its row in the ledger and its row in the index, in commits of many. Processor time: the
/// disk is waited for besides.
fn ended(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("index");
    group.sample_size(20);
    group.throughput(Throughput::Elements(u64::from(COMMIT)));
    let office = Office::new(CipherSuite::Aes256Gcm);
    let (_sealer, mut writer) = office.vault.writer().expect("nobody else writes");
    let mut next = 0;
    group.bench_function("a call that ends, ledger and index", |bencher| {
        bencher.iter_custom(|rounds| {
            let mut time = Duration::ZERO;
            for _ in 0..rounds {
                let summaries: Vec<_> = (next..next + COMMIT).map(|n| call(n, 1_000_000)).collect();
                next += COMMIT;
                time += cpu_time(|| commit(&mut writer, &summaries));
            }
            time
        });
    });
    writer.close(NOW).expect("there is room");
    assert_eq!(office.vault.index().len(), u64::from(next));
    assert_eq!(office.vault.check_index(), []);
    group.finish();
}

fn commit(writer: &mut Writer, summaries: &[CallSummary]) {
    summaries.iter().for_each(|summary| writer.exclude(summary));
    let now = WallTime::from_nanos(summaries[0].facts.start.nanos());
    assert_eq!(writer.commit(now).expect("there is room").calls.len(), summaries.len());
}

//! Where the time goes: what `perf` saw, by thread and by stage.

use std::{collections::BTreeMap, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::process;

/// A stage, and parts of the names of the functions that belong to it. The first stage that knows a name has it.
const STAGES: [(&str, &[&str]); 13] = [
    ("kernel", &["[k] "]),
    ("read the file", &["earwitness_capture::"]),
    ("decode frames", &["earwitness_wire::decode", "earwitness_wire::encap", "etherparse::"]),
    ("SIP and SDP", &["earwitness_wire::s", "memchr::", "engine::signalling", "earwitness_rules::"]),
    (
        "engine",
        &[
            "earwitness_engine::",
            "earwitness_wire::rtp",
            "model::segment::pack",
            "recorder::run",
            "hashbrown",
            "foldhash",
        ],
    ),
    ("encrypt", &["aes", "polyval", "gcm", "ghash", "vault::cipher"]),
    ("hash", &["blake3", "crc32c"]),
    ("keys and signatures", &["25519", "ed25519", "chacha", "age::", "sha2::", "hkdf", "hmac", "rand"]),
    ("index and ledger", &["sled::", "vault::index", "vault::ledger", "vault::entry", "postcard"]),
    ("write", &["vault::writer", "recorder::writer", "vault::volume", "vault::growing"]),
    ("seal, besides", &["earwitness_vault::"]),
    ("queues", &["crossbeam", "earwitness_recorder::"]),
    ("memory", &["malloc", "free", "mem", "_int_", "alloc::", "sysmalloc", "unlink_chunk"]),
];

/// One line of the profile.
#[derive(Debug, PartialEq)]
struct Line<'t> {
    percent: f64,
    thread: &'t str,
    symbol: &'t str,
}

/// Shares by thread and by stage, of `micros` per packet.
pub(super) fn table(profile: &Path, micros: f64) -> Result<String> {
    let mut perf = Command::new("perf");
    perf.args([
        "report",
        "--stdio",
        "-q",
        "--percent-limit",
        "0",
        "-F",
        "overhead,comm,sym",
        "-t",
        ";",
        "-i",
    ]);
    let report = process::output(perf.arg(profile))?;
    let lines: Vec<Line<'_>> = report.lines().filter_map(line).collect();
    lines.first().context("perf saw nothing")?;
    Ok(format!(
        "\n| thread | share | µs per packet |\n|---|---|---|\n{}\n| stage | share | µs per packet |\n|---|---|---|\n{}",
        rows(lines.iter().map(|line| (line.thread, line.percent)), micros),
        rows(lines.iter().map(|line| (stage(line.symbol), line.percent)), micros),
    ))
}

/// `12.34%;thread;[.] function`
fn line(text: &str) -> Option<Line<'_>> {
    let mut parts = text.splitn(3, ';');
    let percent = parts.next()?.trim().strip_suffix('%')?.parse().ok()?;
    Some(Line { percent, thread: parts.next()?.trim(), symbol: parts.next()?.trim() })
}

fn stage(symbol: &str) -> &'static str {
    let knows = |parts: &[&str]| parts.iter().any(|part| symbol.contains(part));
    STAGES.iter().find(|(_, parts)| knows(parts)).map_or("others", |(stage, _)| stage)
}

/// Sums by name, the largest first.
fn rows<'n>(shares: impl Iterator<Item = (&'n str, f64)>, micros: f64) -> String {
    let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
    shares.for_each(|(name, percent)| *sums.entry(name).or_default() += percent);
    let mut sums: Vec<(&str, f64)> = sums.into_iter().collect();
    sums.sort_by(|a, b| b.1.total_cmp(&a.1));
    sums.iter()
        .map(|(name, percent)| format!("| {name} | {percent:.1} % | {:.3} |\n", percent * micros / 100.0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_profile_is_share_thread_and_function() {
        let expected = Line { percent: 4.02, thread: "ew-write", symbol: "[k] copy_folio_from_iter_atomic" };
        assert_eq!(line(" 4.02%  ;ew-write;[k] copy_folio_from_iter_atomic   "), Some(expected));
        assert_eq!(line("# Overhead;Command;Symbol"), None);
        assert_eq!(line(""), None);
    }

    #[test]
    fn functions_belong_to_stages() {
        for (symbol, expected) in [
            ("[k] copy_folio_from_iter_atomic", "kernel"),
            ("[.] polyval::backend::clmul::Polyval::mul", "encrypt"),
            ("[.] _blake3_hash_many_avx512", "hash"),
            ("[.] earwitness_engine::halves::Halves::handle_datagram", "engine"),
            ("[.] earwitness_engine::signalling::Signalling::handle_message", "SIP and SDP"),
            ("[.] earwitness_vault::payload_hash::PayloadHashes::handle_segment", "seal, besides"),
            ("[.] __memmove_avx512_unaligned_erms", "memory"),
            ("[.] 0x00007f", "others"),
        ] {
            assert_eq!(stage(symbol), expected, "{symbol}");
        }
    }

    #[test]
    fn shares_are_summed_and_the_largest_is_first() {
        let shares = [("a", 10.0), ("b", 30.0), ("a", 40.0)];
        assert_eq!(rows(shares.into_iter(), 0.5), "| a | 50.0 % | 0.250 |\n| b | 30.0 % | 0.150 |\n");
    }
}

//! Every file of the corpus through the whole program; what it makes of them is the score, in `corpus_score.rs`.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use support::{Bench, corpus, files};

#[test]
fn every_file_is_read_to_its_end_or_refused_in_one_line() {
    let Some(corpus) = corpus() else { return };
    for path in files(&corpus) {
        let bench = Bench::new();
        let said = bench.run(["record", "--lab", "-q", "-r", path.to_str().unwrap()]);
        let is_capture =
            path.extension().is_some_and(|e| ["pcap", "pcapng", "cap", "gz"].iter().any(|x| e == *x));
        if is_capture {
            assert!(matches!(said.code, Some(0 | 7)), "{}: {said:?}", path.display());
            assert_eq!(said.code == Some(7), said.err.contains("ends inside frame"), "{said:?}");
        } else if said.code == Some(1) {
            assert!(said.err.lines().count() <= 2 && !said.err.contains("panicked"), "{said:?}");
        } else {
            assert!(matches!(said.code, Some(0 | 7)), "{}: {said:?}", path.display());
        }
    }
}

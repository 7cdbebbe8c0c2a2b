//! Rule files: every text is loaded or refused with places that exist; what loads has a canonical text of the same
//! hash, its verdicts agree with its explanations, and a `never` rule for everything refuses everything.
#![no_main]

use earwitness_model::{Decision, Refusal};
use earwitness_rules::{RuleSet, SourceText, facts_for};
use libfuzzer_sys::fuzz_target;

const NEVER: &str = "[[rule]]\nname = \"\u{10ffff} stop\"\nmode = \"never\"\nextensions = [\"*\"]\n";

fuzz_target!(|text: &str| {
    // Two files and two numbers, cut where the input says so.
    let mut parts = text.split('\u{0}');
    let mut part = || parts.next().unwrap_or("");
    let (first, second, from, to) = (part(), part(), part(), part());
    let files = [SourceText { name: "a.toml", text: first }, SourceText { name: "b.toml", text: second }];
    let set = match RuleSet::load(&files) {
        Ok(set) => set,
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                let of = if problem.file == "a.toml" { first } else { second };
                assert!(problem.column >= 1 && problem.line >= 1);
                assert!(problem.line as usize <= of.matches('\n').count() + 1, "{problem}");
            }
            return;
        }
    };
    let [a, b] = files;
    assert_eq!(RuleSet::load(&[b, a]).map(|turned| turned.hash()), Ok(set.hash()));
    let canonical = set.canonical();
    let again = RuleSet::load(&[SourceText { name: "canonical.toml", text: &canonical }]);
    assert_eq!(again.map(|again| again.hash()), Ok(set.hash()), "{canonical}");

    let facts = facts_for(from, to);
    let verdict = set.decide(&facts);
    assert_eq!(set.explain(&facts).verdict, verdict);
    let once = set.numbers().normalise(from);
    assert_eq!(set.numbers().normalise(once.expose()), once);

    let stop = SourceText { name: "stop.toml", text: NEVER };
    if let Ok(stopped) = RuleSet::load(&[a, b, stop]) {
        assert_eq!(stopped.decide(&facts).decision, Decision::Refuse(Refusal::Never));
    }
});

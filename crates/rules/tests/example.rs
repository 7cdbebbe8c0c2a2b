//! The worked example of `capture-rules` does what its comments and its reference say.
#![expect(clippy::disallowed_methods, reason = "tests read the example's directory")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

use std::collections::BTreeSet;
use std::path::Path;

use earwitness_model::{Decision, Direction, InbandDigits, Keep, Mode, Refusal, Verdict};
use earwitness_rules::{EXAMPLE, RuleSet, SourceText, facts_for};

const CITIZEN: &str = "010-9999-8888";

fn example() -> RuleSet {
    let files: Vec<_> = EXAMPLE.iter().map(|(name, text)| SourceText { name, text }).collect();
    RuleSet::load(&files).unwrap()
}

fn decide(from: &str, to: &str) -> Verdict {
    example().decide(&facts_for(from, to))
}

fn kept_by(verdict: &Verdict) -> Option<(&str, &str)> {
    let Decision::Admit(Keep { retention, .. }) = &verdict.decision else { return None };
    Some((verdict.rule.as_deref()?, retention.name.as_str()))
}

#[test]
fn a_call_to_the_welfare_desk_is_kept_for_ninety_days() {
    let verdict = decide(CITIZEN, "4001");
    assert_eq!(kept_by(&verdict), Some(("welfare-desk", "citizen-90d")));
    assert_eq!(verdict.direction, Direction::Inbound);
    assert_eq!(verdict.extension.unwrap().expose(), "4001");
    assert_eq!(verdict.department.as_deref(), Some("복지과"));
    assert_eq!(verdict.mode, Some(Mode::Blanket));
    assert_eq!(verdict.rule_set, example().hash());
}

#[test]
fn the_permits_desk_keeps_what_comes_in_and_not_what_goes_out() {
    assert_eq!(kept_by(&decide(CITIZEN, "4050")), Some(("permits-desk", "disputes-3y")));
    assert_eq!(decide("4050", CITIZEN).decision, Decision::Refuse(Refusal::Direction));
}

#[test]
fn counselling_is_recorded_by_key_only() {
    let verdict = decide(CITIZEN, "4105");
    assert_eq!(verdict.decision, Decision::Refuse(Refusal::SelectiveNotStarted));
    assert_eq!(verdict.mode, Some(Mode::Selective));
    assert_eq!(verdict.rule.as_deref(), Some("counselling"));
}

#[test]
fn the_union_and_the_mayor_are_never_recorded_whoever_calls() {
    for (from, to) in [(CITIZEN, "4900"), ("4900", CITIZEN), ("4001", "4900"), (CITIZEN, "4901")] {
        assert_eq!(decide(from, to).decision, Decision::Refuse(Refusal::Never), "{from} > {to}");
    }
}

#[test]
fn colleagues_among_themselves_and_desks_without_a_rule_are_not_recorded() {
    assert_eq!(decide("4001", "4002").decision, Decision::Refuse(Refusal::InternalCall));
    assert_eq!(decide(CITIZEN, "4500").decision, Decision::Refuse(Refusal::NoRule));
    assert_eq!(decide(CITIZEN, "0312221111").decision, Decision::Refuse(Refusal::NoRule));
    assert_eq!(decide(CITIZEN, "01033334444").direction, Direction::Unknown);
}

#[test]
fn every_rule_file_of_the_directory_is_in_the_example() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../capture-rules");
    let names = std::fs::read_dir(directory).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let there: BTreeSet<String> = names.filter(|name| name.ends_with(".toml")).collect();
    assert_eq!(there, EXAMPLE.iter().map(|(name, _)| (*name).to_owned()).collect());
}

#[test]
fn the_explanation_is_what_a_person_reads() {
    let text = example().explain(&facts_for(CITIZEN, "+82 31-222-1111")).to_string();
    assert_eq!(
        text,
        "inbound, extension 0312221111\nnot recorded: no rule names this extension\n  5 rules name other extensions\n  the called number is a representative one: the extension it rings at decides; give that as --to"
    );
}

#[test]
fn comments_spelling_and_layout_do_not_change_the_hash_and_a_retention_does() {
    let load = |text: &str| RuleSet::load(&[SourceText { name: "a.toml", text }]).unwrap().hash();
    let rule =
        "[[rule]]\nname=\"a\"\nmode=\"blanket\"\nextensions=[\"2221111\"]\nretention=\"r\"\nnotice=\"n\"\n";
    let rest = "[retention.r]\nkeep=\"P12M\"\n[notice.n]\naudio=\"none\"\n";
    let plan = "area=\"31\"\n";
    let hash = load(&format!("{plan}{rule}{rest}"));
    for same in [
        format!("# comment\nschema = 1\n{plan}\n\n{rest}\n{rule}"),
        format!("{plan}{rule}{rest}").replace("2221111", "0312221111"),
        format!("{plan}{rule}{rest}").replace("P12M", "P1Y"),
        format!("{plan}{rule}inband_digits=false\n{rest}"),
        format!("{plan}{rule}direction=\"both\"\ninternal='exclude'\n{rest}"),
        format!("{plan}{rule}{rest}").replace("[\"2221111\"]", "[\"2221111\", \"2221111\"]"),
    ] {
        assert_eq!(load(&same), hash, "{same}");
    }
    for other in [
        format!("{plan}{rule}{rest}").replace("P12M", "P13M"),
        format!("{plan}{rule}inband_digits=true\n{rest}"),
        format!("{plan}{rule}early_media=\"keep\"\n{rest}"),
        format!("{rule}{rest}"),
        format!("{plan}{rule}{rest}required = false\n"),
    ] {
        assert_ne!(load(&other), hash, "{other}");
    }
}

#[test]
fn digits_in_the_audio_are_listened_for_where_the_rule_says_so() {
    let text = "[[rule]]\nname=\"a\"\nmode=\"blanket\"\nextensions=[\"4001\"]\nretention=\"r\"\nnotice=\"n\"\n\
                inband_digits=true\n[retention.r]\nkeep=\"P1D\"\n[notice.n]\naudio=\"none\"\n";
    for (text, expected) in
        [(text.to_owned(), InbandDigits::List), (text.replace("=true", "=false"), InbandDigits::Ignore)]
    {
        let set = RuleSet::load(&[SourceText { name: "a.toml", text: &text }]).unwrap();
        let Decision::Admit(keep) = set.decide(&facts_for(CITIZEN, "4001")).decision else {
            panic!("{text}")
        };
        assert_eq!(keep.inband_digits, expected);
        let canonical = set.canonical();
        let again = RuleSet::load(&[SourceText { name: "canonical.toml", text: &canonical }]).unwrap();
        assert_eq!(again.hash(), set.hash());
    }
}

#[test]
fn what_is_hashed_does_not_change_between_versions() {
    assert_eq!(
        RuleSet::lab().hash().to_string(),
        "1cbeda9f7954a809d70bb13f67737f13743135f860cbb15acec5b97785f297b8"
    );
}

#[test]
fn too_many_rules_are_refused_and_not_compared() {
    let rule = |n: usize| {
        format!(
            "[[rule]]\nname=\"r{n}\"\nmode=\"blanket\"\nextensions=[\"4001\"]\nretention=\"r\"\nnotice=\"n\"\n"
        )
    };
    let terms = "[retention.r]\nkeep=\"P1D\"\n[notice.n]\naudio=\"none\"\n";
    let text = (0..2_001).map(rule).collect::<String>() + terms;
    let problems = RuleSet::load(&[SourceText { name: "a.toml", text: &text }]).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].what, "2001 rules, more than 2000");
}

//! Laws that hold for every rule set and every call.

use earwitness_model::{CallFacts, Decision, Mode, Pii};
use earwitness_rules::{Pattern, RuleSet, SourceText, facts_for};
use proptest::prelude::*;

const TERMS: &str =
    "[retention.a]\nkeep = \"P90D\"\n[retention.b]\nkeep = \"P3Y\"\n[notice.n]\naudio = \"none\"\n";
const NUMBERS: &str = "area = \"31\"\ninternal = [\"4000-4029\"]\nrepresentative = [\"0312221111\"]\n";

/// A `[[rule]]` without its name.
fn rule() -> impl Strategy<Value = String> {
    let number = 4000u32..4030;
    let pattern = prop_oneof![
        4 => number.clone().prop_map(|n| n.to_string()),
        4 => (number, 1u32..20).prop_map(|(n, width)| format!("{n}-{}", n + width)),
        1 => Just("*".to_owned()),
        1 => Just("0312221111".to_owned()),
        1 => Just("alice".to_owned()),
    ];
    let mode = prop_oneof![
        5 => Just("mode = \"blanket\""),
        1 => Just("mode = \"selective\"\nstart = { keys = \"*1\" }"),
        1 => Just("mode = \"never\""),
    ];
    let word = |words: &'static [&'static str]| prop::sample::select(words);
    let choices =
        (word(&["both", "both", "inbound", "outbound"]), word(&["exclude", "record"]), word(&["a", "b"]));
    (mode, prop::collection::vec(pattern, 1..4), choices).prop_map(
        |(mode, patterns, (direction, internal, retention))| {
            let choices = match mode.contains("never") {
                true => String::new(),
                false => format!("direction = \"{direction}\"\ninternal = \"{internal}\"\n"),
            };
            format!(
                "{mode}\nextensions = {patterns:?}\n{choices}retention = \"{retention}\"\nnotice = \"n\"\n"
            )
        },
    )
}

/// Rules with names, each a text of its own.
fn rules() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(rule(), 0..6).prop_map(|rules| {
        let named = |(at, rule): (usize, String)| format!("[[rule]]\nname = \"r{at}\"\n{rule}");
        rules.into_iter().enumerate().map(named).collect()
    })
}

fn facts() -> impl Strategy<Value = CallFacts> {
    let user = || {
        prop_oneof![
            6 => (3998u32..4032).prop_map(|n| n.to_string()),
            2 => Just("01099998888".to_owned()),
            1 => Just("+82 31-222-1111".to_owned()),
            1 => Just("alice".to_owned()),
            1 => Just(String::new()),
        ]
    };
    let pii = |user: String| Pii::new(user);
    let some = move || prop::option::weighted(0.3, user().prop_map(pii));
    (user(), user(), some(), some(), some()).prop_map(|(from, to, request, asserted, diverted)| CallFacts {
        request_user: request,
        asserted: asserted.into_iter().collect(),
        diverted_from: diverted.into_iter().collect(),
        ..facts_for(&from, &to)
    })
}

fn load(texts: &[String]) -> Option<RuleSet> {
    let files: Vec<_> = texts.iter().map(|text| SourceText { name: "a.toml", text }).collect();
    RuleSet::load(&files).ok()
}

fn one_file(rules: &[String]) -> Option<RuleSet> {
    load(&[NUMBERS.to_owned() + &rules.concat() + TERMS])
}

fn is_admitted(set: &RuleSet, facts: &CallFacts) -> bool {
    matches!(set.decide(facts).decision, Decision::Admit(_))
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn the_order_of_rules_and_files_never_matters(
        (rules, shuffled) in rules().prop_flat_map(|rules| (Just(rules.clone()), Just(rules).prop_shuffle())),
        facts in facts(),
    ) {
        let together = one_file(&rules);
        let mut apart: Vec<String> = shuffled.iter().map(|rule| format!("# a comment\n{rule}")).collect();
        apart.insert(apart.len() / 2, TERMS.to_owned());
        apart.push(NUMBERS.to_owned());
        let apart = load(&apart);
        prop_assert_eq!(together.as_ref().map(RuleSet::hash), apart.as_ref().map(RuleSet::hash));
        if let (Some(together), Some(apart)) = (together, apart) {
            prop_assert_eq!(together.decide(&facts), apart.decide(&facts));
        }
    }

    #[test]
    fn the_canonical_text_loads_to_the_same_rule_set(rules in rules(), facts in facts()) {
        let set = one_file(&rules);
        prop_assume!(set.is_some());
        let set = set.unwrap();
        let again = load(&[set.canonical()]).expect("a canonical text loads");
        prop_assert_eq!(again.hash(), set.hash());
        prop_assert_eq!(again.canonical(), set.canonical());
        prop_assert_eq!(again.decide(&facts), set.decide(&facts));
    }

    #[test]
    fn a_never_rule_more_only_ever_removes_calls(
        rules in rules(),
        never in prop_oneof![Just("\"*\"".to_owned()), (3998u32..4032).prop_map(|n| format!("\"{n}-{}\"", n + 3))],
        facts in facts(),
    ) {
        let set = one_file(&rules);
        prop_assume!(set.is_some());
        let mut more = rules;
        more.push(format!("[[rule]]\nname = \"z\"\nmode = \"never\"\nextensions = [{never}]\n"));
        let (set, more) = (set.unwrap(), one_file(&more).expect("a never rule ties with nothing"));
        if is_admitted(&more, &facts) {
            prop_assert_eq!(more.decide(&facts).decision, set.decide(&facts).decision);
        }
    }

    #[test]
    fn a_call_is_admitted_only_by_a_blanket_rule_that_names_a_party_of_it(rules in rules(), facts in facts()) {
        let set = one_file(&rules);
        prop_assume!(set.is_some());
        let set = set.unwrap();
        let verdict = set.decide(&facts);
        prop_assert_eq!(verdict.rule_set, set.hash());
        let users = [&facts.from.user, &facts.to.user, &facts.request_user].into_iter().flatten();
        let numbers: Vec<_> = users
            .chain(&facts.asserted)
            .chain(&facts.diverted_from)
            .map(|user| set.numbers().normalise(user.expose()))
            .collect();
        let names = |rule: &earwitness_rules::Rule| {
            rule.extensions.iter().any(|p| *p == Pattern::Any || numbers.iter().any(|number| p.covers(number)))
        };
        if let Some(rule) = &verdict.rule {
            let rule = set.rules().iter().find(|known| known.name == *rule).expect("the rule is in the set");
            prop_assert!(names(rule), "{:?}", rule);
            prop_assert_eq!(verdict.mode, Some(rule.mode));
        }
        if is_admitted(&set, &facts) {
            prop_assert_eq!(verdict.mode, Some(Mode::Blanket));
            let never = set.rules().iter().filter(|rule| rule.mode == Mode::Never).find(|rule| names(rule));
            prop_assert!(never.is_none(), "{:?} is ignored", never);
        }
    }

    #[test]
    fn the_explanation_agrees_with_the_verdict_and_counts_every_rule(rules in rules(), facts in facts()) {
        let set = one_file(&rules);
        prop_assume!(set.is_some());
        let set = set.unwrap();
        let explanation = set.explain(&facts);
        prop_assert_eq!(&explanation.verdict, &set.decide(&facts));
        let decides = usize::from(explanation.verdict.rule.is_some());
        prop_assert_eq!(explanation.beaten.len() + decides + explanation.others, set.rules().len());
    }

    #[test]
    fn rule_sets_differ_exactly_when_their_hashes_do(some in rules(), others in rules()) {
        if let (Some(some), Some(others)) = (one_file(&some), one_file(&others)) {
            prop_assert_eq!(some.diff(&others).is_empty(), some.hash() == others.hash());
            prop_assert_eq!(some.diff(&some), vec![]);
        }
    }

    #[test]
    fn the_lab_rule_admits_every_call(facts in facts()) {
        prop_assert!(is_admitted(&RuleSet::lab(), &facts));
    }

    #[test]
    fn any_text_is_loaded_or_refused_with_places(text in prop_oneof![
        any::<String>(),
        "(schema|\\[\\[rule\\]\\]|name|mode|=|\\[|\\]|\"|\\{|\\}|4001|\n| |\\.|\\[retention\\.|-|keep|복)*",
    ]) {
        if let Err(problems) = RuleSet::load(&[SourceText { name: "a.toml", text: &text }]) {
            prop_assert!(!problems.is_empty());
            for problem in problems {
                prop_assert!(problem.line >= 1 && problem.line as usize <= text.matches('\n').count() + 1);
                prop_assert!(problem.column >= 1);
            }
        }
    }
}

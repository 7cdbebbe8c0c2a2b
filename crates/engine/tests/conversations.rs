//! Dialogs that are one conversation: what shows it, what does not, and what becomes of the verdict. The shapes of calls
//! themselves are scripts in `fixtures/calls`.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use earwitness_engine::Limits;
use earwitness_model::{CallSummary, Decision, EndedBy, Evidence, Flag, Outcome, Refusal};
use earwitness_rules::{RuleSet, SourceText};
use support::{Replayed, lab, replay, told};

/// 4000-4099 are kept from the answer on, 4900-4999 never; the exchange marks conversations.
fn office() -> RuleSet {
    let text = "schema = 1\ncountry = \"82\"\ninternal = [\"4000-4999\"]\nrepresentative = [\"0312221111\"]\n\
        conversation_headers = [\"X-Call-Key\"]\n\n\
        [[rule]]\nname = \"desks\"\nmode = \"blanket\"\nextensions = [\"4000-4099\"]\nretention = \"short\"\n\
        notice = \"spoken\"\n\n[[rule]]\nname = \"union\"\nmode = \"never\"\nextensions = [\"4900-4999\"]\n\n\
        [retention.short]\nkeep = \"P90D\"\n\n[notice.spoken]\naudio = \"none\"\n";
    RuleSet::load(&[SourceText { name: "office.toml", text }]).unwrap()
}

/// A call through an exchange: the caller dials `dialled`, and the exchange invites `rung` at `second`, in a dialog of its
/// own. It is answered at 1 s, and the phone speaks with the exchange from 3 s on.
struct Exchange<'t> {
    dialled: &'t str,
    rung: &'t str,
    second: &'t str,
    /// Headers of the two INVITEs.
    headers: [&'t str; 2],
}

impl Exchange<'_> {
    fn text(&self) -> String {
        let Exchange { dialled, rung, second, headers: [first, other] } = self;
        format!(
            "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE in from=01099998888 to={dialled} sdp=10.1.0.5:4000/PCMA {first}\n\
             at {second} 10.1.0.9:5060 > 10.1.0.21:5060 INVITE out from=01099998888 to={rung} sdp=10.1.0.9:6000/PCMA {other}\n\
             at 1.000 10.1.0.9:5060 > 10.1.0.5:5060 200 in sdp=10.1.0.9:4002/PCMA\n\
             at 1.010 10.1.0.5:5060 > 10.1.0.9:5060 ACK in\n\
             at 2.900 10.1.0.21:5060 > 10.1.0.9:5060 200 out sdp=10.1.0.21:5000/PCMA\n\
             at 2.910 10.1.0.9:5060 > 10.1.0.21:5060 ACK out\n\
             rtp in caller from=3.000 to=5.000 ssrc=0x11 speech-seed=1\n\
             rtp out callee from=3.000 to=5.000 ssrc=0x22 speech-seed=2\n\
             at 5.000 10.1.0.21:5060 > 10.1.0.9:5060 BYE out\nat 5.005 10.1.0.9:5060 > 10.1.0.21:5060 200 out\n\
             at 5.010 10.1.0.9:5060 > 10.1.0.5:5060 BYE in\nat 5.015 10.1.0.5:5060 > 10.1.0.9:5060 200 in\n"
        )
    }

    fn run(&self) -> Replayed {
        replay(&told(&self.text()), office(), Limits::default())
    }
}

const MARKED: [&str; 2] = ["header=\"X-Call-Key: 4711\"", "header=\"x-call-key: 4711\""];

/// The refusal, or `None` of a call that is kept, and how many dialogs are the call's.
fn verdicts(replayed: &Replayed) -> Vec<(Option<Refusal>, usize)> {
    let refusal = |call: &CallSummary| match call.verdict.decision {
        Decision::Admit(_) => None,
        Decision::Refuse(why) => Some(why),
    };
    replayed.summaries().into_iter().map(|call| (refusal(call), call.sip_call_ids.len())).collect()
}

#[test]
fn the_verdict_of_a_call_is_what_the_reference_says() {
    let no_rule = Some(Refusal::NoRule);
    let never = Some(Refusal::Never);
    for (dialled, rung, second, expected, kept) in [
        ("0312221111", "4001", "0.500", vec![(None, 2)], 200),
        ("4001", "4900", "0.500", vec![(never, 2)], 0),
        ("4900", "4001", "0.500", vec![(never, 2)], 0),
        ("4001", "4200", "0.500", vec![(None, 2)], 200),
        ("0312221111", "4001", "2.000", vec![(no_rule, 1), (None, 1)], 100),
        ("4001", "4200", "2.000", vec![(None, 2)], 200),
        ("4001", "4900", "2.000", vec![(None, 1), (never, 1)], 100),
        ("4900", "4001", "2.000", vec![(never, 2)], 0),
    ] {
        let replayed = Exchange { dialled, rung, second, headers: MARKED }.run();
        let what = format!("{dialled}, and {rung} at {second}");
        assert_eq!(verdicts(&replayed), expected, "{what}");
        assert_eq!(replayed.counts.media.kept, kept, "{what}");
        if expected.len() == 2 {
            let related: Vec<_> = replayed.summaries().iter().map(|call| call.related.clone()).collect();
            assert_eq!(related[0][0].call, replayed.summaries()[1].id, "{what}");
            assert_eq!(related[1][0].call, replayed.summaries()[0].id, "{what}");
        }
    }
}

#[test]
fn a_call_that_a_rule_names_by_its_second_dialog_has_all_its_messages() {
    let replayed = Exchange { dialled: "0312221111", rung: "4001", second: "0.500", headers: MARKED }.run();
    let call = replayed.only();
    assert_eq!(
        (call.verdict.rule.as_deref(), call.joined.as_slice()),
        (Some("desks"), &[Evidence::Header][..])
    );
    let came = replayed.calls.values().next().unwrap();
    let kept = came.pieces.iter().flat_map(|piece| {
        let is_signalling = piece.content == earwitness_model::SegmentContent::Signalling;
        let bytes: &[u8] = if is_signalling { &piece.bytes } else { &[] };
        earwitness_model::SignallingMessages::new(bytes)
    });
    assert_eq!((kept.count(), call.messages), (10, 10));
}

#[test]
fn nothing_but_evidence_makes_two_dialogs_one_call() {
    for (why, headers) in [
        ("equal numbers at the same time", ["", ""]),
        ("the value differs", ["header=\"X-Call-Key: 4711\"", "header=\"X-Call-Key: 47110\""]),
        ("the header is not one that the rules name", ["header=\"X-Key: 4711\"", "header=\"X-Key: 4711\""]),
        (
            "a nil Session-ID",
            [
                "header=\"Session-ID: 00000000000000000000000000000000\"",
                "header=\"Session-ID: 00000000000000000000000000000000\"",
            ],
        ),
        ("a dialog that nobody knows", ["", "header=\"Replaces: elsewhere@10.9.9.9;to-tag=a;from-tag=b\""]),
    ] {
        let replayed = Exchange { dialled: "4001", rung: "4002", second: "0.500", headers }.run();
        assert_eq!(verdicts(&replayed), [(None, 1), (None, 1)], "{why}");
        assert!(replayed.summaries().iter().all(|call| call.related.is_empty()), "{why}");
    }
}

#[test]
fn a_phone_that_uses_one_port_for_two_calls_has_two_calls() {
    // The first one is on hold; a proxy shows both again, on its way to the exchange.
    let replayed = lab(&told(
        "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE one from=4001 to=4002 sdp=10.1.0.5:8000/PCMA\n\
         at 0.010 10.1.0.9:5060 > 10.1.0.10:5060 INVITE one repeat\n\
         at 1.000 10.1.0.9:5060 > 10.1.0.5:5060 200 one sdp=10.1.0.21:5000/PCMA\n\
         at 1.010 10.1.0.5:5060 > 10.1.0.9:5060 ACK one\n\
         at 2.010 10.1.0.9:5060 > 10.1.0.10:5060 INVITE two from=4001 to=4003 sdp=10.1.0.5:8000/PCMA \
         header=\"Via: SIP/2.0/UDP 10.1.0.5:5060;branch=z9hG4bKtwo\"\n\
         at 3.000 10.1.0.10:5060 > 10.1.0.9:5060 486 two\n\
         at 4.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE one\n",
    ));
    let calls: Vec<_> =
        replayed.summaries().into_iter().map(|call| (call.outcome, call.related.len())).collect();
    assert_eq!(calls, [(Outcome::Answered, 0), (Outcome::Busy, 0)]);
}

#[test]
fn a_dialog_beyond_those_of_one_call_is_a_call_that_names_it() {
    let mut text =
        "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE first from=1 to=4001 header=\"X-Call-Key: 1\"\n"
            .to_owned();
    for n in 1..10 {
        text += &format!(
            "at 0.{n}00 10.1.0.9:5060 > 10.1.0.2{n}:5060 INVITE d{n} from=1 to=400{n} header=\"X-Call-Key: 1\"\n"
        );
    }
    let replayed = replay(&told(&text), office(), Limits::default());
    let dialogs: Vec<_> = replayed
        .summaries()
        .into_iter()
        .map(|c| (c.sip_call_ids.len(), c.joined.len(), c.related.len()))
        .collect();
    // The ninth finds no room; what comes after it belongs to the newer call.
    assert_eq!(dialogs, [(8, 7, 1), (2, 1, 1)]);
}

#[test]
fn the_call_ids_of_a_call_are_free_when_it_is_over() {
    let first = Exchange { dialled: "4001", rung: "4002", second: "0.500", headers: MARKED };
    let again = first
        .text()
        .replace(" in ", " in2 ")
        .replace(" out ", " out2 ")
        .replace(" in\n", " in2\n")
        .replace(" out\n", " out2\n");
    let later: Vec<_> = told(&again)
        .into_iter()
        .map(|mut frame| {
            frame.time = frame.time.plus_nanos(7_000_000_000);
            frame
        })
        .collect();
    let frames = [told(&first.text()), later].concat();
    let replayed = replay(&frames, office(), Limits::default());
    assert_eq!(verdicts(&replayed), [(None, 2), (None, 2)], "the mark is the next call's");
    let mut same = told(&first.text());
    same.extend(told(&first.text()).into_iter().map(|mut frame| {
        frame.time = frame.time.plus_nanos(20_000_000_000);
        frame
    }));
    assert_eq!(verdicts(&replay(&same, office(), Limits::default())), [(None, 2), (None, 2)]);
}

#[test]
fn a_bye_that_nobody_answered_ends_a_call_whose_party_is_silent() {
    let call = |until: &str, answer: &str| {
        let replayed = lab(&told(&format!(
            "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE x from=1 to=4001 sdp=10.1.0.5:4000/PCMA\n\
             at 1.000 10.1.0.9:5060 > 10.1.0.5:5060 200 x sdp=10.1.0.9:4002/PCMA\n\
             at 1.010 10.1.0.5:5060 > 10.1.0.9:5060 ACK x\n\
             rtp x caller from=1.040 to={until} ssrc=1\nrtp x callee from=1.040 to=30.000 ssrc=2\n\
             at 5.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE x\n{answer}\
             at 400.000 10.1.0.5:5060 > 10.1.0.9:5060 OPTIONS other from=monitor\n"
        )));
        let call = replayed.only();
        let end = call.end.clone().unwrap();
        (end.at.since(call.facts.start) / 1_000_000, end.by, call.flags.contains(&Flag::FalseBye))
    };
    use earwitness_model::EndedBy::{Caller, Timeout};
    let answered = "at 5.010 10.1.0.9:5060 > 10.1.0.5:5060 200 x\n";
    assert_eq!(call("5.000", ""), (5000, Some(Caller), false), "the other one did not hear of it");
    assert_eq!(call("6.500", ""), (5000, Some(Caller), false), "in flight");
    assert_eq!(call("20.000", answered), (5000, Some(Caller), false), "answered");
    assert_eq!(call("20.000", ""), (29_980, Some(Timeout), true), "it talked on");
}

/// 4001 asks 4002, who hangs up when the caller comes in 4001's place, and does what `then` says.
fn hung_up_for_another(then: &str) -> Replayed {
    let text = format!(
        "at 0.000 10.1.0.21:5060 > 10.1.0.22:5060 INVITE ask from=4001 to=4002 sdp=10.1.0.21:5002/PCMA\n\
         at 1.000 10.1.0.22:5060 > 10.1.0.21:5060 200 ask sdp=10.1.0.22:5000/PCMA\n\
         at 1.010 10.1.0.21:5060 > 10.1.0.22:5060 ACK ask\n\
         rtp ask caller from=1.020 to=2.000 ssrc=0x11\nrtp ask callee from=1.020 to=2.000 ssrc=0x22\n\
         at 2.000 10.1.0.5:5060 > 10.1.0.22:5060 INVITE joined from=0312221111 to=4002 sdp=10.1.0.5:4010/PCMA \
         header=\"Replaces: ask@10.1.0.21;to-tag=t-ask;from-tag=f-ask\"\n\
         at 2.100 10.1.0.22:5060 > 10.1.0.21:5060 BYE ask\nat 2.110 10.1.0.21:5060 > 10.1.0.22:5060 200 ask\n{then}"
    );
    replay(&told(&text), RuleSet::lab(), Limits::default())
}

#[test]
fn a_bye_before_the_answer_that_replaces_is_the_end_only_where_no_answer_comes() {
    let refused = "at 4.000 10.1.0.22:5060 > 10.1.0.5:5060 603 joined\nat 4.010 10.1.0.5:5060 > 10.1.0.22:5060 ACK joined\n";
    let answered = "at 4.000 10.1.0.22:5060 > 10.1.0.5:5060 200 joined sdp=10.1.0.22:5002/PCMA\n\
        at 4.010 10.1.0.5:5060 > 10.1.0.22:5060 ACK joined\n\
        rtp joined caller from=4.020 to=6.000 ssrc=0x15\nrtp joined callee from=4.020 to=6.000 ssrc=0x26\n\
        at 6.000 10.1.0.5:5060 > 10.1.0.22:5060 BYE joined\n";
    let challenged = format!(
        "at 2.200 10.1.0.22:5060 > 10.1.0.5:5060 407 joined\nat 2.210 10.1.0.5:5060 > 10.1.0.22:5060 ACK joined\n\
         at 2.300 10.1.0.5:5060 > 10.1.0.22:5060 INVITE joined sdp=10.1.0.5:4010/PCMA\n{answered}"
    );
    for (then, end, by) in [
        (refused, 2_100, EndedBy::Callee),
        (answered, 6_000, EndedBy::Caller),
        (challenged.as_str(), 6_000, EndedBy::Caller),
        ("", 2_110, EndedBy::CaptureEnd),
    ] {
        let replayed = hung_up_for_another(then);
        let call = replayed.only();
        let told = call.end.as_ref().map(|end| (end.at.since(call.facts.start) / 1_000_000, end.by));
        assert_eq!(told, Some((end, Some(by))), "{then}");
        assert_eq!(call.sip_call_ids.len(), 2);
    }
}

#[test]
fn the_bye_that_is_answered_is_the_end_where_one_before_it_was_forged() {
    use earwitness_model::EndedBy::{Callee, Caller};
    let call = |byes: &str| {
        let replayed = lab(&told(&format!(
            "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE x from=1 to=4001 sdp=10.1.0.5:4000/PCMA\n\
             at 1.000 10.1.0.9:5060 > 10.1.0.5:5060 200 x sdp=10.1.0.9:4002/PCMA\n\
             at 1.010 10.1.0.5:5060 > 10.1.0.9:5060 ACK x\n\
             rtp x caller from=1.040 to=8.000 ssrc=1\nrtp x callee from=1.040 to=8.000 ssrc=2\n{byes}\
             at 400.000 10.1.0.5:5060 > 10.1.0.9:5060 OPTIONS other from=monitor\n"
        )));
        let call = replayed.only();
        let end = call.end.clone().unwrap();
        (end.at.since(call.facts.start) / 1_000_000, end.by, call.flags.contains(&Flag::FalseBye))
    };
    let forged = "at 2.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE x\n";
    let real = "at 8.000 10.1.0.9:5060 > 10.1.0.5:5060 BYE x\nat 8.010 10.1.0.5:5060 > 10.1.0.9:5060 200 x\n";
    assert_eq!(call(&format!("{forged}{real}")), (8000, Some(Callee), true));
    let unanswered = "at 8.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE x\n";
    assert_eq!(call(&format!("{forged}{unanswered}")), (8000, Some(Caller), true), "it is silent after it");
    let again = "at 2.500 10.1.0.5:5060 > 10.1.0.9:5060 BYE x repeat\n";
    assert_eq!(call(&format!("{forged}{again}{real}")), (8000, Some(Callee), true));
    let early = forged.replace("2.000", "7.500");
    assert_eq!(call(&format!("{early}{real}")), (7500, Some(Caller), false), "both hung up");
}

#[test]
fn of_two_dialogs_with_forged_byes_both_go_on() {
    let exchange = Exchange { dialled: "4001", rung: "4002", second: "0.500", headers: MARKED };
    let whole = exchange.text();
    let (begun, _) = whole.split_once("rtp ").unwrap();
    let text = format!(
        "{begun}rtp in caller from=3.000 to=20.000 ssrc=0x11\nrtp out callee from=3.000 to=25.000 ssrc=0x22\n\
         at 3.500 10.1.0.5:5060 > 10.1.0.9:5060 BYE in\nat 3.600 10.1.0.21:5060 > 10.1.0.9:5060 BYE out\n\
         at 3.800 10.1.0.5:5060 > 10.1.0.9:5060 BYE in\n\
         at 20.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE in\nat 20.010 10.1.0.9:5060 > 10.1.0.5:5060 200 in\n\
         at 25.000 10.1.0.21:5060 > 10.1.0.9:5060 BYE out\nat 25.010 10.1.0.9:5060 > 10.1.0.21:5060 200 out\n\
         at 400.000 10.1.0.5:5060 > 10.1.0.9:5060 OPTIONS other from=monitor\n"
    );
    let replayed = replay(&told(&text), office(), Limits::default());
    let call = replayed.only();
    let end = call.end.clone().unwrap();
    assert_eq!((end.at.since(call.facts.start) / 1_000_000, end.by), (25_000, Some(EndedBy::Callee)));
    assert!(call.flags.contains(&Flag::FalseBye));
}

//! What is due goes, what is held stays, and two persons are two.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use std::time::SystemTime;

use earwitness_testkit::{demo, pcap};
use serde_json::Value;
use support::{Bench, files, until, wire::Wire};

/// The demo office as it was a hundred days ago: recordings of ninety days are due, those of three years are not.
fn office_of_old() -> Bench {
    let bench = Bench::new();
    let mut frames = demo::office();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as i64;
    let back = now - 100 * 86_400_000_000_000 - frames[0].time.nanos();
    frames.iter_mut().for_each(|frame| frame.time = frame.time.plus_nanos(back));
    let path = bench.path("old.pcap");
    pcap::write_all(std::fs::File::create(&path).unwrap(), frames).unwrap();
    bench.done(["record".as_ref(), "-r".as_ref(), path.as_os_str()]);
    bench
}

fn recorded(bench: &Bench) -> Vec<Value> {
    bench.calls(&[]).into_iter().filter(|call| call["recording"].is_string()).collect()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_is_due_is_planned_held_destroyed_and_certified() {
    let bench = office_of_old();
    let before = recorded(&bench);
    let plan = lines(&bench.done(["dispose", "plan", "--json"]));
    assert!(plan.len() >= 2 && plan.len() <= before.len(), "{} of {}", plan.len(), before.len());
    assert!(plan.iter().all(|due| due["class"] == "citizen-90d" && due["hold"].is_null()));
    let held = plan[0]["call"].as_str().unwrap().to_owned();
    let gone = plan[1]["call"].as_str().unwrap().to_owned();
    let said = bench.done(["hold", "add", &held, "--reason", "소송 2026가합1"]);
    assert!(said.contains("1 recording held until it is released"), "{said}");
    let page = bench.done(["dispose", "plan"]);
    assert!(page.contains("citizen-90d") && page.lines().last().unwrap().starts_with("in all"), "{page}");
    let ran = bench.done(["dispose", "run"]);
    assert!(ran.contains(&format!("{} recording", plan.len() - 1)), "{ran}");
    let after = recorded(&bench);
    assert_eq!(after.len(), before.len() + 1 - plan.len());
    assert!(after.iter().any(|call| call["id"] == held.as_str() && call["hold"] == true));
    for command in [["show", &gone].as_slice(), &["export", &gone, "-o", "gone.wav"], &["verify", &gone]] {
        assert_eq!(bench.run(command).code, Some(3), "{command:?}");
    }
    bench.done(["verify", "--all", "--opened"]);
    bench.done(["index", "check"]);
    assert_eq!(bench.run(["dispose", "run"]).err.trim(), "earwitness: nothing is due");
    let names = bench.done(["dispose", "certificate"]);
    let name = names.split_whitespace().next().unwrap();
    let printed = bench.done(["dispose", "certificate", name]);
    for expected in ["녹취 파기 확인서", "Certificate of disposal", "kept by holds", "signature verified"]
    {
        assert!(printed.contains(expected), "{printed}");
    }
    let signed: Value =
        serde_json::from_str(&bench.done(["dispose", "certificate", name, "--json"])).unwrap();
    let certificate = &signed["certificate"];
    assert_eq!(certificate["recordings"].as_array().unwrap().len(), plan.len() - 1);
    assert_eq!(certificate["held"].as_array().unwrap().len(), 1);
    // The hold is lifted, and the rest falls due.
    let hold = lines(&bench.done(["hold", "list", "--json"]))[0]["hold"].as_str().unwrap().to_owned();
    bench.done(["hold", "release", &hold[..12], "--reason", "종결"]);
    bench.done(["dispose", "run"]);
    assert_eq!(recorded(&bench).len(), before.len() - plan.len());
    let left = files(&bench.vault().join("volumes"));
    assert!(left.iter().all(|path| !path.to_string_lossy().contains("citizen-90d")), "{left:?}");
    bench.done(["verify", "--all"]);
}

#[test]
fn a_changed_certificate_ends_with_five() {
    let bench = office_of_old();
    bench.done(["dispose", "run"]);
    let names = bench.done(["dispose", "certificate"]);
    let name = names.split_whitespace().next().unwrap();
    let path = bench.vault().join("certificates").join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("citizen-90d", "citizen-91d")).unwrap();
    let said = bench.run(["dispose", "certificate", name]);
    assert_eq!(said.code, Some(5), "{said:?}");
}

#[test]
fn a_certificate_is_checked_by_who_has_the_public_key_and_no_vault() {
    let bench = office_of_old();
    bench.done(["dispose", "run"]);
    let names = bench.done(["dispose", "certificate"]);
    let name = names.split_whitespace().next().unwrap();
    let text = bench.done(["dispose", "certificate", name, "--json"]);
    let key = std::fs::read(bench.vault().join("keys/recorder.pub")).unwrap();
    let elsewhere = Bench::new();
    std::fs::write(elsewhere.path("recorder.pub"), key).unwrap();
    std::fs::write(elsewhere.path("paper.json"), &text).unwrap();
    let checked = elsewhere.done(["verify", "paper.json", "--key", "recorder.pub"]);
    let destroyed: Value = serde_json::from_str(&text).unwrap();
    let recordings = destroyed["certificate"]["recordings"].as_array().unwrap();
    for part in [name, "✔ 파기 확인서", recordings[0]["recording"].as_str().unwrap()] {
        assert!(checked.contains(part), "{part}: {checked}");
    }
    assert_eq!(elsewhere.run(["verify", "paper.json"]).code, Some(2), "against which key?");
    let other = Bench::with_office();
    std::fs::copy(other.vault().join("keys/recorder.pub"), elsewhere.path("other.pub")).unwrap();
    assert_eq!(elsewhere.run(["verify", "paper.json", "--key", "other.pub"]).code, Some(5));
    std::fs::write(elsewhere.path("paper.json"), text.replace("citizen-90d", "citizen-91d")).unwrap();
    let said = elsewhere.run(["verify", "paper.json", "--key", "recorder.pub"]);
    assert!(said.code == Some(5) && said.out.contains("does not fit"), "{said:?}");
}

#[test]
fn one_person_cannot_change_how_long_a_recording_is_kept() {
    let bench = office_of_old();
    let due = lines(&bench.done(["dispose", "plan", "--json"]));
    let call = due[0]["call"].as_str().unwrap();
    let said = bench.done(["dispose", "change", call, "--until", "2031-01-01", "--reason", "분쟁"]);
    let proposal = said.split_whitespace().next().unwrap();
    // Whoever approves sees what it is about.
    let listed = bench.done(["dispose", "approve"]);
    for part in [proposal, "분쟁", call, "citizen-90d", due[0]["day"].as_str().unwrap()] {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    let kept_until = due[0]["kept_until"].as_str().unwrap();
    assert!(listed.contains(&format!("now until {kept_until}")), "{listed}");
    for forged in ["x\n01KZ  9 recordings until 2031-01-01  by uid 0  y", "\u{1b}[2J", "a\u{202e}b"] {
        for words in [
            ["dispose", "change", call, "--until", "2031-01-01", "--reason", forged].as_slice(),
            &["hold", "add", call, "--reason", forged],
        ] {
            let said = bench.run(words);
            assert_eq!(said.code, Some(2), "{said:?}");
            assert!(said.err.contains("on one line"), "{said:?}");
        }
    }
    assert_eq!(bench.done(["dispose", "approve"]), listed, "and nothing was proposed");
    let refused = bench.run(["dispose", "approve", proposal]);
    assert_eq!(refused.code, Some(4), "{refused:?}");
    assert!(refused.err.contains("another account"), "{refused:?}");
    assert_eq!(bench.run(["dispose", "approve", "01KAJ"]).code, Some(3));
    assert_eq!(lines(&bench.done(["dispose", "plan", "--json"])).len(), due.len(), "nothing was changed");
}

#[test]
fn a_hold_says_why_and_of_what() {
    let bench = office_of_old();
    let calls = bench.calls(&[]);
    let call = |kept: bool| calls.iter().find(|call| call["recording"].is_string() == kept);
    let id = call(true).unwrap()["id"].as_str().unwrap();
    assert_eq!(bench.run(["hold", "add", id, "--reason", " "]).code, Some(2));
    assert_eq!(bench.run(["hold", "add", "01KAJ0000", "--reason", "x"]).code, Some(3));
    let over = bench.run(["hold", "add", id, "--reason", "x", "--until", "2020-01-01"]);
    assert!(over.code == Some(2) && over.err.contains("is over"), "{over:?}");
    if let Some(refused) = call(false) {
        let said = bench.run(["hold", "add", refused["id"].as_str().unwrap(), "--reason", "x"]);
        assert_eq!(said.code, Some(3), "{said:?}");
    }
    assert_eq!(bench.run(["hold", "release", "01KAJ0000", "--reason", "x"]).code, Some(3));
    let listed = bench.run(["hold", "list"]);
    assert_eq!((listed.code, listed.err.trim()), (Some(0), "earwitness: no hold is in force"));
}

#[test]
fn a_recorder_destroys_what_is_due_by_itself_and_lays_holds_for_its_owner() {
    let Some(wire) = Wire::new() else { return };
    let bench = office_of_old();
    let due = lines(&bench.done(["dispose", "plan", "--json"]));
    let held = due[0]["call"].as_str().unwrap().to_owned();
    bench.done(["hold", "add", &held, "--reason", "소송"]);
    let recorder = wire.record(&bench, &[]);
    until("the certificate is there", || !bench.run(["dispose", "certificate"]).out.is_empty());
    let kept: Vec<_> = recorded(&bench).into_iter().map(|call| call["id"].clone()).collect();
    assert!(kept.contains(&Value::from(held.as_str())));
    assert!(!kept.contains(&due[1]["call"]));
    // What the recorder runs for whoever asks it.
    let other = kept.iter().find(|call| **call != held.as_str()).unwrap().as_str().unwrap();
    bench.done(["hold", "add", other, "--reason", "분쟁"]);
    assert_eq!(lines(&bench.done(["hold", "list", "--json"])).len(), 2);
    let hold = lines(&bench.done(["hold", "list", "--json"]))[0]["hold"].as_str().unwrap().to_owned();
    bench.done(["hold", "release", &hold, "--reason", "종결"]);
    assert!(bench.done(["dispose", "run"]).contains("1 recording destroyed"));
    let said = recorder.stop();
    assert_eq!(said.code, Some(0), "{said:?}");
    bench.done(["verify", "--all"]);
    bench.done(["index", "check"]);
}

#[test]
fn what_is_due_and_cannot_be_destroyed_is_an_alarm() {
    let Some(wire) = Wire::new() else { return };
    let bench = office_of_old();
    let before = recorded(&bench).len();
    // A hold may have stood where nobody can read.
    let log = files(&bench.vault().join("ledger"))
        .into_iter()
        .find(|path| path.extension() == Some("log".as_ref()));
    let log = log.unwrap();
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    let recorder = wire.record(&bench, &[]);
    let alarms = || {
        let status = serde_json::from_str::<Value>(&bench.run(["status", "--json"]).out).unwrap_or_default();
        status["alarms"].as_array().cloned().unwrap_or_default()
    };
    until("the alarm stands", || alarms().iter().any(|alarm| alarm["code"] == "not_disposed"));
    assert_eq!(recorded(&bench).len(), before);
    let said = recorder.stop();
    assert!(said.err.contains("what is due is not destroyed"), "{said:?}");
}

#[test]
fn a_backup_of_keys_that_still_holds_what_was_destroyed_is_named_until_it_is_refreshed() {
    let bench = office_of_old();
    let safe = bench.path("safe");
    let back_up = ["keys", "backup", safe.to_str().unwrap(), "--label", "금고 A"];
    bench.done(back_up);
    let due = lines(&bench.done(["dispose", "plan", "--json"])).len();
    let said = bench.run(["dispose", "run"]);
    assert!(said.code == Some(0) && said.err.contains("금고 A"), "{said:?}");
    let names = bench.done(["dispose", "certificate"]);
    let name = names.split_whitespace().next().unwrap();
    let signed: Value =
        serde_json::from_str(&bench.done(["dispose", "certificate", name, "--json"])).unwrap();
    let stale = &signed["certificate"]["stale_key_backups"][0];
    assert_eq!((stale["label"].as_str(), stale["keys"].as_u64()), (Some("금고 A"), Some(due as u64)));
    let page = bench.done(["dispose", "certificate", name]);
    assert!(page.contains("금고 A") && !page.contains("refreshed since"), "{page}");
    bench.done(back_up);
    let page = bench.done(["dispose", "certificate", name]);
    assert!(page.contains("refreshed since"), "{page}");
    // Of the day that ended nothing is left there.
    let left = files(&safe);
    assert!(left.iter().all(|path| !path.to_string_lossy().contains("citizen-90d")), "{left:?}");
}

#[test]
fn what_was_destroyed_is_not_restored_from_the_backup_of_the_day_before() {
    let bench = office_of_old();
    let (copies, safe) = (bench.path("copies"), bench.path("safe"));
    bench.done(["backup", copies.to_str().unwrap()]);
    bench.done(["keys", "backup", safe.to_str().unwrap(), "--label", "금고"]);
    let kept: Vec<Value> = recorded(&bench);
    let due = lines(&bench.done(["dispose", "plan", "--json"]));
    bench.done(["dispose", "run"]);
    let names = bench.done(["dispose", "certificate"]);
    let name = names.split_whitespace().next().unwrap();
    let certificate = bench.vault().join("certificates").join(format!("{name}.json"));
    let again = bench.path("again");
    let key = bench.path("vault.key");
    let restore = ["restore", copies.to_str().unwrap(), "--keys", safe.to_str().unwrap()];
    let to = ["--vault", again.to_str().unwrap(), "--certificate", certificate.to_str().unwrap()];
    let said = bench.run(restore.iter().chain(&to));
    assert!(matches!(said.code, Some(0 | 7)), "{said:?}");
    // Because it was destroyed: a restore also destroys what is due by now, and nothing of it was left for that.
    assert!(!said.err.contains("fell due since"), "{said:?}");
    let unknowing = bench.run(restore.iter().chain(&["--vault", "unknowing"]));
    let due_now = format!("{} recordings fell due since", due.len());
    assert!(unknowing.err.contains(&due_now), "{unknowing:?}");
    let at = |arguments: &[&str]| {
        let officer = ["--vault", again.to_str().unwrap(), "--officer-key", key.to_str().unwrap()];
        bench.run(arguments.iter().chain(&officer))
    };
    for gone in &due {
        let call = gone["call"].as_str().unwrap();
        let said = at(&["export", call, "-o", "again.wav"]);
        assert_eq!(said.code, Some(3), "{said:?}");
    }
    let listed = lines(&at(&["list", "--json"]).out);
    let listed = listed.iter().filter(|call| call["recording"].is_string()).count();
    assert_eq!(listed, kept.len() - due.len(), "and what is not due is there");
}

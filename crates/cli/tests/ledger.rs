//! The ledger as its officer and a stranger see it: held against heads, proven, printed, anchored.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
};

use serde_json::{Value, json};
use support::Bench;

/// openssl, or nothing said loudly where there is none.
fn openssl(dir: &Path, words: &[&str]) -> Option<Output> {
    match Command::new("openssl").args(words).current_dir(dir).stdin(Stdio::null()).output() {
        Ok(output) => Some(output),
        Err(_) => {
            println!("left out: openssl is not installed");
            None
        }
    }
}

fn object(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_statement_of_a_day_of_files_balances_against_the_count_of_the_recorder() {
    let bench = Bench::with_office();
    let calls = bench.calls(&[]);
    let told = object(&bench.done(["ledger", "statement", "today", "--json"]));
    let recorded = calls.iter().filter(|call| !call["recording"].is_null()).count();
    assert_eq!(told["seen"], json!(calls.len()), "{told}");
    assert_eq!((&told["recorded"], &told["failed"]), (&json!(recorded), &json!(0)), "{told}");
    assert_eq!(told["excluded"], json!(calls.len() - recorded));
    assert_eq!((&told["balances"], &told["counted_by_recorders"]), (&json!(true), &json!(true)));
    // The same frames again are known, and no calls more.
    let office = bench.office();
    bench.done(["record".as_ref(), "-r".as_ref(), office.as_os_str()]);
    let again = object(&bench.done(["ledger", "statement", "today", "--json"]));
    assert_eq!((&again["seen"], &again["balances"]), (&told["seen"], &json!(true)), "{again}");
    assert!(bench.done(["ledger", "statement", "2020-01-01"]).lines().count() > 3);
    let tomorrow = bench.run(["ledger", "statement", "2099-01-01"]);
    assert!(tomorrow.code == Some(2) && tomorrow.err.contains("has not begun"), "{tomorrow:?}");
}

#[test]
fn rows_are_shown_in_lines_objects_and_csv_and_name_nobody() {
    let bench = Bench::with_office();
    let lines = bench.done(["ledger", "show"]);
    assert!(lines.contains("recorder_started") && lines.contains("  recorded  "), "{lines}");
    let rows: Vec<Value> = bench.done(["ledger", "show", "--json"]).lines().map(object).collect();
    assert_eq!(rows.len(), lines.lines().count());
    assert!(rows.iter().enumerate().all(|(number, row)| row["number"] == json!(number)));
    let excluded: Vec<Value> =
        bench.done(["ledger", "show", "--json", "--kind", "excluded"]).lines().map(object).collect();
    assert!(!excluded.is_empty() && excluded.iter().all(|row| row["kind"] == "excluded"));
    let csv = bench.done(["ledger", "show", "--csv"]);
    assert!(csv.starts_with("\u{feff}number,at,kind,call,says\n"), "{csv}");
    assert_eq!(csv.lines().count(), rows.len() + 1);
    for call in bench.calls(&[]) {
        let number = call["from"].as_str().unwrap_or("-");
        assert!(number.len() < 5 || !lines.contains(number), "{number}");
    }
    assert_eq!(bench.run(["ledger", "show", "--kind", "gossip"]).code, Some(2));
    assert_eq!(bench.done(["ledger", "show", "--until", "2020-01-01"]), "");
}

#[test]
fn a_head_kept_elsewhere_finds_rows_that_were_cut_from_the_end() {
    let bench = Bench::with_office();
    let ledger = fs::read_dir(bench.vault().join("ledger")).unwrap();
    let month =
        ledger.map(|file| file.unwrap().path()).find(|path| path.extension().is_some_and(|e| e == "log"));
    let month = month.unwrap();
    let printed = bench.done(["ledger", "anchor", "--print"]);
    let (note, _key) = printed.rsplit_once("\n\n").unwrap();
    fs::write(bench.path("kept.txt"), printed.replace('\n', "\r\n")).unwrap();
    bench.done(["ledger", "verify", "--head", "kept.txt"]);
    bench.done(["verify", "--all", "--head", "kept.txt"]);
    let whole = fs::read(&month).unwrap();
    let rows: Vec<usize> =
        whole.windows(4).enumerate().filter(|(_, four)| *four == b"row\n").map(|(at, _)| at).collect();
    fs::write(&month, &whole[..rows[rows.len() - 4]]).unwrap();
    fs::remove_dir_all(bench.vault().join("ledger/heads")).unwrap();
    assert_eq!(bench.run(["ledger", "verify"]).code, Some(0), "nothing in the machine knows");
    let said = bench.run(["ledger", "verify", "--head", "kept.txt"]);
    assert_eq!(said.code, Some(5), "{said:?}");
    assert!(said.out.contains("rows are missing from the end of the ledger"), "{said:?}");
    assert_eq!(bench.run(["verify", "--all", "--head", "kept.txt"]).code, Some(5));
    assert_eq!(bench.run(["ledger", "verify", "--head", "no.txt"]).code, Some(3));
    fs::write(bench.path("kept.txt"), note.replace(['1', '2', '3'], "4")).unwrap();
    assert_eq!(bench.run(["ledger", "verify", "--head", "kept.txt"]).code, Some(5));
}

#[test]
fn a_call_is_proven_to_who_has_the_public_key_and_the_signature_holds_in_openssl() {
    let bench = Bench::with_office();
    let calls = bench.calls(&[]);
    let recorded = calls.iter().find(|call| !call["recording"].is_null()).unwrap();
    let excluded = calls.iter().find(|call| call["recording"].is_null()).unwrap();
    for (call, file) in [(recorded, "kept.json"), (excluded, "refused.json")] {
        bench.done(["ledger", "prove", call["id"].as_str().unwrap(), "-o", file]);
        let proof = object(&fs::read_to_string(bench.path(file)).unwrap());
        let parsed: earwitness_vault::RowProof = serde_json::from_value(proof.clone()).unwrap();
        let vault = earwitness_vault::Vault::open(&bench.vault()).unwrap();
        parsed.verify(&vault.verifying_key()).unwrap();
        let key = vault.verifying_key();
        drop(vault);
        // And to who has this program and no vault.
        let paper = bench.path(file);
        let (paper, public) = (paper.to_str().unwrap(), bench.vault().join("keys/recorder.pub"));
        let elsewhere = Bench::new();
        let said = elsewhere.done(["verify", paper, "--key", public.to_str().unwrap()]);
        assert!(said.contains("✔ 원장의 증명") && said.contains(call["id"].as_str().unwrap()), "{said}");
        let text = fs::read_to_string(paper).unwrap();
        let size = format!("\"tree_size\": {}", proof["tree_size"]);
        fs::write(elsewhere.path("cut.json"), text.replace(&size, "\"tree_size\": 1")).unwrap();
        let said = elsewhere.run(["verify", "cut.json", "--key", public.to_str().unwrap()]);
        assert!(said.code == Some(5) && said.out.contains('✘'), "{said:?}");
        // The public key as openssl reads one: 12 bytes say Ed25519 (RFC 8410 section 4).
        let der =
            [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00][..], key.as_bytes()];
        fs::write(bench.path("key.der"), der.concat()).unwrap();
        let note = proof["head"].as_str().unwrap();
        let (body, signature) = note.split_once("\n\n").unwrap();
        let encoded = signature.trim_end().rsplit(' ').next().unwrap();
        fs::write(bench.path("body"), format!("{body}\n")).unwrap();
        fs::write(bench.path("signature.b64"), format!("{encoded}\n")).unwrap();
        let home = bench.home.path();
        let words = ["base64", "-d", "-A", "-in", "signature.b64", "-out", "signed"];
        let Some(decoded) = openssl(home, &words) else { return };
        assert!(decoded.status.success());
        fs::write(bench.path("signature"), &fs::read(bench.path("signed")).unwrap()[4..]).unwrap();
        let words = ["pkeyutl", "-verify", "-pubin", "-inkey", "key.der", "-keyform", "DER", "-rawin"];
        let words = [&words[..], &["-in", "body", "-sigfile", "signature"]].concat();
        let said = openssl(home, &words).unwrap();
        assert!(said.status.success(), "{said:?}");
    }
    let there = bench.run(["ledger", "prove", recorded["id"].as_str().unwrap(), "-o", "kept.json"]);
    assert_ne!(there.code, Some(0), "what is there stays");
    assert_eq!(bench.run(["ledger", "prove", "no-such-call", "-o", "x.json"]).code, Some(3));
}

#[test]
fn a_page_is_printed_in_korean_and_english_as_text_and_html() {
    let bench = Bench::with_office();
    let text = bench.done(["ledger", "print", "--day", "today"]);
    for word in ["일일 명세 / Daily statement", "직인 / seal", "서명된 머리글", "earwitness/"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let html = bench.done(["ledger", "print", "--day", "today", "--html"]);
    assert!(html.starts_with("<!doctype html>") && html.contains("합계 일치"), "{html}");
    let note = text.split("signed head (").nth(1).unwrap();
    let note = &note[note.find("earwitness/").unwrap()..note.find("\n공개 키").unwrap()];
    fs::write(bench.path("typed.txt"), note).unwrap();
    bench.done(["ledger", "verify", "--head", "typed.txt"]);
}

const AUTHORITY: &str = "[tsa]\ndefault_tsa = t\n[t]\ndir = .\nserial = ./serial\ncrypto_device = builtin\nsigner_cert = tsa.pem\n\
certs = ca.pem\nsigner_key = tsa.key\nsigner_digest = sha256\ndefault_policy = 1.2.3.4.1\ndigests = sha256\naccuracy = secs:1\n\
ordering = no\ntsa_name = yes\ness_cert_id_chain = no\ness_cert_id_alg = sha256\n\
[req]\ndistinguished_name = dn\n[dn]\n[ca]\nbasicConstraints = critical,CA:TRUE\n[stamping]\nextendedKeyUsage = critical,timeStamping\n";

/// A certificate authority and a time-stamping one of the test's own.
fn authority(dir: &Path) -> Option<()> {
    fs::write(dir.join("tsa.cnf"), AUTHORITY).unwrap();
    fs::write(dir.join("serial"), "01\n").unwrap();
    for words in [
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=ca -config tsa.cnf -extensions ca",
        "req -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.csr -subj /CN=tsa -config tsa.cnf",
        "x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out tsa.pem -days 30 -extfile tsa.cnf -extensions stamping",
    ] {
        let said = openssl(dir, &words.split(' ').collect::<Vec<_>>())?;
        assert!(said.status.success(), "{words}: {}", String::from_utf8_lossy(&said.stderr));
    }
    Some(())
}

/// Its answer to the question in a file.
fn stamped(dir: &Path, query: &str, answer: &str) {
    let words = ["ts", "-reply", "-config", "tsa.cnf", "-queryfile", query, "-out", answer];
    let said = openssl(dir, &words).unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

/// Answers one question over HTTP by what `answer` makes of its body.
fn serve(
    answer: impl FnOnce(Vec<u8>) -> (u16, Vec<u8>) + Send + 'static,
) -> (String, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        let mut piece = [0; 4096];
        let body = loop {
            let read = stream.read(&mut piece).unwrap();
            asked.extend_from_slice(&piece[..read]);
            let Some(end) = asked.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&asked[..end]).to_lowercase();
            assert!(head.contains("content-type: application/timestamp-query"), "{head}");
            let length = head.split("content-length: ").nth(1).unwrap();
            let length: usize = length.split_whitespace().next().unwrap().parse().unwrap();
            if asked.len() >= end + 4 + length {
                break asked[end + 4..].to_vec();
            }
        };
        let (status, answer) = answer(body);
        let head = format!(
            "HTTP/1.1 {status} x\r\nContent-Type: application/timestamp-reply\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            answer.len()
        );
        // Whoever has heard enough hangs up.
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&answer)).unwrap_or_default();
    });
    (url, serving)
}

fn head_and_token(bench: &Bench) -> (String, String) {
    let heads = bench.vault().join("ledger/heads");
    let token = support::files(&heads).into_iter().find(|path| path.extension().is_some_and(|e| e == "tsr"));
    let token = token.unwrap();
    (token.with_extension("txt").display().to_string(), token.display().to_string())
}

#[test]
fn a_local_authority_stamps_the_head_and_openssl_verifies_it() {
    let bench = Bench::with_office();
    let dir = bench.home.path().to_owned();
    let Some(()) = authority(&dir) else { return };
    let at = dir.clone();
    let (url, serving) = serve(move |query| {
        fs::write(at.join("asked.tsq"), query).unwrap();
        stamped(&at, "asked.tsq", "answer.tsr");
        (200, fs::read(at.join("answer.tsr")).unwrap())
    });
    let said = bench.done(["ledger", "anchor", "--tsa", &url]);
    serving.join().unwrap();
    assert!(said.contains("serial"), "{said}");
    let (head, token) = head_and_token(&bench);
    let words =
        ["ts", "-verify", "-data", &head, "-in", &token, "-CAfile", "ca.pem", "-untrusted", "tsa.pem"];
    let verified = openssl(&dir, &words).unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    bench.done(["ledger", "verify"]);
    let anchored = bench.done(["ledger", "show", "--kind", "anchored"]);
    assert!(anchored.contains("time-stamped, serial 0"), "{anchored}");
    // Without a network, of a later head.
    let question = bench.run(["ledger", "anchor", "--query", "later.tsq"]);
    assert_eq!(question.code, Some(0), "{question:?}");
    stamped(&dir, "later.tsq", "later.tsr");
    bench.done(["ledger", "anchor", "--reply", "later.tsr"]);
    assert_eq!(bench.run(["ledger", "anchor", "--reply", "later.tsr"]).code, Some(1), "it is there already");
    bench.done(["ledger", "verify"]);
    // A token that was changed, and one beside another head.
    let whole = fs::read(&token).unwrap();
    fs::write(&token, &whole[..whole.len() / 2]).unwrap();
    let broken = bench.run(["ledger", "verify"]);
    assert_eq!(broken.code, Some(5), "{broken:?}");
    assert!(broken.out.contains("the time stamp beside it"), "{broken:?}");
    fs::copy(dir.join("later.tsr"), &token).unwrap();
    let swapped = bench.run(["ledger", "verify"]);
    assert!(swapped.out.contains("of something else"), "{swapped:?}");
}

#[test]
fn an_authority_that_refuses_answers_nonsense_something_else_or_nothing_is_named_and_nothing_is_kept() {
    let bench = Bench::with_office();
    let dir = bench.home.path().to_owned();
    let check = |answer: (u16, Vec<u8>), words: &str| {
        let (url, serving) = serve(move |_| answer);
        let said = bench.run(["ledger", "anchor", "--tsa", &url]);
        serving.join().unwrap();
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.err.contains(words), "{words}: {said:?}");
    };
    let refusal = vec![0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02];
    check((200, refusal), "the authority refused: status 2");
    check((200, b"<html>".to_vec()), "no answer of a time-stamping authority");
    check((200, vec![0x30; 100_000]), "longer than any time stamp");
    check((500, Vec::new()), "500");
    check((200, vec![0; 3 << 20]), "http://127.0.0.1");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let said = bench.run(["ledger", "anchor", "--tsa", &format!("http://{nobody}/")]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("--query FILE"), "{said:?}");
    assert_eq!(bench.run(["ledger", "anchor", "--tsa", "https://tsa.example/"]).code, Some(2));
    if authority(&dir).is_some() {
        // An answer to the question before: of the same head, with another nonce.
        bench.done(["ledger", "anchor", "--query", "first.tsq"]);
        stamped(&dir, "first.tsq", "first.tsr");
        check((200, fs::read(dir.join("first.tsr")).unwrap()), "its nonce is another one");
    }
    let tokens = support::files(&bench.vault().join("ledger/heads"));
    assert!(tokens.iter().all(|path| path.extension().is_some_and(|e| e == "txt")), "{tokens:?}");
}

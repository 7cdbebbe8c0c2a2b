//! Protected media: what the keys in the signalling open is kept as if it had come in clear, and nothing else is kept.

#![expect(clippy::disallowed_methods, reason = "tests read captures and the environment")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use std::path::{Path, PathBuf};

use earwitness_capture::{FileSource, Polled, Source};
use earwitness_engine::{Engine, Limits};
use earwitness_model::{Flag, PayloadKind};
use earwitness_rules::RuleSet;
use earwitness_testkit::Frame;
use proptest::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};
use support::{Replayed, lab, raw, told};

const A: &str = "AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";
const B: &str = "AES_CM_128_HMAC_SHA1_32 inline:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNk|2^20|7:2";
const C: &str = "AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0OD6ChoqOkpaanqKmqqw==";

/// A call of 98 packets each way: what offer and answer say of keys, and with what each party's packets are protected.
fn call(offer: &str, answer: &str, caller: &str, callee: &str) -> String {
    format!(
        "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE call-1 from=0312221111 to=4001 sdp=10.1.0.5:4000/PCMA {offer}\n\
         at 1.000 10.1.0.9:5060 > 10.1.0.5:5060 200 call-1 sdp=10.1.0.9:4002/PCMA {answer}\n\
         at 1.020 10.1.0.5:5060 > 10.1.0.9:5060 ACK call-1\n\
         rtp call-1 caller from=1.040 to=3.000 ssrc=0x11 tone=440 {caller}\n\
         rtp call-1 callee from=1.040 to=3.000 ssrc=0x22 tone=660 {callee}\n\
         at 3.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE call-1\n\
         at 3.005 10.1.0.9:5060 > 10.1.0.5:5060 200 call-1\n"
    )
}

fn crypto(keys: &[&str]) -> String {
    keys.iter().map(|key| format!(" crypto=\"{key}\"")).collect()
}

fn srtp(key: &str) -> String {
    format!("srtp=\"{key}\"")
}

fn plain() -> Replayed {
    lab(&told(&call("", "", "", "")))
}

/// What was kept of the only call: places and payloads of its packets.
fn kept(replayed: &Replayed) -> Vec<(support::Place, Vec<u8>)> {
    replayed.calls.values().flat_map(|came| came.packets()).collect()
}

fn flags(replayed: &Replayed) -> &[Flag] {
    &replayed.only().flags
}

#[test]
fn keys_in_the_signalling_open_both_legs_and_what_is_kept_is_what_was_said() {
    for (offer, answer, caller, callee) in [
        (crypto(&[A]), crypto(&[B]), A, B),
        (crypto(&[C]), crypto(&[C]), C, C),
        (crypto(&[A, B, C]), crypto(&[A]), C, A),
        (crypto(&[A]) + " profile=RTP/AVP", crypto(&[B]) + " profile=RTP/AVP", A, B),
    ] {
        let opened = lab(&told(&call(&offer, &answer, &srtp(caller), &srtp(callee))));
        assert_eq!(kept(&opened), kept(&plain()), "{offer}");
        assert_eq!(flags(&opened), [Flag::Sdes]);
        let media = opened.counts.media;
        assert_eq!((media.opened, media.closed, media.not_authentic, media.kept), (196, 0, 0, 196));
        let summary = |replayed: &Replayed| {
            let streams = replayed.only().streams.clone();
            streams
                .iter()
                .map(|s| (s.packets, s.lost, s.jitter_ms, s.ptime_ms, s.payload_bytes))
                .collect::<Vec<_>>()
        };
        assert_eq!(summary(&opened), summary(&plain()));
    }
}

#[test]
fn without_a_key_nothing_is_kept_and_the_call_says_why() {
    let f8 = "attribute=\"crypto:1 F8_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR\"";
    let dtls = "profile=UDP/TLS/RTP/SAVP attribute=\"fingerprint:sha-256 4A:AD\"";
    let zrtp = "profile=RTP/SAVP attribute=\"zrtp-hash:1.10 fe30\"";
    for (sdp, why) in [
        (dtls, Flag::Dtls),
        (zrtp, Flag::Zrtp),
        ("profile=RTP/SAVP", Flag::KeysUnknown),
        (f8, Flag::KeysUnknown),
        (&crypto(&[C])[..], Flag::KeysUnknown),
    ] {
        let closed = lab(&told(&call(sdp, sdp, &srtp(A), &srtp(A))));
        assert_eq!(kept(&closed), [], "{sdp}");
        assert_eq!(flags(&closed), [Flag::Encrypted, why], "{sdp}");
        let counts: Vec<_> = closed.only().streams.iter().map(|s| (s.packets, s.lost)).collect();
        assert_eq!(counts, [(0, 98), (0, 98)], "{sdp}");
        let media = closed.counts.media;
        assert_eq!((media.closed, media.kept, closed.counts.lost_packets()), (196, 0, 0), "{sdp}");
    }
}

#[test]
fn keys_beside_rtp_that_the_answer_does_not_take_change_nothing() {
    let offer = crypto(&[A]) + " profile=RTP/AVP";
    let refused = lab(&told(&call(&offer, "", "", "")));
    assert_eq!((kept(&refused), flags(&refused)), (kept(&plain()), &[][..]));
}

#[test]
fn an_offer_of_srtp_that_is_refused_leaves_the_call_in_clear() {
    let offer = format!(
        "at 1.500 10.1.0.5:5060 > 10.1.0.9:5060 INVITE call-1 sdp=10.1.0.5:4000/PCMA {}\n\
         at 2.500 10.1.0.9:5060 > 10.1.0.5:5060 488 call-1\n\
         at 2.510 10.1.0.5:5060 > 10.1.0.9:5060 ACK call-1\n",
        crypto(&[A])
    );
    let text = call("", "", "", "");
    let (before, after) = text.split_at(text.find("rtp call-1 caller").unwrap());
    let (media, bye) = after.split_at(after.find("at 3.000").unwrap());
    let refused = lab(&told(&format!("{before}{media}{offer}{bye}")));
    assert_eq!((kept(&refused), flags(&refused)), (kept(&plain()), &[][..]));
}

#[test]
fn a_proxy_that_takes_srtp_off_is_heard_on_both_sides() {
    let text = format!(
        "at 0.000 10.1.0.5:5060 > 10.1.0.7:5060 INVITE c from=0312221111 to=4001 sdp=10.1.0.5:4000/PCMA {}\n\
         at 0.010 10.1.0.7:5060 > 10.1.0.9:5060 INVITE c as=caller sdp=10.1.0.7:6000/PCMA\n\
         at 1.000 10.1.0.9:5060 > 10.1.0.7:5060 200 c as=callee sdp=10.1.0.9:4002/PCMA\n\
         at 1.010 10.1.0.7:5060 > 10.1.0.5:5060 200 c sdp=10.1.0.7:6002/PCMA {}\n\
         rtp c caller from=1.040 to=2.000 ssrc=0x11 tone=440 src=10.1.0.5:4000 dst=10.1.0.7:6002 {}\n\
         rtp c caller from=1.040 to=2.000 ssrc=0x11 tone=440 src=10.1.0.7:6000 dst=10.1.0.9:4002\n\
         rtp c callee from=1.040 to=2.000 ssrc=0x22 tone=660 src=10.1.0.9:4002 dst=10.1.0.7:6000\n\
         rtp c callee from=1.040 to=2.000 ssrc=0x22 tone=660 src=10.1.0.7:6002 dst=10.1.0.5:4000 {}\n\
         at 3.000 10.1.0.5:5060 > 10.1.0.7:5060 BYE c\n",
        crypto(&[A]),
        crypto(&[B]),
        srtp(A),
        srtp(B)
    );
    let heard = lab(&told(&text));
    assert_eq!((heard.counts.media.kept, heard.counts.media.opened), (4 * 48, 2 * 48));
    assert_eq!(flags(&heard), [Flag::Sdes]);
    let came = heard.calls.values().next().unwrap();
    let audio: Vec<Vec<u8>> = (0..4).map(|n| came.audio(earwitness_model::TrackIndex(n), 8)).collect();
    let mut distinct = audio.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!((audio.len(), distinct.len()), (4, 2), "both sides of the proxy carry the same two voices");
}

#[test]
fn forged_packets_are_counted_and_take_nobodys_place() {
    let forged = format!("{} forged=3,20-21", srtp(A));
    let heard = lab(&told(&call(&crypto(&[A]), &crypto(&[B]), &forged, &srtp(B))));
    assert_eq!(heard.counts.media.not_authentic, 3);
    assert_eq!(flags(&heard), [Flag::Sdes, Flag::NotAuthentic]);
    assert_eq!(heard.only().gaps.iter().map(|gap| gap.ms).collect::<Vec<_>>(), [20, 40]);
    let said = kept(&plain());
    assert!(kept(&heard).iter().all(|packet| said.contains(packet)));
    assert_eq!(kept(&heard).len(), said.len() - 3);
}

#[test]
fn a_second_part_without_keys_keeps_nothing_closed() {
    let frames = told(&call(&crypto(&[A]), &crypto(&[B]), &srtp(A), &srtp(B)));
    let mut engine = Engine::new(RuleSet::lab(), Limits::default());
    let mut before = Replayed::default();
    for (number, frame) in frames[..100].iter().enumerate() {
        engine.handle_frame(&raw(frame, number as u64));
        before.poll(&mut engine);
    }
    let running = before.calls.values().next().unwrap().running.last().unwrap().clone();
    let secret = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";
    assert!(
        !format!("{running:?}").contains(secret)
            && !serde_json::to_string(&running).unwrap().contains(secret)
    );
    let mut engine = Engine::new(RuleSet::lab(), Limits::default());
    assert!(engine.handle_resumed(running, frames[100].time).is_some());
    let mut after = Replayed::default();
    for (number, frame) in frames[100..].iter().enumerate() {
        engine.handle_frame(&raw(frame, number as u64));
        after.poll(&mut engine);
    }
    engine.handle_end();
    after.poll(&mut engine);
    assert_eq!(kept(&after), []);
    assert_eq!(flags(&after), [Flag::Encrypted, Flag::Resumed, Flag::KeysUnknown]);
}

/// `at` line of a ZRTP message.
fn zrtp(at: &str, from: &str, to: &str, kind: &str) -> String {
    let bytes = [&b"\x10\0\0\x01ZRTP\0\0\0\x11\x50\x5a\0\x03"[..], kind.as_bytes()].concat();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("at {at} {from} > {to} raw hex={hex}\n")
}

#[test]
fn zrtp_closes_a_call_when_both_parties_confirmed_and_not_when_one_says_so() {
    let (caller, callee) = ("10.1.0.5:4000", "10.1.0.9:4002");
    let one = zrtp("2.001", caller, callee, "Confirm2").repeat(3);
    let alone = lab(&told(&(call("", "", "", "") + &one)));
    assert_eq!((kept(&alone), flags(&alone)), (kept(&plain()), &[][..]));
    let both = one + &zrtp("2.002", callee, caller, "Conf2ACK");
    let closed = lab(&told(&(call("", "", "", "") + &both)));
    assert_eq!(flags(&closed), [Flag::Encrypted, Flag::Zrtp]);
    assert_eq!((closed.counts.media.kept, closed.counts.media.closed), (98, 98));
    let clear = both + &zrtp("2.502", callee, caller, "ClearACK");
    let cleared = lab(&told(&(call("", "", "", "") + &clear)));
    assert_eq!((cleared.counts.media.kept, cleared.counts.media.closed), (146, 50));
}

#[test]
fn a_rejected_srtp_call_is_not_listened_to_and_says_what_its_sdp_says() {
    let dtls = "profile=UDP/TLS/RTP/SAVP attribute=\"fingerprint:sha-256 4A:AD\"";
    let frames = told(&call(dtls, dtls, &srtp(A), &srtp(A)));
    let refused = support::replay(&frames, support::example(), Limits::default());
    assert_eq!(kept(&refused), []);
    let sdes = told(&call(&crypto(&[A]), &crypto(&[B]), &srtp(A), &srtp(B)));
    let other = support::replay(&sdes, support::example(), Limits::default());
    for call in refused.summaries().into_iter().filter(|call| call.streams.is_empty()) {
        assert_eq!(call.flags, [Flag::Encrypted, Flag::Dtls]);
    }
    for call in other.summaries().into_iter().filter(|call| call.streams.is_empty()) {
        assert_eq!(call.flags, []);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The law of the whole engine: whatever is lost or late, what comes out of SRTP is what comes out of the same call in
    /// clear.
    #[test]
    fn a_protected_call_comes_to_what_the_same_call_comes_to_in_clear(
        key in prop_oneof![Just(A), Just(B), Just(C)],
        first in prop_oneof![Just(0u16), Just(65_480)],
        lost in prop::collection::btree_set(0..98usize, 0..40),
        late in 0..97usize,
    ) {
        let listed: Vec<String> = lost.iter().map(ToString::to_string).collect();
        let lost = if listed.is_empty() { String::new() } else { format!("lost={}", listed.join(",")) };
        let passage = format!("seq={first} late={late} {lost}");
        let clear = lab(&told(&call("", "", &passage, "")));
        let secured = call(&crypto(&[key]), &crypto(&[key]), &format!("{passage} {}", srtp(key)), &srtp(key));
        let opened = lab(&told(&secured));
        prop_assert_eq!(kept(&opened), kept(&clear));
        prop_assert_eq!(&opened.only().gaps, &clear.only().gaps);
        prop_assert_eq!(flags(&opened), [Flag::Sdes]);
    }
}

/// Everything that comes out of a capture file, after `before`.
fn replay_file(path: &Path, before: &[Frame]) -> Replayed {
    let mut engine = Engine::new(RuleSet::lab(), Limits::default());
    let mut replayed = Replayed::default();
    before.iter().for_each(|frame| engine.handle_frame(&raw(frame, 0)));
    let mut source = FileSource::open(path).unwrap();
    while let Ok(Polled::Frames) = source.poll(&mut |frame| engine.handle_frame(frame)) {
        replayed.poll(&mut engine);
    }
    engine.handle_end();
    replayed.poll(&mut engine);
    replayed.counts = engine.counts();
    replayed
}

#[test]
fn real_srtp_is_opened_to_the_payload_of_the_ground_truth() {
    let Some(corpus) = std::env::var_os("EARWITNESS_CORPUS").map(PathBuf::from) else {
        println!("left out: EARWITNESS_CORPUS is not set");
        return;
    };
    let truth: Vec<Value> =
        serde_json::from_str(&std::fs::read_to_string(corpus.join("EXPECTED_SRTP.json")).unwrap()).unwrap();
    assert_eq!(truth.len(), 2);
    for capture in truth {
        let text = |name: &str| capture[name].as_str().unwrap().to_owned();
        let key = format!("AES_CM_128_HMAC_SHA1_80 inline:{}", text("key"));
        let ip = |end: &str| end.split(':').next().unwrap().to_owned();
        let (src, dst) = (text("src"), text("dst"));
        let signalling = told(&format!(
            "epoch 1471980599\n\
             at 0.0 {0}:5060 > {1}:5060 INVITE c from=1 to=2 sdp={src}/G722 {2}\n\
             at 0.1 {1}:5060 > {0}:5060 200 c sdp={dst}/G722 {3}\n\
             at 0.2 {0}:5060 > {1}:5060 ACK c\n",
            ip(&src),
            ip(&dst),
            crypto(&[C, &key]),
            crypto(&[A])
        ));
        let replayed = replay_file(&corpus.join(text("file")), &signalling);
        let media = replayed.counts.media;
        let counted = |name: &str| capture[name].as_u64().unwrap();
        assert_eq!((media.opened, media.not_authentic), (counted("authentic"), counted("not_authentic")));
        let (call, came) = (replayed.only(), replayed.calls.values().next().unwrap());
        assert!(call.flags.contains(&Flag::Sdes) && !call.flags.contains(&Flag::Encrypted));
        let found: Vec<_> = call.streams.iter().filter(|s| s.packets > 0).collect();
        let [stream] = found[..] else { panic!("one stream: {found:?}") };
        let audio = came.audio(stream.track, stream.payload_type);
        let hash: String = Sha256::digest(&audio).iter().map(|byte| format!("{byte:02x}")).collect();
        let expected = &capture["audio"][0];
        assert_eq!(expected["sha256"], hash.as_str(), "{}", text("file"));
        assert_eq!(stream.payload_bytes, expected["payload_bytes"].as_u64().unwrap());
        assert_eq!(stream.codec.as_ref().map(earwitness_model::Codec::kind), Some(PayloadKind::Audio));
    }
}

#[test]
fn real_zrtp_closes_its_call_and_real_dtls_without_sip_is_no_call() {
    let Some(corpus) = std::env::var_os("EARWITNESS_CORPUS").map(PathBuf::from) else {
        println!("left out: EARWITNESS_CORPUS is not set");
        return;
    };
    let zrtp = replay_file(&corpus.join("odedshimon+BruteShark/Asterisk_ZFONE_XLITE.pcap"), &[]);
    let calls = zrtp.summaries();
    let closed: Vec<_> = calls.iter().filter(|call| call.flags.contains(&Flag::Zrtp)).collect();
    let [call] = closed[..] else { panic!("one call: {}", closed.len()) };
    assert!(call.flags.contains(&Flag::Encrypted) && !call.flags.contains(&Flag::Sdes));
    // Packets of 164 bytes are SRTP with a tag of four; those of 160 from before the agreement, and of the PBX, are RTP.
    let media = zrtp.counts.media;
    assert_eq!((media.kept, media.closed), (12 + 1 + 2, 778 + 204));
    let payloads = zrtp.calls.values().flat_map(|came| came.packets().into_values());
    assert!(payloads.into_iter().all(|payload| payload.len() == 160));
    let dtls = replay_file(&corpus.join("ntop+nDPI/stun_dtls_rtp.pcapng"), &[]);
    assert_eq!((dtls.summaries().len(), dtls.counts.media.kept), (0, 0));
}

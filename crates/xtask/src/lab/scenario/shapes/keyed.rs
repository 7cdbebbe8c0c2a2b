//! Keys that are pressed: as events (RFC 4733), in INFO, and as tones among the voice.

use std::{process::Command, thread::sleep, time::Duration};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{held::kept_of, scene::Scene};
use crate::lab::{
    Lab,
    linphones::Linphone,
    room::Host,
    scripted::{Scripted, Scripts},
    softphones::{Carrier, Media, Network, Softphone},
    voice::{Kept, Voice},
};

const CALLER: &str = include_str!("../../templates/presses.xml");
const CALLEE: &str = include_str!("../../templates/keypad.xml");
/// Keys among the voice, each with its two tones (ITU-T Q.23), in Hz.
const TONES: [(&str, &str, &str); 3] = [("1", "697", "1209"), ("8", "852", "1336"), ("0", "941", "1336")];
/// Between two keys of softphones.
const PAUSE: Duration = Duration::from_millis(800);
/// How long a tone is heard, and the silence after it, in milliseconds.
const TONE_MS: u32 = 120;

/// By sipp, in all three ways.
pub(super) fn in_all_ways(scene: &mut Scene<'_>) -> Result<()> {
    let lab = scene.lab;
    let voices = [Voice::saying(61, tones(lab)?), Voice::new(62, 200)];
    for (name, voice) in ["dtmf-says", "dtmf-answers"].into_iter().zip(&voices) {
        voice.write(&lab.path(&format!("{name}.pcap")))?;
    }
    let talk = (voices[0].packets() * 20 + 500).to_string();
    let scripts = Scripts {
        caller: CALLER,
        callee: CALLEE,
        voices: ["dtmf-says", "dtmf-answers"],
        words: &[("TALK", &talk)],
    };
    let (network, carrier) = (Network::Four, Carrier::Udp);
    Scripted { scene: "dtmf", extension: "4004", network, carrier, scripts }.make(lab)?;

    let calls = scene.calls_between([("03112341", "4004")])?;
    let payloads = scene.payloads(&calls)?;
    let [call] = &calls;
    for (leg, voice) in ["caller", "callee"].into_iter().zip(&voices) {
        let kept = kept_of(call, &payloads, voice).unwrap_or(Kept::Foreign(0));
        scene.equal(&format!("the {leg}'s bytes"), kept.to_string(), Kept::Whole.to_string());
    }
    let pressed = call.json["dtmf"].as_array().cloned().unwrap_or_default();
    scene.figure("listed", json!(pressed));
    let of = |via: &str| pressed.iter().filter(|press| press["via"] == via).cloned().collect::<Vec<_>>();
    keys(scene, "events", &of("rfc4733"), &["5", "#"]);
    keys(scene, "INFO", &of("info"), &["7", "9"]);
    let lengths: Vec<&Value> =
        pressed.iter().filter(|press| press["via"] == "info").map(|press| &press["ms"]).collect();
    scene.is_json("length of the first in INFO", lengths.first().unwrap_or(&&Value::Null), &json!(160));
    let events: Vec<u64> = of("rfc4733").iter().filter_map(|press| press["ms"].as_u64()).collect();
    scene.check(
        "length of events",
        format!("{events:?} ms"),
        events.iter().all(|ms| (40..=400).contains(ms)),
    );
    keys(scene, "tones", &of("inband"), &TONES.map(|(key, ..)| key));
    let tones: Vec<u64> = of("inband").iter().filter_map(|press| press["ms"].as_u64()).collect();
    let wanted = u64::from(TONE_MS);
    let holds = tones.iter().all(|ms| ms.abs_diff(wanted) <= 20);
    scene.check("length of tones", format!("{tones:?} of {wanted} ms"), holds && tones.len() == TONES.len());
    Ok(())
}

/// By a caller's baresip and a callee's linphone, as events among their voices; both of which are on the mirror `ways` times.
pub(super) fn by_softphones(scene: &mut Scene<'_>, extension: &'static str, ways: usize) -> Result<()> {
    let (lab, name) = (scene.lab, scene.name);
    let mut desk = Linphone::start(lab, name, (Host::PhonesB, extension), Media::Plain)?;
    let mut citizen = Softphone::new(Host::PhonesA, "4100", "citizen").start(lab, name)?;
    citizen.dial(extension)?;
    citizen.talks(1)?;
    desk.say(lab, "desk", 1)?;
    for (by_citizen, by_desk) in [("1", "7"), ("1", "*"), ("#", "0")] {
        sleep(PAUSE);
        citizen.order(by_citizen)?;
        sleep(PAUSE);
        desk.order(&format!("dtmf {by_desk}"))?;
    }
    sleep(2 * PAUSE);
    citizen.order("/hangup")?;
    citizen.wait("terminated", 1)?;

    let [call] = scene.calls_between([("4100", extension)])?;
    // A voice and its events, each a payload type of one SSRC.
    let codecs: Vec<&str> = call.streams.iter().map(|stream| stream.codec.as_str()).collect();
    scene.figure("streams", codecs.join(", "));
    scene.equal("streams", call.streams.len(), 4 * ways);
    scene.equal("lost", call.streams.iter().map(|stream| stream.lost).sum::<u64>(), 0);
    scene.figure("listed", &call.json["dtmf"]);
    let pressed = call.each("dtmf", "digit");
    scene.equal("keys", pressed, "1, 7, 1, *, #, 0".to_owned());
    scene.equal("by", call.each("dtmf", "leg"), ["caller, callee"; 3].join(", "));
    scene.equal("via", call.each("dtmf", "via"), ["rfc4733"; 6].join(", "));
    Ok(())
}

/// A check: these keys, in this order, all by the caller, each later than the one before.
fn keys(scene: &mut Scene<'_>, what: &str, found: &[Value], wanted: &[&str]) {
    let pressed: Vec<&str> = found.iter().filter_map(|press| press["digit"].as_str()).collect();
    scene.equal(&format!("keys by {what}"), pressed.join(" "), wanted.join(" "));
    let mut times: Vec<&str> = found.iter().filter_map(|press| press["at"].as_str()).collect();
    times.dedup();
    let in_order = times.len() == wanted.len() && times.is_sorted();
    let by_caller = found.iter().all(|press| press["leg"] == "caller");
    scene.check(&format!("{what} in order, by the caller"), times.len(), in_order && by_caller);
}

/// A second of silence, the tones with silence between, and silence to the end of the fourth second; A-law.
fn tones(lab: &Lab) -> Result<Vec<u8>> {
    const SECOND: usize = 8_000;
    const SILENCE: u8 = 0xd5;
    let mut payload = vec![SILENCE; SECOND];
    let length = format!("{}", f64::from(TONE_MS) / 1_000.0);
    for (key, low, high) in TONES {
        let mut sox = Command::new("sox");
        sox.current_dir(&lab.folder).args(["-n", "-r", "8000", "-c", "1", "-e", "a-law", "-t", "raw", "-"]);
        sox.args(["synth", &length, "sine", low, "synth", &length, "sine", "mix", high, "gain", "-10"]);
        let output = sox.output().context("cannot start sox")?;
        anyhow::ensure!(!output.stdout.is_empty(), "sox made no tone of {key}");
        payload.extend(output.stdout);
        payload.extend(vec![SILENCE; TONE_MS as usize * 8]);
    }
    payload.resize(4 * SECOND, SILENCE);
    Ok(payload)
}

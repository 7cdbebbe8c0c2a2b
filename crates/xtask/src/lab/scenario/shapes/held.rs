//! What is heard though nobody talks: music while a party is held, an announcement before the answer.

use std::{thread::sleep, time::Duration};

use anyhow::{Context, Result};

use super::scene::Scene;
use crate::lab::{
    hearing::{self, between, loudness},
    listing::{Call, Payload},
    phones,
    room::Host,
    scripted::{Scripted, Scripts},
    softphones::{Carrier, Network, Softphone},
    voice::{Kept, Voice},
};

/// How long the citizen talks with the desk before it is held, how long it is held, and how long they talk then.
const STEPS: [u64; 3] = [4, 5, 4];
/// What a phone and the exchange may take for a step, in seconds, and what of a step is looked at for that reason.
const SLACK: f64 = 0.7;

/// The desk holds the citizen, who hears the exchange's music meanwhile.
pub(super) fn with_music(scene: &mut Scene<'_>) -> Result<()> {
    let (lab, name) = (scene.lab, scene.name);
    let mut desk = Softphone::new(Host::PhonesB, "4300", "desk").start(lab, name)?;
    let mut citizen = Softphone::new(Host::PhonesA, "4100", "citizen").start(lab, name)?;
    citizen.dial("4300")?;
    citizen.talks(1)?;
    let [talk, hold, again] = STEPS.map(Duration::from_secs);
    sleep(talk);
    desk.order("/hold")?;
    sleep(hold);
    desk.order("/resume")?;
    sleep(again);
    citizen.order("/hangup")?;
    citizen.wait("terminated", 1)?;

    let [call] = scene.calls_between([("4100", "4300")])?;
    let [talk, hold, again] = STEPS.map(|seconds| seconds as f64);
    scene.about("talk, with the hold", call.seconds("talk_s"), talk + hold + again, 1.0);
    scene.equal("dialogs", call.count("legs"), 1);
    // Each voice before and behind the exchange, and the music from there.
    let of = |leg: &str| call.streams.iter().filter(|stream| stream.leg == leg).count();
    scene.equal("streams of the caller", of("caller"), 2);
    scene.equal("streams of the callee", of("callee"), 3);
    let heard = scene.hear(&call)?;
    scene.about("length", Some(heard.right.len() as f64 / 8_000.0), talk + hold + again, 1.0);
    let first = (0.0, talk - SLACK);
    let held = (talk + SLACK, talk + hold - SLACK);
    let last = (talk + hold + SLACK, talk + hold + again - SLACK);
    for (channel, samples, voice) in [("left", &heard.left, "citizen"), ("right", &heard.right, "desk")] {
        for (when, (from, to)) in [("before", first), ("after", last)] {
            let what = format!("{channel} {when} the hold is the {voice}");
            scene.is_voice(&what, between(samples, from, to), voice, &["music"])?;
        }
    }
    scene.is_voice(
        "right in the hold is music",
        between(&heard.right, held.0, held.1),
        "music",
        &["desk"],
    )?;
    let music = hearing::place(&heard.right, &scene.spoken("music")?).context("nothing is heard")?;
    scene.about("the music begins", Some(music.at_s), talk, SLACK);
    let silence = loudness(between(&heard.left, held.0, held.1));
    let voice = loudness(between(&heard.left, first.0, first.1));
    scene.check(
        "left in the hold is silent",
        format!("{silence:.0}, and {voice:.0} before"),
        silence < 20.0 && voice > 300.0,
    );
    Ok(())
}

/// Packets of the announcement, and of both voices after it.
const ANNOUNCED: usize = 100;
const SPOKEN: usize = 200;
/// The callee's own, with media before the answer.
const CALLEE: &str = include_str!("../../templates/announced.xml");

/// Two calls with an announcement before the answer: one to an extension whose rule keeps it, one to another.
pub(super) fn before_the_answer(scene: &mut Scene<'_>) -> Result<()> {
    let lab = scene.lab;
    let voices =
        [("early-announcement", 41, ANNOUNCED), ("early-caller", 42, SPOKEN), ("early-callee", 43, SPOKEN)]
            .map(|(name, seed, packets)| (name, Voice::new(seed, packets)));
    for (name, voice) in &voices {
        voice.write(&lab.path(&format!("{name}.pcap")))?;
    }
    let scripts = Scripts {
        caller: phones::CALLER,
        callee: CALLEE,
        voices: ["early-caller", "early-callee"],
        words: &[
            ("TALK", "5000"),
            ("SUBJECT", "lab"),
            ("ANNOUNCEMENT", "early-announcement"),
            ("EARLY", "2500"),
        ],
    };
    for extension in ["4008", "4009"] {
        let (network, carrier) = (Network::Four, Carrier::Udp);
        Scripted { scene: "early", extension, network, carrier, scripts }.make(lab)?;
    }

    let [kept, dropped] = scene.calls_between([("03112341", "4008"), ("03112341", "4009")])?;
    let whole = [Some(Kept::Whole), Some(Kept::Whole), Some(Kept::Whole)];
    let answered = [None, Some(Kept::Whole), Some(Kept::Whole)];
    for (call, rule, wanted) in [(kept, "everything", whole), (dropped, "announced", answered)] {
        let to = call.to().to_owned();
        scene.equal(&format!("{to}: rule"), call.text("reason"), rule.to_owned());
        scene.about(&format!("{to}: rings, announced"), call.seconds("ring_s"), 2.5, 0.5);
        let calls = [call];
        let payloads = scene.payloads(&calls)?;
        let [call] = &calls;
        scene.equal(&format!("{to}: streams"), call.streams.len(), wanted.iter().flatten().count());
        for ((name, voice), wanted) in voices.iter().zip(&wanted) {
            let found = kept_of(call, &payloads, voice);
            let told =
                |kept: &Option<Kept>| kept.as_ref().map_or_else(|| "nothing".to_owned(), Kept::to_string);
            scene.equal(&format!("{to}: {name} is kept"), told(&found), told(wanted));
        }
    }
    Ok(())
}

/// What is kept of a voice in a call.
pub(super) fn kept_of(call: &Call, payloads: &[Payload], voice: &Voice) -> Option<Kept> {
    let stream = call.streams.iter().find(|stream| stream.ssrc == voice.ssrc())?;
    let payload = payloads.iter().find(|payload| payload.ssrc == stream.ssrc && payload.leg == stream.leg)?;
    Some(voice.compare(&payload.bytes))
}

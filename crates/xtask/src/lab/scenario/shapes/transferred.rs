//! Transfers (RFC 3515, RFC 5589): to somebody else at once, and to somebody who was asked before.

use std::{thread::sleep, time::Duration};

use anyhow::Result;

use super::scene::Scene;
use crate::lab::{
    hearing::between,
    linphones::Linphone,
    listing::Call,
    room::Host,
    softphones::{Media, Softphone},
};

/// How long they talk before the transfer, and after.
const BEFORE: Duration = Duration::from_secs(5);
const AFTER: Duration = Duration::from_secs(6);
/// What phones may take for a step, in seconds.
const SLACK: f64 = 0.8;

/// The citizen calls the desk, which sends the call on to the office, unasked: two calls that name each other.
pub(super) fn blind(scene: &mut Scene<'_>) -> Result<()> {
    let (lab, name) = (scene.lab, scene.name);
    let mut desk = Softphone::new(Host::PhonesB, "4000", "desk").start(lab, name)?;
    let _office = Softphone::new(Host::PhonesC, "4201", "office").start(lab, name)?;
    let mut citizen = Softphone::new(Host::PhonesA, "4100", "citizen").start(lab, name)?;
    citizen.dial("4000")?;
    citizen.talks(1)?;
    sleep(BEFORE);
    desk.order(&format!("/transfer sip:4201@{}", Host::Pbx.address()))?;
    citizen.talks(2)?;
    sleep(AFTER);
    citizen.order("/hangup")?;
    citizen.wait("terminated", 1)?;

    let [first, second] = scene.calls_between([("4100", "4000"), ("4100", "4201")])?;
    scene.name_each_other([&first, &second]);
    for (call, ended_by) in [(&first, "callee"), (&second, "caller")] {
        scene.equal("ended by", call.text("ended_by"), ended_by.to_owned());
        scene.equal("dialogs", call.count("legs"), 1);
        scene.equal("streams", call.streams.len(), 2);
    }
    scene.about("talk before the transfer", first.seconds("talk_s"), BEFORE.as_secs_f64(), 1.0);
    scene.about("talk after it", second.seconds("talk_s"), AFTER.as_secs_f64(), 1.0);
    scene.is_between(&first, "citizen", "desk")?;
    scene.is_between(&second, "citizen", "office")?;
    Ok(())
}

/// Who takes part in an attended transfer, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plot {
    /// The desk's extension, at [`Host::PhonesB`].
    desk: &'static str,
    /// The office's place and extension.
    office: (Host, &'static str),
    media: Media,
    /// Streams of the first call, and of the second.
    streams: [usize; 2],
}

impl Plot {
    /// From phone to phone.
    pub(super) const DIRECT: Self =
        Self { desk: "4000", office: (Host::PhonesC, "4201"), media: Media::Plain, streams: [2, 4] };
    /// By way of the exchange: each voice is on the mirror in both ways, and its music while the citizen is held.
    pub(super) const ANCHORED: Self =
        Self { desk: "4300", office: (Host::PhonesB, "4301"), streams: [5, 8], ..Self::DIRECT };
    /// With SRTP, whose keys are others in every dialog.
    pub(super) const LOCKED: Self = Self { media: Media::Locked, ..Self::DIRECT };
}

/// The citizen calls the desk, which asks the office and then connects the two: the second call begins between desk and
/// office, and goes on between citizen and office.
pub(super) fn attended(scene: &mut Scene<'_>, plot: Plot) -> Result<()> {
    let (lab, name) = (scene.lab, scene.name);
    let Plot { desk: to_desk, office: (place, to_office), media, streams } = plot;
    let mut desk = Linphone::start(lab, name, (Host::PhonesB, to_desk), media)?;
    let mut office = Linphone::start(lab, name, (place, to_office), media)?;
    let mut citizen = Linphone::start(lab, name, (Host::PhonesA, "4100"), media)?;
    citizen.dial(to_desk)?;
    citizen.say(lab, "citizen", 1)?;
    desk.say(lab, "desk", 1)?;
    sleep(BEFORE);
    desk.order("call-pause 1")?;
    desk.wait("Event: LinphoneCallPaused\n", 1)?;
    desk.dial(to_office)?;
    office.say(lab, "office", 1)?;
    desk.say(lab, "desk", 2)?;
    sleep(BEFORE);
    desk.order("call-transfer 1 2")?;
    office.say(lab, "office", 2)?;
    citizen.say(lab, "citizen", 2)?;
    sleep(AFTER);
    citizen.order("terminate 2")?;
    citizen.wait("Event: LinphoneCallEnd", 2)?;

    let [first, second] = scene.calls_between([("4100", to_desk), (to_desk, to_office)])?;
    scene.equal("streams of the first", first.streams.len(), streams[0]);
    scene.equal("streams of the second", second.streams.len(), streams[1]);
    let protection = if media == Media::Locked { "sdes" } else { "" };
    for call in [&first, &second] {
        scene.equal("protection", call.text("protection"), protection.to_owned());
        scene.equal("lost", call.streams.iter().map(|stream| stream.lost).sum::<u64>(), 0);
    }
    scene.name_each_other([&first, &second]);
    let reasons = |call: &Call| call.each("legs", "reason");
    scene.equal("dialogs of the first", reasons(&first), "first".to_owned());
    scene.equal("dialogs of the second", reasons(&second), "first, replaces".to_owned());
    scene.equal("first ended by", first.text("ended_by"), "callee".to_owned());
    scene.equal("second ended by", second.text("ended_by"), "caller".to_owned());
    let whole = BEFORE + AFTER;
    scene.about("talk of the second, with both", second.seconds("talk_s"), whole.as_secs_f64(), 2.0);
    // The phones say something from the moment on when they are told that they talk.
    let talk = BEFORE.as_secs_f64();
    let (before, after) = ((SLACK, talk - SLACK), (talk + 2.0 * SLACK, talk + AFTER.as_secs_f64() - SLACK));
    let heard = scene.hear(&first)?;
    for (what, channel, voice, other) in [
        ("left is the citizen", &heard.left, "citizen", "desk"),
        ("right is the desk", &heard.right, "desk", "citizen"),
    ] {
        scene.is_voice(&format!("first: {what}"), between(channel, before.0, before.1), voice, &[other])?;
    }
    let heard = scene.hear(&second)?;
    for (when, (from, to), caller) in [("before", before, "desk"), ("after", after, "citizen")] {
        let [left, right] = [&heard.left, &heard.right].map(|channel| between(channel, from, to));
        let other = if caller == "desk" { "citizen" } else { "desk" };
        scene.is_voice(&format!("second {when}: left is the {caller}"), left, caller, &[other, "office"])?;
        scene.is_voice(
            &format!("second {when}: right is the office"),
            right,
            "office",
            &["desk", "citizen"],
        )?;
    }
    Ok(())
}

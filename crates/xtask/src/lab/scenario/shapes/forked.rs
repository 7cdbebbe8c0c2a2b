//! One number, two phones: at once, when one answers and the other is cancelled, and one after the other.

use std::{thread::sleep, time::Duration};

use anyhow::Result;

use super::scene::Scene;
use crate::lab::{
    room::Host,
    softphones::{Answers, Softphone},
};

/// How long both ring, and how long they talk.
const RING: Duration = Duration::from_secs(2);
const TALK: Duration = Duration::from_secs(6);

/// Both ring, one answers.
pub(super) fn at_once(scene: &mut Scene<'_>) -> Result<()> {
    let (lab, name) = (scene.lab, scene.name);
    let waiting =
        |host, user, voice| Softphone { answers: Answers::WhenTold, ..Softphone::new(host, user, voice) };
    let mut desk = waiting(Host::PhonesB, "4005", "desk").start(lab, name)?;
    let mut office = waiting(Host::PhonesC, "4206", "office").start(lab, name)?;
    let mut citizen = Softphone::new(Host::PhonesA, "4100", "citizen").start(lab, name)?;
    citizen.dial("4900")?;
    for phone in [&mut desk, &mut office] {
        phone.wait("Incoming call from", 1)?;
    }
    sleep(RING);
    office.order("/accept")?;
    citizen.talks(1)?;
    desk.wait("session closed", 1)?;
    sleep(TALK);
    citizen.order("/hangup")?;
    citizen.wait("terminated", 1)?;
    scene.equal("calls of the phone that did not answer", desk.said("Call established"), 0);

    let [call] = scene.calls_between([("4100", "4900")])?;
    scene.equal("dialogs", call.count("legs"), 1);
    scene.equal("streams", call.streams.len(), 2);
    scene.equal("ended by", call.text("ended_by"), "caller".to_owned());
    scene.is_json("flags", &call.json["flags"], &serde_json::json!([]));
    scene.about("rings", call.seconds("ring_s"), RING.as_secs_f64(), 1.0);
    scene.about("talk", call.seconds("talk_s"), TALK.as_secs_f64(), 1.0);
    let from_office = format!("{}:", Host::PhonesC.address());
    let callee = call.streams.iter().find(|stream| stream.leg == "callee").map(|stream| stream.src.clone());
    let told = callee.clone().unwrap_or_default();
    scene.check(
        "the callee's voice is from the phone that answered",
        told,
        callee.is_some_and(|src| src.starts_with(&from_office)),
    );
    scene.is_between(&call, "citizen", "office")?;
    Ok(())
}

/// The first is busy, the second answers.
pub(super) fn one_after_the_other(scene: &mut Scene<'_>) -> Result<()> {
    let (lab, name) = (scene.lab, scene.name);
    let desk = Softphone { answers: Answers::WhenTold, ..Softphone::new(Host::PhonesB, "4702", "desk") };
    let mut desk = desk.start(lab, name)?;
    let _office = Softphone::new(Host::PhonesC, "4207", "office").start(lab, name)?;
    let mut citizen = Softphone::new(Host::PhonesA, "4100", "citizen").start(lab, name)?;
    citizen.dial("4702")?;
    desk.wait("Incoming call from", 1)?;
    sleep(RING);
    desk.order("/hangup")?;
    citizen.talks(1)?;
    sleep(TALK);
    citizen.order("/hangup")?;
    citizen.wait("terminated", 1)?;

    let [call] = scene.calls_between([("4100", "4702")])?;
    scene.equal("dialogs", call.count("legs"), 1);
    scene.equal("streams", call.streams.len(), 2);
    scene.is_json("status", &call.json["sip_status"], &serde_json::json!(200));
    scene.about("rings", call.seconds("ring_s"), RING.as_secs_f64(), 1.0);
    scene.is_between(&call, "citizen", "office")?;
    Ok(())
}

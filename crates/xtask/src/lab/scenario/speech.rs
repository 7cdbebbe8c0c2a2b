//! Two softphones speak Korean and English to each other by way of the telephone system: the exported WAV has the caller
//! on the left and the callee on the right, and each is what was spoken.

use std::{thread::sleep, time::Duration};

use anyhow::{Context, Result};

use crate::{
    lab::{
        Lab,
        exchange::{Exchange, Plan},
        hearing::{ALIKE, UNLIKE, likeness, samples},
        listing,
        recorder::{self, Recorder, Settings},
        room::Host,
        softphones::{self, Softphone},
        table::Table,
    },
    process,
};

/// What the caller says, and the callee.
const KOREAN: &str =
    "안녕하세요. 여권 재발급을 신청하려고 전화드렸습니다. 필요한 서류가 무엇인지 알려 주시겠어요?";
const ENGLISH: &str =
    "Good morning, this is the passport desk. Please bring your identity card and one photograph.";

/// Seconds of a spoken file.
const LONG: u32 = 12;

pub(super) fn run(lab: &Lab, table: &mut Table) -> Result<()> {
    softphones::speak(lab, "korean", ("ko", KOREAN), LONG)?;
    softphones::speak(lab, "english", ("en", ENGLISH), LONG)?;
    let settings = Settings::of(lab);
    let recorder = Recorder::start(lab, &settings)?;
    let exchange = Exchange::start(lab, Plan::Anchored)?;
    let callee = Softphone::new(Host::PhonesB, "4000", "english").start(lab, "speech")?;
    let mut caller = Softphone::new(Host::PhonesA, "4100", "korean").start(lab, "speech")?;
    caller.dial("4000")?;
    sleep(Duration::from_secs(u64::from(lab.order.seconds.unwrap_or(14))));
    caller.order("/hangup")?;
    sleep(Duration::from_secs(1));
    drop(caller);
    drop(callee);
    drop(exchange);
    let ended = recorder.stop(lab)?;

    let calls = listing::calls(lab, &settings.vault)?;
    table.equal("calls listed", calls.len(), 1);
    let call = calls.first().context("there is no call")?;
    table.equal("outcome", call.outcome(), "answered");
    process::succeed(&mut lab.earwitness("export", &settings.vault, &["-q", call.id(), "-o", "call.wav"]))?;
    let spoken = [samples(&lab.path("korean.wav"), 1)?, samples(&lab.path("english.wav"), 1)?];
    let channels = [samples(&lab.path("call.wav"), 1)?, samples(&lab.path("call.wav"), 2)?];
    for (what, channel, voice, other) in [("left is the caller", 0, 0, 1), ("right is the callee", 1, 1, 0)] {
        let own = likeness(&channels[channel], &spoken[voice]);
        let wrong = likeness(&channels[channel], &spoken[other]);
        let holds = own > ALIKE && wrong < UNLIKE;
        table.check(what, format_args!("{own:.4}; the other's {wrong:.4}"), holds);
    }
    let verified = recorder::verify(lab, &settings.vault);
    table.check("verify --all --opened", verified.as_deref().unwrap_or("failed"), verified.is_ok());
    table.figure("the recorder said", ended.log.trim().replace('\n', " | "));
    Ok(())
}

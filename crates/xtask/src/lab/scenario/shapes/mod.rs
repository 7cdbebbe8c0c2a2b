//! The shapes that calls take, each made by real programs and looked for in the listing: the right parties, dialogs, times,
//! and on each channel what that party said.

mod carried;
mod converted;
mod forked;
mod held;
mod keyed;
mod locked;
mod scene;
mod transferred;

use anyhow::{Context, Result, bail};

use self::{scene::Scene, transferred::Plot};
use crate::lab::{
    Lab,
    exchange::{Exchange, Plan},
    softphones,
    table::Table,
};

/// A shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Blind,
    Attended,
    AttendedAnchored,
    AttendedLocked,
    Music,
    Early,
    Forked,
    Busy,
    Tcp,
    Six,
    Locked,
    Bridged,
    Converted,
    Keys,
    Pressed,
    PressedAnchored,
}

impl Shape {
    const ALL: [Self; 16] = [
        Self::Blind,
        Self::Attended,
        Self::AttendedAnchored,
        Self::AttendedLocked,
        Self::Music,
        Self::Early,
        Self::Forked,
        Self::Busy,
        Self::Tcp,
        Self::Six,
        Self::Locked,
        Self::Bridged,
        Self::Converted,
        Self::Keys,
        Self::Pressed,
        Self::PressedAnchored,
    ];

    /// Its name for `--only`.
    const fn name(self) -> &'static str {
        match self {
            Self::Blind => "blind",
            Self::Attended => "attended",
            Self::AttendedAnchored => "attended-anchored",
            Self::AttendedLocked => "attended-sdes",
            Self::Music => "music",
            Self::Early => "early",
            Self::Forked => "forked",
            Self::Busy => "busy",
            Self::Tcp => "tcp",
            Self::Six => "ipv6",
            Self::Locked => "sdes",
            Self::Bridged => "bridged",
            Self::Converted => "converted",
            Self::Keys => "dtmf",
            Self::Pressed => "pressed",
            Self::PressedAnchored => "pressed-anchored",
        }
    }

    /// Makes the call, and looks for it.
    fn run(self, scene: &mut Scene<'_>) -> Result<()> {
        match self {
            Self::Blind => transferred::blind(scene),
            Self::Attended => transferred::attended(scene, Plot::DIRECT),
            Self::AttendedAnchored => transferred::attended(scene, Plot::ANCHORED),
            Self::AttendedLocked => transferred::attended(scene, Plot::LOCKED),
            Self::Music => held::with_music(scene),
            Self::Early => held::before_the_answer(scene),
            Self::Forked => forked::at_once(scene),
            Self::Busy => forked::one_after_the_other(scene),
            Self::Tcp => carried::over_tcp(scene),
            Self::Six => carried::over_six(scene),
            Self::Locked => locked::by_both(scene),
            Self::Bridged => locked::by_the_caller(scene),
            Self::Converted => converted::run(scene),
            Self::Keys => keyed::in_all_ways(scene),
            Self::Pressed => keyed::by_softphones(scene, "4001", 1),
            Self::PressedAnchored => keyed::by_softphones(scene, "4301", 2),
        }
    }
}

/// Seconds of a spoken file: more than any call.
const LONG: u32 = 30;

/// What is said: a name, one of espeak's voices, and a text that is spoken for as long as the longest call.
const SPOKEN: [(&str, &str, &str); 4] = [
    (
        "citizen",
        "ko",
        "안녕하세요. 여권 재발급을 신청하려고 전화드렸습니다. 필요한 서류가 무엇인지 알려 주시겠어요? \
         저는 다음 달에 해외로 출장을 가야 합니다. 사진은 두 장이면 될까요? 수수료는 카드로 낼 수 있나요? \
         토요일에도 창구를 여는지 궁금합니다. 주차장은 건물 뒤에 있나요? 감사합니다.",
    ),
    (
        "desk",
        "en",
        "Good morning, this is the passport desk. Please bring your identity card and one photograph. \
         The fee is fifty thousand won, and you can pay it by card. We are open from nine to six on weekdays. \
         It takes four working days until the new one is ready. Would you like us to send it to your home?",
    ),
    (
        "office",
        "fr",
        "Bonjour, ici le service des passeports. Votre dossier est prêt, vous pouvez venir le chercher demain. \
         Le bureau se trouve au deuxième étage, à droite de l'ascenseur. N'oubliez pas votre ancien passeport. \
         Si vous ne pouvez pas venir, une autre personne peut le chercher avec une procuration signée.",
    ),
    (
        "music",
        "de",
        "Bitte bleiben Sie am Apparat, der nächste freie Mitarbeiter ist gleich für Sie da. Vielen Dank. \
         Sie erreichen uns auch über das Internet. Die Wartezeit beträgt ungefähr drei Minuten.",
    ),
];

pub(super) fn run(lab: &Lab, table: &mut Table) -> Result<()> {
    let shapes = match &lab.order.only {
        None => Shape::ALL.to_vec(),
        Some(name) => vec![parse(name)?],
    };
    for (name, voice, text) in SPOKEN {
        softphones::speak(lab, name, (voice, text), LONG)?;
    }
    lab.room.speak_six()?;
    let _exchange = Exchange::start(lab, Plan::ByNumber)?;
    for shape in shapes {
        let mut scene = Scene::begin(lab, table, shape.name())?;
        let outcome = shape.run(&mut scene);
        scene.end(outcome)?;
    }
    Ok(())
}

fn parse(name: &str) -> Result<Shape> {
    let found = Shape::ALL.into_iter().find(|shape| shape.name() == name);
    if found.is_none() {
        let known: Vec<&str> = Shape::ALL.iter().map(|shape| shape.name()).collect();
        bail!("no shape {name:?}; there are {}", known.join(", "));
    }
    found.context("it was found")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_has_a_name_of_its_own() {
        for shape in Shape::ALL {
            assert_eq!(parse(shape.name()).expect("it is known"), shape);
        }
        let error = parse("conference").expect_err("there is none").to_string();
        assert!(error.starts_with("no shape \"conference\"; there are blind, attended"), "{error}");
    }
}

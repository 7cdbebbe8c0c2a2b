//! What the words of a call are called in Korean and in English.

use earwitness_model::{Codec, Direction, EndedBy, Flag, GapCause, Leg, Mode, Outcome};

/// Korean and English.
pub(crate) type Both = (&'static str, &'static str);

pub(crate) const fn leg(leg: Leg) -> Both {
    match leg {
        Leg::Caller => ("발신자", "caller"),
        Leg::Callee => ("수신자", "callee"),
    }
}

pub(crate) const fn direction(direction: Direction) -> Both {
    match direction {
        Direction::Inbound => ("외부에서 걸려 온 전화", "from outside to the office"),
        Direction::Outbound => ("외부로 건 전화", "from the office to outside"),
        Direction::Internal => ("내부 통화", "within the office"),
        Direction::Unknown => ("알 수 없음", "not known"),
    }
}

pub(crate) const fn mode(mode: Mode) -> Both {
    match mode {
        Mode::Blanket => ("전수녹취", "every call is recorded"),
        Mode::Selective => ("선택녹취", "recorded by key"),
        Mode::Never => ("녹취 제외", "never recorded"),
    }
}

pub(crate) const fn outcome(outcome: Outcome) -> Both {
    match outcome {
        Outcome::Answered => ("응답됨", "answered"),
        Outcome::Busy => ("통화 중", "busy"),
        Outcome::NoAnswer => ("응답 없음", "no answer"),
        Outcome::Cancelled => ("발신자가 취소", "cancelled by the caller"),
        Outcome::Declined => ("거절됨", "declined"),
        Outcome::Failed => ("실패", "failed"),
        Outcome::InProgress => ("끝을 보지 못함", "its end was not seen"),
    }
}

pub(crate) const fn ended_by(by: Option<EndedBy>, outcome: Outcome) -> Both {
    match (by, outcome) {
        (Some(EndedBy::Caller), _) => ("발신자가 끊음", "the caller hung up"),
        (Some(EndedBy::Callee), _) => ("수신자가 끊음", "the callee hung up"),
        (Some(EndedBy::Timeout), _) => ("종료 신호 없이 음성이 그침", "the audio ceased without a hang-up"),
        (Some(EndedBy::CaptureEnd), _) => ("녹취가 먼저 끝남", "the capture ended first"),
        (None, Outcome::Answered | Outcome::InProgress) => ("알 수 없음", "not known"),
        (
            None,
            Outcome::Busy | Outcome::NoAnswer | Outcome::Cancelled | Outcome::Declined | Outcome::Failed,
        ) => ("통화가 이루어지지 않음", "there was no conversation"),
    }
}

/// The left channel and the right one of an imported file.
pub(crate) const fn channel(leg: Leg) -> Both {
    match leg {
        Leg::Caller => ("왼쪽", "left"),
        Leg::Callee => ("오른쪽", "right"),
    }
}

pub(crate) const fn cause(cause: GapCause) -> Both {
    match cause {
        GapCause::Network => ("통신망에서 유실", "lost in the network"),
        GapCause::Mirror => ("미러 포트가 전달하지 않음", "not passed on by the mirror port"),
        GapCause::Capture => ("녹취 장치가 받지 못함", "not kept by the recorder"),
        GapCause::Sender => ("보낸 쪽이 보내지 않음", "not sent by the sender"),
        GapCause::Unknown => ("원인을 알 수 없음", "cause not known"),
    }
}

/// What a flag of the manifest means.
pub(crate) const fn flag(flag: Flag) -> Both {
    match flag {
        Flag::OneWay => ("한쪽의 음성만 있었습니다", "audio came from one party only"),
        Flag::NoBye => ("종료 신호(BYE)를 보지 못했습니다", "no hang-up (BYE) was seen"),
        Flag::MidCall => ("통화 도중에 녹취가 시작되었습니다", "the capture began in mid-call"),
        Flag::NoMedia => ("음성이 전혀 없었습니다", "no audio was seen"),
        Flag::Encrypted => (
            "암호화되어 열 수 없는 음성은 보관되지 않았습니다",
            "audio that is encrypted and could not be opened is not kept",
        ),
        Flag::Truncated => ("수집한 패킷의 끝이 잘려 있었습니다", "packets were cut short by the capture"),
        Flag::LatePackets => (
            "늦게 온 패킷이 있어 일부 흐름에는 서명된 음성 해시가 없습니다",
            "packets came late: some streams have no signed hash of their audio",
        ),
        Flag::CaptureLoss => ("녹취 장치가 일부를 받지 못했습니다", "the recorder could not keep all of it"),
        Flag::Interrupted => ("통화 도중 녹취 장치가 멈추었습니다", "the recorder stopped in mid-call"),
        Flag::ClockStepped => ("통화 도중 시계가 조정되었습니다", "the clock was set in mid-call"),
        Flag::Resumed => {
            ("중단된 통화의 이어지는 부분입니다", "this goes on from an earlier part of the call")
        }
        Flag::Fax => {
            ("팩스(T.38)로 바뀐 부분은 보관되지 않았습니다", "what was sent as fax (T.38) is not kept")
        }
        Flag::Video => ("영상은 보관되지 않았습니다", "video is not kept"),
        Flag::FalseBye => (
            "응답 없는 종료 신호 뒤에도 통화가 이어졌습니다",
            "a hang-up that nobody answered was not the end",
        ),
        Flag::UnseenAnswer => {
            ("응답 신호는 상대의 확인으로 알 수 있습니다", "the answer is known by its acknowledgement")
        }
        Flag::Sdes => (
            "암호화된 음성을 신호의 열쇠로 열었습니다",
            "encrypted audio was opened with keys in the signalling",
        ),
        Flag::Dtls => ("음성의 열쇠가 DTLS로 합의되었습니다", "keys of the audio were agreed on by DTLS"),
        Flag::Zrtp => ("음성의 열쇠가 ZRTP로 합의되었습니다", "keys of the audio were agreed on by ZRTP"),
        Flag::KeysUnknown => ("음성의 열쇠를 알 수 없습니다", "no key of the audio is known"),
        Flag::NotAuthentic => {
            ("진본이 아닌 패킷은 보관되지 않았습니다", "packets that were not authentic are not kept")
        }
        Flag::Tls => {
            ("암호화된 신호를 열쇠 기록으로 열었습니다", "encrypted signalling was opened by a key log")
        }
        Flag::Imported => (
            "다른 녹취 시스템의 파일에서 가져왔습니다: 출처를 관찰하지 못했습니다",
            "imported from another recorder's file: its origin was not observed",
        ),
        Flag::NoSignalling => (
            "신호 없이 음성만 있었습니다: 당사자는 주소입니다",
            "audio without signalling: its parties are addresses",
        ),
    }
}

/// An encoding, or that nobody named it.
pub(crate) fn codec(codec: Option<&Codec>) -> String {
    codec.map_or_else(|| "?".to_owned(), ToString::to_string)
}

//! What can be wrong with a bundle.

use earwitness_media::RereadError;
use earwitness_vault::ProofFault;

/// What a check found, in English by `Display` and in Korean by [`Fault::ko`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A file is not there.
    #[error("{0} is missing")]
    Missing(String),
    /// A file is not what was listed.
    #[error("{0} was changed")]
    Changed(String),
    /// A file is there that the list does not have.
    #[error("{0} is not in the list")]
    Extra(String),
    /// A key that is none.
    #[error("{0} is not the recorder's public key, or was changed")]
    NotAKey(&'static str),
    /// The bundle has another key than the one that was given.
    #[error(
        "the bundle was signed by another key than the one that was given: it is not of this office's recorder"
    )]
    ForeignKey,
    /// The list makes no sense.
    #[error("LIST.txt is no list of a bundle, or was changed")]
    NoList,
    /// The list's signature.
    #[error("the signature of the list is not of this key: the list was changed, or another signed it")]
    ListSignature,
    /// The times in the zip.
    #[error("the zip says another time than the list")]
    Stamp,
    /// The manifest's signature.
    #[error("the manifest was changed, or another key signed it")]
    ManifestSignature,
    /// Two files are of different recordings.
    #[error("{0} is of another recording than the list")]
    OtherRecording(&'static str),
    /// A sealed block.
    #[error("the sealed block {0} is not the one that the manifest tells of, or is missing")]
    Block(u64),
    /// The pcapng.
    #[error("call.pcapng: {0}")]
    Packets(RereadError),
    /// A stream's payload.
    #[error(
        "the audio of payload type {0} in call.pcapng is not what was captured: its hash is not in the manifest"
    )]
    Payload(u8),
    /// The recording's key.
    #[error("sealed/key.txt does not open the sealed blocks")]
    SealedKey,
    /// The pcapng, held against the sealed blocks.
    #[error(
        "call.pcapng is not what was sealed when the call was recorded: its SIP, its times or its packets were changed"
    )]
    NotAsSealed,
    /// The WAV.
    #[error("audio.wav is not the sound of the packets in call.pcapng")]
    Wav,
    /// The rules.
    #[error("the rules are not those that applied: their hash is not in the manifest")]
    Rules,
    /// The proof of the ledger.
    #[error("the proof of the ledger does not hold: {0}")]
    Proof(ProofFault),
    /// What stands there is no proof.
    #[error("ledger/proof.json is no proof, or was changed")]
    NoProof,
    /// The proof is of another recording.
    #[error("the proof of the ledger is of another recording")]
    OtherProof,
    /// The signed head beside the proof.
    #[error("the signed head beside the proof is another")]
    Checkpoint,
    /// The recipient.
    #[error("recipient.json is of another copy or another call, or was changed")]
    Recipient,
    /// What it needs did not hold.
    #[error("not checked, because what it rests on does not hold")]
    NotChecked,
}

impl Fault {
    /// In Korean.
    #[must_use]
    pub fn ko(&self) -> String {
        match self {
            Self::Missing(name) => format!("{name} 파일이 없습니다"),
            Self::Changed(name) => format!("{name} 파일이 변경되었습니다"),
            Self::Extra(name) => format!("{name} 파일은 목록에 없습니다"),
            Self::NotAKey(name) => format!("{name} 파일이 공개 열쇠가 아니거나 변경되었습니다"),
            Self::ForeignKey => "주어진 열쇠가 아닌 다른 열쇠로 서명되었습니다".to_owned(),
            Self::NoList => "LIST.txt가 묶음의 목록이 아니거나 변경되었습니다".to_owned(),
            Self::ListSignature => "목록이 변경되었거나 다른 열쇠로 서명되었습니다".to_owned(),
            Self::Stamp => "압축 파일의 시각이 목록과 다릅니다".to_owned(),
            Self::ManifestSignature => "명세가 변경되었거나 다른 열쇠로 서명되었습니다".to_owned(),
            Self::OtherRecording(name) => format!("{name} 파일은 다른 녹취의 것입니다"),
            Self::Block(number) => format!("봉인 블록 {number}번이 명세와 다르거나 없습니다"),
            Self::Packets(_) => "call.pcapng 파일이 이 통화의 패킷이 아니거나 변경되었습니다".to_owned(),
            Self::Payload(kind) => format!("call.pcapng의 음성(형식 {kind})이 녹취된 것과 다릅니다"),
            Self::SealedKey => "sealed/key.txt가 봉인 블록을 열지 못합니다".to_owned(),
            Self::NotAsSealed => {
                "call.pcapng가 녹취 때 봉인된 것과 다릅니다 (SIP, 시각 또는 패킷)".to_owned()
            }
            Self::Wav => "audio.wav가 call.pcapng의 소리와 다릅니다".to_owned(),
            Self::Rules => "규칙이 당시의 것과 다릅니다".to_owned(),
            Self::NoProof => "ledger/proof.json이 증명이 아니거나 변경되었습니다".to_owned(),
            Self::Proof(_) => "원장의 증명이 성립하지 않습니다".to_owned(),
            Self::OtherProof => "원장의 증명이 다른 녹취의 것입니다".to_owned(),
            Self::Checkpoint => "증명 옆의 서명된 머리가 다릅니다".to_owned(),
            Self::Recipient => "recipient.json이 다른 사본이나 통화의 것이거나 변경되었습니다".to_owned(),
            Self::NotChecked => "앞의 확인이 성립하지 않아 확인하지 못했습니다".to_owned(),
        }
    }
}

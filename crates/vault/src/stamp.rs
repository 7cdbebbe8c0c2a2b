//! Time stamps of an authority (RFC 3161): the question, and its answer held against what was asked.
//!
//! Stamped is the note of a signed head as it stands in its file, by its SHA-256. Whether the authority is one, and its signature
//! right, is not asked here: that is a question of certificates, and `openssl ts -verify` answers it for whoever trusts them.
//! What is asked is whether the answer is one, grants, and is about this note.

use aws_lc_rs::digest::{SHA256, digest};
use cms::{content_info::ContentInfo, signed_data::SignedData};
use der::{
    Any, AnyRef, Decode, Encode, Reader, SliceReader,
    asn1::{Int, ObjectIdentifier, OctetString},
    oid::db::rfc5912::ID_SHA_256,
};
use rand::{RngCore, rngs::OsRng};
use x509_tsp::{MessageImprint, TimeStampReq, TspVersion, TstInfo};

/// Answers have some KiB of certificates; a longer one is none.
pub const MAX_STAMP: usize = 64 << 10;
/// id-signedData (RFC 5652 section 5.1).
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
/// id-ct-TSTInfo (RFC 3161 section 2.4.2).
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");

/// What an authority says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Seconds since 1970, UTC, at which what was stamped was there.
    pub at_seconds: i64,
    /// The serial number of the stamp, hexadecimal.
    pub serial: String,
    /// The nonce of the question.
    pub nonce: Option<Vec<u8>>,
}

/// Why an answer is no stamp of this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StampFault {
    /// It is longer than [`MAX_STAMP`].
    #[error("the answer is longer than any time stamp")]
    TooLong,
    /// It is not an answer of RFC 3161.
    #[error("this is no answer of a time-stamping authority (RFC 3161)")]
    NotAnAnswer,
    /// The authority said no: its status is not 0 or 1 (section 2.4.2).
    #[error("the authority refused: status {status}")]
    Refused {
        /// The status.
        status: u8,
    },
    /// It grants and has no stamp that can be read.
    #[error("the answer has no time stamp that can be read")]
    NoToken,
    /// It is a stamp of something else, or by another hash.
    #[error("the time stamp is of something else")]
    OtherContent,
    /// It is the answer to another question.
    #[error("the time stamp answers another question: its nonce is another one")]
    OtherNonce,
}

/// The question for a stamp of `content`, with a random nonce, and for the authority's certificate.
#[must_use]
pub fn stamp_query(content: &[u8]) -> Vec<u8> {
    let mut nonce = [0; 8];
    OsRng.fill_bytes(&mut nonce);
    // A number that is positive, and written in one way only.
    nonce[0] = nonce[0] & 0x7f | 0x01;
    let query = TimeStampReq {
        version: TspVersion::V1,
        message_imprint: MessageImprint {
            hash_algorithm: x509_cert_algorithm(),
            hashed_message: OctetString::new(sha256(content)).expect("32 bytes"),
        },
        req_policy: None,
        nonce: Some(Int::new(&nonce).expect("8 bytes, the first of which is not zero")),
        cert_req: true,
        extensions: None,
    };
    query.to_der().expect("a question of fixed parts")
}

fn x509_cert_algorithm() -> cms::cert::x509::spki::AlgorithmIdentifier<Any> {
    cms::cert::x509::spki::AlgorithmIdentifier { oid: ID_SHA_256, parameters: Some(Any::null()) }
}

fn sha256(content: &[u8]) -> Vec<u8> {
    digest(&SHA256, content).as_ref().to_vec()
}

/// The nonce of a question; `None` when it is none.
#[must_use]
pub fn nonce_of(query: &[u8]) -> Option<Vec<u8>> {
    TimeStampReq::from_der(query).ok()?.nonce.map(|nonce| nonce.as_bytes().to_vec())
}

impl Stamp {
    /// The stamp in an answer, which must be of `content`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(answer: &[u8], content: &[u8]) -> Result<Self, StampFault> {
        if answer.len() > MAX_STAMP {
            return Err(StampFault::TooLong);
        }
        let (status, token) = parts(answer).map_err(|_| StampFault::NotAnAnswer)?;
        if status > 1 {
            return Err(StampFault::Refused { status });
        }
        let told = token.as_deref().and_then(told).ok_or(StampFault::NoToken)?;
        let imprint = &told.message_imprint;
        if imprint.hash_algorithm.oid != ID_SHA_256 || imprint.hashed_message.as_bytes() != sha256(content) {
            return Err(StampFault::OtherContent);
        }
        Ok(Self {
            at_seconds: i64::try_from(told.gen_time.to_unix_duration().as_secs()).unwrap_or(i64::MAX),
            serial: hex::encode(told.serial_number.as_bytes()),
            nonce: told.nonce.map(|nonce| nonce.as_bytes().to_vec()),
        })
    }

    /// [`Self::read`] of the answer to `query`.
    ///
    /// # Errors
    /// Those of [`Self::read`], and [`StampFault::OtherNonce`].
    pub fn answering(query: &[u8], answer: &[u8], content: &[u8]) -> Result<Self, StampFault> {
        let stamp = Self::read(answer, content)?;
        if stamp.nonce == nonce_of(query) { Ok(stamp) } else { Err(StampFault::OtherNonce) }
    }
}

/// The status of an answer, and its token. What a refusal says beside its status is read by nobody.
fn parts(answer: &[u8]) -> der::Result<(u8, Option<Vec<u8>>)> {
    AnyRef::from_der(answer)?.sequence(|reader| {
        let status: AnyRef<'_> = reader.decode()?;
        let status: u8 = status.sequence(|inner| {
            let status = inner.decode()?;
            while !inner.is_finished() {
                let _beside: AnyRef<'_> = inner.decode()?;
            }
            Ok(status)
        })?;
        let token: Option<AnyRef<'_>> = if reader.is_finished() { None } else { Some(reader.decode()?) };
        Ok((status, token.map(|token| token.to_der()).transpose()?))
    })
}

/// What a token says (section 2.4.2).
fn told(token: &[u8]) -> Option<TstInfo> {
    let content = ContentInfo::from_der(token).ok().filter(|content| content.content_type == SIGNED_DATA)?;
    let signed = SignedData::from_der(&content.content.to_der().ok()?).ok()?;
    let enclosed = signed.encap_content_info;
    let told = enclosed.econtent.filter(|_| enclosed.econtent_type == TST_INFO)?;
    let mut reader = SliceReader::new(told.value()).ok()?;
    reader.decode().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with openssl 3 for the three bytes `abc`, and answered by an authority of its own making: of x509-tsp's tests.
    const ANSWER: &str = "3082028430030201003082027B06092A864886F70D010702A082026C30820268020103310F300D060960864801650304020105003081C9060B2A864886F70D0109100104A081B90481B63081B302010106042A0304013031300D060960864801650304020105000420BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD020104180F32303233303630373131323632365A300A020101800201F48101640101FF0208314CFCE4E0651827A048A4463044310B30090603550406130255533113301106035504080C0A536F6D652D5374617465310D300B060355040A0C04546573743111300F06035504030C0854657374205453413182018430820180020101305C3044310B30090603550406130255533113301106035504080C0A536F6D652D5374617465310D300B060355040A0C04546573743111300F06035504030C08546573742054534102146A0DCC59137C11D1C2B092042B4BC51C0D634D24300D06096086480165030402010500A08198301A06092A864886F70D010903310D060B2A864886F70D0109100104301C06092A864886F70D010905310F170D3233303630373131323632365A302B060B2A864886F70D010910020C311C301A3018301604142F36B1B52456F5AC3A1CA09794AE3D0D64AD38C2302F06092A864886F70D01090431220420BAF4CCF82E9B5B3956EADCC87346B407684F26D82B68D0E7DE0D31EA79AF648C300A06082A8648CE3D0403020467306502305A6E1C175B20A93FAB25D14CC5F5A2836D726D6D4A964B66FFBFFCE46276A96475F1408728B3385DCA37C2BA46BE17E1023100C46B7F08D03409A8ECCFD7637765412C3C5EC050E0D39CF48F0F5015950342CB18D8434FF331BA4463C086297C37D07B";
    const QUERY: &str = "30400201013031300D060960864801650304020105000420BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD0208314CFCE4E0651827";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn an_answer_of_openssl_is_read() {
        let stamp = Stamp::answering(&bytes(QUERY), &bytes(ANSWER), b"abc").unwrap();
        assert_eq!((stamp.at_seconds, stamp.serial.as_str()), (1_686_137_186, "04"));
    }

    #[test]
    fn an_answer_about_something_else_or_to_another_question_is_named() {
        let (query, answer) = (bytes(QUERY), bytes(ANSWER));
        assert_eq!(Stamp::read(&answer, b"abd"), Err(StampFault::OtherContent));
        let mut other = query.clone();
        *other.last_mut().unwrap() ^= 1;
        assert_eq!(Stamp::answering(&other, &answer, b"abc"), Err(StampFault::OtherNonce));
        assert_eq!(Stamp::read(&vec![0x30; MAX_STAMP + 1], b"abc"), Err(StampFault::TooLong));
        assert_eq!(Stamp::read(b"<html>502</html>", b"abc"), Err(StampFault::NotAnAnswer));
        assert_eq!(Stamp::read(b"", b"abc"), Err(StampFault::NotAnAnswer));
        // Status 2, a text, and the reason badAlg; and a grant without a token.
        let refused = bytes("300F300D02010230040C026E6F03020780");
        assert_eq!(Stamp::read(&refused, b"abc"), Err(StampFault::Refused { status: 2 }));
        assert_eq!(Stamp::read(&bytes("30053003020100"), b"abc"), Err(StampFault::NoToken));
    }

    #[test]
    fn an_answer_that_was_cut_or_flipped_never_panics_and_none_says_another_time_unseen() {
        let answer = bytes(ANSWER);
        for at in 0..answer.len() {
            assert!(Stamp::read(&answer[..at], b"abc").is_err(), "cut at {at}");
            for bit in [0, 3, 7] {
                let mut changed = answer.clone();
                changed[at] ^= 1 << bit;
                drop(Stamp::read(&changed, b"abc"));
            }
        }
    }

    #[test]
    fn two_questions_differ_and_say_the_same_hash() {
        let (one, other) = (stamp_query(b"abc"), stamp_query(b"abc"));
        assert_ne!(nonce_of(&one), nonce_of(&other));
        let read = TimeStampReq::from_der(&one).unwrap();
        assert_eq!(read.message_imprint.hashed_message.as_bytes(), sha256(b"abc"));
        assert!(read.cert_req);
        let theirs = TimeStampReq::from_der(&bytes(QUERY)).unwrap();
        assert_eq!(read.message_imprint, theirs.message_imprint, "as openssl writes it");
    }
}

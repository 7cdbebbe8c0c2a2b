//! What `rsipstack` reads out of the same messages.
//!
//! It is the stricter one: what it refuses is not compared. What it takes must name the same dialog.
#![expect(clippy::unwrap_used, reason = "what a test cannot read fails it")]
#![expect(clippy::disallowed_methods, reason = "tests read fixtures")]

use std::{env, fs, path::PathBuf};

use earwitness_wire::sip::Message;
use rsipstack::sip::{HeadersExt as _, SipMessage};

/// Messages on which the two differ for a reason: file, and the reason.
const EXCEPTIONS: [(&str, &str); 2] = [
    ("invite-name-in-cp949.sip", "rsipstack reads no header of a head that is not UTF-8"),
    ("wsinv.dat", "rsipstack finds no tag with white space around its equals sign"),
];

/// Call-ID, CSeq number, tags of From and To.
type Dialog = (Option<String>, Option<u32>, Option<String>, Option<String>);

fn ours(datagram: &[u8]) -> Dialog {
    let message = Message::parse(datagram).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let tag = |party: Option<earwitness_wire::sip::NameAddr<'_>>| party?.tag().map(text);
    (
        message.call_id().map(text),
        message.cseq().map(|cseq| cseq.number),
        tag(message.from()),
        tag(message.to()),
    )
}

fn theirs(headers: &SipMessage) -> Dialog {
    let tag = |tag: Option<rsipstack::sip::param::Tag>| tag.map(|tag| tag.to_string());
    (
        headers.call_id_header().ok().map(|id| id.value().to_owned()),
        headers.cseq_header().ok().and_then(|cseq| cseq.seq().ok()),
        headers.from_header().ok().and_then(|from| from.tag().ok()).and_then(tag),
        headers.to_header().ok().and_then(|to| to.tag().ok()).and_then(tag),
    )
}

/// Compares every file of `folder`; gives how many rsipstack took.
fn compare(folder: &PathBuf, extension: Option<&str>) -> usize {
    let mut compared = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if extension.is_some_and(|wanted| path.extension().is_none_or(|found| found != wanted)) {
            continue;
        }
        let datagram = fs::read(&path).unwrap();
        let Ok(message) = SipMessage::try_from(&datagram[..]) else { continue };
        let expected = theirs(&message);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match EXCEPTIONS.iter().find(|(file, _)| *file == name) {
            Some((_, reason)) => assert_ne!(ours(&datagram), expected, "{name}: no longer so: {reason}"),
            None => assert_eq!(ours(&datagram), expected, "{name}"),
        }
        compared += 1;
    }
    compared
}

#[test]
fn our_own_messages_name_the_dialog_that_rsipstack_reads() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/messages");
    let compared = compare(&folder, Some("sip"));
    assert!(compared >= 12, "rsipstack took only {compared}");
}

#[test]
fn torture_messages_name_the_dialog_that_rsipstack_reads() {
    let Some(corpus) = env::var_os("EARWITNESS_CORPUS").map(PathBuf::from) else {
        return println!("left out: EARWITNESS_CORPUS is not set");
    };
    let compared = compare(&corpus.join("rfc4475"), Some("dat")) + compare(&corpus.join("rfc5118"), None);
    assert!(compared >= 30, "rsipstack took only {compared}");
}

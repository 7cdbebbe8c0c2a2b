//! `at` lines: one datagram of signalling each.

use std::{collections::HashMap, net::SocketAddr};

use earwitness_model::{Flow, Leg};

use super::{
    Passage, Stage,
    dialog::{Dialog, Identity, Side},
    line::{Line, address, number, seconds},
    media::indices,
};
use crate::{
    sip::{Audio, Encoding, Message, phrase},
    srtp::Key,
};

/// What a line says of a message beside its kind.
struct Letter {
    flow: Flow,
    /// The user part of Contact.
    contact: Option<String>,
    /// The user part of the Request-URI, if it is not that of the first request.
    target: Option<String>,
    leg: Leg,
    headers: Vec<String>,
    body: Body,
}

enum Body {
    None,
    Sdp(Sdp),
    Text { kind: String, text: String },
}

struct Sdp {
    at: SocketAddr,
    encodings: Vec<Encoding>,
    direction: String,
    ptime_ms: u32,
    /// In the `o=` line, if it is not one more than before.
    version: Option<u32>,
    profile: String,
    attributes: Vec<String>,
}

impl Stage {
    /// `at TIME [USER@]ADDRESS > ADDRESS WHAT …`, where WHAT is a method, a status, or `raw`.
    pub(super) fn signal(&mut self, mut line: Line<'_>) -> Result<(), String> {
        let time = self.time(seconds(line.word("the time")?)?);
        let sender = line.word("the sender")?;
        let (contact, src) = sender.rsplit_once('@').map_or((None, sender), |(user, at)| (Some(user), at));
        if line.word("`>`")? != ">" {
            return Err("`>` is to stand between the sender and the receiver".to_owned());
        }
        let flow = Flow { src: address(src)?, dst: address(line.word("the receiver")?)? };
        if flow.src.is_ipv4() != flow.dst.is_ipv4() {
            return Err("sender and receiver are of two address families".to_owned());
        }
        let what = line.word("a method, a status or `raw`")?;
        let passage = passage(&mut line)?;
        let bytes = if what == "raw" {
            raw(&mut line)?
        } else {
            let label = line.word("the call")?;
            self.message(&mut line, (what, label), (flow, contact.map(str::to_owned)))?
        };
        line.end()?;
        if what == "raw" && self.over.is_some() {
            self.send(time, flow, &bytes, passage);
        } else {
            self.send_message(time, flow, &bytes, passage);
        }
        Ok(())
    }

    /// A message of the call `label`, which a request may begin.
    fn message(
        &mut self,
        line: &mut Line<'_>,
        (what, label): (&str, &str),
        (flow, contact): (Flow, Option<String>),
    ) -> Result<Vec<u8>, String> {
        let status: Option<u16> = what.parse().ok();
        if status.is_none() && !what.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(format!("`{what}` is neither a method nor a status"));
        }
        if !self.dialogs.contains_key(label) {
            if status.is_some() {
                return Err(format!("`{label}` has no request before this response"));
            }
            self.dialogs.insert(label.to_owned(), begin(line, label, flow));
        }
        let transport = self.carried_by().name();
        let dialog = self.dialogs.get_mut(label).ok_or("a call that was just put there is gone")?;
        dialog.transport = transport;
        if line.flag("repeat") {
            let before = dialog.sent.get(what).cloned();
            return before.ok_or_else(|| format!("there is no {what} to repeat"));
        }
        let letter = letter(line, dialog, flow, contact)?;
        let bytes = match status {
            None => dialog.request(what, letter)?,
            Some(status) => dialog.response(line, status, letter)?,
        };
        dialog.sent.insert(what.to_owned(), bytes.clone());
        Ok(bytes)
    }
}

/// The dialog that a first request begins.
fn begin(line: &mut Line<'_>, label: &str, flow: Flow) -> Dialog {
    let to = line.text("to");
    let identity = Identity {
        call_id: line.text("id").unwrap_or_else(|| format!("{label}@{}", flow.src.ip())),
        from: line.text("from"),
        display: line.text("display"),
        from_tag: line.text("from-tag").unwrap_or_else(|| format!("f-{label}")),
        target: line.text("target").or_else(|| to.clone()),
        to,
    };
    Dialog {
        label: label.to_owned(),
        identity,
        caller_at: flow.src,
        callee_at: flow.dst,
        caller: Side::default(),
        callee: Side::default(),
        to_tag: None,
        confirmed: false,
        invite_status: 0,
        transport: "UDP",
        sent: HashMap::new(),
    }
}

fn passage(line: &mut Line<'_>) -> Result<Passage, String> {
    let times = match (line.flag("unseen"), line.flag("twice")) {
        (true, _) => 0,
        (false, true) => 2,
        (false, false) => 1,
    };
    let lost = line.value("lost", indices)?.unwrap_or_default();
    Ok(Passage {
        times,
        fragment: line.value("fragment", number::<usize>)?,
        lost,
        is_held: line.flag("held"),
    })
}

/// `text="…"` or `hex=…`: bytes that are no message.
fn raw(line: &mut Line<'_>) -> Result<Vec<u8>, String> {
    if let Some(text) = line.text("text") {
        return Ok(text.into_bytes());
    }
    let digits = line.text("hex").ok_or("`raw` needs `text=` or `hex=`")?;
    let pair = |pair: &[u8]| -> Option<u8> {
        let [high, low] = *pair else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        u8::try_from(digit(high)? << 4 | digit(low)?).ok()
    };
    let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(pair).collect();
    bytes.ok_or_else(|| format!("`{digits}` is not bytes in hexadecimal"))
}

fn letter(
    line: &mut Line<'_>,
    dialog: &Dialog,
    flow: Flow,
    contact: Option<String>,
) -> Result<Letter, String> {
    let leg = line.value("as", party)?.unwrap_or_else(|| dialog.leg_of(flow.src));
    let mut headers = Vec::new();
    while let Some(header) = line.text("header") {
        if !header.contains(": ") {
            return Err("a header is `Name: value`".to_owned());
        }
        headers.push(header);
    }
    headers.extend(line.value("fill", filling)?);
    let target = line.text("target");
    let body = match (sdp(line)?, line.text("body")) {
        (Some(_), Some(_)) => return Err("`sdp=` and `body=` exclude each other".to_owned()),
        (Some(sdp), None) => Body::Sdp(sdp),
        (None, Some(text)) => {
            Body::Text { kind: line.text("type").unwrap_or_else(|| "text/plain".to_owned()), text }
        }
        (None, None) => Body::None,
    };
    Ok(Letter { flow, contact, target, leg, headers, body })
}

/// A header of so many bytes; no message that anybody sends is longer.
fn filling(bytes: &str) -> Result<String, String> {
    match number(bytes)? {
        bytes @ ..=65_000 => Ok(format!("X-Fill: {}", "x".repeat(bytes))),
        _ => Err("at most 65,000 bytes".to_owned()),
    }
}

/// `caller` or `callee`.
pub(super) fn party(text: &str) -> Result<Leg, String> {
    match text {
        "caller" => Ok(Leg::Caller),
        "callee" => Ok(Leg::Callee),
        other => Err(format!("`{other}` is neither `caller` nor `callee`")),
    }
}

/// `sdp=ADDRESS/ENCODING,…` with `dir=`, `ptime=`, `version=`, `profile=`, `crypto=` and `attribute=`.
fn sdp(line: &mut Line<'_>) -> Result<Option<Sdp>, String> {
    let Some(text) = line.text("sdp") else { return Ok(None) };
    let (at, names) = text.split_once('/').ok_or("sdp: ADDRESS:PORT/ENCODING,… is expected")?;
    let encoding =
        |name| Encoding::named(name).ok_or_else(|| format!("sdp: `{name}` is not a known encoding"));
    let direction = line.text("dir").unwrap_or_else(|| "sendrecv".to_owned());
    if !["sendrecv", "sendonly", "recvonly", "inactive"].contains(&direction.as_str()) {
        return Err(format!("dir: `{direction}` is not a direction"));
    }
    let mut attributes = Vec::new();
    while let Some(attribute) = line.text("attribute") {
        attributes.push(attribute);
    }
    while let Some(key) = line.value("crypto", Key::read)? {
        attributes.push(format!("crypto:{} {}", attributes.len() + 1, key.line()));
    }
    let keys = attributes.iter().any(|attribute| attribute.starts_with("crypto:"));
    let usual = if keys { "RTP/SAVP" } else { "RTP/AVP" };
    Ok(Some(Sdp {
        profile: line.text("profile").unwrap_or_else(|| usual.to_owned()),
        attributes,
        at: address(at)?,
        encodings: names.split(',').map(encoding).collect::<Result<_, _>>()?,
        direction,
        ptime_ms: line.value("ptime", number)?.unwrap_or(20),
        version: line.value("version", number)?,
    }))
}

impl Dialog {
    fn request(&mut self, method: &str, letter: Letter) -> Result<Vec<u8>, String> {
        let leg = letter.leg;
        let request = self.next_request(leg, method, letter.flow.src)?;
        let first = match leg {
            Leg::Caller => self.identity.target.as_deref(),
            Leg::Callee => self.identity.from.as_deref(),
        };
        let user = letter.target.as_deref().or(first);
        let uri = user.map_or_else(
            || format!("sip:{}", letter.flow.dst),
            |user| format!("sip:{user}@{}", letter.flow.dst),
        );
        let begins = matches!(method, "INVITE" | "CANCEL") && !self.confirmed;
        let tag = if begins { None } else { self.to_tag.clone() };
        let message = self.identify(Message::request(method, uri), &request, leg, tag.as_deref());
        Ok(self.close(message.header("Max-Forwards", 70), method == "INVITE", letter))
    }

    fn response(&mut self, line: &mut Line<'_>, status: u16, letter: Letter) -> Result<Vec<u8>, String> {
        if !(100..700).contains(&status) {
            return Err(format!("{status} is not a status"));
        }
        let method = line.text("of");
        let request = self.answered(letter.leg, method.as_deref())?;
        let asked = letter.leg.other();
        let invite = request.method == "INVITE";
        // Only the party that is called brings a tag of its own.
        let tag = match line.text("tag") {
            Some(tag) => Some(tag),
            None if status == 100 => None,
            None => Some(self.to_tag.clone().unwrap_or_else(|| format!("t-{}", self.label))),
        };
        if asked == Leg::Caller && status > 100 {
            self.to_tag.clone_from(&tag);
        }
        if invite && status >= 200 {
            self.invite_status = status;
            self.confirmed |= status < 300;
        }
        let text = line.text("phrase");
        let message = Message::response(status, text.as_deref().unwrap_or_else(|| phrase(status)));
        let message = self.identify(message, &request, asked, tag.as_deref());
        Ok(self.close(message, invite && status > 100, letter))
    }

    /// Contact, the line's own headers, the body.
    fn close(&mut self, mut message: Message, contact: bool, letter: Letter) -> Vec<u8> {
        if contact {
            let user = letter.contact.map(|user| format!("{user}@")).unwrap_or_default();
            message = message.header("Contact", format_args!("<sip:{user}{}>", letter.flow.src));
        }
        for header in &letter.headers {
            let (name, value) = header.split_once(": ").unwrap_or((header, ""));
            message = message.header(name, value);
        }
        match letter.body {
            Body::None => message.finish(),
            Body::Text { kind, text } => message.body(&kind, &text),
            Body::Sdp(Sdp { at, encodings, direction, ptime_ms, version, profile, attributes }) => {
                let side = self.side(letter.leg);
                side.sdp_version = version.unwrap_or(side.sdp_version + 1);
                side.media = Some(at);
                side.encodings = encodings;
                let (encodings, version) = (&side.encodings, side.sdp_version);
                let (direction, profile, attributes) = (&direction, &profile, &attributes);
                let audio = Audio { at, encodings, direction, ptime_ms, version, profile, attributes };
                message.body("application/sdp", &audio.body())
            }
        }
    }
}

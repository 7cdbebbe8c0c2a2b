//! What the recorder says it has: `list --json`, and the payload files of `export`.

use std::{collections::HashMap, fs, path::Path};

use anyhow::{Context, Result};
use serde_json::Value;

use super::Lab;
use crate::process;

/// One call of the listing.
#[derive(Debug)]
pub(super) struct Call {
    /// Everything.
    pub(super) json: Value,
    /// Its streams, in the listing's order.
    pub(super) streams: Vec<Stream>,
}

/// One stream of a call.
#[derive(Debug)]
pub(super) struct Stream {
    /// `caller` or `callee`.
    pub(super) leg: String,
    /// From where, to where.
    pub(super) src: String,
    pub(super) dst: String,
    /// As `0x0123abcd`.
    pub(super) ssrc: String,
    pub(super) codec: String,
    pub(super) packets: u64,
    pub(super) lost: u64,
    pub(super) duplicates: u64,
    /// Hash of the payload.
    pub(super) blake3: String,
}

impl Call {
    /// Its id.
    pub(super) fn id(&self) -> &str {
        self.json["id"].as_str().unwrap_or_default()
    }

    /// Its first Call-ID.
    pub(super) fn sip_call_id(&self) -> &str {
        self.json["sip_call_ids"][0].as_str().unwrap_or_default()
    }

    /// Whom it was for.
    pub(super) fn to(&self) -> &str {
        self.json["to"]["user"].as_str().unwrap_or_default()
    }

    /// Who called.
    pub(super) fn from(&self) -> &str {
        self.json["from"]["user"].as_str().unwrap_or_default()
    }

    /// A text of the listing; empty where it says nothing.
    pub(super) fn text(&self, key: &str) -> String {
        self.json[key].as_str().unwrap_or_default().to_owned()
    }

    /// A number of seconds.
    pub(super) fn seconds(&self, key: &str) -> Option<f64> {
        self.json[key].as_f64()
    }

    /// How many there are in a list.
    pub(super) fn count(&self, key: &str) -> usize {
        self.json[key].as_array().map_or(0, Vec::len)
    }

    /// One text of each in a list.
    pub(super) fn each(&self, key: &str, text: &str) -> String {
        let list = self.json[key].as_array().map_or(&[][..], Vec::as_slice);
        let texts: Vec<&str> = list.iter().filter_map(|one| one[text].as_str()).collect();
        texts.join(", ")
    }

    /// How it came out.
    pub(super) fn outcome(&self) -> &str {
        self.json["outcome"].as_str().unwrap_or_default()
    }

    /// Gaps of one cause, or of all.
    pub(super) fn gaps(&self, cause: Option<&str>) -> usize {
        let gaps = self.json["gaps"].as_array().map_or(&[][..], Vec::as_slice);
        gaps.iter().filter(|gap| cause.is_none_or(|cause| gap["cause"] == cause)).count()
    }
}

/// Every call in `vault`, those that run too.
pub(super) fn calls(lab: &Lab, vault: &Path) -> Result<Vec<Call>> {
    let text = process::output(&mut lab.earwitness("list", vault, &["-q", "--json"]))?;
    text.lines().map(call).collect()
}

fn call(line: &str) -> Result<Call> {
    let json: Value = serde_json::from_str(line).with_context(|| format!("list --json printed {line:?}"))?;
    let streams = json["streams"].as_array().map_or(&[][..], Vec::as_slice).iter().map(stream).collect();
    Ok(Call { json, streams })
}

fn stream(json: &Value) -> Stream {
    let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
    let number = |key: &str| json[key].as_u64().unwrap_or(0);
    Stream {
        leg: text("leg"),
        src: text("src"),
        dst: text("dst"),
        ssrc: text("ssrc"),
        codec: text("codec"),
        packets: number("packets"),
        lost: number("lost"),
        duplicates: number("duplicates"),
        blake3: text("payload_blake3"),
    }
}

/// What was kept of one stream.
#[derive(Debug)]
pub(super) struct Payload {
    /// The name of its file.
    pub(super) name: String,
    /// `caller` or `callee`.
    pub(super) leg: String,
    /// As `0x0123abcd`.
    pub(super) ssrc: String,
    /// All its packets, in order.
    pub(super) bytes: Vec<u8>,
}

/// The payloads of `calls`, by the call's id.
pub(super) fn payloads(lab: &Lab, vault: &Path, calls: &[Call]) -> Result<HashMap<String, Vec<Payload>>> {
    let folder = lab.path("payloads");
    let mut found: HashMap<String, Vec<Payload>> = HashMap::new();
    let spoken: Vec<&str> = calls.iter().filter(|call| !call.streams.is_empty()).map(Call::id).collect();
    for ids in spoken.chunks(200) {
        super::empty(&folder)?;
        let mut export = lab.earwitness("export", vault, &["-q", "--format", "payload", "-o"]);
        process::succeed(export.arg("payloads/").args(ids))?;
        for file in fs::read_dir(&folder).context("the export's folder")? {
            let path = file.context("the export's folder")?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let bytes = fs::read(&path).with_context(|| format!("cannot read {name}"))?;
            // <call>.<leg>.<ssrc>, and what tells it from others of the same.
            let mut parts = name.split('.').map(str::to_owned);
            let (id, leg) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let ssrc = parts.next().unwrap_or_default();
            found.entry(id).or_default().push(Payload { name, leg, ssrc, bytes });
        }
        fs::remove_dir_all(&folder).context("the export's folder")?;
    }
    Ok(found)
}

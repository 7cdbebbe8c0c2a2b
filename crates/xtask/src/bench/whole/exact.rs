//! Whether what was recorded is what was sent: every call, every stream, every byte.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::process;

/// Messages of a generated call.
const MESSAGES: u64 = 7;

/// What makes a stream the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Stream {
    leg: String,
    ssrc: String,
    packets: u64,
    lost: u64,
    blake3: String,
}

/// What a capture holds.
#[derive(Debug)]
pub(super) struct Truth {
    /// Streams of each call, by Call-ID, in order.
    calls: HashMap<String, Vec<Stream>>,
    /// Packets of all streams.
    pub(super) packets: u64,
    /// Their payload.
    pub(super) payload_bytes: u64,
}

impl Truth {
    /// Reads what the generator wrote: a line of JSON for each call.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut truth = Self { calls: HashMap::new(), packets: 0, payload_bytes: 0 };
        for line in BufReader::new(file).lines() {
            let call: Value = serde_json::from_str(&line?).context("the truth is no JSON")?;
            let streams = call["streams"].as_array().map_or(&[][..], Vec::as_slice);
            let sum = |key: &str| streams.iter().filter_map(|stream| stream[key].as_u64()).sum::<u64>();
            truth.packets += sum("packets");
            truth.payload_bytes += sum("payload_bytes");
            let name = call["sip_call_id"].as_str().context("a call without Call-ID")?;
            truth.calls.insert(name.to_owned(), read_streams(streams));
        }
        Ok(truth)
    }

    /// Frames in the capture.
    pub(super) fn frames(&self) -> u64 {
        self.packets + self.calls.len() as u64 * MESSAGES
    }

    /// An error unless the vault has exactly these calls, answered, with exactly these streams.
    pub(super) fn compare(&self, earwitness: &Path, vault: &Path) -> Result<()> {
        let mut command = Command::new(earwitness);
        command.args(["list", "--json", "--all", "-q", "--vault"]).arg(vault);
        let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| process::shown(&command))?;
        let lines = BufReader::new(child.stdout.take().context("its output")?).lines();
        let compared = self.compare_lines(lines.map(|line| Ok(line?)));
        let ended = child.wait()?;
        // Who finds a difference reads no further, and then the listing may end without success.
        compared?;
        ensure!(ended.success(), "{} failed", process::shown(&command));
        Ok(())
    }

    fn compare_lines(&self, lines: impl Iterator<Item = Result<String>>) -> Result<()> {
        let mut left: HashSet<&String> = self.calls.keys().collect();
        let mut listed = 0;
        for line in lines {
            let call: Value = serde_json::from_str(&line?).context("list --json printed no JSON")?;
            let name = call["sip_call_ids"][0].as_str().unwrap_or_default();
            let Some((name, sent)) = self.calls.get_key_value(name) else {
                bail!("a call is listed that was never made")
            };
            ensure!(left.remove(name), "call {listed} of the listing is there twice");
            let kept = read_streams(call["streams"].as_array().map_or(&[][..], Vec::as_slice));
            ensure!(kept == *sent, "call {listed} of the listing is not as it was: {kept:?}, not {sent:?}");
            ensure!(call["outcome"] == "answered", "call {listed} of the listing was answered");
            listed += 1;
        }
        ensure!(left.is_empty(), "{listed} calls are listed, and {} were made", self.calls.len());
        Ok(())
    }
}

fn read_streams(streams: &[Value]) -> Vec<Stream> {
    let mut read: Vec<Stream> = streams.iter().map(read_stream).collect();
    read.sort();
    read
}

fn read_stream(stream: &Value) -> Stream {
    let text = |key: &str| stream[key].as_str().unwrap_or_default().to_owned();
    let number = |key: &str| stream[key].as_u64().unwrap_or(u64::MAX);
    Stream {
        leg: text("leg"),
        ssrc: text("ssrc"),
        packets: number("packets"),
        lost: number("lost"),
        blake3: text("payload_blake3"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "{\"leg\": \"caller\", \"ssrc\": \"0x1\", \"packets\": 10, \"lost\": 0, \"duplicates\": 0, \
                          \"payload_bytes\": 1600, \"payload_blake3\": \"ab\"}";

    fn truth() -> Truth {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("truth.jsonl");
        let line = |name: &str| format!("{{\"sip_call_id\": \"{name}\", \"streams\": [{STREAM}]}}\n");
        std::fs::write(&path, line("a") + &line("b")).expect("a file can be written");
        Truth::read(&path).expect("the truth is JSON")
    }

    fn listed(name: &str, stream: &str) -> String {
        format!("{{\"sip_call_ids\": [\"{name}\"], \"outcome\": \"answered\", \"streams\": [{stream}]}}")
    }

    #[test]
    fn a_capture_is_its_packets_and_seven_messages_a_call() {
        let truth = truth();
        assert_eq!((truth.frames(), truth.packets, truth.payload_bytes), (34, 20, 3200));
    }

    #[test]
    fn one_byte_one_packet_one_call_less_is_told() {
        let whole = || vec![listed("b", STREAM), listed("a", STREAM)];
        let compare = |lines: Vec<String>| truth().compare_lines(lines.into_iter().map(Ok));
        compare(whole()).expect("all is there");
        for (lines, words) in [
            (vec![listed("a", STREAM)], "1 calls are listed, and 2 were made"),
            (vec![listed("a", STREAM), listed("a", STREAM)], "is there twice"),
            (vec![listed("c", STREAM)], "a call is listed that was never made"),
            (vec![listed("a", &STREAM.replace("\"ab\"", "\"ac\""))], "is not as it was"),
            (vec![listed("a", &STREAM.replace("10", "9"))], "is not as it was"),
            (vec![listed("a", "")], "is not as it was"),
            (vec![listed("a", STREAM).replace("answered", "failed")], "was answered"),
        ] {
            let error = compare(lines).expect_err(words).to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn what_differs_is_told_also_where_the_listing_then_ends_without_success() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("earwitness");
        let script = format!("#!/bin/sh\necho '{}'\nexit 1\n", listed("c", STREAM));
        std::fs::write(&path, script).expect("a file can be written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
        let error = truth().compare(&path, folder.path()).expect_err("another call is listed").to_string();
        assert_eq!(error, "a call is listed that was never made");
        std::fs::write(&path, "#!/bin/sh\nexit 1\n").expect("a file can be written");
        let nothing = Truth { calls: HashMap::new(), packets: 0, payload_bytes: 0 };
        let error = nothing.compare(&path, folder.path()).expect_err("it ended without success").to_string();
        assert!(error.ends_with(" failed"), "{error}");
    }
}

//! What files in a bundle are called.

/// The most files that a bundle has.
pub(crate) const MOST_FILES: usize = 64;
/// The most bytes that a bundle has, in all: a little over three hours of G.711.
pub const MOST_BYTES: u64 = 1 << 30;
/// The longest name.
const LONGEST: usize = 100;

/// For whoever opens the bundle first.
pub(crate) const README_HTML: &str = "README.html";
/// The same in short.
pub(crate) const README_TEXT: &str = "README.txt";
/// Both voices, as every program plays them.
pub(crate) const AUDIO: &str = "audio.wav";
/// The call's SIP and RTP.
pub(crate) const PCAPNG: &str = "call.pcapng";
/// The picture of the call.
pub(crate) const TIMELINE: &str = "timeline.svg";
/// The recorder's signature, and the manifest as it was signed.
pub(crate) const MANIFEST: &str = "manifest.bin";
/// What the manifest says, for people.
pub(crate) const MANIFEST_TEXT: &str = "manifest.json";
/// The recorder's public key, as the vault keeps it.
pub(crate) const KEY: &str = "recorder.pub";
/// The same key as other programs read it.
pub(crate) const KEY_PEM: &str = "recorder.pem";
/// The recording's sealed blocks, heads and all.
pub(crate) const SEALED: &str = "sealed/blocks.bin";
/// The recording's key, which opens them and nothing else of the vault.
pub(crate) const SEALED_KEY: &str = "sealed/key.txt";
/// The proof that the ledger tells of the recording: the row, its key, the way to the head.
pub(crate) const PROOF: &str = "ledger/proof.json";
/// The signed head of the ledger that the proof leads to.
pub(crate) const CHECKPOINT: &str = "ledger/checkpoint.txt";
/// The rules that applied, in their one canonical form: its hash stands in the manifest.
pub(crate) const RULES: &str = "rules/canonical.toml";
/// The same rules as the office wrote them.
pub(crate) const RULES_WRITTEN: &str = "rules/as-written.toml";
/// Whom the bundle was made for.
pub(crate) const RECIPIENT: &str = "recipient.json";
/// The files' SHA-256 as `sha256sum -c` reads them.
pub(crate) const SUMS: &str = "SHA256SUMS";
/// The list of all files, which is signed.
pub(crate) const LIST: &str = "LIST.txt";
/// The signature of the list.
pub(crate) const LIST_SIGNATURE: &str = "LIST.sig";

/// Whether a file of a bundle can have this name: letters, digits, `.`, `_` and `-` in at most two steps, neither of which is
/// hidden or leads anywhere else.
pub(crate) fn is_name(name: &str) -> bool {
    let is_step = |step: &str| {
        !step.is_empty()
            && !step.starts_with('.')
            && step.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    name.len() <= LONGEST && name.split('/').count() <= 2 && name.split('/').all(is_step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        for name in [AUDIO, SEALED, "rules/20-civil.toml", "a"] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            "/etc/passwd",
            "../a",
            "a/../b",
            "a/b/c",
            ".hidden",
            "a/.b",
            "a\\b",
            "C:a",
            "a/",
            "가",
            "a\0",
        ] {
            assert!(!is_name(name), "{name}");
        }
        assert!(!is_name(&"a".repeat(101)));
    }
}

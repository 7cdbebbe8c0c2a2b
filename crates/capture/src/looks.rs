//! Telling a capture from what people hand over instead, by its first bytes.

use std::fmt;

/// What a file that is not a capture looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    /// No bytes at all.
    Empty,
    /// Fewer bytes than the magic number of a capture.
    TooShort,
    /// A directory.
    Directory,
    /// Readable text.
    Text,
    /// A web page, as a download that failed leaves it.
    Html,
    /// A ZIP archive.
    Zip,
    /// XZ, Zstandard, bzip2, lz4 or 7-Zip.
    OtherCompression,
    /// A tar archive.
    Tar,
    /// A WAV file.
    Wav,
    /// Sun's snoop, RFC 1761.
    Snoop,
    /// Microsoft Network Monitor.
    NetworkMonitor,
    /// Microsoft's event trace, as `pktmon` and `netsh trace` write it.
    EventTrace,
    /// The first release of the capture formats of AIX, HP-UX nettl, Endace ERF and such: bytes without a known magic.
    Unknown([u8; 4]),
    /// A gzip file that ends before its content begins.
    CutGzip,
    /// A gzip file with something else in it.
    Gzipped(Inside),
}

/// What is in a gzip file instead of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// Nothing.
    Nothing,
    /// A tar archive.
    Tar,
    /// Readable text or a web page.
    Text,
    /// Another gzip file.
    Gzip,
    /// Something else.
    Unknown,
}

/// How many first bytes are looked at; a tar archive says so at byte 257.
pub(crate) const LOOK: usize = 512;

impl Looks {
    /// What `head`, the first bytes of a file, looks like, given that it is not a capture.
    pub(crate) fn of(head: &[u8]) -> Self {
        const MAGICS: [(&[u8], Looks); 12] = [
            (b"PK\x03\x04", Looks::Zip),
            (b"PK\x05\x06", Looks::Zip),
            (b"\xfd7zXZ\0", Looks::OtherCompression),
            (b"\x28\xb5\x2f\xfd", Looks::OtherCompression),
            (b"BZh", Looks::OtherCompression),
            (b"\x04\x22\x4d\x18", Looks::OtherCompression),
            (b"7z\xbc\xaf\x27\x1c", Looks::OtherCompression),
            (b"RIFF", Looks::Wav),
            (b"snoop\0\0\0", Looks::Snoop),
            (b"GMBU", Looks::NetworkMonitor),
            (b"RTSS", Looks::NetworkMonitor),
            (b"\0\0\x01\0\0\0\0\0", Looks::EventTrace),
        ];
        if let Some((_, looks)) = MAGICS.iter().find(|(magic, _)| head.starts_with(magic)) {
            return *looks;
        }
        match *head {
            [] => Self::Empty,
            [_] | [_, _] | [_, _, _] => Self::TooShort,
            _ if head.get(257..262) == Some(b"ustar") => Self::Tar,
            _ if is_html(head) => Self::Html,
            _ if is_text(head) => Self::Text,
            [a, b, c, d, ..] => Self::Unknown([a, b, c, d]),
        }
    }

    /// The same of a gzip file's content.
    pub(crate) fn of_gzipped(head: &[u8]) -> Self {
        Self::Gzipped(match Self::of(head) {
            Self::Empty => Inside::Nothing,
            Self::Tar => Inside::Tar,
            Self::Text | Self::Html => Inside::Text,
            Self::Unknown([0x1f, 0x8b, ..]) => Inside::Gzip,
            Self::TooShort
            | Self::Directory
            | Self::Zip
            | Self::OtherCompression
            | Self::Wav
            | Self::Snoop
            | Self::NetworkMonitor
            | Self::EventTrace
            | Self::Unknown(_)
            | Self::CutGzip
            | Self::Gzipped(_) => Inside::Unknown,
        })
    }
}

fn is_html(head: &[u8]) -> bool {
    let start = head.trim_ascii_start();
    [&b"<!doctype html"[..], b"<html", b"<head", b"<?xml"]
        .iter()
        .any(|tag| start.get(..tag.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(tag)))
}

/// UTF-8, perhaps cut in its last character, without control characters that text does not have.
fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(_) => head.len(),
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(_) => return false,
    };
    valid > 0
        && head[..valid].iter().all(|byte| *byte >= 0x20 && *byte != 0x7f || b"\t\r\n\x0c".contains(byte))
}

impl fmt::Display for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::TooShort => "it ends before the first four bytes of one",
            Self::Directory => "it is a directory; name the files in it",
            Self::Text => "it is text",
            Self::Html => "it is a web page: the download failed, look at it in a browser",
            Self::Zip => "it is a ZIP archive; unpack it first",
            Self::OtherCompression => "it is compressed by something else than gzip; unpack it first",
            Self::Tar => "it is a tar archive; unpack it first",
            Self::Wav => "it is a WAV file",
            Self::Snoop => "it is a snoop file; `editcap -F pcapng` converts it",
            Self::NetworkMonitor => "it is a Network Monitor file; `editcap -F pcapng` converts it",
            Self::EventTrace => "it is a Windows event trace; `pktmon etl2pcap` converts it",
            Self::CutGzip => "it is a gzip file that ends before its content begins",
            Self::Gzipped(Inside::Nothing) => "it is a gzip file of nothing",
            Self::Gzipped(Inside::Tar) => "it is a compressed tar archive; unpack it first",
            Self::Gzipped(Inside::Text) => "it is compressed text",
            Self::Gzipped(Inside::Gzip) => "it is gzip within gzip; unpack it once",
            Self::Gzipped(Inside::Unknown) => "it is a gzip file of something else",
            Self::Unknown([a, b, c, d]) => {
                return write!(
                    f,
                    "it begins with {a:02x} {b:02x} {c:02x} {d:02x}; pcap and pcapng are read, plain or gzipped"
                );
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_what_people_hand_over() {
        let mut tar = [0; LOOK];
        tar[0] = b'a';
        tar[257..262].copy_from_slice(b"ustar");
        let cases: [(&[u8], Looks); 14] = [
            (b"", Looks::Empty),
            (b"\xd4\xc3", Looks::TooShort),
            (b"INVITE sip:4001@10.1.0.9 SIP/2.0\r\n", Looks::Text),
            ("통화".as_bytes(), Looks::Text),
            (&"통화".as_bytes()[..5], Looks::Text),
            (b"\n  <!DOCTYPE HTML><title>404", Looks::Html),
            (b"PK\x03\x04\x14\0", Looks::Zip),
            (b"\x28\xb5\x2f\xfd\x04", Looks::OtherCompression),
            (b"BZh91AY", Looks::OtherCompression),
            (&tar, Looks::Tar),
            (b"RIFF\0\0\0\0WAVE", Looks::Wav),
            (b"snoop\0\0\0\0\0\0\x02", Looks::Snoop),
            (b"GMBU\0\x02", Looks::NetworkMonitor),
            (b"\x7fELF\x02", Looks::Unknown(*b"\x7fELF")),
        ];
        for (head, looks) in cases {
            assert_eq!(Looks::of(head), looks, "{head:02x?}");
        }
        assert_eq!(Looks::of_gzipped(&tar), Looks::Gzipped(Inside::Tar));
        assert_eq!(Looks::of_gzipped(b"\x1f\x8b\x08\0"), Looks::Gzipped(Inside::Gzip));
        assert_eq!(Looks::of_gzipped(b""), Looks::Gzipped(Inside::Nothing));
    }
}

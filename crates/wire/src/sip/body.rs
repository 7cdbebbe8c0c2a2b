//! The SDP in a body, which may be one part of a multipart body (RFC 2046, 5.1; RFC 5621).

use memchr::memmem;

use super::{
    Params,
    head::{HeadEnd, HeaderLines, split_header},
    scan::cut,
};

/// How deep multipart bodies are followed into each other.
const DEPTH_BOUND: u8 = 3;

/// The SDP in `body`, whose Content-Type is `content_type`.
pub(crate) fn find_sdp<'b>(content_type: Option<&'b [u8]>, body: &'b [u8]) -> Option<&'b [u8]> {
    find_in(content_type, body, DEPTH_BOUND)
}

fn find_in<'b>(content_type: Option<&'b [u8]>, body: &'b [u8], depth: u8) -> Option<&'b [u8]> {
    let Some(content_type) = content_type.filter(|value| !value.is_empty()) else {
        return body.trim_ascii_start().starts_with(b"v=0").then_some(body);
    };
    let (media_type, params) = cut(content_type, b';').unwrap_or((content_type, &[]));
    if is_type(media_type, b"application", |subtype| subtype.eq_ignore_ascii_case(b"sdp")) {
        return (!body.trim_ascii().is_empty()).then_some(body);
    }
    if depth == 0 || !is_type(media_type, b"multipart", |_| true) {
        return None;
    }
    let boundary = Params::new(params).get("boundary").filter(|boundary| !boundary.is_empty())?;
    Parts { boundary, rest: after_delimiter(body, boundary) }.find_map(|part| part_sdp(part, depth - 1))
}

/// `type/subtype`, either side of the slash perhaps with white space.
fn is_type(media_type: &[u8], kind: &[u8], subtype_fits: impl Fn(&[u8]) -> bool) -> bool {
    cut(media_type, b'/').is_some_and(|(found, subtype)| {
        found.trim_ascii().eq_ignore_ascii_case(kind) && subtype_fits(subtype.trim_ascii())
    })
}

fn part_sdp(part: &[u8], depth: u8) -> Option<&[u8]> {
    let mut content_type = None;
    let mut lines = HeaderLines::new(part, 0);
    for header in lines.by_ref().filter_map(split_header) {
        if header.name.eq_ignore_ascii_case(b"content-type") || header.name.eq_ignore_ascii_case(b"c") {
            content_type = content_type.or(Some(header.value));
        }
    }
    match lines.end() {
        HeadEnd::BlankLine => find_in(content_type, part.get(lines.at()..)?, depth),
        HeadEnd::Open | HeadEnd::NoBlankLine | HeadEnd::Cut => None,
    }
}

/// What stands between the delimiter lines `--boundary`; the last part may lack its own.
struct Parts<'b> {
    boundary: &'b [u8],
    rest: Option<&'b [u8]>,
}

impl<'b> Iterator for Parts<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        let text = self.rest.take()?;
        let Some(at) = find_delimiter(text, self.boundary) else { return Some(text) };
        self.rest = text.get(at..).and_then(|rest| after_delimiter(rest, self.boundary));
        let part = text.get(..at)?;
        let part = part.strip_suffix(b"\n").unwrap_or(part);
        Some(part.strip_suffix(b"\r").unwrap_or(part))
    }
}

/// The offset of `--boundary` at the beginning of a line, where nothing but `--` and white space follows it: one boundary
/// may be the beginning of another, nested one's.
fn find_delimiter(text: &[u8], boundary: &[u8]) -> Option<usize> {
    memmem::find_iter(text, boundary).find_map(|at| {
        let start = at.checked_sub(2).filter(|&start| text.get(start..at) == Some(b"--"))?;
        let begins = start == 0 || text.get(start - 1) == Some(&b'\n');
        (begins && delimiter_tail(text.get(at + boundary.len()..)?).is_some()).then_some(start)
    })
}

/// What is left of a delimiter line after its boundary.
fn delimiter_tail(after: &[u8]) -> Option<Tail<'_>> {
    let (line, rest) = cut(after, b'\n').unwrap_or((after, &[]));
    match line.trim_ascii() {
        [] => Some(Tail::Part(rest)),
        [b'-', b'-', ..] => Some(Tail::Close),
        _ => None,
    }
}

enum Tail<'b> {
    /// A part follows.
    Part(&'b [u8]),
    /// It was the last delimiter.
    Close,
}

/// What follows the first delimiter line of `text`; `None` if there is none, or it is the closing one.
fn after_delimiter<'b>(text: &'b [u8], boundary: &[u8]) -> Option<&'b [u8]> {
    let at = find_delimiter(text, boundary)?;
    match delimiter_tail(text.get(at + 2 + boundary.len()..)?)? {
        Tail::Part(rest) => Some(rest),
        Tail::Close => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content_type: &str, body: &str, expected: Option<&str>) {
        let found = find_sdp(Some(content_type.as_bytes()), body.as_bytes());
        assert_eq!(found.map(|sdp| std::str::from_utf8(sdp).unwrap()), expected, "{content_type}");
    }

    #[test]
    fn a_body_of_type_sdp_is_the_sdp() {
        check("application/sdp", "v=0\r\n", Some("v=0\r\n"));
        check("Application / SDP ; charset=utf-8", "v=0\r\n", Some("v=0\r\n"));
        check("application/sdp", "\r\n", None);
        check("application/sdpx", "v=0\r\n", None);
        check("text/plain", "v=0\r\n", None);
    }

    #[test]
    fn a_body_without_a_type_is_sdp_if_it_begins_like_one() {
        assert_eq!(find_sdp(None, b"v=0\r\n"), Some(&b"v=0\r\n"[..]));
        assert_eq!(find_sdp(Some(b""), b"v=0\r\n"), Some(&b"v=0\r\n"[..]));
        assert_eq!(find_sdp(None, b"Signal=1\r\n"), None);
    }

    #[test]
    fn the_first_sdp_part_of_a_multipart_body_is_found() {
        let body = "preamble\r\n--b\r\nContent-Type: application/isup\r\n\r\n\u{1}\u{2}\r\n--b \r\n\
                    c: application/sdp\r\n\r\nv=0\r\ns=-\r\n\r\n--b--\r\nepilogue";
        check("multipart/mixed;boundary=b", body, Some("v=0\r\ns=-\r\n"));
        check("multipart/mixed; boundary=\"b\"", body, Some("v=0\r\ns=-\r\n"));
        check("multipart/mixed; boundary=other", body, None);
        check("multipart/mixed", body, None);
    }

    #[test]
    fn a_boundary_that_begins_a_nested_one_is_not_taken_for_it() {
        let body = "--b\nContent-Type: multipart/alternative;boundary=bb\n\n--bb\nContent-Type: text/plain\n\nhi\n\
                    --bb\nContent-Type: application/sdp\n\nv=0\n--bb--\n--b--\n";
        check("multipart/mixed;boundary=b", body, Some("v=0"));
    }

    #[test]
    fn a_boundary_inside_a_line_ends_no_part() {
        let body = "--b\nContent-Type: application/sdp\n\nv=0\ns=x--b\nt=0 0\n--b--\n";
        check("multipart/mixed;boundary=b", body, Some("v=0\ns=x--b\nt=0 0"));
    }

    #[test]
    fn a_part_whose_end_is_missing_is_read_to_the_end() {
        check(
            "multipart/mixed;boundary=b",
            "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n",
            Some("v=0\r\n"),
        );
        check("multipart/mixed;boundary=b", "--b\r\nContent-Type: application/sdp\r\n", None);
    }

    #[test]
    fn nesting_is_followed_so_deep_and_no_deeper() {
        let nest = |levels: usize| {
            let mut body = "Content-Type: application/sdp\r\n\r\nv=0".to_owned();
            for level in 0..levels {
                body = format!(
                    "Content-Type: multipart/mixed;boundary=x{level}\r\n\r\n--x{level}\r\n{body}\r\n--x{level}--"
                );
            }
            body
        };
        let find = |levels| part_sdp(nest(levels).as_bytes(), DEPTH_BOUND).map(<[u8]>::to_vec);
        assert_eq!(find(3), Some(b"v=0".to_vec()));
        assert_eq!(find(4), None);
    }
}

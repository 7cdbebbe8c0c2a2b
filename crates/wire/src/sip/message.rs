//! A whole message.

use super::{
    CSeq, Defect, Defects, Header, HeaderName, Method, NameAddr, Reason, Replaces, SessionId, SipCause,
    SipError, StartLine, Uri, Values, Via,
    body::find_sdp,
    head::{Head, HeaderLines, HeaderTable, split_header},
    header::cseq_method_name,
    scan::decimal,
    start::Start,
};

/// A SIP message in a datagram. Cheap to make, does not allocate, and holds half a kilobyte: pass it by reference.
#[derive(Clone)]
pub struct Message<'b> {
    datagram: &'b [u8],
    start: StartLine<'b>,
    head_at: usize,
    body_at: usize,
    table: HeaderTable,
    found: Defects,
}

impl<'b> Message<'b> {
    /// Reads a message and keeps what it understood of it; [`defects`](Self::defects) has the rest.
    ///
    /// # Errors
    /// When there is no start line: RFC 3261, 7.1 and 7.2.
    pub fn parse(datagram: &'b [u8]) -> Result<Self, SipError> {
        if u32::try_from(datagram.len()).is_err() {
            return Err(SipError { offset: 0, cause: SipCause::TooLong });
        }
        let start = Start::find(datagram)
            .map_err(|(at, cause)| SipError { offset: u32::try_from(at).unwrap_or(u32::MAX), cause })?;
        let head = Head::read(datagram, start.next);
        Ok(Self {
            datagram,
            start: start.line,
            head_at: start.next,
            body_at: head.body_at,
            table: head.table,
            found: start.defects.union(head.defects),
        })
    }

    /// The start line.
    #[must_use]
    pub const fn start_line(&self) -> StartLine<'b> {
        self.start
    }

    /// The method of a request.
    #[must_use]
    pub const fn method(&self) -> Option<Method> {
        match self.start {
            StartLine::Request { method, .. } => Some(method),
            StartLine::Status { .. } => None,
        }
    }

    /// The status code of a response.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self.start {
            StartLine::Request { .. } => None,
            StartLine::Status { code, .. } => Some(code),
        }
    }

    /// The Request-URI of a request, without the `<>` that some senders put around it.
    #[must_use]
    pub fn request_uri(&self) -> Option<Uri<'b>> {
        match self.start {
            StartLine::Request { uri, .. } => {
                let inner = uri.strip_prefix(b"<").and_then(|inner| inner.strip_suffix(b">"));
                Some(Uri::parse(inner.unwrap_or(uri)))
            }
            StartLine::Status { .. } => None,
        }
    }

    /// The whole value of the first header called `name`, trimmed. Folds inside it stay: CR LF and white space.
    #[must_use]
    pub fn first(&self, name: HeaderName) -> Option<&'b [u8]> {
        match self.entry(name, 0) {
            Some((_, value)) => Some(value),
            None => Values::new(self, name).next_line(),
        }
    }

    /// Every value of the headers called `name`, lists taken apart.
    #[must_use]
    pub fn values(&self, name: HeaderName) -> Values<'_, 'b> {
        Values::new(self, name)
    }

    /// Every header line in order, known or not.
    pub fn headers(&self) -> impl Iterator<Item = Header<'b>> + use<'b> {
        HeaderLines::new(self.datagram, self.head_at).filter_map(split_header)
    }

    /// The Call-ID, if there is one that is not empty.
    #[must_use]
    pub fn call_id(&self) -> Option<&'b [u8]> {
        self.first(HeaderName::CallId).filter(|id| !id.is_empty())
    }

    /// The CSeq.
    #[must_use]
    pub fn cseq(&self) -> Option<CSeq> {
        CSeq::parse(self.first(HeaderName::CSeq)?)
    }

    /// The From header.
    #[must_use]
    pub fn from(&self) -> Option<NameAddr<'b>> {
        NameAddr::parse(self.first(HeaderName::From)?)
    }

    /// The To header.
    #[must_use]
    pub fn to(&self) -> Option<NameAddr<'b>> {
        NameAddr::parse(self.first(HeaderName::To)?)
    }

    /// The Via of whoever sent this message to the next hop.
    #[must_use]
    pub fn top_via(&self) -> Option<Via<'b>> {
        Via::parse(self.values(HeaderName::Via).next()?)
    }

    /// Every Via that can be read, the last hop first.
    pub fn vias(&self) -> impl Iterator<Item = Via<'b>> {
        self.values(HeaderName::Via).filter_map(Via::parse)
    }

    /// Every address in the headers called `name`.
    pub fn addresses(&self, name: HeaderName) -> impl Iterator<Item = NameAddr<'b>> {
        self.values(name).filter_map(NameAddr::parse)
    }

    /// The first Contact; `*` (RFC 3261, 10.2.2) is one with that text as its URI.
    #[must_use]
    pub fn contact(&self) -> Option<NameAddr<'b>> {
        self.addresses(HeaderName::Contact).next()
    }

    /// P-Asserted-Identity (RFC 3325).
    pub fn asserted(&self) -> impl Iterator<Item = NameAddr<'b>> {
        self.addresses(HeaderName::PAssertedIdentity)
    }

    /// Diversion (RFC 5806), the last diversion first.
    pub fn diversions(&self) -> impl Iterator<Item = NameAddr<'b>> {
        self.addresses(HeaderName::Diversion)
    }

    /// History-Info (RFC 7044), the oldest entry first.
    pub fn history(&self) -> impl Iterator<Item = NameAddr<'b>> {
        self.addresses(HeaderName::HistoryInfo)
    }

    /// Refer-To (RFC 3515).
    #[must_use]
    pub fn refer_to(&self) -> Option<NameAddr<'b>> {
        NameAddr::parse(self.first(HeaderName::ReferTo)?)
    }

    /// Referred-By (RFC 3892).
    #[must_use]
    pub fn referred_by(&self) -> Option<NameAddr<'b>> {
        NameAddr::parse(self.first(HeaderName::ReferredBy)?)
    }

    /// The first Reason (RFC 3326).
    #[must_use]
    pub fn reason(&self) -> Option<Reason<'b>> {
        self.reasons().next()
    }

    /// Every Reason: a message may give one for each protocol.
    pub fn reasons(&self) -> impl Iterator<Item = Reason<'b>> {
        self.values(HeaderName::Reason).filter_map(Reason::parse)
    }

    /// Replaces (RFC 3891): the dialog that this INVITE takes the place of.
    #[must_use]
    pub fn replaces(&self) -> Option<Replaces<'b>> {
        Replaces::parse(self.first(HeaderName::Replaces)?)
    }

    /// Session-ID (RFC 7989).
    #[must_use]
    pub fn session_id(&self) -> Option<SessionId<'b>> {
        SessionId::parse(self.first(HeaderName::SessionId)?)
    }

    /// Content-Length in bytes; `None` if it is absent, no number, or stands twice with two values.
    #[must_use]
    pub fn content_length(&self) -> Option<u32> {
        let mut values = self.values(HeaderName::ContentLength);
        let length = content_length(values.next()?)?;
        values.all(|other| content_length(other) == Some(length)).then_some(length)
    }

    /// Offset of the first byte after the head: after the empty line, or the end of the bytes.
    #[must_use]
    pub const fn body_offset(&self) -> usize {
        self.body_at
    }

    /// The body: as long as Content-Length says, or all that is there if it is shorter or nothing usable is said.
    #[must_use]
    pub fn body(&self) -> &'b [u8] {
        self.split_body().0
    }

    /// What stands after the body: line ends, or, over TCP, the next message.
    #[must_use]
    pub fn trailing(&self) -> &'b [u8] {
        self.split_body().1
    }

    fn split_body(&self) -> (&'b [u8], &'b [u8]) {
        let rest = self.datagram.get(self.body_at..).unwrap_or_default();
        let length = self.content_length().and_then(|length| usize::try_from(length).ok());
        length.and_then(|length| rest.split_at_checked(length)).unwrap_or((rest, &[]))
    }

    /// The SDP: a body of type application/sdp, the first such part of a multipart body, or a body without a type that
    /// begins like SDP. An encoded body (Content-Encoding) has none.
    ///
    /// Of a body that is shorter than Content-Length the line it was cut in is left out: half a port is another port.
    #[must_use]
    pub fn sdp(&self) -> Option<&'b [u8]> {
        let encoding = self.first(HeaderName::ContentEncoding).unwrap_or_default();
        if !(encoding.is_empty() || encoding.eq_ignore_ascii_case(b"identity")) {
            return None;
        }
        let body = self.body();
        let said = self.content_length().and_then(|length| usize::try_from(length).ok());
        let whole = if said.is_some_and(|said| said > body.len()) {
            let end = memchr::memrchr2(b'\n', b'\r', body).map_or(0, |at| at + 1);
            body.get(..end)?
        } else {
            body
        };
        find_sdp(self.first(HeaderName::ContentType), whole)
    }

    /// What is wrong with the message. The headers that every message needs are read for it.
    #[must_use]
    pub fn defects(&self) -> Defects {
        let mut defects = self.found;
        self.judge_request(&mut defects);
        self.judge_headers(&mut defects);
        self.judge_body(&mut defects);
        defects
    }

    fn judge_request(&self, defects: &mut Defects) {
        if let StartLine::Request { method_name, uri, .. } = self.start {
            let parsed = Uri::parse(uri);
            defects.insert_if(!parsed.is_well_formed() || parsed.headers.is_some(), Defect::BadRequestUri);
            let cseq = cseq_method_name(self.first(HeaderName::CSeq).unwrap_or_default());
            defects.insert_if(!cseq.is_empty() && cseq != method_name, Defect::CseqMethodMismatch);
        }
    }

    fn judge_headers(&self, defects: &mut Defects) {
        let well_formed = |party: Option<NameAddr<'b>>| party.is_some_and(|party| party.is_well_formed());
        defects.insert_if(self.call_id().is_none(), Defect::NoCallId);
        defects.insert_if(self.cseq().is_none(), Defect::BadCSeq);
        defects.insert_if(!well_formed(self.from()), Defect::BadFrom);
        defects.insert_if(!well_formed(self.to()), Defect::BadTo);
        let mut vias = self.values(HeaderName::Via).map(Via::parse).peekable();
        let bad = vias.peek().is_none() || vias.any(|via| !via.is_some_and(|via| via.is_well_formed()));
        defects.insert_if(bad, Defect::BadVia);
    }

    fn judge_body(&self, defects: &mut Defects) {
        let there = self.datagram.len().saturating_sub(self.body_at);
        match self.content_length().and_then(|length| usize::try_from(length).ok()) {
            Some(said) => {
                defects.insert_if(said > there, Defect::BodyShort);
                defects.insert_if(said < there, Defect::BodyLong);
            }
            None => {
                defects.insert_if(self.first(HeaderName::ContentLength).is_some(), Defect::BadContentLength);
            }
        }
    }

    /// The place in the table and the value of the first entry called `name`, at `from` or after it.
    pub(crate) fn entry(&self, name: HeaderName, from: usize) -> Option<(usize, &'b [u8])> {
        let (place, (start, end)) = self.table.find(name, from)?;
        Some((place, self.datagram.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)?))
    }

    /// The header lines that the table does not hold.
    pub(crate) fn overflow(&self) -> Option<HeaderLines<'b>> {
        self.table.overflow(self.datagram)
    }
}

fn content_length(value: &[u8]) -> Option<u32> {
    u32::try_from(decimal(value)?).ok()
}

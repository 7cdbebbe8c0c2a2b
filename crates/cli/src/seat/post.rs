//! A question over HTTP, and its answer: for authorities that stamp times.

use std::time::Duration;

use ureq::http::Uri;

use crate::exit::{Exit, Failure};

/// An authority that takes longer does not answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Its answer is not read further.
const MOST: u64 = 1 << 20;

/// Asks `url` as RFC 3161 section 3.4 says.
///
/// # Errors
/// When nobody answers, or something else.
pub(super) fn post(url: &Uri, query: &[u8]) -> Result<Vec<u8>, Failure> {
    let config = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).max_redirects(3).build();
    let agent = ureq::Agent::new_with_config(config);
    let wrong = |cause: ureq::Error| {
        Failure::new(
            Exit::Failed,
            format_args!("{url}: {cause}; `--query FILE` and `--reply FILE` do it without a network"),
        )
    };
    let mut answer = agent
        .post(url)
        .header("Content-Type", "application/timestamp-query")
        .header("Accept", "application/timestamp-reply")
        .send(query)
        .map_err(wrong)?;
    answer.body_mut().with_config().limit(MOST).read_to_vec().map_err(wrong)
}

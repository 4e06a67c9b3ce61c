//! When the API asks to come again: `Retry-After`, else `X-RateLimit-Reset`, both hostile until proven sane.

use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use reqwest::header::DATE;
use reqwest::header::HeaderMap;
use reqwest::header::RETRY_AFTER;

/// The longest wait that is taken from a header, as in the official SDKs.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(60);

/// The wait that the headers ask for: `Retry-After` in seconds or as a date, else the reset of an exhausted rate limit.
///
/// Dates are compared with the answer's own `Date`, so that a wrong clock on this machine does not count; without one,
/// with `now`. The wait is not capped here.
pub(crate) fn wait(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let now = date(headers).unwrap_or(now);
    retry_after(headers, now).or_else(|| exhausted_reset(headers, now))
}

/// The `Date` of an answer.
pub(crate) fn date(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()
}

/// `X-RateLimit-Reset` as a wait from `now`; zero when it has passed.
pub(crate) fn reset(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let reset = UNIX_EPOCH.checked_add(Duration::from_secs(number(headers, "x-ratelimit-reset")?))?;
    Some(reset.duration_since(now).unwrap_or_default())
}

/// A header that is a whole number.
pub(crate) fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

fn exhausted_reset(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    if number(headers, "x-ratelimit-remaining").is_some_and(|remaining| remaining > 0) {
        return None;
    }
    reset(headers, now)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderName;
    use reqwest::header::HeaderValue;

    use super::*;

    /// 2022-01-01 00:00:00 UTC, the moment of the seed's example.
    const NOW: u64 = 1_640_995_200;

    fn wait_of(headers: &[(&'static str, &'static str)]) -> Option<u64> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        wait(&headers, UNIX_EPOCH + Duration::from_secs(NOW)).map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_comes_in_seconds_or_as_a_date() {
        assert_eq!(wait_of(&[("retry-after", "5")]), Some(5));
        assert_eq!(wait_of(&[("retry-after", " 7 ")]), Some(7));
        assert_eq!(wait_of(&[("retry-after", "Sat, 01 Jan 2022 00:00:09 GMT")]), Some(9));
        assert_eq!(wait_of(&[("retry-after", "Fri, 31 Dec 2021 23:59:00 GMT")]), Some(0));
    }

    #[test]
    fn nonsense_is_no_wait() {
        for value in ["", "soon", "-1", "NaN", "inf", "1e300"] {
            assert_eq!(wait_of(&[("retry-after", value)]), None, "{value}");
        }
    }

    #[test]
    fn the_reset_counts_when_nothing_remains() {
        assert_eq!(
            wait_of(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1640995203")]),
            Some(3)
        );
        assert_eq!(wait_of(&[("x-ratelimit-reset", "1640995203")]), Some(3));
        assert_eq!(
            wait_of(&[("x-ratelimit-remaining", "4"), ("x-ratelimit-reset", "1640995203")]),
            None
        );
        assert_eq!(wait_of(&[("x-ratelimit-reset", "18446744073709551615")]), None);
    }

    #[test]
    fn dates_are_measured_by_the_servers_clock_when_it_tells_it() {
        let date = ("date", "Sat, 01 Jan 2022 01:00:00 GMT");
        assert_eq!(
            wait_of(&[date, ("retry-after", "Sat, 01 Jan 2022 01:00:04 GMT")]),
            Some(4)
        );
        assert_eq!(wait_of(&[date, ("x-ratelimit-reset", "1640998802")]), Some(2));
    }
}

//! Timestamps: typed for computing with, lossless for writing back.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::Hash;
use std::hash::Hasher;
use std::str::FromStr;

use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de::Visitor;

/// A point in time, as the API writes it.
///
/// It is read from RFC 3339 of any precision and offset, and from forms without a zone, which are UTC: `2023-04-28
/// 20:05:31.093`, `2023-04-28T20:05:31.093` and a date alone, its midnight. It is written as it was read; one made from a
/// [`jiff::Timestamp`] is written like `2024-01-15T10:00:00.000Z`. Comparisons look at the instant only, to the nanosecond;
/// what lies after [`jiff::Timestamp::MAX`], in the last hours of the year 9999, counts as that.
///
/// ```
/// use workos_directory_sync::Timestamp;
///
/// let odd: Timestamp = "2023-04-28 20:05:31.093".parse()?;
/// let usual: Timestamp = "2023-04-28T20:05:31.093Z".parse()?;
/// assert_eq!(odd, usual);
/// assert_eq!(odd.to_string(), "2023-04-28 20:05:31.093");
/// assert_eq!(odd.as_jiff().as_second(), 1_682_712_331);
/// # Ok::<(), workos_directory_sync::TimestampError>(())
/// ```
#[derive(Clone)]
pub struct Timestamp {
    instant: jiff::Timestamp,
    /// The text it was read from, when that is not the canonical one.
    text: Option<Box<str>>,
}

/// A text that is no timestamp.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no timestamp such as 2024-01-15T10:00:00.000Z")]
pub struct TimestampError {
    text: String,
}

/// How much of a wrong text an error shows, in characters.
const SHOWN: usize = 40;

impl Timestamp {
    /// The instant.
    pub fn as_jiff(&self) -> jiff::Timestamp {
        self.instant
    }

    /// The same instant in the form that every server reads: UTC, `Z`, and milliseconds or whatever digits are finer.
    ///
    /// ```
    /// use workos_directory_sync::Timestamp;
    ///
    /// let here: Timestamp = "2026-11-27T02:00:00+02:00".parse()?;
    /// assert_eq!(here.to_utc().to_string(), "2026-11-27T00:00:00.000Z");
    /// # Ok::<(), workos_directory_sync::TimestampError>(())
    /// ```
    #[must_use]
    pub fn to_utc(&self) -> Self {
        Self::from(self.instant)
    }

    /// The canonical text: UTC, milliseconds, `Z`. Finer digits are cut off.
    pub fn canonical(&self) -> String {
        format!("{:.3}", self.instant)
    }
}

impl From<jiff::Timestamp> for Timestamp {
    /// Finer digits than milliseconds are kept in the instant and in the text.
    fn from(instant: jiff::Timestamp) -> Self {
        let exact = instant.subsec_nanosecond() % 1_000_000 == 0;
        let text = (!exact).then(|| instant.to_string().into_boxed_str());
        Self { instant, text }
    }
}

impl From<Timestamp> for jiff::Timestamp {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.instant
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || TimestampError {
            text: text.chars().take(SHOWN).collect(),
        };
        // Only a text that starts with a date is one: jiff would also take forms that no API writes.
        if !text.as_bytes().first().is_some_and(u8::is_ascii_digit) || !text.is_ascii() {
            return Err(error());
        }
        let usual = text.parse().ok();
        let instant = usual.or_else(|| unusual(text)).ok_or_else(error)?;
        let text = (usual.is_none() || !is_canonical(text)).then(|| text.into());
        Ok(Self { instant, text })
    }
}

/// The instant of a text that is none to jiff: without a zone, which means UTC; with digits finer than nanoseconds, which are
/// cut off; or in the last hours of the year 9999, which some write for "never" and which an instant does not reach.
fn unusual(text: &str) -> Option<jiff::Timestamp> {
    // Compact forms stay refused: a number is no date.
    text.as_bytes().get(4).filter(|byte| **byte == b'-')?;
    let text = to_nanoseconds(text);
    let pieces = Pieces::parse(text.as_ref()).ok()?;
    let offset = match pieces.to_numeric_offset() {
        Some(offset) => offset,
        None if pieces.time_zone_annotation().is_none() => Offset::UTC,
        None => return None,
    };
    let civil = pieces.date().to_datetime(pieces.time().unwrap_or_default());
    Some(offset.to_timestamp(civil).unwrap_or(jiff::Timestamp::MAX))
}

/// A text with at most nine digits of fraction.
fn to_nanoseconds(text: &str) -> Cow<'_, str> {
    const DIGITS: usize = 9;
    let cut = || {
        let (whole, fraction) = text.split_once(['.', ','])?;
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let kept = fraction.get(..DIGITS.min(digits))?;
        (digits > DIGITS).then(|| format!("{whole}.{kept}{}", fraction.get(digits..).unwrap_or_default()))
    };
    cut().map_or(Cow::Borrowed(text), Cow::Owned)
}

/// Whether a valid timestamp has the form `2024-01-15T10:00:00.000Z`, which is then what its instant writes.
fn is_canonical(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 24 && bytes[10] == b'T' && bytes[19] == b'.' && bytes[23] == b'Z' && &bytes[17..19] != b"60"
}

impl TryFrom<&str> for Timestamp {
    type Error = TimestampError;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl TryFrom<String> for Timestamp {
    type Error = TimestampError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => formatter.write_str(text),
            None => write!(formatter, "{:.3}", self.instant),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl PartialEq for Timestamp {
    fn eq(&self, other: &Self) -> bool {
        self.instant == other.instant
    }
}

impl Eq for Timestamp {}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timestamp {
    fn cmp(&self, other: &Self) -> Ordering {
        self.instant.cmp(&other.instant)
    }
}

impl Hash for Timestamp {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.instant.hash(state);
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.text {
            Some(text) => serializer.serialize_str(text),
            None => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Timestamp;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a timestamp such as 2024-01-15T10:00:00.000Z")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text)
    }
}

#[cfg(feature = "schemars")]
impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_canonical_form_needs_no_memory_for_its_text() {
        let timestamp: Timestamp = "2024-01-15T10:00:00.000Z".parse().unwrap();
        assert_eq!(timestamp.text, None);
        assert_eq!(timestamp.to_string(), "2024-01-15T10:00:00.000Z");
    }

    #[test]
    fn other_forms_are_written_as_they_were_read() {
        for text in [
            "2023-04-28 20:05:31.093",
            "2024-01-15T10:00:00Z",
            "2024-01-15T10:00:00.123456Z",
            "2024-01-15T12:00:00.000+02:00",
            "2024-01-15t10:00:00.000z",
            "2016-12-31T23:59:60.000Z",
        ] {
            let timestamp: Timestamp = text.parse().unwrap();
            assert_eq!(timestamp.to_string(), text);
        }
    }

    #[test]
    fn the_last_day_that_can_be_written_is_kept_as_text_and_counts_as_the_last_instant() {
        for text in [
            "9999-12-31T23:59:59.999Z",
            "9999-12-31 23:59:59.999",
            "9999-12-31T23:59:59-12:00",
        ] {
            let never: Timestamp = text.parse().unwrap();
            assert_eq!(never.to_string(), text);
            assert_eq!(never.as_jiff(), jiff::Timestamp::MAX);
        }
        // What Go writes for a time that was never set.
        let unset: Timestamp = "0001-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(unset.canonical(), "0001-01-01T00:00:00.000Z");
    }

    #[test]
    fn offsets_are_the_same_instant() {
        let here: Timestamp = "2024-01-15T12:00:00.000+02:00".parse().unwrap();
        let there: Timestamp = "2024-01-15T10:00:00Z".parse().unwrap();
        assert_eq!(here, there);
        assert_eq!(here.canonical(), "2024-01-15T10:00:00.000Z");
    }

    #[test]
    fn forms_without_a_zone_are_utc() {
        for (text, canonical) in [
            ("2021-06-25T19:07:33.155", "2021-06-25T19:07:33.155Z"),
            ("2021-06-25T19:07:33", "2021-06-25T19:07:33.000Z"),
            ("2021-06-25 19:07:33", "2021-06-25T19:07:33.000Z"),
            ("2021-06-25", "2021-06-25T00:00:00.000Z"),
        ] {
            let timestamp: Timestamp = text.parse().unwrap();
            assert_eq!(timestamp.to_utc().to_string(), canonical);
            assert_eq!(timestamp.to_string(), text);
        }
    }

    #[test]
    fn digits_finer_than_nanoseconds_are_read_and_written_and_do_not_count() {
        for zone in ["Z", "", "+00:00"] {
            let text = format!("2024-01-15T10:00:00.12345678{}{zone}", "9".repeat(12));
            let timestamp: Timestamp = text.parse().unwrap();
            assert_eq!(timestamp.as_jiff().subsec_nanosecond(), 123_456_789, "{text}");
            assert_eq!(timestamp.to_string(), text);
        }
    }

    #[test]
    fn comparisons_look_at_nanoseconds() {
        let read = |digits: &str| format!("2026-11-27 10:00:00.{digits}").parse::<Timestamp>().unwrap();
        assert!(read("1231") < read("1239"));
        assert!(read("123000001") < read("123000002"));
        assert_eq!(read("1231"), read("123100"));
    }

    #[test]
    fn finer_digits_survive_the_way_from_an_instant() {
        let instant: jiff::Timestamp = "2024-01-15T10:00:00.123456789Z".parse().unwrap();
        assert_eq!(Timestamp::from(instant).to_string(), "2024-01-15T10:00:00.123456789Z");
    }

    #[test]
    fn what_is_no_timestamp_is_refused_in_bounded_words() {
        for text in [
            "",
            "yesterday",
            "2024-01",
            "20240115",
            "2024-13-01T00:00:00Z",
            "2024-02-30T00:00:00Z",
            "9999-12-32T00:00:00Z",
            "2024-01-15T10:00:00.",
            "2024-01-15 10:00:00[Europe/Berlin]",
            "２０２４-01-15T10:00:00Z",
            "+002024-01-15T10:00:00Z",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
        let error = "9".repeat(1_000_000).parse::<Timestamp>().unwrap_err().to_string();
        assert!(error.len() < 120, "{}", error.len());
    }

    proptest! {
        #[test]
        fn every_millisecond_survives_a_round_trip(millisecond in -62_135_596_800_000_i64..253_402_207_200_000) {
            let timestamp = Timestamp::from(jiff::Timestamp::from_millisecond(millisecond).unwrap());
            let json = serde_json::to_string(&timestamp).unwrap();
            let back: Timestamp = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(back.as_jiff().as_millisecond(), millisecond);
            prop_assert_eq!(serde_json::to_string(&back).unwrap(), json);
        }
    }
}

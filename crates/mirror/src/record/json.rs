//! JSON from the source, as every database reads it.
//!
//! A column of the type JSON keeps any text that is JSON, but PostgreSQL fails at reading one with `\u0000` or half of a
//! surrogate pair (`->`, `->>`, `::jsonb`), or with a number that `numeric` does not hold (`::jsonb`). One such row makes a
//! query over the whole table fail, so it is repaired before it is written; all other texts stay byte for byte.

use std::borrow::Cow;

/// In place of a character that there is none.
const REPLACEMENT: &str = r"\ufffd";

/// The length of `\u0000`.
const ESCAPE: usize = 6;

/// How many digits PostgreSQL's `numeric` has before the decimal point.
const MAX_INTEGER_DIGITS: i64 = 131_072;

/// How many digits it has behind the decimal point.
const MAX_FRACTION_DIGITS: i64 = 16_383;

/// The largest exponent that it reads, either way.
const MAX_EXPONENT: i64 = 1_073_741_822;

/// Returns JSON that every database reads, borrowed where nothing had to be replaced. The text is known to be JSON.
///
/// `\u0000` and half of a surrogate pair become `\ufffd`, and a number that is too large or too long becomes a string of its
/// digits. What is nested too deeply does not come here: it is an odd field.
pub(crate) fn readable(json: &str) -> Cow<'_, str> {
    let mut repair = Repair {
        json,
        repaired: String::new(),
        copied: 0,
    };
    let bytes = json.as_bytes();
    let mut place = 0;
    while let Some(byte) = bytes.get(place) {
        match byte {
            b'"' => place = repair.string(place),
            b'-' | b'0'..=b'9' => place = repair.number(place),
            _ => place += 1,
        }
    }
    repair.finish()
}

struct Repair<'a> {
    json: &'a str,
    repaired: String,
    /// Up to where the text is in `repaired`.
    copied: usize,
}

impl<'a> Repair<'a> {
    /// Goes through the string that begins at a place and returns the place behind it.
    fn string(&mut self, start: usize) -> usize {
        let bytes = self.json.as_bytes();
        let mut place = start + 1;
        while let Some(byte) = bytes.get(place) {
            match byte {
                b'"' => return place + 1,
                b'\\' => place = self.escape(place),
                _ => place += 1,
            }
        }
        place
    }

    /// The same of an escape.
    fn escape(&mut self, start: usize) -> usize {
        let Some(unit) = self.unit(start) else {
            return start + 2;
        };
        let end = start + ESCAPE;
        match unit {
            0xD800..=0xDBFF if matches!(self.unit(end), Some(0xDC00..=0xDFFF)) => return end + ESCAPE,
            0 | 0xD800..=0xDFFF => self.replace(start, end, REPLACEMENT),
            _ => {}
        }
        end
    }

    /// The UTF-16 code unit of an escape such as `\u0041`, if there is one at a place.
    fn unit(&self, place: usize) -> Option<u16> {
        let digits = self.json.get(place..place + ESCAPE)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    }

    /// The same of a number.
    fn number(&mut self, start: usize) -> usize {
        let rest = &self.json[start..];
        let length = rest
            .bytes()
            .take_while(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
            .count();
        let end = start + length;
        let number = &self.json[start..end];
        if !is_numeric(number) {
            self.replace(start, end, &format!("\"{number}\""));
        }
        end
    }

    fn replace(&mut self, start: usize, end: usize, by: &str) {
        self.repaired.push_str(&self.json[self.copied..start]);
        self.repaired.push_str(by);
        self.copied = end;
    }

    fn finish(mut self) -> Cow<'a, str> {
        if self.copied == 0 {
            return Cow::Borrowed(self.json);
        }
        self.repaired.push_str(&self.json[self.copied..]);
        Cow::Owned(self.repaired)
    }
}

/// Whether PostgreSQL's `numeric` holds a number.
fn is_numeric(number: &str) -> bool {
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => match exponent.parse::<i64>() {
            Ok(exponent) => (mantissa, exponent),
            Err(_) => return false,
        },
        None => (number, 0),
    };
    if exponent.abs() > MAX_EXPONENT {
        return false;
    }
    let digits = mantissa.trim_start_matches('-');
    let (integer, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if length(fraction).saturating_sub(exponent) > MAX_FRACTION_DIGITS {
        return false;
    }
    // Zeros at the front count for nothing: 0.001e5 has three digits before its point.
    match integer.bytes().chain(fraction.bytes()).position(|digit| digit != b'0') {
        Some(zeros) => {
            let zeros = i64::try_from(zeros).unwrap_or(i64::MAX);
            length(integer) + exponent - zeros <= MAX_INTEGER_DIGITS
        }
        None => true,
    }
}

fn length(digits: &str) -> i64 {
    i64::try_from(digits.len()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn assert_repaired(json: &str, expected: &str) {
        assert_eq!(readable(json), expected);
        assert!(matches!(readable(json), Cow::Owned(_)), "{json}");
        assert!(matches!(readable(expected), Cow::Borrowed(_)), "{expected}");
    }

    #[track_caller]
    fn assert_unchanged(json: &str) {
        assert!(
            matches!(readable(json), Cow::Borrowed(same) if same == json),
            "{}",
            &json[..json.len().min(80)]
        );
    }

    #[test]
    fn null_characters_and_lone_surrogates_become_replacement_characters_in_keys_and_values() {
        for (json, expected) in [
            (r#"{"a\u0000":"\u0000b"}"#, r#"{"a\ufffd":"\ufffdb"}"#),
            (r#"["\u0000\u0000\\\u0000"]"#, r#"["\ufffd\ufffd\\\ufffd"]"#),
            (r#""Ann \ud83d""#, r#""Ann \ufffd""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\uD83D\n""#, r#""\ufffd\n""#),
            (r#""\\ud83d\ude00""#, r#""\\ud83d\ufffd""#),
            (r#""\ud83d\u0041""#, r#""\ufffd\u0041""#),
        ] {
            assert_repaired(json, expected);
        }
    }

    #[test]
    fn text_that_needs_no_repair_stays_byte_for_byte() {
        for json in [
            r#"{"b": 1.10,"a":{"deep" :[1e400, 12345678901234567890123]}, "b":2}"#,
            r#""\ud83d\ude00 \\u0000 \\\\ud83d \"\/ ü""#,
            r#"[-0, 0.0e5, 1E-5, true, null, "1e999999"]"#,
            "\"\\u0001\"",
        ] {
            assert_unchanged(json);
        }
    }

    #[test]
    fn numbers_that_numeric_does_not_hold_become_strings() {
        for number in [
            "1e999999",
            "-1E+131072",
            "1e-16384",
            "1e99999999999999999999",
            "0e1073741823",
            "12e131071",
        ] {
            assert_repaired(&format!("[1,{number}]"), &format!("[1,\"{number}\"]"));
        }
        let long = "9".repeat(131_073);
        assert_repaired(&long, &format!("\"{long}\""));
        assert_repaired(
            &format!("0.{}", "1".repeat(16_384)),
            &format!("\"0.{}\"", "1".repeat(16_384)),
        );
        assert_unchanged(&"9".repeat(131_072));
        assert_unchanged(&format!("-0.{}", "1".repeat(16_383)));
        for number in ["1e131071", "0.1e131072", "1e-16383", "0e1073741822", "0.0001e131075"] {
            assert_unchanged(number);
        }
    }

    proptest! {
        #[test]
        fn any_text_at_all_is_gone_through_without_a_panic(text in r#"[{}\[\]"\\u0dD8ce.+\-é ]{0,40}"#) {
            let _ = readable(&text);
        }
    }
}

//! Repair of JSON text that is nearly right, so that one odd character does not cost the object that has it.
//!
//! JavaScript's strings can hold half of a surrogate pair; `JSON.stringify` writes it as an escape such as `\ud83d`, which
//! no Unicode text can hold and most parsers refuse.

use std::borrow::Cow;

/// What stands for a character that cannot be kept.
const REPLACEMENT: &str = "\\ufffd";

/// Replaces escapes of lone surrogates by `\ufffd`, and escapes control characters that stand raw in strings.
///
/// Everything else stays byte for byte; text that needs no repair is borrowed. Whether the text is JSON is not checked.
///
/// ```
/// let repaired = workos_directory_sync::repair::json_text(r#"{"first_name": "Ann \ud83d"}"#);
/// assert_eq!(repaired, r#"{"first_name": "Ann \ufffd"}"#);
/// ```
#[must_use]
pub fn json_text(text: &str) -> Cow<'_, str> {
    repair(text, Nul::Keep)
}

/// Like [`json_text`], and replaces U+0000 as well, which PostgreSQL's `jsonb` and `text` cannot hold.
///
/// ```
/// let repaired = workos_directory_sync::repair::json_text_without_nul(r#"{"first_name": "Ann\u0000"}"#);
/// assert_eq!(repaired, r#"{"first_name": "Ann\ufffd"}"#);
/// ```
#[must_use]
pub fn json_text_without_nul(text: &str) -> Cow<'_, str> {
    repair(text, Nul::Replace)
}

/// What to do with U+0000.
#[derive(Clone, Copy, PartialEq)]
enum Nul {
    Keep,
    Replace,
}

fn repair(text: &str, nul: Nul) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|byte| *byte == b'\\' || *byte < 0x20) {
        return Cow::Borrowed(text);
    }
    let mut repaired = String::new();
    // What precedes it is in `repaired`.
    let mut copied = 0;
    let mut at = 0;
    let mut in_string = false;
    while let Some(byte) = bytes.get(at) {
        let (length, replacement) = match byte {
            b'"' => {
                in_string = !in_string;
                (1, None)
            }
            b'\\' => escape(bytes.get(at..).unwrap_or_default(), nul),
            0 if in_string && nul == Nul::Replace => (1, Some(Cow::Borrowed(REPLACEMENT))),
            control @ 0..0x20 if in_string => (1, Some(Cow::Owned(format!("\\u{control:04x}")))),
            _ => (1, None),
        };
        if let Some(replacement) = replacement {
            repaired.push_str(text.get(copied..at).unwrap_or_default());
            repaired.push_str(&replacement);
            copied = at + length;
        }
        at += length;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    repaired.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(repaired)
}

/// The length of the escape that the bytes begin with, and what it has to be replaced by.
fn escape(bytes: &[u8], nul: Nul) -> (usize, Option<Cow<'static, str>>) {
    const UNIT: usize = 6;
    let Some(unit) = code_unit(bytes) else { return (2, None) };
    let is_lone = match unit {
        0xd800..=0xdbff => {
            let next = code_unit(bytes.get(UNIT..).unwrap_or_default());
            if matches!(next, Some(0xdc00..=0xdfff)) {
                return (2 * UNIT, None);
            }
            true
        }
        0xdc00..=0xdfff => true,
        _ => false,
    };
    let is_replaced = is_lone || (unit == 0 && nul == Nul::Replace);
    (UNIT, is_replaced.then_some(Cow::Borrowed(REPLACEMENT)))
}

/// The UTF-16 code unit of an escape `\uXXXX`.
fn code_unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn json_text_replaces_lone_surrogates_and_keeps_pairs_and_everything_else() {
        for (text, repaired) in [
            (r#""Ann \ud83d""#, r#""Ann \ufffd""#),
            (r#""\ude00 Ann""#, r#""\ufffd Ann""#),
            (r#""\uD83D\uDE00""#, r#""\uD83D\uDE00""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\ud83dx\ude00""#, r#""\ufffdx\ufffd""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\\\ud83d""#, r#""\\\ufffd""#),
            (r#""\u0000 \ud8""#, r#""\u0000 \ud8""#),
            ("{\n\t\"a\": \"\tb\"}", "{\n\t\"a\": \"\\u0009b\"}"),
            ("\"é\\é\\", "\"é\\é\\"),
            ("", ""),
        ] {
            let result = json_text(text);
            assert_eq!(result, repaired, "{text}");
            assert_eq!(matches!(result, Cow::Borrowed(_)), text == repaired, "{text}");
        }
    }

    #[test]
    fn json_text_without_nul_replaces_nul_escaped_and_raw() {
        assert_eq!(
            json_text_without_nul("\"a\\u0000b\0c\\\\u0000\""),
            "\"a\\ufffdb\\ufffdc\\\\u0000\""
        );
    }

    proptest! {
        #[test]
        fn json_text_of_any_code_units_can_be_read_and_equals_a_lossy_decoding(units: Vec<u16>) {
            let escapes: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let text = format!("\"{escapes}\"");
            let read: String = serde_json::from_str(&json_text(&text))?;
            prop_assert_eq!(read, String::from_utf16_lossy(&units));
        }

        #[test]
        fn json_text_of_any_text_is_repaired_once(text: String) {
            let repaired = json_text(&text).into_owned();
            prop_assert_eq!(json_text(&repaired), repaired.as_str());
        }
    }
}

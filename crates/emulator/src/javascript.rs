//! JSON as JavaScript writes it: the text that `JSON.stringify(JSON.parse(text))` gives.
//!
//! The live API is written in JavaScript, and the official SDK for Node verifies the signature of a webhook that was parsed by
//! writing it again: a body in any other form is refused by it. What JavaScript does not keep is lost here, too: digits beyond
//! those of a double, `1.0` and `1e5`, all but the last of two fields of one name, and the order of names that are integers.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fmt::Write as _;

use workos_directory_sync::Attributes;

/// The largest name that counts as an index of an array, which objects are ordered by.
const MAX_INDEX: u32 = u32::MAX - 1;

/// An array or an object that is not closed yet.
enum Open {
    Array(String),
    Object(Object),
}

/// An object under way. Names and values are written already.
#[derive(Default)]
struct Object {
    by_index: BTreeMap<u32, String>,
    by_name: Vec<(String, String)>,
    places: HashMap<String, usize>,
    /// The name whose value comes next.
    name: Option<String>,
}

/// A JSON text as JavaScript writes it. What is no JSON comes back in part: only texts that were parsed before come here. Nothing
/// is nested too deep: no call waits for another.
pub(crate) fn stringify(text: &str) -> String {
    let mut open: Vec<Open> = Vec::new();
    let mut rest = text;
    let mut whole = String::new();
    while let Some(first) = rest.chars().next() {
        let value = match first {
            '[' => {
                open.push(Open::Array("[".to_owned()));
                rest = &rest[1..];
                continue;
            }
            '{' => {
                open.push(Open::Object(Object::default()));
                rest = &rest[1..];
                continue;
            }
            ']' | '}' => {
                rest = &rest[1..];
                match open.pop() {
                    Some(Open::Array(text)) => text + "]",
                    Some(Open::Object(object)) => object.closed(),
                    None => continue,
                }
            }
            '"' => {
                let (written, behind) = string(&rest[1..]);
                rest = behind;
                if let Some(Open::Object(object)) = open.last_mut()
                    && object.name.is_none()
                {
                    object.name = Some(written);
                    continue;
                }
                format!("\"{written}\"")
            }
            't' | 'f' | 'n' | '-' | '0'..='9' => {
                let end = rest.find([',', ']', '}', ' ', '\t', '\n', '\r']).unwrap_or(rest.len());
                let (token, behind) = rest.split_at(end);
                rest = behind;
                match token {
                    "true" | "false" | "null" => token.to_owned(),
                    digits => number(digits.parse().unwrap_or(f64::NAN)),
                }
            }
            // White space, commas and colons, which stand where they have to.
            other => {
                rest = &rest[other.len_utf8()..];
                continue;
            }
        };
        match open.last_mut() {
            Some(Open::Array(text)) => {
                if text.len() > 1 {
                    text.push(',');
                }
                text.push_str(&value);
            }
            Some(Open::Object(object)) => object.add(value),
            None => whole = value,
        }
    }
    whole
}

/// Writes attributes as JavaScript does, where there are any.
pub(crate) fn rewrite(attributes: &mut Option<Attributes>) {
    if let Some(written) = attributes {
        // What cannot be read back is no JSON, which attributes always are.
        *written = serde_json::from_str(&stringify(written.as_str())).unwrap_or_default();
    }
}

impl Object {
    fn add(&mut self, value: String) {
        let Some(name) = self.name.take() else { return };
        if let Some(index) = index(&name) {
            self.by_index.insert(index, value);
            return;
        }
        // The last value of a name counts, in the place of the first.
        match self.places.get(&name).and_then(|&place| self.by_name.get_mut(place)) {
            Some((_, former)) => *former = value,
            None => {
                self.places.insert(name.clone(), self.by_name.len());
                self.by_name.push((name, value));
            }
        }
    }

    fn closed(self) -> String {
        let by_index = self
            .by_index
            .into_iter()
            .map(|(index, value)| (index.to_string(), value));
        let mut text = "{".to_owned();
        for (name, value) in by_index.chain(self.by_name) {
            if text.len() > 1 {
                text.push(',');
            }
            text.push('"');
            text.push_str(&name);
            text.push_str("\":");
            text.push_str(&value);
        }
        text.push('}');
        text
    }
}

/// The index that a name is, in the only way to write it.
fn index(name: &str) -> Option<u32> {
    let is_plain = name == "0" || !name.starts_with(['0', '+']);
    name.parse().ok().filter(|&index| is_plain && index <= MAX_INDEX)
}

/// The content of a string as JavaScript writes it, and what comes behind the closing quote.
fn string(text: &str) -> (String, &str) {
    let mut written = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        rest = &rest[next.len_utf8()..];
        match next {
            '"' => break,
            '\\' => rest = escape(rest, &mut written),
            plain => push(plain, &mut written),
        }
    }
    (written, rest)
}

/// Writes what an escape stands for; the backslash is read already. The rest comes back.
fn escape<'a>(text: &'a str, written: &mut String) -> &'a str {
    let Some(kind) = text.chars().next() else { return text };
    let rest = &text[kind.len_utf8()..];
    let plain = match kind {
        'u' => return unit(rest, written),
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        itself => itself,
    };
    push(plain, written);
    rest
}

/// Writes the character of a code unit of UTF-16, with its other half where that follows; a half alone stays an escape.
fn unit<'a>(text: &'a str, written: &mut String) -> &'a str {
    let hex = |text: &str| text.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
    let Some(first) = hex(text) else { return text };
    let rest = &text[4..];
    let other = rest.strip_prefix("\\u").and_then(hex);
    let units = [Some(first), other];
    match char::decode_utf16(units.into_iter().flatten()).next() {
        Some(Ok(character)) => {
            push(character, written);
            // The second unit was only looked at, unless it is part of the first.
            if character.len_utf16() == 2 { &rest[6..] } else { rest }
        }
        // Writing into a text does not fail.
        _ => {
            let _ = write!(written, "\\u{first:04x}");
            rest
        }
    }
}

/// Writes a character, escaped where it has to be.
fn push(character: char, written: &mut String) {
    match character {
        '"' => written.push_str("\\\""),
        '\\' => written.push_str("\\\\"),
        '\u{8}' => written.push_str("\\b"),
        '\u{c}' => written.push_str("\\f"),
        '\n' => written.push_str("\\n"),
        '\r' => written.push_str("\\r"),
        '\t' => written.push_str("\\t"),
        control if control < ' ' => {
            let _ = write!(written, "\\u{:04x}", u32::from(control));
        }
        plain => written.push(plain),
    }
}

/// A number as `Number.prototype.toString` writes it; one that is too large for a double is `null`.
fn number(value: f64) -> String {
    if !value.is_finite() {
        return "null".to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    // The shortest digits that give the same double, `d.ddde-d`.
    let shortest = format!("{:e}", value.abs());
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let count = digits.len() as i32;
    let sign = if value < 0.0 { "-" } else { "" };
    // Where the point stands, counted from the first digit.
    let point = exponent + 1;
    if count <= point && point <= 21 {
        return format!("{sign}{digits}{}", "0".repeat((point - count) as usize));
    }
    if 0 < point && point <= 21 {
        let (whole, part) = digits.split_at(point as usize);
        return format!("{sign}{whole}.{part}");
    }
    if -6 < point && point <= 0 {
        return format!("{sign}0.{}{digits}", "0".repeat(-point as usize));
    }
    let (first, part) = digits.split_at(1);
    let dot = if part.is_empty() { "" } else { "." };
    let plus = if exponent < 0 { "" } else { "+" };
    format!("{sign}{first}{dot}{part}e{plus}{exponent}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_written_as_node_writes_them() {
        // The right column is what Node 20 says.
        for (text, written) in [
            (r#" { "a" : [ 1 , 2 , { } , [ ] ] } "#, r#"{"a":[1,2,{},[]]}"#),
            (
                r#"{"b":1,"2":1,"10":2,"01":3,"-1":4}"#,
                r#"{"2":1,"10":2,"b":1,"01":3,"-1":4}"#,
            ),
            (
                r#"{"4294967295":1,"4294967294":2}"#,
                r#"{"4294967294":2,"4294967295":1}"#,
            ),
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
            (r#"{"1":1,"\u0031":2}"#, r#"{"1":2}"#),
            ("[1.0,1e5,1E+2,-0,-0.0,0.1e1]", "[1,100000,100,0,0,1]"),
            (
                "[12345678901234567890,1e20,1e21,123456789012345680000000]",
                "[12345678901234567000,100000000000000000000,1e+21,1.2345678901234569e+23]",
            ),
            (
                "[0.000001,0.0000001,1.5e-7,5e-324,1.7976931348623157e308,1e400]",
                "[0.000001,1e-7,1.5e-7,5e-324,1.7976931348623157e+308,null]",
            ),
            (
                r#"["\/","\u00e9\u0041","\u001F\u007f\b"]"#,
                "[\"/\",\"éA\",\"\\u001f\u{7f}\\b\"]",
            ),
            (
                r#"["\uD83D\ude00","\uD83D","\ude00\uD83D","\ud83d\u0041"]"#,
                "[\"😀\",\"\\ud83d\",\"\\ude00\\ud83d\",\"\\ud83dA\"]",
            ),
            ("\"\u{2028}\"", "\"\u{2028}\""),
            (r#"{"department": "x"}"#, r#"{"department":"x"}"#),
            ("true", "true"),
        ] {
            assert_eq!(stringify(text), written, "{text}");
        }
    }

    #[test]
    fn a_text_of_any_depth_is_written() {
        let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
        assert_eq!(stringify(&deep), deep);
    }

    proptest! {
        #[test]
        fn what_was_written_once_stays_and_means_the_same(value in value()) {
            let text = serde_json::to_string_pretty(&value).unwrap_or_default();
            let written = stringify(&text);
            prop_assert_eq!(stringify(&written), written.clone());
            let read: serde_json::Value = serde_json::from_str(&written).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(read.to_string().len(), value.to_string().len());
        }

        #[test]
        fn every_double_reads_back(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(number(value).parse(), Ok(value));
        }

        #[test]
        fn no_text_is_too_odd(text in "\\PC{0,80}|[\\[\\]{}:,\"\\\\u0-9a-f ]{0,80}") {
            stringify(&text);
        }
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            (-1_000_000_i64..1_000_000).prop_map(Into::into),
            "\\PC{0,8}|[\\x00-\\x1f\"\\\\]{0,4}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                prop::collection::btree_map("[a-c0-9]{0,3}", inner, 0..5)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }
}

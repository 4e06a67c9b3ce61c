//! How ids sort: the 26 characters after the prefix are a ULID, a number that grows with the time of creation.

use std::fmt;

/// The digits of Crockford's base 32, in their order.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// How many characters a ULID has.
const LENGTH: usize = 26;

/// How many of the 128 bits are random; the rest is the time in milliseconds.
const RANDOM_BITS: u32 = 80;

/// A ULID: 48 bits of time in milliseconds since 1970, 80 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ulid(u128);

impl Ulid {
    /// A ULID of its two parts; what does not fit is cut off.
    pub(crate) fn new(milliseconds: u64, random: u128) -> Self {
        Self((u128::from(milliseconds) << RANDOM_BITS) | (random & ((1 << RANDOM_BITS) - 1)))
    }

    /// Reads a ULID as it is written in ids: 26 capital letters and digits. Other spellings would not read back as the
    /// same id, so they are refused.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        // 26 digits have 130 bits; a first digit above 7 would need more than 128.
        if bytes.len() != LENGTH || bytes.first().is_none_or(|&first| first > b'7') {
            return None;
        }
        let mut number = 0_u128;
        for byte in bytes {
            let digit = DIGITS.binary_search(byte).ok()?;
            number = (number << 5) | digit as u128;
        }
        Some(Self(number))
    }

    /// Its digits, in ASCII.
    pub(crate) fn digits(self) -> [u8; LENGTH] {
        let mut digits = [0; LENGTH];
        let mut rest = self.0;
        for place in digits.iter_mut().rev() {
            *place = DIGITS[(rest & 31) as usize];
            rest >>= 5;
        }
        digits
    }

    /// The one right behind it.
    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// When it was made, in milliseconds since 1970.
    pub(crate) fn milliseconds(self) -> u64 {
        (self.0 >> RANDOM_BITS) as u64
    }
}

impl fmt::Display for Ulid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The digits are ASCII.
        formatter.pad(std::str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_ulid_of_the_documentation_reads_back_as_it_was() {
        let ulid = Ulid::parse("01ECAZ4NV9QMV47GW873HDCX74").unwrap();
        assert_eq!(ulid.to_string(), "01ECAZ4NV9QMV47GW873HDCX74");
        assert_eq!(ulid.milliseconds(), 1_593_801_070_441);
    }

    #[test]
    fn what_is_no_ulid_is_refused() {
        for text in [
            "",
            "01H...",
            "01ECAZ4NV9QMV47GW873HDCX7",
            "01ECAZ4NV9QMV47GW873HDCX744",
            "01ecaz4nv9qmv47gw873hdcx74",
            "01ECAZ4NV9QMV47GW873HDCX7U",
            "81ECAZ4NV9QMV47GW873HDCX74",
            "01ECAZ4NV9QMV47GW873HDCXé",
        ] {
            assert_eq!(Ulid::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn texts_sort_as_their_numbers(one: u128, other: u128) {
            let (one, other) = (Ulid(one), Ulid(other));
            prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
            prop_assert_eq!(Ulid::parse(&one.to_string()), Some(one));
        }
    }
}

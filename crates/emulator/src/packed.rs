//! Texts that resemble each other, kept small.
//!
//! The users of a directory have the same fields, much of the same content, and each its address four times. LZ4 with one of
//! them as a dictionary keeps a third of that, and unpacking one costs less than waiting for the rest of it to come from
//! memory: without this, a million users are slower to list than a thousand.

use std::hint::black_box;

use lz4_flex::block;

/// How much of the text that others are compared with is of use, in bytes; comparing costs time.
const MAX_SAMPLE: usize = 4_096;

/// What the texts of a directory's users are compared with: the first of them.
#[derive(Debug, Default)]
pub(crate) struct Sample(Box<[u8]>);

/// A text without what the sample has.
#[derive(Debug)]
pub(crate) struct Packed(Box<[u8]>);

/// In bytes; what most processors fetch from memory at once.
const CACHE_LINE: usize = 64;

/// How many cache lines of a text are looked at beforehand; few texts have more.
const TOUCHED: usize = 5;

impl Sample {
    /// Packs a text. The first one becomes the sample, which never changes then.
    pub(crate) fn pack(&mut self, text: &str) -> Packed {
        let text = text.as_bytes();
        if self.0.is_empty() {
            self.0 = text[..text.len().min(MAX_SAMPLE)].into();
        }
        Packed(block::compress_prepend_size_with_dict(text, &self.0).into_boxed_slice())
    }

    /// Appends the text that was packed by this sample; `false` when it was packed by another one.
    pub(crate) fn unpack(&self, packed: &Packed, to: &mut Vec<u8>) -> bool {
        let Ok((length, packed)) = block::uncompressed_size(&packed.0) else {
            return false;
        };
        let start = to.len();
        to.resize(start + length, 0);
        let place = to.get_mut(start..).unwrap_or_default();
        let is_whole = block::decompress_into_with_dict(packed, place, &self.0).is_ok_and(|filled| filled == length);
        if !is_whole {
            to.truncate(start);
        }
        is_whole
    }
}

impl Packed {
    /// A byte of a cache line; 0 behind the last one.
    fn byte(&self, line: usize) -> u8 {
        self.0.get(line * CACHE_LINE).copied().unwrap_or_default()
    }
}

/// Looks at all texts in one go. Among a million of them they are in no cache: so they come from memory side by side, while
/// each would be waited for if they were unpacked one after the other.
pub(crate) fn touch<'a>(texts: impl Iterator<Item = &'a Packed>) {
    let texts: Vec<&Packed> = texts.collect();
    for line in 0..TOUCHED {
        // Something has to be made of what is read, or it is not.
        black_box(texts.iter().fold(0, |sum, text| sum ^ text.byte(line)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_text_comes_back(texts in prop::collection::vec("\\PC{0,40}|(\"name\":\"[a-c]{0,9}\",){0,900}", 1..8)) {
            let mut sample = Sample::default();
            let packed: Vec<Packed> = texts.iter().map(|text| sample.pack(text)).collect();
            for (text, packed) in texts.iter().zip(&packed) {
                let mut json = b"[".to_vec();
                prop_assert!(sample.unpack(packed, &mut json));
                prop_assert_eq!(&json[1..], text.as_bytes());
            }
        }
    }

    #[test]
    fn what_a_text_shares_with_the_first_one_is_not_kept() {
        let mut sample = Sample::default();
        let text = |name: &str| format!(r#"{{"object":"directory_user","state":"active","first_name":"{name}"}}"#);
        sample.pack(&text("Jörg"));
        let packed = sample.pack(&text("Zoë"));
        assert!(packed.0.len() < 30, "{} bytes", packed.0.len());
        let mut json = Vec::new();
        assert!(!Sample::default().unpack(&packed, &mut json), "another sample");
        assert!(json.is_empty());
    }
}

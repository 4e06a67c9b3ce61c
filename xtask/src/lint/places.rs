//! Where in the text of a YAML document each node stands, by its JSON pointer.

use std::collections::HashMap;
use std::ops::Range;

use anyhow::Result;
use granit_parser::Event;
use granit_parser::Parser;
use granit_parser::Span;

/// The places of all nodes. A mapping's entry stands where its key stands.
#[derive(Debug, Default)]
pub(crate) struct Places(HashMap<String, Place>);

/// A place in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// From 1.
    pub(crate) line: usize,
    /// From 1, in characters.
    pub(crate) column: usize,
    /// In bytes.
    pub(crate) range: Range<usize>,
}

/// A collection that is being read.
enum Open {
    Mapping { pointer: String, key: Option<String> },
    Sequence { pointer: String, next: usize },
}

impl Places {
    /// Reads the places of a document.
    pub(crate) fn of(text: &str) -> Result<Self> {
        let mut places = Self::default();
        let mut open: Vec<Open> = Vec::new();
        for event in Parser::new_from_str(text) {
            let (event, span) = event?;
            match event {
                Event::Scalar(value, ..) => {
                    if let Some(Open::Mapping {
                        pointer,
                        key: key @ None,
                    }) = open.last_mut()
                    {
                        let child = format!("{pointer}/{}", escaped(&value));
                        places.0.insert(child.clone(), place(&span));
                        *key = Some(child);
                    } else {
                        places.enter(&mut open, &span);
                    }
                }
                // What an alias stands for has its place where the anchor is.
                Event::Alias(_) => drop(places.enter(&mut open, &span)),
                Event::MappingStart(..) => {
                    let pointer = places.enter(&mut open, &span);
                    open.push(Open::Mapping { pointer, key: None });
                }
                Event::SequenceStart(..) => {
                    let pointer = places.enter(&mut open, &span);
                    open.push(Open::Sequence { pointer, next: 0 });
                }
                Event::MappingEnd | Event::SequenceEnd => drop(open.pop()),
                _ => {}
            }
        }
        Ok(places)
    }

    /// Where a node stands; the nearest node around it when it is not written itself.
    pub(crate) fn find(&self, pointer: &str) -> Option<&Place> {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.0.get(pointer) {
                return Some(place);
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }

    /// Where a node stands; `None` when it is not written itself.
    pub(crate) fn exact(&self, pointer: &str) -> Option<&Place> {
        self.0.get(pointer)
    }

    /// Gives the pointer of a value that begins here, and makes its collection ready for what follows.
    fn enter(&mut self, open: &mut [Open], span: &Span) -> String {
        match open.last_mut() {
            None => String::new(),
            Some(Open::Mapping { key, .. }) => key.take().unwrap_or_default(),
            Some(Open::Sequence { pointer, next }) => {
                let child = format!("{pointer}/{next}");
                *next += 1;
                self.0.insert(child.clone(), place(span));
                child
            }
        }
    }
}

fn place(span: &Span) -> Place {
    let range = span.byte_range().unwrap_or_default();
    Place {
        line: span.start.line(),
        column: span.start.col() + 1,
        range,
    }
}

/// A key as a part of a JSON pointer.
pub(crate) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_items_and_what_is_not_written_have_places() {
        let places = Places::of("a:\n  - x\n  - b/c: { d: 1 }\ne: *f\n").unwrap_or_default();
        assert!(places.0.is_empty(), "an alias without its anchor is no YAML");
        let places = Places::of("a: &f\n  - x\n  - b/c: { d: 1 }\ne: *f\ng: 2\n").expect("it is YAML");
        let at = |pointer: &str| places.find(pointer).map(|place| (place.line, place.column));
        assert_eq!(at("/a"), Some((1, 1)));
        assert_eq!(at("/a/0"), Some((2, 5)));
        assert_eq!(at("/a/1/b~1c/d"), Some((3, 12)));
        assert_eq!(at("/a/1/b~1c/missing/deep"), Some((3, 5)));
        assert_eq!(at("/g"), Some((5, 1)));
    }
}

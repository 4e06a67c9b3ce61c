//! Lists that are not what they should be: objects are left out, repeated or skipped, and lists end early.
//!
//! Which objects a rule is about is decided here, for rows of the state and for objects that are JSON already.

use std::ops::Range;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use workos_directory_sync::types::EventName;

use crate::fault::Fault;
use crate::faults::Plan;
use crate::faults::drawn;
use crate::fields::Fields;
use crate::page::Cursor;
use crate::page::Page;
use crate::page::Rows;
use crate::page::Window;
use crate::page::page;
use crate::rule::FaultRule;
use crate::shelf::Shelf;

/// The objects that a rule is about.
#[derive(Clone, Debug)]
pub(crate) struct Objects {
    directory: Option<String>,
    ids: Vec<String>,
    events: Vec<EventName>,
    share: Option<f64>,
    /// Where the random numbers of the share begin.
    seed: u64,
    /// The number of the rule.
    stream: u64,
}

/// What an object is known by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Described {
    /// Its id; of an event also those of its object, user and group.
    pub(crate) ids: Vec<String>,
    pub(crate) directory: Option<String>,
    pub(crate) event: Option<EventName>,
}

impl Objects {
    pub(crate) fn of(rule: &FaultRule, seed: u64, stream: u64) -> Self {
        Self {
            directory: rule.directory.clone(),
            ids: rule.objects.clone(),
            events: rule.events.iter().map(|name| EventName::from(name.as_str())).collect(),
            share: rule.share,
            seed,
            stream,
        }
    }

    /// Whether single objects are meant.
    pub(crate) fn are_selected(&self) -> bool {
        !self.ids.is_empty() || self.share.is_some()
    }

    /// Whether the object with this id is one of them, as far as the id tells.
    pub(crate) fn has_id(&self, id: &str) -> bool {
        (self.ids.is_empty() || self.ids.iter().any(|known| known == id)) && self.shares(id)
    }

    pub(crate) fn include(&self, object: &Described) -> bool {
        let has_id = self.ids.is_empty() || object.ids.iter().any(|id| self.ids.contains(id));
        let is_event = self.events.is_empty() || object.event.as_ref().is_some_and(|name| self.events.contains(name));
        let is_home = self.directory.is_none() || object.directory == self.directory;
        has_id && is_event && is_home && object.ids.first().is_some_and(|id| self.shares(id))
    }

    /// Whether an object is in the share: it always is or never.
    fn shares(&self, id: &str) -> bool {
        self.share.is_none_or(|share| {
            let mut random = ChaCha8Rng::seed_from_u64(self.seed ^ digest(id));
            random.set_stream(self.stream);
            drawn(&mut random) < share
        })
    }
}

/// A number that stands for a text, the same on every platform and release: FNV-1a.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

impl Described {
    /// A directory, a user or a group of the state.
    pub(crate) fn row(id: Option<String>, directory: Option<String>) -> Self {
        Self {
            ids: id.into_iter().collect(),
            directory,
            event: None,
        }
    }

    /// An object of an answer: a directory, a user, a group or an event.
    pub(crate) fn json(object: &Fields) -> Self {
        let inner = |fields: &Fields, name: &str| fields.get(name).and_then(|value| Fields::parse(value.get()));
        let directory_of = |fields: &Fields| {
            let is_directory = fields.text("object").is_some_and(|name| name == "directory");
            fields.text(if is_directory { "id" } else { "directory_id" })
        };
        let event = object.text("event").map(EventName::from);
        let mut ids: Vec<String> = object.text("id").into_iter().collect();
        let Some(data) = inner(object, "data").filter(|_| event.is_some()) else {
            return Self {
                ids,
                directory: directory_of(object),
                event: None,
            };
        };
        ids.extend(data.text("id"));
        ids.extend(
            ["user", "group"]
                .into_iter()
                .filter_map(|name| inner(&data, name)?.text("id")),
        );
        Self {
            ids,
            directory: directory_of(&data),
            event,
        }
    }
}

/// A page of a list as the faults of a request let it appear.
pub(crate) fn lying_page<'a, T>(
    plan: &'a Plan,
    shelf: &Shelf<T>,
    list: impl Fn(Range<u32>) -> Rows<'a>,
    window: Window,
    describe: &'a dyn Fn(u32) -> Described,
) -> Page {
    let has = |is: fn(&Fault) -> bool| plan.pages.iter().any(is);
    if has(|fault| matches!(fault, Fault::EmptyList)) {
        return Page::default();
    }
    let hides = move |row: u32| {
        let object = describe(row);
        plan.omissions.iter().any(|omitted| omitted.include(&object))
    };
    let mut found = if plan.omissions.is_empty() {
        page(shelf, list, window)
    } else {
        page(
            shelf,
            |range| Box::new(list(range).filter(move |&row| !hides(row))),
            window,
        )
    };
    let last = match window.cursor {
        Cursor::After(id) => shelf.place(id).ok().filter(|&row| shelf.get(row).is_some()),
        _ => None,
    };
    if let Some(last) = last {
        if has(|fault| matches!(fault, Fault::ShiftedPage))
            && let Some(first) = found.rows.first_mut()
        {
            *first = last;
        }
        if has(|fault| matches!(fault, Fault::RepeatedObject)) {
            found.rows.insert(0, last);
            // What has no room any more stands on the next page; a page of one object would never come to an end.
            if found.rows.len() > window.limit.max(2) {
                found.rows.pop();
                found.later = true;
            }
        }
    }
    for fault in &plan.pages {
        if let Fault::EarlyEnd { empty } = fault {
            found.later = false;
            if *empty {
                found.rows.clear();
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn objects(rule: FaultRule) -> Objects {
        Objects::of(&rule, 1, 1)
    }

    fn described(json: &str) -> Described {
        Described::json(&Fields::parse(json).unwrap())
    }

    #[test]
    fn a_share_holds_about_as_many_objects_and_always_the_same_ones() {
        let some = objects(FaultRule::new(Fault::OmittedObjects).share(0.2));
        let chosen = |objects: &Objects| {
            let ids = (0..1_000).map(|number| format!("directory_user_{number}"));
            ids.filter(|id| objects.has_id(id)).collect::<Vec<_>>()
        };
        assert_eq!(chosen(&some), chosen(&some));
        assert!((150..250).contains(&chosen(&some).len()), "{}", chosen(&some).len());
        let others = Objects::of(&FaultRule::new(Fault::OmittedObjects).share(0.2), 1, 2);
        assert_ne!(chosen(&some), chosen(&others));
    }

    #[test]
    fn an_event_is_known_by_what_it_is_about() {
        let added = described(
            r#"{"id":"event_1","event":"dsync.group.user_added",
            "data":{"directory_id":"directory_1","user":{"id":"u","directory_id":"directory_2"},"group":{"id":"g"}}}"#,
        );
        let rule = || FaultRule::new(Fault::OmittedObjects);
        for id in ["event_1", "u", "g"] {
            assert!(objects(rule().objects([id])).include(&added), "{id}");
        }
        assert!(!objects(rule().objects(["x"])).include(&added));
        assert!(objects(rule().directory("directory_1")).include(&added));
        assert!(!objects(rule().directory("directory_2")).include(&added));
        assert!(objects(rule().events(["dsync.group.user_added"])).include(&added));
        assert!(!objects(rule().events(["dsync.user.created"])).include(&added));
        let directory = described(r#"{"object":"directory","id":"directory_1"}"#);
        assert!(objects(rule().directory("directory_1")).include(&directory));
    }
}

//! What a query string asks for. It comes from outside: every value is checked, every fault is reported by name.
//!
//! Names that the document does not give to the operation are ignored, as the API does.

use workos_directory_sync::Timestamp;
use workos_directory_sync::operation::Location;
use workos_directory_sync::operation::Operation;
use workos_directory_sync::operation::Origin;
use workos_directory_sync::operation::Parameter;
use workos_directory_sync::types;
use workos_directory_sync::types::DirectoryUserState;
use workos_directory_sync::types::Order;

use crate::behaviour::Behaviour;
use crate::behaviour::ReferenceParameters;
use crate::kind::Kind;
use crate::page::Cursor;
use crate::page::Window;
use crate::refusal::Refusal;
use crate::row::StateCode;

/// The parameters of a request and what is wrong with them.
#[derive(Debug)]
pub(crate) struct Query {
    operation: &'static Operation,
    values: Vec<(&'static str, String)>,
    faults: Vec<types::FieldError>,
}

impl Query {
    /// Reads the parameters that the operation has.
    pub(crate) fn parse(operation: &'static Operation, text: &str, of_reference: ReferenceParameters) -> Self {
        let mut query = Self {
            operation,
            values: Vec::new(),
            faults: Vec::new(),
        };
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let mut known = operation.parameters.iter();
            let Some(parameter) = known.find(|known| known.location == Location::Query && is_called(known, &name))
            else {
                continue;
            };
            match of_reference {
                _ if parameter.origin != Origin::Seed => {}
                ReferenceParameters::Honour => {}
                ReferenceParameters::Ignore => continue,
                ReferenceParameters::Refuse => {
                    query.fault(parameter.name, format!("property {name} should not exist"));
                    continue;
                }
            }
            if parameter.repeated || query.text(parameter.name).is_none() {
                query.values.push((parameter.name, value.into_owned()));
            } else if !query
                .faults
                .iter()
                .any(|fault| fault.field.as_deref() == Some(parameter.name))
            {
                query.fault(parameter.name, format!("{name} must not be repeated"));
            }
        }
        query
    }

    /// Refuses the request when something was wrong with it.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(Refusal::invalid(self.faults))
        }
    }

    fn fault(&mut self, name: &str, message: String) {
        // The API says its sentence in the code.
        let mut fault = types::FieldError::new(message);
        fault.field = Some(name.to_owned());
        self.faults.push(fault);
    }

    /// A parameter as it came.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let (_, value) = self.values.iter().find(|(known, _)| *known == name)?;
        Some(value.clone())
    }

    /// A parameter that `read` understands, or a fault with a message.
    fn read<T>(&mut self, name: &str, message: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.text(name)?;
        let value = read(&text);
        if value.is_none() {
            self.fault(name, format!("{name} {message}"));
        }
        value
    }

    /// The id of an object of a kind. Whether there is one with it is another question.
    pub(crate) fn id(&mut self, name: &str, kind: Kind) -> Option<String> {
        let message = format!("must be {}*", kind.prefix());
        self.read(name, &message, |text| kind.fits(text).then(|| text.to_owned()))
    }

    /// `true` or `false`; `false` when it is not there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        self.read(name, "must be true or false", |text| text.parse().ok())
            .unwrap_or_default()
    }

    /// The values of a list that may be repeated, separated by commas, or both.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let values = self.values.iter().filter(|(known, _)| *known == name);
        values
            .flat_map(|(_, value)| value.split(','))
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// Finds a fault when none of these parameters is there.
    pub(crate) fn needs_one_of(&mut self, names: [&str; 2]) {
        if names.iter().all(|name| self.text(name).is_none()) {
            let [one, other] = names;
            let message = format!("Please provide either \"{one}\" or \"{other}\" parameters.");
            for name in names {
                self.fault(name, message.clone());
            }
        }
    }

    /// A point in time: a date alone, or with a time. The live API takes no offset and no time without `Z`.
    pub(crate) fn time(&mut self, name: &str, behaviour: Behaviour) -> Option<jiff::Timestamp> {
        self.read(name, "must be a time such as 2024-01-15T10:00:00.000Z", |text| {
            if let Ok(date) = text.parse::<jiff::civil::Date>()
                && text.len() == "2024-01-15".len()
            {
                return jiff::tz::TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok();
            }
            let is_plain = behaviour == Behaviour::Reference || text.contains('T') && text.ends_with('Z');
            let time = text.parse::<Timestamp>().ok().filter(|_| is_plain);
            time.map(jiff::Timestamp::from)
        })
    }

    /// Finds a fault that only several parameters together have.
    pub(crate) fn refuse(&mut self, name: &str, message: &str) {
        self.fault(name, message.to_owned());
    }

    /// A user's state.
    pub(crate) fn user_state(&mut self, name: &str) -> Option<StateCode> {
        let known: Vec<&str> = DirectoryUserState::KNOWN
            .iter()
            .map(DirectoryUserState::as_str)
            .collect();
        let message = format!("must be one of {}", known.join(", "));
        self.read(name, &message, |text| {
            let state = DirectoryUserState::from(text);
            state.is_known().then(|| StateCode::from(&state))
        })
    }

    /// Finds a fault when one parameter is there without another that it needs.
    pub(crate) fn needs(&mut self, name: &str, needed: &str) {
        if self.text(name).is_some() && self.text(needed).is_none() {
            self.fault(name, format!("{name} needs {needed}"));
        }
    }

    /// Which part of the list is asked for.
    pub(crate) fn window(&mut self, kind: Kind) -> Window {
        let order = self.read("order", "must be one of asc, desc, normal", |text| text.parse().ok());
        let cursor = format!("must be the id of an object of this list, {}*", kind.prefix());
        let after = self.read("after", &cursor, |text| kind.parse(text));
        let before = self.read("before", &cursor, |text| kind.parse(text));
        if self.text("after").is_some() && self.text("before").is_some() {
            self.fault("before", "before must not be combined with after".to_owned());
        }
        let (default, max) = match self.operation.pagination {
            Some(pagination) => (pagination.default_limit, pagination.max_limit),
            None => (1, 1),
        };
        let limit = self.read("limit", &format!("must be a number from 1 to {max}"), |text| {
            // `parse` alone would take a plus sign.
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            let limit: u32 = text.parse().ok()?;
            (digits && (1..=max).contains(&limit)).then_some(limit)
        });
        let order = order.unwrap_or(Order::Desc);
        // The cursors of `normal` mean the opposite: `before` leads to what is older. The order of events is not asked for.
        let reverses = order == Order::Normal && kind != Kind::Event;
        let (after, before) = if reverses { (before, after) } else { (after, before) };
        Window {
            order,
            reverses,
            cursor: match (after, before) {
                (Some(id), _) => Cursor::After(id),
                (None, Some(id)) => Cursor::Before(id),
                (None, None) => Cursor::Start,
            },
            limit: limit.unwrap_or(default) as usize,
        }
    }
}

/// Whether a name in a query means a parameter: that of a list may end in `[]` or `[0]`.
fn is_called(parameter: &Parameter, name: &str) -> bool {
    let is_index = |rest: &str| {
        let inside = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        inside.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
    };
    name.strip_prefix(parameter.name)
        .is_some_and(|rest| rest.is_empty() || parameter.repeated && is_index(rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use workos_directory_sync::operations;

    use super::*;

    fn users(text: &str) -> Query {
        Query::parse(&operations::LIST_DIRECTORY_USERS, text, ReferenceParameters::Honour)
    }

    fn fields(query: Query) -> Vec<String> {
        let faults = query.faults.into_iter();
        faults.filter_map(|fault| fault.field).collect()
    }

    #[test]
    fn names_that_the_operation_does_not_have_are_ignored() {
        let mut query = users("limit=5&colour=red&colour=blue&members=perhaps&id=x");
        assert_eq!(query.window(Kind::User).limit, 5);
        assert!(!query.flag("members"));
        query.finish().unwrap();
    }

    #[test]
    fn parameters_of_the_reference_are_ignored_or_refused() {
        let text = "state=nonsense&groups=1";
        let refused = Query::parse(&operations::LIST_DIRECTORY_USERS, text, ReferenceParameters::Refuse);
        assert_eq!(fields(refused), ["state", "groups"]);
        let mut query = Query::parse(&operations::LIST_DIRECTORY_USERS, text, ReferenceParameters::Ignore);
        assert_eq!(query.user_state("state"), None);
        assert!(!query.flag("groups"));
        query.finish().unwrap();
    }

    #[test]
    fn a_limit_is_a_number_from_one_to_a_hundred() {
        assert_eq!(users("").window(Kind::User).limit, 10);
        for (text, limit) in [("1", 1), ("100", 100), ("007", 7)] {
            assert_eq!(users(&format!("limit={text}")).window(Kind::User).limit, limit);
        }
        for text in [
            "",
            "0",
            "101",
            "-1",
            "%2B5",
            "5.0",
            "ten",
            "99999999999999999999",
            "٥",
            " 5",
        ] {
            let mut query = users(&format!("limit={text}"));
            query.window(Kind::User);
            assert_eq!(fields(query), ["limit"], "{text}");
        }
    }

    #[test]
    fn every_fault_is_reported_by_its_name() {
        let mut query =
            users("limit=0&order=up&after=x&before=y&directory=org_1&organization=directory_1&groups=yes&state=gone");
        query.window(Kind::User);
        query.id("directory", Kind::Directory);
        query.id("organization", Kind::Organization);
        query.flag("groups");
        query.user_state("state");
        let mut names = fields(query);
        names.sort_unstable();
        let expected = [
            "after",
            "before",
            "before",
            "directory",
            "groups",
            "limit",
            "order",
            "organization",
            "state",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_repeated_parameter_is_refused() {
        assert_eq!(fields(users("limit=5&limit=5&limit=6")), ["limit"]);
    }

    proptest! {
        #[test]
        fn no_query_string_is_too_odd(text in "\\PC{0,200}|([a-z_]{1,12}=[%0-9A-Za-z&_]{0,9}&){0,9}") {
            let mut query = users(&text);
            query.window(Kind::User);
            query.flag("groups");
            query.id("directory", Kind::Directory);
            let _ = query.finish();
        }
    }
}

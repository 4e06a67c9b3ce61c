//! `spec/parity.toml`: what of upstream is covered, and which differences are meant.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use anyhow::Result;
use anyhow::bail;
use serde::Deserialize;
use serde_json::Value;
use wildmatch::WildMatch;

use super::Difference;
use super::compare::Kind;
use super::places::places;
use crate::openapi::Document;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deviations {
    scope: Scope,
    #[serde(default, rename = "deviation")]
    deviations: Vec<Deviation>,
}

/// What of upstream is covered: an operation below one of the paths or with one of the tags.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scope {
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    tags: Vec<String>,
    /// How the names of covered events begin.
    #[serde(default)]
    pub(crate) events: String,
}

/// A difference that is meant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deviation {
    pub(crate) kind: Kind,
    /// Where, as the difference names it; `*` stands for any text.
    pub(crate) what: String,
    pub(crate) reason: String,
}

impl Scope {
    /// Whether an operation is covered.
    pub(crate) fn covers(&self, path: &str, tags: &[Value]) -> bool {
        let is_below = |prefix: &String| {
            path.strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.paths.iter().any(is_below)
            || tags
                .iter()
                .filter_map(Value::as_str)
                .any(|tag| self.tags.iter().any(|known| known == tag))
    }
}

impl Deviation {
    pub(crate) fn explains(&self, difference: &Difference) -> bool {
        self.kind == difference.kind && WildMatch::new(&self.what).matches(&difference.what)
    }
}

impl Deviations {
    /// Reads the file; every deviation has to have a reason, and none may be there twice.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        Self::parse(&text).with_context(|| format!("{}", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let deviations: Self = toml::from_str(text)?;
        if deviations.scope.paths.is_empty() && deviations.scope.tags.is_empty() {
            bail!("`[scope]` names neither `paths` nor `tags`, so that nothing would be compared");
        }
        let mut seen = BTreeSet::new();
        for Deviation { kind, what, reason } in &deviations.deviations {
            if reason.trim().is_empty() {
                bail!("the deviation `{what}` has no reason: say why it is meant");
            }
            if !seen.insert((*kind, what)) {
                bail!("the deviation `{what}` is there twice: remove one");
            }
        }
        Ok(deviations)
    }

    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    pub(crate) fn all(&self) -> &[Deviation] {
        &self.deviations
    }

    /// What can be told without upstream: each operation that we have is covered, each thing of the seed alone is a
    /// deviation that is meant, and what we are said to have is there.
    pub(crate) fn faults(&self, document: &Document) -> Vec<String> {
        let mut faults = Vec::new();
        for operation in document.operations() {
            let name = operation.name();
            if !self
                .scope
                .covers(operation.path, crate::openapi::items(operation.value, "tags"))
            {
                faults.push(format!("{name} is not within `[scope]`: add its path"));
            }
        }
        let places = places(document);
        for (what, value) in &places {
            let difference = Difference::extra(what.clone());
            let is_seed = crate::openapi::text(value, "x-origin") == "seed";
            if is_seed && !self.deviations.iter().any(|deviation| deviation.explains(&difference)) {
                faults.push(format!(
                    "`{what}` is marked `x-origin: seed` and is no deviation of kind `extra`: give the reason"
                ));
            }
        }
        for Deviation { kind, what, .. } in &self.deviations {
            let pattern = WildMatch::new(what);
            if *kind == Kind::Extra && !places.iter().any(|(place, _)| pattern.matches(place)) {
                faults.push(format!(
                    "`{what}` is said to be ours alone, and we do not have it: correct or remove it"
                ));
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        format!("{:#}", Deviations::parse(text).expect_err("it is refused"))
    }

    #[test]
    fn a_deviation_without_a_reason_is_refused_and_so_is_one_that_is_there_twice() {
        let one = "[[deviation]]\nkind = 'extra'\nwhat = 'field A.b'\nreason = 'x'\n";
        let scope = "[scope]\npaths = ['/a']\n";
        assert!(Deviations::parse(&format!("{scope}{one}")).is_ok());
        let message = error(&format!("{scope}{}", one.replace("'x'", "' '")));
        assert_eq!(message, "the deviation `field A.b` has no reason: say why it is meant");
        let message = error(&format!("{scope}{one}{one}"));
        assert_eq!(message, "the deviation `field A.b` is there twice: remove one");
        assert!(error("[scope]\n").contains("nothing would be compared"));
        assert!(error(&format!("{scope}{}", one.replace("extra", "else"))).contains("unknown variant `else`"));
    }

    #[test]
    fn a_path_covers_what_is_below_it_and_not_what_merely_begins_like_it() {
        let scope = Scope {
            paths: vec!["/directories".to_owned()],
            tags: vec!["events".to_owned()],
            ..Scope::default()
        };
        assert!(scope.covers("/directories", &[]) && scope.covers("/directories/{id}/sync", &[]));
        assert!(!scope.covers("/directories_of_others", &[]));
        assert!(scope.covers("/log", &[Value::from("events")]));
    }
}

//! Which page of a list is asked for, and the cursors of its neighbours.

use workos_directory_sync::types::ListMetadata;

use crate::admin::call::Call;
use crate::behaviour::ReferenceParameters;
use crate::query::Query;
use crate::refusal::Refusal;

/// How many objects a page holds unless the call says it, and at most.
const LIMITS: (usize, usize) = (10, 100);

/// The part of a list that a call asks for.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) after: Option<String>,
    pub(crate) limit: usize,
}

impl Window {
    /// Reads `after` and `limit`.
    pub(crate) fn of(call: &Call) -> Result<Self, Refusal> {
        let query = Query::parse(call.operation, &call.query, ReferenceParameters::Honour);
        let (after, limit) = (query.text("after"), query.text("limit"));
        query.finish()?;
        let (usual, most) = LIMITS;
        let limit = match limit {
            None => usual,
            Some(text) => match text.parse() {
                Ok(limit) if (1..=most).contains(&limit) => limit,
                _ => {
                    let message = format!("limit must be a number from 1 to {most}");
                    return Err(Refusal::invalid_field("limit", message));
                }
            },
        };
        Ok(Self { after, limit })
    }
}

/// The cursors of the pages before and after one, which goes from the first id to the last.
pub(crate) fn metadata(first: Option<String>, last: Option<String>, is_earlier: bool, is_later: bool) -> ListMetadata {
    let mut metadata = ListMetadata::default();
    metadata.before = first.filter(|_| is_earlier);
    metadata.after = last.filter(|_| is_later);
    metadata
}

//! The operation on the log of events.

use std::time::Duration;

use workos_directory_sync::types::EventName;
use workos_directory_sync::types::Order;

use crate::answer;
use crate::answer::Reply;
use crate::app::App;
use crate::fields::Fields;
use crate::kind::Kind;
use crate::lies::Described;
use crate::lies::lying_page;
use crate::refusal::Refusal;
use crate::routes::Call;
use crate::shelf::Shelf;
use crate::ulid::Ulid;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long events are kept.
const KEPT: Duration = Duration::from_secs(90 * DAY.as_secs());

/// The longest time that one request may span.
const SPAN: Duration = Duration::from_secs(30 * DAY.as_secs());

/// `GET /events`: always the oldest first, whatever `order` says.
pub(crate) fn list(app: &App, call: &Call<'_>) -> Result<Reply, Refusal> {
    let mut query = call.query(app);
    let mut window = query.window(Kind::Event);
    window.order = Order::Asc;
    let names: Vec<EventName> = query.list("events").into_iter().map(EventName::from).collect();
    if names.is_empty() {
        return Err(Refusal::without_events());
    }
    let start = query.time("range_start", app.settings.behaviour);
    let end = query.time("range_end", app.settings.behaviour);
    let organization = query.id("organization_id", Kind::Organization);
    if let (Some(start), Some(end)) = (start, end) {
        if end < start {
            query.refuse("range_end", "range_end must not be before range_start");
        } else if end.duration_since(start).unsigned_abs() > SPAN {
            query.refuse("range_end", "range_end must be at most 30 days after range_start");
        }
    }
    let is_combined = start.is_some() && query.text("after").is_some();
    query.finish()?;
    if is_combined {
        return Err(Refusal::bad_request("range_start cannot be combined with after."));
    }

    let state = app.state();
    let oldest = call.now.saturating_sub(KEPT).unwrap_or(jiff::Timestamp::MIN);
    let first = place(&state.log, start.map_or(oldest, |start| start.max(oldest)));
    let end = end.map_or(state.log.end(), |end| place(&state.log, end));
    let describe = |row: u32| {
        let text = state.log.get(row).map_or("", |event| &event.text);
        Fields::parse(text).map_or_else(Described::default, |event| Described::json(&event))
    };
    let found = lying_page(
        call.plan,
        &state.log,
        |range| {
            let rows = range.start.max(first)..range.end.min(end);
            let is_asked_for = |&row: &u32| {
                state.log.get(row).is_some_and(|event| {
                    names.contains(&event.name) && (organization.is_none() || event.organization == organization)
                })
            };
            Box::new(rows.filter(is_asked_for))
        },
        window,
        &describe,
    );
    answer::list(&state.log, &found, |json, row| {
        let event = state.log.get(row).ok_or_else(Refusal::internal)?;
        json.extend_from_slice(event.text.as_bytes());
        Ok(())
    })
}

/// Where the first event of a time or after it stands.
fn place<T>(log: &Shelf<T>, time: jiff::Timestamp) -> u32 {
    // Ids have whole milliseconds: of a later part of one, the next counts.
    let milliseconds =
        time.as_nanosecond().div_euclid(1_000_000) + i128::from(time.subsec_nanosecond() % 1_000_000 != 0);
    match log.place(Ulid::new(u64::try_from(milliseconds).unwrap_or_default(), 0)) {
        Ok(place) | Err(place) => place,
    }
}

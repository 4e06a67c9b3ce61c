//! What the emulator was asked.

use std::sync::Arc;

use workos_directory_emulator_client::types;

use crate::admin::call::Call;
use crate::admin::list::Window;
use crate::admin::list::metadata;
use crate::answer::Reply;
use crate::app::App;
use crate::received::ReceivedRequest;
use crate::refusal::Refusal;

/// `GET /_emulator/requests`
pub(crate) fn list(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let window = Window::of(call)?;
    let after = match window.after {
        None => 0,
        Some(text) => text
            .parse()
            .map_err(|_| Refusal::invalid_field("after", "after must be the id of a request".to_owned()))?,
    };
    let (page, is_earlier, is_later) = app.received.page(after, window.limit);
    let data: Vec<_> = page.into_iter().map(shown).collect();
    let id = |request: Option<&types::ReceivedRequest>| request.map(|request| request.id.clone());
    let metadata = metadata(id(data.first()), id(data.last()), is_earlier, is_later);
    call.reply(&types::RequestList::new(data, metadata))
}

fn shown((number, request): (u64, ReceivedRequest)) -> types::ReceivedRequest {
    let ReceivedRequest {
        received_at,
        operation,
        method,
        target,
        status,
    } = request;
    let mut shown = types::ReceivedRequest::new(number.to_string(), received_at, method, target, status.into());
    shown.operation = operation.map(str::to_owned);
    shown
}

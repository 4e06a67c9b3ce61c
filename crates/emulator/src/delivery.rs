//! How a planned fault changes an answer on its way out: another status, a connection that is reset, a body that is cut or
//! slow.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::body::Bytes;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::Response;
use futures_util::StreamExt as _;
use futures_util::stream;

use crate::answer;
use crate::answer::Reply;
use crate::behaviour::Behaviour;
use crate::connection::Reset;
use crate::fault::Fault;
use crate::fault::FaultBody;
use crate::faults::Plan;
use crate::rate_limits::Quota;
use crate::refusal::Refusal;

/// Names of headers that only faults take away again.
const RATE_LIMIT_HEADERS: [HeaderName; 3] = [answer::LIMIT, answer::REMAINING, answer::RESET];

impl Plan {
    /// The answer that comes instead of the operation's own, which is not carried out then.
    pub(crate) fn replacement(
        &self,
        behaviour: Behaviour,
        quota: Quota,
        now: jiff::Timestamp,
        request_id: &str,
    ) -> Option<Response> {
        let (status, body, retry_after, has_headers) = match self.instead.as_ref()? {
            Fault::Status {
                status,
                body,
                retry_after,
                rate_limit_headers,
            } => (*status, *body, retry_after.as_deref(), *rate_limit_headers),
            // Nobody sees this answer.
            Fault::Reset { processed: false } => (500, FaultBody::Empty, None, false),
            _ => return None,
        };
        let own = self.asked.as_ref().filter(|_| status == 404 && body == FaultBody::Json);
        let status = StatusCode::from_u16(status).ok()?;
        let reply = match own {
            // What does not exist is answered like this.
            Some((kind, id)) => Err(Refusal::missing(*kind, id, behaviour)),
            None => Ok(error(status, body)),
        };
        let mut response = answer::response(reply, Some(quota), request_id);
        let headers = response.headers_mut();
        if let Some(content) = content_type(body) {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content));
        }
        if body != FaultBody::Json {
            // A proxy knows nothing of them.
            headers.remove(answer::REQUEST_ID);
        }
        if has_headers {
            let wait: i64 = retry_after.and_then(|text| text.parse().ok()).unwrap_or(1);
            headers.insert(answer::REMAINING, 0.into());
            headers.insert(answer::RESET, now.as_second().saturating_add(wait).into());
        } else {
            for name in RATE_LIMIT_HEADERS {
                headers.remove(name);
            }
        }
        if let Some(value) = retry_after.and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(header::RETRY_AFTER, value);
        }
        Some(response)
    }

    /// Sends the answer on its way. `reset` is what resets the connection that it goes over.
    pub(crate) async fn deliver(&self, response: Response, reset: &Reset) -> Response {
        if matches!(self.instead, Some(Fault::Reset { .. })) {
            reset.request();
            return response;
        }
        let Some(fault) = &self.delivery else { return response };
        let (mut parts, body) = response.into_parts();
        // All bodies are in memory already.
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
        let body = match fault {
            Fault::TruncatedBody {
                claims_to_be_whole: true,
            } => Body::from(bytes.slice(..bytes.len() / 2)),
            Fault::TruncatedBody { .. } => {
                parts.headers.insert(header::CONTENT_LENGTH, bytes.len().into());
                cut(&bytes)
            }
            Fault::SlowBody {
                chunk_bytes,
                pause_milliseconds,
            } => {
                parts.headers.insert(header::CONTENT_LENGTH, bytes.len().into());
                slow(bytes, *chunk_bytes, Duration::from_millis(*pause_milliseconds))
            }
            _ => Body::from(bytes),
        };
        Response::from_parts(parts, body)
    }
}

/// The first half of a body, and then the end of the connection.
fn cut(bytes: &Bytes) -> Body {
    let half = bytes.slice(..bytes.len() / 2);
    // The first half is on its way before the error ends the connection.
    let end = stream::once(async {
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    });
    Body::from_stream(stream::iter([Ok(half)]).chain(end))
}

/// A body in pieces, with a pause before each but the first.
fn slow(bytes: Bytes, chunk: usize, pause: Duration) -> Body {
    let pieces = stream::unfold((bytes, false), move |(mut rest, is_late)| async move {
        if rest.is_empty() {
            return None;
        }
        if is_late {
            tokio::time::sleep(pause).await;
        }
        let piece = rest.split_to(chunk.clamp(1, rest.len()));
        Some((Ok::<_, io::Error>(piece), (rest, true)))
    });
    Body::from_stream(pieces)
}

fn error(status: StatusCode, body: FaultBody) -> Reply {
    let reason = status.canonical_reason().unwrap_or("Error");
    let text = match body {
        FaultBody::Empty => return Reply::empty(status),
        FaultBody::Json => serde_json::to_string(&Refusal::injected(status).body).unwrap_or_default(),
        FaultBody::JsonString if status == StatusCode::TOO_MANY_REQUESTS => r#""Ratelimited""#.to_owned(),
        FaultBody::JsonString => format!("\"{reason}\""),
        FaultBody::Text => format!("{} {reason}\n", status.as_u16()),
        FaultBody::Html => format!(
            "<html>\n<head><title>{0} {reason}</title></head>\n<body><center><h1>{0} {reason}</h1></center></body>\n\
             </html>\n",
            status.as_u16()
        ),
    };
    Reply::json(status, text.into_bytes())
}

/// What kind of text a body is, unless [`answer::response`] has said it.
fn content_type(body: FaultBody) -> Option<&'static str> {
    match body {
        FaultBody::Text => Some("text/plain; charset=utf-8"),
        FaultBody::Html => Some("text/html"),
        FaultBody::Json | FaultBody::JsonString | FaultBody::Empty => None,
    }
}

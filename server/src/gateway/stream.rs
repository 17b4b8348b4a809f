//! An answer as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use domain::view::chat::StreamEvent;
use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Streams events as they come, with a comment every fifteen seconds so that nothing between us and
/// the caller takes the silence for the end.
pub(super) fn sse(events: mpsc::Receiver<StreamEvent>) -> Response {
    let stream = ReceiverStream::new(events).enumerate().map(|(number, event)| {
        let name = match &event {
            StreamEvent::Session { .. } => "session",
            StreamEvent::Token { .. } => "token",
            StreamEvent::Step { .. } => "step",
            StreamEvent::MessageEnd(_) => "message_end",
            StreamEvent::Error { .. } => "error",
        };
        let data = serde_json::to_string(&event).unwrap_or_else(|_| "{}".to_owned());
        Ok::<_, Infallible>(Event::default().event(name).id(number.to_string()).data(data))
    });
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15)).text("ping");
    let mut response = Sse::new(stream).keep_alive(keep_alive).into_response();
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

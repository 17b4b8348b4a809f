//! Requests that arrive too slowly, and uploads that are many at once.
//!
//! A sender that stops in the middle, or trickles, would keep its connection and what it has sent in our memory
//! for as long as it likes. A body has half a minute, and a second more for each so many bytes that have come.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::UserId;
use futures::StreamExt as _;
use services::{Error, Principal};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::api::error::ApiError;

/// What every body has.
const GRACE: Duration = Duration::from_secs(30);
/// Bytes a second that a body must have beyond that.
const SLOWEST: u64 = 32 * 1024;
/// Uploads that are read at once: together they may be held in memory.
const AT_ONCE: usize = 16;
/// Uploads of one person at once.
const EACH: usize = 4;
/// How long an upload waits for its turn.
const TURN: Duration = Duration::from_secs(20);

static PLACES: Semaphore = Semaphore::const_new(AT_ONCE);
static VISITORS: Semaphore = Semaphore::const_new(AT_ONCE);
static UPLOADING: LazyLock<Mutex<HashMap<UserId, usize>>> = LazyLock::new(Mutex::default);

/// Ends a body that comes too slowly; who reads it sees it break off.
pub async fn pace(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let began = Instant::now();
    let paced = |body: Body| {
        let pieces = futures::stream::unfold((body.into_data_stream(), 0_u64), move |(mut rest, came)| async move {
            let until = began + GRACE + Duration::from_secs(came / SLOWEST);
            match timeout_at(until, rest.next()).await {
                Ok(None) => None,
                Ok(Some(Ok(piece))) => {
                    let came = came + piece.len() as u64;
                    Some((Ok(piece), (rest, came)))
                }
                Ok(Some(Err(error))) => Some((Err(error.to_string()), (rest, came))),
                Err(_) => Some((Err("the request came too slowly".to_owned()), (rest, came))),
            }
        });
        Body::from_stream(pieces)
    };
    next.run(request.map(paced)).await
}

/// Lets in so many uploads at once, of everyone and of each.
pub async fn uploads(request: Request, next: Next) -> Response {
    let is_form = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("multipart/form-data"));
    if !is_form {
        return next.run(request).await;
    }
    let who = request.extensions().get::<Principal>().and_then(|who| Some(who.user().ok()?.user.id));
    let _own = match who.map(Own::one_more) {
        Some(None) => return busy("You are sending other files already; wait until they have arrived."),
        own => own.flatten(),
    };
    // Visitors, whom nobody can tell apart for certain, take no place from people with an account.
    let places = if who.is_some() { &PLACES } else { &VISITORS };
    let Ok(Ok(_place)) = tokio::time::timeout(TURN, places.acquire()).await else {
        return busy("Many files are being sent at the moment; try again in a minute.");
    };
    next.run(request).await
}

fn busy(message: &str) -> Response {
    ApiError(Error::TooMany { message: message.to_owned(), retry_after: TURN }).into_response()
}

/// One upload of a person, until it is dropped.
struct Own(UserId);

impl Own {
    fn one_more(who: UserId) -> Option<Self> {
        let mut uploading = UPLOADING.lock().unwrap_or_else(PoisonError::into_inner);
        let count = uploading.entry(who).or_default();
        if *count >= EACH {
            return None;
        }
        *count += 1;
        Some(Self(who))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let mut uploading = UPLOADING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = uploading.get_mut(&self.0) {
            *count -= 1;
            if *count == 0 {
                uploading.remove(&self.0);
            }
        }
    }
}

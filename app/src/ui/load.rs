//! What a page is made of: the answer of a server function, and the page or the error in its place.
//!
//! Reading, waiting and showing are compiled once for all pages: what is there in between is JSON.
//! Only its last step, JSON to a view, is each page's own.

use std::marker::PhantomData;
use std::sync::Arc;

use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::card::{Alert, Kind};
use super::error::ErrorPage;
use crate::error::UiError;
use crate::json;

/// What a server function answered.
type Answer = Result<Arc<RawValue>, UiError>;

/// Shows an answer, or says that it cannot be read.
type Show = Arc<dyn Fn(&RawValue) -> Result<AnyView, UiError> + Send + Sync>;

/// The answer of a server function, here or on its way.
pub struct Found<T> {
    answer: Resource<Answer>,
    shape: PhantomData<fn() -> T>,
}

impl<T> Clone for Found<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Found<T> {}

impl<T: DeserializeOwned> Found<T> {
    /// Asks again.
    pub fn refetch(self) {
        self.answer.refetch();
    }

    /// Waits for the answer.
    pub async fn get(self) -> Result<T, UiError> {
        read_as(&self.answer.await?)
    }

    /// Returns the answer if it is there, without following its changes.
    pub fn peek(self) -> Option<T> {
        read_as(&self.answer.try_get_untracked()??.ok()?).ok()
    }
}

/// Asks a server function with the arguments that a page has now, and again whenever they change.
///
/// What it answers is awaited before anything is sent to the browser, so that title and status are right.
pub fn read<S>(arguments: impl Fn() -> S + Send + Sync + 'static) -> Found<S::Output>
where
    S: ServerFn<Error = UiError> + Serialize + Clone + Sync + 'static,
    S::Output: Serialize,
{
    read_again(|| 0, arguments)
}

/// Does what [`read`] does, and asks again whenever `changed` does: the version of a form, mostly.
pub fn read_again<S>(
    changed: impl Fn() -> usize + Send + Sync + 'static,
    arguments: impl Fn() -> S + Send + Sync + 'static,
) -> Found<S::Output>
where
    S: ServerFn<Error = UiError> + Serialize + Clone + Sync + 'static,
    S::Output: Serialize,
{
    let question = Arc::new(move || Question::new(arguments(), changed()));
    Found { answer: answer_to(question), shape: PhantomData }
}

/// Asks whenever the question changes.
fn answer_to(question: Arc<dyn Fn() -> Question + Send + Sync>) -> Resource<Answer> {
    Resource::new_blocking(move || question(), Question::ask)
}

/// A call of a server function.
#[derive(Clone)]
struct Question {
    #[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "only a live page asks by address"))]
    path: &'static str,
    arguments: String,
    version: usize,
    #[cfg(feature = "ssr")]
    call: Arc<dyn Fn() -> std::pin::Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>,
}

impl PartialEq for Question {
    fn eq(&self, other: &Self) -> bool {
        (&self.arguments, self.version) == (&other.arguments, other.version)
    }
}

impl Question {
    fn new<S>(asked: S, version: usize) -> Self
    where
        S: ServerFn<Error = UiError> + Serialize + Clone + Sync + 'static,
        S::Output: Serialize,
    {
        Self {
            path: S::url(),
            // Arguments are texts and flags, which can always be written.
            arguments: serde_qs::to_string(&asked).unwrap_or_default(),
            version,
            #[cfg(feature = "ssr")]
            call: Arc::new(move || {
                let asked = asked.clone();
                Box::pin(async move { written(&S::run_body(asked).await?) })
            }),
        }
    }

    async fn ask(self) -> Answer {
        #[cfg(feature = "ssr")]
        return (self.call)().await;
        #[cfg(all(feature = "hydrate", not(feature = "ssr")))]
        {
            let text = crate::call::get(self.path, &self.arguments).await?;
            RawValue::from_string(text).map(Arc::from).map_err(|_| UiError::Transport)
        }
        #[cfg(not(any(feature = "ssr", feature = "hydrate")))]
        Err(UiError::Transport)
    }
}

/// Writes an answer as it travels.
#[cfg(feature = "ssr")]
fn written(value: &impl Serialize) -> Answer {
    serde_json::value::to_raw_value(value)
        .map(Arc::from)
        .map_err(|error| UiError::Internal(crate::server_context::report(&error)))
}

fn read_as<T: DeserializeOwned>(answer: &RawValue) -> Result<T, UiError> {
    json::read(answer.get()).map_err(|_| UiError::Transport)
}

/// Makes of a page's view of a value the view of an answer.
fn reading<T: DeserializeOwned>(show: impl Fn(T) -> AnyView + Send + Sync + 'static) -> Show {
    Arc::new(move |answer| read_as(answer).map(&show))
}

/// Shows a page made of what was found. An error takes the whole page and its status.
pub fn load<T: DeserializeOwned>(found: Found<T>, show: impl Fn(T) -> AnyView + Send + Sync + 'static) -> AnyView {
    load_or(found, show, |error| view! { <ErrorPage error/> }.into_any())
}

/// Does what [`load`] does, with an error page of its own.
pub fn load_or<T: DeserializeOwned>(
    found: Found<T>,
    show: impl Fn(T) -> AnyView + Send + Sync + 'static,
    failed: fn(UiError) -> AnyView,
) -> AnyView {
    shown(found.answer, reading(show), || view! { <Waiting/> }.into_any(), failed)
}

/// Shows a part of a page made of what was found. Its error is an alert, and the rest of the page stays.
pub fn load_part<T: DeserializeOwned>(found: Found<T>, show: impl Fn(T) -> AnyView + Send + Sync + 'static) -> AnyView {
    shown(
        found.answer,
        reading(show),
        || view! { <span class="skeleton skeleton--card" aria-hidden="true"></span> }.into_any(),
        |error| view! { <Alert kind=Kind::Bad text=error.message()/> }.into_any(),
    )
}

fn shown(answer: Resource<Answer>, show: Show, waiting: fn() -> AnyView, failed: fn(UiError) -> AnyView) -> AnyView {
    view! {
        <Transition fallback=waiting>
            {move || {
                let show = show.clone();
                Suspend::new(async move { answer.await.and_then(|answer| show(&answer)).unwrap_or_else(failed) })
            }}
        </Transition>
    }
    .into_any()
}

/// The shape of a page that is on its way.
#[component]
fn Waiting() -> impl IntoView {
    view! {
        <div class="page wrap section" aria-busy="true">
            <p class="sr" role="status">"Loading…"</p>
            <span class="skeleton skeleton--title"></span>
            <div class="stack stack--sm">
                <span class="skeleton skeleton--line"></span>
                <span class="skeleton skeleton--line"></span>
            </div>
            <div class="grid">
                <span class="skeleton skeleton--card"></span>
                <span class="skeleton skeleton--card"></span>
                <span class="skeleton skeleton--card"></span>
            </div>
        </div>
    }
}

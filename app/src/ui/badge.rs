//! Small labels, and one for each state machine: the words that people read for a state are here alone.

use domain::state::{DocumentState, OfferingState, OrderState, ProviderState, SubmissionState, SubscriptionState};
use leptos::prelude::*;

use super::icon::{Icon, Sign};

/// What a badge's colour says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tint {
    /// Nothing.
    #[default]
    Plain,
    /// It is well.
    Good,
    /// It waits for somebody.
    Warn,
    /// It failed or ended badly.
    Bad,
    /// It is under way.
    Info,
    /// It is ours or new.
    Accent,
}

impl Tint {
    const fn class(self) -> &'static str {
        match self {
            Self::Plain => "badge",
            Self::Good => "badge badge--good",
            Self::Warn => "badge badge--warn",
            Self::Bad => "badge badge--bad",
            Self::Info => "badge badge--info",
            Self::Accent => "badge badge--accent",
        }
    }
}

/// A small label.
#[component]
pub fn Badge(
    /// What it says.
    #[prop(into)]
    text: String,
    /// What its colour says.
    #[prop(optional)]
    tint: Tint,
    /// Whether a dot stands before the text, as for states.
    #[prop(optional)]
    dot: bool,
    /// Whether the dot pulses, because something goes on.
    #[prop(optional)]
    busy: bool,
) -> impl IntoView {
    let class = format!(
        "{}{}{}",
        tint.class(),
        if dot || busy { " badge--dot" } else { "" },
        if busy { " badge--busy" } else { "" }
    );
    view! { <span class=class>{text}</span> }
}

/// The category of a product.
#[component]
pub fn CategoryBadge(
    /// The category's slug.
    #[prop(into)]
    slug: String,
    /// The category's title.
    #[prop(into)]
    title: String,
) -> impl IntoView {
    let sign = Sign::of_category(&slug);
    view! { <span class="badge badge--category" data-category=slug><Icon sign class="icon--sm"/>{title}</span> }
}

/// Where an order stands.
#[component]
pub fn OrderBadge(
    /// The state.
    state: OrderState,
) -> impl IntoView {
    let (text, tint, busy) = match state {
        OrderState::PendingConsumer => ("Awaiting payment", Tint::Warn, false),
        OrderState::PendingProvider => ("Awaiting approval", Tint::Warn, false),
        OrderState::Executing => ("Setting up", Tint::Info, true),
        OrderState::Done => ("Completed", Tint::Good, false),
        OrderState::Erred => ("Failed", Tint::Bad, false),
        OrderState::Canceled => ("Canceled", Tint::Plain, false),
        OrderState::Rejected => ("Declined", Tint::Bad, false),
    };
    view! { <Badge text tint dot=true busy/> }
}

/// Where a subscription stands.
#[component]
pub fn SubscriptionBadge(
    /// The state.
    state: SubscriptionState,
) -> impl IntoView {
    let (text, tint, busy) = match state {
        SubscriptionState::Creating => ("Setting up", Tint::Info, true),
        SubscriptionState::Ok => ("Active", Tint::Good, false),
        SubscriptionState::Erred => ("Failed", Tint::Bad, false),
        SubscriptionState::Updating => ("Changing plan", Tint::Info, true),
        SubscriptionState::Terminating => ("Ending", Tint::Warn, true),
        SubscriptionState::Terminated => ("Ended", Tint::Plain, false),
    };
    view! { <Badge text tint dot=true busy/> }
}

/// Where an offering stands.
#[component]
pub fn OfferingBadge(
    /// The state.
    state: OfferingState,
) -> impl IntoView {
    let (text, tint) = match state {
        OfferingState::Draft => ("Draft", Tint::Plain),
        OfferingState::InReview => ("In review", Tint::Info),
        OfferingState::Active => ("On sale", Tint::Good),
        OfferingState::Paused => ("Paused", Tint::Warn),
        OfferingState::Archived => ("Archived", Tint::Plain),
    };
    view! { <Badge text tint dot=true/> }
}

/// Where an organization stands as a provider.
#[component]
pub fn ProviderBadge(
    /// The state.
    state: ProviderState,
) -> impl IntoView {
    let (text, tint) = match state {
        ProviderState::Applied => ("Waiting for a decision", Tint::Warn),
        ProviderState::Approved => ("Approved", Tint::Good),
        ProviderState::Rejected => ("Refused", Tint::Bad),
        ProviderState::Suspended => ("Suspended", Tint::Bad),
    };
    view! { <Badge text tint dot=true/> }
}

/// How a submission was answered.
#[component]
pub fn SubmissionBadge(
    /// The state.
    state: SubmissionState,
) -> impl IntoView {
    let (text, tint) = match state {
        SubmissionState::Pending => ("Waiting for review", Tint::Warn),
        SubmissionState::Approved => ("Approved", Tint::Good),
        SubmissionState::Rejected => ("Sent back", Tint::Bad),
        SubmissionState::Withdrawn => ("Withdrawn", Tint::Plain),
    };
    view! { <Badge text tint dot=true/> }
}

/// How far a document is.
#[component]
pub fn DocumentBadge(
    /// The state.
    state: DocumentState,
) -> impl IntoView {
    let (text, tint) = match state {
        DocumentState::Pending => ("Waiting", Tint::Warn),
        DocumentState::Processing => ("Being read", Tint::Info),
        DocumentState::Ready => ("Ready", Tint::Good),
        DocumentState::Failed => ("Failed", Tint::Bad),
    };
    view! { <Badge text tint dot=true busy=state.is_under_way()/> }
}

//! What is said once after a form was sent: `?notice=saved` on the page that it leads to.
//!
//! The text is looked up here, so that nobody can write on our pages by sending someone a link.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::icon::{Icon, Sign};

/// The notices, by their code in the URL.
const NOTICES: &[(&str, &str)] = &[
    ("saved", "Saved."),
    ("created", "Created."),
    ("deleted", "Deleted."),
    ("sent", "Sent."),
    ("given-back", "It goes back."),
    ("compared", "Compared. What differs is listed here."),
    ("welcome", "Welcome! Your account is ready."),
    ("signed-out", "You are signed out."),
    ("password-changed", "Your password is changed."),
    ("live", "The agent is live."),
    ("paused", "The agent is paused and answers nobody."),
    ("key-revoked", "The key is revoked. It has stopped working."),
    ("origins-saved", "The list of pages is saved."),
    ("plan-later", "The plan changes when the period is over that is paid."),
    ("plan-switched", "Your plan is changed."),
    ("canceled", "Canceled."),
    ("ends-with-period", "It ends with the month that is paid. Until then you can resume it."),
    ("goes-on", "It goes on."),
    ("subscription-ended", "The subscription is ended."),
    ("invited", "The invitation is on its way."),
    ("withdrawn", "Withdrawn."),
    ("joined", "You are a member now."),
    ("member-removed", "The member is removed."),
    ("left", "You have left the organization."),
    ("role-changed", "The role is changed."),
    ("applied", "Your application is sent. We write to you when it is decided."),
    ("uploaded", "Taken. It is being read."),
    ("imported", "The flow is imported."),
    ("submitted", "Submitted. We look at it and write to you."),
    ("unpublished", "It is off the marketplace. Running subscriptions go on."),
    ("resumed", "It is on sale again."),
    ("archived", "Archived."),
    ("approved", "Approved."),
    ("refused", "Refused, and the reason is on its way."),
    ("reviewed", "Thank you. Your review is on the page."),
    ("ended", "Ended."),
    ("retried", "It is tried again."),
    ("blocked", "Blocked."),
    ("unblocked", "Unblocked."),
];

/// How often a form has led on. A notice fades, and one that follows it has to appear anew.
#[derive(Clone, Copy)]
pub struct Told(RwSignal<usize>);

impl Told {
    /// Begins to count, for the whole portal.
    pub fn provide() {
        provide_context(Self(RwSignal::new(0)));
    }

    /// Counts one more.
    pub fn again(self) {
        self.0.update(|times| *times += 1);
    }
}

/// Shows the notice of this address, if there is one.
#[component]
pub fn Notices() -> impl IntoView {
    let query = use_query_map();
    let told: Told = expect_context();
    move || {
        let code = query.with(|query| query.get("notice"))?;
        let (_, text) = NOTICES.iter().find(|(known, _)| *known == code)?;
        // The element stays; it is another animation that begins from its start.
        let class = if told.0.get().is_multiple_of(2) { "toast" } else { "toast toast--again" };
        Some(view! { <div class=class role="status"><Icon sign=Sign::CheckCircle/>{*text}</div> })
    }
}

//! What has happened, what happens now, what comes.

use leptos::prelude::*;

use crate::ui::Views as _;

use super::icon::{Icon, Sign};

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// It has happened.
    Done,
    /// It happens now.
    Now,
    /// It comes.
    Later,
    /// It went wrong.
    Failed,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it is.
    pub title: String,
    /// More about it; may be empty.
    pub note: String,
    /// Where it stands.
    pub state: StepState,
}

impl Step {
    /// Makes a step.
    pub fn new(state: StepState, title: impl Into<String>, note: impl Into<String>) -> Self {
        Self { title: title.into(), note: note.into(), state }
    }
}

/// Steps, first one first.
#[component]
pub fn Steps(
    /// The steps.
    steps: Vec<Step>,
) -> impl IntoView {
    let steps = steps
        .into_iter()
        .map(|step| {
            let (state, sign, spoken) = match step.state {
                StepState::Done => ("done", Some(Sign::Check), "done"),
                StepState::Now => ("now", Some(Sign::Loader), "in progress"),
                StepState::Later => ("later", None, "to come"),
                StepState::Failed => ("failed", Some(Sign::X), "failed"),
            };
            view! {
                <li data-state=state>
                    <span class="steps__mark">{sign.map(|sign| view! { <Icon sign/> }.into_any())}</span>
                    <div>
                        <div class="steps__title">{step.title}<span class="sr">{format!(" ({spoken})")}</span></div>
                        {(!step.note.is_empty()).then(|| view! { <div class="steps__note">{step.note}</div> }.into_any())}
                    </div>
                </li>
            }
        })
        .views();
    view! { <ol class="steps">{steps}</ol> }
}

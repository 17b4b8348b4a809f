//! Organizations that ask to sell.

use domain::state::ProviderState;
use domain::view::provider::ApplicationView;
use leptos::prelude::*;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::ui::prelude::*;

/// Returns every application, those that wait first.
#[server(prefix = "/ui", endpoint = "admin/applications", input = GetUrl)]
pub async fn applications() -> Result<Vec<ApplicationView>, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    services::operator::applications(&ctx, &who, None).await.map_err(here::fail)
}

/// Decides on an application, or on a provider.
#[server(prefix = "/ui", endpoint = "admin/decide-application")]
pub async fn decide_application(organization: String, what: String, reason: String) -> Result<(), UiError> {
    use crate::{links, server_context as here};
    use services::operator::{self, Decision};

    let (ctx, who) = here::asking()?;
    let id = here::id("organization", &organization)?;
    let (decided, notice) = match what.as_str() {
        "approve" => (operator::decide_application(&ctx, &who, id, Decision::Approve).await, "approved"),
        "refuse" => (operator::decide_application(&ctx, &who, id, Decision::Refuse { reason }).await, "refused"),
        "suspend" => (operator::suspend_provider(&ctx, &who, id, &reason).await, "blocked"),
        "reinstate" => (operator::reinstate_provider(&ctx, &who, id).await, "unblocked"),
        _ => return Err(here::fail(UiError::invalid("", "there is no such step"))),
    };
    // Every application has a field for the reason: said above them all, it is said once.
    decided.map_err(|error| {
        here::fail(match error {
            services::Error::Invalid(_) => {
                UiError::invalid("", "write a reason of at least 3 characters; the organization reads it")
            }
            other => other.into(),
        })
    })?;
    here::redirect(&links::with_notice(&links::admin("applications/"), notice));
    Ok(())
}

/// Who asks to sell, and who sells.
#[component]
pub fn ApplicationsPage() -> impl IntoView {
    let decide = FormAction::of::<DecideApplication>();
    let form = FormState::of(decide);
    let found = read_again(move || decide.version().get(), || Applications {});
    load(found, move |found| {
        let none = found.is_empty();
        let cards = found.into_iter().map(|application| card(application, decide)).views();
        view! {
            <div class="page">
                <PageHead title="Providers" text="Who asks to sell here, and who does."/>
                <FormAlert form/>
                {none.then(|| view! { <EmptyState icon=Sign::Store title="Nobody has asked yet" text="Organizations apply on their own pages, under “Start selling”."/> }.into_any())}
                {cards}
            </div>
        }
        .into_any()
    })
}

fn card(application: ApplicationView, decide: FormAction) -> impl IntoView {
    let form = FormState::of(decide);
    let id = application.organization_id.to_string();
    let badge = view! { <ProviderBadge state=application.state/> }.into_any();
    let reason = (!application.reason.is_empty())
        .then(|| view! { <p class="muted small">"Reason: "{application.reason.clone()}</p> }.into_any());
    let with_reason = matches!(application.state, ProviderState::Applied | ProviderState::Approved);
    let reason_label = if application.state == ProviderState::Applied { "Reason, if not" } else { "Reason" };
    let buttons = match application.state {
        ProviderState::Applied => view! {
            <Submit label="Approve" name="what" value="approve" pending=form.pending/>
            <Submit label="Refuse" look=Look::Danger name="what" value="refuse" pending=form.pending/>
        }
        .into_any(),
        ProviderState::Approved => view! { <Submit label="Suspend" look=Look::Danger name="what" value="suspend" pending=form.pending/> }.into_any(),
        ProviderState::Suspended => view! { <Submit label="Let them sell again" look=Look::Secondary name="what" value="reinstate" pending=form.pending/> }.into_any(),
        ProviderState::Rejected => ().into_any(),
    };
    let website = application.website.clone();
    view! {
        <Card title=application.organization_name.clone() text=format!("Applied {}", application.applied) end=badge>
            <PostForm action=decide class="stack">
                <p>{application.description.clone()}</p>
                {(!website.is_empty()).then(|| view! { <p class="small"><a href=website.clone() rel="external noopener nofollow">{website.clone()}</a></p> }.into_any())}
                {reason}
                <input type="hidden" name="organization" value=id.clone()/>
                {if with_reason {
                    view! { <Field form name="reason" label=reason_label maxlength=500 hint="The organization reads it." id=format!("reason-{id}")/> }.into_any()
                } else {
                    view! { <input type="hidden" name="reason" value=""/> }.into_any()
                }}
                <div class="row">{buttons}</div>
            </PostForm>
        </Card>
    }
}

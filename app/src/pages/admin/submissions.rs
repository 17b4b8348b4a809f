//! Listings that wait for review.

use domain::state::SubmissionState;
use domain::view::operator::{SubmissionDetail, SubmissionView};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::fmt;
use crate::links;
use crate::pages::provider::flow::ReportView;
use crate::ui::prelude::*;

/// Returns every submission, those that wait first.
#[server(prefix = "/ui", endpoint = "admin/submissions", input = GetUrl)]
pub async fn submissions() -> Result<Vec<SubmissionView>, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    services::operator::submissions(&ctx, &who, None).await.map_err(here::fail)
}

/// Returns what to read before deciding.
#[server(prefix = "/ui", endpoint = "admin/submission", input = GetUrl)]
pub async fn submission(id: String) -> Result<SubmissionDetail, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("submission", &id)?;
    services::operator::submission(&ctx, &who, id).await.map_err(here::fail)
}

/// Lists what was submitted, or sends it back.
#[server(prefix = "/ui", endpoint = "admin/decide-submission")]
pub async fn decide_submission(id: String, what: String, reason: String) -> Result<(), UiError> {
    use crate::server_context as here;
    use services::operator::{self, Decision};

    let (ctx, who) = here::asking()?;
    let id = here::id("submission", &id)?;
    let (decision, notice) = match what.as_str() {
        "approve" => (Decision::Approve, "approved"),
        _ => (Decision::Refuse { reason }, "refused"),
    };
    operator::decide_submission(&ctx, &who, id, decision).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(&links::admin("submissions/"), notice));
    Ok(())
}

/// What waits for review, and what was decided.
#[component]
pub fn SubmissionsPage() -> impl IntoView {
    let found = read(|| Submissions {});
    load(found, |found| {
        let body = if found.is_empty() {
            view! { <EmptyState icon=Sign::Inbox title="Nothing to review" text="Listings that providers submit wait here."/> }.into_any()
        } else {
            let rows = found
                .into_iter()
                .map(|row| {
                    let href = links::admin(&format!("submissions/{}/", row.id));
                    view! {
                        <tr>
                            <td><a class="strong" href=href>{row.offering_name}</a><p class="muted tiny">{row.provider_name}</p></td>
                            <td><SubmissionBadge state=row.state/></td>
                            <td class="nowrap">{row.submitted}</td>
                            <td class="nowrap">{row.decided.unwrap_or_default()}</td>
                        </tr>
                    }
                })
                .views();
            view! {
                <Card class="card--flush">
                    <Table label="Submissions" head=view! { <tr><th>"Listing"</th><th>"State"</th><th>"Submitted"</th><th>"Decided"</th></tr> }.into_any()>{rows}</Table>
                </Card>
            }
            .into_any()
        };
        view! { <div class="page"><PageHead title="Reviews" text="Listings that providers want on the marketplace."/>{body}</div> }.into_any()
    })
}

/// One submission.
#[component]
pub fn SubmissionPage() -> impl IntoView {
    let params = use_params_map();
    let decide = FormAction::of::<DecideSubmission>();
    let form = FormState::of(decide);
    let id = move || params.read().get("submission").unwrap_or_default();
    let found = read_again(move || decide.version().get(), move || Submission { id: id() });
    load(found, move |SubmissionDetail { submission, offering, full_description_html, report }| {
        let crumbs = vec![Crumb::new("Reviews", links::admin("submissions/"))];
        let badge = view! { <SubmissionBadge state=submission.state/> }.into_any();
        let waits = submission.state == SubmissionState::Pending;
        let id = submission.id.to_string();
        let plans = offering
            .plans
            .iter()
            .filter(|plan| !plan.archived)
            .map(|plan| {
                let quota = plan.monthly_quota.map_or_else(|| "no limit".to_owned(), |quota| format!("{} calls", fmt::count(quota)));
                let words = [vec![format!("{} a {}", plan.price, plan.interval), quota], plan.besides.clone()].concat().join(" · ");
                view! { <li class="row row--between"><strong>{plan.name.clone()}</strong><span class="muted small">{words}</span></li> }
            })
            .views();
        let decision = if waits {
            view! {
                <PostForm action=decide class="stack">
                    <FormAlert form/>
                    <input type="hidden" name="id" value=id/>
                    <TextArea form name="reason" label="Reason, if not" rows=3 maxlength=500 hint="The provider reads it."/>
                    <div class="row">
                        <Submit label="Approve" name="what" value="approve" pending=form.pending/>
                        <Submit label="Send back" look=Look::Danger name="what" value="refuse" pending=form.pending/>
                    </div>
                </PostForm>
            }
            .into_any()
        } else {
            view! { <p class="muted small">{submission.reason.clone()}</p> }.into_any()
        };
        let note = submission.note.clone();
        view! {
            <div class="page">
                <PageHead title=submission.offering_name.clone() text=format!("Submitted by {} on {}", submission.provider_name, submission.submitted) crumbs badge/>
                <div class="columns">
                    <div class="stack">
                        <Card title="What buyers would read" text=offering.form.tagline.clone()>
                            <div class="stack">
                                {(!note.is_empty()).then(|| view! { <Alert title="The provider says" text=note.clone()/> }.into_any())}
                                // Made safe by services::markdown.
                                <div class="prose break" inner_html=full_description_html.clone()></div>
                            </div>
                        </Card>
                        <Card title="What is in the flow"><ReportView report/></Card>
                    </div>
                    <div class="stack">
                        <Card title="Decide">{decision}</Card>
                        <Card title="Plans"><ul class="stack">{plans}</ul></Card>
                    </div>
                </div>
            </div>
        }
        .into_any()
    })
}

//! Work that happens later, and what gave up.

use domain::view::operator::JobView;
use leptos::prelude::*;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::ui::prelude::*;

/// Returns the jobs that wait, those that gave up first.
#[server(prefix = "/ui", endpoint = "admin/jobs", input = GetUrl)]
pub async fn jobs() -> Result<Vec<JobView>, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    services::operator::jobs(&ctx, &who).await.map_err(here::fail)
}

/// Runs a job that gave up once more.
#[server(prefix = "/ui", endpoint = "admin/retry-job")]
pub async fn retry_job(job: String) -> Result<(), UiError> {
    use crate::{links, server_context as here};

    let (ctx, who) = here::asking()?;
    let id = here::id("job", &job)?;
    services::operator::retry_job(&ctx, &who, id).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(&links::admin("jobs/"), "retried"));
    Ok(())
}

/// Work that happens later.
#[component]
pub fn JobsPage() -> impl IntoView {
    let retry = FormAction::of::<RetryJob>();
    let found = read_again(move || retry.version().get(), || Jobs {});
    load(found, move |jobs| {
        let body = if jobs.is_empty() {
            view! { <EmptyState icon=Sign::Clock title="Nothing waits" text="Mail, provisioning and refunds are done as they come."/> }.into_any()
        } else {
            let rows = jobs
                .into_iter()
                .map(|job| {
                    let again = job.dead.then(|| {
                        view! {
                            <PostForm action=retry>
                                <input type="hidden" name="job" value=job.id.to_string()/>
                                <Submit label="Try again" look=Look::Secondary class="btn--sm"/>
                            </PostForm>
                        }.into_any()
                    });
                    let state = if job.dead {
                        view! { <Badge text="Gave up" tint=Tint::Bad dot=true/> }.into_any()
                    } else {
                        view! { <Badge text="Waits" tint=Tint::Info dot=true/> }.into_any()
                    };
                    view! {
                        <tr><td class="mono">{job.kind}</td><td>{state}</td><td class="num">{job.attempts}</td><td class="nowrap">{job.run_at}</td><td class="break small">{job.last_error}</td><td>{again}</td></tr>
                    }
                })
                .views();
            view! {
                <Card class="card--flush">
                    <Table label="Jobs" head=view! { <tr><th>"Job"</th><th>"State"</th><th>"Tries"</th><th>"Next"</th><th>"Last problem"</th><th><span class="sr">"Actions"</span></th></tr> }.into_any()>{rows}</Table>
                </Card>
            }
            .into_any()
        };
        view! { <div class="page"><PageHead title="Jobs" text="What happens later, and what gave up."/><FormAlert form=FormState::of(retry)/>{body}</div> }.into_any()
    })
}

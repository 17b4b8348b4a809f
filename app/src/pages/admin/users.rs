//! Every person, and locking one out.

use domain::view::Page;
use domain::view::operator::UserRowView;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use server_fn::codec::GetUrl;

use super::search_form;
use crate::error::UiError;
use crate::ui::prelude::*;

/// Returns a page of the people who fit a search.
#[server(prefix = "/ui", endpoint = "admin/users", input = GetUrl)]
pub async fn users(search: String, page: String) -> Result<Page<UserRowView>, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let paging = domain::view::Paging::clamped(page.parse().unwrap_or(1), 50);
    services::operator::users(&ctx, &who, &search, paging).await.map_err(here::fail)
}

/// Locks someone out, or lets them in again.
#[server(prefix = "/ui", endpoint = "admin/lock")]
pub async fn lock(user: String, disabled: bool) -> Result<(), UiError> {
    use crate::{links, server_context as here};

    let (ctx, who) = here::asking()?;
    let id = here::id("user", &user)?;
    services::operator::set_user_disabled(&ctx, &who, id, disabled).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(&links::admin("users/"), if disabled { "blocked" } else { "unblocked" }));
    Ok(())
}

/// Every person.
#[component]
pub fn UsersPage() -> impl IntoView {
    let query = use_query_map();
    let act = FormAction::of::<Lock>();
    let asked = move || {
        let query = query.read();
        Users { search: query.get("search").unwrap_or_default(), page: query.get("page").unwrap_or_default() }
    };
    let found = read_again(move || act.version().get(), asked);
    load(found, move |page| {
        let (current, pages, total) = (page.page, page.pages(), page.total);
        let rows = page
            .rows
            .into_iter()
            .map(|row| {
                let label = if row.disabled { "Let in" } else { "Lock out" };
                let look = if row.disabled { Look::Ghost } else { Look::Danger };
                view! {
                    <tr>
                        <td><div class="row row--sm row--nowrap"><Avatar name=row.user.name.clone()/><div><strong>{row.user.name}</strong><p class="muted tiny">{row.user.email.to_string()}</p></div></div></td>
                        <td>{row.user.operator.then(|| view! { <Badge text="Operator" tint=Tint::Accent/> }.into_any())}{row.disabled.then(|| view! { <Badge text="Locked out" tint=Tint::Bad/> }.into_any())}</td>
                        <td>{row.organizations.join(", ")}</td>
                        <td class="nowrap">{row.created}</td>
                        <td>
                            <PostForm action=act>
                                <input type="hidden" name="user" value=row.user.id.to_string()/>
                                <input type="hidden" name="disabled" value=(!row.disabled).to_string()/>
                                <Submit label look class="btn--sm"/>
                            </PostForm>
                        </td>
                    </tr>
                }
            })
            .views();
        view! {
            <div class="page">
                <PageHead title="People" text="Everyone who can sign in."/>
                <FormAlert form=FormState::of(act)/>
                {search_form("Search people")}
                <Card class="card--flush">
                    <Table label="People" stacks=true head=view! { <tr><th>"Person"</th><th>"Standing"</th><th>"Organizations"</th><th>"Since"</th><th><span class="sr">"Actions"</span></th></tr> }.into_any()>{rows}</Table>
                </Card>
                <Pagination page=current pages total words=("person", "people")/>
            </div>
        }
        .into_any()
    })
}

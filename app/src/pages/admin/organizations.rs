//! Every organization, and blocking one.

use domain::view::Page;
use domain::view::operator::OrganizationRowView;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use server_fn::codec::GetUrl;

use super::search_form;
use crate::error::UiError;
use crate::fmt;
use crate::ui::prelude::*;

/// Returns a page of the organizations that fit a search.
#[server(prefix = "/ui", endpoint = "admin/organizations", input = GetUrl)]
pub async fn all_organizations(search: String, page: String) -> Result<Page<OrganizationRowView>, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let paging = domain::view::Paging::clamped(page.parse().unwrap_or(1), 50);
    services::operator::organizations(&ctx, &who, &search, paging).await.map_err(here::fail)
}

/// Blocks an organization, or no longer.
#[server(prefix = "/ui", endpoint = "admin/block")]
pub async fn block(organization: String, blocked: bool) -> Result<(), UiError> {
    use crate::{links, server_context as here};

    let (ctx, who) = here::asking()?;
    let id = here::id("organization", &organization)?;
    services::operator::set_blocked(&ctx, &who, id, blocked).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(&links::admin("organizations/"), if blocked { "blocked" } else { "unblocked" }));
    Ok(())
}

/// Every organization.
#[component]
pub fn OrganizationsPage() -> impl IntoView {
    let query = use_query_map();
    let act = FormAction::of::<Block>();
    let asked = move || {
        let query = query.read();
        AllOrganizations {
            search: query.get("search").unwrap_or_default(),
            page: query.get("page").unwrap_or_default(),
        }
    };
    let found = read_again(move || act.version().get(), asked);
    load(found, move |page| {
        let (current, pages, total) = (page.page, page.pages(), page.total);
        let rows = page
            .rows
            .into_iter()
            .map(|row| {
                let label = if row.blocked { "Unblock" } else { "Block" };
                let look = if row.blocked { Look::Ghost } else { Look::Danger };
                view! {
                    <tr>
                        <td><strong>{row.name}</strong>{row.blocked.then(|| view! { " " <Badge text="Blocked" tint=Tint::Bad/> }.into_any())}</td>
                        <td class="num">{fmt::count(row.members)}</td>
                        <td class="num">{fmt::count(row.subscriptions)}</td>
                        <td>{row.provider.parse().ok().map(|state| view! { <ProviderBadge state/> }.into_any())}</td>
                        <td class="nowrap">{row.created}</td>
                        <td>
                            <PostForm action=act>
                                <input type="hidden" name="organization" value=row.id.to_string()/>
                                <input type="hidden" name="blocked" value=(!row.blocked).to_string()/>
                                <Submit label look class="btn--sm"/>
                            </PostForm>
                        </td>
                    </tr>
                }
            })
            .views();
        view! {
            <div class="page">
                <PageHead title="Organizations" text="Buyers and providers. A blocked one’s agents stop answering at once."/>
                <FormAlert form=FormState::of(act)/>
                {search_form("Search organizations")}
                <Card class="card--flush">
                    <Table label="Organizations" head=view! { <tr><th>"Name"</th><th>"Members"</th><th>"Subscriptions"</th><th>"Provider"</th><th>"Since"</th><th><span class="sr">"Actions"</span></th></tr> }.into_any()>{rows}</Table>
                </Card>
                <Pagination page=current pages total words=("organization", "organizations")/>
            </div>
        }
        .into_any()
    })
}

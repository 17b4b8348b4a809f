//! An organization's orders.

use domain::view::Page;
use domain::view::order::OrderView;
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::links;
use crate::ui::prelude::*;

/// Returns a page of the organization's orders.
#[server(prefix = "/ui", endpoint = "order/list", input = GetUrl)]
pub async fn orders(organization: String, page: String) -> Result<Page<OrderView>, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("organization", &organization)?;
    let filter = services::orders::OrderFilter { organization: Some(id), ..Default::default() };
    let paging = domain::view::Paging::clamped(page.parse().unwrap_or(1), 20);
    services::orders::list(&ctx, &who, filter, paging).await.map_err(here::fail)
}

/// Everything that an organization has ordered.
#[component]
pub fn OrdersPage() -> impl IntoView {
    let (params, query) = (use_params_map(), use_query_map());
    let found = read(move || Orders {
        organization: params.read().get("organization").unwrap_or_default(),
        page: query.read().get("page").unwrap_or_default(),
    });
    load(found, |page| {
        let (current, pages, total) = (page.page, page.pages(), page.total);
        let none = page.rows.is_empty();
        let body = if none {
            view! {
                <EmptyState icon=Sign::Receipt title="No orders yet" text="What you buy, switch and end is listed here.">
                    <LinkButton href=links::MARKETPLACE label="Browse the marketplace"/>
                </EmptyState>
            }
            .into_any()
        } else {
            table(page.rows, false)
        };
        view! {
            <div class="page">
                <PageHead title="Orders" text="Every change you asked for, and where it stands."/>
                {body}
                {(!none).then(|| view! { <Pagination page=current pages total words=("order", "orders")/> }.into_any())}
            </div>
        }
        .into_any()
    })
}

/// A table of orders; for providers and operators with the buyer's name.
pub fn table(rows: Vec<OrderView>, with_buyer: bool) -> AnyView {
    let rows = rows
        .into_iter()
        .map(|order| {
            let what = match order.kind {
                domain::state::OrderKind::Create => "Purchase",
                domain::state::OrderKind::Update => "Plan change",
                domain::state::OrderKind::Terminate => "Ending",
                domain::state::OrderKind::Renew => "Next month",
            };
            view! {
                <tr>
                    <td><a class="strong" href=links::order(order.id)>{order.offering_name}</a><p class="muted tiny">{what}" · "{order.plan_name}</p></td>
                    {with_buyer.then(|| view! { <td>{order.organization_name}</td> }.into_any())}
                    <td><OrderBadge state=order.state/></td>
                    <td class="num">{order.amount.to_string()}</td>
                    <td class="nowrap">{order.created.readable()}</td>
                </tr>
            }
        })
        .views();
    view! {
        <Card class="card--flush">
            <Table label="Orders" head=view! { <tr><th>"Agent"</th>{with_buyer.then(|| view! { <th>"Buyer"</th> }.into_any())}<th>"State"</th><th class="num">"Amount"</th><th>"Ordered"</th></tr> }.into_any()>{rows}</Table>
        </Card>
    }
    .into_any()
}

//! Every order of the marketplace.

use domain::view::Page;
use domain::view::order::OrderView;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::pages::buyer::orders_table;
use crate::ui::prelude::*;

/// Returns a page of all orders.
#[server(prefix = "/ui", endpoint = "admin/orders", input = GetUrl)]
pub async fn all_orders(page: String) -> Result<Page<OrderView>, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    who.operator().map_err(here::fail)?;
    let paging = domain::view::Paging::clamped(page.parse().unwrap_or(1), 50);
    services::orders::list(&ctx, &who, services::orders::OrderFilter::default(), paging).await.map_err(here::fail)
}

/// Every order.
#[component]
pub fn OrdersPage() -> impl IntoView {
    let query = use_query_map();
    let found = read(move || AllOrders { page: query.read().get("page").unwrap_or_default() });
    load(found, |page| {
        let (current, pages, total) = (page.page, page.pages(), page.total);
        let body = if page.rows.is_empty() {
            view! { <EmptyState icon=Sign::Receipt title="No orders yet" text="What buyers order is listed here."/> }
                .into_any()
        } else {
            orders_table(page.rows, true)
        };
        view! { <div class="page"><PageHead title="Orders" text="Who ordered what, and where it stands."/>{body}<Pagination page=current pages total words=("order", "orders")/></div> }.into_any()
    })
}

//! Orders of a provider's listings; those that wait for its word come with buttons.

use domain::state::OrderState;
use domain::view::Page;
use domain::view::order::OrderView;
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::pages::buyer::orders_table;
use crate::ui::prelude::*;

/// Returns a page of the orders of a provider's listings.
#[server(prefix = "/ui", endpoint = "provider/orders", input = GetUrl)]
pub async fn provider_orders(provider: String, page: String) -> Result<Page<OrderView>, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("provider", &provider)?;
    let filter = services::orders::OrderFilter { provider: Some(id), ..Default::default() };
    let paging = domain::view::Paging::clamped(page.parse().unwrap_or(1), 20);
    services::orders::list(&ctx, &who, filter, paging).await.map_err(here::fail)
}

/// Accepts or refuses an order that waits for its provider.
#[server(prefix = "/ui", endpoint = "provider/decide-order")]
pub async fn decide_order(order: String, what: String, reason: String) -> Result<(), UiError> {
    use crate::{links, server_context as here};

    let (ctx, who) = here::asking()?;
    let id = here::id("order", &order)?;
    let notice = if what == "accept" {
        services::orders::approve_as_provider(&ctx, &who, id).await.map_err(here::fail)?;
        "approved"
    } else {
        services::orders::reject_as_provider(&ctx, &who, id, &reason).await.map_err(here::fail)?;
        "refused"
    };
    let order = services::orders::get(&ctx, &who, id).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(&links::provider(order.provider_id, "orders/"), notice));
    Ok(())
}

/// Who ordered what.
#[component]
pub fn OrdersPage() -> impl IntoView {
    let (params, query) = (use_params_map(), use_query_map());
    let decide = FormAction::of::<DecideOrder>();
    let form = FormState::of(decide);
    let asked = move || ProviderOrders {
        provider: params.read().get("provider").unwrap_or_default(),
        page: query.read().get("page").unwrap_or_default(),
    };
    let found = read_again(move || decide.version().get(), asked);
    load(found, move |page| {
        let (current, pages, total) = (page.page, page.pages(), page.total);
        let waiting = page
            .rows
            .iter()
            .filter(|order| order.state == OrderState::PendingProvider)
            .map(|order| {
                let title = format!("{} wants {} — {}", order.organization_name, order.offering_name, order.plan_name);
                let id = order.id.to_string();
                view! {
                    <Card title=title text=format!("Paid {}", order.amount)>
                        <PostForm action=decide class="stack">
                            <input type="hidden" name="order" value=id.clone()/>
                            <TextArea form name="reason" label="Why not, if not" rows=2 maxlength=500 id=format!("reason-{id}")/>
                            <div class="row">
                                <Submit label="Accept" name="what" value="accept" pending=form.pending/>
                                <Submit label="Refuse and pay back" look=Look::Danger name="what" value="refuse" pending=form.pending/>
                            </div>
                        </PostForm>
                    </Card>
                }
            })
            .views();
        let body = if page.rows.is_empty() {
            view! { <EmptyState icon=Sign::Receipt title="No orders yet" text="When someone buys one of your agents, it is listed here."/> }.into_any()
        } else {
            orders_table(page.rows.clone(), true)
        };
        view! {
            <div class="page">
                <PageHead title="Orders" text="Who ordered what, and where it stands."/>
                <FormAlert form/>
                {waiting}
                {body}
                <Pagination page=current pages total words=("order", "orders")/>
            </div>
        }
        .into_any()
    })
}

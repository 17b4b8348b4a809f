//! Who has bought from a provider.

use domain::view::provider::CustomerView;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::fmt;
use crate::ui::prelude::*;

/// Returns a provider's customers.
#[server(prefix = "/ui", endpoint = "provider/customers", input = GetUrl)]
pub async fn customers(provider: String) -> Result<Vec<CustomerView>, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("provider", &provider)?;
    services::provider::customers(&ctx, &who, id).await.map_err(here::fail)
}

/// A provider's customers.
#[component]
pub fn CustomersPage() -> impl IntoView {
    let params = use_params_map();
    let found = read(move || Customers { provider: params.read().get("provider").unwrap_or_default() });
    load(found, |customers| {
        let body = if customers.is_empty() {
            view! { <EmptyState icon=Sign::Users title="No customers yet" text="Organizations that subscribe to one of your agents are listed here."/> }.into_any()
        } else {
            let rows = customers
                .into_iter()
                .map(|customer| {
                    view! {
                        <tr><td><strong>{customer.name}</strong></td><td class="num">{fmt::count(customer.subscriptions)}</td><td class="num">{fmt::count(customer.calls)}</td><td class="nowrap">{customer.since}</td></tr>
                    }
                })
                .views();
            view! {
                <Card class="card--flush">
                    <Table label="Customers" head=view! { <tr><th>"Organization"</th><th>"Subscriptions"</th><th>"Calls this month"</th><th>"Since"</th></tr> }.into_any()>{rows}</Table>
                </Card>
            }
            .into_any()
        };
        view! { <div class="page"><PageHead title="Customers" text="Who uses what you make."/>{body}</div> }.into_any()
    })
}

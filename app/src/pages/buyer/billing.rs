//! What an organization has paid.

use domain::state::PaymentState;
use domain::view::order::PaymentView;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::links;
use crate::ui::prelude::*;

/// Returns the organization's payments.
#[server(prefix = "/ui", endpoint = "billing/payments", input = GetUrl)]
pub async fn payments(organization: String) -> Result<Vec<PaymentView>, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("organization", &organization)?;
    services::orders::payments(&ctx, &who, id).await.map_err(here::fail)
}

/// What was paid.
#[component]
pub fn BillingPage() -> impl IntoView {
    let params = use_params_map();
    let found = read(move || Payments { organization: params.read().get("organization").unwrap_or_default() });
    load(found, move |payments| {
        let organization = params.read_untracked().get("organization").unwrap_or_default();
        let invoices = links::organization(&organization, "billing/invoices/");
        let caps = links::organization(&organization, "caps/");
        let methods = links::organization(&organization, "billing/methods/");
        let body = if payments.is_empty() {
            view! { <EmptyState icon=Sign::Card title="Nothing paid yet" text="Payments and refunds are listed here."/> }.into_any()
        } else {
            let rows = payments
                .into_iter()
                .map(|payment| {
                    let (text, tint) = match payment.state {
                        PaymentState::Succeeded if !payment.back.is_zero() => ("Given back in part", Tint::Warn),
                        PaymentState::Succeeded => ("Paid", Tint::Good),
                        PaymentState::Refunding => ("Refund on its way", Tint::Warn),
                        PaymentState::Refunded => ("Refunded", Tint::Plain),
                    };
                    view! {
                        <tr>
                            <td class="nowrap">{payment.created}</td>
                            <td><a href=links::order_money(payment.order_id)>{payment.description}</a></td>
                            <td>{payment.method}</td>
                            <td><Badge text tint dot=true/></td>
                            <td class="num">{payment.amount.to_string()}</td>
                        </tr>
                    }
                })
                .views();
            view! {
                <Card title="Payments" class="card--flush">
                    <Table label="Payments" head=view! { <tr><th>"When"</th><th>"What"</th><th>"How"</th><th>"State"</th><th>"Amount"</th></tr> }.into_any()>{rows}</Table>
                </Card>
            }
            .into_any()
        };
        view! {
            <div class="page">
                <PageHead title="Billing" text="What you have paid, and what came back.">
                    <LinkButton href=caps label="Caps" look=Look::Secondary/>
                    <LinkButton href=methods label="Payment methods" look=Look::Secondary/>
                    <LinkButton href=invoices label="Invoices" look=Look::Secondary/>
                </PageHead>
                {body}
            </div>
        }
        .into_any()
    })
}

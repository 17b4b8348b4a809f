//! The sandbox rail's pages: they look and decline like real ones, and say that no money moves.

mod bank;

pub use bank::PayoutAccountPage;

use domain::view::order::SandboxCheckoutView;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::layout::Brand;
use crate::ui::live;
use crate::ui::prelude::*;

/// Cards that someone may want to try, and what comes of them.
const TEST_CARDS: &[(&str, &str)] = &[
    ("4242 4242 4242 4242", "is taken"),
    ("4000 0000 0000 0002", "is declined"),
    ("4000 0000 0000 9995", "has too little money"),
    ("4000 0025 0000 3155", "asks for a confirmation"),
];

/// Returns what the payment page shows.
#[server(prefix = "/ui", endpoint = "sandbox/checkout", input = GetUrl)]
pub async fn checkout(session: String) -> Result<SandboxCheckoutView, UiError> {
    use crate::server_context as here;

    let missing = || UiError::NotFound("payment".to_owned());
    let ctx = here::ctx()?;
    let page = ctx.sandbox.as_ref().ok_or_else(|| here::fail(missing()))?;
    match page.view(&session).await {
        Ok(Some(view)) => Ok(view),
        Ok(None) => Err(here::fail(missing())),
        Err(error) => Err(here::fail(services::Error::internal(error))),
    }
}

/// Tries to pay with a card.
#[server(prefix = "/ui", endpoint = "sandbox/pay")]
pub async fn pay(
    session: String,
    number: String,
    expiry: String,
    cvc: String,
    name: String,
    confirmed: Option<String>,
) -> Result<String, UiError> {
    use crate::server_context as here;
    use services::ports::SandboxCard;

    let ctx = here::ctx()?;
    let page = ctx.sandbox.clone().ok_or_else(|| here::fail(UiError::NotFound("payment".to_owned())))?;
    let card = SandboxCard { number, expiry, cvc, name, confirmed: confirmed.is_some() };
    let paid = page.pay(&session, &card).await.map_err(refused)?;
    // The rail delivers its event to the same inbox that every rail's events go to.
    let (body, signature) = &paid.event;
    services::orders::receive_event(&ctx, "sandbox", body, signature).await.map_err(here::fail)?;
    // Our own page watches the order; another's is led to as it was asked for.
    if !paid.success_url.starts_with(&format!("{}/marketplace-order/", ctx.settings.public_url)) {
        return Ok(here::lead_to(paid.success_url));
    }
    let mark = if paid.success_url.contains('?') { '&' } else { '?' };
    Ok(here::lead_to(format!("{}{mark}watching=1", paid.success_url)))
}

/// The payment page.
#[component]
pub fn CheckoutPage() -> impl IntoView {
    let params = use_params_map();
    let action = FormAction::of::<Pay>();
    live::load_answer(action);
    let found = read(move || Checkout { session: params.read().get("session").unwrap_or_default() });
    view! {
        <Title text="Payment"/>
        <main id="main">{load(found, move |visit| view! { <Visit visit action/> }.into_any())}</main>
    }
}

#[component]
fn Visit(visit: SandboxCheckoutView, action: FormAction) -> impl IntoView {
    let form = FormState::of(action);
    let body = if visit.open {
        view! { <PayForm form action visit=visit.clone()/> }.into_any()
    } else {
        view! {
            <Alert kind=Kind::Info title=visit.over.clone() text="It is done, or it was left for too long."/>
            <LinkButton href=visit.success_url.clone() label=visit.onward.clone()/>
        }
        .into_any()
    };
    view! {
        <div class="sandbox-strip" role="note">"Sandbox: this page takes no money. Real cards are refused."</div>
        <div class="checkout">
            <section class="checkout__what" aria-label="What you pay for">
                <div class="stack stack--lg">
                    <div class="row row--between"><Brand/><a class="btn-link" href=visit.cancel_url.clone()><Icon sign=Sign::ArrowLeft class="icon--sm"/>"Back"</a></div>
                    <div class="stack stack--sm">
                        <p class="muted">{visit.description.clone()}</p>
                        <p class="checkout__amount">{visit.amount.clone()}</p>
                        <p class="muted small">{visit.note.clone()}</p>
                    </div>
                    {numbers_for_testing("Cards for testing", TEST_CARDS, "Any date to come, any three digits, any name.")}
                </div>
            </section>
            <section class="checkout__pay" aria-label="Payment">
                <div class="stack stack--lg"><h1>{visit.title.clone()}</h1>{body}</div>
            </section>
        </div>
    }
}

/// Shows numbers that someone may want to try.
fn numbers_for_testing(title: &'static str, numbers: &[(&'static str, &'static str)], foot: &'static str) -> AnyView {
    let rows = numbers
        .iter()
        .map(|&(number, what)| view! { <tr><td class="mono nowrap">{number}</td><td>{what}</td></tr> })
        .views();
    view! {
        <div class="card">
            <div class="card__head"><h2>{title}</h2></div>
            <table class="table">
                <caption class="sr">{title}</caption>
                <thead><tr><th scope="col">"Number"</th><th scope="col">"What happens"</th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
            <p class="card__foot">{foot}</p>
        </div>
    }
    .into_any()
}

/// Says which of the sandbox's refusals this is.
#[cfg(feature = "ssr")]
fn refused(refused: services::ports::SandboxRefused) -> UiError {
    use services::ports::SandboxRefused;

    crate::server_context::fail(match refused {
        SandboxRefused::Closed(text) => UiError::Conflict(text),
        SandboxRefused::Form(field, problem) => UiError::invalid(field, &problem),
        SandboxRefused::Declined(_, text) => UiError::PaymentRequired(text),
        SandboxRefused::Confirm => UiError::invalid("confirmed", "your bank asks you to confirm this"),
        SandboxRefused::Failed(text) => UiError::Unavailable(text),
    })
}

#[component]
fn PayForm(form: FormState, action: FormAction, visit: SandboxCheckoutView) -> impl IntoView {
    let asks = form.problem("confirmed");
    view! {
        <PostForm action class="form" autocomplete="off">
            <FormAlert form/>
            <input type="hidden" name="session" value=visit.session/>
            <Field form name="number" label="Card number" required=true inputmode="numeric" autocomplete="cc-number" placeholder="4242 4242 4242 4242" maxlength=23 class="input--mono"/>
            <div class="form__row">
                <Field form name="expiry" label="Expires" required=true inputmode="numeric" autocomplete="cc-exp" placeholder="MM/YY" maxlength=7 class="input--mono"/>
                <Field form name="cvc" label="Security code" required=true inputmode="numeric" autocomplete="cc-csc" placeholder="123" maxlength=4 class="input--mono"/>
            </div>
            <Field form name="name" label="Name on card" required=true autocomplete="cc-name" maxlength=80/>
            {move || asks.get().map(|problem| view! {
                <div class="stack stack--sm">
                    <Alert kind=Kind::Warn title="Your bank" text=problem/>
                    <CheckField name="confirmed" label=visit.confirm.clone() required=true/>
                </div>
            }.into_any())}
            <Submit label=visit.button look=Look::Accent class="btn--lg btn--block" pending=form.pending icon=Sign::Lock/>
        </PostForm>
    }
}

//! Where a provider tells the sandbox rail where it is paid to.

use domain::view::order::SandboxPayoutView;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use server_fn::codec::GetUrl;

use super::numbers_for_testing;
use crate::error::UiError;
use crate::layout::Brand;
use crate::ui::live;
use crate::ui::prelude::*;

/// Accounts that someone may want to try, and what comes of them.
const TEST_ACCOUNTS: &[(&str, &str)] = &[
    ("000123456789", "is paid to"),
    ("000111111116", "is unknown to its bank"),
    ("000111111113", "is closed"),
    ("000333333335", "takes no payments"),
];

/// Returns what the page shows.
#[server(prefix = "/ui", endpoint = "sandbox/payouts", input = GetUrl)]
pub async fn payout_account(page: String) -> Result<SandboxPayoutView, UiError> {
    use crate::server_context as here;

    let missing = || here::fail(UiError::NotFound("page".to_owned()));
    let ctx = here::ctx()?;
    let sandbox = ctx.sandbox.as_ref().ok_or_else(missing)?;
    match sandbox.payout_account(&page).await {
        Ok(view) => view.ok_or_else(missing),
        Err(error) => Err(here::fail(services::Error::internal(error))),
    }
}

/// Takes a bank account.
#[server(prefix = "/ui", endpoint = "sandbox/set-bank")]
pub async fn set_bank(page: String, holder: String, routing: String, account: String) -> Result<String, UiError> {
    use crate::server_context as here;

    let ctx = here::ctx()?;
    let sandbox = ctx.sandbox.clone().ok_or_else(|| here::fail(UiError::NotFound("page".to_owned())))?;
    let bank = services::ports::SandboxBank { holder, routing, account };
    Ok(here::lead_to(sandbox.set_bank(&page, &bank).await.map_err(super::refused)?))
}

/// The page.
#[component]
pub fn PayoutAccountPage() -> impl IntoView {
    let params = use_params_map();
    let action = FormAction::of::<SetBank>();
    live::load_answer(action);
    let found = read(move || PayoutAccount { page: params.read().get("page").unwrap_or_default() });
    view! {
        <Title text="Where you are paid to"/>
        <main id="main">{load(found, move |view| shown(view, action))}</main>
    }
}

fn shown(view: SandboxPayoutView, action: FormAction) -> AnyView {
    let form = FormState::of(action);
    let SandboxPayoutView { page, provider, merchant, destination, return_url } = view;
    let known = (!destination.is_empty()).then(|| format!("Now: {destination}"));
    let numbers = numbers_for_testing("Accounts for testing", TEST_ACCOUNTS, "Routing number 110000000, and any name.");
    view! {
        <div class="sandbox-strip" role="note">"Sandbox: this page pays no money. Real accounts are refused."</div>
        <div class="checkout">
            <section class="checkout__what" aria-label="Who is paid">
                <div class="stack stack--lg">
                    <div class="row row--between"><Brand/><a class="btn-link" href=return_url><Icon sign=Sign::ArrowLeft class="icon--sm"/>"Back"</a></div>
                    <div class="stack stack--sm">
                        <p class="muted">{format!("{merchant} pays")}</p>
                        <p class="checkout__amount">{provider}</p>
                        <p class="muted small">{known}</p>
                    </div>
                    {numbers}
                </div>
            </section>
            <section class="checkout__pay" aria-label="Bank account">
                <div class="stack stack--lg">
                    <h1>"Where you are paid to"</h1>
                    <PostForm action class="form" autocomplete="off">
                        <FormAlert form/>
                        <input type="hidden" name="page" value=page/>
                        <Field form name="holder" label="Account holder" required=true maxlength=100/>
                        <Field form name="routing" label="Routing number" required=true inputmode="numeric" placeholder="110000000" maxlength=11 class="input--mono"/>
                        <Field form name="account" label="Account number" required=true inputmode="numeric" placeholder="000123456789" maxlength=20 class="input--mono"/>
                        <Submit label="Use this account" look=Look::Accent class="btn--lg btn--block" pending=form.pending icon=Sign::Lock/>
                    </PostForm>
                </div>
            </section>
        </div>
    }
    .into_any()
}

//! For people who have lost their password: asking for a letter, and the page that its link leads to.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::links;
use crate::ui::prelude::*;

/// Asks for a letter. The answer is the same whether or not somebody has the address.
#[server(prefix = "/ui", endpoint = "password/ask")]
pub async fn ask_for_reset(email: String) -> Result<(), UiError> {
    use crate::server_context as here;

    let ctx = here::ctx()?;
    services::identity::request_reset(&ctx, &email, here::caller_ip()).await.map_err(here::fail)?;
    here::redirect(&format!("{}?sent=1", links::PASSWORD));
    Ok(())
}

/// Fails unless a link can still set a password.
#[server(prefix = "/ui", endpoint = "password/open", input = GetUrl)]
pub async fn reset_is_open(token: String) -> Result<(), UiError> {
    use crate::server_context as here;

    services::identity::reset_is_open(&here::ctx()?, &token).await.map_err(here::fail)
}

/// Sets another password, and leads to where to sign in with it.
#[server(prefix = "/ui", endpoint = "password/set")]
pub async fn set_password(token: String, password: String) -> Result<(), UiError> {
    use crate::server_context as here;

    services::identity::reset_password(&here::ctx()?, &token, &password).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(links::LOGIN, "password-changed"));
    Ok(())
}

/// Where a letter is asked for.
#[component]
pub fn PasswordPage() -> impl IntoView {
    let action = FormAction::of::<AskForReset>();
    let form = FormState::of(action);
    let query = use_query_map();
    let sent = move || query.with(|query| query.get("sent").is_some());
    view! {
        <Title text="Set another password"/>
        <div class="auth wrap wrap--form">
            <div class="card card--raised auth__card">
                <div class="auth__head">
                    <h1>"Lost your password?"</h1>
                    <p>"We send you a link to set another one."</p>
                </div>
                {move || sent().then(|| view! {
                    <Alert
                        kind=Kind::Good
                        title="Look into your mail"
                        text="If an account has this address, a letter is on its way. Its link holds for one hour and works once."
                    />
                }.into_any())}
                <PostForm action class="form">
                    <FormAlert form/>
                    <Field form name="email" label="E-mail" kind="email" required=true autocomplete="username" placeholder="you@company.com"/>
                    <Submit label="Send the link" class="btn--lg btn--block" pending=form.pending/>
                </PostForm>
            </div>
            <p class="auth__other">"Remembered it? "<a class="link" href=links::LOGIN>"Sign in"</a></p>
        </div>
    }
}

/// Where a letter's link leads.
#[component]
pub fn SetPasswordPage() -> impl IntoView {
    let params = use_params_map();
    let token = Memo::new(move |_| params.with(|params| params.get("token")).unwrap_or_default());
    let found = read(move || ResetIsOpen { token: token.get() });
    let action = FormAction::of::<SetPassword>();
    let form = FormState::of(action);
    let failed = |error: UiError| {
        let gone = matches!(error, UiError::Gone(_));
        let way = gone.then(|| view! { <LinkButton href=links::PASSWORD label="Ask for another"/> }.into_any());
        view! { <ErrorPage error way/> }.into_any()
    };
    let show = move |()| {
        view! {
            <Title text="Set another password"/>
            <div class="auth wrap wrap--form">
                <div class="card card--raised auth__card">
                    <div class="auth__head">
                        <h1>"Set another password"</h1>
                        <p>"You are signed out everywhere, and your API tokens end."</p>
                    </div>
                    <PostForm action class="form">
                        <FormAlert form/>
                        <input type="hidden" name="token" value=token.get()/>
                        <Field
                            form name="password" label="New password" kind="password" required=true autocomplete="new-password"
                            minlength=10 maxlength=200 hint="At least 10 characters. A sentence is easy to remember."
                        />
                        <Submit label="Set the password" class="btn--lg btn--block" pending=form.pending/>
                    </PostForm>
                </div>
                <p class="auth__other">"The link has expired? "<a class="link" href=links::PASSWORD>"Ask for another"</a></p>
            </div>
        }
        .into_any()
    };
    load_or(found, show, failed)
}

//! Where to sign in.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::links;
use crate::session::LogIn;
use crate::ui::live;
use crate::ui::prelude::*;

/// The sign-in form.
#[component]
pub fn LoginPage() -> impl IntoView {
    let action = FormAction::of::<LogIn>();
    let form = FormState::of(action);
    live::load_answer(action);
    let query = use_query_map();
    let next = move || query.with(|query| query.get("next")).unwrap_or_default();
    let register = move || format!("{}{}", links::REGISTER, links::query(&[("next", &next())]));
    view! {
        <Title text="Sign in"/>
        <div class="auth wrap wrap--form">
            <div class="card card--raised auth__card">
                <div class="auth__head">
                    <h1>"Welcome back"</h1>
                    <p>"Sign in to your agents."</p>
                </div>
                <PostForm action class="form">
                    <FormAlert form/>
                    <input type="hidden" name="next" value=next/>
                    <Field form name="email" label="E-mail" kind="email" required=true autocomplete="username" placeholder="you@company.com"/>
                    <Field form name="password" label="Password" kind="password" required=true autocomplete="current-password"/>
                    <Submit label="Sign in" class="btn--lg btn--block" pending=form.pending/>
                </PostForm>
            </div>
            <p class="auth__other">"New here? "<a class="link" href=register>"Create an account"</a>" · "<a class="link" href=links::PASSWORD>"Lost your password?"</a></p>
        </div>
    }
}

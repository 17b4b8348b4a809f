//! Where to sign up. An organization and a project are made on the way; nobody is asked about them.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::links;
use crate::session::Register;
use crate::ui::live;
use crate::ui::prelude::*;

/// The sign-up form.
#[component]
pub fn RegisterPage() -> impl IntoView {
    let action = FormAction::of::<Register>();
    let form = FormState::of(action);
    live::load_answer(action);
    let query = use_query_map();
    let next = move || query.with(|query| query.get("next")).unwrap_or_default();
    let login = move || format!("{}{}", links::LOGIN, links::query(&[("next", &next())]));
    view! {
        <Title text="Create an account"/>
        <div class="auth wrap wrap--form">
            <div class="card card--raised auth__card">
                <div class="auth__head">
                    <h1>"Create your account"</h1>
                    <p>"Free, and ready at once. To buy agents, or to sell them."</p>
                </div>
                <PostForm action class="form">
                    <FormAlert form/>
                    <input type="hidden" name="next" value=next/>
                    <PersonFields form/>
                    <Submit label="Create account" class="btn--lg btn--block" pending=form.pending/>
                </PostForm>
            </div>
            <p class="auth__other">"Have an account? "<a class="link" href=login>"Sign in"</a></p>
        </div>
    }
}

/// What is asked of someone who is new.
#[component]
pub(super) fn PersonFields(form: FormState) -> impl IntoView {
    view! {
        <Field form name="name" label="Your name" required=true autocomplete="name" maxlength=80/>
        <Field form name="email" label="E-mail" kind="email" required=true autocomplete="username" placeholder="you@company.com"/>
        <Field
            form name="password" label="Password" kind="password" required=true autocomplete="new-password"
            minlength=10 maxlength=200 hint="At least 10 characters. A sentence is easy to remember."
        />
    }
}

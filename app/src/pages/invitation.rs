//! An invitation into an organization, as the link in the letter opens it.

use domain::Role;
use domain::view::account::{InvitationOffer, Viewer};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::links;
use crate::session::LogOut;
use crate::ui::live;
use crate::ui::prelude::*;

/// Returns what an invitation offers, and who is looking; whoever holds it may know.
#[server(prefix = "/ui", endpoint = "invitation/get", input = GetUrl)]
pub async fn invitation(token: String) -> Result<(InvitationOffer, Option<Viewer>), UiError> {
    use crate::server_context as here;

    let offer = services::organizations::invitation(&here::ctx()?, &token).await.map_err(here::fail)?;
    Ok((offer, here::principal().viewer().cloned()))
}

/// Accepts an invitation and leads into the organization.
#[server(prefix = "/ui", endpoint = "invitation/accept")]
pub async fn accept_invitation(token: String) -> Result<String, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = services::organizations::accept_invitation(&ctx, &who, &token).await.map_err(here::fail)?;
    Ok(here::lead_to(links::with_notice(&links::organization(id, ""), "joined")))
}

/// The page of an invitation.
#[component]
pub fn InvitationPage() -> impl IntoView {
    let params = use_params_map();
    let token = Memo::new(move |_| params.with(|params| params.get("token")).unwrap_or_default());
    let found = read(move || Invitation { token: token.get() });
    let accept = FormAction::of::<AcceptInvitation>();
    live::load_answer(accept);
    load(found, move |(offer, viewer)| view! { <Offer offer viewer token=token.get() accept/> }.into_any())
}

#[component]
fn Offer(offer: InvitationOffer, viewer: Option<Viewer>, token: String, accept: FormAction) -> impl IntoView {
    let form = FormState::of(accept);
    let title = format!("Join {}", offer.organization_name);
    let may = match offer.role {
        Role::Owner => "As an owner you may do everything there.",
        Role::Admin => "As an admin you use and configure its agents, spend, make keys and manage people.",
        Role::Member => "As a member you use and configure its agents.",
    };
    let page = links::invitation(&token);
    let next = links::query(&[("next", &page)]);
    let ways = match viewer {
        None => view! {
            <p class="muted">"The invitation was sent to "<strong>{offer.email.to_string()}</strong>". Sign in with that address, or create an account with it."</p>
            <div class="stack stack--sm">
                <LinkButton href=format!("{}{next}", links::LOGIN) label="Sign in" class="btn--lg btn--block"/>
                <LinkButton href=format!("{}{next}", links::REGISTER) label="Create an account" look=Look::Secondary class="btn--lg btn--block"/>
            </div>
        }
        .into_any(),
        Some(viewer) if viewer.user.email == offer.email => view! {
            <PostForm action=accept class="form">
                <FormAlert form/>
                <input type="hidden" name="token" value=token/>
                <Submit label="Accept the invitation" class="btn--lg btn--block" pending=form.pending/>
            </PostForm>
        }
        .into_any(),
        Some(viewer) => view! {
            <Alert
                kind=Kind::Warn
                text=format!("It was sent to {}, and you are signed in as {}. Sign out, and open the link again.", offer.email, viewer.user.email)
            />
            <form method="post" action=LogOut::url()>
                <Submit label="Sign out" look=Look::Secondary class="btn--lg btn--block"/>
            </form>
        }
        .into_any(),
    };
    view! {
        <Title text=title.clone()/>
        <div class="auth wrap wrap--form">
            <div class="card card--raised auth__card">
                <div class="auth__head">
                    <h1>{title}</h1>
                    <p>{may}</p>
                </div>
                {ways}
            </div>
            <p class="auth__other">"The invitation holds until "{offer.expires}"."</p>
        </div>
    }
}

//! Putting an agent on a page: which pages may show it, and what to paste into them.

use domain::view::config::WidgetEmbed;
use leptos::prelude::*;
use server_fn::codec::GetUrl;

use super::{agent_id, agent_of_page, head};
use crate::error::UiError;
use crate::ui::prelude::*;

/// Returns what to paste into a page.
#[server(prefix = "/ui", endpoint = "widget/embed", input = GetUrl)]
pub async fn embed(id: String) -> Result<WidgetEmbed, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("agent", &id)?;
    services::configs::widget_embed(&ctx, &who, id).await.map_err(here::fail)
}

/// Saves which pages may show the widget, and makes or changes the key for them.
#[server(prefix = "/ui", endpoint = "widget/origins")]
pub async fn save_origins(id: String, allowed_origins: String) -> Result<(), UiError> {
    use domain::state::{KeyKind, KeyScope};

    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let config = here::id("agent", &id)?;
    let origins: Vec<String> =
        allowed_origins.split([',', '\n']).map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    let patch = domain::view::config::ConfigPatch { allowed_origins: Some(origins.clone()), ..Default::default() };
    let view = services::configs::update(&ctx, &who, config, patch).await.map_err(here::fail)?;
    if !origins.is_empty() {
        let now = ctx.now();
        let keys = services::keys::list(&ctx, &who, config).await.map_err(here::fail)?;
        let live = keys.into_iter().find(|key| {
            key.kind == KeyKind::Publishable && key.revoked.is_none() && key.expires.is_none_or(|at| at > now)
        });
        if let Some(key) = live {
            services::keys::set_origins(&ctx, &who, key.id, &origins).await.map_err(here::fail)?;
        } else {
            let new = domain::view::config::NewKey {
                name: "Widget".to_owned(),
                kind: KeyKind::Publishable,
                scopes: vec![KeyScope::Invoke],
                allowed_origins: origins,
                expires_in_days: None,
            };
            services::keys::create(&ctx, &who, config, new).await.map_err(here::fail)?;
        }
    }
    super::back_to(&view, "widget/", "origins-saved");
    Ok(())
}

/// Putting an agent on a page.
#[component]
pub fn WidgetPage() -> impl IntoView {
    let save = FormAction::of::<SaveOrigins>();
    let form = FormState::of(save);
    let agent = agent_of_page(move || save.version().get());
    let id = agent_id();
    let found = read_again(move || save.version().get(), move || Embed { id: id() });
    load(agent, move |view| {
        let header = head(&view, "Two lines on your site, and visitors can ask.");
        let origins = view.settings.allowed_origins.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let name = view.settings.agent_name.clone();
        view! {
            <div class="page">
                {header}
                <PostForm action=save class="stack">
                    <FormAlert form/>
                    <Card title="1 · Your pages" text="The widget works on these and nowhere else." foot=view! { <Submit label="Save" pending=form.pending/> }.into_any()>
                        <div class="stack">
                            <input type="hidden" name="id" value=view.id.to_string()/>
                            <TextArea form name="allowed_origins" label="Sites" value=origins rows=4 placeholder="https://www.example.com" class="textarea--code"
                                hint="One address a line, without a path. https://*.example.com stands for every direct subdomain."/>
                        </div>
                    </Card>
                </PostForm>
                {load_part(found, move |embed| match embed.publishable_key {
                    Some(_) => view! {
                        <Card title="2 · Paste this" text="Anywhere in your page, best before the end of its body. The key in it is no secret: it works on your pages alone.">
                            <div class="stack">
                                <CodeBlock code=embed.embed_code label="HTML"/>
                                <p class="muted small">"Does your site have a content security policy? Allow our address in "<code>"script-src"</code>" and "<code>"frame-src"</code>"."</p>
                            </div>
                        </Card>
                        <Card title="3 · Look at it" text=format!("{name} as a page of its own, for a link in a mail or a menu.")>
                            <LinkButton href=format!("/chat/{}/", embed.widget_id) label="Open the chat page" look=Look::Secondary icon=Sign::External external=true/>
                        </Card>
                    }.into_any(),
                    None => view! {
                        <EmptyState icon=Sign::Code title="The snippet comes next" text="Name at least one site above. We make a key that works on those pages alone, and the two lines to paste."/>
                    }.into_any(),
                })}
            </div>
        }
        .into_any()
    })
}

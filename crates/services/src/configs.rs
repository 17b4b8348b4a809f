//! A buyer's agent: what it is called, how it speaks and looks, where it may be shown, how much it was used.

use domain::state::{InvocationState, KeyKind, Tone, WidgetPosition, WidgetTheme};
use domain::view::config::{ConfigPatch, ConfigSettings, ConfigView, InvocationView, UsageDay, UsageView, WidgetEmbed};
use domain::view::{Page, Paging};
use domain::{Color, ConfigId, Day, OrganizationId, Origin, Permission, SubscriptionId};
use store::configs as rows;
use store::{Scope, gateway as calls, keys};

use crate::access::{Member, Principal};
use crate::audit;
use crate::ctx::Ctx;
use crate::error::{Checks, Error, Result};
use crate::gateway;

/// Origins that a config may list.
const ORIGINS: usize = 50;

/// Finds whose a config is, and requires `permission` there; someone who is no member learns nothing.
pub(crate) async fn member(ctx: &Ctx, who: &Principal, id: ConfigId, permission: Permission) -> Result<Member> {
    who.user()?;
    let mut tx = ctx.store.read(Scope::System).await?;
    let organization = rows::owner(&mut tx, id).await?.ok_or(Error::NotFound("agent"))?;
    who.member(organization, permission).map_err(|error| error.hiding("agent"))
}

/// Returns an agent's settings.
pub async fn get(ctx: &Ctx, who: &Principal, id: ConfigId) -> Result<ConfigView> {
    let member = member(ctx, who, id, Permission::View).await?;
    let mut tx = ctx.store.read(member.tenant).await?;
    rows::get(&mut tx, member.tenant, id, ctx.now().month_start()).await?.ok_or(Error::NotFound("agent"))
}

/// Lists the agents of one organization, or of all of the caller's.
pub async fn list(ctx: &Ctx, who: &Principal, organization: Option<OrganizationId>) -> Result<Vec<ConfigView>> {
    let organizations = match organization {
        Some(organization) => vec![organization],
        None => who.user()?.memberships.iter().map(|membership| membership.organization_id).collect(),
    };
    let mut views = Vec::new();
    for organization in organizations {
        let member = who.member(organization, Permission::View)?;
        let mut tx = ctx.store.read(member.tenant).await?;
        views.extend(rows::list(&mut tx, member.tenant, ctx.now().month_start()).await?);
    }
    Ok(views)
}

/// Returns the settings of a subscription's agent.
pub async fn of_subscription(ctx: &Ctx, who: &Principal, id: SubscriptionId) -> Result<ConfigView> {
    who.user()?;
    let mut tx = ctx.store.read(Scope::System).await?;
    let config = rows::of_subscription(&mut tx, id).await?.ok_or(Error::NotFound("agent"))?;
    drop(tx);
    get(ctx, who, config).await
}

/// Changes an agent's settings; what is left out stays. Changing origins, and what the provider may read, takes the
/// right to manage keys.
pub async fn update(ctx: &Ctx, who: &Principal, id: ConfigId, patch: ConfigPatch) -> Result<ConfigView> {
    let mut member = member(ctx, who, id, Permission::Configure).await?;
    if patch.allowed_origins.is_some() || patch.live.is_some() || patch.share_texts.is_some() {
        member = who.member(member.tenant.id(), Permission::ManageKeys)?;
    }
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let view = rows::get(&mut tx, member.tenant, id, now.month_start()).await?.ok_or(Error::NotFound("agent"))?;
    let shared = view.settings.share_texts;
    let settings = changed(view.settings, patch)?;
    rows::update(&mut tx, member.tenant, id, &settings, now).await?;
    if shared != settings.share_texts {
        let action = if settings.share_texts { "config.share_texts" } else { "config.withdraw_texts" };
        let actor = Some(who.user()?.user.id);
        audit::note(ctx, &mut tx, actor, Some(member.tenant.id()), action, &id.to_string(), "").await?;
        if shared {
            // What was said until now goes, too.
            store::traces::forget_texts(&mut tx, id).await?;
        }
    }
    gateway::config_changed(&mut tx, id, now).await?;
    tx.commit().await?;
    gateway::forget_config(ctx, id);
    get(ctx, who, id).await
}

fn changed(mut settings: ConfigSettings, patch: ConfigPatch) -> Result<ConfigSettings> {
    let mut checks = Checks::default();
    let mut text = |field: &str, new: Option<String>, slot: &mut String, min: usize, max: usize| {
        if let Some(new) = new {
            *slot = checks.text(field, &new, min, max);
        }
    };
    text("agent_name", patch.agent_name, &mut settings.agent_name, 1, 80);
    text("greeting_message", patch.greeting_message, &mut settings.greeting_message, 0, 500);
    text("system_prompt_override", patch.system_prompt_override, &mut settings.system_prompt_override, 0, 8000);
    text("welcome_message", patch.welcome_message, &mut settings.welcome_message, 0, 200);
    text("avatar_url", patch.avatar_url, &mut settings.avatar_url, 0, 500);
    text("logo_url", patch.logo_url, &mut settings.logo_url, 0, 500);
    for (field, address) in [("avatar_url", &settings.avatar_url), ("logo_url", &settings.logo_url)] {
        let fine = address.is_empty() || url::Url::parse(address).is_ok_and(|url| url.scheme() == "https");
        checks.require(fine, field, "must be an address that starts with https://");
    }
    if let Some(tone) = patch.tone.and_then(|text| checks.parse::<Tone>("tone", &text)) {
        settings.tone = tone;
    }
    if let Some(color) = patch.primary_color.and_then(|text| checks.parse::<Color>("primary_color", &text)) {
        settings.primary_color = color;
    }
    if let Some(position) =
        patch.widget_position.and_then(|text| checks.parse::<WidgetPosition>("widget_position", &text))
    {
        settings.widget_position = position;
    }
    if let Some(theme) = patch.widget_theme.and_then(|text| checks.parse::<WidgetTheme>("widget_theme", &text)) {
        settings.widget_theme = theme;
    }
    if let Some(origins) = patch.allowed_origins {
        settings.allowed_origins = parse_origins(&mut checks, &origins);
    }
    if let Some(live) = patch.live {
        settings.live = live;
    }
    if let Some(show) = patch.show_citations {
        settings.show_citations = show;
    }
    if let Some(share) = patch.share_texts {
        settings.share_texts = share;
    }
    checks.done()?;
    Ok(settings)
}

/// Reads a list of origins, without repetitions.
pub(crate) fn parse_origins(checks: &mut Checks, texts: &[String]) -> Vec<Origin> {
    let mut origins: Vec<Origin> = Vec::new();
    for text in texts.iter().filter(|text| !text.trim().is_empty()) {
        if let Some(origin) = checks.parse::<Origin>("allowed_origins", text)
            && !origins.contains(&origin)
        {
            origins.push(origin);
        }
    }
    checks.require(origins.len() <= ORIGINS, "allowed_origins", "may have 50 entries at most");
    origins
}

/// Returns what to paste into a page: with a publishable key, if the agent has one with origins.
pub async fn widget_embed(ctx: &Ctx, who: &Principal, id: ConfigId) -> Result<WidgetEmbed> {
    let member = member(ctx, who, id, Permission::View).await?;
    let now = ctx.now();
    let mut tx = ctx.store.read(member.tenant).await?;
    let view = rows::get(&mut tx, member.tenant, id, now.month_start()).await?.ok_or(Error::NotFound("agent"))?;
    let publishable_key = keys::of_config(&mut tx, member.tenant, id)
        .await?
        .into_iter()
        .find(|key| key.kind == KeyKind::Publishable && key.revoked.is_none() && key.expires.is_none_or(|at| at > now))
        .and_then(|key| key.publishable);
    let loader_url = format!("{}/widget/loader.js", ctx.settings.public_url);
    let embed_code = match &publishable_key {
        Some(key) => format!(
            "<script src=\"{loader_url}\"></script>\n<script>\n  GSVWidget.init({{ configId: \"{id}\", apiKey: \"{key}\", position: \"{}\", theme: \"{}\" }});\n</script>",
            view.settings.widget_position, view.settings.widget_theme
        ),
        None => String::new(),
    };
    Ok(WidgetEmbed { widget_id: id, embed_code, loader_url, publishable_key })
}

/// Returns how much an agent was used from day to day; this month so far where nothing is said.
pub async fn usage(ctx: &Ctx, who: &Principal, id: ConfigId, from: Option<Day>, to: Option<Day>) -> Result<UsageView> {
    let member = member(ctx, who, id, Permission::View).await?;
    let now = ctx.now();
    let to = to.unwrap_or_else(|| now.day());
    let from = from.unwrap_or_else(|| Day(now.month_start().day().0.min(to.0)));
    if from > to || to.0 - from.0 > 366 {
        return Err(Error::invalid("from", "must be before `to`, by 366 days at most"));
    }
    let mut tx = ctx.store.read(member.tenant).await?;
    let view = rows::get(&mut tx, member.tenant, id, now.month_start()).await?.ok_or(Error::NotFound("agent"))?;
    let rows = calls::usage_days(&mut tx, member.tenant, id, from, to).await?;
    let recent = calls::invocations(&mut tx, member.tenant, id, None, 20, 0).await?;
    let days: Vec<UsageDay> = (from.0..=to.0)
        .map(|day| {
            let day = Day(day).iso();
            let empty = UsageDay { day: day.clone(), calls: 0, failed: 0, input_tokens: 0, output_tokens: 0 };
            rows.iter().find(|row| row.day == day).cloned().unwrap_or(empty)
        })
        .collect();
    Ok(UsageView {
        from: from.iso(),
        to: to.iso(),
        calls: rows.iter().map(|row| row.calls).sum(),
        failed: rows.iter().map(|row| row.failed).sum(),
        input_tokens: rows.iter().map(|row| row.input_tokens).sum(),
        output_tokens: rows.iter().map(|row| row.output_tokens).sum(),
        monthly_quota: view.monthly_quota,
        used: view.used,
        days,
        recent,
    })
}

/// Lists an agent's invocations, newest first.
pub async fn invocations(
    ctx: &Ctx,
    who: &Principal,
    id: ConfigId,
    state: Option<InvocationState>,
    paging: Paging,
) -> Result<Page<InvocationView>> {
    let member = member(ctx, who, id, Permission::View).await?;
    let paging = Paging::clamped(paging.page, paging.page_size);
    let mut tx = ctx.store.read(member.tenant).await?;
    let total = calls::count_invocations(&mut tx, member.tenant, id, state).await?;
    let rows = calls::invocations(&mut tx, member.tenant, id, state, paging.page_size, paging.offset()).await?;
    Ok(Page { rows, total, page: paging.page, page_size: paging.page_size })
}

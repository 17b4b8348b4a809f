//! A subscription's settings.

use domain::state::{Capability, SubscriptionState, Tone, WidgetPosition, WidgetTheme};
use domain::view::config::{ConfigSettings, ConfigView};
use domain::{Color, ConfigId, OfferingId, OrganizationId, Origin, ProjectId, SubscriptionId, Timestamp};

use crate::{Error, Json, Tenant, Tx};

#[derive(sqlx::FromRow)]
struct ConfigRow {
    id: ConfigId,
    organization_id: OrganizationId,
    organization_name: String,
    project_id: ProjectId,
    subscription_id: SubscriptionId,
    subscription_name: String,
    subscription_state: SubscriptionState,
    offering_id: OfferingId,
    offering_name: String,
    offering_thumbnail: String,
    plan_name: String,
    monthly_quota: Option<i64>,
    used: i64,
    capabilities: Json<Vec<Capability>>,
    starters: Json<Vec<String>>,
    agent_name: String,
    greeting_message: String,
    system_prompt_override: String,
    tone: Tone,
    avatar_url: String,
    primary_color: Color,
    logo_url: String,
    welcome_message: String,
    widget_position: WidgetPosition,
    widget_theme: WidgetTheme,
    allowed_origins: Json<Vec<Origin>>,
    live: bool,
    show_citations: bool,
    share_texts: bool,
    created_at: Timestamp,
    modified_at: Timestamp,
}

impl From<ConfigRow> for ConfigView {
    fn from(row: ConfigRow) -> Self {
        Self {
            id: row.id,
            organization_id: row.organization_id,
            organization_name: row.organization_name,
            project_id: row.project_id,
            subscription_id: row.subscription_id,
            subscription_name: row.subscription_name,
            subscription_state: row.subscription_state,
            offering_id: row.offering_id,
            offering_name: row.offering_name,
            offering_thumbnail: row.offering_thumbnail,
            plan_name: row.plan_name,
            monthly_quota: row.monthly_quota,
            used: row.used,
            capabilities: row.capabilities.0,
            starters: row.starters.0,
            settings: ConfigSettings {
                agent_name: row.agent_name,
                greeting_message: row.greeting_message,
                system_prompt_override: row.system_prompt_override,
                tone: row.tone,
                avatar_url: row.avatar_url,
                primary_color: row.primary_color,
                logo_url: row.logo_url,
                welcome_message: row.welcome_message,
                widget_position: row.widget_position,
                widget_theme: row.widget_theme,
                allowed_origins: row.allowed_origins.0,
                live: row.live,
                show_citations: row.show_citations,
                share_texts: row.share_texts,
            },
            created: row.created_at,
            modified: row.modified_at,
        }
    }
}

/// Writes the settings of a new subscription; a second time changes nothing.
pub async fn insert(
    tx: &mut Tx,
    tenant: Tenant,
    id: ConfigId,
    project: ProjectId,
    subscription: SubscriptionId,
    settings: &ConfigSettings,
    now: Timestamp,
) -> Result<(), Error> {
    tx.query(
        "INSERT INTO configs (id, organization_id, project_id, subscription_id, agent_name, greeting_message,
                              system_prompt_override, tone, avatar_url, primary_color, logo_url, welcome_message,
                              widget_position, widget_theme, allowed_origins, live, created_at, modified_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17)
         ON CONFLICT (subscription_id) DO NOTHING",
    )
    .bind(id)
    .bind(tenant.id())
    .bind(project)
    .bind(subscription)
    .bind(settings.agent_name.clone())
    .bind(settings.greeting_message.clone())
    .bind(settings.system_prompt_override.clone())
    .bind(settings.tone)
    .bind(settings.avatar_url.clone())
    .bind(settings.primary_color.clone())
    .bind(settings.logo_url.clone())
    .bind(settings.welcome_message.clone())
    .bind(settings.widget_position)
    .bind(settings.widget_theme)
    .bind(Json(settings.allowed_origins.clone()))
    .bind(settings.live)
    .bind(now)
    .execute()
    .await?
    .any();
    Ok(())
}

/// Finds whose a config is; before a tenant is known.
pub async fn owner(tx: &mut Tx, id: ConfigId) -> Result<Option<OrganizationId>, Error> {
    let row: Option<(OrganizationId,)> =
        tx.query("SELECT organization_id FROM configs WHERE id = $1").bind(id).fetch_optional().await?;
    Ok(row.map(|(organization,)| organization))
}

/// Finds the config of a subscription.
pub async fn of_subscription(tx: &mut Tx, id: SubscriptionId) -> Result<Option<ConfigId>, Error> {
    let row: Option<(ConfigId,)> =
        tx.query("SELECT id FROM configs WHERE subscription_id = $1").bind(id).fetch_optional().await?;
    Ok(row.map(|(config,)| config))
}

/// Finds a config; `month` is the first moment of the month whose calls are counted.
pub async fn get(tx: &mut Tx, tenant: Tenant, id: ConfigId, month: Timestamp) -> Result<Option<ConfigView>, Error> {
    let row: Option<ConfigRow> = tx
        .query(
            "SELECT c.id, c.organization_id, o.name AS organization_name, c.project_id, c.subscription_id,
                    s.name AS subscription_name, s.state AS subscription_state, s.offering_id,
                    f.name AS offering_name, f.thumbnail AS offering_thumbnail, p.name AS plan_name, p.monthly_quota,
                    COALESCE((SELECT q.used FROM quota_periods q
                              WHERE q.scope_id = s.id AND q.period_start = $3), 0) AS used,
                    f.capabilities, f.starters, c.agent_name, c.greeting_message, c.system_prompt_override, c.tone,
                    c.avatar_url, c.primary_color, c.logo_url, c.welcome_message, c.widget_position, c.widget_theme,
                    c.allowed_origins, c.live, c.show_citations, c.share_texts, c.created_at, c.modified_at
             FROM configs c
             JOIN organizations o ON o.id = c.organization_id
             JOIN subscriptions s ON s.id = c.subscription_id
             JOIN offerings f ON f.id = s.offering_id
             JOIN plans p ON p.id = s.plan_id
             WHERE c.id = $1 AND c.organization_id = $2",
        )
        .bind(id)
        .bind(tenant.id())
        .bind(month)
        .fetch_optional()
        .await?;
    Ok(row.map(ConfigView::from))
}

/// Lists an organization's configs, newest first.
pub async fn list(tx: &mut Tx, tenant: Tenant, month: Timestamp) -> Result<Vec<ConfigView>, Error> {
    let rows: Vec<ConfigRow> = tx
        .query(
            "SELECT c.id, c.organization_id, o.name AS organization_name, c.project_id, c.subscription_id,
                    s.name AS subscription_name, s.state AS subscription_state, s.offering_id,
                    f.name AS offering_name, f.thumbnail AS offering_thumbnail, p.name AS plan_name, p.monthly_quota,
                    COALESCE((SELECT q.used FROM quota_periods q
                              WHERE q.scope_id = s.id AND q.period_start = $2), 0) AS used,
                    f.capabilities, f.starters, c.agent_name, c.greeting_message, c.system_prompt_override, c.tone,
                    c.avatar_url, c.primary_color, c.logo_url, c.welcome_message, c.widget_position, c.widget_theme,
                    c.allowed_origins, c.live, c.show_citations, c.share_texts, c.created_at, c.modified_at
             FROM configs c
             JOIN organizations o ON o.id = c.organization_id
             JOIN subscriptions s ON s.id = c.subscription_id
             JOIN offerings f ON f.id = s.offering_id
             JOIN plans p ON p.id = s.plan_id
             WHERE c.organization_id = $1
             ORDER BY c.created_at DESC, c.id DESC",
        )
        .bind(tenant.id())
        .bind(month)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(ConfigView::from).collect())
}

/// Writes settings.
pub async fn update(
    tx: &mut Tx,
    tenant: Tenant,
    id: ConfigId,
    settings: &ConfigSettings,
    now: Timestamp,
) -> Result<(), Error> {
    tx.query(
        "UPDATE configs
         SET agent_name = $3, greeting_message = $4, system_prompt_override = $5, tone = $6, avatar_url = $7,
             primary_color = $8, logo_url = $9, welcome_message = $10, widget_position = $11, widget_theme = $12,
             allowed_origins = $13, live = $14, modified_at = $15, show_citations = $16, share_texts = $17
         WHERE id = $1 AND organization_id = $2",
    )
    .bind(id)
    .bind(tenant.id())
    .bind(settings.agent_name.clone())
    .bind(settings.greeting_message.clone())
    .bind(settings.system_prompt_override.clone())
    .bind(settings.tone)
    .bind(settings.avatar_url.clone())
    .bind(settings.primary_color.clone())
    .bind(settings.logo_url.clone())
    .bind(settings.welcome_message.clone())
    .bind(settings.widget_position)
    .bind(settings.widget_theme)
    .bind(Json(settings.allowed_origins.clone()))
    .bind(settings.live)
    .bind(now)
    .bind(settings.show_citations)
    .bind(settings.share_texts)
    .execute()
    .await?
    .exactly_one()
}

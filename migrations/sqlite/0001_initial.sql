-- Times are microseconds since 1970 UTC, money is integer minor units, enums are text.
-- Tenant tables carry organization_id; every query names the tenant.

-- People and organizations ---------------------------------------------------------------------

CREATE TABLE users (
    id BLOB PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- A PHC string; NULL for people who sign in through an identity provider.
    password_hash TEXT,
    operator INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    disabled_at INTEGER
) STRICT;

CREATE TABLE user_sessions (
    id BLOB PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- SHA-256 of the cookie's value.
    token_hash BLOB NOT NULL UNIQUE,
    user_agent TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX user_sessions_by_user ON user_sessions (user_id);

CREATE TABLE user_tokens (
    id BLOB PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;
CREATE INDEX user_tokens_by_user ON user_tokens (user_id);

CREATE TABLE organizations (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    blocked_at INTEGER
) STRICT;

CREATE TABLE projects (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX projects_by_organization ON projects (organization_id, created_at);

CREATE TABLE memberships (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (organization_id, user_id)
) STRICT;
CREATE INDEX memberships_by_user ON memberships (user_id);

CREATE TABLE invitations (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    token_hash BLOB NOT NULL UNIQUE,
    invited_by BLOB NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    accepted_at INTEGER
) STRICT;
CREATE INDEX invitations_by_organization ON invitations (organization_id);

CREATE TABLE providers (
    organization_id BLOB PRIMARY KEY REFERENCES organizations (id),
    state TEXT NOT NULL,
    description TEXT NOT NULL,
    website TEXT NOT NULL,
    reason TEXT NOT NULL,
    applied_at INTEGER NOT NULL,
    decided_at INTEGER,
    decided_by BLOB REFERENCES users (id)
) STRICT;

-- Catalog --------------------------------------------------------------------------------------

CREATE TABLE categories (
    id BLOB PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    icon TEXT NOT NULL,
    color TEXT NOT NULL,
    position INTEGER NOT NULL
) STRICT;

CREATE TABLE agents (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    category_id BLOB NOT NULL REFERENCES categories (id),
    name TEXT NOT NULL,
    slug TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    UNIQUE (organization_id, slug)
) STRICT;

CREATE TABLE flow_versions (
    id BLOB PRIMARY KEY,
    agent_id BLOB NOT NULL REFERENCES agents (id),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    number INTEGER NOT NULL,
    label TEXT NOT NULL,
    -- The canonical flow, without secrets; never leaves the server.
    flow TEXT NOT NULL,
    digest BLOB NOT NULL,
    report TEXT NOT NULL,
    created_by BLOB NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    UNIQUE (agent_id, number)
) STRICT;

CREATE TABLE offerings (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    agent_id BLOB NOT NULL UNIQUE REFERENCES agents (id),
    category_id BLOB NOT NULL REFERENCES categories (id),
    -- The version that new subscriptions and the demo get.
    flow_version_id BLOB REFERENCES flow_versions (id),
    state TEXT NOT NULL,
    name TEXT NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    tagline TEXT NOT NULL,
    full_description TEXT NOT NULL,
    terms TEXT NOT NULL,
    greeting TEXT NOT NULL,
    -- A list of texts.
    starters TEXT NOT NULL,
    tags TEXT NOT NULL,
    screenshots TEXT NOT NULL,
    capabilities TEXT NOT NULL,
    thumbnail TEXT NOT NULL,
    demo INTEGER NOT NULL,
    manual_approval INTEGER NOT NULL,
    -- What search looks at: name, tagline, tags and provider in lower case.
    search_text TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    published_at INTEGER
) STRICT;
CREATE INDEX offerings_by_organization ON offerings (organization_id);
CREATE INDEX offerings_by_category ON offerings (category_id, state);

CREATE TABLE submissions (
    id BLOB PRIMARY KEY,
    offering_id BLOB NOT NULL REFERENCES offerings (id),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    flow_version_id BLOB NOT NULL REFERENCES flow_versions (id),
    state TEXT NOT NULL,
    note TEXT NOT NULL,
    reason TEXT NOT NULL,
    submitted_by BLOB NOT NULL REFERENCES users (id),
    submitted_at INTEGER NOT NULL,
    decided_by BLOB REFERENCES users (id),
    decided_at INTEGER
) STRICT;
CREATE INDEX submissions_by_offering ON submissions (offering_id, submitted_at);

CREATE TABLE plans (
    id BLOB PRIMARY KEY,
    offering_id BLOB NOT NULL REFERENCES offerings (id),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    price_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    -- NULL means without a limit.
    monthly_quota INTEGER,
    requests_per_minute INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    archived_at INTEGER
) STRICT;
CREATE INDEX plans_by_offering ON plans (offering_id);

CREATE TABLE reviews (
    id BLOB PRIMARY KEY,
    offering_id BLOB NOT NULL REFERENCES offerings (id),
    -- NULL for the samples that come with a fresh install.
    organization_id BLOB REFERENCES organizations (id),
    author TEXT NOT NULL,
    rating INTEGER NOT NULL CHECK (rating BETWEEN 1 AND 5),
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    sample INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (offering_id, organization_id)
) STRICT;

-- Orders, money, subscriptions -------------------------------------------------------------------

CREATE TABLE subscriptions (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    project_id BLOB NOT NULL REFERENCES projects (id),
    offering_id BLOB NOT NULL REFERENCES offerings (id),
    plan_id BLOB NOT NULL REFERENCES plans (id),
    -- The organization that sells.
    provider_id BLOB NOT NULL REFERENCES organizations (id),
    flow_version_id BLOB NOT NULL REFERENCES flow_versions (id),
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    error_message TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    terminated_at INTEGER
) STRICT;
CREATE INDEX subscriptions_by_organization ON subscriptions (organization_id, created_at);
CREATE INDEX subscriptions_by_provider ON subscriptions (provider_id, created_at);

CREATE TABLE orders (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    project_id BLOB NOT NULL REFERENCES projects (id),
    provider_id BLOB NOT NULL REFERENCES organizations (id),
    offering_id BLOB NOT NULL REFERENCES offerings (id),
    plan_id BLOB NOT NULL REFERENCES plans (id),
    old_plan_id BLOB REFERENCES plans (id),
    subscription_id BLOB REFERENCES subscriptions (id),
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    name TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    error_message TEXT NOT NULL,
    created_by BLOB NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL
) STRICT;
CREATE INDEX orders_by_organization ON orders (organization_id, created_at);
CREATE INDEX orders_by_provider ON orders (provider_id, created_at);
CREATE INDEX orders_by_subscription ON orders (subscription_id);

CREATE TABLE order_steps (
    id BLOB PRIMARY KEY,
    order_id BLOB NOT NULL REFERENCES orders (id),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    state TEXT NOT NULL,
    note TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX order_steps_by_order ON order_steps (order_id, at);

-- Visits to a rail's checkout page.
CREATE TABLE checkouts (
    id BLOB PRIMARY KEY,
    order_id BLOB NOT NULL REFERENCES orders (id),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    rail TEXT NOT NULL,
    -- The rail's own id of the visit.
    session TEXT NOT NULL,
    url TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    UNIQUE (rail, session)
) STRICT;
CREATE INDEX checkouts_by_order ON checkouts (order_id);

CREATE TABLE payments (
    id BLOB PRIMARY KEY,
    order_id BLOB NOT NULL REFERENCES orders (id),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    provider_id BLOB NOT NULL REFERENCES organizations (id),
    rail TEXT NOT NULL,
    -- The rail's own id of the payment.
    reference TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    state TEXT NOT NULL,
    method TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    refunded_at INTEGER,
    UNIQUE (rail, reference)
) STRICT;
CREATE INDEX payments_by_organization ON payments (organization_id, created_at);
CREATE INDEX payments_by_order ON payments (order_id);

-- The inbox of payment rails: every event is stored before it is believed.
CREATE TABLE rail_events (
    rail TEXT NOT NULL,
    event TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    handled_at INTEGER,
    PRIMARY KEY (rail, event)
) STRICT;

-- What the sandbox rail knows: it stands for a company outside, so nothing else reads it.
CREATE TABLE sandbox_objects (
    id TEXT PRIMARY KEY,
    object TEXT NOT NULL,
    version INTEGER NOT NULL
) STRICT;

-- Configs and keys -------------------------------------------------------------------------------

CREATE TABLE configs (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    project_id BLOB NOT NULL REFERENCES projects (id),
    subscription_id BLOB NOT NULL UNIQUE REFERENCES subscriptions (id),
    agent_name TEXT NOT NULL,
    greeting_message TEXT NOT NULL,
    system_prompt_override TEXT NOT NULL,
    tone TEXT NOT NULL,
    avatar_url TEXT NOT NULL,
    primary_color TEXT NOT NULL,
    logo_url TEXT NOT NULL,
    welcome_message TEXT NOT NULL,
    widget_position TEXT NOT NULL,
    widget_theme TEXT NOT NULL,
    allowed_origins TEXT NOT NULL,
    live INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL
) STRICT;
CREATE INDEX configs_by_organization ON configs (organization_id);

CREATE TABLE keys (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    config_id BLOB NOT NULL REFERENCES configs (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    -- SHA-256 of the whole key.
    hash BLOB NOT NULL UNIQUE,
    -- The key itself, for publishable ones alone.
    publishable TEXT,
    scopes TEXT NOT NULL,
    allowed_origins TEXT NOT NULL,
    created_by BLOB NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER,
    -- The origin of a page from which a secret key arrived.
    seen_in_browser TEXT
) STRICT;
CREATE INDEX keys_by_config ON keys (config_id, created_at);

-- The ring of secrets that sign keys and session tokens; the newest that is not retired signs.
CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    secret BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER
) STRICT;

-- Bumped by every change that the gateway must notice: keys, configs, subscriptions, organizations.
CREATE TABLE gateway_changes (
    id BLOB PRIMARY KEY,
    config_id BLOB,
    organization_id BLOB,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX gateway_changes_by_time ON gateway_changes (at);

-- Conversations and metering ---------------------------------------------------------------------

CREATE TABLE chat_sessions (
    id TEXT NOT NULL,
    config_id BLOB NOT NULL REFERENCES configs (id),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    source TEXT NOT NULL,
    origin TEXT NOT NULL,
    -- SHA-256 of the handle that a widget keeps to come back; NULL for other doors.
    handle_hash BLOB UNIQUE,
    created_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (config_id, id)
) STRICT;

CREATE TABLE messages (
    id BLOB PRIMARY KEY,
    config_id BLOB NOT NULL,
    session_id TEXT NOT NULL,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    invocation_id BLOB,
    role TEXT NOT NULL,
    text TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    FOREIGN KEY (config_id, session_id) REFERENCES chat_sessions (config_id, id)
) STRICT;
CREATE INDEX messages_by_session ON messages (config_id, session_id, created_at);

-- One row per invocation; its id makes it unique, whatever is repeated.
CREATE TABLE invocations (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    config_id BLOB NOT NULL REFERENCES configs (id),
    subscription_id BLOB NOT NULL REFERENCES subscriptions (id),
    provider_id BLOB NOT NULL REFERENCES organizations (id),
    key_id BLOB REFERENCES keys (id),
    session_id TEXT NOT NULL,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    status INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    elapsed_ms INTEGER NOT NULL,
    error TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    day INTEGER NOT NULL
) STRICT;
CREATE INDEX invocations_by_config ON invocations (config_id, started_at);
CREATE INDEX invocations_by_organization ON invocations (organization_id, started_at);
CREATE INDEX invocations_running ON invocations (state, started_at);

-- Sums of invocations, moved in the same transaction as the row.
CREATE TABLE usage_days (
    config_id BLOB NOT NULL REFERENCES configs (id),
    day INTEGER NOT NULL,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    provider_id BLOB NOT NULL REFERENCES organizations (id),
    offering_id BLOB NOT NULL REFERENCES offerings (id),
    calls INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    PRIMARY KEY (config_id, day)
) STRICT;
CREATE INDEX usage_days_by_day ON usage_days (day);

-- How much of a month's quota is used (settled) and leased (promised to a running process).
CREATE TABLE quota_periods (
    subscription_id BLOB NOT NULL REFERENCES subscriptions (id),
    period_start INTEGER NOT NULL,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    used INTEGER NOT NULL,
    leased INTEGER NOT NULL,
    PRIMARY KEY (subscription_id, period_start)
) STRICT;

CREATE TABLE quota_leases (
    id BLOB PRIMARY KEY,
    subscription_id BLOB NOT NULL,
    period_start INTEGER NOT NULL,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    replica BLOB NOT NULL,
    amount INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    FOREIGN KEY (subscription_id, period_start) REFERENCES quota_periods (subscription_id, period_start)
) STRICT;
CREATE INDEX quota_leases_by_expiry ON quota_leases (expires_at);

CREATE TABLE idempotency_keys (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    -- The key or chat session that sent it.
    caller TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    invocation_id BLOB NOT NULL,
    -- NULL while the first call runs.
    status INTEGER,
    answer TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (organization_id, caller, idempotency_key)
) STRICT;
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (created_at);

-- Demo conversations of visitors: nobody's tenant, never billed, gone when they expire.
CREATE TABLE demo_sessions (
    id TEXT PRIMARY KEY,
    offering_id BLOB NOT NULL REFERENCES offerings (id),
    used INTEGER NOT NULL,
    turns TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX demo_sessions_by_expiry ON demo_sessions (expires_at);

-- Later ------------------------------------------------------------------------------------------

CREATE TABLE jobs (
    id BLOB PRIMARY KEY,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    -- Two jobs with the same text here are one job.
    dedupe TEXT UNIQUE,
    run_at INTEGER NOT NULL,
    leased_until INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    last_error TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- When it gave up.
    dead_at INTEGER
) STRICT;
CREATE INDEX jobs_due ON jobs (dead_at, run_at);

CREATE TABLE audit_entries (
    id BLOB PRIMARY KEY,
    organization_id BLOB,
    actor BLOB,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_entries_by_time ON audit_entries (at);

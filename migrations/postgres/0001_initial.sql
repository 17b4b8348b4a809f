-- Times are microseconds since 1970 UTC, money is integer minor units, enums are text.
-- Tenant tables carry organization_id; on PostgreSQL row-level security guards them as a second wall.

-- People and organizations ---------------------------------------------------------------------

CREATE TABLE users (
    id UUID PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- A PHC string; NULL for people who sign in through an identity provider.
    password_hash TEXT,
    operator BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT
);

CREATE TABLE user_sessions (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- SHA-256 of the cookie's value.
    token_hash BYTEA NOT NULL UNIQUE,
    user_agent TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX user_sessions_by_user ON user_sessions (user_id);

CREATE TABLE user_tokens (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash BYTEA NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE INDEX user_tokens_by_user ON user_tokens (user_id);

CREATE TABLE organizations (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    blocked_at BIGINT
);

CREATE TABLE projects (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX projects_by_organization ON projects (organization_id, created_at);

CREATE TABLE memberships (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, user_id)
);
CREATE INDEX memberships_by_user ON memberships (user_id);

CREATE TABLE invitations (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    token_hash BYTEA NOT NULL UNIQUE,
    invited_by UUID NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    accepted_at BIGINT
);
CREATE INDEX invitations_by_organization ON invitations (organization_id);

CREATE TABLE providers (
    organization_id UUID PRIMARY KEY REFERENCES organizations (id),
    state TEXT NOT NULL,
    description TEXT NOT NULL,
    website TEXT NOT NULL,
    reason TEXT NOT NULL,
    applied_at BIGINT NOT NULL,
    decided_at BIGINT,
    decided_by UUID REFERENCES users (id)
);

-- Catalog --------------------------------------------------------------------------------------

CREATE TABLE categories (
    id UUID PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    icon TEXT NOT NULL,
    color TEXT NOT NULL,
    position BIGINT NOT NULL
);

CREATE TABLE agents (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    category_id UUID NOT NULL REFERENCES categories (id),
    name TEXT NOT NULL,
    slug TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    UNIQUE (organization_id, slug)
);

CREATE TABLE flow_versions (
    id UUID PRIMARY KEY,
    agent_id UUID NOT NULL REFERENCES agents (id),
    organization_id UUID NOT NULL REFERENCES organizations (id),
    number BIGINT NOT NULL,
    label TEXT NOT NULL,
    -- The canonical flow, without secrets; never leaves the server.
    flow JSONB NOT NULL,
    digest BYTEA NOT NULL,
    report JSONB NOT NULL,
    created_by UUID NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    UNIQUE (agent_id, number)
);

CREATE TABLE offerings (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    agent_id UUID NOT NULL UNIQUE REFERENCES agents (id),
    category_id UUID NOT NULL REFERENCES categories (id),
    -- The version that new subscriptions and the demo get.
    flow_version_id UUID REFERENCES flow_versions (id),
    state TEXT NOT NULL,
    name TEXT NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    tagline TEXT NOT NULL,
    full_description TEXT NOT NULL,
    terms TEXT NOT NULL,
    greeting TEXT NOT NULL,
    -- A list of texts.
    starters JSONB NOT NULL,
    tags JSONB NOT NULL,
    screenshots JSONB NOT NULL,
    capabilities JSONB NOT NULL,
    thumbnail TEXT NOT NULL,
    demo BOOLEAN NOT NULL,
    manual_approval BOOLEAN NOT NULL,
    -- What search looks at: name, tagline, tags and provider in lower case.
    search_text TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    published_at BIGINT
);
CREATE INDEX offerings_by_organization ON offerings (organization_id);
CREATE INDEX offerings_by_category ON offerings (category_id, state);

CREATE TABLE submissions (
    id UUID PRIMARY KEY,
    offering_id UUID NOT NULL REFERENCES offerings (id),
    organization_id UUID NOT NULL REFERENCES organizations (id),
    flow_version_id UUID NOT NULL REFERENCES flow_versions (id),
    state TEXT NOT NULL,
    note TEXT NOT NULL,
    reason TEXT NOT NULL,
    submitted_by UUID NOT NULL REFERENCES users (id),
    submitted_at BIGINT NOT NULL,
    decided_by UUID REFERENCES users (id),
    decided_at BIGINT
);
CREATE INDEX submissions_by_offering ON submissions (offering_id, submitted_at);

CREATE TABLE plans (
    id UUID PRIMARY KEY,
    offering_id UUID NOT NULL REFERENCES offerings (id),
    organization_id UUID NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    price_minor BIGINT NOT NULL,
    currency TEXT NOT NULL,
    -- NULL means without a limit.
    monthly_quota BIGINT,
    requests_per_minute BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    archived_at BIGINT
);
CREATE INDEX plans_by_offering ON plans (offering_id);

CREATE TABLE reviews (
    id UUID PRIMARY KEY,
    offering_id UUID NOT NULL REFERENCES offerings (id),
    -- NULL for the samples that come with a fresh install.
    organization_id UUID REFERENCES organizations (id),
    author TEXT NOT NULL,
    rating BIGINT NOT NULL CHECK (rating BETWEEN 1 AND 5),
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    sample BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (offering_id, organization_id)
);

-- Orders, money, subscriptions -------------------------------------------------------------------

CREATE TABLE subscriptions (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    project_id UUID NOT NULL REFERENCES projects (id),
    offering_id UUID NOT NULL REFERENCES offerings (id),
    plan_id UUID NOT NULL REFERENCES plans (id),
    -- The organization that sells.
    provider_id UUID NOT NULL REFERENCES organizations (id),
    flow_version_id UUID NOT NULL REFERENCES flow_versions (id),
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    error_message TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    terminated_at BIGINT
);
CREATE INDEX subscriptions_by_organization ON subscriptions (organization_id, created_at);
CREATE INDEX subscriptions_by_provider ON subscriptions (provider_id, created_at);

CREATE TABLE orders (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    project_id UUID NOT NULL REFERENCES projects (id),
    provider_id UUID NOT NULL REFERENCES organizations (id),
    offering_id UUID NOT NULL REFERENCES offerings (id),
    plan_id UUID NOT NULL REFERENCES plans (id),
    old_plan_id UUID REFERENCES plans (id),
    subscription_id UUID REFERENCES subscriptions (id),
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    name TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency TEXT NOT NULL,
    error_message TEXT NOT NULL,
    created_by UUID NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
);
CREATE INDEX orders_by_organization ON orders (organization_id, created_at);
CREATE INDEX orders_by_provider ON orders (provider_id, created_at);
CREATE INDEX orders_by_subscription ON orders (subscription_id);

CREATE TABLE order_steps (
    id UUID PRIMARY KEY,
    order_id UUID NOT NULL REFERENCES orders (id),
    organization_id UUID NOT NULL REFERENCES organizations (id),
    state TEXT NOT NULL,
    note TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX order_steps_by_order ON order_steps (order_id, at);

-- Visits to a rail's checkout page.
CREATE TABLE checkouts (
    id UUID PRIMARY KEY,
    order_id UUID NOT NULL REFERENCES orders (id),
    organization_id UUID NOT NULL REFERENCES organizations (id),
    rail TEXT NOT NULL,
    -- The rail's own id of the visit.
    session TEXT NOT NULL,
    url TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    UNIQUE (rail, session)
);
CREATE INDEX checkouts_by_order ON checkouts (order_id);

CREATE TABLE payments (
    id UUID PRIMARY KEY,
    order_id UUID NOT NULL REFERENCES orders (id),
    organization_id UUID NOT NULL REFERENCES organizations (id),
    provider_id UUID NOT NULL REFERENCES organizations (id),
    rail TEXT NOT NULL,
    -- The rail's own id of the payment.
    reference TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency TEXT NOT NULL,
    state TEXT NOT NULL,
    method TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    refunded_at BIGINT,
    UNIQUE (rail, reference)
);
CREATE INDEX payments_by_organization ON payments (organization_id, created_at);
CREATE INDEX payments_by_order ON payments (order_id);

-- The inbox of payment rails: every event is stored before it is believed.
CREATE TABLE rail_events (
    rail TEXT NOT NULL,
    event TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload JSONB NOT NULL,
    received_at BIGINT NOT NULL,
    handled_at BIGINT,
    PRIMARY KEY (rail, event)
);

-- What the sandbox rail knows: it stands for a company outside, so nothing else reads it.
CREATE TABLE sandbox_objects (
    id TEXT PRIMARY KEY,
    object JSONB NOT NULL,
    version BIGINT NOT NULL
);

-- Configs and keys -------------------------------------------------------------------------------

CREATE TABLE configs (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    project_id UUID NOT NULL REFERENCES projects (id),
    subscription_id UUID NOT NULL UNIQUE REFERENCES subscriptions (id),
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
    allowed_origins JSONB NOT NULL,
    live BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
);
CREATE INDEX configs_by_organization ON configs (organization_id);

CREATE TABLE keys (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    config_id UUID NOT NULL REFERENCES configs (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    -- SHA-256 of the whole key.
    hash BYTEA NOT NULL UNIQUE,
    -- The key itself, for publishable ones alone.
    publishable TEXT,
    scopes JSONB NOT NULL,
    allowed_origins JSONB NOT NULL,
    created_by UUID NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT,
    -- The origin of a page from which a secret key arrived.
    seen_in_browser TEXT
);
CREATE INDEX keys_by_config ON keys (config_id, created_at);

-- The ring of secrets that sign keys and session tokens; the newest that is not retired signs.
CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    secret BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);

-- Bumped by every change that the gateway must notice: keys, configs, subscriptions, organizations.
CREATE TABLE gateway_changes (
    id UUID PRIMARY KEY,
    config_id UUID,
    organization_id UUID,
    at BIGINT NOT NULL
);
CREATE INDEX gateway_changes_by_time ON gateway_changes (at);

-- Conversations and metering ---------------------------------------------------------------------

CREATE TABLE chat_sessions (
    id TEXT NOT NULL,
    config_id UUID NOT NULL REFERENCES configs (id),
    organization_id UUID NOT NULL REFERENCES organizations (id),
    source TEXT NOT NULL,
    origin TEXT NOT NULL,
    -- SHA-256 of the handle that a widget keeps to come back; NULL for other doors.
    handle_hash BYTEA UNIQUE,
    created_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (config_id, id)
);

CREATE TABLE messages (
    id UUID PRIMARY KEY,
    config_id UUID NOT NULL,
    session_id TEXT NOT NULL,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    invocation_id UUID,
    role TEXT NOT NULL,
    text TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    FOREIGN KEY (config_id, session_id) REFERENCES chat_sessions (config_id, id)
);
CREATE INDEX messages_by_session ON messages (config_id, session_id, created_at);

-- One row per invocation; its id makes it unique, whatever is repeated.
CREATE TABLE invocations (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    config_id UUID NOT NULL REFERENCES configs (id),
    subscription_id UUID NOT NULL REFERENCES subscriptions (id),
    provider_id UUID NOT NULL REFERENCES organizations (id),
    key_id UUID REFERENCES keys (id),
    session_id TEXT NOT NULL,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    status BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    elapsed_ms BIGINT NOT NULL,
    error TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    finished_at BIGINT,
    day BIGINT NOT NULL
);
CREATE INDEX invocations_by_config ON invocations (config_id, started_at);
CREATE INDEX invocations_by_organization ON invocations (organization_id, started_at);
CREATE INDEX invocations_running ON invocations (state, started_at);

-- Sums of invocations, moved in the same transaction as the row.
CREATE TABLE usage_days (
    config_id UUID NOT NULL REFERENCES configs (id),
    day BIGINT NOT NULL,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    provider_id UUID NOT NULL REFERENCES organizations (id),
    offering_id UUID NOT NULL REFERENCES offerings (id),
    calls BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    PRIMARY KEY (config_id, day)
);
CREATE INDEX usage_days_by_day ON usage_days (day);

-- How much of a month's quota is used (settled) and leased (promised to a running process).
CREATE TABLE quota_periods (
    subscription_id UUID NOT NULL REFERENCES subscriptions (id),
    period_start BIGINT NOT NULL,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    used BIGINT NOT NULL,
    leased BIGINT NOT NULL,
    PRIMARY KEY (subscription_id, period_start)
);

CREATE TABLE quota_leases (
    id UUID PRIMARY KEY,
    subscription_id UUID NOT NULL,
    period_start BIGINT NOT NULL,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    replica UUID NOT NULL,
    amount BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    FOREIGN KEY (subscription_id, period_start) REFERENCES quota_periods (subscription_id, period_start)
);
CREATE INDEX quota_leases_by_expiry ON quota_leases (expires_at);

CREATE TABLE idempotency_keys (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    -- The key or chat session that sent it.
    caller TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    body_hash BYTEA NOT NULL,
    invocation_id UUID NOT NULL,
    -- NULL while the first call runs.
    status BIGINT,
    answer JSONB,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, caller, idempotency_key)
);
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (created_at);

-- Demo conversations of visitors: nobody's tenant, never billed, gone when they expire.
CREATE TABLE demo_sessions (
    id TEXT PRIMARY KEY,
    offering_id UUID NOT NULL REFERENCES offerings (id),
    used BIGINT NOT NULL,
    turns JSONB NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX demo_sessions_by_expiry ON demo_sessions (expires_at);

-- Later ------------------------------------------------------------------------------------------

CREATE TABLE jobs (
    id UUID PRIMARY KEY,
    kind TEXT NOT NULL,
    payload JSONB NOT NULL,
    -- Two jobs with the same text here are one job.
    dedupe TEXT UNIQUE,
    run_at BIGINT NOT NULL,
    leased_until BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    last_error TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- When it gave up.
    dead_at BIGINT
);
CREATE INDEX jobs_due ON jobs (dead_at, run_at);

CREATE TABLE audit_entries (
    id UUID PRIMARY KEY,
    organization_id UUID,
    actor UUID,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX audit_entries_by_time ON audit_entries (at);

-- The second wall --------------------------------------------------------------------------------
--
-- Every transaction says in whose name it runs: set_config('cmp.tenant', …, true) with the tenant's
-- id, or '*' for the system's own work. A statement that forgets its WHERE then sees one tenant at
-- the most, and one that runs without a name sees nothing. FORCE holds the tables' owner to it too;
-- a superuser is not held, so the program refuses to run as one unless it is told to.

CREATE FUNCTION cmp_sees(owner UUID) RETURNS BOOLEAN LANGUAGE sql STABLE AS $$
    SELECT current_setting('cmp.tenant', true) = '*'
        OR current_setting('cmp.tenant', true) = owner::text
$$;

ALTER TABLE projects ENABLE ROW LEVEL SECURITY;
ALTER TABLE projects FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON projects USING (cmp_sees(organization_id));
ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON invitations USING (cmp_sees(organization_id));
ALTER TABLE agents ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON agents USING (cmp_sees(organization_id));
ALTER TABLE flow_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE flow_versions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON flow_versions USING (cmp_sees(organization_id));
ALTER TABLE submissions ENABLE ROW LEVEL SECURITY;
ALTER TABLE submissions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON submissions USING (cmp_sees(organization_id));
ALTER TABLE subscriptions ENABLE ROW LEVEL SECURITY;
ALTER TABLE subscriptions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON subscriptions USING (cmp_sees(organization_id) OR cmp_sees(provider_id));
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE orders FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON orders USING (cmp_sees(organization_id) OR cmp_sees(provider_id));
ALTER TABLE order_steps ENABLE ROW LEVEL SECURITY;
ALTER TABLE order_steps FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON order_steps USING (cmp_sees(organization_id));
ALTER TABLE checkouts ENABLE ROW LEVEL SECURITY;
ALTER TABLE checkouts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON checkouts USING (cmp_sees(organization_id));
ALTER TABLE payments ENABLE ROW LEVEL SECURITY;
ALTER TABLE payments FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON payments USING (cmp_sees(organization_id) OR cmp_sees(provider_id));
ALTER TABLE configs ENABLE ROW LEVEL SECURITY;
ALTER TABLE configs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON configs USING (cmp_sees(organization_id));
ALTER TABLE keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON keys USING (cmp_sees(organization_id));
ALTER TABLE chat_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE chat_sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON chat_sessions USING (cmp_sees(organization_id));
ALTER TABLE messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE messages FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON messages USING (cmp_sees(organization_id));
ALTER TABLE invocations ENABLE ROW LEVEL SECURITY;
ALTER TABLE invocations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON invocations USING (cmp_sees(organization_id) OR cmp_sees(provider_id));
ALTER TABLE usage_days ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage_days FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON usage_days USING (cmp_sees(organization_id) OR cmp_sees(provider_id));
ALTER TABLE quota_periods ENABLE ROW LEVEL SECURITY;
ALTER TABLE quota_periods FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON quota_periods USING (cmp_sees(organization_id));
ALTER TABLE quota_leases ENABLE ROW LEVEL SECURITY;
ALTER TABLE quota_leases FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON quota_leases USING (cmp_sees(organization_id));
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON idempotency_keys USING (cmp_sees(organization_id));

-- Not walled: providers, offerings, plans and reviews are what everyone may read, memberships are
-- read before a tenant is known, and gateway_changes and audit_entries are the system's own.

-- How many calls a month an organization allows itself, one of its subscriptions, or one of its keys.

-- Everybody's rows are moved.
SELECT set_config('cmp.tenant', '*', true);

-- Calls are counted of all three from now on; what they are counted of is a scope: a subscription, an organization
-- or a key.
ALTER TABLE quota_periods DROP CONSTRAINT quota_periods_subscription_id_fkey;
ALTER TABLE quota_periods RENAME COLUMN subscription_id TO scope_id;
ALTER TABLE quota_leases RENAME COLUMN subscription_id TO scope_id;
-- Of keys, what they were used for since the subscription's last month began.
INSERT INTO quota_periods (scope_id, period_start, organization_id, used, leased)
SELECT i.key_id, q.period_start, i.organization_id, COUNT(*), 0
FROM quota_periods q
JOIN invocations i ON i.organization_id = q.organization_id AND i.subscription_id = q.scope_id
    AND i.started_at >= q.period_start
WHERE i.key_id IS NOT NULL AND i.state = 'succeeded'
  AND q.period_start = (SELECT MAX(m.period_start) FROM quota_periods m)
GROUP BY i.key_id, q.period_start, i.organization_id;
INSERT INTO quota_periods (scope_id, period_start, organization_id, used, leased)
SELECT q.organization_id, q.period_start, q.organization_id, SUM(q.used)::BIGINT, 0
FROM quota_periods q
JOIN subscriptions s ON s.id = q.scope_id
GROUP BY q.organization_id, q.period_start;

CREATE TABLE caps (
    scope_id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    -- Calls in a month.
    calls BIGINT NOT NULL CHECK (calls > 0),
    set_by UUID NOT NULL REFERENCES users (id),
    set_at BIGINT NOT NULL
);
CREATE INDEX caps_by_organization ON caps (organization_id);
ALTER TABLE caps ENABLE ROW LEVEL SECURITY;
ALTER TABLE caps FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON caps USING (cmp_sees(organization_id));

-- What people were written about how much of a limit is used, each once. Another limit is written about anew.
CREATE TABLE cap_alerts (
    scope_id UUID NOT NULL,
    period_start BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    percent BIGINT NOT NULL,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    written_at BIGINT NOT NULL,
    PRIMARY KEY (scope_id, period_start, calls, percent)
);
ALTER TABLE cap_alerts ENABLE ROW LEVEL SECURITY;
ALTER TABLE cap_alerts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON cap_alerts USING (cmp_sees(organization_id));

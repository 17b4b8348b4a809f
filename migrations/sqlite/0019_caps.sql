-- How many calls a month an organization allows itself, one of its subscriptions, or one of its keys.

-- Calls are counted of all three from now on; what they are counted of is a scope.
CREATE TABLE quota_leases_before AS SELECT * FROM quota_leases;
DROP TABLE quota_leases;
CREATE TABLE quota_periods_before AS SELECT * FROM quota_periods;
DROP TABLE quota_periods;

-- How much of a month is used (settled) and leased (promised to a running process).
CREATE TABLE quota_periods (
    -- A subscription, an organization or a key.
    scope_id BLOB NOT NULL,
    period_start INTEGER NOT NULL,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    used INTEGER NOT NULL,
    leased INTEGER NOT NULL,
    PRIMARY KEY (scope_id, period_start)
) STRICT;
INSERT INTO quota_periods (scope_id, period_start, organization_id, used, leased)
SELECT subscription_id, period_start, organization_id, used, leased FROM quota_periods_before;
INSERT INTO quota_periods (scope_id, period_start, organization_id, used, leased)
SELECT organization_id, period_start, organization_id, SUM(used), 0
FROM quota_periods_before GROUP BY organization_id, period_start;
-- Of keys, what they were used for since the subscription's last month began.
INSERT INTO quota_periods (scope_id, period_start, organization_id, used, leased)
SELECT i.key_id, q.period_start, i.organization_id, COUNT(*), 0
FROM quota_periods_before q
JOIN invocations i ON i.organization_id = q.organization_id AND i.subscription_id = q.subscription_id
    AND i.started_at >= q.period_start
WHERE i.key_id IS NOT NULL AND i.state = 'succeeded'
  AND q.period_start = (SELECT MAX(m.period_start) FROM quota_periods_before m)
GROUP BY i.key_id, q.period_start, i.organization_id;

CREATE TABLE quota_leases (
    id BLOB PRIMARY KEY,
    scope_id BLOB NOT NULL,
    period_start INTEGER NOT NULL,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    replica BLOB NOT NULL,
    amount INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    FOREIGN KEY (scope_id, period_start) REFERENCES quota_periods (scope_id, period_start)
) STRICT;
CREATE INDEX quota_leases_by_expiry ON quota_leases (expires_at);
INSERT INTO quota_leases (id, scope_id, period_start, organization_id, replica, amount, expires_at)
SELECT id, subscription_id, period_start, organization_id, replica, amount, expires_at FROM quota_leases_before;
DROP TABLE quota_leases_before;
DROP TABLE quota_periods_before;

CREATE TABLE caps (
    scope_id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    -- Calls in a month.
    calls INTEGER NOT NULL CHECK (calls > 0),
    set_by BLOB NOT NULL REFERENCES users (id),
    set_at INTEGER NOT NULL
) STRICT;
CREATE INDEX caps_by_organization ON caps (organization_id);

-- What people were written about how much of a limit is used, each once. Another limit is written about anew.
CREATE TABLE cap_alerts (
    scope_id BLOB NOT NULL,
    period_start INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    percent INTEGER NOT NULL,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    written_at INTEGER NOT NULL,
    PRIMARY KEY (scope_id, period_start, calls, percent)
) STRICT;

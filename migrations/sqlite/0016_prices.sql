-- Plans that cost more than the same each month, and what was used of them.

-- How often the price is paid: month or year.
ALTER TABLE plans ADD COLUMN pay_interval TEXT NOT NULL DEFAULT 'month';
-- For how many days it may be tried before the first payment.
ALTER TABLE plans ADD COLUMN trial_days INTEGER NOT NULL DEFAULT 0;
-- What is paid besides: parts of a price, a JSON list.
ALTER TABLE plans ADD COLUMN parts TEXT NOT NULL DEFAULT '[]';

-- The plan that a subscription goes on with when its period is over.
ALTER TABLE billings ADD COLUMN next_plan_id BLOB REFERENCES plans (id);

-- What was used of a subscription from one closing to the next, and what that costs. Usage is counted from the first
-- call on, so that what comes late is in the next statement, and nothing is in two.
CREATE TABLE statements (
    id BLOB PRIMARY KEY,
    subscription_id BLOB NOT NULL REFERENCES subscriptions (id),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    provider_id BLOB NOT NULL REFERENCES organizations (id),
    -- From 1, without gaps.
    number INTEGER NOT NULL,
    plan_id BLOB NOT NULL REFERENCES plans (id),
    period_start INTEGER NOT NULL,
    closed_at INTEGER NOT NULL,
    -- What was counted of the subscription in all when it was closed.
    total_calls INTEGER NOT NULL,
    total_input_tokens INTEGER NOT NULL,
    total_output_tokens INTEGER NOT NULL,
    -- What of it is this statement's.
    calls INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    -- The bill, line by line: a JSON list of text, how and minor units.
    lines TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor >= 0),
    -- SHA-256 over everything above, in hexadecimal.
    hash TEXT NOT NULL,
    -- The order that asks for it; NULL until one does. When it is canceled, the next one asks again.
    order_id BLOB REFERENCES orders (id),
    UNIQUE (subscription_id, number)
) STRICT;
CREATE INDEX statements_by_order ON statements (order_id);

CREATE TRIGGER statements_update BEFORE UPDATE OF id, subscription_id, organization_id, provider_id, number, plan_id,
    period_start, closed_at, total_calls, total_input_tokens, total_output_tokens, calls, input_tokens, output_tokens,
    lines, currency, amount_minor, hash ON statements
BEGIN
    SELECT RAISE(ABORT, 'a statement is never changed');
END;
CREATE TRIGGER statements_delete BEFORE DELETE ON statements
BEGIN
    SELECT RAISE(ABORT, 'a statement is never changed');
END;

-- Plans that cost more than the same each month, and what was used of them.

-- How often the price is paid: month or year.
ALTER TABLE plans ADD COLUMN pay_interval TEXT NOT NULL DEFAULT 'month';
-- For how many days it may be tried before the first payment.
ALTER TABLE plans ADD COLUMN trial_days BIGINT NOT NULL DEFAULT 0;
-- What is paid besides: parts of a price, a JSON list.
ALTER TABLE plans ADD COLUMN parts JSONB NOT NULL DEFAULT '[]';

-- The plan that a subscription goes on with when its period is over.
ALTER TABLE billings ADD COLUMN next_plan_id UUID REFERENCES plans (id);

-- What was used of a subscription from one closing to the next, and what that costs. Usage is counted from the first
-- call on, so that what comes late is in the next statement, and nothing is in two.
CREATE TABLE statements (
    id UUID PRIMARY KEY,
    subscription_id UUID NOT NULL REFERENCES subscriptions (id),
    organization_id UUID NOT NULL REFERENCES organizations (id),
    provider_id UUID NOT NULL REFERENCES organizations (id),
    -- From 1, without gaps.
    number BIGINT NOT NULL,
    plan_id UUID NOT NULL REFERENCES plans (id),
    period_start BIGINT NOT NULL,
    closed_at BIGINT NOT NULL,
    -- What was counted of the subscription in all when it was closed.
    total_calls BIGINT NOT NULL,
    total_input_tokens BIGINT NOT NULL,
    total_output_tokens BIGINT NOT NULL,
    -- What of it is this statement's.
    calls BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    -- The bill, line by line: a JSON list of text, how and minor units.
    lines JSONB NOT NULL,
    currency TEXT NOT NULL,
    amount_minor BIGINT NOT NULL CHECK (amount_minor >= 0),
    -- SHA-256 over everything above, in hexadecimal.
    hash TEXT NOT NULL,
    -- The order that asks for it; NULL until one does. When it is canceled, the next one asks again.
    order_id UUID REFERENCES orders (id),
    UNIQUE (subscription_id, number)
);
CREATE INDEX statements_by_order ON statements (order_id);

CREATE TRIGGER statements_update BEFORE UPDATE OF id, subscription_id, organization_id, provider_id, number, plan_id,
    period_start, closed_at, total_calls, total_input_tokens, total_output_tokens, calls, input_tokens, output_tokens,
    lines, currency, amount_minor, hash ON statements
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse('a statement is never changed');
CREATE TRIGGER statements_delete BEFORE DELETE ON statements
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse('a statement is never changed');

ALTER TABLE statements ENABLE ROW LEVEL SECURITY;
ALTER TABLE statements FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON statements USING (cmp_sees(organization_id));

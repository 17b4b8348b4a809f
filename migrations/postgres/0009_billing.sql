-- For which time a subscription is paid, and what happens when that time is over.
CREATE TABLE billings (
    subscription_id UUID PRIMARY KEY REFERENCES subscriptions (id),
    organization_id UUID NOT NULL REFERENCES organizations (id),
    -- From which moment months are counted, and how many have begun.
    anchor BIGINT NOT NULL,
    periods BIGINT NOT NULL,
    period_start BIGINT NOT NULL,
    period_end BIGINT NOT NULL,
    -- granted, grace, suspended or ended.
    entitlement TEXT NOT NULL,
    -- Until when an agent answers although its period is not paid.
    grace_until BIGINT,
    cancel_at_period_end BOOLEAN NOT NULL,
    -- The order of the next period, while it waits to be paid.
    renewal_order_id UUID REFERENCES orders (id),
    -- How often its payment was tried, and when it is tried next.
    attempts BIGINT NOT NULL,
    next_attempt_at BIGINT,
    -- The payment whose method pays the next period, too.
    method_payment_id UUID REFERENCES payments (id)
);
CREATE INDEX billings_by_organization ON billings (organization_id);
CREATE INDEX billings_by_end ON billings (period_end);

ALTER TABLE billings ENABLE ROW LEVEL SECURITY;
ALTER TABLE billings FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON billings USING (cmp_sees(organization_id));

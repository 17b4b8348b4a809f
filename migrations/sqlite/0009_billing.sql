-- For which time a subscription is paid, and what happens when that time is over.
CREATE TABLE billings (
    subscription_id BLOB PRIMARY KEY REFERENCES subscriptions (id),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    -- From which moment months are counted, and how many have begun.
    anchor INTEGER NOT NULL,
    periods INTEGER NOT NULL,
    period_start INTEGER NOT NULL,
    period_end INTEGER NOT NULL,
    -- granted, grace, suspended or ended.
    entitlement TEXT NOT NULL,
    -- Until when an agent answers although its period is not paid.
    grace_until INTEGER,
    cancel_at_period_end INTEGER NOT NULL,
    -- The order of the next period, while it waits to be paid.
    renewal_order_id BLOB REFERENCES orders (id),
    -- How often its payment was tried, and when it is tried next.
    attempts INTEGER NOT NULL,
    next_attempt_at INTEGER,
    -- The payment whose method pays the next period, too.
    method_payment_id BLOB REFERENCES payments (id)
) STRICT;
CREATE INDEX billings_by_organization ON billings (organization_id);
CREATE INDEX billings_by_end ON billings (period_end);

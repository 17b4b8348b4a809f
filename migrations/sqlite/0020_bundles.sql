-- Products of several providers that are bought together, at a price for all of them.

CREATE TABLE bundles (
    id BLOB PRIMARY KEY,
    -- Who puts it together.
    owner_id BLOB NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    price_minor INTEGER NOT NULL CHECK (price_minor > 0),
    currency TEXT NOT NULL,
    -- draft, proposed, offered or withdrawn.
    state TEXT NOT NULL,
    created_by BLOB NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL
) STRICT;
CREATE INDEX bundles_by_owner ON bundles (owner_id);
CREATE INDEX bundles_by_state ON bundles (state, created_at);

CREATE TABLE bundle_parts (
    bundle_id BLOB NOT NULL REFERENCES bundles (id),
    offering_id BLOB NOT NULL REFERENCES offerings (id),
    provider_id BLOB NOT NULL REFERENCES organizations (id),
    -- The plan that it is like, but for its price.
    base_plan_id BLOB NOT NULL REFERENCES plans (id),
    -- What of the bundle's price is its; 0 until the bundle is proposed.
    price_minor INTEGER NOT NULL CHECK (price_minor >= 0),
    -- The plan of that price, once its provider has agreed. It is archived: nobody buys it by itself.
    plan_id BLOB REFERENCES plans (id),
    agreed_by BLOB REFERENCES users (id),
    agreed_at INTEGER,
    PRIMARY KEY (bundle_id, offering_id)
) STRICT;
CREATE INDEX bundle_parts_by_provider ON bundle_parts (provider_id);

-- Orders that are paid together: the bundle, and the order that stands for all of them.
ALTER TABLE orders ADD COLUMN bundle_id BLOB REFERENCES bundles (id);
ALTER TABLE orders ADD COLUMN lead_id BLOB REFERENCES orders (id);
CREATE INDEX orders_by_lead ON orders (lead_id);

-- The rail's own id of the charge, which the payments of orders that were paid together share. `reference` is that
-- of the first of them, and has a number behind it for the others.
ALTER TABLE payments ADD COLUMN charge TEXT NOT NULL DEFAULT '';
UPDATE payments SET charge = reference;
CREATE INDEX payments_by_charge ON payments (rail, charge);

-- Which dispute a refund belongs to: one of a charge for several orders is of several refunds.
ALTER TABLE refunds ADD COLUMN dispute_id BLOB REFERENCES disputes (id);
UPDATE refunds SET dispute_id = (SELECT d.id FROM disputes d WHERE d.refund_id = refunds.id);
CREATE INDEX refunds_by_dispute ON refunds (dispute_id);

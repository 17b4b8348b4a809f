-- What a payment company is asked to do, kept before it is asked: the same bytes under the same key, however often.
CREATE TABLE rail_operations (
    rail TEXT NOT NULL,
    -- Names what is done, so that it is done once.
    operation TEXT NOT NULL,
    -- How often it was begun anew, after it was certain that nothing had come of it.
    generation BIGINT NOT NULL,
    -- Path and form.
    call JSONB NOT NULL,
    -- waiting, done or refused.
    state TEXT NOT NULL,
    -- The id of what it made, or why it was refused.
    outcome TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- When it was sent for the first time. The company knows its key for a day from then.
    sent_at BIGINT,
    ended_at BIGINT,
    PRIMARY KEY (rail, operation)
);

-- Who a payment company knows our buyers as.
CREATE TABLE rail_customers (
    rail TEXT NOT NULL,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    customer TEXT NOT NULL,
    email TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (rail, organization_id),
    UNIQUE (rail, customer)
);

-- Until when a payment company was asked what has happened.
CREATE TABLE rail_cursors (
    rail TEXT PRIMARY KEY,
    asked_at BIGINT NOT NULL
);

ALTER TABLE rail_operations ENABLE ROW LEVEL SECURITY;
ALTER TABLE rail_operations FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON rail_operations USING (cmp_is_system());
ALTER TABLE rail_cursors ENABLE ROW LEVEL SECURITY;
ALTER TABLE rail_cursors FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON rail_cursors USING (cmp_is_system());
ALTER TABLE rail_customers ENABLE ROW LEVEL SECURITY;
ALTER TABLE rail_customers FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON rail_customers USING (cmp_sees(organization_id));

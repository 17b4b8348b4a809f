-- What a payment company is asked to do, kept before it is asked: the same bytes under the same key, however often.
CREATE TABLE rail_operations (
    rail TEXT NOT NULL,
    -- Names what is done, so that it is done once.
    operation TEXT NOT NULL,
    -- How often it was begun anew, after it was certain that nothing had come of it.
    generation INTEGER NOT NULL,
    -- Path and form.
    call TEXT NOT NULL,
    -- waiting, done or refused.
    state TEXT NOT NULL,
    -- The id of what it made, or why it was refused.
    outcome TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- When it was sent for the first time. The company knows its key for a day from then.
    sent_at INTEGER,
    ended_at INTEGER,
    PRIMARY KEY (rail, operation)
) STRICT;

-- Who a payment company knows our buyers as.
CREATE TABLE rail_customers (
    rail TEXT NOT NULL,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    customer TEXT NOT NULL,
    email TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (rail, organization_id),
    UNIQUE (rail, customer)
) STRICT;

-- Until when a payment company was asked what has happened.
CREATE TABLE rail_cursors (
    rail TEXT PRIMARY KEY,
    asked_at INTEGER NOT NULL
) STRICT;

-- What was asked back of payouts: a sale went back to its buyer after it was paid out.

CREATE TABLE payout_reversals (
    id BLOB PRIMARY KEY,
    payout_id BLOB NOT NULL REFERENCES payouts (id),
    book TEXT NOT NULL,
    provider_id BLOB NOT NULL REFERENCES organizations (id),
    currency TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    -- sending, made or refused.
    state TEXT NOT NULL,
    -- The rail's name for it; empty until it was made.
    reference TEXT NOT NULL,
    -- Why the rail could not take it back.
    failure TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    settled_at INTEGER
) STRICT;
CREATE INDEX payout_reversals_by_payout ON payout_reversals (payout_id);
CREATE INDEX payout_reversals_by_time ON payout_reversals (book, created_at);
-- The next one waits until it is known what became of the last.
CREATE UNIQUE INDEX payout_reversals_one_at_a_time ON payout_reversals (book, provider_id, currency)
    WHERE state = 'sending';

CREATE TRIGGER payout_reversals_update BEFORE UPDATE OF id, payout_id, book, provider_id, currency, amount_minor,
    created_at ON payout_reversals
BEGIN
    SELECT RAISE(ABORT, 'what is taken back is not changed');
END;
CREATE TRIGGER payout_reversals_settled BEFORE UPDATE ON payout_reversals WHEN OLD.state <> 'sending'
BEGIN
    SELECT RAISE(ABORT, 'what became of a reversal is not changed');
END;
CREATE TRIGGER payout_reversals_delete BEFORE DELETE ON payout_reversals
BEGIN
    SELECT RAISE(ABORT, 'what is taken back is not changed');
END;

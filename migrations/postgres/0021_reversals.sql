-- What was asked back of payouts: a sale went back to its buyer after it was paid out.

CREATE TABLE payout_reversals (
    id UUID PRIMARY KEY,
    payout_id UUID NOT NULL REFERENCES payouts (id),
    book TEXT NOT NULL,
    provider_id UUID NOT NULL REFERENCES organizations (id),
    currency TEXT NOT NULL,
    amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
    -- sending, made or refused.
    state TEXT NOT NULL,
    -- The rail's name for it; empty until it was made.
    reference TEXT NOT NULL,
    -- Why the rail could not take it back.
    failure TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    settled_at BIGINT
);
CREATE INDEX payout_reversals_by_payout ON payout_reversals (payout_id);
CREATE INDEX payout_reversals_by_time ON payout_reversals (book, created_at);
-- The next one waits until it is known what became of the last.
CREATE UNIQUE INDEX payout_reversals_one_at_a_time ON payout_reversals (book, provider_id, currency)
    WHERE state = 'sending';

CREATE TRIGGER payout_reversals_update BEFORE UPDATE OF id, payout_id, book, provider_id, currency, amount_minor,
    created_at ON payout_reversals
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse('what is taken back is not changed');
CREATE TRIGGER payout_reversals_settled BEFORE UPDATE ON payout_reversals
    FOR EACH ROW WHEN (OLD.state <> 'sending') EXECUTE FUNCTION ledger_refuse('what became of a reversal is not changed');
CREATE TRIGGER payout_reversals_delete BEFORE DELETE ON payout_reversals
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse('what is taken back is not changed');

ALTER TABLE payout_reversals ENABLE ROW LEVEL SECURITY;
ALTER TABLE payout_reversals FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON payout_reversals USING (cmp_sees(provider_id));

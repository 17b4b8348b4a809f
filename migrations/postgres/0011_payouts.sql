-- Where providers are paid to, and what was paid.

-- A provider's account at a rail. Whose it is at its bank is the rail's business alone.
CREATE TABLE payout_accounts (
    provider_id UUID NOT NULL REFERENCES organizations (id),
    book TEXT NOT NULL,
    -- The rail's name for it.
    reference TEXT NOT NULL,
    -- What people read, `Bank account •••• 6789`; empty until the rail knows one.
    destination TEXT NOT NULL,
    -- Whether the rail pays to it, and if not, what it still wants, in sentences.
    ready BOOLEAN NOT NULL,
    due JSONB NOT NULL,
    -- Why an operator pays nothing to it for now; empty where none does.
    held TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- When its destination last became another one.
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (provider_id, book)
);

CREATE TABLE payouts (
    id UUID PRIMARY KEY,
    book TEXT NOT NULL,
    provider_id UUID NOT NULL REFERENCES organizations (id),
    currency TEXT NOT NULL,
    amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
    -- The account on that day.
    account TEXT NOT NULL,
    destination TEXT NOT NULL,
    -- It pays what became available in the book after one transaction and up to another.
    after_number BIGINT NOT NULL,
    until_number BIGINT NOT NULL CHECK (until_number > after_number),
    -- sending, paid or failed.
    state TEXT NOT NULL,
    -- The rail's name for it; empty until it was made.
    reference TEXT NOT NULL,
    -- Why the rail refused it, a sentence for the provider.
    failure TEXT NOT NULL,
    created_by UUID NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    settled_at BIGINT
);
CREATE INDEX payouts_by_provider ON payouts (provider_id, created_at);
CREATE INDEX payouts_by_time ON payouts (book, created_at);
-- The next one waits until it is known what became of the last.
CREATE UNIQUE INDEX payouts_one_at_a_time ON payouts (book, provider_id, currency) WHERE state = 'sending';


CREATE TRIGGER payouts_update BEFORE UPDATE OF id, book, provider_id, currency, amount_minor, account, destination,
    after_number, until_number, created_by, created_at ON payouts
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse('what is paid out is not changed');
CREATE TRIGGER payouts_settled BEFORE UPDATE ON payouts
    FOR EACH ROW WHEN (OLD.state <> 'sending') EXECUTE FUNCTION ledger_refuse('what became of a payout is not changed');
CREATE TRIGGER payouts_delete BEFORE DELETE ON payouts
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse('what is paid out is not changed');

ALTER TABLE payout_accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE payout_accounts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON payout_accounts USING (cmp_sees(provider_id));
ALTER TABLE payouts ENABLE ROW LEVEL SECURITY;
ALTER TABLE payouts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON payouts USING (cmp_sees(provider_id));

-- Where providers are paid to, and what was paid.

-- A provider's account at a rail. Whose it is at its bank is the rail's business alone.
CREATE TABLE payout_accounts (
    provider_id BLOB NOT NULL REFERENCES organizations (id),
    book TEXT NOT NULL,
    -- The rail's name for it.
    reference TEXT NOT NULL,
    -- What people read, `Bank account •••• 6789`; empty until the rail knows one.
    destination TEXT NOT NULL,
    -- Whether the rail pays to it, and if not, what it still wants, in sentences.
    ready INTEGER NOT NULL,
    due TEXT NOT NULL,
    -- Why an operator pays nothing to it for now; empty where none does.
    held TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- When its destination last became another one.
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (provider_id, book)
) STRICT;

CREATE TABLE payouts (
    id BLOB PRIMARY KEY,
    book TEXT NOT NULL,
    provider_id BLOB NOT NULL REFERENCES organizations (id),
    currency TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    -- The account on that day.
    account TEXT NOT NULL,
    destination TEXT NOT NULL,
    -- It pays what became available in the book after one transaction and up to another.
    after_number INTEGER NOT NULL,
    until_number INTEGER NOT NULL CHECK (until_number > after_number),
    -- sending, paid or failed.
    state TEXT NOT NULL,
    -- The rail's name for it; empty until it was made.
    reference TEXT NOT NULL,
    -- Why the rail refused it, a sentence for the provider.
    failure TEXT NOT NULL,
    created_by BLOB NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    settled_at INTEGER
) STRICT;
CREATE INDEX payouts_by_provider ON payouts (provider_id, created_at);
CREATE INDEX payouts_by_time ON payouts (book, created_at);
-- The next one waits until it is known what became of the last.
CREATE UNIQUE INDEX payouts_one_at_a_time ON payouts (book, provider_id, currency) WHERE state = 'sending';

CREATE TRIGGER payouts_update BEFORE UPDATE OF id, book, provider_id, currency, amount_minor, account, destination,
    after_number, until_number, created_by, created_at ON payouts
BEGIN
    SELECT RAISE(ABORT, 'what is paid out is not changed');
END;
CREATE TRIGGER payouts_settled BEFORE UPDATE ON payouts WHEN OLD.state <> 'sending'
BEGIN
    SELECT RAISE(ABORT, 'what became of a payout is not changed');
END;
CREATE TRIGGER payouts_delete BEFORE DELETE ON payouts
BEGIN
    SELECT RAISE(ABORT, 'what is paid out is not changed');
END;

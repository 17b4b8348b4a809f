-- The ledger: every movement of money, with where it came from and where it went.
-- Amounts are minor units; debits are positive, credits negative. Nothing in it is ever changed: what was
-- wrong is taken back by another transaction.

-- The head of each book, which whoever posts takes hold of first. A book is the money of one rail.
CREATE TABLE ledger_books (
    book TEXT PRIMARY KEY,
    -- The number and hash of the last transaction; 0 and nothing before the first.
    number INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;

CREATE TABLE ledger_transactions (
    id BLOB PRIMARY KEY,
    book TEXT NOT NULL REFERENCES ledger_books (book),
    -- Its place in the book, from 1, without gaps.
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    -- What caused it: the id of a payment or of an earning. The same cause is posted once.
    source TEXT NOT NULL,
    currency TEXT NOT NULL,
    reverses_id BLOB UNIQUE REFERENCES ledger_transactions (id),
    memo TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    -- SHA-256 over the hash before it and everything in it.
    hash BLOB NOT NULL,
    UNIQUE (book, number),
    UNIQUE (book, kind, source),
    UNIQUE (id, book, currency)
) STRICT;
CREATE INDEX ledger_transactions_by_time ON ledger_transactions (book, occurred_at);

-- Written before their transaction, which is refused unless they add up to zero; an entry whose
-- transaction never comes cannot be committed.
CREATE TABLE ledger_entries (
    transaction_id BLOB NOT NULL,
    line INTEGER NOT NULL,
    book TEXT NOT NULL,
    currency TEXT NOT NULL,
    account TEXT NOT NULL,
    -- Whose account it is; the platform's own are nobody's.
    organization_id BLOB REFERENCES organizations (id),
    amount_minor INTEGER NOT NULL CHECK (amount_minor <> 0),
    PRIMARY KEY (transaction_id, line),
    -- Book and currency are the transaction's, so that none is in two.
    FOREIGN KEY (transaction_id, book, currency) REFERENCES ledger_transactions (id, book, currency)
        DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE INDEX ledger_entries_by_account ON ledger_entries (book, organization_id, account, currency);

-- Which share of a sale the platform keeps: of one provider's, of one category's, or of all.
CREATE TABLE commission_rules (
    id BLOB PRIMARY KEY,
    provider_id BLOB REFERENCES organizations (id),
    category_id BLOB REFERENCES categories (id),
    basis_points INTEGER NOT NULL CHECK (basis_points BETWEEN 0 AND 10000),
    valid_from INTEGER NOT NULL,
    -- The first moment it holds no more; NULL means without an end.
    valid_until INTEGER,
    note TEXT NOT NULL,
    created_by BLOB NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    CHECK (provider_id IS NULL OR category_id IS NULL)
) STRICT;
CREATE INDEX commission_rules_by_time ON commission_rules (valid_from);

-- What providers earn: one row a sale, with the shares as they were on that day.
CREATE TABLE earnings (
    id BLOB PRIMARY KEY,
    book TEXT NOT NULL,
    payment_id BLOB NOT NULL UNIQUE REFERENCES payments (id),
    order_id BLOB NOT NULL REFERENCES orders (id),
    provider_id BLOB NOT NULL REFERENCES organizations (id),
    -- The buyer.
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    description TEXT NOT NULL,
    currency TEXT NOT NULL,
    gross_minor INTEGER NOT NULL CHECK (gross_minor >= 0),
    tax_minor INTEGER NOT NULL CHECK (tax_minor >= 0),
    commission_minor INTEGER NOT NULL CHECK (commission_minor >= 0),
    net_minor INTEGER NOT NULL CHECK (net_minor >= 0),
    commission_basis_points INTEGER NOT NULL,
    -- NULL where no rule held and the configuration's share was kept.
    rule_id BLOB REFERENCES commission_rules (id),
    state TEXT NOT NULL,
    sold_at INTEGER NOT NULL,
    release_at INTEGER NOT NULL,
    released_at INTEGER,
    returned_at INTEGER,
    CHECK (gross_minor = tax_minor + commission_minor + net_minor)
) STRICT;
CREATE INDEX earnings_by_provider ON earnings (provider_id, sold_at);
CREATE INDEX earnings_by_release ON earnings (state, release_at);

-- A transaction is written last, and seals its entries.
CREATE TRIGGER ledger_transactions_balance BEFORE INSERT ON ledger_transactions
WHEN (SELECT COUNT(*) FROM ledger_entries WHERE transaction_id = NEW.id) < 2
    OR (SELECT SUM(amount_minor) FROM ledger_entries WHERE transaction_id = NEW.id) <> 0
BEGIN
    SELECT RAISE(ABORT, 'a ledger transaction must balance');
END;
-- INSERT OR REPLACE would delete without asking the triggers below.
CREATE TRIGGER ledger_transactions_once BEFORE INSERT ON ledger_transactions
WHEN EXISTS (SELECT 1 FROM ledger_transactions
             WHERE id = NEW.id OR (book = NEW.book AND (number = NEW.number OR (kind = NEW.kind AND source = NEW.source))))
BEGIN
    SELECT RAISE(ABORT, 'the ledger is never changed; post a transaction that takes it back');
END;
CREATE TRIGGER ledger_entries_sealed BEFORE INSERT ON ledger_entries
WHEN EXISTS (SELECT 1 FROM ledger_transactions WHERE id = NEW.transaction_id)
    OR EXISTS (SELECT 1 FROM ledger_entries WHERE transaction_id = NEW.transaction_id AND line = NEW.line)
BEGIN
    SELECT RAISE(ABORT, 'the ledger is never changed; post a transaction that takes it back');
END;
CREATE TRIGGER ledger_transactions_update BEFORE UPDATE ON ledger_transactions
BEGIN
    SELECT RAISE(ABORT, 'the ledger is never changed; post a transaction that takes it back');
END;
CREATE TRIGGER ledger_transactions_delete BEFORE DELETE ON ledger_transactions
BEGIN
    SELECT RAISE(ABORT, 'the ledger is never changed; post a transaction that takes it back');
END;
CREATE TRIGGER ledger_entries_update BEFORE UPDATE ON ledger_entries
BEGIN
    SELECT RAISE(ABORT, 'the ledger is never changed; post a transaction that takes it back');
END;
CREATE TRIGGER ledger_entries_delete BEFORE DELETE ON ledger_entries
BEGIN
    SELECT RAISE(ABORT, 'the ledger is never changed; post a transaction that takes it back');
END;

-- What was agreed on the day of a sale stays.
CREATE TRIGGER earnings_update BEFORE UPDATE OF id, book, payment_id, order_id, provider_id, organization_id,
    description, currency, gross_minor, tax_minor, commission_minor, net_minor, commission_basis_points, rule_id,
    sold_at, release_at ON earnings
BEGIN
    SELECT RAISE(ABORT, 'what was agreed on the day of a sale stays');
END;
CREATE TRIGGER earnings_delete BEFORE DELETE ON earnings
BEGIN
    SELECT RAISE(ABORT, 'what was agreed on the day of a sale stays');
END;
-- A rule may be ended; another share is another rule.
CREATE TRIGGER commission_rules_update BEFORE UPDATE OF id, provider_id, category_id, basis_points, valid_from,
    note, created_by, created_at ON commission_rules
BEGIN
    SELECT RAISE(ABORT, 'a commission rule is never changed; end it and make another');
END;
CREATE TRIGGER commission_rules_delete BEFORE DELETE ON commission_rules
BEGIN
    SELECT RAISE(ABORT, 'a commission rule is never changed; end it and make another');
END;

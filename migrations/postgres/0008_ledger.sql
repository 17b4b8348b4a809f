-- The ledger: every movement of money, with where it came from and where it went.
-- Amounts are minor units; debits are positive, credits negative. Nothing in it is ever changed: what was
-- wrong is taken back by another transaction.

-- The head of each book, which whoever posts takes hold of first. A book is the money of one rail.
CREATE TABLE ledger_books (
    book TEXT PRIMARY KEY,
    -- The number and hash of the last transaction; 0 and nothing before the first.
    number BIGINT NOT NULL,
    hash BYTEA NOT NULL
);

CREATE TABLE ledger_transactions (
    id UUID PRIMARY KEY,
    book TEXT NOT NULL REFERENCES ledger_books (book),
    -- Its place in the book, from 1, without gaps.
    number BIGINT NOT NULL,
    kind TEXT NOT NULL,
    -- What caused it: the id of a payment or of an earning. The same cause is posted once.
    source TEXT NOT NULL,
    currency TEXT NOT NULL,
    reverses_id UUID UNIQUE REFERENCES ledger_transactions (id),
    memo TEXT NOT NULL,
    occurred_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    -- SHA-256 over the hash before it and everything in it.
    hash BYTEA NOT NULL,
    UNIQUE (book, number),
    UNIQUE (book, kind, source),
    UNIQUE (id, book, currency)
);
CREATE INDEX ledger_transactions_by_time ON ledger_transactions (book, occurred_at);

-- Written before their transaction, which is refused unless they add up to zero; an entry whose
-- transaction never comes cannot be committed.
CREATE TABLE ledger_entries (
    transaction_id UUID NOT NULL,
    line BIGINT NOT NULL,
    book TEXT NOT NULL,
    currency TEXT NOT NULL,
    account TEXT NOT NULL,
    -- Whose account it is; the platform's own are nobody's.
    organization_id UUID REFERENCES organizations (id),
    amount_minor BIGINT NOT NULL CHECK (amount_minor <> 0),
    PRIMARY KEY (transaction_id, line),
    -- Book and currency are the transaction's, so that none is in two.
    FOREIGN KEY (transaction_id, book, currency) REFERENCES ledger_transactions (id, book, currency)
        DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX ledger_entries_by_account ON ledger_entries (book, organization_id, account, currency);

-- Which share of a sale the platform keeps: of one provider's, of one category's, or of all.
CREATE TABLE commission_rules (
    id UUID PRIMARY KEY,
    provider_id UUID REFERENCES organizations (id),
    category_id UUID REFERENCES categories (id),
    basis_points BIGINT NOT NULL CHECK (basis_points BETWEEN 0 AND 10000),
    valid_from BIGINT NOT NULL,
    -- The first moment it holds no more; NULL means without an end.
    valid_until BIGINT,
    note TEXT NOT NULL,
    created_by UUID NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    CHECK (provider_id IS NULL OR category_id IS NULL)
);
CREATE INDEX commission_rules_by_time ON commission_rules (valid_from);

-- What providers earn: one row a sale, with the shares as they were on that day.
CREATE TABLE earnings (
    id UUID PRIMARY KEY,
    book TEXT NOT NULL,
    payment_id UUID NOT NULL UNIQUE REFERENCES payments (id),
    order_id UUID NOT NULL REFERENCES orders (id),
    provider_id UUID NOT NULL REFERENCES organizations (id),
    -- The buyer.
    organization_id UUID NOT NULL REFERENCES organizations (id),
    description TEXT NOT NULL,
    currency TEXT NOT NULL,
    gross_minor BIGINT NOT NULL CHECK (gross_minor >= 0),
    tax_minor BIGINT NOT NULL CHECK (tax_minor >= 0),
    commission_minor BIGINT NOT NULL CHECK (commission_minor >= 0),
    net_minor BIGINT NOT NULL CHECK (net_minor >= 0),
    commission_basis_points BIGINT NOT NULL,
    -- NULL where no rule held and the configuration's share was kept.
    rule_id UUID REFERENCES commission_rules (id),
    state TEXT NOT NULL,
    sold_at BIGINT NOT NULL,
    release_at BIGINT NOT NULL,
    released_at BIGINT,
    returned_at BIGINT,
    CHECK (gross_minor = tax_minor + commission_minor + net_minor)
);
CREATE INDEX earnings_by_provider ON earnings (provider_id, sold_at);
CREATE INDEX earnings_by_release ON earnings (state, release_at);

CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0];
END
$$;

-- A transaction is written last, and seals its entries.
CREATE FUNCTION ledger_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM ledger_transactions WHERE id = NEW.transaction_id) THEN
        RAISE EXCEPTION 'the ledger is never changed; post a transaction that takes it back';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER ledger_entries_sealed BEFORE INSERT ON ledger_entries
    FOR EACH ROW EXECUTE FUNCTION ledger_sealed();

CREATE FUNCTION ledger_must_balance(which UUID) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
    lines BIGINT;
    total NUMERIC;
BEGIN
    SELECT COUNT(*), COALESCE(SUM(amount_minor), 0) INTO lines, total
    FROM ledger_entries WHERE transaction_id = which;
    IF lines < 2 OR total <> 0 THEN
        RAISE EXCEPTION 'a ledger transaction must balance';
    END IF;
END
$$;
CREATE FUNCTION ledger_transaction_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ledger_must_balance(NEW.id);
    RETURN NEW;
END
$$;
CREATE FUNCTION ledger_entry_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ledger_must_balance(NEW.transaction_id);
    RETURN NEW;
END
$$;
CREATE TRIGGER ledger_transactions_balance BEFORE INSERT ON ledger_transactions
    FOR EACH ROW EXECUTE FUNCTION ledger_transaction_balances();
-- Once more when the database transaction ends, for entries that two connections write at once.
CREATE CONSTRAINT TRIGGER ledger_entries_balance AFTER INSERT ON ledger_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_entry_balances();

CREATE TRIGGER ledger_transactions_stay BEFORE UPDATE OR DELETE ON ledger_transactions
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse('the ledger is never changed; post a transaction that takes it back');
CREATE TRIGGER ledger_transactions_whole BEFORE TRUNCATE ON ledger_transactions
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse('the ledger is never changed; post a transaction that takes it back');
CREATE TRIGGER ledger_entries_stay BEFORE UPDATE OR DELETE ON ledger_entries
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse('the ledger is never changed; post a transaction that takes it back');
CREATE TRIGGER ledger_entries_whole BEFORE TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse('the ledger is never changed; post a transaction that takes it back');

-- What was agreed on the day of a sale stays.
CREATE TRIGGER earnings_update BEFORE UPDATE OF id, book, payment_id, order_id, provider_id, organization_id,
    description, currency, gross_minor, tax_minor, commission_minor, net_minor, commission_basis_points, rule_id,
    sold_at, release_at ON earnings
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse('what was agreed on the day of a sale stays');
CREATE TRIGGER earnings_delete BEFORE DELETE ON earnings
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse('what was agreed on the day of a sale stays');
-- A rule may be ended; another share is another rule.
CREATE TRIGGER commission_rules_update BEFORE UPDATE OF id, provider_id, category_id, basis_points, valid_from,
    note, created_by, created_at ON commission_rules
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse('a commission rule is never changed; end it and make another');
CREATE TRIGGER commission_rules_delete BEFORE DELETE ON commission_rules
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse('a commission rule is never changed; end it and make another');

-- The second wall. The books are the platform's own; a provider sees its entries and its earnings. What
-- the platform keeps of a sale is not its buyer's business, so that earnings are walled by provider.
CREATE FUNCTION cmp_is_system() RETURNS BOOLEAN LANGUAGE sql STABLE AS $$
    SELECT COALESCE(current_setting('cmp.tenant', true) = '*', false)
$$;
ALTER TABLE ledger_books ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger_books FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON ledger_books USING (cmp_is_system());
ALTER TABLE ledger_transactions ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger_transactions FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON ledger_transactions USING (cmp_is_system());
ALTER TABLE ledger_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger_entries FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON ledger_entries USING (cmp_sees(organization_id));
ALTER TABLE commission_rules ENABLE ROW LEVEL SECURITY;
ALTER TABLE commission_rules FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON commission_rules USING (cmp_is_system());
ALTER TABLE earnings ENABLE ROW LEVEL SECURITY;
ALTER TABLE earnings FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON earnings USING (cmp_sees(provider_id));

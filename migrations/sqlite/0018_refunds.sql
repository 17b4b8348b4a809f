-- What goes back of payments, in pieces where it must; disputes; and cases that a person has to look at.

CREATE TABLE refunds (
    id BLOB PRIMARY KEY,
    payment_id BLOB NOT NULL REFERENCES payments (id),
    order_id BLOB NOT NULL REFERENCES orders (id),
    -- The buyer.
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    provider_id BLOB NOT NULL REFERENCES organizations (id),
    rail TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    -- What everyone gives back of it; nothing where nobody had earned by the payment.
    tax_minor INTEGER NOT NULL CHECK (tax_minor >= 0),
    commission_minor INTEGER NOT NULL CHECK (commission_minor >= 0),
    net_minor INTEGER NOT NULL CHECK (net_minor >= 0),
    -- Whether the provider's part was taken from what was held back.
    from_pending INTEGER NOT NULL,
    -- decided, rail or dispute.
    cause TEXT NOT NULL,
    -- due, paid or reversed.
    state TEXT NOT NULL,
    -- The rail's own id, once it has one.
    reference TEXT,
    -- What people read.
    reason TEXT NOT NULL,
    created_by BLOB REFERENCES users (id),
    created_at INTEGER NOT NULL,
    settled_at INTEGER,
    CHECK (tax_minor + commission_minor + net_minor IN (0, amount_minor)),
    UNIQUE (rail, reference)
) STRICT;
CREATE INDEX refunds_by_payment ON refunds (payment_id);
CREATE INDEX refunds_by_provider ON refunds (provider_id, created_at);
CREATE INDEX refunds_by_organization ON refunds (organization_id, created_at);

-- What was given back until today went back whole. It keeps the payment's name, by which the ledger knows it.
INSERT INTO refunds (id, payment_id, order_id, organization_id, provider_id, rail, currency, amount_minor, tax_minor,
                     commission_minor, net_minor, from_pending, cause, state, reference, reason, created_by,
                     created_at, settled_at)
SELECT p.id, p.id, p.order_id, p.organization_id, p.provider_id, p.rail, p.currency, p.amount_minor,
       COALESCE(e.tax_minor, 0), COALESCE(e.commission_minor, 0), COALESCE(e.net_minor, 0),
       COALESCE(e.released_at IS NULL, 0), 'decided', CASE p.state WHEN 'refunded' THEN 'paid' ELSE 'due' END, NULL, '',
       NULL, COALESCE(e.returned_at, p.refunded_at, p.created_at), p.refunded_at
FROM payments p
LEFT JOIN earnings e ON e.payment_id = p.id
WHERE p.state IN ('refunding', 'refunded') AND p.amount_minor > 0;

CREATE TRIGGER refunds_update BEFORE UPDATE OF id, payment_id, order_id, organization_id, provider_id, rail, currency,
    amount_minor, tax_minor, commission_minor, net_minor, from_pending, cause, created_by, created_at ON refunds
BEGIN
    SELECT RAISE(ABORT, 'what was decided about a refund stays');
END;
CREATE TRIGGER refunds_delete BEFORE DELETE ON refunds
BEGIN
    SELECT RAISE(ABORT, 'what was decided about a refund stays');
END;
-- No more goes back than was paid.
CREATE TRIGGER refunds_within_payment BEFORE INSERT ON refunds
WHEN NEW.amount_minor + (SELECT COALESCE(SUM(amount_minor), 0) FROM refunds
                         WHERE payment_id = NEW.payment_id AND state <> 'reversed')
    > (SELECT amount_minor FROM payments WHERE id = NEW.payment_id)
BEGIN
    SELECT RAISE(ABORT, 'no more goes back than was paid');
END;

-- A payment that its buyer's bank has taken back, or asks about.
CREATE TABLE disputes (
    id BLOB PRIMARY KEY,
    rail TEXT NOT NULL,
    reference TEXT NOT NULL,
    payment_id BLOB NOT NULL REFERENCES payments (id),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    provider_id BLOB NOT NULL REFERENCES organizations (id),
    -- What went back of it; nothing while the bank only asks.
    refund_id BLOB REFERENCES refunds (id),
    currency TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    fee_minor INTEGER NOT NULL,
    -- needs_response, under_review, won or lost.
    state TEXT NOT NULL,
    -- The bank's word for why, fraudulent.
    reason TEXT NOT NULL,
    due_by INTEGER,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    UNIQUE (rail, reference)
) STRICT;
CREATE INDEX disputes_by_payment ON disputes (payment_id);

-- Something about money that a person has to look at.
CREATE TABLE cases (
    id BLOB PRIMARY KEY,
    rail TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- What it is about, so that the same thing is one case: the id of a refund, of a dispute, of a rail's object.
    subject TEXT NOT NULL,
    title TEXT NOT NULL,
    detail TEXT NOT NULL,
    order_id BLOB REFERENCES orders (id),
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,
    -- Who closed it; nobody where it went away by itself.
    closed_by BLOB REFERENCES users (id),
    note TEXT NOT NULL,
    UNIQUE (rail, kind, subject)
) STRICT;
CREATE INDEX cases_by_time ON cases (closed_at, opened_at);

-- Until when a payment company was compared with the ledger.
CREATE TABLE reconciliations (
    rail TEXT PRIMARY KEY,
    compared_until INTEGER NOT NULL
) STRICT;

-- A payment may have several credit notes now: one for each refund.
CREATE TABLE invoices_before AS SELECT * FROM invoices;
DROP TABLE invoices;
CREATE TABLE invoices (
    id BLOB PRIMARY KEY,
    series TEXT NOT NULL REFERENCES invoice_series (series),
    number INTEGER NOT NULL,
    -- invoice, credit_note or debit_note.
    kind TEXT NOT NULL,
    -- The invoice that a credit note takes back.
    corrects_id BLOB REFERENCES invoices (id),
    -- What a credit note, or a debit note, is for.
    refund_id BLOB REFERENCES refunds (id),
    -- The buyer, as it was on that day.
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    buyer_name TEXT NOT NULL,
    buyer_email TEXT NOT NULL,
    buyer_address TEXT NOT NULL DEFAULT '',
    buyer_vat_id TEXT NOT NULL DEFAULT '',
    -- Who invoices: the marketplace; and for whose work.
    seller_name TEXT NOT NULL,
    seller_address TEXT NOT NULL DEFAULT '',
    seller_vat_id TEXT NOT NULL DEFAULT '',
    provider_id BLOB NOT NULL REFERENCES organizations (id),
    provider_name TEXT NOT NULL,
    order_id BLOB NOT NULL REFERENCES orders (id),
    payment_id BLOB NOT NULL REFERENCES payments (id),
    description TEXT NOT NULL,
    method TEXT NOT NULL,
    currency TEXT NOT NULL,
    -- With tax; a credit note's is below zero.
    total_minor INTEGER NOT NULL,
    tax_minor INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,
    UNIQUE (series, number),
    UNIQUE (refund_id, kind),
    CHECK (kind = 'invoice' OR corrects_id IS NOT NULL)
) STRICT;
INSERT INTO invoices (id, series, number, kind, corrects_id, refund_id, organization_id, buyer_name, buyer_email,
                      buyer_address, buyer_vat_id, seller_name, seller_address, seller_vat_id, provider_id,
                      provider_name, order_id, payment_id, description, method, currency, total_minor, tax_minor,
                      issued_at)
SELECT id, series, number, kind, corrects_id,
       CASE WHEN kind = 'credit_note' AND EXISTS (SELECT 1 FROM refunds r WHERE r.id = b.payment_id) THEN payment_id END,
       organization_id, buyer_name, buyer_email, buyer_address, buyer_vat_id, seller_name, seller_address,
       seller_vat_id, provider_id, provider_name, order_id, payment_id, description, method, currency, total_minor,
       tax_minor, issued_at
FROM invoices_before b
ORDER BY corrects_id IS NOT NULL;
DROP TABLE invoices_before;
CREATE INDEX invoices_by_organization ON invoices (organization_id, issued_at);
CREATE UNIQUE INDEX invoices_by_payment ON invoices (payment_id) WHERE kind = 'invoice';

CREATE TRIGGER invoices_update BEFORE UPDATE ON invoices
BEGIN
    SELECT RAISE(ABORT, 'an invoice is never changed; write a credit note');
END;
CREATE TRIGGER invoices_delete BEFORE DELETE ON invoices
BEGIN
    SELECT RAISE(ABORT, 'an invoice is never changed; write a credit note');
END;

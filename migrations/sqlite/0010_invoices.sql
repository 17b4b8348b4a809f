-- Invoices and credit notes. They are numbered without gaps: the number is taken in the transaction that writes the
-- document, from a row that whoever writes one has to wait for.
CREATE TABLE invoice_series (
    series TEXT PRIMARY KEY,
    last_number INTEGER NOT NULL
) STRICT;

CREATE TABLE invoices (
    id BLOB PRIMARY KEY,
    series TEXT NOT NULL REFERENCES invoice_series (series),
    number INTEGER NOT NULL,
    -- invoice or credit_note.
    kind TEXT NOT NULL,
    -- The invoice that a credit note takes back.
    corrects_id BLOB REFERENCES invoices (id),
    -- The buyer, as it was on that day.
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    buyer_name TEXT NOT NULL,
    buyer_email TEXT NOT NULL,
    -- Who invoices: the marketplace; and for whose work.
    seller_name TEXT NOT NULL,
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
    UNIQUE (payment_id, kind)
) STRICT;
CREATE INDEX invoices_by_organization ON invoices (organization_id, issued_at);

CREATE TRIGGER invoices_update BEFORE UPDATE ON invoices
BEGIN
    SELECT RAISE(ABORT, 'an invoice is never changed; write a credit note');
END;
CREATE TRIGGER invoices_delete BEFORE DELETE ON invoices
BEGIN
    SELECT RAISE(ABORT, 'an invoice is never changed; write a credit note');
END;

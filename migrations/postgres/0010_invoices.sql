-- Invoices and credit notes. They are numbered without gaps: the number is taken in the transaction that writes the
-- document, from a row that whoever writes one has to wait for.
CREATE TABLE invoice_series (
    series TEXT PRIMARY KEY,
    last_number BIGINT NOT NULL
);

CREATE TABLE invoices (
    id UUID PRIMARY KEY,
    series TEXT NOT NULL REFERENCES invoice_series (series),
    number BIGINT NOT NULL,
    -- invoice or credit_note.
    kind TEXT NOT NULL,
    -- The invoice that a credit note takes back.
    corrects_id UUID REFERENCES invoices (id),
    -- The buyer, as it was on that day.
    organization_id UUID NOT NULL REFERENCES organizations (id),
    buyer_name TEXT NOT NULL,
    buyer_email TEXT NOT NULL,
    -- Who invoices: the marketplace; and for whose work.
    seller_name TEXT NOT NULL,
    provider_id UUID NOT NULL REFERENCES organizations (id),
    provider_name TEXT NOT NULL,
    order_id UUID NOT NULL REFERENCES orders (id),
    payment_id UUID NOT NULL REFERENCES payments (id),
    description TEXT NOT NULL,
    method TEXT NOT NULL,
    currency TEXT NOT NULL,
    -- With tax; a credit note's is below zero.
    total_minor BIGINT NOT NULL,
    tax_minor BIGINT NOT NULL,
    issued_at BIGINT NOT NULL,
    UNIQUE (series, number),
    UNIQUE (payment_id, kind)
);
CREATE INDEX invoices_by_organization ON invoices (organization_id, issued_at);

CREATE TRIGGER invoices_stay BEFORE UPDATE OR DELETE ON invoices
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse('an invoice is never changed; write a credit note');
CREATE TRIGGER invoices_whole BEFORE TRUNCATE ON invoices
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse('an invoice is never changed; write a credit note');

ALTER TABLE invoice_series ENABLE ROW LEVEL SECURITY;
ALTER TABLE invoice_series FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON invoice_series USING (cmp_is_system());
ALTER TABLE invoices ENABLE ROW LEVEL SECURITY;
ALTER TABLE invoices FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON invoices USING (cmp_sees(organization_id));

-- What goes back of payments, in pieces where it must; disputes; and cases that a person has to look at.

-- What is moved here is everyone's.
SELECT set_config('cmp.tenant', '*', true);

CREATE TABLE refunds (
    id UUID PRIMARY KEY,
    payment_id UUID NOT NULL REFERENCES payments (id),
    order_id UUID NOT NULL REFERENCES orders (id),
    -- The buyer.
    organization_id UUID NOT NULL REFERENCES organizations (id),
    provider_id UUID NOT NULL REFERENCES organizations (id),
    rail TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
    -- What everyone gives back of it; nothing where nobody had earned by the payment.
    tax_minor BIGINT NOT NULL CHECK (tax_minor >= 0),
    commission_minor BIGINT NOT NULL CHECK (commission_minor >= 0),
    net_minor BIGINT NOT NULL CHECK (net_minor >= 0),
    -- Whether the provider's part was taken from what was held back.
    from_pending BOOLEAN NOT NULL,
    -- decided, rail or dispute.
    cause TEXT NOT NULL,
    -- due, paid or reversed.
    state TEXT NOT NULL,
    -- The rail's own id, once it has one.
    reference TEXT,
    -- What people read.
    reason TEXT NOT NULL,
    created_by UUID REFERENCES users (id),
    created_at BIGINT NOT NULL,
    settled_at BIGINT,
    CHECK (tax_minor + commission_minor + net_minor IN (0, amount_minor)),
    UNIQUE (rail, reference)
);
CREATE INDEX refunds_by_payment ON refunds (payment_id);
CREATE INDEX refunds_by_provider ON refunds (provider_id, created_at);
CREATE INDEX refunds_by_organization ON refunds (organization_id, created_at);

-- What was given back until today went back whole. It keeps the payment's name, by which the ledger knows it.
INSERT INTO refunds (id, payment_id, order_id, organization_id, provider_id, rail, currency, amount_minor, tax_minor,
                     commission_minor, net_minor, from_pending, cause, state, reference, reason, created_by,
                     created_at, settled_at)
SELECT p.id, p.id, p.order_id, p.organization_id, p.provider_id, p.rail, p.currency, p.amount_minor,
       COALESCE(e.tax_minor, 0), COALESCE(e.commission_minor, 0), COALESCE(e.net_minor, 0),
       e.id IS NOT NULL AND e.released_at IS NULL, 'decided',
       CASE p.state WHEN 'refunded' THEN 'paid' ELSE 'due' END, NULL, '', NULL,
       COALESCE(e.returned_at, p.refunded_at, p.created_at), p.refunded_at
FROM payments p
LEFT JOIN earnings e ON e.payment_id = p.id
WHERE p.state IN ('refunding', 'refunded') AND p.amount_minor > 0;

CREATE TRIGGER refunds_update BEFORE UPDATE OF id, payment_id, order_id, organization_id, provider_id, rail, currency,
    amount_minor, tax_minor, commission_minor, net_minor, from_pending, cause, created_by, created_at ON refunds
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse('what was decided about a refund stays');
CREATE TRIGGER refunds_delete BEFORE DELETE ON refunds
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse('what was decided about a refund stays');

-- No more goes back than was paid. Whoever decides holds the order's row, so that two of them cannot both fit.
CREATE FUNCTION refunds_within_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.amount_minor + (SELECT COALESCE(SUM(amount_minor), 0) FROM refunds
                           WHERE payment_id = NEW.payment_id AND state <> 'reversed')
        > (SELECT amount_minor FROM payments WHERE id = NEW.payment_id) THEN
        RAISE EXCEPTION 'no more goes back than was paid';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER refunds_within_payment BEFORE INSERT ON refunds
    FOR EACH ROW EXECUTE FUNCTION refunds_within_payment();

-- A payment that its buyer's bank has taken back, or asks about.
CREATE TABLE disputes (
    id UUID PRIMARY KEY,
    rail TEXT NOT NULL,
    reference TEXT NOT NULL,
    payment_id UUID NOT NULL REFERENCES payments (id),
    organization_id UUID NOT NULL REFERENCES organizations (id),
    provider_id UUID NOT NULL REFERENCES organizations (id),
    -- What went back of it; nothing while the bank only asks.
    refund_id UUID REFERENCES refunds (id),
    currency TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    fee_minor BIGINT NOT NULL,
    -- needs_response, under_review, won or lost.
    state TEXT NOT NULL,
    -- The bank's word for why, fraudulent.
    reason TEXT NOT NULL,
    due_by BIGINT,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    UNIQUE (rail, reference)
);
CREATE INDEX disputes_by_payment ON disputes (payment_id);

-- Something about money that a person has to look at.
CREATE TABLE cases (
    id UUID PRIMARY KEY,
    rail TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- What it is about, so that the same thing is one case: the id of a refund, of a dispute, of a rail's object.
    subject TEXT NOT NULL,
    title TEXT NOT NULL,
    detail TEXT NOT NULL,
    order_id UUID REFERENCES orders (id),
    opened_at BIGINT NOT NULL,
    closed_at BIGINT,
    -- Who closed it; nobody where it went away by itself.
    closed_by UUID REFERENCES users (id),
    note TEXT NOT NULL,
    UNIQUE (rail, kind, subject)
);
CREATE INDEX cases_by_time ON cases (closed_at, opened_at);

-- Until when a payment company was compared with the ledger.
CREATE TABLE reconciliations (
    rail TEXT PRIMARY KEY,
    compared_until BIGINT NOT NULL
);

-- A payment may have several credit notes now: one for each refund.
ALTER TABLE invoices DROP CONSTRAINT invoices_payment_id_kind_key;
CREATE UNIQUE INDEX invoices_by_payment ON invoices (payment_id) WHERE kind = 'invoice';
ALTER TABLE invoices ADD COLUMN refund_id UUID REFERENCES refunds (id);
ALTER TABLE invoices ADD UNIQUE (refund_id, kind);
ALTER TABLE invoices DISABLE TRIGGER invoices_stay;
UPDATE invoices SET refund_id = payment_id
WHERE kind = 'credit_note' AND EXISTS (SELECT 1 FROM refunds r WHERE r.id = invoices.payment_id);
ALTER TABLE invoices ENABLE TRIGGER invoices_stay;

ALTER TABLE refunds ENABLE ROW LEVEL SECURITY;
ALTER TABLE refunds FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON refunds USING (cmp_sees(organization_id) OR cmp_sees(provider_id));
ALTER TABLE disputes ENABLE ROW LEVEL SECURITY;
ALTER TABLE disputes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON disputes USING (cmp_sees(organization_id) OR cmp_sees(provider_id));
ALTER TABLE cases ENABLE ROW LEVEL SECURITY;
ALTER TABLE cases FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON cases USING (cmp_is_system());
ALTER TABLE reconciliations ENABLE ROW LEVEL SECURITY;
ALTER TABLE reconciliations FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON reconciliations USING (cmp_is_system());

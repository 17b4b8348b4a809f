-- Which statement bills a call; NULL until one does.
ALTER TABLE invocations ADD COLUMN statement_id BLOB REFERENCES statements (id) DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX invocations_by_statement ON invocations (statement_id, started_at) WHERE statement_id IS NOT NULL;
-- Those of before: by when they ended.
UPDATE invocations SET statement_id = (
    SELECT s.id FROM statements s
    WHERE s.subscription_id = invocations.subscription_id AND s.closed_at >= invocations.finished_at
    ORDER BY s.number LIMIT 1)
WHERE state = 'succeeded' AND subscription_id IN (SELECT subscription_id FROM statements);

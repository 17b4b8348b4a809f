-- What passages mean, by a model ----------------------------------------------------------------

-- SHA-256 of a passage with its title and headings, which is what a model is asked about; empty until then.
ALTER TABLE knowledge_passages ADD COLUMN content_hash BYTEA NOT NULL DEFAULT '';
CREATE INDEX knowledge_passages_by_content ON knowledge_passages (organization_id, content_hash);

-- `knowledge::Vector`, once an organization for the same content.
CREATE TABLE knowledge_vectors (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    model TEXT NOT NULL,
    content_hash BYTEA NOT NULL,
    vector BYTEA NOT NULL,
    PRIMARY KEY (organization_id, model, content_hash)
);

-- The model whose vectors a base is searched by: an earlier one until all passages have one of the next.
ALTER TABLE knowledge_bases ADD COLUMN model TEXT NOT NULL DEFAULT '';

-- The second wall; see 0001.
ALTER TABLE knowledge_vectors ENABLE ROW LEVEL SECURITY;
ALTER TABLE knowledge_vectors FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON knowledge_vectors USING (cmp_sees(organization_id));

-- What passages mean, by a model ----------------------------------------------------------------

-- SHA-256 of a passage with its title and headings, which is what a model is asked about; empty until then.
ALTER TABLE knowledge_passages ADD COLUMN content_hash BLOB NOT NULL DEFAULT x'';
CREATE INDEX knowledge_passages_by_content ON knowledge_passages (organization_id, content_hash);

-- `knowledge::Vector`, once an organization for the same content.
CREATE TABLE knowledge_vectors (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    model TEXT NOT NULL,
    content_hash BLOB NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (organization_id, model, content_hash)
) STRICT;

-- The model whose vectors a base is searched by: an earlier one until all passages have one of the next.
ALTER TABLE knowledge_bases ADD COLUMN model TEXT NOT NULL DEFAULT '';

-- Documents that another program keeps, and how many a plan has ---------------------------------

-- What the other program calls the document once it can be found there; empty where it is kept here alone.
ALTER TABLE knowledge_documents ADD COLUMN remote_id TEXT NOT NULL DEFAULT '';

-- What the documents of one agent may be together.
ALTER TABLE plans ADD COLUMN max_documents BIGINT NOT NULL DEFAULT 500;
ALTER TABLE plans ADD COLUMN max_document_bytes BIGINT NOT NULL DEFAULT 250000000;
ALTER TABLE plans ADD COLUMN max_document_pages BIGINT NOT NULL DEFAULT 20000;

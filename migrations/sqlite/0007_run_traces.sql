-- Traces of runs --------------------------------------------------------------------------------
--
-- What each step of a run took, for the provider whose flow it was. The last thousand of an agent are
-- kept, for two weeks at most.

-- Whether the provider may read what is said.
ALTER TABLE configs ADD COLUMN share_texts INTEGER NOT NULL DEFAULT 0;

CREATE TABLE run_traces (
    invocation_id BLOB PRIMARY KEY REFERENCES invocations (id) ON DELETE CASCADE,
    -- The buyer.
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    provider_id BLOB NOT NULL REFERENCES organizations (id),
    config_id BLOB NOT NULL REFERENCES configs (id) ON DELETE CASCADE,
    agent_id BLOB NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    flow_version_id BLOB NOT NULL REFERENCES flow_versions (id) ON DELETE CASCADE,
    started_at INTEGER NOT NULL,
    -- Without anything that was said.
    steps TEXT NOT NULL,
    -- The same with what was said; only with the buyer's consent, and removed when it is taken back.
    texts TEXT,
    left_out INTEGER NOT NULL
) STRICT;
CREATE INDEX run_traces_by_agent ON run_traces (agent_id, started_at);
CREATE INDEX run_traces_by_config ON run_traces (config_id);
CREATE INDEX run_traces_by_start ON run_traces (started_at);

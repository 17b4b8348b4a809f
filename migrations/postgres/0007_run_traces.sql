-- Traces of runs --------------------------------------------------------------------------------
--
-- What each step of a run took, for the provider whose flow it was. The last thousand of an agent are
-- kept, for two weeks at most.

-- Whether the provider may read what is said.
ALTER TABLE configs ADD COLUMN share_texts BOOLEAN NOT NULL DEFAULT FALSE;

CREATE TABLE run_traces (
    invocation_id UUID PRIMARY KEY REFERENCES invocations (id) ON DELETE CASCADE,
    -- The buyer.
    organization_id UUID NOT NULL REFERENCES organizations (id),
    provider_id UUID NOT NULL REFERENCES organizations (id),
    config_id UUID NOT NULL REFERENCES configs (id) ON DELETE CASCADE,
    agent_id UUID NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    flow_version_id UUID NOT NULL REFERENCES flow_versions (id) ON DELETE CASCADE,
    started_at BIGINT NOT NULL,
    -- Without anything that was said.
    steps JSONB NOT NULL,
    -- The same with what was said; only with the buyer's consent, and removed when it is taken back.
    texts JSONB,
    left_out BIGINT NOT NULL
);
CREATE INDEX run_traces_by_agent ON run_traces (agent_id, started_at);
CREATE INDEX run_traces_by_config ON run_traces (config_id);
CREATE INDEX run_traces_by_start ON run_traces (started_at);

-- The second wall; see 0001.
ALTER TABLE run_traces ENABLE ROW LEVEL SECURITY;
ALTER TABLE run_traces FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON run_traces USING (cmp_sees(organization_id) OR cmp_sees(provider_id));

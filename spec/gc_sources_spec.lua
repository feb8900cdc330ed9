-- No column that may name a blob is forgotten: of every text column of every table it is known
-- whether collecting garbage reads it.

local gc_sources = require "moonbase.gc_sources"
local plans = require "spec.support.plans"
local stores = require "spec.support.stores"

-- Text that is no document: ids, names, words and hashes. A part that adds a column says here or in
-- gc_sources what it is.
local PLAIN = {
  artifacts = "namespace name", blobs = "hash kind upload", blob_collector = "run",
  blob_pieces = "digest", blob_touches = "hash", event_consumers = "name stream",
  event_streams = "name", events = "type retry_key", flow_failures = "step reason",
  flow_iterations = "loop_instance frame", flow_outputs = "loop step",
  flow_steps = "step agent status", flows = "status id mob flow", job_queues = "name",
  graph_details = "source", graph_nodes = "name", graph_relations = "name",
  jobs = "state id owner token dedupe group_name error", kv = "ns key",
  leases = "name token owner",
  memories = "id namespace type source piece owner author tags entities mentions text",
  memory_history = "id text", memory_labels = "label", memory_mentions = "name",
  memory_vectors = "embedder stamp", messages = "id run", migrations = "name",
  pending = "id boundary granularity target_run", profiles = "id",
  runs = "id thread agent status parent", scopes = "name", sequences = "name",
  session_checkpoints = "ref", -- only heads keep checkpoints
  session_details = "first_user_message fork_session fork_node", session_nodes = "id",
  session_turns = "turn hash", session_usage = "source model",
  sessions = "id parent name model cwd", specs = "id",
  threads = "id resource parent active_run open_run latest_run title",
  transactions = "id label participants write_set", -- a hash there says what was written, no more
  transaction_participants = "name",
  vector_collections = "name metric stamp", vector_items = "id text", vector_cards = "stamp",
  -- The exact form of `body`, which names the same blobs, and its kind and id.
  flow_documents = "exact kind id",
}

local COLUMNS = [[
  SELECT t.name AS name, c.name AS column FROM pragma_table_list t, pragma_table_info(t.name) c
  WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND c.type = 'TEXT'
  ORDER BY t.name, c.cid]]

describe("the sources of names of blobs", function()
  local store

  before_each(function() store = stores.open() end)

  after_each(stores.cleanup)

  it("are all columns of text that is not known to be plain", function()
    local known, unknown = {}, {}
    for name, columns in pairs(PLAIN) do
      for column in columns:gmatch("%S+") do known[name .. "." .. column] = true end
    end
    for _, source in ipairs(gc_sources.list) do known[source.table .. "." .. source.column] = true end
    for _, row in ipairs(assert(store.context.engine:rows(COLUMNS))) do
      local name = row.name .. "." .. row.column
      if not known[name] then unknown[#unknown + 1] = name end
      known[name] = nil
    end
    assert.are.same({}, unknown)
    assert.are.same({}, known) -- none that is gone is still listed
  end)

  it("are read from indexes of the rows that name any", function()
    -- Walking those indexes from end to end is what is wanted; a column of hashes has no such.
    local found = {}
    for _, step in ipairs(plans.slow(store, function() assert(store:gc { dry_run = true }) end)) do
      if not step:find("^SCAN d USING [A-Z ]*INDEX [a-z_]+_blobs") then found[#found + 1] = step end
    end
    assert.are.same({}, found)
  end)
end)

rockspec_format = "3.0"
package = "moonbase"
version = "scm-1"

-- `luarocks make` builds the checkout it is run in; nothing is fetched from here.
source = {
  url = "git+https://moonbase.invalid/moonbase.git",
}

description = {
  summary = "Embedded agent-state database: conversations, runs, jobs and memory in one file",
  detailed = [[
    Keeps the whole state of an AI agent in one SQLite file behind one require: conversations,
    runs and checkpoints, event logs, multi-agent flows, sessions and blobs, durable jobs and
    leases, and long-term memory, all under one ACID transaction and safe for several processes.
    Runs on Lua 5.4 and LuaJIT (OpenResty).
  ]],
  license = "MIT",
}

supported_platforms = { "unix" }

dependencies = {
  "lua >= 5.1",
  "lua-cjson",
}

external_dependencies = {
  SQLITE = { header = "sqlite3.h", library = "sqlite3" },
  ZSTD = { header = "zstd.h", library = "zstd" },
  SODIUM = { header = "sodium.h", library = "sodium" },
}

build = {
  type = "builtin",
  modules = {
    ["moonbase"] = "lua/moonbase/init.lua",
    ["moonbase.base64url"] = "lua/moonbase/base64url.lua",
    ["moonbase.chain"] = "lua/moonbase/chain.lua",
    ["moonbase.check"] = "lua/moonbase/check.lua",
    ["moonbase.checkpoints"] = "lua/moonbase/checkpoints.lua",
    ["moonbase.connections"] = "lua/moonbase/connections.lua",
    ["moonbase.context"] = "lua/moonbase/context.lua",
    ["moonbase.delivery"] = "lua/moonbase/delivery.lua",
    ["moonbase.document"] = "lua/moonbase/document.lua",
    ["moonbase.engine.sqlite"] = "lua/moonbase/engine/sqlite.lua",
    ["moonbase.errors"] = "lua/moonbase/errors.lua",
    ["moonbase.event_consumer"] = "lua/moonbase/event_consumer.lua",
    ["moonbase.event_log"] = "lua/moonbase/event_log.lua",
    ["moonbase.event_reader"] = "lua/moonbase/event_reader.lua",
    ["moonbase.event_retention"] = "lua/moonbase/event_retention.lua",
    ["moonbase.events"] = "lua/moonbase/events.lua",
    ["moonbase.expiry"] = "lua/moonbase/expiry.lua",
    ["moonbase.filter"] = "lua/moonbase/filter.lua",
    ["moonbase.flow_ledger"] = "lua/moonbase/flow_ledger.lua",
    ["moonbase.flow_reader"] = "lua/moonbase/flow_reader.lua",
    ["moonbase.flow_rows"] = "lua/moonbase/flow_rows.lua",
    ["moonbase.flow_swap"] = "lua/moonbase/flow_swap.lua",
    ["moonbase.flows"] = "lua/moonbase/flows.lua",
    ["moonbase.hierarchy"] = "lua/moonbase/hierarchy.lua",
    ["moonbase.job_line"] = "lua/moonbase/job_line.lua",
    ["moonbase.job_list"] = "lua/moonbase/job_list.lua",
    ["moonbase.job_queue"] = "lua/moonbase/job_queue.lua",
    ["moonbase.job_record"] = "lua/moonbase/job_record.lua",
    ["moonbase.job_retention"] = "lua/moonbase/job_retention.lua",
    ["moonbase.jobs"] = "lua/moonbase/jobs.lua",
    ["moonbase.kv"] = "lua/moonbase/kv.lua",
    ["moonbase.kv_pages"] = "lua/moonbase/kv_pages.lua",
    ["moonbase.kv_rows"] = "lua/moonbase/kv_rows.lua",
    ["moonbase.lease_record"] = "lua/moonbase/lease_record.lua",
    ["moonbase.leases"] = "lua/moonbase/leases.lua",
    ["moonbase.listing"] = "lua/moonbase/listing.lua",
    ["moonbase.message"] = "lua/moonbase/message.lua",
    ["moonbase.message_index"] = "lua/moonbase/message_index.lua",
    ["moonbase.message_log"] = "lua/moonbase/message_log.lua",
    ["moonbase.message_pages"] = "lua/moonbase/message_pages.lua",
    ["moonbase.message_reader"] = "lua/moonbase/message_reader.lua",
    ["moonbase.message_search"] = "lua/moonbase/message_search.lua",
    ["moonbase.namespace"] = "lua/moonbase/namespace.lua",
    ["moonbase.page"] = "lua/moonbase/page.lua",
    ["moonbase.pause"] = "lua/moonbase/pause.lua",
    ["moonbase.pending"] = "lua/moonbase/pending.lua",
    ["moonbase.prefix"] = "lua/moonbase/prefix.lua",
    ["moonbase.profiles"] = "lua/moonbase/profiles.lua",
    ["moonbase.revisions"] = "lua/moonbase/revisions.lua",
    ["moonbase.run_record"] = "lua/moonbase/run_record.lua",
    ["moonbase.runs"] = "lua/moonbase/runs.lua",
    ["moonbase.schema"] = "lua/moonbase/schema/init.lua",
    ["moonbase.schema.001_base"] = "lua/moonbase/schema/001_base.lua",
    ["moonbase.schema.002_chains"] = "lua/moonbase/schema/002_chains.lua",
    ["moonbase.schema.003_threads"] = "lua/moonbase/schema/003_threads.lua",
    ["moonbase.schema.004_runs"] = "lua/moonbase/schema/004_runs.lua",
    ["moonbase.schema.005_events"] = "lua/moonbase/schema/005_events.lua",
    ["moonbase.schema.006_jobs"] = "lua/moonbase/schema/006_jobs.lua",
    ["moonbase.schema.007_leases"] = "lua/moonbase/schema/007_leases.lua",
    ["moonbase.schema.008_kv"] = "lua/moonbase/schema/008_kv.lua",
    ["moonbase.schema.009_flows"] = "lua/moonbase/schema/009_flows.lua",
    ["moonbase.schema.010_specs"] = "lua/moonbase/schema/010_specs.lua",
    ["moonbase.sequence"] = "lua/moonbase/sequence.lua",
    ["moonbase.specs"] = "lua/moonbase/specs.lua",
    ["moonbase.thread_queue"] = "lua/moonbase/thread_queue.lua",
    ["moonbase.thread_record"] = "lua/moonbase/thread_record.lua",
    ["moonbase.thread_rows"] = "lua/moonbase/thread_rows.lua",
    ["moonbase.threads"] = "lua/moonbase/threads.lua",
    ["moonbase.transaction"] = "lua/moonbase/transaction.lua",
    ["moonbase.view"] = "lua/moonbase/view.lua",
    ["moonbase.words"] = "lua/moonbase/words.lua",
    ["moonbase.worker"] = "lua/moonbase/worker.lua",
    ["moonbase.worker_task"] = "lua/moonbase/worker_task.lua",
    ["moonbase.core"] = {
      sources = {
        "src/binding/calls.c",
        "src/binding/connection.c",
        "src/binding/core.c",
        "src/binding/errors.c",
        "src/binding/json.c",
        "src/binding/json_decode.c",
        "src/binding/json_encode.c",
        "src/binding/json_marks.c",
        "src/binding/kernels.c",
        "src/binding/rows.c",
        "src/binding/string_cache.c",
        "src/binding/transaction.c",
        "src/binding/types.c",
        "src/binding/vm.c",
        "src/kernel/buffer.c",
        "src/kernel/codes.c",
        "src/kernel/compress.c",
        "src/kernel/decimal.c",
        "src/kernel/json_canonical.c",
        "src/kernel/json_read.c",
        "src/kernel/json_write.c",
        "src/kernel/number_format.c",
        "src/kernel/number_parse.c",
        "src/kernel/power10.c",
        "src/kernel/process.c",
        "src/kernel/sha256.c",
        "src/kernel/sha256_hardware.c",
        "src/kernel/utf8.c",
        "src/kernel/uuid7.c",
        "src/storage/busy.c",
        "src/storage/connection.c",
        "src/storage/inherited.c",
        "src/storage/path.c",
        "src/storage/sqlite_error.c",
        "src/storage/statement.c",
        "src/storage/transaction.c",
      },
      incdirs = { "src", "$(SQLITE_INCDIR)", "$(ZSTD_INCDIR)", "$(SODIUM_INCDIR)" },
      libdirs = { "$(SQLITE_LIBDIR)", "$(ZSTD_LIBDIR)", "$(SODIUM_LIBDIR)" },
      libraries = { "sqlite3", "zstd", "sodium" },
    },
  },
}

test = {
  type = "command",
  script = "spec/run.lua",
}

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
    ["moonbase.core"] = {
      sources = {
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

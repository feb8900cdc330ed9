-- Blobs: put and get, beside a bare C program that hashes the bytes and keeps them in one row; with
-- and without compression; and collecting 100,000 (ORPHANS) that nothing names.

local engines = require "bench.support.engines"
local Program = require "bench.support.program"
local report = require "bench.support.report"
local rounds = require "bench.support.rounds"
local sample = require "bench.support.sample"

local ROUNDS = tonumber(os.getenv("ROUNDS")) or 15
local ORPHANS = tonumber(os.getenv("ORPHANS")) or 100000

local folder = engines.build .. "/bench/blobs"
local work = "bench/blobs/moonbase.lua"

local PROGRAMS = {
  { key = "bare", title = "bare C", command = engines.build .. "/bench/bare" },
  { key = "lua54", title = "moonbase, Lua 5.4", command = engines.command("lua54", work) },
  { key = "luajit", title = "moonbase, LuaJIT", engine = "luajit",
    command = engines.command("luajit", work) },
  { key = "latency", title = "not compressing", command = engines.command("lua54", work),
    compress = "latency" },
}

local function shell(command)
  local status = os.execute(command)
  assert(status == true or status == 0, command)
end

local function start(entry)
  return assert(Program.start(entry.key, entry.title, ("%s %s/%s.db %s %s"):format(entry.command,
    folder, entry.key, folder, entry.key == "bare" and "" or entry.compress or "balanced"), folder))
end

-- The bytes that are stored, and copies of one file, which moonbase makes.
local function seed()
  shell("rm -rf '" .. folder .. "' && mkdir -p '" .. folder .. "'")
  shell("head -c 1048576 /dev/urandom > '" .. folder .. "/noise'")
  sample.write(folder .. "/text", 4000, function() return sample.plain(300) end)
  local program = start(PROGRAMS[2])
  program:measure("blob_put", 1, 100, "noise")
  program:stop()
  for _, entry in ipairs(PROGRAMS) do
    if entry.key ~= "lua54" then
      shell(("cp %s/lua54.db %s/%s.db"):format(folder, folder, entry.key))
    end
  end
end

local function start_all()
  local programs = {}
  for _, entry in ipairs(PROGRAMS) do
    if not entry.engine or engines.available(entry.engine) then
      local program = start(entry)
      programs[#programs + 1] = program
      print(("  %-18s %s"):format(entry.title, program.version))
    end
  end
  print()
  return programs
end

local rows, claims = {}, {}

local function add_row(title, name, count, ...)
  rows[#rows + 1] = { title = title, work = name, count = count, arguments = { ... } }
  return rows[#rows]
end

local function claim(row, title, at_most)
  claims[#claims + 1] = { title = title .. ", of bare C", at_most = at_most, show = report.ratio,
    measure = function(program)
      return rounds.ratio(row.results[program.key], row.results.bare)
    end }
end

-- The most that each may take of what bare C takes, put and get.
local SIZES = {
  { "1 KB", 1024, 20, put = 1.25, get = 4 },
  { "64 KB", 65536, 10, put = 1.5, get = 1.5 },
  { "1 MB", 1048576, 4, put = 1.5, get = 2 },
}

for _, size in ipairs(SIZES) do
  local name = size[1] .. " that does not compress"
  claim(add_row("put " .. name, "blob_put", size[3], size[2], "noise"), "put " .. name, size.put)
  claim(add_row("  get it", "blob_get", size[3], size[2]), "get it", size.get)
  add_row("  put it again", "blob_again", size[3], size[2])
  if size[2] > 4096 then
    add_row("put " .. size[1] .. " of text", "blob_put", size[3], size[2], "text")
    add_row("  get it", "blob_get", size[3], size[2])
  end
end

local collected = { title = ("collect %d of 1 KB"):format(ORPHANS), work = "blob_gc", count = 1,
  arguments = {} }

local function collect(programs)
  local seeded = { title = "seed", work = "blob_seed", count = 1, arguments = { ORPHANS } }
  for _, row in ipairs { seeded, collected } do
    rounds.run(programs, { row }, 1)
  end
  rows[#rows + 1] = collected
  claim(collected, collected.title, 3)
end

local function main()
  print "blobs: durable (WAL, synchronous=FULL), side by side in one run"
  seed()
  local programs = start_all()
  rounds.run(programs, rows, ROUNDS)
  collect(programs)
  report.table("", programs, rows)
  report.claims({ programs[2], programs[3] }, claims)
  for _, program in ipairs(programs) do program:stop() end
  shell("rm -rf '" .. folder .. "'")
end

main()

-- Blobs: put and get, beside a bare C program that hashes the bytes and keeps them in one row; with
-- and without compression; and collecting 100,000 (ORPHANS) that nothing names.

local Programs = require "bench.support.programs"
local report = require "bench.support.report"
local rounds = require "bench.support.rounds"
local sample = require "bench.support.sample"

local ROUNDS = tonumber(os.getenv("ROUNDS")) or 15
local ORPHANS = tonumber(os.getenv("ORPHANS")) or 100000

local side = Programs.new "blobs"
local work = side.entries[2].command

side.entries[2].words, side.entries[3].words = "balanced", "balanced"
side.entries[4] = { key = "latency", title = "not compressing", command = work, words = "latency" }

local function prepare()
  side:clear()
  side.shell("head -c 1048576 /dev/urandom > '" .. side.folder .. "/noise'")
  sample.write(side.folder .. "/text", 4000, function() return sample.plain(300) end)
  side:seed(function(program) program:measure("blob_put", 1, 100, "noise") end)
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
  prepare()
  local programs = side:start_all()
  rounds.run(programs, rows, ROUNDS)
  collect(programs)
  report.table("", programs, rows)
  report.claims({ programs[2], programs[3] }, claims)
  side:finish(programs)
end

main()

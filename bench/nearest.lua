-- The ten nearest of many vectors of 384 numbers, beside other programs for that: a scan of all
-- float32 numbers in memory, faiss, hnswlib and sqlite-vec, on data with groups, with the spectrum
-- of embeddings, and without any order. What each does stands in bench/nearest/.
--
-- COUNTS="1000 20000 100000 1000000" for other sizes than the usual ones.

local engines = require "bench.support.engines"
local Program = require "bench.support.program"
local report = require "bench.support.report"
local rounds = require "bench.support.rounds"

local KINDS = { "groups", "spectrum", "noise" }
local COUNTS = os.getenv("COUNTS") or "1000 20000 100000"
local QUERIES = 50
local ENOUGH = 0.99 -- of the ten nearest; what can try harder does so until it finds as many

local folder = engines.build .. "/bench/nearest"
local peers = engines.build .. "/bench/peers"
local vec0 = engines.build .. "/bench/vec0.so"

local PROGRAMS = {
  { key = "scan", title = "float scan" },
  { key = "lua54", title = "moonbase", command = engines.command("lua54",
    "bench/nearest/moonbase.lua") },
  { key = "hnswlib", title = "hnswlib, M=16", efforts = { 16, 32, 64, 128, 256, 512, 1024 } },
  { key = "faiss-flat", title = "faiss Flat" },
  { key = "faiss-ivf", title = "faiss IVF", efforts = { 1, 4, 16, 32, 64, 128, 256 } },
  { key = "sqlite-vec", title = "sqlite-vec" },
}

local function command_of(entry)
  if entry.command then return ("%s %s/moonbase.db %s"):format(entry.command, folder, folder) end
  return ("%s %s %s %s 2>/dev/null"):format(peers, entry.key, folder, vec0)
end

local function shell(command)
  local status = os.execute(command)
  return status == true or status == 0
end

local function start(entry)
  local program, reason = Program.start(entry.key, entry.title, command_of(entry), folder)
  if not program then print(("  %s is left out: %s"):format(entry.title, reason)) end
  return program
end

local function share_found(ids, truth)
  local found, all = 0, #truth / 10
  for q = 0, all - 1 do
    local wanted = {}
    for i = 1, 10 do wanted[truth[q * 10 + i]] = true end
    for i = 1, 10 do found = found + (wanted[ids[q * 10 + i]] and 1 or 0) end
  end
  return found / #truth
end

-- Tries harder until enough is found.
local function recall_of(program, entry, truth)
  local recall
  for _, effort in ipairs(entry.efforts or { false }) do
    if effort then program:measure("effort", 1, effort) end
    recall = share_found(program:measure("ids", QUERIES), truth)
    if recall >= ENOUGH then return recall, effort end
  end
  return recall, entry.efforts and entry.efforts[#entry.efforts]
end

local LINE = "  %-14s %10s %10s %9s %9s %7s  %s"

local function show(entry, figures, base)
  print(LINE:format(entry.title, report.time(figures.search),
    report.ratio(figures.search / base.search), report.time(figures.load),
    ("%.0f MB"):format(figures.memory / 1e6), ("%.3f"):format(figures.recall),
    figures.effort and "effort " .. figures.effort or ""))
end

local function measure(entry, truth)
  local program = start(entry)
  if not program then return nil end
  local figures = { load = program:measure("load", 1)[1] }
  local found = truth or program:measure("ids", QUERIES)
  figures.recall, figures.effort = recall_of(program, entry, found)
  figures.search = rounds.median(program:measure("search", QUERIES))
  figures.memory = program:measure("memory", 1)[1]
  program:stop()
  return figures, found
end

local function compare(kind, count)
  local maker = assert(start { key = "scan", title = "data" })
  maker:measure("data", 1, kind, count)
  maker:stop()
  print(("\n  %s, %d vectors"):format(kind, count))
  print(LINE:format("", "search", "of a scan", "build", "memory", "recall", ""))
  local base, truth
  for _, entry in ipairs(PROGRAMS) do
    local figures, found = measure(entry, truth)
    base, truth = base or figures, truth or found
    if figures then show(entry, figures, base) end
    os.remove(folder .. "/moonbase.db")
  end
end

local function main()
  print "nearest: 384 numbers, top 10 by cosine, one thread, each program by itself"
  if not shell("test -x " .. peers) then
    print "  left out: build/bench/peers was not built (it needs g++, libfaiss-dev, libhnswlib-dev)"
    return
  end
  for count in COUNTS:gmatch("%d+") do
    for _, kind in ipairs(KINDS) do
      assert(shell("rm -rf '" .. folder .. "' && mkdir -p '" .. folder .. "'"))
      compare(kind, tonumber(count))
    end
  end
  shell("rm -rf '" .. folder .. "'")
end

main()

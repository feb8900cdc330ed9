--- Memory: texts to be found again, by their words, by what they mean, by whom they mention.

local check = require "moonbase.check"
local errors = require "moonbase.errors"
local expiry = require "moonbase.expiry"
local filter = require "moonbase.filter"
local memory_care = require "moonbase.memory_care"
local memory_forget = require "moonbase.memory_forget"
local memory_history = require "moonbase.memory_history"
local memory_ingest = require "moonbase.memory_ingest"
local memory_list = require "moonbase.memory_list"
local memory_record = require "moonbase.memory_record"
local memory_rows = require "moonbase.memory_rows"
local memory_search = require "moonbase.memory_search"
local memory_select = require "moonbase.memory_select"
local memory_sources = require "moonbase.memory_sources"
local memory_update = require "moonbase.memory_update"

---@class moonbase.MemoryPart
---@field ctx moonbase.Context
local Memory = {}
Memory.__index = Memory

---@param ctx moonbase.Context
---@return moonbase.MemoryPart
function Memory.new(ctx)
  return setmetatable({ ctx = ctx }, Memory)
end

local function put(ctx, draft)
  local rows, err = memory_rows.put(ctx, { draft })
  if not rows then return nil, err end
  return memory_record.of(rows[1])
end

--- Remembers a text. One of the same id is replaced whole: what is left out is cleared. Its
--- earlier text goes to the history.
---@param memory table  text; id: made when left out; namespace: a path ("default"); type; tags:
---  an array of names; metadata: any document; source: where it is from; at: when it was so (now);
---  ttl: ms until it is gone; importance: a number from 0 up; vector: instead of the one the
---  embedder would make; entities: the names it mentions, instead of those found in it
---@return moonbase.Memory|nil
---@return moonbase.Error|nil err  `invalid`, `serialization`; `io` when the embedder fails
function Memory:remember(memory)
  local draft, err = memory_record.draft(self.ctx, "", check.type("memory", memory, "table"))
  if not draft then return nil, err end
  local ok
  ok, err = self.ctx:may_write()
  if ok then ok, err = memory_record.embed(self.ctx, { draft }) end
  if not ok then return nil, err end
  return self.ctx:write(put, self.ctx, draft)
end

--- The record of an id.
---@param id string
---@return moonbase.Memory|nil  nil alone when there is none, or one that has expired
---@return moonbase.Error|nil err  `invalid`, `corrupt`
function Memory:recall(id)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  local scope, row
  scope, err = self.ctx:scope()
  if not scope then return nil, err end
  row, err = memory_rows.live(self.ctx, scope, id)
  if not row then return nil, err end
  return memory_record.of(row)
end

--- Changes fields of a record. `metadata` is merged key by key; `moonbase.null` clears a field, or
--- a key of `metadata`. A new text gets a new vector and, where no entities were given, new ones.
---@param id string
---@param patch table  fields of `remember`, but not the id
---@return moonbase.Memory|nil
---@return moonbase.Error|nil err  `not_found`, `invalid`, `serialization`; `io` when the embedder
---  fails
function Memory:update(id, patch)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  return memory_update.run(self.ctx, id, patch)
end

local function forget_one(ctx, id)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local row, ok
  row, err = memory_rows.find(ctx, scope, id)
  if err then return nil, err end
  if not row then return false end
  ok, err = memory_forget.one(ctx, scope, row)
  if not ok then return nil, err end
  return not expiry.reached(row.expires_at, ctx:now())
end

local function forget_matching(ctx, conditions)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local serials
  serials, err = memory_select.matching(ctx, scope, conditions)
  if not serials then return nil, err end
  local count, live = memory_forget.all(ctx, scope, serials)
  if not count then return nil, live end
  return live
end

local function forget_by_filter(ctx, source)
  local predicate, used = memory_select.compile(source)
  if not predicate then return nil, used end
  if filter.is_empty(source) then return errors.invalid("filter", "is empty") end
  return ctx:write(forget_matching, ctx, { filter = source, predicate = predicate,
    used = used, expired = true })
end

--- Forgets a record, or all that a filter holds for: their texts, earlier texts, words, vectors and
--- mentions. Of what was in the file nothing can be read any more once the write-ahead log is
--- emptied, by `store:vacuum()` or by closing the last handle.
---@param which string|moonbase.Filter  an id, or a filter over the fields of records
---@return boolean|integer|nil forgotten  of an id: false when there was none; of a filter: how many
---@return moonbase.Error|nil err  `invalid`, also for an empty filter
function Memory:forget(which)
  if type(which) == "table" then return forget_by_filter(self.ctx, which) end
  local ok, err = check.id("id", which)
  if not ok then return nil, err end
  return self.ctx:write(forget_one, self.ctx, which)
end

--- Remembers a whole source: a document split into pieces, or a chat or thread of e-mails with a
-- record for each message. The same again writes nothing. Where it has changed, what is gone is
-- forgotten and what stayed is left alone; with a `version`, the pieces of other versions stay, but
-- searches find only those of the newest: the greatest number, else the one that came last.
---@param ingest table  source: its name; kind: "chat", "email" or "document"; text, or messages, an
---  array of { text, author?, at? }: all of it, not only what is new; title, owner, namespace,
---  tags, at, ttl: of every piece; version: a name or a number; max_tokens (3000) and overlap
---  (0.12): of pieces; on_admit: true to refuse what scores low, or fun(piece, score, signals) that
---  tells whether to admit it
---@return table|nil report  { source, written, skipped, refused?, ids }; ids of all pieces in order
---@return moonbase.Error|nil err  `invalid`; `io` when the embedder fails
function Memory:ingest(ingest)
  return memory_ingest.run(self.ctx, ingest)
end

--- Forgets everything that is from a source, of all its versions.
---@param source string
---@return integer|nil count
---@return moonbase.Error|nil err  `invalid`
function Memory:forget_source(source)
  local ok, err = check.id("source", source)
  if not ok then return nil, err end
  return self.ctx:write(memory_sources.forget, self.ctx, source)
end

--- Searches by words, by nearness of vectors, or by both and what else speaks for a text.
---@param query string|table  a text, or text, vector, mode ("hybrid", "keyword", "vector"), k (10),
---  namespace, filter, since, before, weights, half_life, expand, mmr, explain; see docs/search.md
---@return moonbase.MemoryHit[]|nil  best first
---@return moonbase.Error|nil err  `invalid`; `io` when the embedder fails
function Memory:search(query)
  return memory_search.run(self.ctx, query)
end

--- Records, the newest first by `at`.
---@param query? table  namespace: and those below it; type, tag, source; since: inclusive; before:
---  exclusive; limit, cursor, offset, total
---@return moonbase.Page|nil page  of moonbase.Memory
---@return moonbase.Error|nil err  `invalid`
function Memory:list(query)
  return memory_list.page(self.ctx, query)
end

local function history(ctx, id)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local row
  row, err = memory_rows.live(ctx, scope, id)
  if err then return nil, err end
  if not row then return {} end
  return memory_history.all(ctx, scope, id)
end

--- The earlier texts of a record, the oldest first; the last 100 are kept.
---@param id string
---@return table[]|nil  of { text, at, updated_at, replaced_at }; empty where there is no record
---@return moonbase.Error|nil err  `invalid`
function Memory:history(id)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  return self.ctx.engine:snapshot(history, self.ctx, id)
end

--- Removes records that have expired, a thousand in a transaction. No call shows an expired one;
--- this gives back its space.
---@return integer|nil count
---@return moonbase.Error|nil err  only where none was removed
function Memory:sweep()
  return memory_care.sweep(self.ctx)
end

--- How much there is.
---@return table|nil stats  { count, expired, embedder = { name, dim }, embedded, to_embed }:
---  records that are there; that have expired and wait for `sweep`; whose vectors are of the
---  handle's embedder; and of another, so that `reembed` has work to do
---@return moonbase.Error|nil err
function Memory:stats()
  return self.ctx.engine:snapshot(memory_care.stats, self.ctx)
end

local REEMBED = { limit = "number" }

--- Makes the vectors of records anew that another embedder made: searches by meaning find only
--- those of the handle's own. A hundred in a transaction; where something fails later on, it gives
--- the count of what was done.
---@param options? { limit: integer? }  how many at most (all)
---@return integer|nil count       0 when there are none left
---@return moonbase.Error|nil err  `invalid`; `io` when the embedder fails and none was made anew
function Memory:reembed(options)
  options = check.options("options", options, REEMBED)
  local limit, err, ok
  if options.limit then limit, err = check.integer("limit", options.limit) end
  if err then return nil, err end
  ok, err = self.ctx:may_write()
  if not ok then return nil, err end
  return memory_care.reembed(self.ctx, limit)
end

return Memory

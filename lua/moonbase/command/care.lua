--- Commands that look after a file.

local core = require "moonbase.core"
local moonbase = require "moonbase"

local care = {}

local function add(entry)
  entry.arguments, entry.options = entry.arguments or {}, entry.options or {}
  care[#care + 1] = entry
end

local function size(bytes)
  if bytes < 10240 then return ("%d B"):format(bytes) end
  if bytes < 10240 * 1024 then return ("%d KiB"):format(math.floor(bytes / 1024 + 0.5)) end
  return ("%d MiB"):format(math.floor(bytes / 1048576 + 0.5))
end

local function sorted_names(parts)
  local names = {}
  for name in pairs(parts) do names[#names + 1] = name end
  table.sort(names)
  return names
end

add {
  name = "info", about = "what the file holds",
  run = function(store)
    local engine, found, err = store.context.engine, store:stats()
    if not found then return nil, err end
    found.schema, err = engine:schema_version()
    if found.schema then
      found.scopes, err = engine:values("SELECT name FROM scopes ORDER BY id")
    end
    if not found.scopes then return nil, err end
    found.versions = core.versions()
    return found
  end,
  show = function(found, output)
    output:line(("%s: %s, log %s, pages of %d bytes, schema %d"):format(found.path,
      size(found.bytes), size(found.wal_bytes), found.page_size, found.schema))
    output:line("scopes: " .. table.concat(found.scopes, ", "))
    local rows = {}
    for i, name in ipairs(sorted_names(found.parts)) do
      local part = found.parts[name]
      rows[i] = { name, ("%d"):format(part.rows), size(part.bytes) }
    end
    output:columns({ "part", "rows", "size" }, rows)
  end,
}

add {
  name = "check", about = "whether all of it is sound",
  run = function(store)
    local ok, err = store:check()
    if ok then return { ok = true } end
    if err.code ~= "corrupt" then return nil, err end
    return { ok = false, problems = core.array(err.problems or { err.message }) }
  end,
  show = function(result, output)
    if result.ok then return output:line("sound") end
    for _, problem in ipairs(result.problems) do output:line(problem) end
  end,
}

add {
  name = "backup", about = "copy it into another file while it is in use", arguments = { "TARGET" },
  run = function(store, request, output)
    local ok, err = store:backup(request.arguments[1], {
      progress = function(done, total) output:progress(done, total) end,
    })
    return ok and { ok = true, path = request.arguments[1] }, err
  end,
}

add {
  name = "vacuum", about = "give free space back to the file system", writes = true,
  run = function(store)
    local before, ok, err, after
    before, err = store:stats()
    if before then ok, err = store:vacuum() end
    if ok then after, err = store:stats() end
    return after and { ok = true, bytes_before = before.bytes, bytes = after.bytes }, err
  end,
  show = function(result, output)
    output:line(size(result.bytes_before) .. " before, " .. size(result.bytes) .. " now")
  end,
}

add {
  name = "gc", about = "remove blobs that nothing names", writes = true,
  options = { ["dry-run"] = "flag" },
  run = function(store, request)
    local options = request.options
    return store:gc { dry_run = options["dry-run"], all_scopes = options.scope == nil }
  end,
  show = function(report, output)
    output:line(("%d blobs removed (%s), %d stay, %d of them named"):format(report.deleted,
      size(report.bytes_freed), report.retained, report.roots))
  end,
}

add {
  name = "export", about = "all of it as lines of JSON, to standard output",
  run = function(store, _, output)
    local _, err = store:export(function(line) output:raw(line) end)
    return nil, err
  end,
}

add {
  name = "import", about = "make the file from lines on standard input", bare = true,
  run = function(path)
    local ok, err = moonbase.import(function() return io.stdin:read "*l" end, path)
    return ok and { ok = true, path = path }, err
  end,
}

return care

-- Opening files that are damaged, missing, forbidden: a typed error, and nothing is touched.

local lfs = require "lfs"
local child = require "spec.support.child"
local process = require "process"
local database = require "spec.support.database"
local files = require "spec.support.files"

local open, fresh, put, ids, is_error =
  database.open, database.fresh, database.put, database.ids, database.is_error

before_each(database.make)
after_each(database.remove)

describe("opening", function()
  -- What the first read gives, whether opening or reading finds out.
  local function first_read(options)
    local c, err = open(options)
    if not c then return nil, err end
    local value
    value, err = c:value "SELECT count(*) FROM items"
    c:close()
    return value, err
  end

  it("garbage is `corrupt`, and leaves it as it is", function()
    for _, garbage in ipairs { ("garbage "):rep(1000), "SQLite format 3\0" .. ("\255"):rep(4096),
                               ("\0"):rep(3000), "xy" } do
      files.write(database.path, garbage)
      is_error("corrupt", first_read())
      assert.equal(garbage, files.read(database.path))
    end
  end)

  it("a truncated file is `corrupt`", function()
    local c = assert(open())
    assert(c:exec "PRAGMA journal_mode=DELETE; CREATE TABLE items (id INTEGER PRIMARY KEY, value)")
    for id = 1, 50 do assert(put(c, id, ("x"):rep(1000))) end
    c:close()
    local whole = files.read(database.path)
    for _, size in ipairs { 100, 4096, 5000, #whole - 4096 } do
      files.write(database.path, whole:sub(1, size))
      is_error("corrupt", first_read())
    end
  end)

  it("a directory is `io`, a missing file or folder `not_found`", function()
    lfs.mkdir(database.path)
    assert.matches("directory", is_error("io", open()).message)
    is_error("not_found", open({ create = false }, database.folder .. "/missing.db"))
    is_error("not_found", open({ readonly = true }, database.folder .. "/missing.db"))
    is_error("not_found", open({}, database.folder .. "/no/such.db"))
    assert.is_nil(lfs.attributes(database.folder .. "/missing.db"))
  end)

  it("a name through what is no folder is a typed error", function()
    files.write(database.path, "")
    local c, err = open({}, database.path .. "/x.db")
    assert.is_nil(c)
    assert.is_true(err.code == "not_found" or err.code == "io", tostring(err))
  end)

  it("for reading only refuses to write", function()
    local c = fresh()
    put(c, 1)
    local reader = assert(open { readonly = true })
    assert.same({ 1 }, ids(reader))
    is_error("readonly", put(reader, 2))
    is_error("readonly", reader:exec "CREATE TABLE more (a)")
    reader:close()
    c:close()
  end)

  -- Runs fn as a user who is not root.
  local function as_nobody(fn)
    if process.getuid() ~= 0 then return child.run(fn) end
    child.run(function()
      process.become(65534)
      fn()
    end)
  end

  it("a file that may not be read is `denied`", function()
    fresh():close()
    os.execute("chmod 000 '" .. database.path .. "'")
    as_nobody(function() is_error("denied", open()) end)
    as_nobody(function() is_error("denied", open { readonly = true }) end)
  end)

  it("a new file where nothing may be made is `denied`", function()
    os.execute("chmod 555 '" .. database.folder .. "'")
    as_nobody(function() is_error("denied", open()) end)
    os.execute("chmod 755 '" .. database.folder .. "'")
  end)

  it("a file that may not be written can be read", function()
    local c = fresh()
    c:exec "PRAGMA journal_mode=DELETE"
    put(c, 1)
    c:close()
    os.execute("chmod 444 '" .. database.path .. "'; chmod 555 '" .. database.folder .. "'")
    as_nobody(function()
      local reader = assert(open())
      assert.same({ 1 }, ids(reader))
      is_error("readonly", put(reader, 2))
      reader:close()
    end)
    os.execute("chmod 755 '" .. database.folder .. "'")
  end)

  -- A file system that is read only, or nil and why there is none.
  local function readonly_mount(prepare)
    local mount = database.folder .. "/mount"
    lfs.mkdir(mount)
    if process.getuid() ~= 0 then return nil, "only root can mount" end
    if not os.execute("mount -t tmpfs tmpfs '" .. mount .. "' 2>/dev/null") then
      return nil, "mounting is not allowed here"
    end
    prepare(mount)
    os.execute("mount -o remount,ro '" .. mount .. "'")
    return mount, function() os.execute("umount '" .. mount .. "'; rmdir '" .. mount .. "'") end
  end

  it("on a read-only file system reads what is there and makes nothing", function()
    local mount, unmount = readonly_mount(function(mount)
      local c = assert(open({}, mount .. "/a.db"))
      assert(c:exec "CREATE TABLE items (id INTEGER PRIMARY KEY, value)")
      put(c, 1)
      c:close()
    end)
    if not mount then return pending(unmount) end
    local ok, failure = pcall(function()
      is_error("readonly", open({}, mount .. "/new.db"))
      local c = assert(open({}, mount .. "/a.db"))
      assert.same({ 1 }, ids(c))
      is_error("readonly", put(c, 2))
      c:close()
    end)
    unmount()
    assert(ok, failure)
  end)
end)

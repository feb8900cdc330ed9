--- A real nginx with its Lua module, on a port of its own, serving the blocks of a spec.

local files = require "spec.support.files"
local http = require "socket.http"
local socket = require "socket"

local nginx = {}
nginx.__index = nginx

local CONFIG = [[
user root;
load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
pid nginx.pid;
error_log error.log notice;
worker_processes $workers;
$main
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u;
  scgi_temp_path s;
  lua_package_path "$root/lua/?.lua;$root/lua/?/init.lua;;";
  lua_package_cpath "$build/?.so;;";
  $http
  server {
    listen 127.0.0.1:$port;
    $server
    $locations
  }
}
]]

local function free_port()
  local probe = assert(socket.bind("127.0.0.1", 0))
  local _, port = probe:getsockname()
  probe:close()
  return port
end

local function locations(blocks)
  local parts = {}
  for path, code in pairs(blocks) do
    parts[#parts + 1] = ("location = /%s { content_by_lua_block { %s } }"):format(path, code)
  end
  return table.concat(parts, "\n")
end

local function working_directory()
  local pipe = assert(io.popen("pwd"))
  local path = pipe:read("*l")
  pipe:close()
  return path
end

local function absolute(root, path)
  return path:match("^/") and path or root .. "/" .. path
end

--- Starts it and waits until it answers.
---@param options table  main, http, server: what to put into that part; workers; locations: path
---  to code
---@return table server  get(path); folder; log()
function nginx.start(options)
  local folder, port, root = files.folder(), free_port(), working_directory()
  local values = {
    root = root, build = absolute(root, (os.getenv("MOONBASE_BUILD") or "build") .. "/luajit"),
    port = port, workers = options.workers or 1, http = options.http or "",
    server = options.server or "", main = options.main or "",
    locations = locations(options.locations),
  }
  files.write(folder .. "/nginx.conf", (CONFIG:gsub("%$(%l+)", values)))
  local server = setmetatable({ folder = folder, port = port }, nginx)
  os.execute(("PATH=$PATH:/usr/sbin nginx -p %s -c %s/nginx.conf -e error.log"):format(folder, folder))
  for _ = 1, 500 do
    local probe = socket.connect("127.0.0.1", port)
    if probe then
      probe:close()
      return server
    end
    socket.sleep(0.02)
  end
  error("nginx does not answer: " .. server:log())
end

--- The body of the answer, and its status.
---@return string body
---@return integer status
function nginx:get(path)
  return http.request("http://127.0.0.1:" .. self.port .. "/" .. path)
end

function nginx:log()
  return files.read(self.folder .. "/error.log") or ""
end

--- Stops it: "QUIT" when the requests are done, "KILL" at once.
function nginx:stop(signal)
  local pid = (files.read(self.folder .. "/nginx.pid") or ""):match("%d+")
  if not pid then return end
  local target = pid
  if signal == "KILL" then -- the workers would outlive their master
    target = pid .. " " .. (files.read(("/proc/%s/task/%s/children"):format(pid, pid)) or "")
  end
  os.execute("kill -" .. (signal or "QUIT") .. " " .. target)
  for _ = 1, 500 do
    -- One that is over may wait for a while for the system to take notice.
    local state = files.read("/proc/" .. pid .. "/stat")
    if not state or state:find("^%d+ %b() Z") then break end
    socket.sleep(0.02)
  end
  os.remove(self.folder .. "/nginx.pid")
end

return nginx

--- What the figures were measured on.

local machine = {}

local function output(command)
  local pipe = io.popen(command .. " 2>/dev/null")
  local text = pipe:read("*l")
  pipe:close()
  return text or "?"
end

--- Lines that tell the machine, its system and how busy it is.
---@param folder string  where the files lie
---@return string[]
function machine.describe(folder)
  return {
    ("%s, %s processors, Linux %s, load %s"):format(
      output("sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1"), output("nproc"),
      output("uname -r"), output("cut -d ' ' -f 1-3 /proc/loadavg")),
    ("files on %s, %s"):format(output("stat -f -c %T '" .. folder .. "'"),
      output("sed -n 's/^PRETTY_NAME=\"\\(.*\\)\"/\\1/p' /etc/os-release")),
  }
end

return machine

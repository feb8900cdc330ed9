--- What a list of sessions shows of a message.

local session_text = {}

-- A list of two hundred sessions stays below a megabyte.
local MAX_BYTES = 4096

local function text_of(block)
  if type(block) ~= "table" then return nil end
  if type(block.text) == "string" then return block.text end
  if type(block.type) == "string" and block.type:find("tool", 1, true) then return nil end
  return "[Attachment]"
end

-- Up to so many bytes, ending with a whole character.
local function cut(text)
  if #text <= MAX_BYTES then return text end
  local last = MAX_BYTES
  while last > 0 and text:byte(last + 1) >= 128 and text:byte(last + 1) < 192 do last = last - 1 end
  return text:sub(1, last)
end

--- The beginning of a message's text: its blocks with a blank line between, those that are neither
--- text nor about tools as "[Attachment]".
---@param content any  of the message
---@return string
function session_text.of(content)
  if type(content) == "string" then return cut(content) end
  if type(content) ~= "table" then return "" end
  local texts = {}
  for i = 1, #content do texts[#texts + 1] = text_of(content[i]) end
  return cut(table.concat(texts, "\n\n"))
end

--- Whether a node is a message of the user.
---@param node moonbase.Node
---@return boolean
function session_text.is_user(node)
  return node.kind == "message" and node.role == "user"
end

return session_text

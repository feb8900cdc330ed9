--- Messages for specs of threads and runs.

local stores = require "spec.support.stores"

local conversation = {}

conversation.store, conversation.rows = stores.open, stores.rows

--- A user's message.
function conversation.user(text, id)
  return { id = id, role = "user", content = text }
end

--- `count` messages "m1", "m2"... whose ids are their texts behind a prefix.
function conversation.many(count, prefix)
  local messages = {}
  for i = 1, count do
    local text = (prefix or "m") .. i
    messages[i] = { id = text, role = "user", content = text }
  end
  return messages
end

--- The contents of records, or of messages, in one line.
function conversation.texts(list)
  local texts = {}
  for i, item in ipairs(list) do
    local message = item.message or item
    texts[i] = type(message.content) == "string" and message.content or "?"
  end
  return table.concat(texts, " ")
end

--- One field of each item, in one line.
function conversation.fields(list, name)
  local values = {}
  for i, item in ipairs(list) do values[i] = tostring(item[name]) end
  return table.concat(values, " ")
end

return conversation

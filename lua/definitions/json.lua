---@meta json

---JSON. A list is a table with the keys 1 to n. What is read or written may nest 64 levels deep. Numbers are those of Lua: integers beyond 2^53 lose digits; one that is read has 1,024 characters at most.
---@class moonkeep.json
local json = {}

---stands for null, in what is decoded and in what is encoded
---@type userdata
json.null = nil

---reads a text
---@param text string one JSON value
---@return any? # the value
---@return string? # why not: the text is not one value in JSON, or nests too deep
function json.decode(text) end

---writes a value, the names of an object in order
---@param value any a table, string, number, boolean or json.null; an empty table is an object
---@param options? {list?: boolean}
---@return string # the text
function json.encode(value, options) end

return json

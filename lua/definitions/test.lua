---@meta test

local test = {}

---Compares tables by what is in them.
---@param got any
---@param want any
---@param note? string
function test.equal(got, want, note) end

---@param value any neither nil nor false
---@param note? string
function test.ok(value, note) end

---@param text string
---@param part string
---@param note? string
function test.contains(text, part, note) end

---@param fn function
---@param part? string of the error
---@return string # the error
function test.fails(fn, part) end

return test

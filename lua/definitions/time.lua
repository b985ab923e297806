---@meta time

---Clocks and waiting.
---@class moonkeep.time
local time = {}

---the time since 1970
---@return number # the time (s)
function time.now() end

---a clock that is never set, for measuring; its zero means nothing
---@return number # the time (s)
function time.monotonic() end

---waits, at most until the call's deadline
---@param seconds number how long (s)
function time.sleep(seconds) end

---what date(1) prints for +format, in local time; the conversions are %Y %m %d %H %M %S %F %T %z %Z %a %b %s %%
---@param format? string "%F %T" unless given
---@param time? number since 1970; now unless given (s)
---@return string # the text
function time.format(format, time) end

return time

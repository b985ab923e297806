---@meta metric

---Measurements of your own. They stand among the daemon's metrics, with the name of the script's user as a label. All scripts together publish 2,000 series at most, whose names, labels and helps take 2 MiB at most.
---@class moonkeep.metric
local metric = {}

---publishes a value that goes up and down
---@param name string letters, digits and _, not a digit first; not moonkeep_ at the beginning
---@param value number the value now
---@param options? {labels?: table<string, string>, help?: string}
---@return boolean? # true
---@return string? # why not: the name is another kind of metric's, or there are too many series or names
function metric.gauge(name, value, options) end

---adds to a value that only grows
---@param name string letters, digits and _, not a digit first; not moonkeep_ at the beginning
---@param by number how much; not negative
---@param options? {labels?: table<string, string>, help?: string}
---@return boolean? # true
---@return string? # why not: the name is another kind of metric's, or there are too many series or names
function metric.counter(name, by, options) end

return metric

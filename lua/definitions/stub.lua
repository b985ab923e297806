---@meta stub

local stub = {clock = {}}

---Matches any argument.
stub.any = {}

---@param time number seconds since 1970
function stub.clock.set(time) end

---@param seconds number
function stub.clock.advance(seconds) end

---@return number # seconds that time.sleep took
function stub.clock.slept() end

---A result that is the next value at each call; nil is a failure.
---@param ... any
function stub.sequence(...) end

---@param class string such as tcp.Connection
---@param methods table<string, any> results by method
function stub.object(class, methods) end

---@param name? string for example "http.get"
---@return table[] # the arguments of each call; without a name {name =, args =}
function stub.calls(name) end

---@return string[] # each line with its level before it
function stub.logged() end

---The grants that the script has from now on.
---@param ... string
function stub.allow(...) end

stub.exec = {}

---@param ... any argv, result; or one function
function stub.exec.run(...) end

---@param ... any line, result; or one function
function stub.exec.shell(...) end

stub.file = {}

---@param ... any path, result; or one function
function stub.file.exists(...) end

---@param ... any path, result; or one function
function stub.file.read(...) end

---@param ... any path, lines, result; or one function
function stub.file.tail(...) end

---@param ... any path, result; or one function
function stub.file.age(...) end

---@param ... any path, result; or one function
function stub.file.size(...) end

---@param ... any path, text, result; or one function
function stub.file.write(...) end

---@param ... any path, text, result; or one function
function stub.file.append(...) end

---@param ... any path, result; or one function
function stub.file.remove(...) end

stub.http = {}

---@param ... any url, result; or one function
function stub.http.get(...) end

---@param ... any url, body, result; or one function
function stub.http.post(...) end

stub.process = {}

---@param ... any options, result; or one function
function stub.process.running(...) end

---@param ... any options, result; or one function
function stub.process.count(...) end

stub.tcp = {}

---@param ... any address, result; or one function
function stub.tcp.connect(...) end

stub.time = {}

---@param ... any result; or one function
function stub.time.now(...) end

---@param ... any result; or one function
function stub.time.monotonic(...) end

---@param ... any seconds, result; or one function
function stub.time.sleep(...) end

---@param ... any format, time, result; or one function
function stub.time.format(...) end

return stub

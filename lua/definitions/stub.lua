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

---stub.client.NAME.FUNCTION(match..., result), (match..., nil, reason) or (function)
---@type table<string, table<string, fun(...)>>
stub.client = {}

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

stub.dns = {}

---@param ... any name, type, result; or one function
function stub.dns.query(...) end

---@param ... any name, result; or one function
function stub.dns.lookup(...) end

stub.env = {}

---@param ... any result; or one function
function stub.env.hostname(...) end

---@param ... any name, result; or one function
function stub.env.get(...) end

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

---@param ... any path, result; or one function
function stub.file.space(...) end

---@param ... any path, text, result; or one function
function stub.file.write(...) end

---@param ... any path, text, result; or one function
function stub.file.append(...) end

---@param ... any path, result; or one function
function stub.file.remove(...) end

stub.http = {}

---@param ... any url, result; or one function
function stub.http.get(...) end

---@param ... any url, result; or one function
function stub.http.head(...) end

---@param ... any url, body, result; or one function
function stub.http.post(...) end

---@param ... any method, url, result; or one function
function stub.http.request(...) end

stub.icmp = {}

---@param ... any host, result; or one function
function stub.icmp.ping(...) end

stub.mail = {}

---@param ... any subject, body, result; or one function
function stub.mail.send(...) end

stub.metric = {}

---@param ... any name, value, result; or one function
function stub.metric.gauge(...) end

---@param ... any name, by, result; or one function
function stub.metric.counter(...) end

stub.net = {}

---@param ... any result; or one function
function stub.net.interfaces(...) end

---@param ... any name, result; or one function
function stub.net.interface(...) end

---@param ... any options, result; or one function
function stub.net.routes(...) end

---@param ... any options, result; or one function
function stub.net.neighbours(...) end

---@param ... any result; or one function
function stub.net.conntrack(...) end

---@param ... any result; or one function
function stub.net.ipvs(...) end

stub.node = {}

---@param ... any result; or one function
function stub.node.status(...) end

---@param ... any result; or one function
function stub.node.instances(...) end

---@param ... any name, result; or one function
function stub.node.instance(...) end

---@param ... any result; or one function
function stub.node.sync_groups(...) end

---@param ... any result; or one function
function stub.node.trackers(...) end

---@param ... any result; or one function
function stub.node.peers(...) end

---@param ... any result; or one function
function stub.node.real_servers(...) end

---@param ... any on, result; or one function
function stub.node.maintenance(...) end

---@param ... any instance, result; or one function
function stub.node.failover(...) end

---@param ... any server, weight, result; or one function
function stub.node.weight(...) end

stub.process = {}

---@param ... any options, result; or one function
function stub.process.running(...) end

---@param ... any options, result; or one function
function stub.process.count(...) end

---@param ... any options, result; or one function
function stub.process.list(...) end

stub.store = {}

---@param ... any key, result; or one function
function stub.store.get(...) end

---@param ... any key, value, result; or one function
function stub.store.set(...) end

---@param ... any key, n, result; or one function
function stub.store.add(...) end

---@param ... any result; or one function
function stub.store.keys(...) end

stub.systemd = {}

---@param ... any unit, result; or one function
function stub.systemd.unit(...) end

---@param ... any unit, result; or one function
function stub.systemd.active(...) end

---@param ... any unit, result; or one function
function stub.systemd.restart(...) end

---@param ... any unit, result; or one function
function stub.systemd.start(...) end

---@param ... any unit, result; or one function
function stub.systemd.stop(...) end

---@param ... any unit, result; or one function
function stub.systemd.reload(...) end

stub.tcp = {}

---@param ... any address, result; or one function
function stub.tcp.connect(...) end

---@param ... any address, result; or one function
function stub.tcp.accept(...) end

stub.time = {}

---@param ... any result; or one function
function stub.time.now(...) end

---@param ... any result; or one function
function stub.time.monotonic(...) end

---@param ... any seconds, result; or one function
function stub.time.sleep(...) end

---@param ... any format, time, result; or one function
function stub.time.format(...) end

stub.udp = {}

---@param ... any address, text, result; or one function
function stub.udp.exchange(...) end

---@param ... any address, result; or one function
function stub.udp.receive(...) end

stub.webhook = {}

---@param ... any url, value, result; or one function
function stub.webhook.post(...) end

return stub

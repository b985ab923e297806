---@meta tcp

---A connection.
---@class tcp.Connection
local tcp_Connection = {}

---sends all of a text
---@param text string what to send
---@param options? {timeout?: number}
---@return boolean? # true
---@return string? # why not: the other end closed the connection, or nothing comes in time
function tcp_Connection:send(text, options) end

---takes what the other end sent: a number of octets; "line", a line without its end; "some", whatever is there, waiting for the first of it; "all", everything until the other end closes. At most 512 KiB
---@param what? integer|string "line" unless given
---@param options? {timeout?: number}
---@return string? # what was received
---@return string? # why not: the other end closed the connection, or nothing comes in time before all of it was there
function tcp_Connection:receive(what, options) end

---receives until what was received matches a pattern, and takes it up to the end of the match
---@param pattern string a pattern of Lua's
---@param options? {timeout?: number}
---@return string? # the match, or its captures
---@return string? # why not: the other end closed the connection, or nothing comes in time before there was a match; the reason has what was received
function tcp_Connection:expect(pattern, options) end

---goes on in TLS
---@param options? {timeout?: number, verify?: boolean, ca?: string, cert?: string, key?: string, server_name?: string}
---@return boolean? # true
---@return string? # why not: TLS fails, the certificate is not trusted, or the other end said more in clear; then the connection is closed
function tcp_Connection:starttls(options) end

---what is known of the TLS session; nil without one
---@return tcp.TLS? # the session
function tcp_Connection:tls() end

---closes it
function tcp_Connection:close() end

---A TLS session and the server's certificate.
---@class tcp.TLS
---@field version string for example TLS 1.3
---@field cipher string the cipher suite
---@field subject string whom the certificate is for
---@field issuer string who signed it
---@field names string[] the names and addresses that it is for
---@field expires_in number until it expires; negative when it has (s)
local tcp_TLS = {}

---Connections over TCP and over unix sockets, with TLS from the beginning or later (STARTTLS). A connection is closed when the call ends that made it, and a call has 32 open ones at most.
---@class moonkeep.tcp
local tcp = {}

---connects to a server
---@param address string host:port, [IPv6]:port or unix:/path
---@param options? {timeout?: number, tls?: boolean, within?: number, verify?: boolean, ca?: string, cert?: string, key?: string, server_name?: string}
---@return tcp.Connection? # the connection
---@return string? # why not: the name is not found, nobody listens, TLS fails or the certificate is not trusted, or it takes too long
function tcp.connect(address, options) end

---waits on an address of this host for one client. Needs allow: [listen]
---@param address string host:port, [IPv6]:port, or :port for all addresses
---@param options? {timeout?: number}
---@return tcp.Connection? # the connection
---@return string? # why not: the address is not this host's or is taken, or nobody comes in time
function tcp.accept(address, options) end

return tcp

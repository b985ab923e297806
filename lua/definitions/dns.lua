---@meta dns

---What a server answered.
---@class dns.Answer
---@field rcode string NOERROR, NXDOMAIN, SERVFAIL, REFUSED, FORMERR, NOTIMP or a number
---@field authoritative boolean whether the server is responsible for the name
---@field recursion boolean whether it asks others
---@field answers dns.Record[] the answers
---@field authority dns.Record[] who is responsible
---@field took number how long it took (s)
local dns_Answer = {}

---A record.
---@class dns.Record
---@field name string without a dot at its end
---@field type string for example A
---@field ttl integer how long it may be kept (s)
---@field data string an address, a name, or the text; of MX, SRV and SOA its parts separated by spaces, as in a zone file
local dns_Record = {}

---Questions to name servers. dns.query asks one server and shows its answer, dns.lookup resolves a name as this host does.
---@class moonkeep.dns
local dns = {}

---asks a server; over UDP each second again, and three times at least within the timeout, until it answers
---@param name string the name
---@param type? string A, AAAA, CNAME, MX, NS, PTR, SOA, SRV, TXT or ANY; A unless given
---@param options? {timeout?: number, server?: string, tcp?: boolean, recurse?: boolean}
---@return dns.Answer? # the answer; also one that says that there is no such name
---@return string? # why not: no server is known, or none answers in time; that there is no such name is an answer, with its rcode
function dns.query(name, type, options) end

---the addresses of a name, by /etc/hosts and the servers of /etc/resolv.conf
---@param name string the name
---@param options? {timeout?: number}
---@return string[]? # the addresses
---@return string? # why not: there is no such name, or no server answers in time
function dns.lookup(name, options) end

return dns

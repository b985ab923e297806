---@meta http

---An answer over HTTP.
---@class http.Response
---@field status integer the status
---@field body string the body
---@field truncated? boolean true when the body was longer
---@field headers table<string, string> by name in lower case; repeated ones are joined by commas
---@field url string what was asked for last
---@field times http.Times when what happened
---@field tls? http.TLS the TLS session
local http_Response = {}

---When what happened, after the beginning; what did not happen is nil.
---@class http.Times
---@field dns? number the name was resolved (s)
---@field connect? number the connection stood (s)
---@field tls? number TLS stood (s)
---@field first_byte? number the answer began (s)
---@field total number the body was there (s)
local http_Times = {}

---A TLS session and the server's certificate.
---@class http.TLS
---@field version string for example TLS 1.3
---@field cipher string the cipher suite
---@field subject string whom the certificate is for
---@field issuer string who signed it
---@field names string[] the names and addresses that it is for
---@field expires_in number until it expires; negative when it has (s)
local http_TLS = {}

---Requests over HTTP and HTTPS. Redirects are not followed unless the options say so: the answer is the redirect. Proxies of the environment are not used. Each request has a connection of its own.
---@class moonkeep.http
local http = {}

---asks for a URL
---@param url string http:// or https://
---@param options? {timeout?: number, headers?: table<string, string>, host?: string, connect?: string, max_body?: integer, follow?: integer, verify?: boolean, ca?: string, cert?: string, key?: string, server_name?: string}
---@return http.Response? # the answer
---@return string? # why not: the name is not found, nobody listens, TLS fails or the certificate is not trusted, nothing comes in time, or the answer is no HTTP
function http.get(url, options) end

---asks for the headers of a URL
---@param url string http:// or https://
---@param options? {timeout?: number, headers?: table<string, string>, host?: string, connect?: string, max_body?: integer, follow?: integer, verify?: boolean, ca?: string, cert?: string, key?: string, server_name?: string}
---@return http.Response? # the answer
---@return string? # why not: the name is not found, nobody listens, TLS fails or the certificate is not trusted, nothing comes in time, or the answer is no HTTP
function http.head(url, options) end

---sends a body to a URL. Needs allow: [net]
---@param url string http:// or https://
---@param body string the body
---@param options? {timeout?: number, headers?: table<string, string>, host?: string, connect?: string, max_body?: integer, follow?: integer, verify?: boolean, ca?: string, cert?: string, key?: string, server_name?: string}
---@return http.Response? # the answer
---@return string? # why not: the name is not found, nobody listens, TLS fails or the certificate is not trusted, nothing comes in time, or the answer is no HTTP
function http.post(url, body, options) end

---sends a request with any method; one other than GET, HEAD or OPTIONS, or one with a body, needs `allow: [net]`
---@param method string for example PUT
---@param url string http:// or https://
---@param options? {timeout?: number, headers?: table<string, string>, host?: string, connect?: string, max_body?: integer, follow?: integer, verify?: boolean, ca?: string, cert?: string, key?: string, server_name?: string, body?: string}
---@return http.Response? # the answer
---@return string? # why not: the name is not found, nobody listens, TLS fails or the certificate is not trusted, nothing comes in time, or the answer is no HTTP
function http.request(method, url, options) end

return http

---@meta http

---An answer over HTTP.
---@class http.Response
---@field status integer the status
---@field body string the body
---@field truncated? boolean true when the body was longer
---@field headers table<string, string> by name in lower case; repeated ones are joined by commas
local http_Response = {}

---Requests over HTTP. At most 512 KiB of a body are read. Redirects are not followed: the answer is the redirect. Proxies of the environment are not used. Certificates are verified.
---@class moonkeep.http
local http = {}

---asks for a URL
---@param url string http:// or https://
---@param options? {timeout?: number, headers?: table<string, string>, host?: string}
---@return http.Response? # the answer
---@return string? # why not
function http.get(url, options) end

---sends a body to a URL. Needs allow: [net]
---@param url string http:// or https://
---@param body string the body
---@param options? {timeout?: number, headers?: table<string, string>, host?: string}
---@return http.Response? # the answer
---@return string? # why not
function http.post(url, body, options) end

return http

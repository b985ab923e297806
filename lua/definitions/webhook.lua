---@meta webhook

---Messages to other services. A try that finds nobody, or that is answered with 429 or 5xx, is repeated after 0.2 s, 0.4 s and so on up to 5 s, until the tries or the call's time are used up.
---@class moonkeep.webhook
local webhook = {}

---sends a value as JSON. Needs allow: [net]
---@param url string http:// or https://
---@param value any a table, which is encoded as json.encode does; a string is sent as it is
---@param options? {timeout?: number, tries?: integer, headers?: table<string, string>, connect?: string, verify?: boolean, ca?: string, cert?: string, key?: string, server_name?: string}
---@return http.Response? # the answer of the last try; its status is below 300
---@return integer # how many tries it took
---@return string? # why not: the answer is a status from 300 to 499 other than 429, or all tries failed: the name is not found, nobody listens, TLS fails or the certificate is not trusted, nothing comes in time, or the answer is no HTTP
function webhook.post(url, value, options) end

return webhook
